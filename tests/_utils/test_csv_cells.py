import pytest

from skstylefeat._utils._csv_cells import escape_cell, unescape_cell

TEXTS = [
    "",
    "yes",
    "=1+1",
    "+1.png",
    "-2.png",
    "@SUM(1)",
    "\tx",
    "\rx",
    "'",
    "'yes",
    "''=1",
    "\uff1d1",
]
NUMBERS = ["-2", "+3.5", "-.5", "-1e-05", "1", "0.25"]


@pytest.mark.parametrize("text", [*TEXTS, *NUMBERS, *(f"'{text}" for text in TEXTS + NUMBERS)])
def test_cells_survive_a_round_trip(text):
    assert unescape_cell(escape_cell(text)) == text
    assert not escape_cell(text).startswith(tuple("=@\t\r\uff1d"))


@pytest.mark.parametrize("text", ["=1+1", "+1.png", "-2.png", "-2+3", "@SUM(1)", "\tx", "\rx"])
def test_formulas_get_a_quote(text):
    assert escape_cell(text) == "'" + text


@pytest.mark.parametrize("text", [*NUMBERS, "yes", "'tis", ""])
def test_other_cells_stay_as_they_are(text):
    assert escape_cell(text) == text
    assert unescape_cell(text) == text


def test_numbers_are_written_as_texts():
    assert escape_cell(-2) == "-2"
    assert escape_cell(7.5) == "7.5"
