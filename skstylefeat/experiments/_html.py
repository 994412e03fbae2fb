"""Report page in one self-contained HTML file."""

from html import escape
from typing import NamedTuple

from skstylefeat._utils._html_page import page_frame


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
    return page_frame(title, parts)


def _section_html(section):
    text = f"<p>{escape(section.text)}</p>" if section.text else ""
    tables = "".join(table_html(table) for table in section.tables)
    pictures = "".join(picture_html(picture) for picture in section.pictures)
    return f"<section><h2>{escape(section.title)}</h2>{text}{tables}{pictures}</section>"
