"""Inversion with generators of rectangles, of gray images, and of images with alpha."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from skstylefeat import FeatureMapExtractor, FeatureMaps, MaxPoolReducer, StyleGANInverter
from skstylefeat._utils._channels import ALPHA_NOTE, as_seen
from skstylefeat.images import align_faces
from skstylefeat.inversion import _framing_check, framing_scores
from skstylefeat.labeling._prepare import inspect_images
from skstylefeat.latents._rows import images_of
from skstylefeat.networks import EncoderRecipe, Generator, load_perceptual, train_encoder
from skstylefeat.networks.training._sample_sheet import write_sample_sheet
from skstylefeat.plotting import InversionDisplay
from tests.support.networks import tiny_encoder, tiny_generator, tiny_module

KINDS = {
    "tall": {"const_size": (4, 2)},
    "odd": {"const_size": (3, 5)},
    "gray": {"img_channels": 1},
    "gray and wide": {"img_channels": 1, "const_size": (2, 4)},
    "alpha": {"img_channels": 4},
}
SIZES = {"tall": (8, 4), "odd": (6, 10), "gray and wide": (4, 8)}
POINTS = [[40, 50], [60, 50], [50, 60], [43, 72], [57, 72]]

pytestmark = pytest.mark.filterwarnings(f"ignore:.*{ALPHA_NOTE}:UserWarning")


@pytest.fixture(autouse=True)
def _few_views(monkeypatch):
    monkeypatch.setattr(_framing_check, "N_VIEWS", 100)


def made(generator, n=6):
    """Return images (n, H, W, 3) of a generator and their codes in W."""
    codes = generator.mapping(generator.sample_z(n, random_state=0))
    return images_of(codes, "w", generator, None), codes


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def generator(kind):
    return tiny_generator(**KINDS[kind])


@pytest.mark.filterwarnings("ignore:.*framed unlike")  # a check of few views is coarse
@pytest.mark.filterwarnings("ignore:The images look foreign")
def test_optimization_finds_the_generators_own_images(kind, generator):
    images, _ = made(generator, 4)
    assert images.shape == (4, *SIZES.get(kind, (8, 8)), 3)
    start = StyleGANInverter(generator, method="optimize", n_steps=0).fit(images)
    inverter = StyleGANInverter(generator, method="optimize", n_steps=15).fit(images)
    latents = inverter.transform(images)
    assert latents.shape == (4, generator.n_ws * generator.w_dim)
    assert inverter.inverse_transform(latents).shape == images.shape
    assert inverter.score(images) > 0.5 * start.score(images)
    domain = inverter.domain_scores(images, latents)
    assert domain.scores.shape == (4,) and np.isfinite(domain.scores).all()


def test_an_encoder_is_trained(kind, generator, tmp_path):
    images, _ = made(generator)
    inverter = StyleGANInverter(generator, "train", n_train_steps=3, random_state=0).fit(images)
    latents = inverter.transform(images)
    encoder = inverter.encoder_
    assert encoder.input_size == generator.image_size
    assert encoder.img_channels == (1 if "gray" in kind else 3)
    assert np.isfinite(latents).all() and inverter.domain_error_ > 0

    encoder.save(tmp_path / "encoder.safetensors")
    stored = StyleGANInverter(generator, tmp_path / "encoder.safetensors", mirror="mean")
    turned = StyleGANInverter(generator, tmp_path / "encoder.safetensors").fit(images)
    mirrored = turned.transform(images[:, :, ::-1])
    np.testing.assert_allclose(
        stored.fit(images).transform(images), (latents + mirrored) / 2, atol=1e-5
    )


@pytest.mark.parametrize("kind", ["odd", "gray and wide", "alpha"], indirect=True)
def test_training_approaches_the_known_codes(generator):
    losses = []
    recipe = EncoderRecipe(n_steps=30, batch_size=8)
    train_encoder(
        generator,
        made(generator)[0],
        recipe=recipe,
        random_state=0,
        report_every=10,
        validation_images=made(generator)[0],
        callback=lambda report: losses.append((report.losses["latent"], report.validation_psnr)),
    )
    assert losses[-1][0] < losses[0][0] and losses[-1][1] > losses[0][1]


def test_maps_are_as_large_as_the_layers(generator):
    images, _ = made(generator)
    encoder = tiny_encoder(generator)
    maps = StyleGANInverter(generator, encoder, output="features").fit_transform(images)
    for layer in maps.layers:
        assert maps.layer(layer.name).shape == (6, layer.channels, layer.height, layer.width)
    pooled = MaxPoolReducer(output_size=2).fit_transform(maps)
    assert pooled.shape == (6, 4 * sum(layer.channels for layer in maps.layers))
    expected = maps.layer("b8.conv1")[0, 0].max()
    np.testing.assert_allclose(pooled[0].reshape(-1, 4)[12].max(), expected, rtol=1e-6)


@pytest.mark.parametrize("method", ["optimize", "encoder", "hybrid"])
def test_color_photos_are_seen_as_their_luminance(method):
    generator = tiny_generator(img_channels=1)
    rng = np.random.default_rng(0)
    photos = rng.random((4, 8, 8, 3), dtype=np.float32)
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    luminance = (photos * weights).sum(axis=3)
    encoder = None if method == "optimize" else tiny_encoder(generator)
    inverter = StyleGANInverter(generator, encoder, method=method, n_steps=3).fit(photos)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the noise is foreign
        color, gray = inverter.transform(photos), inverter.transform(luminance)
        np.testing.assert_allclose(color, gray, atol=1e-4)
        assert np.abs(color - inverter.transform(photos[..., 0])).max() > 1e-2
        np.testing.assert_allclose(
            inverter.reconstruction_errors(photos),
            inverter.reconstruction_errors(luminance),
            atol=1e-5,
        )
    for channel in range(3):
        image = inverter.inverse_transform(color)[..., channel]
        np.testing.assert_array_equal(image, inverter.inverse_transform(color)[..., 0])


def test_luminance_is_that_of_pillow():
    pixels = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels[0]).convert("L"))
    seen = as_seen(pixels.transpose(0, 3, 1, 2).astype(np.float32), 1)[0, 0]
    assert np.abs(seen - expected).max() <= 1
    # Equal channels keep their value to the bit, so gray files are not changed.
    gray = np.random.default_rng(1).random((1, 1, 8, 8), dtype=np.float32)
    np.testing.assert_array_equal(as_seen(gray.repeat(3, axis=1), 1), gray)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_files_of_every_mode(mode, tmp_path):
    generator = tiny_generator(img_channels=1)
    pixels = np.rint(made(generator)[0][..., 0] * 255).astype(np.uint8)
    images = [Image.fromarray(image) for image in pixels]
    if mode == "I;16":
        images = [Image.fromarray(image.astype(np.uint16) * 257) for image in pixels]
    elif mode != "L":
        images = [image.convert(mode) for image in images]
    for i, image in enumerate(images):
        image.save(tmp_path / f"{i}.png")

    inverter = StyleGANInverter(generator, tiny_encoder(generator)).fit(pixels)
    expected = inverter.transform(np.where(pixels > 127, 255, 0) if mode == "1" else pixels)
    dithered = 1 if mode == "1" else 0  # Pillow dithers to one bit
    found = inverter.transform(tmp_path)
    assert found.shape == expected.shape
    assert dithered or np.abs(found - expected).max() < 1e-5


def test_perceptual_networks_see_three_channels_of_the_same_shape():
    seen = []

    class Network(torch.nn.Module):
        def forward(self, x):
            seen.append(tuple(x.shape[1:]))
            return x.mean(dim=1, keepdim=True)

    for kind in ("gray and wide", "tall", "alpha"):
        generator = tiny_generator(**KINDS[kind])
        images, _ = made(generator, 2)
        inverter = StyleGANInverter(generator, method="optimize", n_steps=3, perceptual=Network())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # three steps are too few for the domain check
            assert np.isfinite(inverter.fit_transform(images)).all()
        assert set(seen) == {(3, *generator.image_size)}
        seen.clear()

    network = load_perceptual(Network())
    for size, expected in {
        (512, 512): (256, 256),
        (128, 1024): (32, 256),
        (300, 1): (256, 1),
    }.items():
        network.maps(torch.zeros(1, 1, *size))
        assert seen.pop() == (3, *expected)


def test_alpha_changes_nothing_but_a_warning():
    module = tiny_module(img_channels=4)
    state = module.state_dict()
    rgb = tiny_module()
    for name in ("weight", "bias"):
        for block in ("b4", "b8"):
            key = f"synthesis.{block}.torgb.{name}"
            state[key] = state[key][:3]
    rgb.load_state_dict(state)
    both = [Generator(module, name="with-alpha"), Generator(rgb)]
    images, _ = made(both[1])
    np.testing.assert_allclose(made(both[0])[0], images, atol=1e-6)

    with pytest.warns(UserWarning, match=f"'with-alpha': {ALPHA_NOTE}"):
        inverter = StyleGANInverter(both[0], method="optimize", n_steps=10).fit(images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = StyleGANInverter(both[1], method="optimize", n_steps=10).fit(images)
    assert inverter.score(images) == pytest.approx(plain.score(images), rel=0.2)


def test_generators_of_no_pictures_have_features_only():
    generator = tiny_generator(img_channels=2)
    codes = generator.mapping(generator.sample_z(3, random_state=0))
    assert generator.synthesis(codes).shape == (3, 2, 8, 8)
    assert FeatureMapExtractor(generator).fit_transform(codes).layer("b8.conv1").shape[0] == 3
    with pytest.raises(ValueError, match=r"'tiny' makes images of 2 channels.*1 \(gray\), 3"):
        StyleGANInverter(generator, method="optimize").fit(np.zeros((2, 8, 8, 3)))
    with pytest.raises(ValueError, match="2 channels"):
        images_of(codes, "w", generator, None)
    with pytest.raises(ValueError, match="2 channels"):
        train_encoder(generator, recipe=EncoderRecipe(n_steps=1))


@pytest.mark.parametrize("align", ["dlib", lambda pixels: POINTS, {"0.png": POINTS}])
def test_faces_are_not_aligned_to_rectangles(align):
    generator = tiny_generator(const_size=(4, 2))
    images = np.zeros((1, 100, 90, 3), dtype=np.uint8)
    inverter = StyleGANInverter(generator, method="optimize", n_steps=1, align=align)
    if not isinstance(align, dict):
        with pytest.raises(ValueError, match=r"align crops squares .* images of 8 x 4 pixels"):
            inverter.fit(images)
    aligned = align_faces(images, [POINTS])
    with pytest.raises(ValueError, match="align crops squares"):
        inverter.set_params(align=None).fit(aligned)
    fitted = inverter.fit(made(generator)[0])
    with pytest.raises(ValueError, match="align crops squares"):
        fitted.transform(aligned)


def test_displaced_rectangles_are_recognized(monkeypatch):
    monkeypatch.setattr(_framing_check, "N_VIEWS", 300)
    generator = tiny_generator(16, seed=3, img_channels=1, const_size=(4, 8))
    own, _ = made(generator, 40)
    assert own.shape[1:3] == (16, 32)
    assert np.mean(framing_scores(own, generator) < 2) > 0.8
    for displaced in (own[:, ::-1], np.roll(own, 10, axis=2)):
        assert np.mean(framing_scores(displaced, generator) > 2) > 0.8
    tinted = own * np.array([0.9, 1.0, 0.8], dtype=np.float32)
    assert np.mean(framing_scores(tinted, generator) < 2) > 0.8


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1024, 512), (64, 32)),
        ((1536, 1024), (64, 42)),
        ((64, 64), (64, 64)),
        ((8, 8), (8, 8)),
        ((6, 10), (6, 10)),
        ((2, 512), (2, 64)),
        ((1, 1), (1, 1)),
    ],
)
def test_sizes_for_the_framing_check(size, expected):
    found = _framing_check._check_size(size)
    assert found == expected
    images = np.random.default_rng(0).random((2, *found, 3), dtype=np.float32)
    assert np.isfinite(_framing_check._histograms(images)).all()


def test_a_displaced_rectangle_is_shifted_by_shares_of_its_sides():
    image = np.zeros((16, 32, 3), dtype=np.float32)
    image[4:8, 8:16] = 1.0
    same = _framing_check._displaced(image, 0.0, 0.0, 1.0, 0.0)
    assert same.shape == image.shape and np.abs(same - image).max() < 0.3
    assert np.abs(same - image).mean() < 0.02
    shifted = _framing_check._displaced(image, 0.25, 0.125, 1.0, 0.0)  # by 8 columns and 2 rows
    assert np.abs(shifted[2:6, 0:8] - 1).mean() < 0.1 and shifted[8:, 8:].max() < 0.3


def test_the_labeling_page_reduces_images_of_any_shape(kind, generator):
    images, _ = made(generator, 5)
    inverter = StyleGANInverter(generator, tiny_encoder(generator)).fit(images)
    latents = inverter.transform(images)
    foreign, reduced = inspect_images(inverter, inverter.prepare_images(images), latents)
    assert reduced.shape == (5, *generator.image_size, 3) and len(foreign) <= 5


def test_reduced_images_are_means(monkeypatch):
    generator = tiny_generator(16, const_size=(8, 12))  # 32 x 48: squares of 3 x 3 pixels
    images, _ = made(generator, 2)
    inverter = StyleGANInverter(generator, tiny_encoder(generator)).fit(images)
    _, reduced = inspect_images(
        inverter, inverter.prepare_images(images), inverter.transform(images)
    )
    assert reduced.shape == (2, 10, 16, 3)
    np.testing.assert_allclose(reduced[0, 1, 2], images[0, 3:6, 6:9].mean(axis=(0, 1)), rtol=1e-5)


def test_images_that_do_not_fit_a_training():
    wide = tiny_generator(const_size=(2, 4), img_channels=1)
    with pytest.raises(ValueError, match=r"needs \(n, 4, 8, 1 or 3\)"):
        train_encoder(wide, np.zeros((2, 8, 4, 3)), recipe=EncoderRecipe(n_steps=1))
    square = tiny_generator()
    with pytest.raises(ValueError, match=r"needs \(n, 8, 8, 3\)"):
        train_encoder(square, np.zeros((2, 8, 8, 1)), recipe=EncoderRecipe(n_steps=1))
    with pytest.raises(ValueError, match=r"image_size of init is \(8, 8\), .* needs \(4, 8\)"):
        train_encoder(wide, init=tiny_encoder(square), recipe=EncoderRecipe(n_steps=1))


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_and_color_images_train_the_same_gray_encoder(channels):
    generator = tiny_generator(img_channels=1)
    gray = made(generator)[0][..., :1]
    recipe = EncoderRecipe(n_steps=2, batch_size=4)
    encoders = [
        train_encoder(generator, images, recipe=recipe, random_state=0)
        for images in (gray, gray.repeat(channels, axis=3))
    ]
    codes = [encoder.encode(gray.repeat(3, axis=3)) for encoder in encoders]
    np.testing.assert_array_equal(*codes)


def test_sheets_and_displays(kind, generator, tmp_path):
    write_sample_sheet(generator, tmp_path / "sheet.png")
    height, width = generator.image_size
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.mode == "RGB" and sheet.width * height == sheet.height * width
        if "gray" in kind:
            assert np.ptp(np.asarray(sheet), axis=2).max() == 0

    images, _ = made(generator)
    photos = np.random.default_rng(0).random(images.shape)
    inverter = StyleGANInverter(generator, tiny_encoder(generator)).fit(images)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        display = InversionDisplay.from_estimator(inverter, photos)
    assert display.images.shape == images.shape
    assert (np.ptp(display.images, axis=3).max() == 0) == ("gray" in kind)
    expected = -10 * np.log10(inverter.reconstruction_errors(photos))
    np.testing.assert_allclose(display.psnr_, expected, rtol=1e-3)


class Patches(torch.nn.Module):
    """Patches of 4 x 4 pixels as tokens, after a few others."""

    def __init__(self, n_leading):
        super().__init__()
        self.n_leading = n_leading
        self.last = torch.nn.Identity()

    def forward(self, x):
        patches = torch.nn.functional.avg_pool2d(x, 4).flatten(2).transpose(1, 2)
        leading = patches.new_full((len(x), self.n_leading, patches.shape[2]), 9.0)
        return self.last(torch.cat([leading, patches], dim=1))


@pytest.mark.parametrize("size", [(16, 16), (32, 16), (16, 40)])
@pytest.mark.parametrize("n_leading", [0, 1, 5])
def test_tokens_of_rectangles_become_rectangular_maps(size, n_leading):
    if size == (16, 16) and n_leading == 5:
        size = (32, 32)  # five more than 16 tokens are not fewer than a 5 x 5 grid takes
    images = np.random.default_rng(0).random((2, *size, 3), dtype=np.float32)
    maps = FeatureMaps.from_module(Patches(n_leading), images, layers=["last"])
    expected = images.reshape(2, size[0] // 4, 4, size[1] // 4, 4, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(maps.layer("last"), expected.transpose(0, 3, 1, 2), rtol=1e-5)


def test_tokens_of_no_grid_are_refused():
    images = np.zeros((1, 32, 16, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="returns 62 tokens for images of 32 x 16 pixels"):
        FeatureMaps.from_module(Patches(30), images, layers=["last"])
