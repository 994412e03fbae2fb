import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from skstylefeat.metrics import (
    _binning,
    bin_maps,
    default_n_bins,
    mutual_information,
    pairwise_mutual_information,
)
from skstylefeat.metrics import _mutual_information as information


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def reference(maps, n_bins):
    """Information of all pairs, one by one, by numpy.histogram2d and scikit-learn."""
    n, n_channels = maps.shape[:2]
    result = np.empty((n_channels, n, n))
    for c in range(n_channels):
        values = maps[:, c].reshape(n, -1).astype(np.float64)
        limits = [[values.min(), values.max()]] * 2
        for i in range(n):
            for j in range(n):
                counts = np.histogram2d(values[i], values[j], bins=n_bins, range=limits)[0]
                result[c, i, j] = mutual_info_score(None, None, contingency=counts)
    return result


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "n_bins"),
    [((2, 3, 4, 4), 2), ((8, 5, 8, 8), 3), ((5, 2, 40, 30), 16), ((4, 1, 130, 130), 64)],
)
def test_equals_histogram2d_and_scikit_learn(rng, shape, n_bins, dtype):
    base = rng.normal(size=shape[1:])
    maps = (base + rng.gamma(2.0, size=shape)).astype(dtype)
    result = pairwise_mutual_information(maps, n_bins)
    np.testing.assert_allclose(result, reference(maps, n_bins), rtol=0, atol=1e-10)


def test_values_on_bin_edges_are_binned_as_by_histogram(rng):
    # Steps of a tenth and offsets make values that rounding puts on either side of an edge.
    for offset in (0.0, 1000.0, -0.3):
        for dtype in (np.float32, np.float64):
            maps = (offset + rng.integers(0, 11, size=(3, 2, 50)) / 10).astype(dtype)
            np.testing.assert_allclose(
                pairwise_mutual_information(maps, 10), reference(maps, 10), rtol=0, atol=1e-10
            )


def test_bins_agree_with_searchsorted(rng):
    maps = rng.normal(size=(3, 4, 500)).astype(np.float32)
    codes = bin_maps(maps, 7)
    for channel in range(4):
        values = maps[:, channel].astype(np.float64)
        edges = np.linspace(values.min(), values.max(), 8)
        expected = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, 6)
        np.testing.assert_array_equal(codes[:, channel], expected)


@pytest.mark.parametrize("n_images", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("n_bins", [2, 6, 64, 600])
def test_joint_counting_of_several_images_equals_pairs(rng, n_images, n_bins):
    maps = rng.normal(size=(n_images, 2, 900)) + rng.normal(size=(2, 900))
    codes = bin_maps(maps, n_bins)
    result = pairwise_mutual_information(maps, n_bins)
    for c in range(2):
        for i in range(n_images):
            for j in range(n_images):
                expected = mutual_info_score(codes[i, c], codes[j, c])
                assert result[c, i, j] == pytest.approx(max(expected, 0), abs=1e-10)


def test_every_block_size_covers_all_pairs():
    for n_images in range(2, 14):
        for size in range(2, n_images + 1):
            blocks = information._pair_cover(n_images, size)
            pairs = {(a, b) for block in blocks for a in block for b in block if a < b}
            assert len(pairs) == n_images * (n_images - 1) // 2
            assert max(len(block) for block in blocks) <= size


def test_result_does_not_depend_on_threads_and_chunks(rng, monkeypatch):
    maps = rng.normal(size=(6, 7, 16, 16)).astype(np.float32)
    expected = pairwise_mutual_information(maps)
    np.testing.assert_array_equal(pairwise_mutual_information(maps, n_jobs=2), expected)
    monkeypatch.setattr(information, "_MIN_PIXELS_FOR_THREADS", 0)
    np.testing.assert_array_equal(pairwise_mutual_information(maps, n_jobs=2), expected)
    monkeypatch.setattr(information, "_MAX_PIXELS_PER_CALL", 300)
    monkeypatch.setattr(_binning, "BLOCK", 50)
    np.testing.assert_array_equal(pairwise_mutual_information(maps, n_jobs=2), expected)


@pytest.mark.parametrize(("n_images", "n_jobs"), [(2, 1), (9, 2)])
def test_small_maps_take_one_thread(rng, monkeypatch, n_images, n_jobs):
    taken, plain = [], information.Parallel
    monkeypatch.setattr(
        information,
        "Parallel",
        lambda n_jobs, **options: taken.append(n_jobs) or plain(n_jobs=n_jobs, **options),
    )
    maps = rng.normal(size=(n_images, 1, 512, 512)).astype(np.float32)
    pairwise_mutual_information(maps, n_bins=2, n_jobs=2)
    assert taken == [n_jobs]


def test_diagonal_is_entropy_and_matrix_is_symmetric(rng):
    maps = rng.normal(size=(3, 2, 20, 20))
    result = pairwise_mutual_information(maps, 8)
    shares = np.bincount(bin_maps(maps, 8)[0, 0].ravel(), minlength=8) / 400
    assert result[0, 0, 0] == pytest.approx(-np.sum(shares * np.log(shares)))
    np.testing.assert_array_equal(result, result.transpose(0, 2, 1))


def test_constant_maps_have_no_information(rng):
    maps = rng.normal(size=(3, 3, 6, 6))
    maps[:, 0] = 2.5  # a dead channel
    maps[1, 1] = 0.0  # a channel that is dead in one image
    result = pairwise_mutual_information(maps)
    assert (result[0] == 0).all()
    assert (result[1, 1] == 0).all()
    assert result[1, 0, 2] > 0
    # values that differ by less than bins can resolve
    assert mutual_information([0.0, 5e-324], [5e-324, 0.0]) == 0


def test_constant_maps_have_exactly_none_at_any_size(rng):
    for n_pixels in range(2, 80):
        varied = rng.permutation(n_pixels).astype(float)
        assert mutual_information(np.ones(n_pixels), varied, n_bins=3) == 0


def test_float32_values_on_edges_are_binned_exactly(rng):
    for n_bins in (7, 13, 64, 1000):
        low, width = rng.uniform(-1, 1, size=2).astype(np.float32)
        edges = low + abs(width) * np.arange(n_bins + 1, dtype=np.float32) / np.float32(n_bins)
        values = np.r_[edges, np.nextafter(edges, low), np.nextafter(edges, edges[-1])]
        values = np.clip(values, edges[0], edges[-1])
        exact = np.linspace(float(edges[0]), float(edges[-1]), n_bins + 1)
        expected = np.clip(np.searchsorted(exact, values, side="right") - 1, 0, n_bins - 1)
        np.testing.assert_array_equal(bin_maps(values[None, None], n_bins)[0, 0], expected)


def test_values_on_quantiles_go_to_the_upper_bin():
    assert bin_maps([[[0.0, 1, 2]]], 2, binning="quantile").tolist() == [[[0, 1, 1]]]
    assert bin_maps([[[3.0, 0, 1, 2, 4]]], 4, binning="quantile").tolist() == [[[3, 0, 1, 2, 3]]]


def test_bits_are_nats_over_log_2(rng):
    a, b = rng.normal(size=(2, 32, 32))
    assert mutual_information(a, b, base=2) == pytest.approx(mutual_information(a, b) / np.log(2))
    halves = np.repeat([0.0, 1.0], 8)
    assert mutual_information(halves, halves, n_bins=2, base=2) == pytest.approx(1.0)


def test_known_dependence_of_gaussians(rng):
    correlation = 0.9
    a = rng.normal(size=400_000)
    b = correlation * a + np.sqrt(1 - correlation**2) * rng.normal(size=400_000)
    expected = -0.5 * np.log(1 - correlation**2)
    assert mutual_information(a, b) == pytest.approx(expected, rel=0.05)
    assert mutual_information(a, b, binning="quantile") == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("side", [4, 8, 16, 64, 256])
def test_default_bins_keep_the_bias_below_a_tenth_of_a_nat(rng, side):
    maps = rng.normal(size=(8, 10, side, side))
    pairs = pairwise_mutual_information(maps)[:, *np.triu_indices(8, k=1)]
    assert pairs.mean() < 0.1
    assert default_n_bins(side * side) ** 2 * 5 <= side * side or default_n_bins(side * side) == 2


def test_miller_madow_on_eight_pixels():
    a, b = [0, 0, 0, 1, 1, 1, 2, 2], [0, 0, 0, 1, 1, 0, 1, 0]  # 3, 2 and jointly 5 cells
    entropy_a = -(2 * 3 / 8 * np.log(3 / 8) + 2 / 8 * np.log(2 / 8))
    entropy_b = -(5 / 8 * np.log(5 / 8) + 3 / 8 * np.log(3 / 8))
    joint = -(3 / 8 * np.log(3 / 8) + 2 / 8 * np.log(2 / 8) + 3 / 8 * np.log(1 / 8))
    plain, corrected = (
        pairwise_mutual_information([[a], [b]], 3, range=(0, 3), correction=correction)[0]
        for correction in (None, "miller-madow")
    )
    np.testing.assert_allclose(np.diag(plain), [entropy_a, entropy_b])
    assert plain[0, 1] == pytest.approx(entropy_a + entropy_b - joint)
    # (K - 1) / (2 P) for each entropy over K cells
    np.testing.assert_allclose(np.diag(corrected), [entropy_a + 2 / 16, entropy_b + 1 / 16])
    expected = (entropy_a + 2 / 16) + (entropy_b + 1 / 16) - (joint + 4 / 16)
    assert corrected[0, 1] == corrected[1, 0] == pytest.approx(expected)
    in_bits = mutual_information(a, b, 3, range=(0, 3), correction="miller-madow", base=2)
    assert in_bits == pytest.approx(expected / np.log(2))


def test_default_number_of_bins():
    assert [default_n_bins(p) for p in (1, 44, 45, 79, 80, 20479, 20480, 10**9)] == [
        *(2, 2, 3, 3, 4, 63, 64, 64)
    ]


def test_miller_madow_reduces_the_bias(rng):
    maps = rng.uniform(size=(8, 10, 16, 16))
    upper = np.triu_indices(8, k=1)
    plain = pairwise_mutual_information(maps, 6)[:, *upper]
    corrected = pairwise_mutual_information(maps, 6, correction="miller-madow")[:, *upper]
    assert corrected.mean() < 0.3 * plain.mean()
    assert (corrected >= 0).all()


def test_quantile_bins_do_not_depend_on_monotone_changes(rng):
    maps = rng.normal(size=(4, 2, 24, 24))
    np.testing.assert_allclose(
        pairwise_mutual_information(maps, binning="quantile"),
        pairwise_mutual_information(np.exp(3 * maps), binning="quantile"),
        atol=1e-12,
    )
    counts = np.bincount(bin_maps(maps, 4, binning="quantile")[:, 0].ravel())
    assert counts.min() >= 0.24 * counts.sum()


def test_range_puts_outliers_in_the_outer_bins():
    codes = bin_maps([[[-5.0, 0.0, 0.4, 0.5, 1.0, 9.0]]], 2, range=(0, 1))
    assert codes.tolist() == [[[0, 0, 0, 1, 1, 1]]]


def test_other_dtypes(rng):
    maps = rng.integers(0, 255, size=(3, 2, 8, 8)).astype(np.uint8)
    expected = pairwise_mutual_information(maps.astype(np.float64))
    np.testing.assert_array_equal(pairwise_mutual_information(maps), expected)
    np.testing.assert_allclose(pairwise_mutual_information(maps.astype(np.float16)), expected)
    maps.setflags(write=False)
    np.testing.assert_array_equal(pairwise_mutual_information(maps), expected)


def test_memory_stays_far_below_the_maps(rng):
    maps = rng.random(size=(8, 16, 512, 512), dtype=np.float32)
    tracemalloc.start()
    pairwise_mutual_information(maps)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < maps.nbytes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": np.zeros((3, 4))}, r"shape \(n, C, H, W\).*\(3, 4\)"),
        ({"maps": np.zeros((0, 2, 4, 4))}, "at least one image"),
        ({"maps": np.full((2, 1, 4, 4), np.nan)}, "NaN or infinity"),
        ({"maps": np.full((2, 1, 4, 4), np.inf)}, "NaN or infinity"),
        ({"n_bins": 1}, "from 2 to 1024, got 1"),
        ({"n_bins": "many"}, "got 'many'"),
        ({"range": (1, 0)}, "low < high"),
        ({"range": (0, 1), "binning": "quantile"}, "no meaning"),
        ({"binning": "width-ish"}, "got 'width-ish'"),
        ({"correction": "jackknife"}, "got 'jackknife'"),
        ({"base": 1}, "above 1, got 1"),
    ],
)
def test_bad_input(change, message):
    options = {"maps": np.zeros((2, 1, 4, 4))} | change
    with pytest.raises(ValueError, match=message):
        pairwise_mutual_information(**options)


def test_maps_of_different_shape():
    with pytest.raises(ValueError, match=r"\(4, 4\) and \(5, 4\)"):
        mutual_information(np.zeros((4, 4)), np.zeros((5, 4)))
