"""The page docs/results/paper_a.md, from the files of the other scripts.

::

    python benchmarks/paper_a/page.py

The text is in ``page.md`` next to this script; ``{{ collection.table }}`` is replaced by a table,
so no number in a table is typed by hand. A collection without results is reported as such.
"""

import argparse
import re
from pathlib import Path

import paper
from names import RUNS, TITLES
from results import Results, markdown

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
SOURCES = ("stylegan", "mae", "vqvae", "random", "vgg16", "inception", "codes", "pca")
CLASSIFIERS = {
    "stylegan": "StyleGAN2, pseudo labels",
    "mae": "MAE, pseudo labels",
    "stylegan second round": "StyleGAN2, second round",
    "mae second round": "MAE, second round",
    "resnet": "ResNet-18",
}
READERS = {
    "codes logistic": "W+",
    "codes mirror": "W+ and mirror",
    "styles logistic": "S",
    "styles mirror": "S and mirror",
    "pca logistic": "PCA",
    "pca mirror": "PCA and mirror",
    "hog logistic": "HOG",
    "hog mirror": "HOG and mirror",
    "union logistic": "S + HOG",
    "union mirror": "S + HOG and mirror",
    **{
        f"{name} weighted{mirror}": f"{TITLES[name]} weighted{' and mirror' if mirror else ''}"
        for name in SOURCES
        if name not in ("codes", "pca")
        for mirror in ("", " mirror")
    },
}


def clustering(results):
    """Table 1."""
    header = ["", *results.targets()]
    rows = []
    for name in SOURCES:
        for method in (name, f"{name} all"):
            if not results.has(method, "ACC"):
                continue
            kind = "chosen" if method == name else "all"
            title = TITLES[name] if name in ("codes", "pca") else f"{TITLES[name]}, {kind} channels"
            cells = [
                " / ".join(results.cell(target, method, metric) for metric in ("ACC", "NMI", "ARI"))
                for target in results.targets()
            ]
            rows.append([title, *cells])
    majority = [results.cell(target, "majority", "ACC") for target in results.targets()]
    return markdown(header, [*rows, ["majority class", *majority]])


def without_choice(results):
    """Table 5: change of clustering accuracy without the choice of channels, in points."""
    rows = []
    for name in SOURCES:
        keys = [(target, name, "ACC", 0) for target in results.targets()]
        if not all(key in results.scores for key in keys):
            continue
        differences = [
            results.scores[target, f"{name} all", metric, n]["mean"]
            - results.scores[target, name, metric, n]["mean"]
            for target, _, metric, n in keys
        ]
        rows.append([TITLES[name], *(f"{100 * value:+.1f}" for value in differences)])
    return markdown(["", *results.targets()], rows)


def shots(results):
    """Table 4."""
    numbers = sorted({key[3] for key in results.scores if key[2] == "ACC by images"})
    rows = [
        [target, *(results.cell(target, "stylegan", "ACC by images", n) for n in numbers)]
        for target in results.targets()
    ]
    return markdown(["", *(f"{n} per class" for n in numbers)], rows)


def by_budget(results, metric, methods):
    """Tables 2, 3, 6 and 7: a block of rows for each target."""
    methods = {name: title for name, title in methods.items() if results.has(name, metric)}
    numbers = sorted({key[3] for key in results.scores if key[2] == metric and key[3] > 0})
    pool = results.parts["budgets"]["facts"]["pool"]
    rows = []
    for target in results.targets():
        balanced = "balanced " if metric.startswith("balanced") else ""
        share = results.cell(target, "majority", f"{balanced}classification")
        for n in numbers:
            cells = [results.cell(target, method, metric, n) for method in methods]
            rows.append([target, "all" if n == pool else n, share, *cells])
    return markdown(["", "labels", "majority", *methods.values()], rows)


def annotation(results, metric="annotation"):
    """Tables 2 and 6."""
    methods = {name: TITLES[name] for name in SOURCES}
    for name in ("stylegan", "mae"):
        for how in ("by level", "second round"):
            methods[f"{name} {how}"] = f"{TITLES[name]}, {how}"
    return by_budget(results, metric, methods)


def classification(results, metric="classification"):
    """Tables 3 and 7, and figure 7's network."""
    return by_budget(results, metric, CLASSIFIERS)


def regressions(results, metric="classification"):
    """Figure 7: logistic regressions on the same labels."""
    return by_budget(results, metric, READERS)


def pooling(results):
    """Figure 8."""
    return by_budget(
        results,
        "classification",
        {"stylegan": "maximum", "stylegan mean": "mean"},
    )


def grid(results):
    """Figure 6."""
    tables = []
    for metric, head in (
        ("annotation by n", "labels per cluster"),
        ("annotation by k", "clusters"),
    ):
        numbers = sorted({key[3] for key in results.scores if key[2] == metric})
        rows = [
            [target, TITLES[name], *(results.cell(target, name, metric, n) for n in numbers)]
            for target in results.targets()
            for name in ("stylegan", "mae")
        ]
        tables.append(markdown(["", head, *map(str, numbers)], rows))
    return "\n\n".join(tables)


def layers(results):
    """Figure 4: the mean of ``a - r`` over the first, middle and last third of the layers."""
    rows = results.parts["layers"]["rows"]
    table = []
    for target, source in dict.fromkeys((row["target"], row["source"]) for row in rows):
        line = [row for row in rows if (row["target"], row["source"]) == (target, source)]
        thirds = [line[len(line) * i // 3 : len(line) * (i + 1) // 3] or line for i in range(3)]
        cells = [
            f"{1000 * sum(r['mean'] for r in part) / len(part):.1f} "
            f"± {1000 * sum(r['sd'] for r in part) / len(part):.1f}"
            for part in thirds
        ]
        table.append([target, TITLES[source], *cells])
    return markdown(["", "source", "first third", "middle", "last third"], table)


def known(results):
    """Bias and deviation of every estimate on pixels of a bivariate normal distribution."""
    return _estimates(
        [row for row in results.parts["estimators"]["known"] if row["rho"] in (0.0, 0.6)],
        lambda row: (f"rho {row['rho']}", row["side"]),
        lambda row: f"{row['bias']:+.3f} ± {row['sd']:.3f}",
        ["", "side"],
    )


def smooth(results):
    """Distance of related from unrelated smooth maps."""
    return _estimates(
        results.parts["estimators"]["smooth"],
        lambda row: (row["copy"], row["side"]),
        lambda row: f"{row['apart']:.1f}",
        ["copy", "side"],
    )


def _estimates(rows, key, cell, header):
    names = list(dict.fromkeys(row["estimate"] for row in rows))
    cells = {(key(row), row["estimate"]): cell(row) for row in rows}
    table = [
        [*place, *(cells.get((place, name), "-") for name in names)]
        for place in sorted({key(row) for row in rows})
    ]
    return markdown([*header, *names], table)


def bins(results):
    """Root mean squared error by number of bins; the default in bold."""
    rows = results.parts["estimators"]["bins"]
    numbers = sorted({row["bins"] for row in rows})
    table = []
    for side in sorted({row["side"] for row in rows}):
        found = {row["bins"]: row for row in rows if row["side"] == side}
        cells = []
        for n in numbers:
            text = f"{found[n]['rmse']:.3f}" if n in found else "-"
            cells.append(f"**{text}**" if n in found and found[n]["default"] else text)
        table.append([f"{side} x {side}", *cells])
    return markdown(["", *(f"{n} bins" for n in numbers)], table)


def stability(results):
    """Channels chosen by 4 images per class, compared with those of 64."""
    table = [
        [
            row["target"],
            row["estimate"],
            f"{100 * row['overlap']:.1f} ± {100 * row['overlap sd']:.1f}",
            f"{100 * row['chance']:.1f}",
            f"{100 * (row['overlap'] - row['chance']):+.1f}",
            f"{row['rank correlation']:.2f}",
            *(f"{row[f'separation of {who}']:.2f}" for who in ("chosen", "many", "all")),
            f"{row['best separation']:.2f}",
        ]
        for row in results.parts["estimators"]["stability"]
    ]
    header = ["", "estimate", "overlap, %", "chance, %", "margin", "rank correlation"]
    separations = ["by 4 per class", "by 64 per class", "all channels", "best possible"]
    return markdown([*header, *separations], table)


def equal_budget(results):
    """Clusters, names and readings by an encoder trained for as long as the comparators."""
    bundled = Results(results.folder.parent / "faces")
    rows = {
        "StyleGAN2, bundled encoder": (bundled, "stylegan", "styles"),
        "StyleGAN2, encoder of half an hour": (results, "stylegan", "styles"),
        "MAE": (bundled, "mae", ""),
        "VQVAE": (bundled, "vqvae", ""),
    }
    cells = {
        "clusters": ("{maps}", "ACC", 0),
        "names": ("{maps}", "annotation", 5),
        "names, by level": ("{maps} by level", "annotation", 5),
        "weighted and mirror": ("{maps} weighted mirror", "classification", 5),
        "S and mirror": ("{rows} mirror", "classification", 5),
    }
    table = []
    for target in results.targets():
        for title, (found, maps, read) in rows.items():
            methods = [(how.format(maps=maps, rows=read), *key) for how, *key in cells.values()]
            table.append([target, title, *(found.cell(target, *method) for method in methods)])
    return markdown(["", "source", *cells], table)


def facts(results):
    """Return date, networks, data and software of the run."""
    return results.facts()


def paper_clustering():
    """Table 1 of the paper."""
    rows = [
        [name, *(" / ".join(f"{value:g}" for value in cell) for cell in cells)]
        for name, cells in paper.CLUSTERING.items()
    ]
    return markdown(["paper", *paper.CLUSTERING_ATTRIBUTES], rows)


def _paper_budgets(quoted):
    header = [f"{attribute}, {name}" for attribute in paper.ATTRIBUTES for name in quoted]
    numbers = [*paper.LABELS, "all"]
    rows = []
    for i in range(max(len(lines) for lines in quoted.values())):
        cells = [lines[i][j] for j in range(3) for lines in quoted.values()]
        rows.append([numbers[i], *cells])
    return markdown(["paper: labels", *header], rows)


def paper_annotation():
    """Tables 2 and 6 of the paper."""
    return _paper_budgets(paper.ANNOTATION)


def paper_classification():
    """Tables 3 and 7 of the paper."""
    return _paper_budgets(paper.CLASSIFICATION)


def paper_shots():
    """Table 4 of the paper."""
    rows = [[name, *cells] for name, cells in paper.SHOTS_ACCURACY.items()]
    return markdown(["paper, FFHQ", *(f"{n} per class" for n in paper.SHOTS)], rows)


def paper_without_choice():
    """Table 5 of the paper."""
    rows = [[name, *cells.values()] for name, cells in paper.WITHOUT_CHOICE.items()]
    return markdown(["paper", *paper.WITHOUT_CHOICE["SG2 (FFHQ)"]], rows)


TABLES = {
    "clustering": clustering,
    "without_choice": without_choice,
    "shots": shots,
    "annotation": annotation,
    "balanced_annotation": lambda results: annotation(results, "balanced annotation"),
    "classification": classification,
    "balanced_classification": lambda results: classification(results, "balanced classification"),
    "regressions": regressions,
    "balanced_regressions": lambda results: regressions(results, "balanced classification"),
    "pooling": pooling,
    "grid": grid,
    "layers": layers,
    "known": known,
    "smooth": smooth,
    "bins": bins,
    "stability": stability,
    "equal_budget": equal_budget,
    "facts": facts,
}
PAPER = {
    "clustering": paper_clustering,
    "annotation": paper_annotation,
    "classification": paper_classification,
    "shots": paper_shots,
    "without_choice": paper_without_choice,
}
NEEDS = {
    **dict.fromkeys(("clustering", "without_choice"), "clustering"),
    **dict.fromkeys(("known", "smooth", "bins", "stability"), "estimators"),
    **{name: name for name in ("shots", "regressions", "grid", "layers")},
    "balanced_regressions": "regressions",
    "facts": "clustering",
}


def image(name):
    """Return a picture of the rendered faces, if `figures.py --docs` has drawn it."""
    path = DOCS / "images" / f"paper-a-{name}.png"
    if not path.is_file():
        return f"(Not drawn: {name}.)"
    return f"![{name.replace('-', ' ')}](../images/{path.name})"


def fill(match, folders):
    """Return the table for a placeholder in the text."""
    collection, name = match[1], match[2]
    if collection == "paper":
        return PAPER[name]()
    if collection == "image":
        return image(name)
    results = Results(folders[collection])
    if NEEDS.get(name, "budgets") not in results.parts:
        return f"(Not run on these images: {NEEDS.get(name, 'budgets')}.)"
    return TABLES[name](results)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder of the collections")
    parser.add_argument("--out", type=Path, default=DOCS / "results" / "paper_a.md")
    args = parser.parse_args()
    folders = {name: args.runs / name for name in ("faces", "celeba", "half_hour")}
    text = (HERE / "page.md").read_text(encoding="utf-8")
    page = re.sub(r"\{\{ (\w+)\.([\w-]+) \}\}", lambda match: fill(match, folders), text)
    args.out.write_text(page, encoding="utf-8")
    print(f"Wrote {args.out}.")


if __name__ == "__main__":
    main()
