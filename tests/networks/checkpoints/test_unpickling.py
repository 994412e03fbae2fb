"""Hostile pickles: nothing is run or imported, and the error names the function."""

import pickle
import sys

import pytest

from skstylefeat.exceptions import UnsafeCheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints
from tests.support import checkpoint_writers as writers
from tests.support.hostile_files import CANARY, check_refused
from tests.support.hostile_pickles import CALLS, GADGETS, PLACES, bare, reduce_call
from tests.support.networks import tiny_module


@pytest.mark.parametrize("gadget", GADGETS)
def test_gadgets_are_refused_by_name(tmp_path, canary, gadget):
    """Each call form, in a place that goes round with the gadget; all places below."""
    for number, call in enumerate(CALLS):
        place = PLACES[(number + len(gadget)) % len(PLACES)]
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(place(call(gadget, f"touch {canary}")))
        for error in check_refused(path, canary):
            assert isinstance(error, UnsafeCheckpointError)
            assert error.global_name == gadget
            assert gadget in str(error)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("call", CALLS)
def test_no_call_form_imports_a_module(tmp_path, canary, call, place):
    path = tmp_path / "file.pt"
    path.write_bytes(place(call(f"{CANARY}.run", "x")))
    for error in check_refused(path, canary, match=CANARY):
        assert isinstance(error, UnsafeCheckpointError)
    assert CANARY not in sys.modules


def test_the_canary_would_sing(canary):
    """The files above do harm when the standard library reads them."""
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


def test_there_are_enough_hostile_files():
    assert len(GADGETS) * len(CALLS) >= 200
