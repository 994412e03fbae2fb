"""Glasses on faces of light and of dark skin: errors and flips from few labels.

Every test face is rendered twice, with skin tones 0.1 and 0.9 and everything else equal. Models
read `--labels` random faces of a training set, drawn again and again. Each reads its rows as they
are, and without the direction of skin tone: `NuisanceProjection` of pairs of other rendered faces,
which carry no label. Seeds below 1,000,000 are unknown to the bundled networks. The table of
docs/responsible_use.md, and the errors from 1,000 labels::

    python benchmarks/benchmark_fairness.py
    python benchmarks/benchmark_fairness.py --labels 1000 --draws 1 --seeds 10
"""

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skstylefeat.datasets import make_faces, render_faces, sample_attributes
from skstylefeat.directions import NuisanceProjection
from skstylefeat.experiments import photo_features, recipe_predictions
from skstylefeat.features import HOGDescriptor
from skstylefeat.metrics import counterfactual_scores

LIGHT, DARK = 0.1, 0.9
N_PAIRS = 100
#: Percent of wrong light faces below which a ratio of errors says nothing.
FEWEST_WRONG = 0.1


def features_of(images):
    """Return rows of images by space, and the columns of the blocks of "all"."""
    rows, codes, blocks = photo_features(images)
    spaces = {"HOG": HOGDescriptor().fit_transform(images), "W+": codes, "all": rows}
    spaces["S"], spaces["maps"] = (rows[:, slice(*blocks[b])] for b in ("styles", "maps"))
    return spaces, blocks


def both_tones(n, seed):
    """Return the features of the same faces in light and dark skin, and their labels.

    The pairs differ in nothing else.
    """
    faces = sample_attributes(n, random_state=seed)
    tones = (render_faces({**faces, "skin_tone": np.full(n, tone)}) for tone in (LIGHT, DARK))
    return [features_of(images)[0] for images in tones], label(faces)


def label(faces):
    """Return whether faces wear glasses."""
    return np.where(faces["glasses"] == "none", "none", "glasses")


def remover(variants, rows, blocks, n_components):
    """Return the function that removes the direction of skin tone from each block of rows."""
    projections = {
        (start, stop): NuisanceProjection(
            [variant[:, start:stop] for variant in variants], n_components
        ).fit(rows[:, start:stop])
        for start, stop in blocks.values()
    }

    def remove(X):
        return np.concatenate([p.transform(X[:, a:b]) for (a, b), p in projections.items()], axis=1)

    return remove


def logistic(X, y, labeled, new, *others):
    """Predict from standardized columns, whose scale all rows define."""
    scale = StandardScaler().fit(X)
    model = LogisticRegression(max_iter=2000).fit(scale.transform(X[labeled]), y[labeled])
    return [model.predict(scale.transform(rows)) for rows in (new, *others)]


def recipe(blocks, X, y, labeled, new, *others):
    """Predict by the readers of ``fit``."""
    known = np.full(len(y), None, dtype=object)
    known[labeled] = y[labeled]
    stacked = np.concatenate([new, *others])
    predicted = recipe_predictions(X, known, stacked, blocks, candidates=())[0]["fit"]
    return np.split(predicted.astype(y.dtype), 1 + len(others))


def seed_scores(seed, arguments):
    """Return errors and flips (n_draws, 3) of every reader, in percent, for faces of one seed."""
    train = make_faces(arguments.n_train, random_state=seed)
    y = label(train.attributes)
    features, blocks = features_of(train.images)
    (light, dark), truth = both_tones(arguments.n_test, seed + 1)
    pairs, _ = both_tones(N_PAIRS, seed + 2)

    readers = {f"{space} + logistic": (space, logistic) for space in ("HOG", "W+", "S", "maps")}
    readers["fit"] = "all", lambda *given: recipe(blocks, *given)
    scores = {}
    for name, (space, read) in readers.items():
        variants = [pair[space] for pair in pairs]
        parts = blocks if space == "all" else {space: (0, features[space].shape[1])}
        removed = remover(variants, features[space], parts, arguments.components)
        for title, change in (("kept", lambda X: X), ("removed", removed)):
            X, first, second = (change(part[space]) for part in (features, light, dark))
            found = scores[name, title] = []
            for draw in range(arguments.draws):
                rng = np.random.default_rng((seed, draw))
                labeled = rng.permutation(len(y))[: arguments.labels]
                predictions = read(X, y, labeled, first, second)
                pair = counterfactual_scores(predictions, [LIGHT, DARK], truth)
                found.append([100 * pair.error[0], 100 * pair.error[1], 100 * pair.flips])
            print(f"seed {seed}: {name}, {title}", np.mean(found, axis=0), flush=True)
    return scores


def main():
    """Print errors, flips, worst draws and the ratio of errors of every reader."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 20])
    parser.add_argument("--n-train", type=int, default=1000)
    parser.add_argument("--n-test", type=int, default=1000)
    parser.add_argument("--components", type=int, default=1)
    arguments = parser.parse_args()

    parts = [seed_scores(seed, arguments) for seed in arguments.seeds]
    scores = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    print(
        f"\n{arguments.labels} labels, {arguments.draws} draws of each of the seeds "
        f"{arguments.seeds}, {arguments.n_test} faces drawn twice; percent, mean ± standard error "
        "over the draws\n"
    )
    columns = "reader", "skin direction", "error, light", "error, dark", "worst draw, dark", "flips"
    rows = [[*columns, "ratio"], ["---", "---", *["--:"] * 5]]
    for key, found in scores.items():
        mean, error = found.mean(axis=0), found.std(axis=0) / np.sqrt(len(found))
        light, dark, flips = (f"{m:.2f} ± {e:.2f}" for m, e in zip(mean, error, strict=True))
        ratio = f"{mean[1] / mean[0]:.1f}" if mean[0] >= FEWEST_WRONG else "none"
        rows.append([*key, light, dark, f"{found[:, 1].max():.1f}", flips, ratio])
    print("\n".join(f"| {' | '.join(row)} |" for row in rows))


if __name__ == "__main__":
    main()
