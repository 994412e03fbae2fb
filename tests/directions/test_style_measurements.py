"""Style channels: StyleSpace's numbering, and StyleCLIP's measured effects and statistics."""

import pickle

import numpy as np
import pytest

from skstylefeat import HyperplaneDistance
from skstylefeat.directions import StyleChannelDirection, TextDirection, channel_effects, edit
from skstylefeat.latents import style_layers
from tests.support.networks import tiny_generator

RNG = np.random.default_rng(0)
GENERATOR = tiny_generator(16)
NAMES, SIZES = style_layers(GENERATOR)
CONVOLUTIONS = [name for name in NAMES if "torgb" not in name]
N_CONV = sum(size for name, size in zip(NAMES, SIZES, strict=True) if name in CONVOLUTIONS)
WIDTH = 5
TEXTS = {"a red face": RNG.standard_normal(WIDTH), "a face": RNG.standard_normal(WIDTH)}
TF_LAYER = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB"}


def unit(array):
    return array / np.linalg.norm(array, axis=-1, keepdims=True)


def encode_texts(texts):
    return np.stack([TEXTS[text] for text in texts])


def text_direction(effects, **params):
    params = {"threshold": 0.0, "random_state": 0} | params
    words = "a red face", "a face"
    return TextDirection(GENERATOR, None, encode_texts, *words, effects=effects, **params)


def tf_names(names=NAMES):
    """Return the names of layers in TensorFlow's graph, as StyleCLIP stores them."""
    names = [name.split(".") for name in names]
    blocks = [(block[1:], TF_LAYER[layer]) for block, layer in names]
    return [f"G_synthesis_1/{r}x{r}/{layer}/add:0" for r, layer in blocks]


def styleclip_boundary(fs3, dt, std_by_layer, threshold):
    """Return the S codes' change of StyleCLIP at alpha 1, by its published definition.

    Relevances below the threshold become 0, the others are divided by the largest and multiplied
    by the standard deviations; toRGB channels stay.
    """
    relevance = fs3 @ dt
    relevance[np.abs(relevance) < threshold] = 0
    relevance /= np.abs(relevance).max()
    boundary, start = [], 0
    for name, std in zip(NAMES, std_by_layer, strict=True):
        if "torgb" in name:
            boundary.append(np.zeros(len(std)))
        else:
            rows = relevance[start : start + len(std)]
            boundary.append(np.pad(rows, (0, len(std) - len(rows))) * std)
            start += len(std)
    return np.concatenate(boundary)


FS3 = unit(RNG.standard_normal((N_CONV, WIDTH)))
STYLES = [RNG.normal(1, RNG.uniform(0.5, 2), (40, size)) for size in SIZES]
STATISTICS = [[s.mean(axis=0) for s in STYLES], [s.std(axis=0) for s in STYLES]]


@pytest.mark.parametrize("threshold", [0.0, 0.4])
@pytest.mark.parametrize("form", ["S_mean_std", "S", "array"])
def test_text_direction_of_measured_effects_is_styleclips(tmp_path, form, threshold):
    np.save(tmp_path / "fs3.npy", FS3.astype(np.float32))
    content = {"S": [tf_names(), STYLES], "S_mean_std": STATISTICS}
    statistics = [np.concatenate(part) for part in STATISTICS]
    if form != "array":
        statistics = tmp_path / form
        statistics.write_bytes(pickle.dumps(content[form]))
    text = text_direction(tmp_path / "fs3.npy", statistics=statistics, threshold=threshold).fit()

    dt = unit(unit(TEXTS["a red face"]) - unit(TEXTS["a face"]))
    expected = styleclip_boundary(FS3, dt, STATISTICS[1], threshold)
    np.testing.assert_allclose(text.direction_ * text.scale_, expected, atol=1e-6)
    assert (0 < np.count_nonzero(expected) < N_CONV) == (threshold > 0)
    styles = RNG.standard_normal((3, len(expected)))
    moved = edit(styles, text, [-5 * text.scale_, 5 * text.scale_])
    np.testing.assert_allclose(moved, styles + 5 * expected * [[[-1]], [[1]]], atol=1e-5)
    mean = np.concatenate(STATISTICS[0])
    assert mean @ text.direction_ + text.intercept_ == pytest.approx(0, abs=1e-9)


def test_effects_of_the_first_layers_only_are_reported():
    names = CONVOLUTIONS[:3]
    n_rows = sum(dict(zip(NAMES, SIZES, strict=True))[name] for name in names)
    with pytest.warns(UserWarning, match=rf"{n_rows} rows, .* b4\.conv1 to b8\.conv1") as seen:
        text = text_direction(FS3[:n_rows]).fit()
    assert seen[0].filename == __file__
    stop = GENERATOR.style_slices["b8.conv1"].stop
    assert text.direction_[:stop].any() and not text.direction_[stop:].any()
    whole = text_direction(FS3).fit()
    np.testing.assert_allclose(text.relevance_[:stop], whole.relevance_[:stop])


def test_our_own_effects_are_measured_ones():
    def encode_images(images):
        return np.stack([images.mean(axis=(1, 2, 3)), images.std(axis=(1, 2, 3))], axis=1) + 1e-3

    def colors(texts):
        return np.array([[1.0, 0.2] if text == "bright" else [1.0, 1.0] for text in texts])

    options = {"n_samples": 2, "random_state": 0}
    effects = channel_effects(GENERATOR, encode_images, **options)
    words = colors, "bright", "rough"
    given = TextDirection(GENERATOR, None, *words, effects=effects, random_state=0).fit()
    measured = TextDirection(GENERATOR, encode_images, *words, **options).fit()
    np.testing.assert_array_equal(given.direction_, measured.direction_)
    assert given.scale_ == measured.scale_ > 0


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        (FS3[:-1], rf"{N_CONV - 1} rows; the generator .* {N_CONV} of them in convolutions"),
        (2 * FS3, "rows of length 2 to 2; expected unit vectors"),
        (np.full_like(FS3, np.nan), "expected unit vectors"),
        (FS3[:, None], r"expected \(n_channels, d\)"),
        (FS3[:, 1:] / np.linalg.norm(FS3[:, 1:], axis=1, keepdims=True), "in one space"),
    ],
)
def test_effects_that_do_not_fit_are_refused(effects, message):
    with pytest.raises(ValueError, match=message):
        text_direction(effects).fit()


def test_effects_exclude_other_parameters(tmp_path):
    with pytest.raises(ValueError, match="none are measured for cache"):
        text_direction(FS3, cache=tmp_path / "effects.npz").fit()
    with pytest.raises(ValueError, match="encode_images is None; it is needed unless effects"):
        text_direction(None).fit()
    with pytest.raises(ValueError, match=r"No channel's relevance reaches threshold=0\.999"):
        text_direction(FS3, threshold=0.999).fit()
    still = np.stack([np.zeros(sum(SIZES)), np.zeros(sum(SIZES))])
    still[1, -1] = 1.0  # a channel of toRGB
    assert NAMES[-1] == "b16.torgb"
    with pytest.raises(ValueError, match="do not vary"):
        text_direction(FS3, statistics=still).fit()


def _swapped(items):
    return [items[1], items[0], *items[2:]]


REFUSED_STATISTICS = {
    "another number of layers": ([part[:-1] for part in STATISTICS], r"holds \d+ layers; the gen"),
    "layers of other sizes": (
        [[s[:-1] for s in part] for part in STATISTICS],
        r"layer 0 \(b4\.conv1\) has values of shape",
    ),
    "other names": ([_swapped(tf_names()), STYLES], r"but the generator's is 'b4\.conv1'"),
    "another resolution": (
        [[name.replace("16x16", "32x32") for name in tf_names()], STYLES],
        "32x32",
    ),
    "one code": ([tf_names(), [s[0] for s in STYLES]], "has values of shape"),
    "a single code": ([tf_names(), [s[:1] for s in STYLES]], "fewer than two codes"),
    "a mean alone": (STATISTICS[0], "holds no statistics of styles"),
    "a dictionary": ({"mean": STATISTICS[0], "std": STATISTICS[1]}, "no statistics of styles"),
    "texts": ([["a"] * len(NAMES), ["b"] * len(NAMES)], "belongs to another generator"),
    "negative": ([STATISTICS[0], [-s for s in STATISTICS[1]]], "not negative"),
    "NaN": ([STATISTICS[0], [s * np.nan for s in STATISTICS[1]]], "NaN"),
    "an array": (np.ones((2, 3)), r"shape \(2, 3\); expected means and standard deviations"),
}


@pytest.mark.parametrize("name", REFUSED_STATISTICS)
def test_statistics_of_other_generators_are_refused(tmp_path, name):
    content, message = REFUSED_STATISTICS[name]
    path = tmp_path / "S_mean_std"
    path.write_bytes(pickle.dumps(content))
    channel = StyleChannelDirection(GENERATOR, 0, 0, statistics=path)
    with pytest.raises(ValueError, match=message) as caught:
        channel.fit()
    assert "S_mean_std" in str(caught.value)


def test_channels_by_name_and_by_stylespaces_number():
    # StyleSpace numbers the layers 4x4/Conv, 4x4/ToRGB, 8x8/Conv0_up, 8x8/Conv1, 8x8/ToRGB, ...
    known = {0: "b4.conv1", 1: "b4.torgb", 2: "b8.conv0", 3: "b8.conv1", 4: "b8.torgb"}
    known |= {5: "b16.conv0", 6: "b16.conv1", 7: "b16.torgb"}
    assert dict(enumerate(NAMES)) == known
    w = GENERATOR.mapping(GENERATOR.sample_z(50, random_state=1))
    styles = GENERATOR.styles(w)
    for number, name in known.items():
        by_number, by_name = (
            StyleChannelDirection(GENERATOR, layer, 2, random_state=0).fit()
            for layer in (number, name)
        )
        column = GENERATOR.style_slices[name].start + 2
        assert (by_number.layer_, by_number.column_) == (name, column)
        np.testing.assert_array_equal(by_number.direction_, by_name.direction_)
        moved = edit(styles, by_number, 3 * by_number.scale_)
        np.testing.assert_allclose(moved[:, column] - styles[:, column], 3 * by_number.scale_, 1e-4)
        assert (np.delete(moved, column, axis=1) == np.delete(styles, column, axis=1)).all()
    distance = HyperplaneDistance(by_name).fit_transform(styles)
    expected = styles[:, column] + by_name.intercept_
    np.testing.assert_allclose(distance[:, 0], expected, atol=1e-5)
    assert by_name.intercept_ == pytest.approx(-styles[:, column].mean(), abs=0.3)
    assert by_name.scale_ == pytest.approx(styles[:, column].std(), rel=0.4)


@pytest.mark.parametrize(
    ("layer", "channel", "message"),
    [
        ("b9.conv0", 0, r"layer='b9\.conv0' is none of the generator's 8 layers .*b16\.torgb"),
        (8, 0, "layer=8 is none of"),
        (-1, 0, "'layer' parameter"),
        ("b16.conv1", 99, r"channel=99 is none of the \d+ channels of b16\.conv1"),
    ],
)
def test_channels_that_do_not_exist(layer, channel, message):
    with pytest.raises(ValueError, match=message):
        StyleChannelDirection(GENERATOR, layer, channel).fit()
