"""HTTP server of the labeling page, for this machine and this page only."""

from __future__ import annotations

import contextlib
import errno
import hmac
import json
import os
import socket
import socketserver
import sys
import tempfile
import traceback
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path, PurePath
from reprlib import repr as short_repr
from typing import Any
from urllib.parse import parse_qs

from skstylefeat._utils._files import replace_file
from skstylefeat.exceptions import LabelConflictError
from skstylefeat.images._decoding import ZipMember
from skstylefeat.labeling._export import write_image_folder, write_model
from skstylefeat.labeling._pictures import small_picture, whole_picture
from skstylefeat.labeling._session import Session

HOST = "127.0.0.1"
PAGE = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "view.js": ("view.js", "text/javascript; charset=utf-8"),
    "queue.js": ("queue.js", "text/javascript; charset=utf-8"),
    "selection.js": ("selection.js", "text/javascript; charset=utf-8"),
}
MAX_BODY_BYTES = 16_384
MAX_DIGITS = 9  # of a row or a length
MAX_TEXT = 200  # characters of a string in a request
MAX_ROWS = 2000  # images that one request labels
MAX_KEYS = 100_000
IDLE_SECONDS = 30
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# Body, media type and Cache-Control of an answer.
Answer = tuple[bytes, str, str]


class LabelingServer(ThreadingHTTPServer):
    """Server of a session on the loopback interface.

    Parameters
    ----------
    session : Session
    token : str
        Part of the address; other programs and pages cannot guess it.
    page_key : str
        Secret of the session that a page learns when it is loaded. A page that is still open from
        an earlier start of the command gets the new address for it.
    port : int, default=0
        0 takes any free port.

    Raises
    ------
    ValueError
        If the port is taken or not allowed.
    """

    daemon_threads = True
    # Windows would let a second server share the port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, session: Session, token: str, page_key: str, port: int = 0) -> None:
        self.session = session
        self.token = token
        self.page_key = page_key
        self._unpacked = tempfile.TemporaryDirectory(prefix="skstylefeat-")
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = str(error)
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                reason = "another program uses it"
            raise ValueError(
                f"Port {port} cannot be used: {reason}. Choose another one with --port, or 0 for "
                "any free port."
            ) from error
        port = self.server_address[1]
        self.hosts = {f"{HOST}:{port}", f"localhost:{port}"}

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/{self.token}/"

    def picture_path(self, row: int) -> Path:
        """Return the file of an image; members of archives are unpacked until the server closes."""
        item = self.session.images.paths[row]
        if not isinstance(item, ZipMember):
            return item
        path = Path(self._unpacked.name) / f"{row}{PurePath(item.member).suffix}"
        if not path.exists():
            replace_file(path, lambda file: file.write(item.read_bytes()), mode=0o600)
        return path

    def server_close(self) -> None:
        """Close the socket and remove unpacked images."""
        super().server_close()
        self._unpacked.cleanup()

    def server_bind(self) -> None:
        """Bind without looking up the name of this machine, which can take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors, except those of a browser that closed its connection."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Problem(Exception):
    """An answer other than 200."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: LabelingServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two packets
    server_version = "skstylefeat"
    sys_version = ""
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        self._respond(self._get)

    def do_POST(self) -> None:
        self._respond(self._post)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is not HTTP, or has another method than GET and POST."""
        status = HTTPStatus(code)
        if status == HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self.close_connection = True
        self.request_version = self.protocol_version  # the answer always has a status line
        self._send(status, *_json({"error": "Expected GET or POST."}))
        self._discard_body()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the command alone writes to the terminal."""

    def _respond(self, handle: Callable[[], Answer]) -> None:
        """Answer a request; a wrong one gets a status and a reason, never a dropped connection."""
        status, message = HTTPStatus.OK, ""
        try:
            self._check_sender()
            answer = handle()
        except _Problem as problem:
            status, message = problem.status, str(problem)
        except LabelConflictError as error:
            status, message = HTTPStatus.CONFLICT, str(error)
        except ConnectionError:
            raise
        except OSError as error:
            status, message = HTTPStatus.INSUFFICIENT_STORAGE, f"Not saved: {error}."
        except Exception as error:
            traceback.print_exc()
            status, message = HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}"
        if status == HTTPStatus.OK:
            self._send(status, *answer)
            return
        # The body of a refused request may not have been read, so nothing can follow it.
        self.close_connection = True
        self._send(status, *_json({"error": message}))
        self._discard_body()

    def _send(self, status: HTTPStatus, body: bytes, kind: str, caching: str) -> None:
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": caching,
            **SECURITY,
        }
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET, POST"
        if self.close_connection:
            headers["Connection"] = "close"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _discard_body(self) -> None:
        """Read what the client still sends: closing earlier would cancel the answer, too."""
        self.connection.settimeout(1)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(64):
                if not self.rfile.read1(MAX_BODY_BYTES):
                    break

    def _check_sender(self) -> None:
        """Refuse other sites, and host names that another site may have given this machine."""
        host = self.headers.get("Host", "")
        if host not in self.server.hosts:
            raise _Problem(HTTPStatus.FORBIDDEN, f"The host {host!r} is not served here.")
        if self.command != "POST":
            return
        origin = self.headers.get("Origin")
        site = self.headers.get("Sec-Fetch-Site", "same-origin")
        if origin not in (None, f"http://{host}") or site != "same-origin":
            raise _Problem(HTTPStatus.FORBIDDEN, "Other pages may not label here.")
        if self.headers.get_content_type() != "application/json":
            raise _Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Expected application/json.")

    def _path_after_token(self) -> str:
        path = self.path.partition("?")[0]
        token, slash, rest = path.removeprefix("/").partition("/")
        if not slash or not _same(token, self.server.token):
            raise _Problem(
                HTTPStatus.NOT_FOUND, "Nothing is here. Open the address that the command printed."
            )
        return rest

    def _get(self) -> Answer:
        session, path = self.server.session, self._path_after_token()
        # A body would be taken for the next request.
        self.close_connection |= (
            "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        )
        if path in PAGE:
            name, kind = PAGE[path]
            return (files(__package__) / "page" / name).read_bytes(), kind, "no-cache"
        if path == "layout":
            layout = session.layout(self._attribute())
            return _json({**layout, "page_key": self.server.page_key})
        if path == "progress":
            return _json(session.progress(self._attribute()))
        if path == "names":
            return _json(session.names(self._attribute()))
        kind, _, row = path.partition("/")
        if kind in ("small", "whole"):
            return self._picture(small_picture if kind == "small" else whole_picture, row)
        raise _Problem(HTTPStatus.NOT_FOUND, f"There is no {path!r}.")

    def _picture(self, encode: Callable[[Any], tuple[bytes, str]], row: str) -> Answer:
        images = self.server.session.images
        number = _whole_number(row)
        if number is None or number >= len(images):
            raise _Problem(
                HTTPStatus.NOT_FOUND,
                f"There is no image {row[:20]!r}; rows are 0 to {len(images) - 1}.",
            )
        try:
            body, kind = encode(self.server.picture_path(number))
        except Exception as error:  # decoders fail in many ways on a file that has changed
            name = PurePath(str(images.paths[number])).name
            raise _Problem(HTTPStatus.NOT_FOUND, f"{name!r} cannot be read: {error}.") from error
        return body, kind, "private, max-age=600"

    def _post(self) -> Answer:
        session, server = self.server.session, self.server
        if self.path == "/resume":
            if not _same(_text(self._body(), "page_key"), server.page_key):
                raise _Problem(HTTPStatus.NOT_FOUND, "This page belongs to another session.")
            return _json({"address": f"/{server.token}/"})

        path, body = self._path_after_token(), self._body()
        if path == "write-names":
            session.write_names()
            return _json({"names_file": str(session.out)})
        if path == "export-folder":
            folder = _text(body, "folder")
            try:
                count = write_image_folder(session, folder)
            except ValueError as error:
                raise _Problem(HTTPStatus.CONFLICT, str(error)) from error
            place = str(Path(folder).expanduser().resolve())
            return _json({"folder": place, "n_images": count})
        if path == "export-model":
            folder = _text(body, "folder")
            try:
                write_model(session, folder)
            except (ValueError, ImportError) as error:
                raise _Problem(HTTPStatus.CONFLICT, str(error)) from error
            return _json({"folder": str(Path(folder).expanduser().resolve())})

        request, attribute = _text(body, "id"), _optional_text(body, "attribute")
        n_keys = _count(body, "keys", MAX_KEYS)
        answer: dict[str, Any] = {"row": None}
        if path == "label":
            label = None if body.get("label") is None else _text(body, "label")
            files = self._files(body)
            answer["row"] = session.label(
                files,
                label,
                request,
                attribute=attribute,
                unsure=body.get("unsure") is True,
                n_keys=n_keys,
            )
        elif path == "class":
            session.add_class(_text(body, "name"), request, attribute=attribute, n_keys=n_keys)
        elif path == "attribute":
            name, kind = _text(body, "name"), _text(body, "kind")
            session.add_attribute(name, kind, request, n_keys=n_keys)
        elif path == "undo":
            answer["undone"], answer["row"] = session.undo(request, n_keys=n_keys)
            known = [x.name for x in session.attributes]
            attribute = attribute if attribute in known else None
        else:
            raise _Problem(HTTPStatus.NOT_FOUND, f"There is no {path!r}.")
        return _json({**session.progress(attribute), **answer})

    def _attribute(self) -> str | None:
        """Return the attribute that the address names, or None."""
        query = parse_qs(self.path.partition("?")[2], keep_blank_values=True)
        return query.get("attribute", [None])[0]

    def _files(self, body: dict[str, Any]) -> list[str]:
        """Return the file of a row, or those of several rows."""
        if "rows" not in body:
            return [self._file(body)]
        rows = body["rows"]
        if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
            raise _Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"'rows' must be a list of 1 to {MAX_ROWS} rows, got {short_repr(rows)}.",
            )
        first = self._file({**body, "row": rows[0]})
        return [first, *(self._file({"row": row}) for row in rows[1:])]

    def _file(self, body: dict[str, Any]) -> str:
        """Return the file of a row, if it is still the one that the page knows."""
        names, row = self.server.session.images.names, body.get("row")
        if type(row) is not int or not 0 <= row < len(names):
            raise _Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"There is no row {short_repr(row)}; rows are 0 to {len(names) - 1}.",
            )
        if body.get("file") not in (None, names[row]):
            raise _Problem(
                HTTPStatus.CONFLICT,
                f"Row {row} is no longer {short_repr(body['file'])}: the folder has changed. Load "
                "the page again.",
            )
        return names[row]

    def _body(self) -> dict[str, Any]:
        # Two lengths, or chunks, would leave open where the next request begins.
        lengths = self.headers.get_all("Content-Length", [])
        text = lengths[0] if len(lengths) == 1 else ""
        if not text.isdecimal() or "Transfer-Encoding" in self.headers:
            raise _Problem(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing.")
        length = _whole_number(text)
        if length is None or length > MAX_BODY_BYTES:
            raise _Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {MAX_BODY_BYTES} bytes.")
        try:
            body = json.loads(self.rfile.read(length))
        except TimeoutError as error:
            raise _Problem(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive.") from error
        except (ValueError, RecursionError) as error:
            raise _Problem(HTTPStatus.BAD_REQUEST, f"Not JSON: {error}.") from error
        if not isinstance(body, dict):
            raise _Problem(HTTPStatus.BAD_REQUEST, "Expected a JSON object.")
        return body


def _same(text: str, secret: str) -> bool:
    """Compare in a time that does not depend on where the strings differ."""
    return hmac.compare_digest(text.encode(), secret.encode())


def _whole_number(text: str) -> int | None:
    """Return a number of a few digits, or None for any other string."""
    return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else None


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    # JSON can hold halves of characters, which cannot be encoded and stored.
    if (
        isinstance(value, str)
        and 0 < len(value) <= MAX_TEXT
        and value.encode(errors="ignore").decode() == value
    ):
        return value
    raise _Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{name!r} must be a string of 1 to {MAX_TEXT} characters, got {short_repr(value)}.",
    )


def _optional_text(body: dict[str, Any], name: str) -> str | None:
    """Return a string that may be missing or empty."""
    return body.get(name) if body.get(name) in (None, "") else _text(body, name)


def _count(body: dict[str, Any], name: str, most: int) -> int:
    """Return a number of at most `most`, 0 if it is missing."""
    value = body.get(name, 0)
    if type(value) is not int or not 0 <= value <= most:
        raise _Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{name!r} must be a whole number from 0 to {most}, got {short_repr(value)}.",
        )
    return value


def _json(value: object) -> Answer:
    return json.dumps(value).encode(), "application/json; charset=utf-8", "no-store"
