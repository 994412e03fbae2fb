"""Hostile and odd tables of labels, each with what must come of it."""

import io
import json
import os
import pickle
import struct
import unicodedata
import zipfile
from pathlib import Path

from PIL import Image

from skstylefeat.labeling._folder import ImageFolder, read_file_labels

NAMES = [f"{i:02}.jpg" for i in range(6)]
TRUTH = dict(zip(NAMES, ["yes", "no"] * 3, strict=True))
#: What may come of a file, besides `TRUTH` or other labels by name.
REFUSED, EITHER = "refused", "the true labels, or refused"

PLAIN = "file,g\n" + "".join(f"{name},{label}\n" for name, label in TRUTH.items())


def read(path):
    """Return the labels of the images beside a table, as the command reads them."""
    return read_file_labels(path, ImageFolder(Path(path).parent / "img"))


def table(delimiter=",", header=("file", "g"), rows=None, end="\n"):
    """Return a table of the true labels, or of other rows."""
    rows = [header, *(TRUTH.items() if rows is None else rows)]
    return "".join(delimiter.join(row) + end for row in rows)


def write_all(folder):
    """Write every table into a folder; return their paths and what must come of each."""
    (folder / "img").mkdir()
    for name in NAMES:
        (folder / "img" / name).touch()
    expected = {}
    for i, (content, what) in enumerate(tables()):
        path = folder / f"t{i:03}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        expected[path] = what
    for path in special_files(folder):
        expected[path] = REFUSED
    return expected


def special_files(folder):
    """Make paths that are no regular files."""
    os.mkfifo(folder / "pipe.csv")
    (folder / "folder.csv").mkdir()
    (folder / "loop.csv").symlink_to(folder / "loop.csv")
    (folder / "broken.csv").symlink_to(folder / "none")
    (folder / "zero.csv").symlink_to("/dev/zero")
    (folder / "terminal.csv").symlink_to("/dev/tty")
    with open(folder / "large.csv", "wb") as file:
        file.truncate(1 << 40)
    names = ["pipe", "folder", "loop", "broken", "zero", "terminal", "large", "x" * 300, "none"]
    return [folder / f"{name}.csv" for name in names]


def tables():
    """Yield contents and what must come of them."""
    for part in (encodings, line_ends, quotes, shapes, headers, binaries, jsons, lists):
        yield from part()
    for part in (numbers, texts, paths, damaged):
        yield from part()


def encodings():
    """Encodings with and without marks, mixed and cut."""
    accented = PLAIN.replace("g\n", "größe\n", 1)
    for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"):
        yield accented.encode(name), TRUTH
        yield accented.replace("\n", "\r\n").encode(name), TRUTH
    yield accented.encode("utf-32-le"), REFUSED
    yield accented.encode("utf-32-be"), REFUSED
    for name in ("utf-16", "utf-32", "utf-16-le"):
        for cut in (1, 3):
            yield accented.encode(name)[:-cut], REFUSED if cut % 2 else EITHER
    yield accented.encode("utf-7"), EITHER
    yield accented.encode("cp037"), REFUSED
    yield PLAIN.encode() + "06.jpg,größe\n".encode("cp1252") + "07.jpg,é\n".encode(), REFUSED
    yield b"\xff\xfe" + PLAIN.encode(), REFUSED
    yield b"\xfe\xff" + PLAIN.encode("utf-16-le"), REFUSED
    yield b"\xef\xbb\xbf\xef\xbb\xbf" + PLAIN.encode(), EITHER
    yield b"\xef\xbb\xbf" + PLAIN.encode("utf-16"), REFUSED
    for bad in (b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x81"):
        yield PLAIN.encode() + b"00.jpg," + bad + b"\n", REFUSED
    for mark in (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        yield mark, REFUSED


def line_ends():
    """Ends of lines of all systems, and characters that only some programs take for one."""
    for end in ("\n", "\r", "\r\n", "\n\r", "\n\n\n", "\r\r\n"):
        for delimiter in ",;\t|":
            yield table(delimiter, end=end), TRUTH
    for end in ("\u2028", "\u2029", "\x85", "\x0b", "\x0c"):
        for delimiter in ", ":
            yield table(delimiter, end=end), EITHER
        yield (
            table(rows=[(name, f"{label}{end}x") for name, label in TRUTH.items()]),
            {name: f"{label}{end}x" for name, label in TRUTH.items()},
        )
    for zero in range(0, len(PLAIN), 9):
        yield PLAIN[:zero] + "\0" + PLAIN[zero:], REFUSED
    for bad in "\x01\x07\x08\x1a\x1b\x1c\x1f":
        yield PLAIN + bad, REFUSED


def quotes():
    """Quotes that are closed, doubled, never closed, or in the middle."""
    quoted = [(f'"{name}"', f'"{label}"') for name, label in TRUTH.items()]
    for delimiter in ",;\t|":
        yield table(delimiter, ('"file"', '"g"'), quoted), TRUTH
    yield table(" ", ('"file"', '"g"'), quoted), EITHER
    for place in range(0, len(PLAIN), 7):
        yield PLAIN[:place] + '"' + PLAIN[place:], EITHER
    yield 'file,g\n00.jpg,"yes\n' * 3, REFUSED
    yield 'file,g\n00.jpg,"a""b"\n', {"00.jpg": 'a"b'}
    yield 'file,g\n00.jpg,"a,b"\n', {"00.jpg": "a,b"}
    yield 'file,g\n00.jpg,"a\nb"\n', REFUSED
    yield 'file,g\n00.jpg,"\n01.jpg,"\n', REFUSED
    yield 'file,label,note\n00.jpg,yes,"a\nb"\n', {"00.jpg": "yes"}
    yield "file,g\n00.jpg,'yes'\n", {"00.jpg": "'yes'"}
    yield '"' * 100_000, REFUSED
    yield "file,g\n" + '"' * 99_999, REFUSED


def shapes():
    """Ragged, wide, long and empty tables."""
    yield from (
        (text, REFUSED) for text in ("", "\n", " ", "\n\n\n", ",", ",\n,\n", "file", "\ufeff")
    )
    yield from ((text, REFUSED) for text in ("file,g", "file,g\n", "file\n00.jpg\n", "file,g\n,\n"))
    for row in (",,,", '"",""', " , "):
        yield f"file,g\n{row}\n" + PLAIN.partition("\n")[2], TRUTH
    for row in ("00.jpg", "00.jpg,yes,no", "00.jpg;yes", "00.jpg,,", "00.jpg\tyes"):
        yield PLAIN + row + "\n", REFUSED
        yield f"file,g\n{row}\n" + PLAIN.partition("\n")[2], REFUSED
    yield PLAIN + ",\n,\n\n , \n", TRUTH
    yield PLAIN + ",yes\n", REFUSED
    for wide in (9_999, 10_001, 100_000, 300_000):
        columns = [f"c{i}" for i in range(wide - 2)]
        rows = [[*pair, *columns] for pair in TRUTH.items()] if wide < 20_000 else []
        expected = TRUTH if wide < 10_000 else REFUSED
        yield table(header=["file", "label", *columns], rows=rows), expected
    for size in (131_000, 131_073, 1 << 20, 20 << 20):
        expected = {"00.jpg": "a" * size} if size < 131_072 else REFUSED
        yield f"file,g\n00.jpg,{'a' * size}\n", expected
    yield "a" * (20 << 20), REFUSED
    yield "file,g\n" + "a,b\n" * 6_000_000, REFUSED
    yield "file,g\n" + ",\n" * 1_000_000, REFUSED
    yield "file,g\n" + "a,b\n" * 100_000, REFUSED
    yield "a,b;c\td|e\n" + "a,b;c\td|e\n" * 30_000, REFUSED
    yield "\n" * 600_000, REFUSED
    yield " " * 20_000_000, REFUSED
    yield PLAIN + PLAIN.partition("\n")[2], TRUTH
    yield PLAIN + PLAIN, REFUSED


def headers():
    """Headers that are missing, doubled, empty or odd."""
    yield PLAIN.partition("\n")[2], REFUSED
    for header in (("", "g"), ("FILE", "g"), (" file ", " g "), ("image_id", "g"), ("photo", "")):
        yield table(header=header), TRUTH
    triples = [(name, label, label) for name, label in TRUTH.items()]
    yield table(header=("file", "label", "label"), rows=triples), REFUSED
    yield table(header=("file", "g", "g"), rows=triples), REFUSED
    yield table(header=("file", "a", "b"), rows=triples), REFUSED
    yield table(header=("file", "label", "b"), rows=triples), TRUTH
    names = [
        (name, other, label)
        for (name, label), other in zip(TRUTH.items(), NAMES[::-1], strict=True)
    ]
    for header in (
        ("file", "file", "label"),
        ("File", "file", "label"),
        ("a", "b", "label"),
        ("file", "FILE", "label"),
    ):
        yield table(header=header, rows=names), REFUSED
    yield table(header=("", "", ""), rows=triples), REFUSED
    yield table(";", header=("file,a", "g")), EITHER
    yield "sep=;\n" + table(";"), TRUTH
    yield "sep=;\r\n" + table(";", end="\r\n"), TRUTH
    yield "sep=;\n" + table(","), REFUSED
    yield table(header=("file;a", "g")), TRUTH
    yield "sep=\n" + table(","), EITHER
    yield "# a comment\n" + PLAIN, EITHER
    yield "file,g\r\n---,---\r\n" + PLAIN.partition("\n")[2], REFUSED
    yield f"file,{'g' * 1_000_000}\n00.jpg,yes\n", REFUSED
    yield f"file,{'g' * 100_000}\n00.jpg,yes\n", {"00.jpg": "yes"}


def binaries():
    """Files of other programs."""
    png = io.BytesIO()
    Image.new("RGB", (9, 9)).save(png, "PNG")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("xl/worksheets/sheet1.xml", PLAIN)
        file.writestr("a.csv", PLAIN)
    yield png.getvalue(), REFUSED
    yield archive.getvalue(), REFUSED
    for protocol in range(6):
        yield pickle.dumps(TRUTH, protocol), REFUSED
    # A pickle that would run a command.
    yield b"cos\nsystem\n(S'touch left_behind'\ntR.", REFUSED
    yield b"!!python/object/apply:os.system ['touch left_behind']\n", REFUSED
    yield b"PAR1" + bytes(range(64)) + b"PAR1", REFUSED
    yield b"\x93NUMPY\x01\0v\0{'descr': '|O'}" + b" " * 99, REFUSED
    yield b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), REFUSED
    yield b"\x1f\x8b\x08\0" + os.urandom(99), REFUSED
    yield b"SQLite format 3\0" + bytes(99), REFUSED
    yield b"%PDF-1.7\n1 0 obj\n<<>>\n", REFUSED
    yield b"\x7fELF" + bytes(60), REFUSED
    yield b"\xff\xd8\xff\xe0\0\x10JFIF", REFUSED
    yield b"<html><table><tr><td>00.jpg</td><td>yes</td></tr></table></html>", REFUSED
    yield (
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
        REFUSED,
    )
    yield bytes(1000), REFUSED
    yield struct.pack("<200d", *range(200)), REFUSED


def jsons():
    """NVIDIA's dataset.json, right, wrong and hostile."""
    pairs = [list(pair) for pair in TRUTH.items()]
    yield json.dumps({"labels": pairs}), TRUTH
    yield json.dumps({"labels": TRUTH}, indent=1), TRUTH
    yield "\ufeff " + json.dumps({"labels": pairs, "other": {"a": [1, None]}}), TRUTH
    for value in (
        None,
        1,
        "a",
        True,
        [1],
        [[]],
        [["00.jpg"]],
        [["00.jpg", 1, 2]],
        {},
        [],
        "00.jpg",
    ):
        yield json.dumps({"labels": value}), REFUSED
    for label in ([0, 1], {"a": 1}, {}, [[]]):
        yield json.dumps({"labels": [["00.jpg", label]]}), REFUSED
    for name in (None, True, 1.5, [1], {"a": 1}):
        yield json.dumps({"labels": [[name, "yes"]]}), REFUSED
    for text in (
        "Infinity",
        "-Infinity",
        "1e999",
        "9" * 5_000,
        '"\\u0000"',
        '"\\ud800"',
        "1_0",
        "0x1",
    ):
        yield f'{{"labels": [["00.jpg", {text}]]}}', REFUSED
    yield '{"labels": [["00.jpg", NaN], ["01.jpg", "no"]]}', {"01.jpg": "no"}
    yield '{"labels": [["00.jpg", null], ["01.jpg", "no"]]}', {"01.jpg": "no"}
    yield '{"labels": [["00.jpg", true], ["01.jpg", -0.0]]}', {"00.jpg": "True", "01.jpg": "-0.0"}
    yield '{"labels": {"00.jpg": "yes", "00.jpg": "no"}}', REFUSED
    yield '{"labels": {"00.jpg": "yes", "00.jpg": "yes"}}', {"00.jpg": "yes"}
    yield '{"labels": [["00.jpg", "yes"]], "labels": [["00.jpg", "no"]]}', REFUSED
    yield '{"labels": [["00.jpg", "yes"], ["00.jpg", "no"]]}', REFUSED
    for opened in ("[", "{", '{"a":', '{"labels":', '{"labels": ['):
        for n in (1, 1_000, 200_000):
            yield "{" * (opened[0] != "{") + opened * n, REFUSED
    yield '{"labels": ' + "[" * 900 + "]" * 900 + "}", REFUSED
    yield '{"labels": [' + '["00.jpg", "yes"],' * 30_000 + '["00.jpg", "yes"]]}', {"00.jpg": "yes"}
    yield '{"labels": [' + "[]," * 300_000 + "[]]}", REFUSED
    yield json.dumps({"labels": pairs})[:-1], REFUSED
    yield json.dumps({"labels": pairs}) + "}", REFUSED
    yield json.dumps(pairs), REFUSED


def lists():
    """CelebA's lists of attributes, with right and wrong counts."""
    rows = "".join(f"{name} {1 if label == 'yes' else -1:>2}\n" for name, label in TRUTH.items())
    signs = {name: "1" if label == "yes" else "-1" for name, label in TRUTH.items()}
    yield f"6\nGlasses\n{rows}", signs
    yield f"6 \r\nGlasses \r\n{rows}", signs
    for count in ("5", "7", "0", "999999999999999999999", "9" * 5_000, "٦"):
        yield f"{count}\nGlasses\n{rows}", signs  # with a warning
    for count in ("-1", "6.0", "six"):
        yield f"{count}\nGlasses\n{rows}", EITHER
    yield "6\n" + rows, REFUSED
    yield "6\nGlasses Male\n" + rows, REFUSED
    yield "6\n", REFUSED
    yield "6\nGlasses", REFUSED


def numbers():
    """Numbers as people and programs write them: kept as they are."""
    texts = ["1,5", "1.234,5", "1'234", "0x1F", "1e999", "inf", "-inf", "Infinity", "1_000", "١٢"]
    texts += [
        "\uff11\uff12",
        "1e5",
        "+1",
        "-0",
        "1/2",
        "50 %",
        "2026-11-28",
        "28.11.2026",
        "12:30",
        "½",
    ]
    for text in texts:
        yield f"file;g\n00.jpg;{text}\n01.jpg;2\n", {"00.jpg": text, "01.jpg": "2"}
        if "," in text:
            yield f"file,g\n00.jpg,{text}\n01.jpg,2\n", REFUSED
    for text in ("nan", "NaN", "NAN", "NA", "N/A", "n/a", "null", "None", "", " ", "#N/A", "<NA>"):
        expected = {"01.jpg": "2"} if text != "NAN" else {"00.jpg": "NAN", "01.jpg": "2"}
        yield f"file,g\n00.jpg,{text}\n01.jpg,2\n", expected


def texts():
    """Labels that look alike, run in spreadsheets, or contradict each other."""
    for text in ("=1+1", "+cmd|' /C calc'!A0", "@SUM(1)", "-2+3", '=HYPERLINK("x")', "\uff1d1"):
        cell = f'"{text}"'.replace('"x"', '""x""')
        yield f"file,g\n00.jpg,{cell}\n", {"00.jpg": text}
        cell = "\"'" + cell[1:]
        yield f"file,g\n00.jpg,{cell}\n", {"00.jpg": text}
    for other in ("Yes", "YES", "yes\u200f", "\u202eyes", "y\u00ades", "yes\u200b", "\ufeffyes"):
        rows = [("00.jpg", "yes"), ("01.jpg", "yes"), ("02.jpg", other)]
        yield table(rows=rows), dict.fromkeys(NAMES[:3], "yes")  # with a warning
        yield table(rows=[("00.jpg", "yes"), ("00.jpg", other)]), {"00.jpg": min("yes", other)}
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        yield (
            f"file,g\n00.jpg,{unicodedata.normalize(form, 'Zoë')}\n",
            {"00.jpg": unicodedata.normalize(form, "Zoë")},
        )
    for other in ("no", "maybe", "0", "y es"):
        yield PLAIN + f"00.jpg,{other}\n", REFUSED
        yield PLAIN + f"00.JPG,{other}\n", EITHER
    yield "file,g\n00.jpg,\u202e\u202d\n", {"00.jpg": "\u202e\u202d"}
    yield "file,g\n00.jpg,🙂\n", {"00.jpg": "🙂"}
    yield "file,g\n00.jpg,<script>alert(1)</script>\n", {"00.jpg": "<script>alert(1)</script>"}
    yield "file,g\n00.jpg,${jndi:ldap://x}\n", {"00.jpg": "${jndi:ldap://x}"}
    yield "file,g\n00.jpg,%s%n%x\n", {"00.jpg": "%s%n%x"}


def paths():
    """Names of files: of other systems, outside of the folder, or of no image."""
    forms = [
        "/{}",
        "/etc/{}",
        "../{}",
        "../../../../{}",
        "./{}",
        "C:\\img\\{}",
        "\\\\host\\img\\{}",
    ]
    forms += [
        "img/{}",
        "img\\{}",
        "file:///img/{}",
        "https://x/img/{}",
        "..\\..\\{}",
        "~/{}",
        " {} ",
    ]
    for form in forms:
        yield table(rows=[(form.format(name), label) for name, label in TRUTH.items()]), TRUTH
    for change in (str.upper, lambda name: name[:-4], lambda name: name[:-4] + ".PNG"):
        yield table(rows=[(change(name), label) for name, label in TRUTH.items()]), TRUTH
    for bad in (
        "06.jpg",
        "0.jpg",
        "000.jpg",
        "\uff10\uff10.jpg",
        "\u200f00.jpg",
        "00.jpg/",
        "00.jpg/..",
        "..",
    ):
        yield table(rows=[*TRUTH.items(), (bad, "yes")]), EITHER
    for bad in (
        "/etc/passwd",
        "00.jpg.exe",
        "x" * 100_000,
        "a/" * 50_000,
        "*.jpg",
        "00.jpg;rm -rf .",
    ):
        yield table(rows=[*TRUTH.items(), (bad, "yes")]), REFUSED
    for bad in ("%2e%2e/00.png", "con/00.gif", "00", "0", "o0.jpg", "00 .jpg", "00.jp", "00.jpg?"):
        yield table(rows=[*TRUTH.items(), (bad, "yes")]), EITHER


def damaged():
    """Tables cut and changed at many places."""
    for end in range(8, len(PLAIN), 5):
        rows = [row.split(",") for row in PLAIN[:end].splitlines()[1:]]
        is_table = rows and all(len(row) == 2 for row in rows)
        # An empty last label is missing.
        labels = {row[0]: row[1] for row in rows if is_table and row[1]}
        yield PLAIN[:end], labels if is_table else REFUSED
    data = PLAIN.encode("utf-16-le")
    for place in range(1, len(data), 8):
        yield b"\xff\xfe" + data[:place] + b"\xd8" + data[place + 1 :], REFUSED
