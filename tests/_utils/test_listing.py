"""Listing of files: what is left out, and one order for folders and archives."""

import os
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skstylefeat._utils._listing import list_archive, list_folder, path_order, suffix_of


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_order_is_by_folder_and_by_the_value_of_numbers():
    ordered = [
        "01.png",
        "1.png",
        "2.png",
        "10.png",
        "a/img2.png",
        "a/img2-b.png",
        "a/img10.png",
        "a/img10/x.png",
        "a2.png",
        "a10.png",
        f"a{'9' * 5000}.png",
        f"a1{'0' * 5000}.png",
        "a-2/0.png",
        "b.JPG",
    ]
    assert sorted(ordered[7:] + ordered[:7], key=path_order) == ordered


def test_order_does_not_depend_on_the_suffix():
    stems = ["a", "a-1", "a.b", "a2", "a10", "b"]
    orders = [
        [name.removesuffix(end) for name in sorted((s + end for s in stems), key=path_order)]
        for end in (".png", ".npy", ".JPG")
    ]
    assert orders[0] == orders[1] == orders[2]


@given(st.lists(st.text("a1 0/.-é", max_size=8), max_size=6))
def test_order_is_total(names):
    """Any names can be compared, and only equal names are equal."""
    backwards = names[::-1]
    assert sorted(names, key=path_order) == sorted(backwards, key=path_order)


def test_hidden_and_system_files_are_left_out(tmp_path):
    kept = ["a/1.txt", "a/b/2.txt", "c.txt"]
    left_out = [".x.txt", "._a.txt", "a/.DS_Store", ".ipynb_checkpoints/a.txt", "a/.b/c/d.txt"]
    left_out += ["__MACOSX/a/1.txt", "@eaDir/1.txt", "$RECYCLE.BIN/1.txt", "lost+found/1.txt"]
    touch(tmp_path, *kept, *left_out)
    with zipfile.ZipFile(tmp_path.parent / "x.zip", "w") as archive:
        for name in [*left_out, *reversed(kept), "empty/"]:
            archive.writestr(name, "")
        assert list_archive(archive) == (kept, {})
    assert list_folder(tmp_path) == (kept, {})
    assert list_folder(f"{tmp_path}/") == (kept, {})


def test_links_and_special_files(tmp_path, monkeypatch):
    touch(tmp_path, "photos/a.jpg", "elsewhere/b.jpg")
    photos = tmp_path / "photos"
    (photos / "linked.jpg").symlink_to(tmp_path / "elsewhere" / "b.jpg")
    (photos / "broken.jpg").symlink_to(tmp_path / "none.jpg")
    (photos / "loop").symlink_to(photos)
    os.mkfifo(photos / "pipe.jpg")
    assert list_folder(photos) == (
        ["a.jpg", "linked.jpg"],
        {
            "loop": "a link to a folder",
            "broken.jpg": "a broken link",
            "pipe.jpg": "no regular file",
        },
    )
    monkeypatch.chdir(tmp_path)
    assert list_folder("photos").names == ["a.jpg", "linked.jpg"]


def test_folders_without_permission_are_reported(tmp_path, monkeypatch):
    touch(tmp_path, "a.jpg", "closed/b.jpg")
    scan = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    problem = "a folder that cannot be read (Permission denied)"
    assert list_folder(tmp_path) == (["a.jpg"], {"closed": problem})
    with pytest.raises(PermissionError):
        list_folder(tmp_path / "closed")


def test_links_and_repeated_names_in_archives(tmp_path):
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "a.jpg")
        archive.writestr("a.jpg", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.jpg", "2")
        assert list_archive(archive) == (
            ["a.jpg"],
            {"link.jpg": "a link", "(earlier) a.jpg": "a file whose name occurs again"},
        )


NAMES = st.lists(
    st.lists(
        st.text("aB19._ é", min_size=1, max_size=5).filter(lambda part: part not in (".", "..")),
        min_size=1,
        max_size=3,
    ).map("/".join),
    max_size=8,
    unique=True,
)


@settings(max_examples=50, deadline=None)
@given(NAMES)
def test_folder_and_archive_agree(tmp_path_factory, names):
    """Every visible file is listed once, in the same order in a folder and in its archive."""
    folder = tmp_path_factory.mktemp("files")
    made = []
    for name in names:
        try:
            touch(folder, name)
            made.append(name)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # one name needs as a folder what another one needs as a file
    made = {name for name in made if (folder / name).is_file()}
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for name in made:
            archive.write(folder / name, name)
        listed = list_archive(archive)
    assert list_folder(folder) == listed
    hidden = {name for name in made if any(part.startswith(".") for part in name.split("/"))}
    assert sorted(listed.names) == sorted(made - hidden)


def test_suffixes():
    assert suffix_of("a/b.JPG") == ".jpg" and suffix_of("a.b/c") == "" and suffix_of(".png") == ""
