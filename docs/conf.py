"""Sphinx configuration: ``sphinx-build -W docs docs/_build``."""

import re
import sys
import urllib.request
from pathlib import Path

import skstylefeat

sys.path.insert(0, str(Path(__file__).parent))  # the renderer of formulas

project = "skstylefeat"
author = "skstylefeat developers"
copyright = "2026, skstylefeat developers"
version = release = skstylefeat.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "_math",
]
myst_enable_extensions = ["colon_fence", "dollarmath"]
html_math_renderer = "mathml"
myst_heading_anchors = 3
autosummary_generate = True
numpydoc_show_class_members = False
# Docstrings describe the types, so signatures show names and defaults only.
autodoc_typehints = "none"
templates_path = ["_templates"]
exclude_patterns = ["_build", "gallery_source"]
# References for a whole docstring are not cited in its text.
suppress_warnings = ["ref.citation"]

# The gallery runs in the build; each example ends with its script and its notebook.
sphinx_gallery_conf = {
    "examples_dirs": "gallery_source",
    "gallery_dirs": "gallery",
    "filename_pattern": "plot_",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skstylefeat",),
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "show_memory": False,
    "abort_on_example_error": True,
    "default_thumb_file": str(Path(__file__).parent / "images" / "overview.png"),
}

#: Pages whose names link to their documentation, where the network is to be had.
OTHER_PROJECTS = {
    "sklearn": "https://scikit-learn.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}


def reachable(url):
    """Return whether the names of a project can be read, so that builds need no network."""
    try:
        with urllib.request.urlopen(url + "objects.inv", timeout=5) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False


intersphinx_mapping = {name: (url, None) for name, url in OTHER_PROJECTS.items() if reachable(url)}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_title = f"skstylefeat {release}"
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 5,
}
toc_object_entries_show_parents = "hide"

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
