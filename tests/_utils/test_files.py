"""Atomic writing: whole or not at all, by many processes at once, with the right permissions."""

import ast
import os
import stat
import threading
from pathlib import Path

import pytest

import skstylefeat
from skstylefeat._utils import _files
from skstylefeat._utils._files import replace_file


def permissions(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "a.txt"
    for content in (b"old", b"new"):
        replace_file(path, lambda file, content=content: file.write(content))
        assert path.read_bytes() == content and os.listdir(tmp_path) == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(path, fail)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_content_and_name_reach_the_disk_in_this_order(tmp_path, monkeypatch):
    path, order = tmp_path / "a.txt", []
    sync, replace = os.fsync, os.replace

    def record_sync(descriptor):
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def record_replace(source, target):
        order.append("replace")
        replace(source, target)

    monkeypatch.setattr(_files.os, "fsync", record_sync)
    monkeypatch.setattr(_files.os, "replace", record_replace)
    replace_file(path, lambda file: file.write(b"x"))
    assert order == ["file", "replace", "folder"]


def test_writers_at_once_do_not_collide(tmp_path):
    path, barrier = tmp_path / "a.txt", threading.Barrier(4)
    errors = []

    def write(file, content):
        barrier.wait()  # all four temporary files exist now
        file.write(content * 1000)

    def run(content):
        try:
            replace_file(path, lambda file: write(file, content))
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(bytes([65 + i]),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and os.listdir(tmp_path) == ["a.txt"]
    assert path.read_bytes() in {bytes([65 + i]) * 1000 for i in range(4)}


def test_permissions(tmp_path):
    umask = os.umask(0o027)
    try:
        new, private = tmp_path / "new", tmp_path / "private"
        replace_file(new, lambda file: None)
        replace_file(private, lambda file: None, mode=0o600)
        assert (permissions(new), permissions(private)) == (0o640, 0o600)
        new.chmod(0o664)
        replace_file(new, lambda file: None)
        assert permissions(new) == 0o664  # an existing file keeps its own
        replace_file(new, lambda file: None, mode=0o600)
        assert permissions(new) == 0o600  # but never more than asked for
    finally:
        os.umask(umask)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a.txt", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    replace_file(link, lambda file: file.write(b"new"))
    assert link.is_symlink() and target.read_text() == "new"


def test_names_of_full_length(tmp_path):
    replace_file(tmp_path / ("a" * 255), lambda file: file.write(b"x"))
    assert os.listdir(tmp_path) == ["a" * 255]


def calls(name):
    """Return the modules of the package that call a function or method of this name."""
    found = set()
    root = Path(skstylefeat.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(name):
                found.add(path.relative_to(root).as_posix())
    return found


def test_one_walk_in_the_package():
    assert calls("os.walk") == {"_utils/_listing.py"}
    assert not calls(".rglob")
