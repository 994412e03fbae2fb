"""Report page in one self-contained HTML file."""

from html import escape
from typing import NamedTuple

STYLE = """
:root { color-scheme: light; }
body { margin: 2.5rem auto; max-width: 74rem; padding: 0 1.2rem; color: #2b2b2b;
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; border-top: 1px solid #ddd; padding-top: 1.2rem; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
ul.headlines { padding-left: 1.1rem; max-width: 52rem; }
.note, figcaption, dt { color: #6b6b6b; }
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


def table_html(table):
    """Return a `Table` as HTML, with the best value of each row in bold."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    best = table.best or [-1] * len(table.rows)
    body = "".join(
        "<tr>" + "".join(_cell(text, i == column) for i, text in enumerate(row)) + "</tr>"
        for row, column in zip(table.rows, best, strict=True)
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f"<h3>{escape(table.title)}</h3>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{note}"
    )


def _cell(text, bold):
    return f"<td><b>{escape(text)}</b></td>" if bold else f"<td>{escape(text)}</td>"


def picture_html(picture):
    """Return a `Picture` as an HTML figure with the image embedded."""
    return (
        f'<figure><img src="{picture.data_uri}" alt="{escape(picture.caption, quote=True)}">'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


class Section(NamedTuple):
    """Part of a page.

    Attributes
    ----------
    title : str
    text : str
        One paragraph, may be empty.
    tables : list of Table
    pictures : list of Picture
    """

    title: str
    text: str
    tables: list
    pictures: list


def page_html(title, headlines, sections, facts):
    """Return the page as text.

    Parameters
    ----------
    title : str
    headlines : list of str
        Sentences at the top of the page.
    sections : list of Section
    facts : dict of str to str
        Networks, data, options and software of the run.
    """
    made = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    parts = [
        f"<h1>{escape(title)}</h1>",
        '<ul class="headlines">' + "".join(f"<li>{escape(x)}</li>" for x in headlines) + "</ul>",
        *(_section_html(section) for section in sections),
        "<h2>How it was made</h2>",
        f"<dl>{made}</dl>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _section_html(section):
    text = f"<p>{escape(section.text)}</p>" if section.text else ""
    tables = "".join(table_html(table) for table in section.tables)
    pictures = "".join(picture_html(picture) for picture in section.pictures)
    return f"<section><h2>{escape(section.title)}</h2>{text}{tables}{pictures}</section>"
