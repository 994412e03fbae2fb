"""A hub on this machine, for what ``huggingface_hub`` asks when it downloads a file."""

import hashlib
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "painter/tiny-faces"


class FakeHub:
    """Repositories, their files by commit, and branches; the requests that were made.

    Attributes
    ----------
    files : dict of str to bytes
        Files of `REPOSITORY` at `COMMIT`.
    branches : dict of str to str
        Commits of branches and tags.
    requests : list of str
        "METHOD path" of every request.
    """

    def __init__(self):
        self.files = {}
        self.branches = {"main": COMMIT, "v1.0": COMMIT}
        self.requests = []
        self.url = None

    def address(self, file, revision=COMMIT, repository=REPOSITORY):
        return f"hf://{repository}@{revision}/{file}"

    def answer(self, path):
        """Return (status, headers, body) of a path."""
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if not found:
            return _error(404, "RepoNotFound")
        repository, revision, file = (unquote(part) for part in found.groups())
        if repository == "painter/on-request":
            return _error(403, "GatedRepo")
        if repository == "painter/forbidden":
            return _error(403, "")
        if repository == "painter/busy":
            return _error(418, "")
        if repository != REPOSITORY:
            return _error(401, "RepoNotFound")
        commit = self.branches.get(revision, revision)
        if commit != COMMIT:
            return _error(404, "RevisionNotFound")
        headers = {"X-Repo-Commit": commit}
        if file not in self.files:
            return _error(404, "EntryNotFound", headers)
        body = self.files[file]
        return 200, {**headers, "ETag": f'"{hashlib.sha256(body).hexdigest()}"'}, body


def _error(status, code, headers=None):
    return status, {**(headers or {}), "X-Error-Code": code}, b""


@contextmanager
def running_hub():
    """Yield a `FakeHub` that answers on a port of this machine."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self._answer(with_body=False)

        def do_GET(self):
            self._answer(with_body=True)

        def _answer(self, *, with_body):
            hub.requests.append(f"{self.command} {self.path}")
            status, headers, body = hub.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
