"""The page docs/results/paper_b.md: template.md with tables from the files of ``run.py``.

::

    python benchmarks/paper_b/page.py runs/paper_b
"""

import argparse
import json
from pathlib import Path

TEMPLATE = Path(__file__).with_name("template.md")
ROOT = Path(__file__).resolve().parents[2]
UNITS = {"yaw": "degrees", "pitch": "degrees", "age": "years", "smile": "share"}
#: Strength of an edit by text at which its side effects are stated.
SIDE_EFFECTS = 5


class Page:
    """Markdown of both data sets, part by part.

    Parameters
    ----------
    results : dict of str to dict
        Contents of the JSON files by name of the data set.
    """

    def __init__(self, results):
        self.results = results

    def cases(self, figure):
        """Yield (heading, attribute, numbers) for each attribute with this figure."""
        for name, result in self.results.items():
            for attribute, figures in result["attributes"].items():
                if figure in figures:
                    heading = f"{attribute}, {'rendered faces' if name == 'rendered' else name}"
                    yield heading, attribute, figures[figure]

    def curves(self, figure, part=None, measure="mae"):
        """Return a table of mean and sd from 2 to 1,000 labels for every case of a figure."""
        blocks = []
        for heading, attribute, found in self.cases(figure):
            table = found if part is None else found[part]
            unit = UNITS[attribute] if measure == "mae" else "R2"
            budgets = sorted({n for row in table.values() for n in row}, key=int)
            lines = [
                [name, *(_cell(row.get(n), measure) for n in budgets)]
                for name, row in table.items()
            ]
            head = [f"{heading} ({unit})", *(f"{n} labels" for n in budgets)]
            blocks.append(_markdown(head, lines))
        return "\n\n".join(blocks)

    def linearity(self):
        """Return the table of figure 1b."""
        lines = []
        for heading, _, found in self.cases("1b"):
            ceilings = self._of("ceilings", heading)
            for name, row in found.items():
                lines.append([heading, name, *(f"{row[k]:.3f}" for k in row)])
            for name, (_, r2) in ceilings.items():
                lines.append([heading, f"ridge on {name}, all values of the pool", f"{r2:.3f}"])
        head = ["", "distance", "R2 of a line", "Kendall tau", "Spearman"]
        return _markdown(head, [line + [""] * (len(head) - len(line)) for line in lines])

    def mirrored(self):
        """Return the lines of distances that use the mirror image."""
        lines = []
        for heading, _, found in self.cases("mirror"):
            for name, row in found["lines"].items():
                lines.append([heading, name, *(f"{row[k]:.3f}" for k in row)])
            ridge = f"{found['ceiling'][1]:.3f}"
            lines.append([heading, "ridge on W+ plane, all values of the pool", ridge, "", ""])
        return _markdown(["", "distance", "R2 of a line", "Kendall tau", "Spearman"], lines)

    def grades(self):
        """Return the tables of finer and more coarse labels."""
        blocks = []
        for heading, attribute, found in self.cases("grades"):
            budgets = sorted({n for row in found["curves"].values() for n in row}, key=int)
            head = [f"{heading} ({UNITS[attribute]})", "R2 of a line"]
            lines = [
                [
                    name,
                    f"{found['lines'][name]:.3f}",
                    *(_cell(row.get(n), "mae") for n in budgets),
                ]
                for name, row in found["curves"].items()
            ]
            blocks.append(_markdown([*head, *(f"{n} labels" for n in budgets)], lines))
        return "\n\n".join(blocks)

    def _of(self, figure, heading):
        return next((found for title, _, found in self.cases(figure) if title == heading), {})

    def networks(self):
        """Return the tables of figure 5: networks compared with the method from few labels."""
        blocks = []
        for heading, attribute, found in self.cases("5"):
            rows = {**found, "weighted distance": {}}
            for n, entry in self._of("3", heading).get("thirds", {}).get("weighted", {}).items():
                rows["weighted distance"][n] = entry
            for name, row in self._of("grades", heading).get("curves", {}).items():
                if name.startswith("W+ plane, fifths"):
                    title = name.replace("W+ plane", "distance with the mirror image")
                    rows[title] = row
            budgets = sorted({n for row in rows.values() for n in row}, key=int)
            lines = [
                [name, *(_cell(row.get(n), "mae") for n in budgets)] for name, row in rows.items()
            ]
            head = [f"{heading} ({UNITS[attribute]})", *(f"{n} labels" for n in budgets)]
            blocks.append(_markdown(head, lines))
        return "\n\n".join(blocks)

    def layers(self):
        """Return the table of figures 11 and 12 with the rank correlations."""
        blocks = []
        for heading, _, found in self.cases("11-12"):
            lines = [
                [
                    name,
                    f"{found['r2'][i]:.3f}",
                    f"{found['unnormalized'][i]:.3f}",
                    f"{found['importance'][i]:.3f} ± {found['std_error'][i]:.3f}",
                    f"{found['importance, as in the code'][i]:.3f}",
                ]
                for i, name in enumerate(found["names"])
            ]
            head = [heading, "R2 alone", "gradient", "importance", "the code's variant"]
            agreement = ", ".join(f"{k} {v:.2f}" for k, v in found["agreement"].items())
            note = f"Rank correlation of the importance with {agreement}."
            blocks.append(_markdown(head, lines) + "\n\n" + note)
        return "\n\n".join(blocks)

    def orders(self):
        """Return the table of figures 6 to 8."""
        lines = [
            [heading, name, f"{row['best']:.3f}", f"{row['direction']}"]
            for heading, _, found in self.cases("6-8")
            for name, row in found.items()
        ]
        head = ["", "directions without labels", "best rank correlation", "which"]
        return _markdown(head, lines)

    def text_orders(self):
        """Return the order by text, compared with the best of figures 6 to 8."""
        lines = []
        for heading, _, found in self.cases("text"):
            for name, row in found.get("lines", {}).items():
                lines.append([heading, name, *(f"{row[k]:.3f}" for k in row)])
            others = self._of("6-8", heading) if found else {}
            if others:
                best = max(others, key=lambda name: others[name]["best"])
                lines.append([heading, f"best of {best}", "", "", f"{others[best]['best']:.3f}"])
        return _markdown(["", "order by", "R2 of a line", "Kendall tau", "Spearman"], lines)

    def text_edits(self):
        """Return the readings of images whose codes are moved along a direction."""
        lines, strengths = [], []
        for heading, attribute, found in self.cases("text"):
            strengths = found.get("strengths", strengths)
            for name, row in found.get("edits", {}).items():
                low, high = strengths.index(-SIDE_EFFECTS), strengths.index(SIDE_EFFECTS)
                others = ", ".join(
                    f"{other} {values[high] - values[low]:+.1f}"
                    for other, values in row.items()
                    if other != attribute
                )
                lines.append([heading, name, *(f"{value:.1f}" for value in row[attribute]), others])
        head = [
            "",
            "moved along",
            *(f"{strength:+d} sd" if strength else "0" for strength in strengths),
        ]
        return _markdown([*head, f"others, {-SIDE_EFFECTS:+d} to {SIDE_EFFECTS:+d} sd"], lines)

    def zero_shot(self):
        """Return the accuracy of the image-text model on new faces."""
        found = next((row for _, _, row in self.cases("text") if row), {"model": {"zero-shot": {}}})
        lines = [
            [prompts, f"{100 * right:.1f}", f"{100 * larger:.1f}"]
            for prompts, (right, larger) in found["model"]["zero-shot"].items()
        ]
        return _markdown(["which fits better?", "right (%)", "larger class (%)"], lines)

    def accuracies(self):
        """Return table 3."""
        found = [(heading, row) for heading, _, row in self.cases("table 3")]
        names = list(dict.fromkeys(name for _, row in found for name in row))
        lines = [
            [name, *(f"{100 * row[name]:.1f}" if name in row else "" for _, row in found)]
            for name in names
        ]
        return _markdown(["accuracy (%)", *(heading for heading, _ in found)], lines)

    def generated(self):
        """Return the table of appendix C.3."""
        lines = [
            [heading, name, _cell(row, "mae"), _cell(row, "r2")]
            for heading, _, found in self.cases("C.3")
            for name, row in found.items()
        ]
        return _markdown(["", "predicts by", "mean absolute error", "R2"], lines)

    def intervals(self):
        """Return the coverage of the intervals."""
        lines = [
            [
                heading,
                n,
                f"{100 * row['coverage'][0]:.1f} ± {100 * row['coverage'][1]:.1f} %",
                f"{row['width']:.1f}",
                f"{row['draws']}",
            ]
            for heading, _, found in self.cases("intervals")
            for n, row in found.items()
        ]
        head = ["", "labels", "covered by nominal 90 %", "mean width", "draws"]
        return _markdown(head, lines)

    def facts(self):
        """Return date, networks, data and software of the run."""
        return "\n".join(
            f"- {name}: " + "; ".join(f"{key} {value}" for key, value in result["facts"].items())
            for name, result in self.results.items()
        )

    def write(self):
        """Return the page."""
        return TEMPLATE.read_text(encoding="utf-8").format(page=_Calls(self))


class _Calls:
    """Template access: ``{page[curves|3|thirds]}`` calls ``page.curves("3", "thirds")``."""

    def __init__(self, page):
        self.page = page

    def __getitem__(self, call):
        name, *arguments = call.split("|")
        return getattr(self.page, name)(*arguments)


def _cell(entry, measure):
    if entry is None:
        return ""
    mean, sd = entry[measure]
    digits = 2 if measure == "mae" else 3
    # Degree 5 on two labels may be off by millions.
    if abs(mean) >= 1e4:
        return f"{mean:.0e}"
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"


def _markdown(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="?", default=Path("runs/paper_b"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "paper_b.md")
    args = parser.parse_args()
    results = {}
    for name, file in (("rendered", "rendered.json"), ("UTKFace", "photos.json")):
        if (args.runs / file).exists():
            results[name] = json.loads((args.runs / file).read_text())
    if not results:
        parser.error(f"{args.runs} holds neither rendered.json nor photos.json: run run.py first")
    args.out.write_text(Page(results).write(), encoding="utf-8")
    print(f"Wrote {args.out}.")


if __name__ == "__main__":
    main()
