"""Estimates of mutual information: on maps of known dependence, and by the channels they choose.

::

    python benchmarks/paper_a/estimators.py --jobs 2             # also --photos, as tables.py

Four comparisons, written to ``runs/paper_a/NAME/estimators.json``:

- known: pixels of a bivariate normal distribution, whose information is ``-log(1 - rho**2) / 2``;
- bins: the same by number of bins;
- smooth: maps like those of a network, where neighboring pixels agree: separation of a shifted,
  warped or noisy copy from an unrelated map;
- stability: agreement of channels chosen by 4 images per class with those of 64 other images per
  class, and separation of the classes by the chosen channels. The t statistic of pooled maps, which
  is not an information measure, is included for comparison.
"""

import argparse
import json
import time
from functools import partial

import numpy as np
from data import add_data_arguments, runs_folder
from joblib import Parallel, delayed
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from scipy.special import digamma
from scipy.stats import rankdata
from sources import add_source_arguments, make_bench
from tables import run_facts

from skstylefeat.experiments import draw_per_class
from skstylefeat.features import FeatureMaps
from skstylefeat.metrics import default_n_bins, intra_inter_mi, pairwise_mutual_information

SIDES = (4, 8, 16, 32, 64, 256)
RHOS = (0.0, 0.6, 0.9)
BINS = (2, 3, 4, 7, 14, 28, 64)
PACKAGE = {
    "width": {},
    "quantile": {"binning": "quantile"},
    "width, corrected": {"correction": "miller-madow"},
    "quantile, corrected": {"binning": "quantile", "correction": "miller-madow"},
}
MOST_KSG_PIXELS = 64 * 64  # above this, nearest neighbors take longer than everything else
NEIGHBORS = 3
CHOSEN = 10  # channels of a layer
FEW, MANY, GROUP = 4, 64, 8


def ksg(a, b, k=NEIGHBORS):
    """Mutual information in nats by k nearest neighbors (Kraskov et al., first estimate)."""
    x, y = (np.ravel(v).astype(np.float64)[:, None] for v in (a, b))
    radius = cKDTree(np.hstack([x, y])).query(np.hstack([x, y]), k=[k + 1], p=np.inf)[0][:, 0]
    radius = np.nextafter(radius, 0)
    inside = [cKDTree(v).query_ball_point(v, radius, return_length=True) for v in (x, y)]
    value = digamma(k) + digamma(len(x)) - np.mean(digamma(inside[0]) + digamma(inside[1]))
    return max(float(value), 0.0)


def estimates(a, b):
    """Return every estimate of the information (n,) of n pairs of maps (n, side, side)."""
    side = a.shape[-1]
    stacked = np.stack([a, b])  # each pair is a separate channel with two images
    found = {
        name: pairwise_mutual_information(stacked, **options)[:, 0, 1]
        for name, options in PACKAGE.items()
    }
    found["16 bins"] = pairwise_mutual_information(stacked, 16)[:, 0, 1]
    if side * side <= MOST_KSG_PIXELS:
        found["KSG"] = np.array([ksg(*pair) for pair in zip(a, b, strict=True)])
    return found


def known(n_pairs):
    """Bias and standard deviation on pixels of a bivariate normal distribution."""
    rng = np.random.default_rng(0)
    rows = []
    for side in SIDES:
        for rho in RHOS:
            a, noise = rng.standard_normal((2, n_pairs, side, side))
            truth = -0.5 * np.log(1 - rho**2)
            for name, values in estimates(a, rho * a + np.sqrt(1 - rho**2) * noise).items():
                row = {"side": side, "rho": rho, "truth": truth, "estimate": name}
                rows.append(row | {"bias": values.mean() - truth, "sd": values.std()})
    return rows


def bins(n_pairs, rho=0.6):
    """Root mean squared error and bias by number of bins."""
    rng = np.random.default_rng(1)
    truth = -0.5 * np.log(1 - rho**2)
    rows = []
    for side in SIDES:
        a, noise = rng.standard_normal((2, n_pairs, side, side))
        stacked = np.stack([a, rho * a + np.sqrt(1 - rho**2) * noise])
        default = default_n_bins(side * side)
        for n_bins in sorted({*BINS, default}):
            values = pairwise_mutual_information(stacked, n_bins)[:, 0, 1]
            error = np.sqrt(np.mean((values - truth) ** 2))
            row = {"side": side, "bins": n_bins, "default": n_bins == default}
            rows.append(row | {"rmse": error, "bias": values.mean() - truth})
    return rows


def smooth(n_pairs):
    """Distance between related and unrelated smooth maps, in standard deviations."""
    rng = np.random.default_rng(2)
    rows = []
    for side in SIDES[:-1]:
        a, b, noise = (_smooth_maps(rng, n_pairs, side) for _ in range(3))
        step = max(1, side // 16)
        related = {
            "noise": a + noise,
            "shifted": np.roll(a, step, axis=2) + 0.5 * noise,
            "warped": np.exp(a) + 0.5 * noise,
        }
        unrelated = estimates(a, b)
        for kind, copy in related.items():
            for name, values in estimates(a, copy).items():
                other = unrelated[name]
                spread = np.sqrt((values.var() + other.var()) / 2)
                row = {"side": side, "copy": kind, "estimate": name, "unrelated": other.mean()}
                rows.append(row | {"apart": (values.mean() - other.mean()) / (spread + 1e-12)})
    return rows


def _smooth_maps(rng, n, side):
    maps = rng.standard_normal((n, side, side))
    maps = np.stack([gaussian_filter(x, side / 10, mode="wrap") for x in maps])
    return (maps - maps.mean(axis=(1, 2), keepdims=True)) / maps.std(axis=(1, 2), keepdims=True)


def channel_scores(maps, pooled, y, options):
    """Return the information inside and across classes (2, d), or t of pooled maps (d,)."""
    if options is None:
        groups = [pooled[y == value] for value in np.unique(y)]
        inside = np.mean([group.var(axis=0, ddof=1) for group in groups], axis=0)
        means = np.stack([group.mean(axis=0) for group in groups])
        return means.std(axis=0) / np.sqrt(inside + 1e-12)
    parts = [intra_inter_mi(values, y, **options) for _, values in maps.iter_layers()]
    intra, inter = (np.concatenate(x) for x in zip(*parts, strict=True))
    return np.stack([intra, inter])


def _ratio(score):
    return score if score.ndim == 1 else score[0] / np.maximum(score[1], 1e-12)


def stability(codes, pooled, target, generator, name, options, n_draws):
    """Compare channels chosen by few images with those of many other images.

    Parameters
    ----------
    codes, pooled : ndarray of shape (n, d)
        W+ rows and max-pooled maps of the pool.
    target : Target
    generator : str
    name : str
        Name of the estimate.
    options : dict or None
        For `intra_inter_mi`; None is the t statistic.
    n_draws : int

    Returns
    -------
    dict or None
        None if there are too few images.
    """
    y = target.y_train
    maps = FeatureMaps.from_latents(codes, generator)
    widths = [layer.channels for layer in maps.layers]
    rng = np.random.default_rng(3)
    if np.unique(y, return_counts=True)[1].min() < MANY + FEW:
        return None
    many = draw_per_class(y, MANY, rng)
    if options is None:
        reference = channel_scores(None, pooled[many], y[many], None)
    else:
        # Information is averaged over the pairs inside groups of 8 per class, not over all pairs.
        rows = many.reshape(-1, MANY // GROUP, GROUP)
        groups = [np.concatenate(rows[:, i]) for i in range(MANY // GROUP)]
        scores = [channel_scores(maps[g], None, y[g], options) for g in groups]
        reference = _ratio(np.mean(scores, axis=0))
    rest = np.setdiff1d(np.arange(len(y)), many)
    separation = _separation(pooled[rest], y[rest])
    best = _chosen(reference, widths)
    drawn = []
    for _ in range(n_draws):
        few = rest[draw_per_class(y[rest], FEW, rng)]
        score = _ratio(channel_scores(maps[few], pooled[few], y[few], options))
        kept = _chosen(score, widths)
        ranks = np.corrcoef(rankdata(score), rankdata(reference))[0, 1]
        drawn.append([np.mean(best[kept]), ranks, separation[kept].mean()])
    drawn = np.array(drawn)
    chance = sum(min(CHOSEN, c) ** 2 / c for c in widths) / sum(min(CHOSEN, c) for c in widths)
    return {
        "target": target.name,
        "estimate": name,
        "overlap": drawn[:, 0].mean(),
        "overlap sd": drawn[:, 0].std(),
        "chance": chance,
        "rank correlation": drawn[:, 1].mean(),
        "separation of chosen": drawn[:, 2].mean(),
        "separation of many": separation[best].mean(),
        "separation of all": separation.mean(),
        "best separation": separation[_chosen(separation, widths)].mean(),
        "draws": n_draws,
    }


def _chosen(scores, widths):
    mask = np.zeros(len(scores), dtype=bool)
    start = 0
    for width in widths:
        mask[start + np.argsort(-scores[start : start + width], kind="stable")[:CHOSEN]] = True
        start += width
    return mask


def _separation(pooled, y):
    """Distance of the class means in deviations inside the classes, the mean over the pairs."""
    groups = [pooled[y == value] for value in np.unique(y)]
    means = np.stack([group.mean(axis=0) for group in groups])
    inside = np.sqrt(np.mean([group.var(axis=0) for group in groups], axis=0) + 1e-12)
    first, second = np.triu_indices(len(groups), 1)
    return np.mean(np.abs(means[first] - means[second]), axis=0) / inside


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    add_source_arguments(parser)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=40, help="pairs of known maps")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args()
    start = time.monotonic()
    bench = make_bench(args)
    codes = bench.sources["codes"].pool["max"]
    pooled = bench.sources["stylegan"].pool["max"]
    run = partial(stability, codes, pooled, generator=args.generator, n_draws=args.draws)
    works = [partial(study, args.pairs) for study in (known, bins, smooth)]
    for target in bench.collection.targets:
        for name, options in {**PACKAGE, "t of pooled maps": None}.items():
            works.append(partial(run, target=target, name=name, options=options))
    done = Parallel(n_jobs=args.jobs)(delayed(work)() for work in works)
    result = dict(zip(("known", "bins", "smooth"), done, strict=False))
    result["stability"] = [row for row in done[3:] if row is not None]
    result["facts"] = bench.facts | run_facts(args, time.monotonic() - start)
    path = runs_folder(args) / "estimators.json"
    path.write_text(json.dumps(result, indent=1, default=float) + "\n")
    print(f"{path}: {result['facts']['seconds']} s")


if __name__ == "__main__":
    main()
