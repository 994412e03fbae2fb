"""Arrays of two readings: the same answer for every suffix, and a parameter that decides."""

import pickle

import numpy as np
import pytest
import torch

from skstylefeat import HyperplaneDistance
from skstylefeat.directions import edit
from skstylefeat.latents import load_direction, load_latents
from skstylefeat.latents._readings import has_two_readings

RNG = np.random.default_rng(0)


def _save(array, path, key=None):
    content = array if key is None else {key: array}
    match path.suffix:
        case ".npy":
            np.save(path, content)
        case ".npz":
            np.savez(path, **{key or "w": array})
        case ".pt" | ".pth":
            legacy = path.suffix == ".pth"
            torch.save(content, path, _use_new_zipfile_serialization=not legacy)
        case ".pkl" | ".pickle":
            value = list(array) if path.suffix == ".pickle" and key is None else content
            path.write_bytes(pickle.dumps(value))
    return path


SUFFIXES = (".npy", ".npz", ".pt", ".pth", ".pkl", ".pickle")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("key", [None, "w", "latents"])
@pytest.mark.parametrize("shape", [(18, 512), (10, 64), (16, 512), (7, 32)])
def test_codes_of_two_readings(tmp_path, suffix, key, shape):
    codes = RNG.standard_normal(shape).astype(np.float32)
    path = _save(codes, tmp_path / f"codes{suffix}", key)
    with pytest.raises(ValueError) as caught:
        load_latents(path)
    n = shape[0]
    for part in (path.name, f"{n} codes in W", f"{n} layers", 'space="w"', 'space="w+"'):
        assert part in str(caught.value)
    np.testing.assert_array_equal(load_latents(path, space="w").codes, codes)
    np.testing.assert_array_equal(load_latents(path, space="w+").codes, codes[None])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("shape", "by_space"),
    [
        # The codes for space None, "w", "w+"; None where it is refused.
        ((512,), ((1, 512), (1, 512), None)),
        ((1, 512), ((1, 512), (1, 512), None)),
        ((3, 512), ((3, 512), (3, 512), (1, 3, 512))),
        ((40, 512), ((40, 512), (40, 512), None)),
        ((18, 9216), ((18, 9216),) * 3),
        ((3, 1, 512), ((3, 512), (3, 512), None)),
        ((3, 18, 64), ((3, 18, 64), None, (3, 18, 64))),
        ((1, 18, 64), ((1, 18, 64), None, (1, 18, 64))),
        ((3, 1, 18, 64), ((3, 18, 64), None, (3, 18, 64))),
    ],
)
def test_shapes_of_one_reading(tmp_path, suffix, shape, by_space):
    codes = RNG.standard_normal(shape).astype(np.float32)
    path = _save(codes, tmp_path / f"codes{suffix}", "w")
    for space, expected in zip((None, "w", "w+"), by_space, strict=True):
        if expected is None:
            with pytest.raises(ValueError, match=f"{path.stem}.*space="):
                load_latents(path, space=space)
        else:
            found = load_latents(path, space=space).codes
            np.testing.assert_array_equal(found, codes.reshape(expected))


def test_names_and_keys_decide(tmp_path):
    codes = RNG.standard_normal((18, 64)).astype(np.float32)
    by_name = {f"{i}.png": code for i, code in enumerate(codes)}
    np.save(tmp_path / "named.npy", by_name)
    found = load_latents(tmp_path / "named.npy")
    np.testing.assert_array_equal(found.codes, codes)
    assert found.names == list(by_name)
    with pytest.raises(ValueError, match="not in W\\+"):
        load_latents(tmp_path / "named.npy", space="w+")
    np.savez(tmp_path / "plus.npz", w_plus=codes)
    np.testing.assert_array_equal(load_latents(tmp_path / "plus.npz").codes, codes[None])
    np.savez(tmp_path / "both.npz", w=codes[:2], w_plus=codes)
    with pytest.raises(ValueError, match="holds 'w' and 'w_plus'"):
        load_latents(tmp_path / "both.npz")
    assert load_latents(tmp_path / "both.npz", space="w").codes.shape == (2, 64)
    assert load_latents(tmp_path / "both.npz", space="w+").codes.shape == (1, 18, 64)
    np.save(tmp_path / "iterations.npy", {"a.png": codes.reshape(1, 2, 9, 64)[0]})
    with pytest.raises(ValueError, match=r"shape \(1, 2, 9, 64\) for 1 names"):
        load_latents(tmp_path / "iterations.npy")


@pytest.mark.parametrize("read", [load_latents, load_direction])
@pytest.mark.parametrize("space", ["W", "s", 3, ["w"]])
def test_unknown_spaces(tmp_path, read, space):
    np.save(tmp_path / "a.npy", np.ones((2, 8)))
    with pytest.raises(ValueError, match="The 'space' parameter of load"):
        read(tmp_path / "a.npy", space=space)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_directions_of_two_readings(tmp_path, suffix):
    directions = RNG.standard_normal((18, 64)).astype(np.float32)
    path = _save(directions, tmp_path / f"age{suffix}", "boundary")
    with pytest.raises(ValueError, match=r"age.* 18 directions in W, or one in W\+ with 18 layers"):
        load_direction(path)
    stack = load_direction(path, space="w").directions
    np.testing.assert_array_equal(stack, directions[:, None])
    per_layer = load_direction(path, space="w+").directions
    np.testing.assert_array_equal(per_layer, directions[None])

    # Both forms have one reading wherever arrays of directions go.
    w, w_plus = RNG.standard_normal((40, 64)), RNG.standard_normal((40, 18 * 64))
    model = HyperplaneDistance(stack, normalize=False)
    np.testing.assert_allclose(model.fit_transform(w), w @ directions.T, rtol=1e-5, atol=1e-5)
    assert model.fit_transform(w_plus).shape == (40, 18)
    assert HyperplaneDistance(per_layer).fit_transform(w_plus).shape == (40, 1)
    with pytest.raises(ValueError, match=r"normal for each of 18 layers, but rows of 64 numbers"):
        HyperplaneDistance(per_layer).fit(w)


def test_an_intercept_for_each_row_says_that_rows_are_directions(tmp_path):
    directions, intercepts = RNG.standard_normal((8, 64)), np.arange(8.0)
    np.savez(tmp_path / "planes.npz", boundary=directions, intercept=intercepts)
    found = load_direction(tmp_path / "planes.npz")
    assert found.directions.shape == (8, 1, 64)
    w = RNG.standard_normal((5, 64))
    expected = w @ directions.T + intercepts
    for direction in (tmp_path / "planes.npz", directions):
        model = HyperplaneDistance(direction, intercepts, normalize=False).fit(w)
        np.testing.assert_allclose(model.transform(w), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="8 intercepts for directions of shape"):
        load_direction(tmp_path / "planes.npz", space="w+")


@pytest.mark.parametrize("from_file", [False, True])
def test_distance_of_directions_of_two_readings(tmp_path, from_file):
    array = RNG.standard_normal((18, 64))
    w, w_plus = RNG.standard_normal((40, 64)), RNG.standard_normal((40, 18, 64))
    direction = array
    if from_file:
        direction = tmp_path / "age.npy"
        np.save(direction, array)

    # Rows in W: a stack, or a direction that belongs to W+ codes, such as one (18, 64) code.
    for rows in (w, array):
        with pytest.raises(ValueError, match=r"18 directions in W, or one in W\+ with 18 layers"):
            HyperplaneDistance(direction).fit(rows)
    stack = HyperplaneDistance(direction, space="w", normalize=False).fit(w)
    np.testing.assert_allclose(stack.transform(w), w @ array.T, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="rows of 64 numbers are codes in W"):
        HyperplaneDistance(direction, space="w+").fit(w)

    # Rows in W+ with as many layers: a normal for each, unless space says otherwise.
    params = {"normalize": False, "aggregate": "flat"}
    flat = w_plus.reshape(40, -1)
    for space in (None, "w+"):
        one = HyperplaneDistance(direction, space=space, **params).fit_transform(w_plus)
        np.testing.assert_allclose(one[:, 0], flat @ array.ravel(), rtol=1e-4)
    several = HyperplaneDistance(direction, space="w", **params).fit_transform(flat)
    np.testing.assert_allclose(several, w_plus.sum(axis=1) @ array.T, rtol=1e-4, atol=1e-4)


def test_a_direction_in_w_plus_does_not_edit_codes_in_w():
    code = direction = RNG.standard_normal((18, 64))
    with pytest.raises(ValueError, match=r"one code as \(1, 18, 64\)"):
        edit(code, direction, 1.0)
    moved = edit(code[None], direction, 1.0)
    assert moved.shape == (1, 18, 64)
    # A direction in W moves 18 codes and the 18 layers of one code alike.
    alike = edit(code, direction[0], 1.0), edit(code[None], direction[0], 1.0)[0]
    np.testing.assert_allclose(*alike)


def test_which_shapes_have_two_readings():
    several = [(n, 512) for n in range(6, 33)] + [(6, 2), (32, 1024)]
    assert all(map(has_two_readings, several))
    single = [(5, 512), (33, 512), (18, 1025), (18, 1), (18,), (1, 18, 512), ()]
    assert not any(map(has_two_readings, single))
