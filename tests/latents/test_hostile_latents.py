"""Hostile and damaged files of latents and directions, each read in a process with limits."""

import os
import sys
from pathlib import Path

import pytest

from skstylefeat.latents import load_direction, load_latents
from tests.support import hostile_arrays
from tests.support.hostile_arrays import ANY, ARRAY, EXPECTED, HAS_CHECKSUM, REFUSED
from tests.support.limited_process import read_files, summary

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")

READERS = ("skstylefeat.latents:load_latents", "skstylefeat.latents:load_direction")
MAX_SECONDS = 10
MAX_BYTES = 300 << 20


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Provide a function that reads files in a child process, which never imports torch."""
    folder = tmp_path_factory.mktemp("valid")
    valid = [folder / name for name in hostile_arrays.VALID]
    for path in valid:
        path.write_bytes(hostile_arrays.VALID[path.name])

    def read(reader, paths):
        return read_files(reader, paths, warm_up=valid, may_import=("numpy", "skstylefeat"))

    return read


def _check(outcome, expected):
    """Check that a file was read rightly or refused by name, soon, and that none of it was run."""
    found = (outcome.file, outcome.kind, outcome.error, outcome.message[-300:], outcome.value)
    assert outcome.kind in ("read", "refused"), found
    assert not outcome.ran, (found, outcome.ran)
    assert outcome.seconds < MAX_SECONDS and outcome.memory < MAX_BYTES, (found, outcome)
    if outcome.kind == "refused":
        assert isinstance(expected, str), found
        assert {"ValueError", "OSError"} & set(outcome.classes), found
        assert outcome.error.startswith(("builtins.", "skstylefeat.exceptions.")), found
        name = Path(outcome.file).name
        assert name in outcome.message, found
        assert len(outcome.message.replace(outcome.file, "")) < 500, found
        return
    assert expected is not REFUSED, found
    if not isinstance(expected, str):
        assert next(iter(outcome.value.values())) == summary(expected), found


@pytest.mark.parametrize("reader", READERS)
def test_damaged_arrays_are_read_rightly_or_refused(tmp_path, read, reader):
    paths, expected = [], []
    for i, (name, data, result) in enumerate(hostile_arrays.array_files()):
        base = name.partition("-")[2]
        if base in HAS_CHECKSUM and result is ANY and name.startswith("bit"):
            result = ("refused, or", EXPECTED.get(base, ARRAY))
        paths.append(tmp_path / f"{i}-{name}")
        paths[-1].write_bytes(data)
        expected.append(result)
    assert len(paths) > 1200

    for outcome, result in zip(read(reader, paths), expected, strict=True):
        if isinstance(result, tuple):  # the checksum finds every change of the numbers
            result = ANY if outcome.kind == "refused" else result[1]
        _check(outcome, result)


def test_pickles_that_call_functions_or_never_end_are_refused(tmp_path, read, canary):
    paths = []
    for name, data in hostile_arrays.pickle_files():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(data)
    assert len(paths) >= 500
    for reader in READERS:
        for outcome in read(reader, paths):
            _check(outcome, REFUSED)
    assert not canary.exists()


def test_paths_that_are_no_files_are_refused_at_once(tmp_path, read):
    names = [
        "folder.npy",
        "pipe.npy",
        "zero.pkl",
        "null.pt",
        "loop.npz",
        "broken.pth",
        "absent.npy",
    ]
    folder, pipe, zero, null, loop, broken, absent = [tmp_path / name for name in names]
    folder.mkdir()
    os.mkfifo(pipe)
    zero.symlink_to("/dev/zero")
    null.symlink_to("/dev/null")
    loop.symlink_to(loop)
    broken.symlink_to(absent)
    paths = [folder, pipe, zero, null, loop, broken, absent]
    for reader in READERS:
        for outcome in read_files(reader, [*paths, tmp_path / ("x" * 300 + ".npy")]):
            _check(outcome, REFUSED)
    for load in (load_latents, load_direction):
        with pytest.raises((ValueError, OSError), match="absent"):
            load(f"{absent}\0.npy")


def test_a_folder_with_a_hostile_file_names_it(tmp_path):
    (tmp_path / "a.npy").write_bytes(hostile_arrays.VALID["plain.npy"])
    (tmp_path / "b.npz").write_bytes(b"PK")
    os.mkfifo(tmp_path / "c.npy")  # no regular file: not listed
    with pytest.raises(ValueError, match=r"b\.npz"):
        load_latents(tmp_path)
    (tmp_path / "b.npz").unlink()
    assert load_latents(tmp_path).names == ["a:0", "a:1", "a:2"]
