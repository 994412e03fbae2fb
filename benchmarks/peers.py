"""Faults of published recipes that this package avoids, each on the same codes and labels.

::

    python benchmarks/peers.py

Rendered faces, whose yaw is known, are inverted by the bundled encoder. The recipes are written out
here from their descriptions; no code of others is run:

- LARGE's calibration saves layer weights that sum to 1/512 and fits scikit-learn's `ElasticNet()`
  to the distances as they are. The penalty, which acts on the slope, then leaves no slope.
- InterFaceGAN's boundary is a linear SVM with its default penalty on the codes as they are, so it
  depends on their scale.
"""

import argparse
import warnings

import numpy as np
from scipy.stats import spearmanr
from sklearn.linear_model import ElasticNet
from sklearn.metrics import mean_absolute_error
from sklearn.svm import SVC

from skstylefeat import LatentRegressor, StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.directions import DiscriminantDirection, LinearSVMDirection

SCALES = (1.0, 0.2, 0.05)
WEIGHT_SUM = 1 / 512


def calibration(distances, test, y, y_test, n_labels, n_draws):
    """Return errors of both calibrations, from the same random labels."""
    theirs, ours, slopes = [], [], []
    for draw in range(n_draws):
        rows = np.random.default_rng(draw).choice(len(y), n_labels, replace=False)
        model = ElasticNet().fit(WEIGHT_SUM * distances[rows, None], y[rows])
        slopes.append(float(model.coef_[0]))
        guess = model.predict(WEIGHT_SUM * test[:, None])
        theirs.append(mean_absolute_error(y_test, guess))
        guess = LatentRegressor(n_refits=None).fit(distances[rows, None], y[rows])
        ours.append(mean_absolute_error(y_test, guess.predict(test[:, None])))
    return theirs, ours, slopes


def boundaries(codes, test, labels, y_test, scale):
    """Return rank correlations of the yaw with both boundaries, from codes of another scale."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = SVC(kernel="linear").fit(scale * codes, labels)
        ours = LinearSVMDirection(validation_fraction=0, random_state=0).fit(scale * codes, labels)
    return [
        abs(spearmanr(model.decision_function(scale * test), y_test).statistic)
        for model in (theirs, ours)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=600, help="faces to learn from, and to score")
    parser.add_argument("--labels", type=int, default=20)
    parser.add_argument("--draws", type=int, default=50)
    args = parser.parse_args()
    faces, others, new = (make_faces(args.size, random_state=seed) for seed in (30, 31, 32))
    inverter = StyleGANInverter().fit(faces.images[:2])
    generator = inverter.generator_

    def codes_of(images):
        rows = inverter.transform(images).reshape(len(images), generator.n_ws, generator.w_dim)
        return rows.mean(axis=1)

    codes, pool, test = (codes_of(x.images) for x in (faces, others, new))
    yaw, y, y_test = (np.asarray(x.attributes["yaw"], dtype=float) for x in (faces, others, new))
    labels = yaw > np.median(yaw)
    plane = DiscriminantDirection().fit(
        codes, np.searchsorted(np.quantile(yaw, [1 / 3, 2 / 3]), yaw)
    )
    distances, test_distances = plane.decision_function(pool), plane.decision_function(test)

    theirs, ours, slopes = calibration(
        distances, test_distances, y, y_test, args.labels, args.draws
    )
    mean = mean_absolute_error(y_test, np.full(len(y_test), y.mean()))
    rows = [
        ["recipe", "measure", "published", "this package"],
        [
            "LARGE: calibration of distances",
            f"error of the yaw from {args.labels} labels, degrees (mean of the values {mean:.1f})",
            f"{np.mean(theirs):.1f} (largest slope {np.max(np.abs(slopes)):.2g})",
            f"{np.mean(ours):.1f}",
        ],
    ]
    for scale in SCALES:
        found = boundaries(codes, test, labels, y_test, scale)
        rows.append(
            [
                "InterFaceGAN: boundary",
                f"rank correlation with the yaw, codes times {scale:g}",
                *(f"{value:.3f}" for value in found),
            ]
        )
    rows.insert(1, ["---"] * 4)
    print("\n".join("| " + " | ".join(row) + " |" for row in rows))


if __name__ == "__main__":
    main()
