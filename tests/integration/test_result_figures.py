"""Figures of the result pages: current, shown on their page, and drawn from its numbers."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).parents[2] / "docs"
spec = importlib.util.spec_from_file_location("result_figures", DOCS / "result_figures.py")
drawn = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drawn)

PAGE = """# Page

| x | labels | ours | HOG |
|---|---|---|---|
| wrong section | 2 | 0 | 0 |

```bash
# no heading
```

## Table

| target | labels | ours | HOG |
|---|---|---|---|
| age | 2 | 1,000.5 ± 2.5 (majority 7) | **4** |
| age | 20 |  | 40 |
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(drawn, "DOCS", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(PAGE, encoding="utf-8")
    return path


@pytest.mark.parametrize("figure", drawn.FIGURES, ids=lambda figure: figure.name)
def test_figures_are_current_and_shown(figure):
    stored = drawn.path_of(figure).read_text(encoding="utf-8")
    assert stored == drawn.render(figure), "run python docs/result_figures.py"
    assert ElementTree.fromstring(stored).tag.endswith("svg")
    page = (DOCS / figure.page).read_text(encoding="utf-8")
    assert f"(../images/results-{figure.name}.svg)" in page


def test_every_result_page_has_a_figure():
    for page in (DOCS / "results").glob("*.md"):
        assert re.search(r"!\[[^\]]+\]\(\.\./images/", page.read_text(encoding="utf-8")), page


def test_templates_of_written_pages_show_the_same_figures():
    for template, page in (("paper_a/page.md", "paper_a"), ("paper_b/template.md", "paper_b")):
        text = (DOCS.parent / "benchmarks" / template).read_text(encoding="utf-8")
        shown = re.search(r"!\[.*results-.*", text)[0]
        assert shown in (DOCS / "results" / f"{page}.md").read_text(encoding="utf-8")


def test_cells_are_read_with_their_deviations(page):
    panel = drawn.Panel(("Page", "Table"), "target", kind="by_labels")
    places, series, _ = drawn.read(panel, "page.md")
    assert places == [2, 20]
    assert series == {"ours": [[(1000.5, 2.5)], []], "HOG": [[(4, 0)], [(40, 0)]]}
    assert drawn.values_of("4.2, -5.3 ± 0.1") == [(4.2, 0), (-5.3, 0.1)]
    assert drawn.values_of("-") == []


@pytest.mark.parametrize("kind", ["by_labels", "dots"])
def test_another_number_is_another_figure(page, kind):
    panel = drawn.Panel(("Page", "Table"), "target", series=("ours", "HOG"), kind=kind)
    figure = drawn.Figure("name", "page.md", "error", [panel])
    before = drawn.render(figure)
    page.write_text(PAGE.replace("**4**", "**5**"), encoding="utf-8")
    assert drawn.render(figure) != before


def test_dots_are_where_the_axis_says(page):
    panel = drawn.Panel(("Page", "Table"), "target", series=("HOG",))
    svg = drawn.render(drawn.Figure("name", "page.md", "error", [panel]))
    at = {text: float(x) for x, text in re.findall(r'<text x="([\d.]+)"[^>]*>(\d+)</text>', svg)}
    first, second = (float(x) for x in re.findall(r'<circle cx="([\d.]+)"', svg))
    unit = (at["40"] - at["0"]) / 40
    assert first == pytest.approx(at["0"] + 4 * unit, abs=0.2)
    assert second == pytest.approx(at["40"], abs=0.2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"headings": ("Page", "Other")}, "no table that begins"),
        ({"begins": "other"}, "no table that begins"),
        ({"series": ("theirs",)}, "no columns"),
        ({"where": "yaw"}, "no such rows"),
    ],
)
def test_a_table_that_has_changed_is_reported(page, changed, message):
    panel = drawn.Panel(("Page", "Table"), "target", series=("HOG",), kind="by_labels")
    figure = drawn.Figure("name", "page.md", "error", [replace(panel, **changed)])
    with pytest.raises(ValueError, match=message):
        drawn.render(figure)
