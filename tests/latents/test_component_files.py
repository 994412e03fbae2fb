"""Components of GANSpace, PCA files and factors of weights, and directions chosen from stacks."""

import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skstylefeat import HyperplaneDistance
from skstylefeat.directions import edit
from skstylefeat.latents import load_direction, load_latents

RNG = np.random.default_rng(0)
N, WIDTH, N_WS = 20, 16, 10
VECTORS = np.linalg.qr(RNG.standard_normal((WIDTH, WIDTH)))[0].astype(np.float32)
COMPONENTS = np.concatenate([VECTORS, VECTORS])[:N, None]
DEVIATIONS = np.linspace(3, 0.5, N).astype(np.float32)
MEAN = RNG.standard_normal((1, WIDTH)).astype(np.float32)
W_PLUS = RNG.standard_normal((N, N_WS, WIDTH)).astype(np.float32)


def write_ganspace(path, comp=COMPONENTS, mean=MEAN, stdev=DEVIATIONS):
    """Write a file with the arrays that GANSpace stores, activations included."""
    np.savez_compressed(
        path,
        act_comp=RNG.standard_normal((N, 3, 4, 4)).astype(np.float32),
        act_mean=np.zeros((3, 4, 4), np.float32),
        act_stdev=np.ones(N, np.float32),
        lat_comp=comp,
        lat_mean=mean,
        lat_stdev=stdev,
        var_ratio=np.full(N, 0.05, np.float32),
        random_stdevs=np.ones(N, np.float32),
    )
    return path


def write_pca(path, comp=COMPONENTS, mean=MEAN, std=DEVIATIONS):
    """Write a file like the `ffhq_pca.pt` of e4e and PTI."""
    tensors = {"mean": mean, "comp": comp, "std": std}
    torch.save({key: torch.from_numpy(value) for key, value in tensors.items()}, path)
    return path


def write_factor(path, vectors=VECTORS):
    """Write a file of rosinality's `closed_form_factorization.py`."""
    torch.save({"ckpt": "550000.pt", "eigvec": torch.from_numpy(vectors)}, path)
    return path


@pytest.mark.parametrize("write", [write_ganspace, write_pca])
@pytest.mark.parametrize("index", [0, N - 1])
def test_components_with_deviation_and_center(tmp_path, write, index):
    path = write(tmp_path / ("pca.npz" if write is write_ganspace else "pca.pt"))
    found = load_direction(path, index=index)
    np.testing.assert_array_equal(found.directions, COMPONENTS[index])
    assert found.names is None and found.scale == pytest.approx(DEVIATIONS[index])

    # GANSpace edits codes by multiples of the deviation; e4e and PTI set the coordinate, which
    # counts from the mean.
    w = RNG.standard_normal((7, WIDTH)).astype(np.float32)
    moved = edit(w, found.directions, 2 * found.scale)
    np.testing.assert_allclose(moved, w + 2 * DEVIATIONS[index] * COMPONENTS[index], atol=1e-5)
    coordinate = (w - MEAN) @ COMPONENTS[index, 0] / DEVIATIONS[index]
    distance = HyperplaneDistance(found).fit_transform(w)[:, 0] / found.scale
    np.testing.assert_allclose(distance, coordinate, atol=1e-5)
    same = HyperplaneDistance(found.directions, found.intercept).fit_transform(w)[:, 0]
    np.testing.assert_allclose(same / found.scale, coordinate, atol=1e-5)


def test_components_in_w_plus(tmp_path):
    mean = RNG.standard_normal((N_WS, WIDTH)).astype(np.float32)
    path = write_ganspace(tmp_path / "pca.npz", W_PLUS, mean)
    found = load_direction(path, index=3, space="w+")
    np.testing.assert_array_equal(found.directions, W_PLUS[3:4])
    codes = RNG.standard_normal((4, N_WS, WIDTH)).astype(np.float32)
    moved = edit(codes, found.directions, found.scale)
    np.testing.assert_allclose(moved, codes + DEVIATIONS[3] * W_PLUS[3], atol=1e-5)
    plane = HyperplaneDistance(found, aggregate="flat", normalize=False).fit(codes)
    np.testing.assert_allclose(plane.transform(mean[None]), 0.0, atol=1e-4)
    with pytest.raises(ValueError, match=r"components in W\+ with 10 layers, but space=\'w\'"):
        load_direction(path, index=3, space="w")


def test_rosinalitys_factors_are_columns(tmp_path):
    path = write_factor(tmp_path / "factor.pt")
    for index in (0, 5):
        found = load_direction(path, index=index)
        np.testing.assert_array_equal(found.directions, VECTORS[:, index][None])
        assert found.scale is found.intercept is found.names is None
    with pytest.raises(ValueError, match=r"holds components in W, but space='w\+'"):
        load_direction(path, index=0, space="w+")


def test_components_without_an_index_are_refused_with_their_number(tmp_path):
    paths = write_ganspace(tmp_path / "a.npz"), write_pca(tmp_path / "b.pt")
    for path, n in [*((path, N) for path in paths), (write_factor(tmp_path / "c.pt"), WIDTH)]:
        message = rf"{path.name} holds {n} components of .* 0 to {n - 1}: .*index=0\)"
        for read in (
            load_direction,
            lambda path: HyperplaneDistance(path).fit(np.ones((2, WIDTH))),
        ):
            with pytest.raises(ValueError, match=message):
                read(path)
        for index in (-1, n):
            with pytest.raises(ValueError, match=f"holds {n} components, .*index={index} is none"):
                load_direction(path, index=index)
        with pytest.raises(ValueError, match="without names"):
            load_direction(path, index="pose")
        with pytest.raises(ValueError, match=r"holds components of .* load_direction\(path, index"):
            load_latents(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"stdev": DEVIATIONS[:-1]}, r"shapes of 'lat_comp' \(20, 1, 16\), .* \(19,\) do not"),
        ({"mean": MEAN[:, :-1]}, "do not belong together"),
        ({"comp": COMPONENTS[0, 0]}, "do not belong together"),
        ({"comp": W_PLUS[None]}, "do not belong together"),
        ({"comp": COMPONENTS[:0], "stdev": DEVIATIONS[:0]}, "do not belong together"),
        ({"mean": np.float32(3.0)}, "do not belong together"),
        ({"stdev": -DEVIATIONS}, "negative standard deviations"),
        ({"stdev": np.ones(N, np.float32)}, "in Z .* --use_w"),
        ({"comp": COMPONENTS * np.nan}, "NaN"),
        ({"comp": COMPONENTS * 0}, "component 0 is zero"),
        ({"comp": COMPONENTS.astype(complex)}, "expected numbers"),
    ],
)
def test_damaged_components_are_refused(tmp_path, arrays, message):
    path = write_ganspace(tmp_path / "pca.npz", **arrays)
    with pytest.raises(ValueError, match=message) as caught:
        load_direction(path, index=0)
    assert "pca.npz" in str(caught.value)


@pytest.mark.parametrize("vectors", [VECTORS[0], VECTORS[None], VECTORS[:0]])
def test_damaged_factors_are_refused(tmp_path, vectors):
    path = write_factor(tmp_path / "factor.pt", vectors)
    with pytest.raises(ValueError, match=r"'eigvec' \(.* do not belong together"):
        load_direction(path, index=0)


def test_a_component_stack_that_holds_itself_ends(tmp_path):
    stack: list = []
    stack.append(stack)
    content = {"lat_comp": stack, "lat_mean": MEAN, "lat_stdev": DEVIATIONS}
    (tmp_path / "pca.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"pca\.pkl holds no array"):
        load_direction(tmp_path / "pca.pkl", index=0)


def test_one_of_several_by_position(tmp_path):
    rows = COMPONENTS[:, 0].copy()
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(ValueError, match=r"20 directions in W, or one in W\+ with 20 layers"):
        load_direction(tmp_path / "rows.npy", index=3)
    found = load_direction(tmp_path / "rows.npy", index=3, space="w")
    np.testing.assert_array_equal(found.directions, rows[3:4])
    one = load_direction(tmp_path / "rows.npy", index=0, space="w+")
    np.testing.assert_array_equal(one.directions, rows[None])
    with pytest.raises(ValueError, match=r"holds 1 directions, .*index=1 is none"):
        load_direction(tmp_path / "rows.npy", index=1, space="w+")

    np.savez(tmp_path / "planes.npz", boundary=rows[:4], intercept=np.arange(4.0))
    found = load_direction(tmp_path / "planes.npz", index=2)
    np.testing.assert_array_equal(found.directions, rows[2:3])
    assert found.intercept == 2.0
    rows[1] = 0
    np.save(tmp_path / "hole.npy", rows[:4])
    with pytest.raises(ValueError, match=r"hole\.npy: direction 1 is zero"):
        load_direction(tmp_path / "hole.npy", index=1)
    np.save(tmp_path / "single.npy", rows[0])
    np.testing.assert_array_equal(
        load_direction(tmp_path / "single.npy", index=0).directions, rows[:1]
    )


def test_one_of_several_by_name(tmp_path):
    np.savez(tmp_path / "two.npz", age=W_PLUS[0], yaw=W_PLUS[1], bias=np.array(0.5))
    found = load_direction(tmp_path / "two.npz", index="yaw")
    np.testing.assert_array_equal(found.directions, W_PLUS[1:2])
    assert found.names is None and found.intercept == 0.5
    first = load_direction(tmp_path / "two.npz", index=0)
    np.testing.assert_array_equal(first.directions, W_PLUS[:1])
    with pytest.raises(ValueError, match=re.escape("no direction 'pose': it has the names ['age'")):
        load_direction(tmp_path / "two.npz", index="pose")
    np.save(tmp_path / "rows.npy", COMPONENTS[:3, 0])
    with pytest.raises(ValueError, match="no direction 'age': it has no names"):
        load_direction(tmp_path / "rows.npy", index="age")
    with pytest.raises(ValueError, match="The 'index' parameter of load_direction"):
        load_direction(tmp_path / "rows.npy", index=1.5)


def test_directions_of_a_file_measure_as_the_file_does(tmp_path):
    path = tmp_path / "two.npz"
    np.savez(path, age=COMPONENTS[0], yaw=COMPONENTS[1])
    w = RNG.standard_normal((6, WIDTH))
    whole = HyperplaneDistance(path).fit(w)
    given = HyperplaneDistance(load_direction(path)).fit(w)
    assert given.direction_names_ == whole.direction_names_ == ("age", "yaw")
    np.testing.assert_array_equal(given.transform(w), whole.transform(w))
    np.testing.assert_array_equal(clone(given).fit(w).transform(w), whole.transform(w))


def test_components_in_a_matrix_are_rows(tmp_path):
    path = write_ganspace(tmp_path / "pca.npz", COMPONENTS[:, 0], MEAN[0])
    np.testing.assert_array_equal(load_direction(path, index=7).directions, COMPONENTS[7])


def test_expanded_components_and_entries_take_no_memory(tmp_path):
    """Files of kilobytes whose tensors are one number expanded to a gigabyte."""
    huge = torch.ones(1).expand(80, 1, 1 << 22)
    torch.save({"comp": huge, "mean": huge[0], "std": torch.ones(80)}, tmp_path / "pca.pt")
    torch.save({"ckpt": "", "eigvec": huge[:, 0]}, tmp_path / "factor.pt")
    for name in ("pca.pt", "factor.pt"):
        with pytest.raises(ValueError, match=rf"{name} is damaged .* many times the size"):
            load_direction(tmp_path / name, index=0)
    torch.save({"a.png": {"latent": huge[0]}, "b.png": {"latent": huge[1]}}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"a\.pt is damaged .* many times the size"):
        load_latents(tmp_path / "a.pt")
