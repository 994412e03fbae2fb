"""Directions without labels: SeFa, PCA, text."""

import io

import numpy as np
import pytest

from skstylefeat import HyperplaneDistance
from skstylefeat.directions import LatentPCA, SeFa, TextDirection, channel_effects, edit
from skstylefeat.directions._channel_effects import style_statistics
from tests.support.networks import tiny_generator


@pytest.fixture(scope="module")
def generator():
    return tiny_generator(16)


def test_sefa_is_the_eigenproblem_of_the_affine_weights(generator):
    sefa = SeFa(generator, layers=["b8.conv0", "b8.conv1"], normalize=False).fit()
    synthesis = generator.module.synthesis
    rows = np.concatenate(
        [
            layer.affine.weight.numpy() * layer.affine.weight_gain
            for layer in (synthesis.b8.conv0, synthesis.b8.conv1)
        ]
    )
    _, singular, vectors = np.linalg.svd(rows.astype(np.float64))
    np.testing.assert_allclose(sefa.eigenvalues_, singular**2, rtol=1e-6)
    np.testing.assert_allclose(np.abs(np.sum(sefa.directions_ * vectors, axis=1)), 1, rtol=1e-6)
    assert sefa.w_indices_.tolist() == [1, 2]


def test_sefa_directions_change_the_styles_by_their_eigenvalue(generator):
    sefa = SeFa(generator, normalize=False).fit()
    w = np.zeros((1, generator.w_dim), dtype=np.float32)
    change = [
        np.square(generator.styles(edit(w, d, 1.0)) - generator.styles(w)).sum()
        for d in sefa.directions_
    ]
    np.testing.assert_allclose(change, sefa.eigenvalues_, rtol=1e-4)
    assert (np.diff(change) <= 1e-6).all()


def test_sefa_signs_planes_and_number(generator):
    sefa = SeFa(generator, 3).fit()
    assert sefa.directions_.shape == (3, generator.w_dim)
    largest = np.abs(sefa.directions_).argmax(axis=1)
    assert (sefa.directions_[np.arange(3), largest] > 0).all()
    np.testing.assert_allclose(sefa.directions_ @ generator.w_avg + sefa.intercepts_, 0, atol=1e-6)
    np.testing.assert_allclose(sefa.directions_, SeFa(generator).fit().directions_[:3], atol=1e-8)
    rows = generator.mapping(generator.sample_z(5, random_state=0))
    distances = HyperplaneDistance(sefa).fit_transform(rows)
    np.testing.assert_allclose(distances[:, 0], rows @ sefa.direction_ + sefa.intercept_, atol=1e-5)
    with pytest.raises(ValueError, match=r"\['b9.conv0'\].*b4.conv1"):
        SeFa(generator, layers=["b9.conv0"]).fit()


def test_pca_of_sampled_codes(generator):
    pca = LatentPCA(generator, 3, n_samples=2500, random_state=0).fit()
    w = generator.mapping(generator.sample_z(20_000, random_state=1)).astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(w.T))
    np.testing.assert_allclose(pca.explained_variance_, values[::-1][:3], rtol=0.1)
    assert abs(pca.direction_ @ vectors[:, -1]) > 0.95
    np.testing.assert_allclose(pca.directions_ @ pca.mean_ + pca.intercepts_, 0, atol=1e-12)
    same = LatentPCA(generator, 3, n_samples=2500, random_state=0).fit()
    np.testing.assert_array_equal(same.directions_, pca.directions_)


def test_pca_of_given_codes_and_short_batches():
    w = np.random.RandomState(0).normal(size=(1003, 12)) * np.arange(1, 13)
    pca = LatentPCA(n_components=12).fit(w)
    assert np.abs(pca.direction_).argmax() == 11
    np.testing.assert_allclose(pca.explained_variance_ratio_.sum(), 1.0)
    with pytest.raises(ValueError, match="generator to sample from"):
        LatentPCA().fit()
    with pytest.raises(ValueError, match="width 12"):
        LatentPCA(n_components=13).fit(w)


def brightness_model():
    """Return an image-text model that knows red, green and blue."""
    words = {"red": 0, "green": 1, "blue": 2}

    def encode_images(images):
        assert images.ndim == 4 and images.shape[3] == 3
        assert images.min() >= 0 and images.max() <= 1
        return images.mean(axis=(1, 2)) + 1e-3

    def encode_texts(texts):
        return np.array(
            [[1.0 * (i == words.get(t.split()[-1], -1)) + 1 for i in range(3)] for t in texts]
        )

    return encode_images, encode_texts


def test_text_direction_changes_images_towards_the_text(generator, tmp_path):
    encode_images, encode_texts = brightness_model()
    cache = tmp_path / "effects.npz"
    text = TextDirection(
        generator,
        encode_images,
        encode_texts,
        "a red",
        "an image",
        n_samples=4,
        cache=cache,
        random_state=0,
    ).fit()
    styles = generator.styles(generator.mapping(generator.sample_z(20, random_state=7)))
    assert text.direction_.shape == (styles.shape[1],)

    def redness(s):
        images = generator.synthesis_from_styles(s.astype(np.float32)).transpose(0, 2, 3, 1)
        rgb = encode_images(np.clip((images + 1) / 2, 0, 1))
        return (rgb / np.linalg.norm(rgb, axis=1, keepdims=True))[:, 0].mean()

    step = 3 * np.std(styles @ text.direction_)
    low, middle, high = (redness(s) for s in edit(styles, text, [-step, 0, step]))
    assert low < middle < high
    assert np.mean(styles @ text.direction_ + text.intercept_) == pytest.approx(0, abs=step / 3)
    torgb = generator.style_slices["b8.torgb"]
    assert not text.direction_[torgb].any()

    # The second prompt takes the effects from the file; one image tells which model it is.
    def refuse(images):
        assert len(images) == 1, "the effects were measured again"
        return encode_images(images)

    blue = TextDirection(
        generator,
        refuse,
        encode_texts,
        ["a blue", "very blue"],
        "an image",
        n_samples=4,
        cache=cache,
        random_state=0,
    ).fit()
    assert blue.direction_ @ text.direction_ < 0.9
    with pytest.raises(ValueError, match="another generator, class"):
        TextDirection(
            generator, refuse, encode_texts, "a red", "an image", n_samples=5, cache=cache
        ).fit()


def test_text_direction_cache_of_another_model_or_damaged(generator, tmp_path):
    encode_images, encode_texts = brightness_model()
    cache = tmp_path / "effects.npz"

    def fit(encode):
        return TextDirection(
            generator,
            encode,
            encode_texts,
            "a red",
            "an image",
            n_samples=2,
            cache=cache,
            random_state=0,
        ).fit()

    measured = fit(encode_images)
    np.testing.assert_array_equal(fit(encode_images).direction_, measured.direction_)
    assert [path.name for path in tmp_path.iterdir()] == ["effects.npz"]

    with pytest.raises(ValueError, match="made with another model"):
        fit(lambda images: encode_images(images)[:, ::-1] * [1, 2, 3])
    with pytest.raises(ValueError, match="made with another model"):
        fit(lambda images: encode_images(images)[:, :2])
    whole = cache.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"PK no archive"):
        cache.write_bytes(damaged)
        with pytest.raises(ValueError, match="or is damaged"):
            fit(encode_images)
    with np.load(io.BytesIO(whole)) as arrays:
        stored = dict(arrays)
    for effects in (stored["effects"][:-1], stored["effects"] * np.nan, stored["effects"][0]):
        np.savez(cache, **stored | {"effects": effects})
        with pytest.raises(ValueError, match=r"expected finite numbers of shape \(\d+, 3\)"):
            fit(encode_images)
    np.savez_compressed(cache, **stored | {"effects": np.zeros((1 << 13, 1 << 13))})  # 0.5 GB
    with pytest.raises(ValueError, match="or is damaged"):
        fit(encode_images)
    for save in (lambda file: np.save(file, np.zeros(3)), lambda file: np.savez(file, a=1)):
        with open(cache, "wb") as file:
            save(file)
        with pytest.raises(ValueError, match="does not hold the effects"):
            fit(encode_images)


def test_effects_do_not_depend_on_the_batch_and_show_progress(generator, monkeypatch, capsys):
    encode_images, _ = brightness_model()
    sizes = []

    def counting(images):
        sizes.append(len(images))
        return encode_images(images)

    alone = channel_effects(generator, counting, n_samples=3, random_state=0, verbose=True)
    assert min(sizes[:-1]) > 6, "channels with few images share a batch"
    assert "channels" in "".join(capsys.readouterr())
    monkeypatch.setattr("skstylefeat.directions._channel_effects.IMAGE_BATCH", 4)
    np.testing.assert_allclose(
        channel_effects(generator, encode_images, n_samples=3, random_state=0), alone, atol=2e-3
    )
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ValueError, match="NaN or infinity"):
        channel_effects(generator, lambda images: encode_images(images) * np.nan, n_samples=2)


def test_text_direction_threshold_and_errors(generator):
    encode_images, encode_texts = brightness_model()
    args = (generator, encode_images, encode_texts)
    loose = TextDirection(
        *args, "a red", "an image", n_samples=2, threshold=0.0, random_state=0
    ).fit()
    strict = TextDirection(
        *args, "a red", "an image", n_samples=2, threshold=0.8, random_state=0
    ).fit()
    assert 0 < np.count_nonzero(strict.direction_) < np.count_nonzero(loose.direction_)
    # Channels move by their relevance, in units of their standard deviation.
    mean, scale = style_statistics(generator, None, np.random.RandomState(0))
    expected = loose.relevance_ * scale
    np.testing.assert_allclose(loose.direction_, expected / np.linalg.norm(expected))
    assert loose.intercept_ == pytest.approx(-loose.direction_ @ mean)
    with pytest.raises(ValueError, match="same embedding"):
        TextDirection(*args, "a thing", "an image", n_samples=2).fit()
    with pytest.raises(ValueError, match="one space"):
        TextDirection(
            generator,
            encode_images,
            lambda t: np.eye(5)[: len(t)] + len(t[0]),
            "red",
            "b",
            n_samples=2,
        ).fit()
    with pytest.raises(ValueError, match="encode_images returned shape"):
        channel_effects(generator, lambda images: images[0], n_samples=2)


def test_directions_of_one_class():
    generator = tiny_generator(8, c_dim=2)
    pca = [
        LatentPCA(generator, 2, n_samples=200, class_label=c, random_state=0).fit()
        for c in (0, 1, None)
    ]
    assert np.abs(pca[0].mean_ - pca[1].mean_).max() > 1e-3
    between = (pca[0].mean_ + pca[1].mean_) / 2
    np.testing.assert_allclose(pca[2].mean_, between, atol=0.3)
    sampled = generator.mapping(generator.sample_z(200, np.random.RandomState(0)), c=1)
    np.testing.assert_allclose(pca[1].mean_, sampled.mean(axis=0), atol=1e-5)

    def embed_images(images):
        return np.stack([images.mean(axis=(1, 2, 3)), images[..., 0].std(axis=(1, 2))], axis=1)

    def embed_texts(texts):
        return np.array([[1.0, 0.0] if text == "bright" else [0.0, 1.0] for text in texts])

    text = [
        TextDirection(
            generator,
            embed_images,
            embed_texts,
            "bright",
            "rough",
            n_samples=2,
            class_label=c,
            random_state=0,
        ).fit()
        for c in (0, 1)
    ]
    assert np.abs(text[0].relevance_ - text[1].relevance_).max() > 1e-6
