"""StyleGANInverter on damaged images, and on faces that it aligns."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skstylefeat import ChannelMISelector, MaxPoolReducer, StyleGANInverter
from skstylefeat.images import align_faces
from skstylefeat.inversion import _encoder_choice
from tests.support.networks import tiny_encoder, tiny_generator, write_own_images

BAD = [1, 4]


@pytest.fixture(scope="module")
def networks():
    generator = tiny_generator()
    return generator, tiny_encoder(generator)


@pytest.fixture
def paths(networks, tmp_path):
    """Six files of which one is damaged and one is missing."""
    generator, _ = networks
    files = [str(tmp_path / f"{i}.png") for i in range(6)]
    write_own_images(generator, files)
    (tmp_path / "1.png").write_text("damaged")
    (tmp_path / "4.png").unlink()
    return files


def inverter(networks, **kwargs):
    return StyleGANInverter(*networks, **({"batch_size": 2} | kwargs))


def test_raise_names_the_file(networks, paths):
    fitted = inverter(networks).fit(paths[:1])
    for n_jobs in (None, 2):
        fitted.set_params(n_jobs=n_jobs)
        with pytest.raises(ValueError, match=r"1\.png cannot be read as an image"):
            fitted.transform(paths[:4])
    with pytest.raises(FileNotFoundError, match=r"4\.png' does not exist"):
        fitted.transform(paths[2:])
    with pytest.raises(ValueError, match=r"1\.png cannot"):
        inverter(networks).fit(paths[1:])


@pytest.mark.parametrize("space", ["w+", "w", "s"])
def test_nan_keeps_the_rows(networks, paths, space):
    fitted = inverter(networks, on_error="nan", space=space).fit(paths[1:])
    with pytest.warns(UserWarning, match=r"2 of 6 images .* rows of NaN: .*1\.png .*4\.png"):
        latents = fitted.transform(paths)
    good = np.setdiff1d(np.arange(6), BAD)
    assert np.isnan(latents[BAD]).all()
    assert_allclose(latents[good], fitted.transform([paths[i] for i in good]), atol=1e-6)
    with pytest.warns(UserWarning, match="rows of NaN"):
        errors = fitted.reconstruction_errors(paths)
    assert_array_equal(np.flatnonzero(np.isnan(errors)), BAD)
    with pytest.warns(UserWarning, match="rows of NaN"):
        assert fitted.score(paths) == pytest.approx(-errors[good].mean(), rel=1e-5)
    with pytest.warns(UserWarning, match="1 of 1 images"):
        assert np.isnan(fitted.transform([paths[1]])).all()


def test_skip_leaves_rows_out_unless_labels_would_shift(networks, paths):
    fitted = inverter(networks, on_error="skip").fit(paths)
    with pytest.warns(UserWarning, match="2 of 6 images cannot be read and are left out"):
        latents = fitted.transform(paths)
    assert_allclose(latents, fitted.transform([paths[i] for i in (0, 2, 3, 5)]), atol=1e-6)
    pipe = make_pipeline(inverter(networks, on_error="skip"), FunctionTransformer())
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(ValueError, match=r"2 of 6 images .* would get wrong labels"),
    ):
        pipe.fit(paths, np.arange(6))
    assert len(pipe.fit(paths[2:4], [0, 1]).transform(paths[2:4])) == 2


def test_nan_passes_through_selection_and_pooling(networks, paths):
    """Labels of unreadable images are not used, and their rows are NaN at the end."""
    y, good = np.array([0, 0, 1, 1, 0, 1]), np.setdiff1d(np.arange(6), BAD)
    y[[0, 2]] = 0
    pipe = make_pipeline(
        inverter(networks, output="features", on_error="nan"),
        ChannelMISelector(2, random_state=0),
        MaxPoolReducer(),
    )
    with pytest.warns(UserWarning, match="rows of NaN"):
        pooled = pipe.fit_transform(paths, y)
    assert np.isnan(pooled[BAD]).all()
    clean = pipe.fit_transform([paths[i] for i in good], y[good])
    assert_allclose(pooled[good], clean, rtol=1e-4, atol=1e-5)


def test_nothing_to_read(networks, paths):
    with pytest.raises(ValueError, match="None of the 2 images can be read") as caught:
        inverter(networks, on_error="nan").fit([paths[i] for i in BAD])
    assert "4.png" in str(caught.value.__cause__)


def test_many_faults_are_counted(networks, paths):
    fitted = inverter(networks, on_error="nan", batch_size=50).fit(paths)
    with pytest.warns(UserWarning, match=r"40 of 41 images .*; and 30 more\."):
        fitted.transform([paths[1]] * 40 + paths[:1])


def test_an_encoder_is_trained_on_readable_images(networks, paths, monkeypatch):
    params = {"n_train_steps": 2, "on_error": "nan", "random_state": 0}
    fitted = StyleGANInverter(networks[0], "train", **params).fit(paths)
    assert np.isfinite(fitted.transform(paths[2:4])).all()
    monkeypatch.setattr(
        _encoder_choice, "MAX_BYTES_IN_MEMORY", 0
    )  # read while training, not before
    fitted = StyleGANInverter(networks[0], "train", **params).fit(paths)
    assert np.isfinite(fitted.transform(paths[2:4])).all()


FACE = np.array([[12.0, 15], [18, 15], [15, 18], [13, 21], [17, 21]])


def find_face(image):
    """Return landmarks of the only photo with a face; at module level, so that it pickles."""
    return FACE if image.max() > 0 else None


def test_faces_are_aligned_before_inversion(networks, tmp_path):
    photo = np.random.default_rng(0).integers(1, 256, (30, 30, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "a.png")
    Image.new("RGB", (30, 30)).save(tmp_path / "b.png")
    plain = inverter(networks).fit(photo[None])
    plain.domain_error_ = np.inf  # noise is foreign to any generator
    expected = plain.transform(align_faces(photo[None], FACE[None]))
    for align in (find_face, {"a.png": FACE.ravel()}):
        fitted = inverter(networks, align=align, on_error="nan").fit([tmp_path / "a.png"])
        fitted.domain_error_ = np.inf
        fitted = pickle.loads(pickle.dumps(fitted))
        with pytest.warns(UserWarning, match=r"1 of 2 .*b\.png cannot be aligned"):
            latents = fitted.transform(tmp_path)
        assert_allclose(latents[:1], expected, atol=1e-6)
        assert np.isnan(latents[1]).all()
