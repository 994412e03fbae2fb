"""The table of formats: every format is read as its authors' code computes, and is in the page."""

import importlib.util
import warnings
from pathlib import Path

import pytest

from tests.support.networks import tiny_module

DOCS = Path(__file__).parents[3] / "docs"
spec = importlib.util.spec_from_file_location("format_table", DOCS / "format_table.py")
formats = importlib.util.module_from_spec(spec)
spec.loader.exec_module(formats)
PAGE = formats.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("key", formats.FAMILIES)
def test_the_format_is_read_as_its_authors_code_computes(key):
    family = formats.FAMILIES[key]
    errors = formats.measured(family)
    assert errors
    assert all(error <= family.within for error in errors.values()), errors
    row = formats.render({key: errors})[4]
    assert row in PAGE, "run python docs/format_table.py"


def test_the_page_holds_all_formats_and_nothing_else():
    rows = formats.table_of(PAGE).splitlines()[4:-2]
    titles = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    assert titles == [family.title for family in formats.FAMILIES.values()]


def test_errors_are_noticed(tmp_path, monkeypatch):
    """A network with other weights is far outside of the allowed error."""
    other = tiny_module(16, seed=99, channels=[8, 6, 4], z_dim=8, w_dim=8)
    monkeypatch.setattr(formats.upstream, "generator_module", lambda name: other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        errors = formats.FAMILIES["rosinality"].measure(tmp_path)
    assert min(errors.values()) > 1e-2
