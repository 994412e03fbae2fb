"""Drawn displays as pictures for a report."""

import base64
import io
from typing import NamedTuple

DPI = 110


class Picture(NamedTuple):
    """A drawn display: its name, its caption and the bytes of the PNG file."""

    name: str
    caption: str
    png: bytes

    @property
    def data_uri(self):
        """The picture as a data URI, for a page without other files."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def draw(name, caption, display):
    """Save the figure of a display as a `Picture` and close it."""
    return save(name, caption, display.figure_)


def save(name, caption, figure):
    """Save a figure as a `Picture` and close it."""
    from matplotlib import pyplot as plt

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    plt.close(figure)
    return Picture(name, caption, buffer.getvalue())
