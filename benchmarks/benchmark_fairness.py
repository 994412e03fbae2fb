"""Glasses on faces of light and of dark skin: errors and flips from few labels.

Every test face is rendered twice, with skin tones 0.1 and 0.9 and everything else equal. Models
read `--labels` random faces of a training set, drawn again and again. Each reads its rows as they
are, and without the direction of skin tone: `NuisanceProjection` of pairs of other rendered faces,
which carry no label. Seeds below 1,000,000 are unknown to the bundled networks::

    python benchmarks/benchmark_fairness.py --labels 100 --draws 20
"""

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skstylefeat.datasets import make_faces, render_faces, sample_attributes
from skstylefeat.directions import NuisanceProjection
from skstylefeat.experiments import photo_features, recipe_predictions
from skstylefeat.metrics import counterfactual_scores

LIGHT, DARK = 0.1, 0.9
N_PAIRS = 250


def with_tone(attributes, tone):
    """Return the features of faces with one skin tone for all of them."""
    rows, codes, blocks = photo_features(render_faces({**attributes, "skin_tone": tone}))
    return {"W+": codes, "S": rows[:, slice(*blocks["styles"])]} | {
        "maps": rows[:, slice(*blocks["maps"])],
        "all": rows,
    }


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
    predicted = recipe_predictions(X, known, stacked, blocks)[0]["fit"]
    return np.split(predicted.astype(y.dtype), 1 + len(others))


def main():
    """Print errors, flips and the ratio of errors of every reader."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-train", type=int, default=1000)
    parser.add_argument("--n-test", type=int, default=250)
    parser.add_argument("--components", type=int, default=1)
    arguments = parser.parse_args()

    seed = arguments.seed
    train = make_faces(arguments.n_train, random_state=seed)
    y = np.where(train.attributes["glasses"] == "none", "none", "glasses")
    rows, codes, blocks = photo_features(train.images)
    features = {"W+": codes, "S": rows[:, slice(*blocks["styles"])]} | {
        "maps": rows[:, slice(*blocks["maps"])],
        "all": rows,
    }
    test = sample_attributes(arguments.n_test, random_state=seed + 1)
    truth = np.where(test["glasses"] == "none", "none", "glasses")
    light, dark = (with_tone(test, tone) for tone in (LIGHT, DARK))
    others = sample_attributes(N_PAIRS, random_state=seed + 2)
    pairs = [with_tone(others, tone) for tone in (LIGHT, DARK)]

    readers = {
        "W+ + logistic": ("W+", logistic),
        "S + logistic": ("S", logistic),
        "maps + logistic": ("maps", logistic),
        "fit": ("all", lambda *given: recipe(blocks, *given)),
    }
    print(f"{arguments.labels} labels, {arguments.draws} draws, {len(truth)} faces drawn twice; %")
    print(f"{'reader':18} {'skin direction':15} {'light':>12} {'dark':>12} {'flips':>12}  ratio")
    for name, (space, read) in readers.items():
        variants = [pair[space] for pair in pairs]
        parts = blocks if space == "all" else {space: (0, features[space].shape[1])}
        removed = remover(variants, features[space], parts, arguments.components)
        for title, change in (("kept", lambda X: X), ("removed", removed)):
            X, first, second = (change(part[space]) for part in (features, light, dark))
            found = []
            for draw in range(arguments.draws):
                rng = np.random.default_rng((seed, draw))
                labeled = rng.permutation(len(y))[: arguments.labels]
                predictions = read(X, y, labeled, first, second)
                scores = counterfactual_scores(predictions, [LIGHT, DARK], truth)
                found.append([*scores.error, scores.flips])
            mean, sd = 100 * np.mean(found, axis=0), 100 * np.std(found, axis=0)
            cells = " ".join(f"{m:5.1f} ± {s:4.1f}" for m, s in zip(mean, sd, strict=True))
            ratio = mean[1] / mean[0] if mean[0] else np.inf
            print(f"{name:18} {title:15} {cells}  {ratio:5.1f}", flush=True)


if __name__ == "__main__":
    main()
