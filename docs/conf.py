"""Sphinx configuration: ``sphinx-build -W docs docs/_build``."""

import re

import skstylefeat

project = "skstylefeat"
author = "skstylefeat developers"
copyright = "2026, skstylefeat developers"
version = release = skstylefeat.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autosummary_generate = True
numpydoc_show_class_members = False
# Docstrings describe the types, so signatures show names and defaults only.
autodoc_typehints = "none"
templates_path = ["_templates"]
exclude_patterns = ["_build"]
# References for a whole docstring are not cited in its text.
suppress_warnings = ["ref.citation"]

html_theme = "pydata_sphinx_theme"
html_title = f"skstylefeat {release}"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}

# scikit-learn adds these methods to every estimator; their texts link to its own pages.
ROUTING = re.compile(r"set_\w+_request|get_metadata_routing|set_output")
# A fitted attribute such as coef_ in running text, which reStructuredText would read as a link.
FITTED = re.compile(r"(?<![\w`*.\]])([A-Za-z]\w*)_(?![\w`*])")


def skip_routing(app, what, name, obj, skip, options):
    """Leave out the methods that scikit-learn adds."""
    return True if ROUTING.fullmatch(name) else None


def escape_fitted(app, what, name, obj, options, lines):
    """Escape the trailing underscore of fitted attributes outside code."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split(r"(`+[^`]+`+)", line)
            parts[::2] = [FITTED.sub(r"\1\\_", part) for part in parts[::2]]
            lines[i] = "".join(parts)


def setup(app):
    """Register both handlers, the second to run after numpydoc."""
    app.connect("autodoc-skip-member", skip_routing)
    app.connect("autodoc-process-docstring", escape_fitted, priority=900)
