"""Figures of the pages of results, drawn from the tables of these pages.

Run from the repository: ``python docs/result_figures.py`` writes ``docs/images/results-*.svg``. A
test compares them with the pages, so a figure cannot contradict its table. Each figure says which
table it reads: by the headings above it and the beginning of its first line.
"""

import math
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

DOCS = Path(__file__).parent
IMAGES = DOCS / "images"

# Of medium lightness, so that they can be read on white and on black.
COLORS = ["#1f8fc0", "#dd7a20", "#8b8f94", "#3f9f62", "#a070c8", "#d05a6a", "#8a7b4f", "#d27ab0"]
TEXT, GRID = "#7b838c", "#7b838c"
WIDTH, FONT = 480, 13  # pixels; a phone shows two thirds of it
VALUE = re.compile(r"(?<![\d.])([-+]?\d[\d,]*(?:\.\d+)?)(?:\s*±\s*(\d+(?:\.\d+)?))?")
NOTE = re.compile(r"\s*\(.*?\)")
HEADING = re.compile(r"(#+) (.*)")


@dataclass(frozen=True)
class Table:
    """Headings above a table, its first line, and its rows."""

    headings: tuple[str, ...]
    header: list[str]
    rows: list[list[str]]

    def columns(self, names):
        """Return the numbers of the columns with these names."""
        missing = [name for name in names if name not in self.header]
        if missing:
            raise ValueError(f"the table has no columns {missing}, only {self.header}")
        return [self.header.index(name) for name in names]


@dataclass(frozen=True)
class Panel:
    """One diagram: the table that it reads, and how.

    With `series` the columns of these names are drawn, one color each; else all but the first
    `n_labels` and those in `without`. `where` keeps rows whose first cell begins with it.
    `by_labels` draws lines over the numbers in the second column. `transposed` draws the rows
    as lines over the numbers in the header.
    """

    headings: tuple[str, ...]
    begins: str
    title: str = ""
    where: str = ""
    series: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    kind: str = "dots"  # or "by_labels", "transposed"
    log: bool = False
    goal: str = ""  # the column that is drawn as a tick


@dataclass(frozen=True)
class Figure:
    """Name of the file, page of the tables, label of the axis of values, and the diagrams.

    The page shows its figure; other pages may show it, too.
    """

    name: str
    page: str
    label: str
    panels: list[Panel]
    across: str = ""  # label of the other axis, of lines


#: Columns of the table of photos that the diagram leaves out.
WITHOUT = ("majority", *(f"{name}, as fit reads" for name in ("HOG", "ONet", "dlib")))

FIGURES = [
    Figure(
        "photos",
        "results/photos.md",
        "balanced accuracy in %",
        [Panel(("Photos", "Where the codes lose"), "target, labels", without=WITHOUT)],
    ),
    Figure(
        "rendered",
        "results/rendered.md",
        "mean absolute error in degrees, years",
        [
            Panel(
                ("Rendered faces", "From a few values alone"),
                "|labels",
                title=title,
                where=target,
                series=("mean label", "PCA and mirror", "W+", "W+ and mirror", "S and mirror"),
                kind="by_labels",
            )
            for target, title in (("yaw", "yaw (degrees)"), ("age", "age (years)"))
        ],
        across="labels",
    ),
    Figure(
        "paper-a",
        "results/paper_a.md",
        "accuracy in %",
        [
            Panel(
                (
                    "Paper A: tables and figures",
                    "Tables 3 and 7, figure 7: classification",
                    images,
                ),
                "|labels|majority|StyleGAN2",
                title=f"{target}, {images}",
                where=target,
                kind="by_labels",
            )
            for target, images in (("glasses", "Rendered faces"), ("gender", "CelebA"))
        ],
        across="labels",
    ),
    Figure(
        "paper-b",
        "results/paper_b.md",
        "mean absolute error in degrees, years",
        [
            Panel(
                ("LARGE, figure by figure", "With the mirror image"),
                begins,
                title=begins,
                kind="transposed",
            )
            for begins in ("yaw, rendered faces (degrees)", "age, UTKFace (years)")
        ],
        across="labels",
    ),
    Figure(
        "ffhq-codes",
        "results/ffhq_codes.md",
        "balanced accuracy in %",
        [
            Panel(
                ("Codes of a 1024 px generator", "68 photos"),
                "target",
                series=("W+", "mean over the layers", "2-means, no label", "majority"),
            )
        ],
    ),
    Figure(
        "stylegan3",
        "results/stylegan3.md",
        "rank correlation, or AUC for classes",
        [Panel(("A small StyleGAN3", "The main job"), "|PCA distance")],
    ),
    Figure(
        "speed",
        "results/speed.md",
        "how many times faster or smaller than the competitor (tick: the goal)",
        [Panel(("Speed and memory",), "task", series=("ratio",), goal="goal", log=True)],
    ),
    Figure(
        "service",
        "guide/service.md",
        "requests per second",
        [Panel(("As a service",), "pipeline", series=("requests/s",), kind="by_labels")],
        across="clients",
    ),
]


def tables_of(text):
    """Return the `Table` objects of a page."""
    found, headings, block, is_code = [], [], [], False
    for line in [*text.splitlines(), ""]:
        is_code ^= line.startswith("```")
        heading = None if is_code else HEADING.fullmatch(line)
        if heading:
            headings = [*headings[: len(heading[1]) - 1], heading[2]]
        if line.startswith("|") and not is_code:
            block.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif block:
            found.append(Table(tuple(headings), block[0], block[2:]))
            block = []
    return found


def values_of(cell):
    """Return the (value, deviation) pairs of a cell; the deviation is 0 where there is none."""
    text = NOTE.sub("", cell.replace("**", ""))
    pairs = VALUE.findall(text)
    return [(float(value.replace(",", "")), float(sd or 0)) for value, sd in pairs]


def read(panel, page):
    """Return the names of rows or positions, the series, and the goals of a panel."""
    for table in tables_of((DOCS / page).read_text(encoding="utf-8")):
        if table.headings == panel.headings and "|".join(table.header).startswith(panel.begins):
            break
    else:
        raise ValueError(
            f"{page} has no table that begins with {panel.begins!r} under {panel.headings}: "
            "adapt FIGURES in docs/result_figures.py"
        )
    rows = [row for row in table.rows if row[0].startswith(panel.where)]
    if panel.kind == "transposed":
        places = [float(re.match(r"\d+", name)[0]) for name in table.header[1:]]
        return places, {row[0]: [values_of(cell) for cell in row[1:]] for row in rows}, []
    if panel.kind == "by_labels":
        rows = [row for row in rows if row[1].isdigit()]
        names = panel.series or table.header[2:]
        numbers = table.columns(names)
        if len(numbers) == 1:  # one line for each name in the first column
            targets = dict.fromkeys(row[0] for row in rows)
            places = sorted({float(row[1]) for row in rows})
            found = {(row[0], float(row[1])): values_of(row[numbers[0]]) for row in rows}
            return places, {t: [found.get((t, x), []) for x in places] for t in targets}, []
        series = {
            name: [values_of(row[number]) for row in rows]
            for name, number in zip(names, numbers, strict=True)
        }
        return [float(row[1]) for row in rows], series, []
    names = panel.series or [name for name in table.header[1:] if name not in panel.without]
    numbers = table.columns(names)
    goals = []
    if panel.goal:
        (goal,) = table.columns([panel.goal])
        rows = [row for row in rows if values_of(row[goal])]
        goals = [values_of(row[goal])[0][0] for row in rows]
    series = {
        name: [values_of(row[number]) for row in rows]
        for name, number in zip(names, numbers, strict=True)
    }
    return [row[0].replace("`", "") for row in rows], series, goals


class Scale:
    """Places of numbers on an axis, and its ticks."""

    def __init__(self, values, start, stop, *, log=False, from_zero=False):
        low, high = min(values), max(values)
        self.log = log
        if log:
            steps = [base * 10**k for k in range(-3, 6) for base in (1, 2, 5)]
            low = max(step for step in steps if step <= low)
            high = min(step for step in steps if step >= high)
            self.ticks = [step for step in steps if low <= step <= high]
        else:
            low = 0 if from_zero else low
            step = 10 ** math.floor(math.log10((high - low) or 1))
            step = next(s for s in (step / 5, step / 2, step, step * 2) if (high - low) / s <= 6)
            low, high = math.floor(low / step) * step, math.ceil(high / step) * step
            self.ticks = [low + i * step for i in range(round((high - low) / step) + 1)]
        self.low, self.high, self.start, self.stop = low, high, start, stop

    def __call__(self, value):
        """Return the place of a value in pixels."""
        value, low, high = (math.log(x) if self.log else x for x in (value, self.low, self.high))
        return self.start + (value - low) / (high - low) * (self.stop - self.start)


class Drawing:
    """Lines of an SVG file."""

    def __init__(self):
        self.parts = []

    def text(self, x, y, text, anchor="start", *, color=TEXT, size=FONT, turned=False):
        """Write a text; `y` is its base line."""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" '
            f'font-size="{size}"{turn}>{escape(text)}</text>'
        )

    def line(self, x1, y1, x2, y2, *, color=GRID, width=1.0, opacity=1.0):
        """Draw a line."""
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" '
            f'stroke-width="{width}" stroke-opacity="{opacity}"/>'
        )

    def dot(self, x, y, color):
        """Draw a dot."""
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{color}"/>')

    def path(self, points, color):
        """Draw a line through points."""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(
            f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="2"/>'
        )

    def legend(self, names, y):
        """Write the names of series in their colors; return the base line below."""
        x = 8
        for name, color in zip(names, COLORS, strict=False):
            width = 34 + 0.56 * FONT * len(name)
            if x > 8 and x + width > WIDTH:
                x, y = 8, y + 20
            self.dot(x + 5, y - 4, color)
            self.text(x + 15, y, name)
            x += width
        return y + 20

    def svg(self, height):
        """Return the file's text."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
            f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="system-ui, Arial, sans-serif">'
        )
        return "\n".join([head, *self.parts, "</svg>", ""])


def ends_of(series):
    """Return all values, less and plus their deviations."""
    pairs = [pair for cells in series.values() for cell in cells for pair in cell]
    return [value + sign * deviation for value, deviation in pairs for sign in (-1, 1)]


def draw_dots(drawing, y, panel, places, series, goals):
    """Draw one row for each name, the name above its dots; return the y below."""
    scale = Scale([*ends_of(series), *goals], 16, WIDTH - 16, log=panel.log)
    top, row = y, 40
    bottom = top + row * len(places)
    for tick in scale.ticks:
        drawing.line(scale(tick), top, scale(tick), bottom, opacity=0.25)
        drawing.text(scale(tick), bottom + 16, f"{tick:g}", "middle")
    for i, name in enumerate(places):
        middle = top + row * i + 28
        drawing.text(8, middle - 13, name, size=12)
        drawing.line(16, middle, WIDTH - 16, middle, opacity=0.4)
        for color, cells in zip(COLORS, series.values(), strict=False):
            for value, deviation in cells[i]:
                if deviation:
                    ends = scale(value - deviation), scale(value + deviation)
                    drawing.line(ends[0], middle, ends[1], middle, color=color, width=2)
                drawing.dot(scale(value), middle, color)
        if goals:
            drawing.line(scale(goals[i]), middle - 8, scale(goals[i]), middle + 8, width=2)
    return bottom + 20


def draw_lines(drawing, y, panel, places, series, label, across):
    """Draw a line for each series over the places; return the y below."""
    if panel.title:
        drawing.text(WIDTH / 2, y + 4, panel.title, "middle")
        y += 14
    values = ends_of(series)
    if "%" in label:
        values = [min(value, 100) for value in values]
    left, bottom = 56, y + 220
    vertical = Scale(values, bottom, y + 8, from_zero=min(values) < 0.3 * max(values))
    horizontal = Scale(places, left + 10, WIDTH - 16, log=True)
    for tick in vertical.ticks:
        drawing.line(left, vertical(tick), WIDTH - 8, vertical(tick), opacity=0.25)
        drawing.text(left - 6, vertical(tick) + 4, f"{tick:g}", "end")
    for place in places:
        drawing.text(horizontal(place), bottom + 18, f"{place:g}", "middle")
    drawing.text(WIDTH / 2, bottom + 36, across, "middle")
    drawing.text(14, (y + bottom) / 2, label, "middle", turned=True)

    for color, cells in zip(COLORS, series.values(), strict=False):
        points = []
        for place, cell in zip(places, cells, strict=True):
            for value, deviation in cell[:1]:
                x = horizontal(place)
                points.append((x, vertical(value)))
                if deviation:
                    low, high = value - deviation, min(value + deviation, vertical.high)
                    ends = vertical(low), vertical(high)
                    drawing.line(x, ends[0], x, ends[1], color=color, width=1.5, opacity=0.6)
        drawing.path(points, color)
        for point in points:
            drawing.dot(*point, color)
    return bottom + 52


def render(figure):
    """Return the SVG text of a figure."""
    drawing, y, names = Drawing(), 20.0, None
    for panel in figure.panels:
        places, series, goals = read(panel, figure.page)
        series = {name: cells for name, cells in series.items() if any(cells)}
        if not places or not series:
            raise ValueError(f"{figure.page}: the table {panel.begins!r} has no such rows")
        if len(series) > len(COLORS):
            raise ValueError(f"{figure.page}: {len(series)} series, but {len(COLORS)} colors")
        if list(series) != names and len(series) > 1:
            y = drawing.legend(series, y)
        names = list(series)
        if panel.kind == "dots":
            y = draw_dots(drawing, y, panel, places, series, goals)
        else:
            label = panel.title.partition("(")[2].rstrip(")") or figure.label
            y = draw_lines(drawing, y, panel, places, series, label, figure.across)
    if figure.panels[0].kind == "dots":
        drawing.text(WIDTH / 2, y + 12, figure.label, "middle")
        y += 24
    return drawing.svg(y)


def path_of(figure):
    """Return where the file of a figure lies."""
    return IMAGES / f"results-{figure.name}.svg"


def main():
    """Write all figures."""
    for figure in FIGURES:
        path_of(figure).write_text(render(figure), encoding="utf-8")
        print(path_of(figure))


if __name__ == "__main__":
    main()
