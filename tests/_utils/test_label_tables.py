"""Tables of labels: every form that tools write is read, and what is not clear is refused."""

import csv
import io
import json
import unicodedata
import warnings

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from skstylefeat._utils._csv_cells import escape_cell, unescape_cell
from skstylefeat._utils._label_tables import may_be_thousands, read_label_table, to_number
from skstylefeat._utils._labels import MISSING_TEXTS
from skstylefeat._utils._named_files import NamedFiles

NAMES = [f"{i:02}.jpg" for i in range(4)]
LABELS = dict(zip(NAMES, ["yes", "no", "yes", "no"], strict=True))


@pytest.fixture
def write(tmp_path):
    def write(content, name="labels.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def text_of(delimiter=",", header="file,g", rows=None):
    lines = [header.split(","), *(LABELS.items() if rows is None else rows)]
    return "\n".join(delimiter.join(line) for line in lines) + "\n"


def labels(path, column="g", names=NAMES):
    values = read_label_table(path).labels_of(names, [column]).values
    return {name: label for name, (label,) in values.items()}


@pytest.mark.parametrize(
    "content",
    [
        text_of(),
        text_of(";"),
        text_of("\t"),
        text_of("|"),
        text_of(" "),
        text_of(", "),
        text_of().replace("\n", "\r\n"),
        text_of().replace("\n", "\r"),
        "\n\n" + text_of().replace("\n", "\n\n"),
        text_of() + ",\n",
        "sep=;\n" + text_of(";"),
        "\ufeff" + text_of(),
        text_of().encode("utf-16"),
        text_of().encode("utf-16-le"),
        text_of().encode("utf-16-be"),
        text_of().encode("utf-32"),
        text_of(header=" File , g "),
        text_of(header="FILENAME,g"),
        text_of(header="photo,g"),
        text_of(header=",g"),
        text_of(header=",file,g", rows=[(str(i), *r) for i, r in enumerate(LABELS.items())]),
        text_of(header="g,file", rows=[(label, name) for name, label in LABELS.items()]),
        text_of(header="id,what,g", rows=[(str(i), *r) for i, r in enumerate(LABELS.items())]),
        text_of(rows=[(f'"{name}"', f'"{label}"') for name, label in LABELS.items()]),
        text_of(";", "file;a,b;g".replace(",", "\0").replace(";", ","), ()).replace("\0", ",")
        + "".join(f"{name};1,5;{label}\n" for name, label in LABELS.items()),
    ],
)
def test_forms_of_tables(write, content):
    assert labels(write(content)) == LABELS


def test_other_tools(write):
    numbers = {name: "1" if label == "yes" else "-1" for name, label in LABELS.items()}
    rows = "".join(f"{name} {label:>2} -1\n" for name, label in numbers.items())
    assert labels(write(f"4\nGlasses Male\n{rows}", "list_attr.txt"), "Glasses") == numbers
    assert labels(write(f"4\n Glasses Male \n{rows}", "a.txt"), "Male") == dict.fromkeys(
        NAMES, "-1"
    )
    with pytest.warns(UserWarning, match=r"announces '9' images .* lists 4"):
        labels(write(f"9\nGlasses Male\n{rows}"), "Glasses")
    pairs = [[name, int(label == "yes")] for name, label in LABELS.items()]
    expected = {name: str(label) for name, label in pairs}
    assert labels(write(json.dumps({"labels": pairs}), "dataset.json"), "label") == expected
    assert labels(write(json.dumps({"labels": dict(pairs)})), "label") == expected


def test_encoding_is_reported_where_it_is_a_guess(write):
    path = write(text_of(header="file,größe").encode("cp1252"))
    with pytest.warns(UserWarning, match="read as Windows-1252"):
        assert labels(path, "größe") == LABELS


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("C:\\data\\img\\00.jpg", "00.jpg"),
        ("/home/me/img/00.jpg", "00.jpg"),
        ("./00.jpg", "00.jpg"),
        ("00.JPG", "00.jpg"),
        ("00", "00.jpg"),
        ("00.png", "00.jpg"),
        ("00.heic", "00.jpg"),
        ("img\\00", "00.jpg"),
        (unicodedata.normalize("NFC", "Zoë.jpg"), unicodedata.normalize("NFD", "Zoë.jpg")),
        (unicodedata.normalize("NFC", "ZOË"), unicodedata.normalize("NFD", "Zoë.jpg")),
        ("v1.2", "v1.2.jpg"),
        ("b.jpg", "deep/b.jpg"),
        ("DEEP/b", "deep/b.jpg"),
        ("x/deep/b.jpg", "deep/b.jpg"),
        ("p/1.jpg", "p/1.jpg"),
        ("x/q/1.jpg", "q/1.jpg"),
        # What could be two images, or is another one, is none.
        ("1.jpg", None),
        ("r/1.jpg", None),
        ("other/b.jpg", None),
        ("two", None),
        ("two.bmp", None),
        ("000", None),
        ("0.jpg", None),
        ("v1", None),
        ("00.txt", None),
        ("", None),
        ("/", None),
    ],
)
def test_matching_of_names(written, name):
    names = ["00.jpg", "v1.2.jpg", "deep/b.jpg", "p/1.jpg", "q/1.jpg", "two.jpg", "two.png"]
    names.append(unicodedata.normalize("NFD", "Zoë.jpg"))
    found = NamedFiles(names).find(written)
    assert (found and found[0]) == name


def test_matching_prefers_the_nearest_name():
    files = NamedFiles(["a.jpg", "A.JPG", "x/a.jpg", "x/y/a.jpg"])
    for written, name in {
        "a.jpg": "a.jpg",
        "A.JPG": "A.JPG",
        "x/a.jpg": "x/a.jpg",
        "z/x/a.jpg": "x/a.jpg",
        "y/a.jpg": "x/y/a.jpg",
    }.items():
        assert files.find(written)[0] == name


def test_a_folder_may_have_another_name_than_in_the_table():
    files = NamedFiles(["celeba/a/1.jpg", "celeba/b/1.jpg", "celeba/b/2.jpg"])
    assert files.find("img_align/a/1.jpg")[0] == "celeba/a/1.jpg"
    assert files.find("img_align/c/2.jpg") is None


def test_another_photo_with_the_same_stem_gets_no_label(write):
    path = write("file,g\n00.jpg,yes\n00.png,no\n01.JPG,no\n")
    found = read_label_table(path).labels_of(NAMES, ["g"])
    assert found.values == {"00.jpg": ["yes"], "01.jpg": ["no"]} and found.unmatched == ["00.png"]


def test_missing_labels(write):
    for text in ("", " ", "NaN", "nan", "n/a", "<NA>", "#N/A"):
        assert labels(write(f"file,g\n00.jpg,a\n01.jpg,{text}\n")) == {"00.jpg": "a", "01.jpg": ""}
    for text in ("NA", "None", "null"):
        with pytest.warns(UserWarning, match=f"{text}.*count as missing"):
            assert labels(write(f"file,g\n00.jpg,a\n01.jpg,{text}\n"))["01.jpg"] == ""
    assert labels(write("file,g\n00.jpg,none\n01.jpg,-1\n")) == {"00.jpg": "none", "01.jpg": "-1"}


def test_rows_of_one_file_complete_each_other(write):
    path = write("file,a,b\n00.jpg,x,\n00.jpg,,y\nimg/00.jpg,x,y\n01.jpg,z,\n")
    found = read_label_table(path).labels_of(NAMES, ["a", "b"])
    assert found.values == {"00.jpg": ["x", "y"], "01.jpg": ["z", ""]}
    assert found.lines == {"00.jpg": 2, "01.jpg": 5} and found.unmatched == []


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        (["Yes", "yes", "yes", "No"], ["yes", "yes", "yes", "No"]),
        (["1", "1.0", "0", "0,0"], ["1", "1", "0", "0"]),
        (["é", "e\u0301", "é", "x"], ["é", "é", "é", "x"]),
    ],
)
def test_spellings_of_one_class(write, texts, kept):
    path = write(text_of(";", rows=zip(NAMES, texts, strict=True)))
    with pytest.warns(UserWarning, match="in several ways, such as .* count as one class"):
        assert list(labels(path).values()) == kept
    path = write("file;g\n00.jpg;Yes\n00.jpg;yes\n")
    with pytest.warns(UserWarning, match="'Yes' and 'yes'"):
        assert labels(path) == {"00.jpg": "Yes"}


def test_numbers_may_be_written_in_many_ways(write):
    names = [f"{i}.jpg" for i in range(24)]
    rows = [(name, f"{i // 2}" if i % 2 else f"{i // 2}.0") for i, name in enumerate(names)]
    assert len(labels(write(text_of(rows=rows)), names=names)) == 24


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "found 0 columns and 0 rows"),
        ("x" * 200_000, "found 1 columns and 0 rows"),
        (b"\x89PNG\r\n\x1a\n\0\0", "control characters|not text"),
        (bytes(range(256)) * 4, "not text|control characters"),
        (b"PK\x03\x04workbook", "workbook or zip archive"),
        ("file,g\n", "2 columns and 0 rows"),
        ("file\n00.jpg\n", "found 1 columns"),
        ("file,g\n00.jpg,a\n01.jpg\n", "row 3: 1 cells, but the header has 2"),
        ('file,g\n00.jpg,"a\n01.jpg,b\n', "unexpected end of data in line 3"),
        ('file,g\n00.jpg,"a\n01.jpg,"b\n', "not a table: .* in line 3"),
        ("00.jpg,a\n01.jpg,b\n", "no header: its first line names the image '00.jpg'"),
        ("00,a\n01,b\n02,c\n", "no header: its first line names the image '00'"),
        ("file,g,g\n00.jpg,a,b\n", "2 columns called 'g'"),
        ("file,h\n00.jpg,a\n", "no column 'g'; it has the columns 'file', 'h'"),
        ("a,b,g\n00.jpg,01.jpg,x\n", "the columns 'a' and 'b' both name images"),
        ("a;b,g\n00.jpg;1,x\n", "split at ',' or at ';'"),
        ("file,g\n00.jpg,a\n00.JPG,a\n00.jpg,b\n", "two labels for '00.jpg' .*'a' and.*'b'"),
        ('{"labels": null}', "not a dataset.json"),
        ('{"label": []}', "not a dataset.json"),
        ("{", "not a dataset.json"),
        ('{"labels": [["00.jpg", [0, 1]]]}', "'00.jpg' is a list; expected a text or a number"),
        ('{"labels": ' + "[" * 100_000, "not a dataset.json"),
        ('{"labels": [["00.jpg", ' + "9" * 5000 + "]]}", "not a dataset.json"),
        ("a," * 20_000 + "\n" + "b," * 20_000, "found 20001 columns"),
        ('file,g\n00.jpg,"' + "a" * 200_000 + '"\n', "field larger than field limit"),
        ("file,g\n00.jpg,\0\n", "not text|control characters"),
    ],
)
def test_tables_that_are_refused(write, content, message):
    path = write(content)
    with pytest.raises(ValueError, match=message) as caught, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a damaged text is first read as Windows-1252
        labels(path)
    text = str(caught.value)
    assert "labels.csv" in text and len(text) < 500 and "\n" not in text


def test_missing_and_huge_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.csv' does not exist"):
        read_label_table(tmp_path / "none.csv")
    with open(tmp_path / "huge.csv", "wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ValueError, match="larger than 64 MB"):
        read_label_table(tmp_path / "huge.csv")


def test_messages_show_few_of_many_columns(write):
    names = ",".join(f"a{i}" for i in range(40))
    path = write(f"file,{names}\n00.jpg{',1' * 40}\n")
    with pytest.raises(ValueError, match=r"'file', 'a0'.*'a8', \.\.\.\.$"):
        labels(path)


def test_numbers():
    for text, number in {
        "1": 1,
        " -1.5 ": -1.5,
        "1,5": 1.5,
        ",5": 0.5,
        "\u22122": -2,
        "1e3": 1000,
        "1_0": None,
        "inf": None,
        "nan": None,
        "1e999": None,
        "1,5,5": None,
        "1.234,5": None,
        "": None,
        "٣": None,
    }.items():
        assert to_number(text) == number
    for text in ("1,234", "-12,000", "999,999"):
        assert may_be_thousands(text)
    for text in ("1,5", "0,234", "1234,567", "1,2345"):
        assert not may_be_thousands(text)


CELL = st.text(
    st.sampled_from("abcXYZ019éß .-_'=+@#\u0301") | st.characters(codec="utf-8", categories=("L",)),
    min_size=1,
    max_size=12,
).filter(lambda text: text == text.strip())
STEM = st.text("abc019é", min_size=1, max_size=6)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(STEM, min_size=1, max_size=6, unique_by=lambda t: unicodedata.normalize("NFC", t)),
    st.data(),
)
def test_what_was_written_is_read(write, stems, data):
    """Names and labels come back as they were, whatever the form of the table."""
    names = [f"{stem}.png" for stem in stems]
    given_labels = [data.draw(CELL) for _ in names]
    delimiter = data.draw(st.sampled_from(",;\t|"))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end)
    writer.writerow(["file", "label"])
    for name, label in zip(names, given_labels, strict=True):
        form = data.draw(st.sampled_from([str, str.upper, lambda name: f"C:\\img\\{name}"]))
        writer.writerow([form(name), escape_cell(label)])
    path = write(buffer.getvalue().encode(encoding))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = read_label_table(path).labels_of(names, ["label"])
    if not caught:
        expected = ["" if label in MISSING_TEXTS else label for label in given_labels]
        assert found.values == {name: [x] for name, x in zip(names, expected, strict=True)}
    assert not found.unmatched


def serialize(form, names, labels, end):
    """Return the bytes of a table in a form that some tool writes."""
    rows = list(zip(names, labels, strict=True))
    if form == "json pairs":
        return json.dumps({"labels": rows}).encode()
    if form == "json object":
        return json.dumps({"labels": dict(rows)}, ensure_ascii=False).encode("utf-8-sig")
    if form == "list":
        lines = [str(len(rows)), "label", *(f"{name}  {label}" for name, label in rows)]
        return (end.join(lines) + end).encode()
    delimiter, encoding = form
    lines = [delimiter.join(("file", "label")), *(delimiter.join(row) for row in rows)]
    return (end.join(lines) + end).encode(encoding)


FORMS = ["json pairs", "json object", "list"]
FORMS += [(d, e) for d in ",;\t| " for e in ("utf-8", "utf-16-le", "utf-16-be", "cp1252", "utf-32")]


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from(FORMS),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(
        st.text(st.sampled_from("ab1é\u0301Zß '\",;|\t=-\u200b\x85\x1f"), min_size=1, max_size=5),
        min_size=1,
        max_size=5,
    ),
)
def test_no_table_is_read_in_another_way_in_silence(write, form, end, cells):
    """Unquoted cells in any form: the labels come back, or an error or a warning does."""
    names = [f"{i:02}.jpg" for i in range(len(cells))]
    try:
        path = write(serialize(form, names, cells, end))
    except UnicodeEncodeError:
        assume(False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = read_label_table(path).labels_of(names, ["label"])
        except ValueError as error:
            assert "labels.csv" in str(error) and "\n" not in str(error) and len(str(error)) < 700
            return
    expected = {}
    for name, cell in zip(names, cells, strict=True):
        text = unescape_cell(cell.strip())
        expected[name] = ["" if text in MISSING_TEXTS else text]
    assert found.values == expected or caught


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=200) | st.text('fileg,;\t|"\n01.jpg{}[]', max_size=60))
def test_any_bytes_are_read_or_refused(write, content):
    """Nothing but a short ValueError that names the table leaves the reader."""
    path = write(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            table = read_label_table(path)
            table.labels_of(NAMES, table.header[-1:])
        except ValueError as error:
            assert "labels.csv" in str(error) and len(str(error)) < 700


def test_each_name_is_searched_a_few_times(write, monkeypatch):
    """Reading a table takes time in proportion to its length."""
    names = [f"{i}.jpg" for i in range(500)]
    path = write("n,file,g\n" + "".join(f"{i},{name},x\n" for i, name in enumerate(names)))
    searched, find = [], NamedFiles.find
    monkeypatch.setattr(
        NamedFiles, "find", lambda self, text: searched.append(text) or find(self, text)
    )
    assert len(labels(path, names=names)) == 500
    assert len(searched) <= 2 * 500
