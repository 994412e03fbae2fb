"""Tests of the labeling page's server, over a real socket."""

import http.client
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skstylefeat.labeling import _server as server_module
from skstylefeat.labeling._server import PAGE, LabelingServer
from tests.support.labeling import PAGE_KEY, TOKEN, open_session, read_csv, read_events, serving


@pytest.fixture
def session(tmp_path):
    session = open_session(tmp_path)
    session.define_classes(["warm", "cold"])
    yield session
    session.close()


@pytest.fixture
def server(session):
    with serving(session) as server:
        yield server


def request(server, method, path, body=None, token=TOKEN, **headers):
    """Return status, headers and body; an object as body is sent as JSON."""
    connection = http.client.HTTPConnection(*server.server_address, timeout=20)
    try:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            headers = {"Content-Type": "application/json"} | headers
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, f"/{token}/{path}" if token else path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def ask(server, path, body=None, **headers):
    """Return status and the answer's object."""
    status, _, answer = request(server, "GET" if body is None else "POST", path, body, **headers)
    return status, json.loads(answer)


def label(server, row, name, **more):
    return ask(server, "label", {"id": f"{row} {name}", "row": row, "label": name} | more)


def test_a_label_is_on_disk_when_it_is_acknowledged(server, session):
    status, answer = label(server, 3, "warm", file="blue-3.png")
    assert status == 200 and answer["labels"] == {"3": "warm"} and answer["row"] == 3
    assert [row["file"] for row in read_csv(session.labels_path)] == ["blue-3.png"]
    assert label(server, 3, None)[1]["labels"] == {}
    status, answer = ask(server, "undo", {"id": "u"})
    assert status == 200 and answer["labels"] == {"3": "warm"} and answer["row"] == 3
    assert ask(server, "undo", {"id": "u"})[1]["labels"] == {"3": "warm"}  # the same, sent again
    status, answer = ask(server, "class", {"id": "c", "name": "lukewarm"})
    assert answer["classes"][2] == {"name": "lukewarm", "keys": ["3", "l"]}
    assert label(server, 0, "lukewarm")[0] == 200
    session.close()
    assert read_events(session.labels_path.parent)[2:] == [
        ("label", "blue-3.png", "warm"),
        ("label", "blue-3.png", None),
        ("undo", "blue-3.png", None),
        ("class", None, "lukewarm"),
        ("label", "blue-0.png", "lukewarm"),
    ]


def test_layout_and_progress(server, session):
    status, layout = ask(server, "layout")
    assert status == 200 and layout["folder"] == "squares"
    assert layout["files"] == session.images.names
    rows = sorted(row for c in layout["clusters"] for row in c["asked"] + c["others"])
    assert rows == list(range(12)) and [len(c["asked"]) for c in layout["clusters"]] == [2] * 3
    assert ask(server, "names")[0] == 409
    for row in session.questions().query.tolist():
        progress = label(server, row, "warm")[1]
    assert progress["complete"] and progress["names_file"] == str(session.out)
    status, names = ask(server, "names")
    assert names["names"] == ["warm"] * 12 and names["clusters"] == ["warm"] * 3
    session.out.unlink()
    assert ask(server, "write-names", {"id": "w"})[0] == 200 and session.out.exists()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "evil.example:{port}"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Origin": "http://127.0.0.1:{port}", "Sec_Fetch_Site": "same-origin"}, 200),
        ({"Origin": "http://localhost:{port}", "Host": "localhost:{port}"}, 200),
    ],
)
def test_other_pages_may_not_label(server, session, headers, status):
    port = server.server_address[1]
    headers = {name: value.format(port=port) for name, value in headers.items()}
    body = {"id": "1", "row": 0, "label": "warm"}
    assert ask(server, "label", body, **headers)[0] == status
    assert (session.labels == {0: "warm"}) == (status == 200)
    if "Host" in headers:
        assert request(server, "GET", "progress", **headers)[0] == status


@pytest.mark.parametrize("token", ["other", "secretx", "", "SECRET", "%C3%A4"])
def test_nothing_is_answered_without_the_token(server, token):
    status, _, body = request(server, "GET", f"/{token}/progress", token=None)
    assert status == 404 and b"secret" not in body and b"squares" not in body
    assert request(server, "GET", "/", token=None)[0] == 404
    assert request(server, "POST", f"/{token}/undo", {"id": "1"}, token=None)[0] in (403, 404)


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("label", {"id": "1", "row": 12, "label": "warm"}, 422, "no row 12; rows are 0 to 11"),
        ("label", {"id": "1", "row": -1, "label": "warm"}, 422, "no row -1"),
        ("label", {"id": "1", "row": True, "label": "warm"}, 422, "no row True"),
        ("label", {"id": "1", "row": "0", "label": "warm"}, 422, "no row '0'"),
        ("label", {"id": "1", "label": "warm"}, 422, "no row None"),
        (
            "label",
            {"id": "1", "row": 0, "label": "hot"},
            409,
            "'hot' is not a class; the class",
        ),
        (
            "label",
            {"id": "1", "row": 0, "label": 7},
            422,
            "1 to 200 characters, got 7",
        ),
        ("label", {"row": 0, "label": "warm"}, 422, "'id' must be a string"),
        (
            "label",
            {"id": "1", "row": 0, "file": "x.png", "label": "warm"},
            409,
            "no longer 'x.png'",
        ),
        ("undo", {"id": "1"}, 409, "nothing to undo"),
        ("class", {"id": "1", "name": " "}, 409, "cannot be a class"),
        ("jump", {"id": "1"}, 404, "There is no 'jump'"),
        ("label", {"id": "1", "rows": [], "label": "warm"}, 422, "list of 1 to 2000 rows"),
        ("label", {"id": "1", "rows": [0, 12], "label": "warm"}, 422, "no row 12"),
        ("label", {"id": "1", "rows": {"0": 1}, "label": "warm"}, 422, "'rows' must be a list"),
        ("label", {"id": "1", "row": 0, "label": "warm", "keys": -1}, 422, "'keys' must be"),
        (
            "label",
            {"id": "1", "row": 0, "label": "warm", "attribute": "x"},
            409,
            "is not an attribute",
        ),
        ("class", {"id": "1", "name": "x", "attribute": 7}, 422, "'attribute' must be a string"),
        ("attribute", {"id": "1", "name": "age", "kind": "text"}, 409, "'text' is not a kind"),
        ("attribute", {"id": "1", "name": " ", "kind": "class"}, 409, "cannot be a class"),
        ("export-folder", {"folder": "a/new/folder"}, 409, "no label yet"),
        ("export-folder", {"folder": __file__}, 409, "is a file"),
        ("undo", b"{", 400, "Not JSON"),
        ("undo", b"\xff", 400, "Not JSON"),
        ("undo", b"[]", 400, "Expected a JSON object"),
        ("undo", b" " * 20_000, 413, "At most 16384"),
        ("undo", b" " * 2_000_000, 413, "At most 16384"),
        ("undo", b"[" * 16_000, 400, "Not JSON"),
        ("undo", b'{"id": 1' + b"0" * 9_000 + b"}", 400, "Not JSON"),
        ("label", b'{"id": "1", "row": 1' + b"0" * 4_000 + b', "label": "warm"}', 422, "no row 10"),
        ("label", b'{"id": "1", "row": ' + b"[" * 300 + b"]" * 300 + b"}", 422, "no row [[["),
        ("label", {"id": "\ud800", "row": 0, "label": "warm"}, 422, "'id' must be a string"),
        ("label", {"id": "1", "row": 0, "label": "\udfff"}, 422, "'label' must be a string"),
        ("label", {"id": "x" * 201, "row": 0, "label": "warm"}, 422, "'id' must be a string"),
        ("label", b'{"id": "1", "row": NaN, "label": "warm"}', 422, "no row nan"),
    ],
)
def test_refusals_give_a_reason_and_change_nothing(server, session, path, body, status, message):
    version = session.progress()["version"]
    found, answer = ask(server, path, body)
    assert found == status and message in answer["error"]
    assert session.progress()["version"] == version


def test_many_rows_attributes_and_numbers(server, session):
    body = {"id": "1", "rows": [0, 3, 5], "file": "blue-0.png", "label": "warm", "keys": 4}
    status, answer = ask(server, "label", body)
    assert status == 200 and answer["labels"] == {"0": "warm", "3": "warm", "5": "warm"}
    assert ask(server, "label", {"id": "2", "row": 7, "label": None, "unsure": True})[0] == 200
    status, answer = ask(server, "attribute", {"id": "3", "name": "age", "kind": "number"})
    assert status == 200 and [x["name"] for x in answer["attributes"]] == ["", "age"]
    body = {"id": "4", "row": 2, "label": "41,5", "attribute": "age"}
    status, answer = ask(server, "label", body)
    assert status == 200 and answer["labels"] == {"2": "41.5"} and answer["attribute"] == "age"
    status, layout = ask(server, "layout?attribute=age")
    assert layout["kind"] == "number" and layout["grouping"] == answer["grouping"]
    assert ask(server, "progress?attribute=")[1]["unsure"] == [7]
    assert ask(server, "progress?attribute=eyes")[0] == 409
    assert ask(server, "names?attribute=age")[0] == 409  # one number is too few
    status, answer = ask(server, "undo", {"id": "5", "attribute": ""})
    assert (answer["undone"], answer["row"], answer["attribute"]) == ("age", 2, "")
    assert session.log.n_keys == 4


def test_an_export_is_asked_for_by_its_folder(server, session, tmp_path):
    session.label(session.images.names, "warm")
    folder = str(tmp_path / "export")
    assert ask(server, "export-folder", {"folder": folder}) == (
        200,
        {"folder": folder, "n_images": 12},
    )
    status, answer = ask(server, "export-folder", {"folder": str(session.images.path)})
    assert status == 409 and "lies in the folder of the images" in answer["error"]


def send_raw(server, head, body=b""):
    """Send headers and a body as they are, and return the status line of the answer."""
    with socket.create_connection(server.server_address, timeout=20) as connection:
        host = f"127.0.0.1:{server.server_address[1]}"
        lines = [f"POST /{TOKEN}/undo HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
        connection.sendall("\r\n".join([*lines, *head, "", ""]).encode() + body)
        return connection.makefile("rb").readline().decode().strip()


@pytest.mark.parametrize("length", [None, "-1", "x", "²"])
def test_a_body_needs_a_length(server, length):
    head = [] if length is None else [f"Content-Length: {length}"]
    assert send_raw(server, head) == "HTTP/1.1 411 Length Required"


@pytest.mark.parametrize(
    "head",
    [
        ["Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 2"],
        ["Content-Length: 2", "Content-Length: 30"],
    ],
)
def test_a_body_in_chunks_or_of_two_lengths_is_refused(server, session, head):
    """What follows such a body is not taken for another request."""
    label = f"POST /{TOKEN}/label HTTP/1.1\r\nHost: 127.0.0.1:{server.server_address[1]}\r\n\r\n"
    assert send_raw(server, head, b"2\r\n{}\r\n0\r\n\r\n" + label.encode()) == (
        "HTTP/1.1 411 Length Required"
    )
    assert session.labels == {}


def talk(address, data):
    """Send bytes, end the sending side, and return the statuses of all answers."""
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


PIECES = st.sampled_from(
    [
        *("GET ", "POST ", "HEAD ", "TRACE ", "get ", "\0", "\r", "\n", "\r\n", "\r\n\r\n", " "),
        *("/", f"/{TOKEN}/", "label", "small/0", "small/-1", "whole/" + "9" * 30, "..", "%00", "?"),
        *("layout", "undo", "resume", "HTTP/1.1", "HTTP/1.0", "HTTP/9.9", "HTTP/", "{HOST}"),
        *("Host: {HOST}\r\n", "Content-Type: application/json\r\n", "Content-Length: 2\r\n"),
        *("Content-Length: -1\r\n", "Transfer-Encoding: chunked\r\n", "Expect: 100-continue\r\n"),
        *("{}", "[]", '{"id": "1", "row": 0, "label": 1}', "x" * 70_000, "é", "\udcff", ":"),
        *("a: b\r\n" * 120, "Connection: keep-alive\r\n"),
    ]
)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(PIECES, min_size=1, max_size=9).map("".join), st.booleans())
@example(f"GET /{TOKEN}/layout HTTP/1.1\r\nHost: {{HOST}}\r\n\r\n", False)
@example(f"HEAD /{TOKEN}/layout HTTP/1.1\r\nHost: {{HOST}}\r\n\r\n", False)
def test_any_request_is_answered_without_a_traceback(server, session, capfd, text, has_head):
    if has_head:
        text = f"POST /{TOKEN}/label HTTP/1.1\r\nHost: {{HOST}}\r\n" + text
    text = text.replace("{HOST}", f"127.0.0.1:{server.server_address[1]}")
    statuses = talk(server.server_address, text.encode(errors="surrogateescape"))
    assert all(status in (100, 200, 505) or 400 <= status < 500 for status in statuses), statuses
    assert session.labels == {} and capfd.readouterr().err == ""


@pytest.mark.parametrize("length", ["16385", "9" * 10, "9" * 5_000])
def test_a_body_that_is_too_long_is_not_read(server, length):
    answer = send_raw(server, [f"Content-Length: {length}"], b"{}")
    assert answer.startswith("HTTP/1.1 413 ")


def test_a_body_that_does_not_arrive_is_answered(server, monkeypatch):
    monkeypatch.setattr(server_module._Handler, "timeout", 0.2)
    assert send_raw(server, ["Content-Length: 10"], b"{}") == "HTTP/1.1 408 Request Timeout"


def test_a_full_disk_is_reported_and_the_label_does_not_count(server, session, monkeypatch):
    def full(*events, **more):
        raise OSError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(session._store, "_append", full)
        status, answer = label(server, 0, "warm")
    assert status == 507 and answer["error"] == "Not saved: database or disk is full."
    assert session.labels == {}
    assert label(server, 0, "warm")[0] == 200  # as the page tries again


def test_an_unexpected_error_is_answered_and_reported(server, session, monkeypatch, capfd):
    monkeypatch.setattr(session, "progress", None)
    status, answer = ask(server, "progress")
    assert status == 500 and "TypeError" in answer["error"]
    assert "Traceback" in capfd.readouterr().err


def test_a_page_of_an_earlier_start_finds_the_new_address(server):
    assert ask(server, "layout")[1]["page_key"] == PAGE_KEY
    for key, status in [(PAGE_KEY, 200), ("other", 404), ("é", 404), (None, 422), ("", 422)]:
        found, _, body = request(server, "POST", "/resume", {"page_key": key}, token=None)
        assert found == status
        assert (json.loads(body).get("address") == f"/{TOKEN}/") == (status == 200)
    headers = {"Origin": "http://evil.example"}
    body = {"page_key": PAGE_KEY}
    assert request(server, "POST", "/resume", body, token=None, **headers)[0] == 403


def test_pictures(server, session):
    for kind in ("small", "whole"):
        status, headers, body = request(server, "GET", f"{kind}/0")
        assert status == 200 and headers["Content-Type"] == "image/png"
        assert body == session.images.paths[0].read_bytes()
        for bad in ("12", "-1", "x", "", "1/2", "..%2f", "9" * 5_000, "%C2%B2"):
            assert request(server, "GET", f"{kind}/{bad}")[0] == 404
    session.images.paths[1].unlink()
    status, answer = ask(server, "small/1")
    assert status == 404 and "'blue-1.png' cannot be read" in answer["error"]


def test_a_picture_that_became_a_decompression_bomb_is_answered(server, session, monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 50)
    for path in session.images.paths[:1]:
        path.with_suffix(".tif").write_bytes(path.read_bytes())
        path.unlink()
        session.images.paths[0] = path.with_suffix(".tif")  # converted, as browsers do not show it
    for kind in ("small", "whole"):
        status, answer = ask(server, f"{kind}/0")
        assert status == 404 and "'blue-0.tif' cannot be read" in answer["error"]


def test_the_page_loads_nothing_from_elsewhere(server):
    known = {"/".join(["page", name]) for name, _ in PAGE.values()}
    folder = files("skstylefeat.labeling") / "page"
    assert {f"page/{entry.name}" for entry in folder.iterdir()} == known
    for path in PAGE:
        status, headers, body = request(server, "GET", path)
        assert status == 200
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        addresses = set(re.findall(rb"https?://[^\s\"'<>]+", body))
        assert addresses <= {b"http://www.w3.org/2000/svg"}
    used = set(re.findall(rb'(?:src|href)="([^"]+)"', request(server, "GET", "")[2]))
    assert {name for name in used if not name.startswith(b"data:")} == {b"page.css", b"page.js"}
    assert request(server, "GET", "../session.py")[0] == 404
    status, headers, _ = request(server, "PUT", "label", {})
    assert status == 405 and headers["Allow"] == "GET, POST"


def test_simultaneous_posts_over_one_socket_each(server, session):
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda row: label(server, row, "warm")[0], [*range(12)] * 3))
    assert statuses == [200] * 36
    assert session.labels == dict.fromkeys(range(12), "warm")
    assert session.progress()["version"] == 14


def test_a_connection_that_ends_early_is_ignored(server, capfd):
    for _ in range(3):
        with socket.create_connection(server.server_address) as connection:
            connection.sendall(f"GET /{TOKEN}/layout HTTP/1.1\r\nHost: ".encode())
    assert ask(server, "progress")[0] == 200
    assert capfd.readouterr().err == ""


def test_only_this_machine_is_served(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_address[1]}/secret/"


def test_a_port_that_is_taken(server, session):
    port = server.server_address[1]
    with pytest.raises(ValueError, match=rf"Port {port} cannot be used: another program.*--port"):
        LabelingServer(session, TOKEN, PAGE_KEY, port)
    with pytest.raises(ValueError, match="Port 99999 cannot be used"):
        LabelingServer(session, TOKEN, PAGE_KEY, 99_999)


def test_the_port_can_be_used_again_at_once(session):
    with serving(session) as server:
        label(server, 0, "warm")
    with serving(session, server.server_address[1]) as again:
        assert ask(again, "progress")[1]["labels"] == {"0": "warm"}
