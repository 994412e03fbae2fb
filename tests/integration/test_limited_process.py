"""The harness of the hostile corpora: it must see what it is there to see."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support.limited_process import read_files, summary

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")


def misbehave(path):
    """Do what a file's name says, as a reader with a fault would."""
    match Path(path).name:
        case "array":
            return {"w": np.arange(6.0).reshape(2, 3), "names": ["a"]}
        case "raise":
            raise ValueError(f"{path} is damaged")
        case "system":
            os.system("true")
        case "touch":
            Path("marker").write_text("x")
        case "exec":
            exec("1 + 1")
        case "import":
            __import__("antigravity".replace("anti", "no_such_"))
        case "memory":
            return len(bytearray(4 << 30))
        case "sleep":
            time.sleep(60)
        case "block":  # as an endless loop in C, which no alarm ends
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
            time.sleep(60)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "leave":
            sys.exit(0)


def test_every_misdeed_is_recorded_and_the_files_after_it_are_read(monkeypatch):
    monkeypatch.setattr("tests.support.limited_process.GRACE", 0.5)
    names = "array raise system touch exec import memory sleep crash array block exit leave array"
    names = names.split()
    outcomes = read_files(f"{__name__}:misbehave", names, seconds=0.5)
    assert [outcome.file for outcome in outcomes] == names
    by_name = dict(zip(names, outcomes, strict=True))
    kinds = {name: outcome.kind for name, outcome in by_name.items()}
    assert kinds == {
        **dict.fromkeys(("array", "system", "touch", "exec"), "read"),
        **dict.fromkeys(("raise", "import", "memory", "leave"), "refused"),
        **dict.fromkeys(("sleep", "block"), "timeout"),
        **dict.fromkeys(("crash", "exit"), "killed"),
    }
    assert by_name["array"].value == summary(misbehave("array"))
    assert all(outcome.value == by_name["array"].value for outcome in outcomes[::13])
    assert by_name["raise"].classes[:2] == ("ValueError", "Exception")
    assert "raise is damaged" in by_name["raise"].message
    assert by_name["memory"].error == "builtins.MemoryError"
    assert "SIGSEGV" in by_name["crash"].message and "status 3" in by_name["exit"].message
    ran = {name: " ".join(outcome.ran) for name, outcome in by_name.items() if outcome.ran}
    assert ran.keys() == {"system", "touch", "exec", "import", "crash"}
    assert "os.system" in ran["system"] and "left marker" in ran["touch"]
