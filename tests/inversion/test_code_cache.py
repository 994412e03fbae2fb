"""Cache of codes: entries, damage, full disks, other processes."""

import errno
import os
import stat
import time

import numpy as np
import pytest

from skstylefeat._utils import _files
from skstylefeat.inversion._code_cache import CodeCache

CODE = np.arange(6, dtype=np.float32).reshape(2, 3)
IMAGE = np.random.default_rng(0).random((4, 4, 3), dtype=np.float32)


@pytest.fixture
def cache(tmp_path):
    return CodeCache(tmp_path / "deep" / "cache", "recipe", (2, 3))


def entries(cache):
    return [p for p in cache._folder.glob("??/*") if p.is_file()]


def test_get_returns_the_code_that_was_put(cache):
    key = cache.key(IMAGE)
    assert cache.get(key) is None
    cache.put(key, CODE)
    np.testing.assert_array_equal(cache.get(key), CODE)
    cache.put(key, CODE + 1)
    np.testing.assert_array_equal(cache.get(key), CODE + 1)
    assert len(entries(cache)) == 1
    reopened = CodeCache(str(cache._folder), "recipe", (2, 3))
    np.testing.assert_array_equal(reopened.get(key), CODE + 1)


def test_key_is_of_content_and_recipe(cache):
    key = cache.key(IMAGE)
    assert cache.key(IMAGE.copy()) == cache.key(IMAGE[::1]) == key
    changed = IMAGE.copy()
    changed[0, 0, 0] += 1e-6
    keys = {key, cache.key(changed), cache.key(IMAGE, IMAGE), cache.key(IMAGE.transpose(1, 0, 2))}
    keys.add(CodeCache(cache._folder, "other", (2, 3)).key(IMAGE))
    assert len(keys) == 5


def test_entries_are_spread_over_folders(cache):
    for i in range(200):
        cache.put(cache.key(IMAGE + i), CODE)
    folders = list(cache._folder.iterdir())
    assert len(entries(cache)) == 200 and len(folders) > 100


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "longer", "other shape"])
def test_damaged_entries_are_reported_and_replaced(cache, damage):
    key = cache.key(IMAGE)
    cache.put(key, CODE)
    path = entries(cache)[0]
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[:-1]
    elif damage == "flipped":
        data[5] ^= 1
    elif damage == "empty":
        data = b""
    elif damage == "longer":
        data += b"0"
    else:
        CodeCache(cache._folder, "recipe", (2, 2)).put(key, CODE[:, :2])
        data = path.read_bytes()
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=f"{key} is damaged; it is computed again"):
        assert cache.get(key) is None
    cache.put(key, CODE)
    np.testing.assert_array_equal(cache.get(key), CODE)


def test_a_full_disk_costs_the_entry(cache, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    key = cache.key(IMAGE)
    with monkeypatch.context() as patch:
        patch.setattr(_files.os, "replace", full)
        with pytest.warns(UserWarning, match=r"No space left on device\). The work goes on"):
            cache.put(key, CODE)
    assert cache.get(key) is None and not entries(cache)
    cache.put(key, CODE)
    np.testing.assert_array_equal(cache.get(key), CODE)


def test_a_file_instead_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    cache = CodeCache(tmp_path / "file", "recipe", (2, 3))
    with pytest.warns(UserWarning, match="Codes cannot be kept in"):
        cache.put(cache.key(IMAGE), CODE)
    with pytest.warns(UserWarning, match=r"cannot be read \(Not a directory\)"):
        assert cache.get(cache.key(IMAGE)) is None
    cache.remove_unfinished()


def test_unfinished_files_are_removed_after_an_hour(cache):
    cache.put(cache.key(IMAGE), CODE)
    entry = entries(cache)[0]
    old, new = (entry.with_name(name) for name in (".old.part", ".new.part"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(entry, (time.time() - 7200,) * 2)
    os.utime(old, (time.time() - 7200,) * 2)
    cache.remove_unfinished()
    assert sorted(entries(cache)) == sorted([entry, new])


def test_entries_have_the_permissions_of_a_new_file(cache):
    """A group can therefore share a cache."""
    cache.put(cache.key(IMAGE), CODE)
    plain = cache._folder / "plain"
    plain.write_bytes(b"")
    rights = {stat.S_IMODE(path.stat().st_mode) for path in (plain, *entries(cache))}
    assert len(rights) == 1
