"""Recipe of ``fit``: predictions of other faces from few labels, by the reader that it chooses.

``python benchmarks/benchmark_fit.py --seeds 40 41 42 43 --draws 10`` renders 240 faces to learn
from and 200 to test with for each seed, inverts them, draws 12 and 24 labels at random, and prints
the tables of docs/guide/predictions.md. The recipe was chosen on seeds 0 to 4.
"""

import argparse
from collections import defaultdict

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import ClusterAnnotator, HyperplaneDistance, LatentRegressor, PseudoLabelClassifier
from skstylefeat.datasets import make_faces
from skstylefeat.directions import DiscriminantDirection
from skstylefeat.experiments import photo_features, recipe_predictions

N_PHOTOS, N_OTHERS = 240, 200


def represent(seed):
    """Return the features of 240 + 200 faces, their W+ codes, their blocks and their targets."""
    faces = [make_faces(n, random_state=10 * seed + k) for k, n in ((0, N_PHOTOS), (1, N_OTHERS))]
    images = np.concatenate([part.images for part in faces])
    rows, codes, blocks = photo_features(images)

    def column(name):
        return np.concatenate([np.asarray(part.attributes[name]) for part in faces])

    glasses = column("glasses").astype(str)
    targets = {
        "age": column("age").astype(float),
        "yaw": column("yaw").astype(float),
        "glasses": np.where(glasses == "none", "no", "yes"),
        "kind of glasses": glasses,
        "beard": np.where(column("facial_hair").astype(str) == "beard", "yes", "no"),
        "age group": np.where(column("age").astype(float) < 40, "under 40", "40 and over"),
    }
    return rows, codes, blocks, targets


def predict_numbers(X, codes, blocks, y, rows):
    """Return predictions of the other faces by method."""
    known = np.full(N_PHOTOS, np.nan)
    known[rows] = y[rows]
    train, test = X[:N_PHOTOS], X[N_PHOTOS:]
    found, recipe = recipe_predictions(train, known, test, blocks)
    low, high = recipe.predict_interval(test)
    found["mean of the labels"] = np.full(N_OTHERS, y[rows].mean())

    scaler = StandardScaler().fit(codes[:N_PHOTOS])
    ridge = RidgeCV(np.logspace(-3, 5, 17)).fit(scaler.transform(codes[rows]), y[rows])
    found["W+ and ridge"] = ridge.predict(scaler.transform(codes[N_PHOTOS:]))
    styles = slice(*blocks["styles"])
    plane = HyperplaneDistance(DiscriminantDirection(extremes=None))
    distance = make_pipeline(plane, LatentRegressor(n_refits=None)).fit(X[rows, styles], y[rows])
    found["distance from a plane in S (paper B)"] = distance.predict(test[:, styles])
    return found, recipe, (low, high)


def predict_classes(X, codes, blocks, y, rows):
    """Return predictions of the other faces by method."""
    known = np.full(N_PHOTOS, None, dtype=object)
    known[rows] = y[rows]
    train, test = X[:N_PHOTOS], X[N_PHOTOS:]
    found, recipe = recipe_predictions(train, known, test, blocks)
    names, counts = np.unique(y[rows], return_counts=True)
    found["commonest class"] = np.full(N_OTHERS, names[counts.argmax()])

    for name, rows_of in (("W+", codes), ("S", X[:, slice(*blocks["styles"])])):
        scaler = StandardScaler().fit(rows_of[:N_PHOTOS])
        model = LogisticRegression(C=100 / rows_of.shape[1], max_iter=1000)
        model.fit(scaler.transform(rows_of[rows]), y[rows])
        found[f"{name} and logistic"] = model.predict(scaler.transform(rows_of[N_PHOTOS:]))
    maps = slice(*blocks["maps"])
    annotator = ClusterAnnotator(8, query="labeled", random_state=0)
    clusters = PseudoLabelClassifier(annotator, random_state=0).fit(train[:, maps], known)
    found["clusters of all maps, pseudo labels (paper A)"] = clusters.predict(test[:, maps])
    return found, recipe


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[40, 41, 42, 43])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--labels", type=int, nargs="+", default=[12, 24])
    arguments = parser.parse_args()
    scores, extra = defaultdict(list), defaultdict(list)
    for seed in arguments.seeds:
        X, codes, blocks, targets = represent(seed)
        for target, y in targets.items():
            truth, is_number = y[N_PHOTOS:], y.dtype.kind == "f"
            for n in arguments.labels:
                for draw in range(arguments.draws):
                    rows = np.random.default_rng((seed, draw)).permutation(N_PHOTOS)[:n]
                    if len(np.unique(y[rows])) < 2:
                        extra["draws of one class", target, n].append(1)
                        continue
                    arrays = X, codes, blocks, y, rows
                    if is_number:
                        predicted, recipe, (low, high) = predict_numbers(*arrays)
                        covered = np.mean((low <= truth) & (truth <= high))
                        extra["coverage", target, n].append(covered)
                        estimate = np.abs(recipe.left_out_ - y[recipe.labeled_]).mean()
                    else:
                        predicted, recipe = predict_classes(*arrays)
                        estimate = 100 * np.mean(recipe.left_out_ == y[recipe.labeled_])
                    extra["score of the left-out labels", target, n].append(estimate)
                    promised = recipe.score_of_choice() * (1 if is_number else 100)
                    extra["the same without the luck of choice", target, n].append(promised)
                    extra[f"chosen: {recipe.candidate_}", target, n].append(1)
                    for method, values in predicted.items():
                        score = (
                            np.abs(values - truth).mean()
                            if is_number
                            else 100 * np.mean(values == truth)
                        )
                        scores[target, n, method].append(score)

    print("| target | labels | method | mean ± sd | worst |\n| --- | --- | --- | --- | --- |")
    for (target, n, method), values in scores.items():
        worst = max(values) if target in ("age", "yaw") else min(values)
        print(
            f"| {target} | {n} | {method} | {np.mean(values):.1f} ± {np.std(values):.1f} "
            f"| {worst:.1f} |"
        )
    print()
    for (what, target, n), values in extra.items():
        text = f"{len(values)} draws" if set(values) == {1} else f"{np.mean(values):.2f}"
        print(f"{target}, {n} labels, {what}: {text}")


if __name__ == "__main__":
    main()
