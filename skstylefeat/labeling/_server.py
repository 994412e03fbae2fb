"""The page's server: this machine only, this page only, nothing acknowledged before it is kept."""

import errno
import hmac
import json
import os
import socketserver
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files

from skstylefeat.labeling._pictures import small_picture, whole_picture
from skstylefeat.labeling._state import RefusedError

HOST = "127.0.0.1"
PAGE = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
    "view.js": ("view.js", "text/javascript; charset=utf-8"),
    "queue.js": ("queue.js", "text/javascript; charset=utf-8"),
}
LONGEST_BODY = 16_384
IDLE_SECONDS = 30
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class LabelingServer(ThreadingHTTPServer):
    """Serves a session on the loopback interface.

    Parameters
    ----------
    session : Session
    token : str
        Part of the address that other programs and pages cannot guess.
    port : int, default=0
        0 takes any that is free.

    Raises
    ------
    ValueError
        If the port is taken or not allowed.
    """

    daemon_threads = True
    # Windows would let a second server share the port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, session, token, port=0):
        self.session = session
        self.token = token
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            why = str(error)
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                why = "another program has it"
            raise ValueError(
                f"Port {port} cannot be used: {why}. Give another one by --port, or 0 for any that "
                "is free."
            ) from error
        port = self.server_address[1]
        self.hosts = {f"{HOST}:{port}", f"localhost:{port}"}

    @property
    def url(self):
        """Address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/{self.token}/"

    def server_bind(self):
        """Bind without asking the network what this machine is called, which can take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        """Stay silent where a browser has gone away, and report everything else."""
        import sys

        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Problem(Exception):
    """An answer other than 200."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two packets
    server_version = "skstylefeat"
    sys_version = ""
    timeout = IDLE_SECONDS

    def do_GET(self):
        self._answer(self._get)

    def do_POST(self):
        self._answer(self._post)

    def log_message(self, format, *args):
        """Print nothing: the terminal belongs to the command."""

    def _answer(self, respond):
        try:
            self._check_sender()
            body, kind, caching = respond(self._path())
            status = HTTPStatus.OK
        except _Problem as problem:
            status = problem.status
            body, kind, caching = _json({"error": str(problem)})
        except RefusedError as error:
            status = HTTPStatus.CONFLICT
            body, kind, caching = _json({"error": str(error)})
        except OSError as error:
            if isinstance(error, (ConnectionError, TimeoutError)):
                raise
            message = f"Not saved: {error}."
            status = HTTPStatus.INSUFFICIENT_STORAGE
            body, kind, caching = _json({"error": message})
        if status >= HTTPStatus.BAD_REQUEST:
            self.close_connection = True  # a body that was refused may not have been read
        self.send_response(status)
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": caching,
            **SECURITY,
        }
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _check_sender(self):
        """Refuse names of this machine that another site may have given it, and other sites."""
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

    def _path(self):
        """Return what follows the token."""
        path = self.path.partition("?")[0]
        token, slash, rest = path.removeprefix("/").partition("/")
        if not slash or not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise _Problem(
                HTTPStatus.NOT_FOUND,
                "Nothing here. Open the address that the command printed.",
            )
        return rest

    def _get(self, path):
        session = self.server.session
        if path in PAGE:
            name, kind = PAGE[path]
            return (files(__package__) / "page" / name).read_bytes(), kind, "no-cache"
        if path == "layout":
            return _json(session.layout())
        if path == "progress":
            return _json(session.progress())
        if path == "names":
            return _json(session.names())
        what, _, row = path.partition("/")
        if what in ("small", "whole"):
            return self._picture(what, row)
        raise _Problem(HTTPStatus.NOT_FOUND, f"{path!r} is not there.")

    def _picture(self, what, row):
        images = self.server.session.images
        if not row.isdecimal() or int(row) >= len(images):
            raise _Problem(
                HTTPStatus.NOT_FOUND, f"There is no image {row!r}; rows end at {len(images) - 1}."
            )
        path = images.paths[int(row)]
        try:
            body, kind = (small_picture if what == "small" else whole_picture)(path)
        except (OSError, SyntaxError, ValueError) as error:
            raise _Problem(HTTPStatus.NOT_FOUND, f"{path.name!r} cannot be read.") from error
        return body, kind, "private, max-age=600"

    def _post(self, path):
        session, body = self.server.session, self._body()
        if path == "write-names":
            session.write_names()
            return _json({"names_file": str(session.out)})
        entry = {"id": _text(body, "id"), "op": path}
        if path == "label":
            entry["file"] = self._file(body)
            entry["label"] = None if body.get("label") is None else _text(body, "label")
        elif path == "class":
            entry["name"] = _text(body, "name")
        elif path != "undo":
            raise _Problem(HTTPStatus.NOT_FOUND, f"{path!r} is not there.")
        row = session.submit(entry)
        return _json({**session.progress(), "row": row})

    def _file(self, body):
        """Return the file of a row; the page also says for which clusters it holds the row."""
        session, row = self.server.session, body.get("row")
        if type(row) is not int or not 0 <= row < len(session.images):
            raise _Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"There is no row {row!r}; rows are 0 to {len(session.images) - 1}.",
            )
        if body.get("file") not in (None, session.images.names[row]):
            raise _Problem(
                HTTPStatus.CONFLICT,
                f"Row {row} is no longer {body['file']!r}: the folder has changed. Load the page "
                "again.",
            )
        return session.images.names[row]

    def _body(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise _Problem(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing.")
        if int(length) > LONGEST_BODY:
            raise _Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {LONGEST_BODY} bytes.")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError as error:
            raise _Problem(HTTPStatus.BAD_REQUEST, f"No JSON: {error}.") from error
        if not isinstance(body, dict):
            raise _Problem(HTTPStatus.BAD_REQUEST, "Expected a JSON object.")
        return body


def _text(body, name):
    value = body.get(name)
    if not isinstance(value, str) or not value or len(value) > 200:
        raise _Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"{name!r} has to be a text, got {value!r:.80}."
        )
    return value


def _json(value):
    body = json.dumps(value).encode()
    return body, "application/json; charset=utf-8", "no-store"
