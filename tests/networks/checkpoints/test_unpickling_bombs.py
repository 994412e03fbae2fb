"""Pickles and archives that would fill memory or never end, or that are no program at all."""

import time

import pytest

from skstylefeat.networks.checkpoints import inspect
from tests.support import checkpoint_writers as writers
from tests.support.hostile_files import MAX_SECONDS, check_refused
from tests.support.hostile_pickles import BOMBS, bare


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused(tmp_path, canary, name):
    path = tmp_path / "file.pt"
    path.write_bytes(BOMBS[name])
    check_refused(path, canary)


def test_old_torch_bombs_are_what_they_say():
    for name in ("old torch, big endian", "old torch, another protocol"):
        assert BOMBS[name] != writers.torch_file(bare(b"}"), legacy=True)


@pytest.mark.parametrize("name", BOMBS)
def test_inspection_of_bombs_returns(tmp_path, canary, name):
    path = tmp_path / "file.pt"
    path.write_bytes(BOMBS[name])
    start = time.process_time()
    assert inspect(path).problems
    assert time.process_time() - start < MAX_SECONDS
    assert not canary.exists()
