"""Check of framing on rendered faces, and the place that its warnings point at."""

import warnings

import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skstylefeat import StyleGANInverter, load_generator
from skstylefeat.datasets import make_faces
from skstylefeat.images import align_faces, as_images, face_square, find_faces
from skstylefeat.inversion import _face_framing, _framing_check
from skstylefeat.inversion._face_framing import FaceFraming, face_framing
from skstylefeat.inversion._framing_check import framing_check
from tests.support.estimators import tiny_images
from tests.support.networks import tiny_encoder, tiny_generator

FACE = np.array([[40.0, 50], [60, 50], [50, 60], [43, 72], [57, 72]])


@pytest.fixture(scope="module")
def check():
    """The check of the bundled generator, from a third of the usual images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_framing_check, "_known", {})  # not what other tests found from more images
        patch.setattr(_framing_check, "N_OWN", 200)
        patch.setattr(_framing_check, "N_VIEWS", 400)
        yield framing_check(load_generator("faces64"), 64)


@pytest.fixture(scope="module")
def faces():
    """Forty rendered faces of seeds that the generator has not seen, and the same displaced."""
    framed = make_faces(40, random_state=600_000).images
    large = [
        Image.fromarray(x) for x in make_faces(40, image_size=128, random_state=600_000).images
    ]
    half = [np.asarray(x.crop((64, 0, 192, 128)).resize((64, 64))) for x in large]
    upside = framed[:, ::-1]
    close = [np.asarray(x.crop((40, 40, 88, 88)).resize((64, 64))) for x in large]
    return framed, {"half outside": np.stack(half), "upside": upside, "close": np.stack(close)}


def test_displaced_faces_are_recognized(check, faces):
    framed, displaced = faces
    scores = check.scores(framed / np.float32(255))
    assert np.mean(scores > 2) <= 0.1
    for images in displaced.values():
        assert np.mean(check.scores(images / np.float32(255)) > 2) >= 0.9


def test_scores_of_own_images(check):
    own = _framing_check.own_images(load_generator("faces64"), 250, 64)[200:]
    scores = check.scores(own)
    assert np.median(scores) == pytest.approx(1, abs=0.2) and np.mean(scores > 2) < 0.1


def test_optimization_warns_at_the_line_of_the_user(check, faces):
    _, displaced = faces
    images = displaced["upside"][:5]
    inverter = StyleGANInverter("faces64", method="optimize", n_steps=1)
    pipeline = make_pipeline(inverter, FunctionTransformer())
    for call in (
        lambda: inverter.fit(images).transform(images),
        lambda: inverter.fit_transform(images),
        lambda: pipeline.fit(images),
        lambda: pipeline.transform(images),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        (warning,) = (w for w in caught if "framed unlike those of the generator" in str(w.message))
        assert warning.filename == __file__
        assert "of 5 images" in str(warning.message) and "align='dlib'" in str(warning.message)


def test_domain_scores_of_framed_and_displaced_faces(check, faces):
    framed, displaced = faces
    images = np.concatenate([framed[:10], displaced["half outside"][:10]])
    inverter = StyleGANInverter("faces64").fit(images)
    domain = inverter.domain_scores(images)
    assert domain.scores.dtype == np.float32 and domain.scores.shape == (20,)
    assert domain.inside[:10].mean() >= 0.8 and domain.inside[10:].mean() <= 0.1
    assert domain.reasons[10:].count("framing") >= 9
    codes = inverter.transform(images[:10])
    np.testing.assert_allclose(
        inverter.domain_scores(images[:10], codes).scores, domain.scores[:10], rtol=1e-3
    )
    with pytest.raises(ValueError, match="latents have 10 rows, but X holds 20 images"):
        inverter.domain_scores(images, codes)
    with pytest.raises(ValueError, match="leave latents out"):
        inverter.set_params(mirror="mean").domain_scores(images[:10], codes)


@pytest.mark.parametrize("kwargs", [{}, {"method": "optimize", "n_steps": 1}])
def test_unreadable_images_have_no_score(tmp_path, kwargs):
    paths = [str(tmp_path / f"{i}.png") for i in range(3)]
    for path, image in zip(paths, tiny_images(3), strict=True):
        Image.fromarray((image * 255).astype(np.uint8)).save(path)
    (tmp_path / "1.png").write_text("damaged")
    generator = tiny_generator()
    options = {"on_error": "skip"} | kwargs
    inverter = StyleGANInverter(generator, tiny_encoder(generator), **options).fit(paths)
    domain = inverter.domain_scores(paths)
    assert np.isnan(domain.scores).tolist() == [False, True, False]
    assert not domain.inside[1] and domain.reasons[1] == "unreadable"


def test_a_generator_without_a_framing_has_no_check(monkeypatch):
    """A texture looks the same wherever it is cut, turned or not."""
    textures = np.random.default_rng(0).random((100, 8, 8, 3)).astype(np.float32)
    monkeypatch.setattr(_framing_check, "own_images", lambda *arguments: textures)
    monkeypatch.setattr(_framing_check, "N_VIEWS", 400)
    generator = tiny_generator(seed=7)
    assert framing_check(generator, 64) is None
    del _framing_check._known[generator.weights_hash()]


def test_framed_landmarks_by_hand():
    """The landmarks' places are found in the image again, however the face is turned."""
    places = FACE / 100
    framing = FaceFraming(tuple(map(tuple, places)))
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    points = np.stack([FACE, 3 * FACE @ turn + [70, 400], FACE + np.nan])
    moved = framing.apply(points)
    image = np.array([[0, 0], [0, 100], [100, 100], [100, 0]])
    np.testing.assert_allclose(face_square(moved[0]), image, atol=1e-9)
    np.testing.assert_allclose(face_square(moved[1]), 3 * image @ turn + [70, 400], atol=1e-9)
    assert np.isnan(moved[2]).all()
    np.testing.assert_array_equal(FaceFraming().apply(FACE[None])[0], FACE)


@pytest.fixture(scope="module")
def framing():
    """How the bundled generator frames faces, from half of the usual images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_face_framing, "_known", {})
        patch.setattr(_face_framing, "N_OWN", 32)
        yield face_framing(load_generator("faces64"), 64)


def test_framing_of_the_bundled_generator(framing):
    """Its faces are smaller than FFHQ's: the eyes are 0.17 of the side apart, not 0.25."""
    left, right = np.array(framing.places)[:2]
    assert left == pytest.approx([0.41, 0.48], abs=0.06)
    assert right == pytest.approx([0.58, 0.48], abs=0.06)


def test_faces_are_aligned_by_dlib(check, framing):
    canvases = np.full((16, 300, 400, 3), 127, np.uint8)
    canvases[:, 100:228, 200:328] = make_faces(16, image_size=128, random_state=0).images
    points = find_faces(canvases).landmarks
    canvases = canvases[~np.isnan(points).any(axis=(1, 2))]
    assert len(canvases) >= 5
    inverter = StyleGANInverter("faces64", align="dlib", on_error="nan").fit(canvases)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        latents = inverter.transform([*canvases, np.zeros((90, 90, 3), np.uint8)])
    assert any("no face was found" in str(warning.message) for warning in caught)
    assert {warning.filename for warning in caught} == {__file__}
    assert np.isfinite(latents[:-1]).all() and np.isnan(latents[-1]).all()

    # The same crops, by their steps.
    images = align_faces(canvases, framing.apply(find_faces(canvases).landmarks))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = inverter.set_params(align=None).transform(images)
    np.testing.assert_allclose(latents[:-1], plain, rtol=1e-4, atol=1e-5)
    aligned, whole = (check.scores(x.read((64, 64))) for x in (images, as_images(canvases)))
    assert np.median(aligned) < np.median(whole) - 0.5  # gray borders are seen in both


def test_faces_of_no_face_generator_keep_the_framing_of_ffhq(monkeypatch):
    monkeypatch.setattr(_face_framing, "N_OWN", 3)
    with pytest.warns(UserWarning, match="too few to see how it frames them"):
        assert face_framing(tiny_generator(), 64) == FaceFraming()
