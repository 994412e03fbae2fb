"""Hostile tables of labels: each is read rightly or refused, in little memory, running nothing."""

import os

import pytest

from tests.support import hostile_tables
from tests.support.hostile_tables import EITHER, REFUSED, TRUTH
from tests.support.limited_process import read_files, summary

MEMORY = 600 << 20
#: Growth of memory by a table's size, and of an empty one.
MEMORY_PER_BYTE, MEMORY_OF_EMPTY = 60, 40 << 20


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    expected = hostile_tables.write_all(folder)
    warm_up = [path for path in list(expected)[:14] if expected[path] == TRUTH]
    reader = f"{hostile_tables.__name__}:read"
    found = read_files(reader, expected, memory=MEMORY, seconds=60, warm_up=warm_up)
    return list(zip(found, expected.values(), strict=True))


def shown(outcome):
    return outcome.file, outcome.kind, outcome.error, outcome.message[:300], outcome.value


def test_no_table_harms_the_process(outcomes):
    assert len(outcomes) > 400
    harmful = [o for o, _ in outcomes if o.kind not in ("read", "refused") or o.ran]
    assert not [(*shown(outcome), outcome.ran) for outcome in harmful]


def test_memory_is_bounded_by_the_size_of_the_table(outcomes):
    large = []
    for outcome, _ in outcomes:
        size = min(os.stat(outcome.file).st_size, 64 << 20) if outcome.memory > 1 << 20 else 0
        if outcome.memory > MEMORY_OF_EMPTY + MEMORY_PER_BYTE * size:
            large.append((outcome.file, outcome.memory >> 20, size))
    assert not large


def test_each_table_is_read_rightly_or_refused(outcomes):
    wrong = []
    for outcome, expected in outcomes:
        if outcome.kind == "refused":
            is_right = expected in (REFUSED, EITHER)
        else:
            value = summary(TRUTH if expected == EITHER else expected)
            is_right = outcome.kind == "read" and outcome.value == value
        if not is_right:
            wrong.append((*shown(outcome), f"expected {expected!r:.99}"))
    assert not wrong


def test_refusals_name_the_table_and_quote_one_line(outcomes):
    unclear = []
    for outcome, _ in outcomes:
        if outcome.kind == "refused" and not (
            outcome.error in ("builtins.ValueError", "builtins.FileNotFoundError")
            and os.path.basename(outcome.file)[-100:] in outcome.message
            and "\n" not in outcome.message
            and len(outcome.message) < 700
        ):
            unclear.append(shown(outcome))
    assert not unclear
