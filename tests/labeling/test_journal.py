"""The journal of labels: whole lines only, on the disk before anything says so, one writer."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from skstylefeat.labeling import _journal as journal_module
from skstylefeat.labeling._journal import Journal


def write_journal(path, text):
    path.write_bytes(text)
    journal = Journal(path)
    journal.close()
    return journal.entries


WHOLE = b'{"op": "undo", "id": "1"}\n'


@pytest.mark.parametrize(
    "torn",
    [b"{", b'{"op": "undo"', b'{"op": "undo"}', b"\0\0\0\0", b"\0\0\0\n", b"[]\n", "é".encode()],
)
def test_an_entry_that_was_cut_short_is_removed(tmp_path, torn):
    path = tmp_path / "journal.jsonl"
    assert write_journal(path, WHOLE + torn) == [{"op": "undo", "id": "1"}]
    assert path.read_bytes() == WHOLE
    journal = Journal(path)
    journal.append({"op": "class", "name": "übel"})
    journal.close()
    assert [json.loads(line)["op"] for line in path.read_bytes().splitlines()] == ["undo", "class"]


def test_a_damaged_line_inside_is_said_and_kept(tmp_path):
    path = tmp_path / "journal.jsonl"
    with pytest.raises(ValueError, match=r"journal\.jsonl, line 2 is damaged"):
        write_journal(path, WHOLE + b"oops\n" + WHOLE)
    assert path.read_bytes() == WHOLE + b"oops\n" + WHOLE
    assert write_journal(path, WHOLE * 3) == [{"op": "undo", "id": "1"}] * 3  # nothing stays locked


def test_an_entry_that_does_not_fit_on_the_disk_leaves_no_trace(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append({"op": "undo", "id": "1"})
    write = os.write

    def full(file, data):
        if len(data) > 10:
            return write(file, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal_module.os, "write", full)
        with pytest.raises(OSError, match="No space"):
            journal.append({"op": "undo", "id": "2"})
    assert journal.path.read_bytes() == WHOLE
    journal.append({"op": "undo", "id": "3"})
    journal.close()
    assert [entry["id"] for entry in write_journal(journal.path, journal.path.read_bytes())] == [
        "1",
        "3",
    ]


def test_entries_are_synced_before_append_returns(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "journal.jsonl")
    seen, sync = [], os.fsync

    def watched(file):
        seen.append(journal.path.read_bytes())
        sync(file)

    monkeypatch.setattr(journal_module.os, "fsync", watched)
    journal.append({"op": "undo", "id": "1"})
    journal.close()
    assert seen == [WHOLE]


def test_one_process_at_a_time(tmp_path):
    path = tmp_path / "journal.jsonl"
    code = (
        "import sys; from skstylefeat.labeling._journal import Journal\n"
        "journal = Journal(sys.argv[1]); print('open', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(ValueError, match="open in another process"):
            Journal(path)
        other.send_signal(signal.SIGKILL)
        other.wait()
        other.stdin.close()
    Journal(path).close()
