"""Hostile pickles of which more is checked than that they are refused; see the hostile corpus."""

import pickle
import sys

import pytest

from skstylefeat.exceptions import UnsafeCheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints
from skstylefeat.networks.checkpoints import inspect
from tests.support import checkpoint_writers as writers
from tests.support.hostile_files import CANARY
from tests.support.hostile_pickles import BOMBS, CALLS, GADGETS, bare, reduce_call
from tests.support.networks import tiny_module


@pytest.mark.parametrize("call", CALLS)
def test_the_error_knows_the_name(tmp_path, call):
    path = tmp_path / "file.pkl"
    for gadget in GADGETS[::10]:
        path.write_bytes(bare(call(gadget, "x")))
        with pytest.raises(UnsafeCheckpointError, match=r"file\.pkl") as caught:
            checkpoints.read_generator(path)
        assert caught.value.global_name == gadget
        assert inspect(path).refused == (gadget,)


def test_the_canary_would_sing(canary):
    """The files of the corpus do harm when the standard library reads them."""
    pickle.loads(bare(reduce_call(f"{CANARY}.run", "x")))
    assert canary.exists()
    canary.unlink()
    del sys.modules[CANARY]


def test_source_text_of_a_network_is_not_executed(tmp_path):
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, tiny_module(8))
    assert writers.MODULE_SOURCE.encode() in path.read_bytes()
    checkpoints.read_generator(path)  # SystemExit if the text were run


def test_error_survives_pickling():
    error = pickle.loads(pickle.dumps(UnsafeCheckpointError("message", "os.system")))
    assert (str(error), error.global_name) == ("message", "os.system")


def test_old_torch_bombs_are_what_they_say():
    for name in ("old torch, big endian", "old torch, another protocol"):
        assert BOMBS[name] != writers.torch_file(bare(b"}"), legacy=True)
