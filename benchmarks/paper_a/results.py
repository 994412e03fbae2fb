"""Results of the other scripts, read for the page."""

import json
from pathlib import Path


class Results:
    """The files of one collection."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.parts, self.scores = {}, {}
        for path in sorted(self.folder.glob("*.json")):
            self.parts[path.stem] = json.loads(path.read_text())
        for part in ("clustering", "shots", "budgets", "regressions", "grid", "resnet"):
            for row in self.parts.get(part, {}).get("scores", ()):
                self.scores[row["target"], row["method"], row["metric"], row["n"]] = row

    def targets(self):
        """Return the names of the targets, in order."""
        return list(dict.fromkeys(key[0] for key in self.scores))

    def has(self, method, metric):
        """Return whether there are scores of a method by a metric."""
        return any(key[1:3] == (method, metric) for key in self.scores)

    def cell(self, target, method, metric, n=0, bold=False):
        """Return mean and deviation in percent, or a dash."""
        row = self.scores.get((target, method, metric, n))
        if row is None:
            return "-"
        text = f"{100 * row['mean']:.1f}"
        if row["n_draws"] > 1 and row["sd"] > 1e-9:
            text += f" ± {100 * row['sd']:.1f}"
        return f"**{text}**" if bold else text

    def facts(self):
        """Return date, networks, data and software of the run, one per line."""
        parts = [name for name in ("estimators", "budgets", "clustering") if name in self.parts]
        facts = {}
        for name in parts:
            facts |= self.parts[name]["facts"]
        facts.pop("majority", None)
        seconds = sum(part["facts"]["seconds"] for part in self.parts.values() if "facts" in part)
        facts["seconds"] = f"{seconds}, all scripts together"
        return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def markdown(header, rows):
    """Return a table as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
