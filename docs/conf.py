"""Sphinx configuration: ``sphinx-build -W docs docs/_build``."""

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
templates_path = ["_templates"]
exclude_patterns = ["_build"]
# References that stand for a whole docstring are not cited in its text.
suppress_warnings = ["ref.citation"]

html_theme = "pydata_sphinx_theme"
html_title = f"skstylefeat {release}"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
