"""Report page in one self-contained HTML file."""

from html import escape

from skstylefeat._utils._html_page import page_frame


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
    return page_frame(title, parts)
