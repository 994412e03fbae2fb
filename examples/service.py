"""Answer over HTTP with a saved pipeline, on the standard library alone.

``python examples/service.py glasses.joblib --port 8000`` loads a pipeline saved by joblib and
answers

- ``GET /`` with what it is: steps, classes, versions;
- ``POST /predict`` with predictions for the images in the body, one JPEG or PNG, or an ``.npy``
  array of shape (n, H, W, 3), as ``{"predictions": [...]}``, with ``"probabilities"`` where the
  pipeline has them.

For example ``curl --data-binary @face.png http://127.0.0.1:8000/predict``.

Every connection has a thread of its own. Estimators write nothing on themselves when they predict,
so threads share one pipeline, and its networks are loaded once. Load only files from people you
trust, and put a server that knows TLS and users in front of this one.
"""

import argparse
import io
import json
import warnings
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import joblib
import numpy as np
from PIL import Image, UnidentifiedImageError

import skstylefeat

MAX_BYTES = 32 << 20
NPY_MAGIC = b"\x93NUMPY"


def read_images(body):
    """Return the images of a request: an array (n, H, W, C), or a list of one PIL image.

    Raises
    ------
    ValueError
        If the body is neither an ``.npy`` array nor an image.
    """
    if body.startswith(NPY_MAGIC):
        return np.load(io.BytesIO(body), allow_pickle=False)
    try:
        image = Image.open(io.BytesIO(body))
        image.load()
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f"The body is no image and no .npy array ({error}).") from error
    return [image]


def answer(pipeline, body):
    """Return what a pipeline says about the images of a request, ready for JSON."""
    images = read_images(body)
    result = {"predictions": pipeline.predict(images).tolist()}
    if hasattr(pipeline, "predict_proba"):
        result["classes"] = pipeline.classes_.tolist()
        result["probabilities"] = pipeline.predict_proba(images).tolist()
    return result


def describe(pipeline):
    """Return what a pipeline is."""
    steps = getattr(pipeline, "steps", [("estimator", pipeline)])
    return {
        "steps": [type(step).__name__ for _, step in steps],
        "classes": getattr(pipeline, "classes_", np.empty(0)).tolist(),
        "skstylefeat": skstylefeat.__version__,
    }


class Handler(BaseHTTPRequestHandler):
    """One connection; `server.pipeline` is shared by all."""

    protocol_version = "HTTP/1.1"  # keeps connections open between requests
    disable_nagle_algorithm = True  # headers and body are two packets
    timeout = 30

    def do_GET(self):
        """Describe the pipeline."""
        if self.path == "/":
            self._send(HTTPStatus.OK, describe(self.server.pipeline))
        else:
            self._send(HTTPStatus.NOT_FOUND, {"error": "GET / or POST /predict"})

    def do_POST(self):
        """Predict."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BYTES:
            self.close_connection = True  # the body is not read, so nothing can follow it
            problem = f"Content-Length must be a number up to {MAX_BYTES}, got {length!r}."
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": problem})
            return
        body = self.rfile.read(int(length))
        if self.path != "/predict":
            self._send(HTTPStatus.NOT_FOUND, {"error": "GET / or POST /predict"})
            return
        try:
            self._send(HTTPStatus.OK, answer(self.server.pipeline, body))
        except (ValueError, TypeError) as error:
            self._send(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    def log_message(self, format, *args):
        """Say nothing: what stands in front of a service keeps its log."""

    def _send(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A server of one pipeline.

    Parameters
    ----------
    address : tuple of (str, int)
        Host and port; port 0 takes a free one.
    pipeline : estimator
        Fitted on images.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, pipeline):
        super().__init__(address, Handler)
        self.pipeline = pipeline


def main():
    """Load a pipeline and serve it until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pipeline", help="file that joblib.dump wrote")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        # A pipeline of another version may answer otherwise: better not to start.
        warnings.simplefilter("error", skstylefeat.exceptions.InconsistentVersionWarning)
        pipeline = joblib.load(arguments.pipeline)
    with Server((arguments.host, arguments.port), pipeline) as server:
        print(f"http://{arguments.host}:{server.server_port}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
