"""Estimators saved here and loaded elsewhere: other processes, versions, machines, no torch."""

import os
import pickle
import pickletools
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skstylefeat
from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    StyleGANInverter,
)
from skstylefeat._utils._versions import STAMP, VersionStamped
from skstylefeat.exceptions import InconsistentVersionWarning
from skstylefeat.images import correct_illumination
from skstylefeat.networks import _base as networks_base
from skstylefeat.networks import load_generator
from skstylefeat.networks.checkpoints._safetensors import save_network
from skstylefeat.prediction._photo_features import PhotoFeatures
from skstylefeat.prediction._readers import FewShotClassifier, FewShotRegressor
from tests.support.answer import answer
from tests.support.estimators import (
    Fitted,
    estimator_classes,
    numpy_world,
    tiny_images,
    torch_world,
)
from tests.support.networks import tiny_generator, tiny_module, write_pair

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def pipelines(folder):
    """Both ways of the data, fitted on tiny images."""
    pair = write_pair(folder / "pipelines", 8)
    images = tiny_images(12)
    degrees = np.linspace(-1.0, 1.0, 12)
    annotator = make_pipeline(
        FunctionTransformer(correct_illumination, kw_args={"level": 0.4}),
        StyleGANInverter(*pair, output="features"),
        ChannelMISelector(2, random_state=0),
        MaxPoolReducer(),
        ClusterAnnotator(n_clusters=2, random_state=0),
    ).fit(images, np.where(degrees > 0, "high", "low"))
    regressor = make_pipeline(
        StyleGANInverter(*pair), HyperplaneDistance(), LatentRegressor(n_refits=3)
    ).fit(images, degrees)
    return {
        "annotating pipeline": Fitted(annotator, "predict_proba", images),
        "regressing pipeline": Fitted(regressor, "predict", images),
    }


@pytest.fixture(scope="module")
def fitted(folder, pipelines):
    return numpy_world() | torch_world(folder) | pipelines


def save(fitted, path, suffix):
    """Write estimators with what they are asked in one of the three formats."""
    saved = {name: tuple(item) for name, item in fitted.items()}
    path = path / f"saved{suffix}"
    if suffix == ".joblib":
        joblib.dump(saved, path, compress=3)
    elif suffix == ".pkl":
        path.write_bytes(pickle.dumps(saved))
    else:
        path.mkdir()
        for i, item in enumerate(fitted.values()):
            skops.io.dump(item.estimator, path / f"{i}.skops")
        (path / "trusted.txt").write_text("\n".join(trusted_types()))
        questions = {name: tuple(item[1:]) for name, item in fitted.items()}
        (path / "inputs.pkl").write_bytes(pickle.dumps(questions))
    return path


def trusted_types():
    """Return the types that the package names for skops, and the tests' own."""
    ours = ["tests.support.estimators.embed_images", "tests.support.estimators.embed_texts"]
    return [*skstylefeat.TRUSTED_TYPES, *ours]


def check_answers(expected, saved, *options):
    """Compare what the estimators of some files say in a fresh process with what they say here."""
    answers = saved[0].parent / "answers.npz"
    command = [
        sys.executable,
        "-m",
        "tests.support.answer",
        str(answers),
        *map(str, saved),
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    with np.load(answers) as found:
        assert len(found.files) == len(saved) * len(expected)
        for path in saved:
            for name, item in expected.items():
                label = f"{path.name}: {name}"
                here = answer(*item)
                if here.dtype.kind == "f":
                    # Another process may have another number of threads.
                    assert_allclose(found[label], here, rtol=1e-5, atol=1e-6, err_msg=label)
                else:
                    assert_array_equal(found[label], here, err_msg=label)


def test_every_estimator_is_here(fitted):
    steps = [item.estimator for item in fitted.values()]
    assert estimator_classes() == {type(step) for step in steps} - {type(steps[-1])}


def test_round_trips_into_a_fresh_process(fitted, tmp_path):
    check_answers(fitted, [save(fitted, tmp_path, x) for x in (".joblib", ".pkl", ".skops")])


def test_numpy_world_works_where_torch_cannot_be_imported(tmp_path):
    world = numpy_world()
    check_answers(world, [save(world, tmp_path, ".pkl")], "--without-torch")


def test_blocked_torch_is_missed_by_the_torch_world(fitted, tmp_path):
    """The test above blocks torch for real."""
    some = {"inverter": fitted["StyleGANInverter"]}
    with pytest.raises(AssertionError, match="No module named 'torch'"):
        check_answers(some, [save(some, tmp_path, ".pkl")], "--without-torch")


def test_trusted_types_are_the_ones_that_skops_asks_for(fitted, tmp_path):
    # Models of the command fit hold estimators of their own.
    features = PhotoFeatures(*write_pair(tmp_path)).fit(tiny_images(3))
    X, y = np.random.default_rng(0).normal(size=(9, 4)), np.arange(9)
    blocks = {"styles": (0, 3), "differences": (3, 3), "maps": (3, 4)}
    readers = FewShotRegressor(blocks).fit(X, y), FewShotClassifier(blocks).fit(X, (y % 2) + 1)

    asked = set()
    for estimator in (*(item.estimator for item in fitted.values()), features, *readers):
        asked |= set(skops.io.get_untrusted_types(data=skops.io.dumps(estimator)))
    assert asked == set(trusted_types())


def test_files_hold_no_tensor(fitted):
    """So they are the same whatever device made them, and load on any."""
    for name, item in fitted.items():
        blob = pickle.dumps(item.estimator)
        texts = {arg for _, arg, _ in pickletools.genops(blob) if isinstance(arg, str)}
        modules = {text.partition(".")[0] for text in texts}
        assert "torch" not in modules, name


def test_an_estimator_of_a_gpu_serves_on_a_cpu(folder, monkeypatch):
    """A GPU is simulated: networks move nowhere, but say that they are on it."""
    generator, encoder = write_pair(folder / "gpu")
    images = tiny_images()
    expected = StyleGANInverter(generator, encoder).fit_transform(images)
    allocate = torch.empty

    def allocate_here(*size, device=None, **options):
        here = None if str(device) == "cuda" else device
        return allocate(*size, device=here, **options)

    for store_weights in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(torch.cuda, "is_available", lambda: True)
            patch.setattr(torch, "empty", allocate_here)
            patch.setattr(networks_base, "_usable_device", torch.device)
            patch.setattr(torch.nn.Module, "to", lambda self, *args, **kwargs: self)
            patch.setattr(torch.Tensor, "to", lambda self, *args, **kwargs: self)
            inverter = StyleGANInverter(
                generator, encoder, device="cuda", store_weights=store_weights
            ).fit(images)
            assert inverter.generator_.device.type == inverter.encoder_.device.type == "cuda"
            blob = pickle.dumps(inverter)
            on_gpu = pickle.loads(blob)
            assert on_gpu.generator_.device.type == on_gpu.encoder_.device.type == "cuda"
        with pytest.warns(UserWarning, match=r"'cuda', which this machine lacks.*runs on the CPU"):
            loaded = pickle.loads(blob)
        assert loaded.generator_.device.type == "cpu"
        assert_array_equal(loaded.transform(images), expected)
        assert loaded.set_params(output="features").transform(images).pool().shape == (6, 18)


def test_version_is_stamped_and_another_one_warned_of(fitted, monkeypatch):
    for name, item in fitted.items():
        if name.endswith("pipeline"):
            continue
        state = item.estimator.__getstate__()
        assert state[STAMP] == skstylefeat.__version__, name
        assert not hasattr(item.estimator, STAMP)
    model = fitted["LatentRegressor"].estimator
    blobs = pickle.dumps(model), skops.io.dumps(model)
    saved_by = skstylefeat.__version__
    monkeypatch.setattr("skstylefeat.__version__", "9.9.9")
    match = "LatentRegressor was saved by skstylefeat 0.*loaded by 9.9.9.*Fit it again"
    with pytest.warns(InconsistentVersionWarning, match=match) as record:
        loaded = pickle.loads(blobs[0])
    assert record[0].message.original_version == saved_by
    assert not hasattr(loaded, STAMP)
    with pytest.warns(InconsistentVersionWarning, match=match):
        skops.io.loads(blobs[1], trusted=trusted_types())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        pickle.loads(blobs[0])
    warning = record[0].message
    assert str(pickle.loads(pickle.dumps(warning))) == str(warning)


def test_estimators_from_before_the_stamp_are_warned_of():
    state = LatentRegressor().fit([[0.0], [1.0]], [0.0, 1.0]).__getstate__()
    del state[STAMP]
    with pytest.warns(InconsistentVersionWarning, match="saved by skstylefeat unknown"):
        LatentRegressor().__setstate__(state)
    assert STAMP not in state


def test_every_estimator_is_stamped():
    for estimator in estimator_classes():
        assert issubclass(estimator, VersionStamped), estimator


def test_damaged_and_swapped_weights_are_refused(tmp_path):
    generator, encoder = write_pair(tmp_path)
    images = tiny_images()
    blob = pickle.dumps(StyleGANInverter(generator, encoder).fit(images))
    good = Path(generator).read_bytes()
    for bad in (good[:-50], good[:900] + bytes([good[900] ^ 1]) + good[901:]):
        Path(generator).write_bytes(bad)
        with pytest.raises(ValueError, match=r"tiny.safetensors has changed: its SHA-256"):
            pickle.loads(blob)
    save_network(tiny_module(seed=9), generator)
    with pytest.raises(ValueError, match="Put the original file back, or fit"):
        pickle.loads(blob)
    Path(generator).write_bytes(good)
    pickle.loads(blob)
    Path(encoder).write_bytes(Path(encoder).read_bytes() + b"x")
    with pytest.raises(ValueError, match=r"tiny-encoder.safetensors has changed"):
        pickle.loads(blob)


def test_weights_that_moved_are_found_by_the_search_path(tmp_path, monkeypatch):
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    pair = write_pair(tmp_path / "old")
    images = tiny_images()
    inverter = StyleGANInverter(*pair, output="features").fit(images)
    expected = inverter.transform(images).pool()
    blob = pickle.dumps(inverter)
    for path in pair:
        os.rename(path, tmp_path / "new" / Path(path).name)
    with pytest.raises(FileNotFoundError, match="SKSTYLEFEAT_WEIGHTS"):
        pickle.loads(blob)
    monkeypatch.setenv("SKSTYLEFEAT_WEIGHTS", str(tmp_path / "new"))
    loaded = pickle.loads(blob)
    assert_array_equal(loaded.transform(images).pool(), expected)


def test_stored_weights_need_no_file(tmp_path):
    pair = write_pair(tmp_path)
    images = tiny_images()
    inverter = StyleGANInverter(*pair, store_weights=True, output="features").fit(images)
    expected = inverter.transform(images).pool()
    blob = pickle.dumps(inverter)
    for path in pair:
        os.remove(path)
    loaded = pickle.loads(blob)
    maps = loaded.transform(images)
    assert_array_equal(maps.pool(), expected)
    assert_array_equal(pickle.loads(pickle.dumps(maps)).pool(), expected)


def test_facades_remember_where_they_are_found(tmp_path, monkeypatch):
    """A generator given as a relative path is found again from another folder."""
    save_network(tiny_generator().module, tmp_path / "here.safetensors")
    monkeypatch.chdir(tmp_path)
    blob = pickle.dumps(load_generator("here.safetensors"))
    monkeypatch.chdir(ROOT)
    with pytest.raises(FileNotFoundError, match=r"here\.safetensors"):
        pickle.loads(blob)
    monkeypatch.setenv("SKSTYLEFEAT_WEIGHTS", str(tmp_path))
    assert pickle.loads(blob).resolution == 8
