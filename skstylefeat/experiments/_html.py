"""Report page in one self-contained HTML file."""

from html import escape

STYLE = """
:root { color-scheme: light; }
body { margin: 2.5rem auto; max-width: 74rem; padding: 0 1.2rem; color: #2b2b2b;
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; }
h2 { font-size: 1.15rem; margin: 2.6rem 0 .6rem; }
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


def table_html(table):
    """Return a `Table` as HTML."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f"<h2>{escape(table.title)}</h2>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{note}"
    )


def picture_html(picture):
    """Return a `Picture` as an HTML figure with the image embedded."""
    return (
        f'<figure><img src="{picture.data_uri}" alt="{escape(picture.caption, quote=True)}">'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )


def page_html(title, lead, tables, pictures, facts):
    """Return the page as text.

    Parameters
    ----------
    title, lead : str
    tables : list of Table
    pictures : list of Picture
    facts : dict of str to str
        Networks, data, options and software of the run.
    """
    made = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{escape(lead)}</p>',
        *(table_html(table) for table in tables),
        "<h2>Pictures</h2>",
        *(picture_html(picture) for picture in pictures),
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
