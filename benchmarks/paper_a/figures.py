"""Figures 1, 2, 4, 5 to 8 and 10 of paper A.

::

    python benchmarks/paper_a/figures.py                   # after tables.py; also --photos

Pictures go to ``runs/paper_a/NAME/*.png``. Those of rendered faces are copied to ``docs/images``
by ``--docs``; pictures of photos stay in the folder of the run. Figure 4's numbers are written to
``layers.json``; figures 6 to 8 are drawn from the files of `tables.py`.
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import matplotlib
import numpy as np
from data import add_data_arguments, runs_folder
from matplotlib import pyplot as plt
from names import TITLES
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler
from sources import add_source_arguments, make_bench
from tables import run_facts

from skstylefeat.experiments import N_PER_CLASS, draw_per_class
from skstylefeat.features import ChannelMISelector

DOCS = Path(__file__).parents[2] / "docs" / "images"
TSNE_SOURCES = (("stylegan", True), ("stylegan", False), ("mae", True), ("vqvae", True))
MAP_SOURCES = ("stylegan", "vqvae")
N_MAPS = 6
COLORS = ("#2a6f97", "#e07a1f", "#5b8c3e", "#8a4f9e", "#777777", "#b03a48")
DPI = 90


def separating_rows(bench, target, seed):
    """Return rows of 4 images per class."""
    rng = np.random.default_rng((seed, 0))
    return draw_per_class(target.y_train[bench.reserve], N_PER_CLASS, rng)


def tsne_figure(bench, target, args):
    """Figures 1, 5 and 10: chosen channels, all channels, and the comparators."""
    rows = separating_rows(bench, target, args.random_state)
    shown = [(name, chosen) for name, chosen in TSNE_SOURCES if name in bench.sources]
    figure, axes = plt.subplots(1, len(shown), figsize=(3 * len(shown), 3.3), layout="constrained")
    classes = np.unique(target.y_train)
    for axis, (name, chosen) in zip(axes, shown, strict=True):
        source = bench.sources[name]
        features = source.pool["max"]
        if chosen:
            features = features[:, fitted(bench, source, target, rows).get_support()]
        features = StandardScaler().fit_transform(features)
        places = TSNE(init="pca", perplexity=30, random_state=0).fit_transform(features)
        for value, color in zip(classes, COLORS, strict=False):
            axis.scatter(*places[target.y_train == value].T, s=5, color=color, label=str(value))
        axis.set_title(f"{TITLES[name]}, {'chosen' if chosen else 'all'} channels", fontsize=10)
        axis.set_xticks([])
        axis.set_yticks([])
    axes[0].legend(fontsize=8, markerscale=2)
    return figure


def fitted(bench, source, target, rows):
    """Return the selector of a source, fitted on the labeled rows of the reserve."""
    y = target.y_train[bench.reserve]
    return ChannelMISelector(n_samples_per_class=None).fit(source.maps[rows], y[rows])


def maps_figure(bench, target, args):
    """Figure 2: maps of the best channels for the labeled images."""
    rows = separating_rows(bench, target, args.random_state)
    images = bench.collection.pool[bench.reserve[rows]]
    names = [name for name in MAP_SOURCES if name in bench.sources]
    height = 1 + N_MAPS * len(names)
    figure, axes = plt.subplots(
        height, len(rows), figsize=(0.95 * len(rows), 0.95 * height), layout="constrained"
    )
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    for column, image in enumerate(images):
        axes[0, column].imshow(image)
        axes[0, column].set_title(str(target.y_train[bench.reserve[rows[column]]]), fontsize=7)
    for block, name in enumerate(names):
        source = bench.sources[name]
        best = best_channels(fitted(bench, source, target, rows))
        for line, (layer, channel) in enumerate(best, start=1 + block * N_MAPS):
            maps = source.maps[rows].layer(layer)[:, channel]
            for axis, values in zip(axes[line], maps, strict=True):
                axis.imshow(values, cmap="viridis", vmin=maps.min(), vmax=maps.max())
            axes[line, 0].set_ylabel(f"{TITLES[name]}\n{layer}:{channel}", fontsize=6)
    return figure


def best_channels(selector):
    """Return (layer, channel): the best of each layer, then the second best of each."""
    ranked = {}
    for row in selector.score_table():
        ranked.setdefault(str(row["layer"]), []).append(str(row["channel"]))
    turns = [names[place] for place in range(N_MAPS) for names in ranked.values()]
    pairs = [name.rsplit(":", 1) for name in turns[:N_MAPS]]
    return [(layer, int(channel)) for layer, channel in pairs]


def layer_scores(bench, args, n_draws):
    """Figure 4: mean over the channels of a layer of ``a - r``, for every source and draw.

    Returns
    -------
    list of dict
        Target, source, layer, its side, and mean and standard deviation over the draws.
    """
    rows = []
    for target in bench.collection.targets:
        y = target.y_train[bench.reserve]
        for name, source in bench.sources.items():
            if source.maps is None:
                continue
            drawn = []
            for draw in range(n_draws):
                rng = np.random.default_rng((args.random_state, draw))
                labeled = draw_per_class(y, N_PER_CLASS, rng)
                drawn.append(fitted(bench, source, target, labeled).layer_disentanglement_)
            for layer in source.maps.layers:
                values = [found[layer.name] for found in drawn]
                row = {"target": target.name, "source": name, "layer": layer.name}
                row |= {"side": layer.height, "mean": float(np.mean(values))}
                rows.append(row | {"sd": float(np.std(values)), "n_draws": n_draws})
    return rows


def layers_figure(rows):
    """Draw figure 4 from `layer_scores`."""
    targets = list(dict.fromkeys(row["target"] for row in rows))
    figure, axes = plt.subplots(
        1, len(targets), figsize=(3.6 * len(targets), 3.2), sharey=True, layout="constrained"
    )
    for axis, target in zip(np.atleast_1d(axes), targets, strict=True):
        names = dict.fromkeys(row["source"] for row in rows)
        for name, color in zip(names, COLORS, strict=False):
            line = [row for row in rows if (row["target"], row["source"]) == (target, name)]
            means, sds = ([row[key] for row in line] for key in ("mean", "sd"))
            places = np.linspace(0, 1, len(line))
            axis.errorbar(places, means, sds, color=color, label=TITLES[name], capsize=2, lw=1.2)
        axis.axhline(0, color="#aaaaaa", lw=0.8)
        axis.set_title(target, fontsize=10)
        axis.set_xlabel("depth: first to last layer")
        axis.set_xticks([])
    np.atleast_1d(axes)[0].set_ylabel("IntraMI - InterMI in nats")
    handles = np.atleast_1d(axes)[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=len(names), fontsize=8)
    return figure


def curves_figure(folder, part, metrics, methods, label):
    """Draw accuracies of `tables.py`: one row per metric, one column per target.

    Parameters
    ----------
    folder : path
    part : str or tuple of str
        Files to read.
    metrics : dict of str to str
        Title of the horizontal axis by metric.
    methods : dict of str to str
        Title by method.
    label : str
        Label of the vertical axis.
    """
    parts = (part,) if isinstance(part, str) else part
    missing = [name for name in parts if not (folder / f"{name}.json").is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} has no {missing[0]}.json; run tables.py first.")
    read = [json.loads((folder / f"{name}.json").read_text()) for name in parts]
    scores = [row for one in read for row in one["scores"]]
    targets = list(dict.fromkeys(row["target"] for row in scores))
    figure, axes = plt.subplots(
        len(metrics),
        len(targets),
        figsize=(3.4 * len(targets), 2.8 * len(metrics)),
        squeeze=False,
        layout="constrained",
    )
    for line, (metric, title) in zip(axes, metrics.items(), strict=True):
        for axis, target in zip(line, targets, strict=True):
            for (method, name), color in zip(methods.items(), COLORS, strict=False):
                key = (target, method, metric)
                found = [row for row in scores if _key(row) == key and row["n"] > 0]
                found.sort(key=lambda row: row["n"])
                x, mean, sd = (np.array([row[k] for row in found]) for k in ("n", "mean", "sd"))
                axis.errorbar(x, 100 * mean, 100 * sd, color=color, label=name, capsize=2, lw=1.2)
            share = 100 * read[0]["facts"]["majority"][target]
            axis.axhline(share, color="#aaaaaa", lw=0.9, ls="--", label="majority")
            ticks = sorted({row["n"] for row in scores if row["metric"] == metric and row["n"] > 0})
            axis.set_xscale("log")
            axis.set_xticks(ticks, [str(n) for n in ticks], fontsize=7, rotation=45)
            axis.minorticks_off()
            axis.set_xlabel(title, fontsize=9)
            axis.set_title(target, fontsize=10)
        line[0].set_ylabel(label)
    axes[0, 0].legend(fontsize=7)
    return figure


def _key(row):
    return row["target"], row["method"], row["metric"]


def score_figures(folder):
    """Return the figures that are drawn from files of `tables.py`, by name."""
    return {
        "annotation-grid": curves_figure(
            folder,
            "grid",
            {
                "annotation by n": "labels per cluster, 10 clusters",
                "annotation by k": "clusters, 3 labels each",
            },
            {"stylegan": "StyleGAN2", "mae": "MAE"},
            "annotation accuracy, %",
        ),
        "resnet": curves_figure(
            folder,
            ("budgets", "regressions", "resnet"),
            {"classification": "labels"},
            {
                "stylegan": "StyleGAN2, pseudo labels",
                "resnet": "ResNet-18 on the labels",
                "stylegan weighted": "weighted channels",
                "styles mirror": "S codes and mirror",
            },
            "accuracy, %",
        ),
        "pooling": curves_figure(
            folder,
            "budgets",
            {"classification": "labels"},
            {"stylegan": "maximum", "stylegan mean": "mean"},
            "accuracy, %",
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    add_source_arguments(parser)
    parser.add_argument("--draws", type=int, default=20, help="draws of figure 4")
    parser.add_argument("--docs", action="store_true", help="copy to docs/images: rendered faces")
    args = parser.parse_args()
    args.jobs = 1
    if args.docs and args.data:
        parser.error(
            "--docs is for rendered faces: pictures of photos are not stored in the project."
        )
    matplotlib.use("Agg")
    start = time.monotonic()
    folder = runs_folder(args)
    figures = score_figures(folder)  # first, so that a missing file is reported before the work
    bench = make_bench(args)
    rows = layer_scores(bench, args, args.draws)
    figures["layers"] = layers_figure(rows)
    for target in bench.collection.targets:
        name = target.name.replace(" ", "-")
        figures[f"tsne-{name}"] = tsne_figure(bench, target, args)
        figures[f"maps-{name}"] = maps_figure(bench, target, args)
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=DPI)
        plt.close(figure)
        if args.docs:
            shutil.copyfile(path, DOCS / f"paper-a-{name}.png")
    facts = bench.facts | run_facts(args, time.monotonic() - start)
    (folder / "layers.json").write_text(json.dumps({"facts": facts, "rows": rows}, indent=1) + "\n")
    print(f"{len(figures)} figures in {folder}: {facts['seconds']} s")


if __name__ == "__main__":
    main()
