"""The page "What is refused and why": each input is made and tried, and the page is up to date."""

import builtins
import importlib.util
import re
from pathlib import Path

import pytest

from skstylefeat import exceptions

DOCS = Path(__file__).parents[2] / "docs"
spec = importlib.util.spec_from_file_location("refused_inputs", DOCS / "refused_inputs.py")
refused = importlib.util.module_from_spec(spec)
spec.loader.exec_module(refused)

PAGE = refused.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", refused.CASES, ids=lambda case: case.title)
def test_the_page_quotes_what_the_package_says(case):
    kind, text = refused.outcome(case)
    assert "\n".join(refused.render(case, (kind, text))) in PAGE, (
        "run python docs/refused_inputs.py"
    )
    assert "\n" not in text and 20 < len(text) < 700
    if not re.fullmatch(r"4\d\d [\w ]+", kind):
        public = getattr(exceptions, kind, None) or getattr(builtins, kind)
        assert issubclass(public, (ValueError, FileNotFoundError, UserWarning))


def test_the_page_holds_all_cases_and_nothing_else():
    titles = re.findall(r"^\*\*(.*)\*\*$", PAGE, re.MULTILINE)
    assert titles == [case.title for case in refused.CASES] and len(titles) > 40
    assert PAGE.startswith(refused.INTRO)
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    assert "\nrefused\n" in index
