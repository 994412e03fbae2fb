"""HTTP service of a saved pipeline, on the standard library alone.

``python examples/service.py model --port 8000`` loads the folder of a model that the command
``fit`` wrote, or a pipeline saved by joblib, and answers

- ``GET /`` with a description: steps, classes, version;
- ``POST /predict`` with predictions for the images in the body, one image file (JPEG, PNG, ...) or
  an ``.npy`` array of shape (n, H, W, 3), as ``{"predictions": [...]}``, and with
  ``"probabilities"`` if the pipeline has them. A model answers with one entry per image: for each
  target a value with its interval or a class with its probability, and whether the image could be
  read and lies in the generator's domain.

For example ``curl --data-binary @face.png http://127.0.0.1:8000/predict``.

Requests that cannot be answered get a status from 400 to 499 and a reason. Bodies, images and
arrays have limits, which are checked before memory is taken for their pixels.

Every connection has its own thread. Prediction does not change an estimator, so all threads share
one pipeline, and its networks are loaded once. Load only files from people you trust, and put a
server that handles TLS and users in front of this one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import socket
import sys
import traceback
import warnings
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import joblib
import numpy as np
from PIL import Image

import skstylefeat
from skstylefeat.prediction import PhotoModel, load_model

MAX_BYTES = 32 << 20
MAX_PIXELS = 1 << 25  # of one image file
MAX_IMAGES = 1024  # of one array
MAX_DIGITS = 10  # of a Content-Length
NPY_MAGIC = b"\x93NUMPY"
USAGE = "GET / or POST /predict"
# Raised by pipelines for images that they cannot use.
BAD_INPUT = (ValueError, TypeError, OSError, MemoryError)
TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def read_images(body: bytes) -> np.ndarray | list[bytes]:
    """Return the images of a request: an array (n, H, W, C), or a list of one image file."""
    if body.startswith(NPY_MAGIC):
        return read_array(body)
    try:
        with Image.open(io.BytesIO(body)) as image:
            n_pixels = image.width * image.height
    except TOO_LARGE:
        n_pixels = MAX_PIXELS + 1
    except Exception:  # the pipeline words the error
        n_pixels = 0
    if n_pixels > MAX_PIXELS:
        raise ValueError(f"The image has more than {MAX_PIXELS} pixels.")
    return [body]


def read_array(body: bytes) -> np.ndarray:
    """Return the array of an ``.npy`` file; its header must fit its length."""
    file = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, is_fortran, dtype = read_header(file)
    except Exception as error:  # a damaged header raises almost anything
        raise ValueError(f"The .npy file has no valid header ({type(error).__name__}).") from error

    if dtype.kind not in "uifb":
        raise ValueError(f"The array has dtype {dtype}; expected numbers.")
    if len(shape) != 4 or not 0 < shape[0] <= MAX_IMAGES:
        raise ValueError(
            f"The array has shape {str(shape)[:100]}; expected (n, H, W, C), n from 1 to "
            f"{MAX_IMAGES}."
        )
    start = file.tell()
    if math.prod(shape) * dtype.itemsize != len(body) - start:
        raise ValueError(
            f"The array holds {len(body) - start} bytes, but its header announces the shape "
            f"{str(shape)[:100]} of {dtype}."
        )
    order = "F" if is_fortran else "C"
    return np.frombuffer(body, dtype, offset=start).reshape(shape, order=order)


def answer(pipeline: Any, body: bytes) -> dict[str, Any]:
    """Return the predictions for the images of a request, ready for JSON."""
    images = read_images(body)
    if isinstance(pipeline, PhotoModel):
        return {"predictions": answer_of_model(pipeline, images)}
    result = {"predictions": to_lists(pipeline.predict(images))}
    if hasattr(pipeline, "predict_proba"):
        result["classes"] = to_lists(pipeline.classes_)
        result["probabilities"] = to_lists(pipeline.predict_proba(images))
    return result


def answer_of_model(model: PhotoModel, images: Any) -> list[dict[str, Any]]:
    """Return one entry per image with the predictions of all targets; None stands for unknown."""
    found = model.predict(images)
    entries: list[dict[str, Any]] = [
        {"readable": bool(readable), "in_domain": inside, "note": note}
        for readable, inside, note in zip(
            found.readable, to_lists(found.in_domain), found.notes, strict=True
        )
    ]
    for target, values in found.values.items():
        if target in found.lows:
            parts = {"value": values, "low": found.lows[target], "high": found.highs[target]}
            parts = {name: np.where(np.isfinite(x), x, np.nan) for name, x in parts.items()}
        else:
            parts = {"class": values, "probability": found.probabilities[target]}
        for i, entry in enumerate(entries):
            entry[target] = {name: to_lists(part)[i] for name, part in parts.items()}
    return entries


def describe(pipeline: Any) -> dict[str, Any]:
    """Return the steps and classes of a pipeline, and the version of the package."""
    if isinstance(pipeline, PhotoModel):
        scores = {name: target["headline"] for name, target in pipeline.card["targets"].items()}
        return {"targets": scores, "skstylefeat": skstylefeat.__version__}
    steps = getattr(pipeline, "steps", [("estimator", pipeline)])
    return {
        "steps": [type(step).__name__ for _, step in steps],
        "classes": to_lists(getattr(pipeline, "classes_", np.empty(0))),
        "skstylefeat": skstylefeat.__version__,
    }


def to_lists(values: np.ndarray) -> list[Any]:
    """Return an array as lists, with None for NaN, which JSON does not have."""
    return np.where(values != values, None, values).tolist()


class Handler(BaseHTTPRequestHandler):
    """One connection; `server.pipeline` is shared by all."""

    server: Server
    protocol_version = "HTTP/1.1"  # keeps connections open between requests
    disable_nagle_algorithm = True  # headers and body are two packets
    timeout = 30

    def do_GET(self) -> None:
        """Describe the pipeline."""
        # A body would be taken for the next request.
        self.close_connection |= self._announces_body()
        if self.path == "/":
            self._send(HTTPStatus.OK, describe(self.server.pipeline))
        else:
            self._send(HTTPStatus.NOT_FOUND, {"error": USAGE})

    def do_POST(self) -> None:
        """Predict."""
        body = self._read_body()
        if body is None:
            return
        if self.path != "/predict":
            self._send(HTTPStatus.NOT_FOUND, {"error": USAGE})
            return
        try:
            status, content = HTTPStatus.OK, answer(self.server.pipeline, body)
        except BAD_INPUT as error:
            status, content = HTTPStatus.BAD_REQUEST, {"error": str(error)}
        except Exception as error:
            traceback.print_exc()
            status, content = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": str(error)}
        self._send(status, content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is not HTTP, or has another method than GET and POST."""
        status = HTTPStatus(code)
        if status == HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self.close_connection = True
        self.request_version = self.protocol_version  # the answer always has a status line
        self._send(status, {"error": USAGE})
        self._discard_body()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the server in front of a service keeps the log."""

    def _read_body(self) -> bytes | None:
        """Return the body; if there is none, answer the request and return None."""
        lengths = self.headers.get_all("Content-Length", [""])
        text = lengths[0] if len(lengths) == 1 and "Transfer-Encoding" not in self.headers else ""
        is_number = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
        status, problem = HTTPStatus.LENGTH_REQUIRED, "Send the body in one piece, with its length."
        try:
            if is_number and int(text) <= MAX_BYTES:
                return self.rfile.read(int(text))
            if text:
                status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                problem = f"Content-Length must be a number up to {MAX_BYTES}, got {text[:20]!r}."
        except TimeoutError:
            status = HTTPStatus.REQUEST_TIMEOUT
            problem = f"Fewer than the {text} bytes of Content-Length arrived."
        self.close_connection = True  # the body is not read, so nothing can follow it
        self._send(status, {"error": problem})
        self._discard_body()
        return None

    def _discard_body(self) -> None:
        """Read what the client still sends: closing earlier would cancel the answer, too."""
        self.connection.settimeout(1)
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(64):
                if not self.rfile.read1(1 << 16):
                    break

    def _announces_body(self) -> bool:
        return "Transfer-Encoding" in self.headers or "Content-Length" in self.headers

    def _send(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, POST")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A server of one pipeline.

    Parameters
    ----------
    address : tuple of (str, int)
        Host and port; port 0 takes any free port.
    pipeline : estimator
        Fitted on images.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], pipeline: Any) -> None:
        super().__init__(address, Handler)
        self.pipeline = pipeline

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors, except those of a client that closed its connection."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def main() -> None:
    """Load a pipeline and serve it until Ctrl+C."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pipeline", help="folder that fit wrote, or file written by joblib.dump")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    text = "what computes the encoder of a model (default: as it was fitted)"
    parser.add_argument("--engine", choices=("torch", "openvino"), help=text)
    arguments = parser.parse_args()

    with warnings.catch_warnings():
        # A pipeline of another version may predict other values, so the service does not start.
        warnings.simplefilter("error", skstylefeat.exceptions.InconsistentVersionWarning)
        is_model = os.path.isdir(arguments.pipeline)
        pipeline = (load_model if is_model else joblib.load)(arguments.pipeline)
    if arguments.engine is not None:
        if not is_model:
            parser.error("--engine needs the folder of a model that fit wrote")
        pipeline.features.use_engine(arguments.engine)
    # `read_images` has a lower limit.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)

    with Server((arguments.host, arguments.port), pipeline) as server:
        print(f"http://{arguments.host}:{server.server_port}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
