"""Readouts of codes and maps of rendered faces, and choices of annotation with 5 labels.

Reconstruction by the encoder and linear readouts of yaw, age and glasses from 1,000 labels, on
1,500 other faces of each seed, without and with the mirror image. Then the names of the unlabeled
faces of a seed from 5 labels, by the score that chooses the channels (4 labeled images per class),
by the queried image of a cluster, and after a second round. Seeds from 1000 on were used to make
choices, lower seeds only to report::

    python benchmarks/benchmark_rendered.py --seeds 5 6 1005 1006 --choice-seeds 1001 1002
"""

import argparse

import numpy as np
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import ChannelMISelector, ClusterAnnotator, StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.experiments import (
    ANOVA_SELECTION,
    N_PER_CLASS,
    answer_query,
    draw_per_class,
    psnr_of_latents,
    represent,
    second_round,
)

N_LABELED, N_FACES = 1_000, 2_500
PENALTIES = np.logspace(0, 5, 16)
N_BEST = 10
LABELS = 5


def readouts(inverters, seed):
    """Print PSNR and linear readouts of the codes, without and with the mirror image."""
    faces = make_faces(N_FACES, image_size=64, random_state=seed)
    images = faces.images / np.float32(255)
    codes = {mirror: inverter.transform(images) for mirror, inverter in inverters.items()}
    train, test = slice(None, N_LABELED), slice(N_LABELED, None)
    psnr = psnr_of_latents(inverters[None], codes[None][test], images[test])
    line = [f"{psnr:.2f} dB"]
    glasses = faces.attributes["glasses"] != "none"
    for name, y, model, mirror in (
        ("yaw R2", faces.attributes["yaw"], RidgeCV(PENALTIES), "difference"),
        ("age R2", faces.attributes["age"], RidgeCV(PENALTIES), "mean"),
        ("glasses accuracy", glasses, RidgeClassifierCV(PENALTIES), "mean"),
    ):
        read = []
        for rows in (codes[None], codes[mirror]):
            score = make_pipeline(StandardScaler(), model).fit(rows[train], y[train])
            read.append(f"{score.score(rows[test], y[test]):.3f}")
        line.append(f"{name} {read[0]} (and mirror {read[1]})")
    print(f"seed {seed}: {', '.join(line)}", flush=True)


def best_channels(pooled, y):
    """Return the `N_BEST` channels that separate the classes best by all labels."""
    means = np.stack([pooled[y == value].mean(axis=0) for value in (False, True)])
    within = np.mean([pooled[y == value].var(axis=0) for value in (False, True)], axis=0)
    return np.argsort(-np.square(means[1] - means[0]) / (within + 1e-12))[:N_BEST]


def share_named(names, y, labeled):
    """Return the accuracy of the names of the unlabeled faces."""
    free = np.setdiff1d(np.arange(len(y)), labeled)
    return np.mean(names[free] == y[free])


def choices(inverter, seed, n_draws):
    """Print the accuracy of the names by score of the channels, by query and by round."""
    faces = make_faces(N_LABELED, image_size=64, random_state=seed)
    frame = faces.attributes
    images, _ = represent(inverter, faces.images, faces.images[:1])
    levels = images.levels
    targets = {
        "glasses": frame["glasses"] != "none",
        "beard": frame["facial_hair"] == "beard",
        "age group": frame["age"] >= np.median(frame["age"]),
    }
    for target, y in targets.items():
        scores = {}
        for draw in range(n_draws):
            rows = draw_per_class(y, N_PER_CLASS, np.random.default_rng((seed, draw)))
            kept = {f"best {N_BEST} by all labels": (None, best_channels(images.pooled, y))}
            for name, maps, parameters in (
                ("ratio", images.maps, {}),
                ("anova", levels, {"score": "anova"}),
                ("anova, 20 in all", levels, ANOVA_SELECTION),
            ):
                selector = ChannelMISelector(n_samples_per_class=None, **parameters)
                selector.fit(maps[rows], y[rows])
                kept[name] = selector, selector.get_support(indices=True)
            for name, (selector, columns) in kept.items():
                features = images.pooled[:, columns]
                for query in ("random", "central"):
                    annotator = ClusterAnnotator(n_labels=LABELS, query=query, random_state=draw)
                    first = answer_query(annotator, features, features[:1], y, rows, selector)
                    found = {query: first.names}
                    if selector is not None:
                        second = second_round(first, levels, levels, y, draw)
                        found[f"{query}, second round"] = second.names
                    for variant, names in found.items():
                        share = share_named(names, y, first.labeled_rows)
                        scores.setdefault((name, variant), []).append(100 * share)
        print(f"seed {seed}, {target} (majority {100 * max(y.mean(), 1 - y.mean()):.1f} %)")
        for (name, variant), values in scores.items():
            print(f"  {name:24s} {variant:22s} {np.mean(values):5.1f} ± {np.std(values):4.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="*", type=int, default=[5, 6, 1005, 1006])
    parser.add_argument("--choice-seeds", nargs="*", type=int, default=[1001, 1002])
    parser.add_argument("--draws", type=int, default=20)
    args = parser.parse_args()
    face = make_faces(1, random_state=0).images
    inverters = {
        mirror: StyleGANInverter(mirror=mirror).fit(face) for mirror in (None, "mean", "difference")
    }
    for seed in args.seeds:
        readouts(inverters, seed)
    for seed in args.choice_seeds:
        choices(inverters[None], seed, args.draws)


if __name__ == "__main__":
    main()
