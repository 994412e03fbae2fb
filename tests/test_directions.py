"""Directions: SVM, discriminant, SeFa, PCA, text, linear models; editing along them."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import HyperplaneDistance
from skstylefeat.directions import (
    DiscriminantDirection,
    FixedDirection,
    LatentPCA,
    LinearSVMDirection,
    MeanDifferenceDirection,
    SeFa,
    TextDirection,
    channel_effects,
    edit,
    from_linear_model,
)
from skstylefeat.directions._discriminant import Spectrum
from tests.networks import tiny_generator


@pytest.fixture(scope="module")
def generator():
    return tiny_generator(16)


@pytest.fixture
def labelled():
    rng = np.random.RandomState(0)
    scale = np.r_[1.0, 100.0, np.ones(14)]
    w = (rng.normal(size=(600, 16)) * scale).astype(np.float32)
    truth = np.zeros(16)
    truth[[0, 3]] = 0.6, -0.8
    return w, w @ truth + 0.5, truth


def test_svm_finds_the_plane_with_its_intercept(labelled):
    w, score, truth = labelled
    svm = LinearSVMDirection(C=10, random_state=0).fit(w, score > 0)
    assert svm.direction_ @ truth > 0.99
    assert np.linalg.norm(svm.direction_) == pytest.approx(1.0)
    assert svm.intercept_ == pytest.approx(0.5, abs=0.15)
    assert svm.validation_score_ > 0.95
    np.testing.assert_allclose(
        svm.decision_function(w), w @ svm.direction_ + svm.intercept_, rtol=1e-4, atol=1e-4
    )


def test_svm_takes_the_extremes_of_a_score(labelled):
    w, score, truth = labelled
    svm = LinearSVMDirection(random_state=0).fit(w, score * 1e6)
    assert svm.direction_ @ truth > 0.95
    assert svm.classes_ is None
    # The middle of the score is not looked at.
    noisy = w.copy()
    middle = np.argsort(score)[150:450]
    noisy[middle] = noisy[middle][::-1]
    other = LinearSVMDirection(random_state=0).fit(noisy, score)
    np.testing.assert_allclose(svm.direction_, other.direction_)


def test_svm_with_ties_and_few_rows():
    w = np.random.RandomState(0).normal(size=(12, 3))
    mostly_zero = np.r_[np.zeros(10), 1.0, 2.0]
    svm = LinearSVMDirection().fit(w, mostly_zero)
    assert svm.decision_function(w)[10:].mean() > svm.decision_function(w)[:10].mean()
    four = LinearSVMDirection().fit(w[:4], [3, 1, 2, 4])
    assert four.decision_function(w[[3]]) > four.decision_function(w[[1]])
    assert np.isnan(four.validation_score_)


def test_svm_chance_level_is_seen():
    rng = np.random.RandomState(0)
    svm = LinearSVMDirection(random_state=0).fit(rng.normal(size=(400, 50)), rng.rand(400) > 0.5)
    assert 0.3 < svm.validation_score_ < 0.7


def test_svm_conditioning_leaves_other_distances_alone(labelled):
    w, score, _ = labelled
    other = np.eye(16)[[3, 5]]
    svm = LinearSVMDirection(conditional_on=other, random_state=0).fit(w, score > 0)
    np.testing.assert_allclose(other @ svm.direction_, 0, atol=1e-12)
    assert np.linalg.norm(svm.direction_) == pytest.approx(1.0)
    moved = edit(w, svm, 2.0)
    np.testing.assert_allclose(moved @ other.T, w @ other.T, atol=1e-5)
    # Twice the same direction, or an unscaled one, is no harder.
    again = LinearSVMDirection(conditional_on=np.r_[other, 7 * other], random_state=0)
    np.testing.assert_allclose(again.fit(w, score > 0).direction_, svm.direction_, atol=1e-9)
    # The plane still cuts through the codes.
    assert 0.2 < np.mean(svm.decision_function(w) > 0) < 0.8


def test_svm_bad_conditions(labelled):
    w, score, _ = labelled
    plain = LinearSVMDirection(random_state=0).fit(w, score > 0).direction_
    with pytest.raises(ValueError, match="Nothing is left"):
        LinearSVMDirection(conditional_on=plain, random_state=0).fit(w, score > 0)
    with pytest.raises(ValueError, match=r"shape \(5,\).*16 features"):
        LinearSVMDirection(conditional_on=np.ones(5)).fit(w, score > 0)


def test_svm_is_deterministic_and_clones(labelled):
    w, score, _ = labelled
    svm = LinearSVMDirection(random_state=3).fit(w, score)
    same = clone(svm).fit(w, score)
    np.testing.assert_array_equal(svm.direction_, same.direction_)
    assert svm.validation_score_ == same.validation_score_
    again = pickle.loads(pickle.dumps(svm))
    np.testing.assert_array_equal(again.decision_function(w), svm.decision_function(w))


def test_discriminant_of_two_groups_is_a_ridge_on_standardised_codes(labelled):
    w, score, _ = labelled
    found = DiscriminantDirection(shrinkage=0.5).fit(w, np.where(score > 0.5, "up", "down"))
    assert found.classes_.tolist() == ["down", "up"]
    z = (w - w.mean(axis=0)) / w.std(axis=0)
    # 16 features of variance 1: the mean variance of 16 components is 1.
    ridge = Ridge(alpha=0.5 * len(z)).fit(z, score > 0.5)
    expected = ridge.coef_ / w.std(axis=0)
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(found.direction_, expected, rtol=1e-4, atol=1e-7)
    assert found.intercept_ == pytest.approx(0.0, abs=0.2)
    assert found.validation_score_ > 0.9
    np.testing.assert_allclose(
        found.decision_function(w), w @ found.direction_ + found.intercept_, rtol=1e-4, atol=1e-4
    )


def test_discriminant_is_the_same_from_covariance_and_from_gram_matrix():
    rng = np.random.RandomState(0)
    w = rng.normal(size=(30, 29)) @ rng.normal(size=(29, 29))
    y = w[:, 0] > 0
    few, many = (DiscriminantDirection(shrinkage=0.1).fit(x, y) for x in (w, np.hstack([w, w])))
    halves = many.direction_.reshape(2, -1)
    np.testing.assert_allclose(halves[0], halves[1], rtol=1e-6)
    np.testing.assert_allclose(halves[0] * np.sqrt(2), few.direction_, rtol=1e-6, atol=1e-9)


def test_discriminant_leaves_rows_out_without_a_refit():
    rng = np.random.RandomState(0)
    w = rng.normal(size=(25, 6))
    s = (w[:, 1] + 0.5 * rng.normal(size=25) > 0) * 2.0 - 1
    left_out = Spectrum(w).left_out(s - s.mean(), [0.3])[:, 0]
    scale = w.std(axis=0)
    for row in range(5):
        others = np.arange(25) != row
        # The scale and the ridge stay those of all rows.
        ridge = Ridge(alpha=0.3 * 25).fit((w / scale)[others], (s - s.mean())[others])
        assert ridge.predict((w / scale)[[row]])[0] == pytest.approx(left_out[row], abs=1e-9)


def test_discriminant_chooses_its_shrinkage():
    rng = np.random.RandomState(0)
    w, new = rng.normal(size=(80, 60)), rng.normal(size=(1000, 60))
    y = w[:, :5].sum(axis=1) + rng.normal(size=80)

    def fit(shrinkage):
        found = DiscriminantDirection(shrinkage=shrinkage).fit(w, y > 0)
        right = (found.decision_function(new) > 0) == (new[:, :5].sum(axis=1) > 0)
        return found, right.mean()

    chosen, accuracy = fit("auto")
    assert accuracy > fit(1e-6)[1] + 0.03
    assert chosen.shrinkage_ > 0.01
    assert abs(chosen.validation_score_ - accuracy) < 0.15
    noise = DiscriminantDirection().fit(w, rng.rand(80) > 0.5)
    assert 0.2 < noise.validation_score_ < 0.8


def test_discriminant_knows_the_middle():
    # Codes that saturate: what tells the halves best is no measure of how far.
    rng = np.random.RandomState(0)
    angle = rng.uniform(-1, 1, size=1500)
    w = np.c_[np.tanh(6 * angle), 3 * angle, angle**2] + 0.6 * rng.normal(size=(1500, 3))
    halves = DiscriminantDirection().fit(w, angle > 0)
    thirds = DiscriminantDirection().fit(w, angle)
    assert thirds.classes_ is None
    fits = [np.corrcoef(d.decision_function(w), angle)[0, 1] ** 2 for d in (halves, thirds)]
    assert fits[1] > fits[0] + 0.01
    # A score is read for its thirds only, and three numbers are the thirds.
    low, high = np.quantile(angle, [1 / 3, 2 / 3])
    named = 10 + np.searchsorted([low, high], angle)
    same = DiscriminantDirection().fit(w, named)
    np.testing.assert_allclose(same.direction_, thirds.direction_, atol=1e-3)
    np.testing.assert_allclose(
        DiscriminantDirection().fit(w, np.exp(angle)).direction_, thirds.direction_
    )


def test_discriminant_of_grades_takes_the_numbers_as_they_are(labelled):
    w, score, _ = labelled
    z = (w - w.mean(axis=0)) / w.std(axis=0)
    for numbers in (score, np.digitize(score, [-1.0, -0.3, 0.3, 1.0])):
        found = DiscriminantDirection(shrinkage=0.5, extremes=None).fit(w, numbers)
        expected = Ridge(alpha=0.5 * len(z)).fit(z, numbers).coef_ / w.std(axis=0)
        expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(found.direction_, expected, rtol=1e-4, atol=1e-7)
        assert found.classes_ is None
        assert found.validation_score_ > 0.9
        # Units do not matter, nor where they begin.
        moved = DiscriminantDirection(shrinkage=0.5, extremes=None).fit(w, 7 * numbers - 2.0)
        np.testing.assert_allclose(moved.direction_, found.direction_, atol=1e-9)
        assert moved.intercept_ == pytest.approx(found.intercept_)


def test_discriminant_of_grades_with_two_or_three_of_them_is_the_plain_one(labelled):
    w, score, _ = labelled
    for labels in (np.where(score > 0, "up", "down"), np.digitize(score, [-0.4, 0.4])):
        plain = DiscriminantDirection().fit(w, labels)
        graded = DiscriminantDirection(extremes=None).fit(w, labels)
        np.testing.assert_array_equal(graded.direction_, plain.direction_)
        assert graded.intercept_ == plain.intercept_
    with pytest.raises(ValueError, match="not numbers"):
        DiscriminantDirection(extremes=None).fit(w[:4], ["a", "b", "c", "c"])
    with pytest.raises(ValueError, match="NaN"):
        DiscriminantDirection(extremes=None).fit(w[:3], [0.0, 1.0, np.nan])


def test_finer_grades_give_straighter_distances():
    rng = np.random.RandomState(0)
    angle = rng.uniform(-1, 1, size=1500)
    w = np.c_[np.tanh(6 * angle), 3 * angle, angle**2] + 0.6 * rng.normal(size=(1500, 3))
    thirds, fifths = (
        DiscriminantDirection(extremes=None).fit(w, np.floor((angle + 1) / 2 * n)) for n in (3, 5)
    )
    fits = [np.corrcoef(d.decision_function(w), angle)[0, 1] ** 2 for d in (thirds, fifths)]
    assert fits[1] > fits[0]


def test_discriminant_conditioning_and_refusals(labelled):
    w, score, _ = labelled
    other = np.eye(16)[[3, 5]]
    found = DiscriminantDirection(conditional_on=other).fit(w, score > 0)
    np.testing.assert_allclose(other @ found.direction_, 0, atol=1e-12)
    assert 0.2 < np.mean(found.decision_function(w) > 0) < 0.8
    with pytest.raises(ValueError, match="All 4 latents"):
        DiscriminantDirection().fit(np.ones((4, 3)), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="same mean"):
        DiscriminantDirection().fit([[1.0], [-1.0], [1.0], [-1.0]], [0, 0, 1, 1])
    with pytest.raises(ValueError, match="NaN"):
        DiscriminantDirection().fit(w[:3], [0.0, 1.0, np.nan])


def test_mean_difference_leads_from_one_groups_mean_to_the_others(labelled):
    w, score, _ = labelled
    found = MeanDifferenceDirection().fit(w, score > 0)
    low, high = w[score <= 0].mean(axis=0), w[score > 0].mean(axis=0)
    np.testing.assert_allclose(low + found.distance_ * found.direction_, high, rtol=1e-6, atol=1e-6)
    assert found.decision_function((low + high)[None] / 2) == pytest.approx(0, abs=1e-5)
    thirds = MeanDifferenceDirection().fit(w, score)
    cuts = np.quantile(score, [1 / 3, 2 / 3])
    ends = [w[score <= cuts[0]].mean(axis=0), w[score >= cuts[1]].mean(axis=0)]
    assert thirds.distance_ == pytest.approx(np.linalg.norm(ends[1] - ends[0]), rel=1e-3)
    fixed = MeanDifferenceDirection(conditional_on=np.eye(16)[3]).fit(w, score > 0)
    assert fixed.direction_[3] == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="same mean"):
        MeanDifferenceDirection().fit([[1.0], [-1.0], [1.0], [-1.0]], [0, 0, 1, 1])


def test_mean_difference_changes_what_a_discriminant_leaves_out():
    """A nuisance that hides the attribute is subtracted by the filter, not by the pattern."""
    rng = np.random.RandomState(0)
    attribute, nuisance = rng.normal(size=(2, 500))
    w = np.stack([attribute + 3 * nuisance, 3 * nuisance], axis=1)
    reads = DiscriminantDirection().fit(w, attribute).direction_
    edits = MeanDifferenceDirection().fit(w, attribute).direction_
    assert abs(reads[1]) > 0.6
    assert edits[0] > 0.9


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


def test_text_direction_does_what_it_says(generator, tmp_path):
    encode_images, encode_texts = brightness_model()
    cache = tmp_path / "effects.npz"
    text = TextDirection(
        generator, encode_images, encode_texts, "a red", "an image", n_samples=4, cache=cache
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
            generator, encode, encode_texts, "a red", "an image", n_samples=2, cache=cache
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
    monkeypatch.setattr("skstylefeat.directions._text.IMAGE_BATCH", 4)
    np.testing.assert_allclose(
        channel_effects(generator, encode_images, n_samples=3, random_state=0), alone, atol=2e-3
    )
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ValueError, match="NaN or infinity"):
        channel_effects(generator, lambda images: encode_images(images) * np.nan, n_samples=2)


def test_text_direction_threshold_and_errors(generator):
    encode_images, encode_texts = brightness_model()
    args = (generator, encode_images, encode_texts)
    loose = TextDirection(*args, "a red", "an image", n_samples=2, threshold=0.0).fit()
    strict = TextDirection(*args, "a red", "an image", n_samples=2, threshold=0.8).fit()
    assert 0 < np.count_nonzero(strict.direction_) < np.count_nonzero(loose.direction_)
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


def test_from_linear_model(labelled):
    w, score, _ = labelled
    y = score > 0
    plain = LogisticRegression().fit(w, y)
    scaled = make_pipeline(StandardScaler(), LogisticRegression()).fit(w, y)
    search = GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1, 10]})
    search.fit(w, score)
    cases = [(plain, plain.decision_function), (scaled, scaled.decision_function)]
    cases.append((search, search.predict))
    for model, function in cases:
        direction = from_linear_model(model)
        assert np.linalg.norm(direction.direction_) == pytest.approx(1.0)
        distance = w @ direction.direction_ + direction.intercept_
        expected = function(w)
        ratio = expected.std() / distance.std()
        np.testing.assert_allclose(distance * ratio, expected, atol=1e-3 * expected.std())
        refit = clone(direction).fit()
        np.testing.assert_allclose(refit.direction_, direction.direction_)
    with pytest.raises(ValueError, match="not a linear function"):
        from_linear_model(KNeighborsRegressor().fit(w, score))
    three = LogisticRegression(max_iter=5000).fit(w, np.digitize(score, [-0.5, 0.5]))
    with pytest.raises(ValueError, match="3 planes"):
        from_linear_model(three)
    with pytest.raises(ValueError, match="other than 0"):
        FixedDirection([0.0, 0.0]).fit()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edit_shapes(dtype):
    rng = np.random.RandomState(0)
    w_plus = rng.normal(size=(2, 3, 4)).astype(dtype)
    direction = np.array([0.0, 2.0, 0.0, 0.0])
    moved = edit(w_plus, direction, 1.5)
    assert moved.shape == w_plus.shape and moved.dtype == dtype
    np.testing.assert_allclose(
        moved - w_plus, np.broadcast_to([0, 1.5, 0, 0], (2, 3, 4)), atol=1e-6
    )
    flat = edit(w_plus.reshape(2, 12), direction, 1.5)
    np.testing.assert_array_equal(flat, moved.reshape(2, 12))
    strip = edit(w_plus, direction, [-1.0, 0.0, 1.0])
    assert strip.shape == (3, 2, 3, 4)
    np.testing.assert_array_equal(strip[1], w_plus)
    one = edit(w_plus, direction, 1.0, layers=[-1])
    assert np.flatnonzero(np.abs(one - w_plus).sum(axis=(0, 2))).tolist() == [2]
    per_layer = np.zeros((3, 4))
    per_layer[0, 0] = 5.0
    alone = edit(w_plus, per_layer, 1.0)
    assert np.flatnonzero(np.abs(alone - w_plus).sum(axis=(0, 2))).tolist() == [0]


def test_edit_moves_the_distance_by_its_strength():
    rng = np.random.RandomState(0)
    w_plus = rng.normal(size=(5, 12))
    direction = rng.normal(size=4)
    model = HyperplaneDistance(direction, 0.3).fit(w_plus)
    np.testing.assert_allclose(
        model.transform(edit(w_plus, direction, 2.0)), model.transform(w_plus) + 2.0
    )


@pytest.mark.parametrize(
    ("args", "params", "message"),
    [
        ((np.ones((2, 10)), np.ones(4), 1.0), {}, "no multiple"),
        ((np.ones(4), np.ones(4), 1.0), {}, "shape"),
        ((np.ones((2, 3, 4)), np.ones(5), 1.0), {}, "does not fit"),
        ((np.ones((2, 3, 4)), np.ones(4), np.nan), {}, "strengths"),
        ((np.ones((2, 3, 4)), np.ones(4), 1.0), {"layers": [3]}, "3 layers"),
        ((np.ones((2, 4)), np.zeros(4), 1.0), {}, "zero everywhere"),
    ],
)
def test_edit_bad_input(args, params, message):
    with pytest.raises(ValueError, match=message):
        edit(*args, **params)


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
            generator, embed_images, embed_texts, "bright", "rough", n_samples=2, class_label=c
        ).fit()
        for c in (0, 1)
    ]
    assert np.abs(text[0].relevance_ - text[1].relevance_).max() > 1e-6
