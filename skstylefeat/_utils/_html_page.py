"""Frame and style of the reports: pages in one self-contained HTML file."""

from collections.abc import Iterable
from html import escape

STYLE = """
:root { color-scheme: light; }
body { margin: 2.5rem auto; max-width: 74rem; padding: 0 1.2rem; color: #2b2b2b;
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; border-top: 1px solid #ddd; padding-top: 1.2rem; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
ul.headlines { padding-left: 1.1rem; max-width: 52rem; }
p.lead, .note, figcaption, dt { color: #6b6b6b; }
.note, figcaption { font-size: .87rem; max-width: 46rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { font-weight: 600; font-size: .85rem; color: #6b6b6b; border-bottom: 1px solid #bbb; }
th, td { text-align: right; padding: .28rem .8rem .28rem 0; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr + tr td { border-top: 1px solid #eee; }
.scroll { overflow-x: auto; }
figure { margin: 1.2rem 0 2rem; }
figure img { max-width: 100%; height: auto; display: block; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; }
dd { margin: 0; overflow-wrap: anywhere; }
"""


def page_frame(title: str, parts: Iterable[str], style: str = "") -> str:
    """Return a page of parts in HTML, with further rules of style."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )
