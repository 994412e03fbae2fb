"""Tests of the example of a service: answers, errors, and threads that share one pipeline."""

import http.client
import importlib.util
import io
import json
import re
import socket
import struct
import threading
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    StyleGANInverter,
)
from skstylefeat.prediction import fit_model, load_model
from tests.support.estimators import tiny_images
from tests.support.networks import write_pair

PATH = Path(__file__).parents[2] / "examples" / "service.py"
spec = importlib.util.spec_from_file_location("service", PATH)
service = importlib.util.module_from_spec(spec)
spec.loader.exec_module(service)


@pytest.fixture(scope="module")
def images():
    return tiny_images(24)


def _serve(pipeline, folder):
    """Start a server of a saved and loaded pipeline; return it and its address."""
    path = folder / "pipeline.joblib"
    joblib.dump(pipeline, path)
    server = service.Server(("127.0.0.1", 0), joblib.load(path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="module", params=["annotator", "regressor"])
def served(request, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    pair = write_pair(folder)
    brightness = images.mean(axis=(1, 2, 3)).astype(float)
    if request.param == "annotator":
        pipeline = make_pipeline(
            StyleGANInverter(*pair, output="features"),
            ChannelMISelector(2, random_state=0),
            MaxPoolReducer(),
            ClusterAnnotator(n_clusters=3, random_state=0),
        ).fit(images, np.where(brightness > np.median(brightness), "bright", "dark"))
    else:
        pipeline = make_pipeline(
            StyleGANInverter(*pair), HyperplaneDistance(), LatentRegressor(n_refits=None)
        ).fit(images, brightness)
    server, address = _serve(pipeline, folder)
    yield pipeline, address
    server.shutdown()
    server.server_close()


def post(address, body, path="/predict"):
    request = urllib.request.Request(address + path, data=body, method="POST")
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read())


def as_npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_header(shape, data=b""):
    """Return an .npy file of bytes whose header announces a shape."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return service.NPY_MAGIC + b"\x01\0" + len(text).to_bytes(2, "little") + text + data


def png_header(width, height):
    """Return a PNG file of black pixels that ends after a few of them."""
    file = io.BytesIO()
    Image.new("1", (8, 8)).save(file, format="PNG")
    size = struct.pack(">II", width, height)
    head = b"IHDR" + size + file.getvalue()[24:29]
    return file.getvalue()[:12] + head + struct.pack(">I", zlib.crc32(head)) + file.getvalue()[33:]


def test_the_description_names_the_steps(served):
    pipeline, address = served
    with urllib.request.urlopen(address, timeout=60) as response:
        found = json.loads(response.read())
    assert found["steps"] == [type(step).__name__ for _, step in pipeline.steps]


def test_a_png_and_an_array_get_the_predictions_of_the_pipeline(served, images):
    pipeline, address = served
    pixels = np.rint(images * 255).astype(np.uint8)
    found = post(address, as_npy(pixels))
    expected = pipeline.predict(pixels)
    if "probabilities" in found:
        assert found["predictions"] == expected.tolist()
        np.testing.assert_allclose(
            found["probabilities"], pipeline.predict_proba(pixels), rtol=1e-6
        )
    else:
        np.testing.assert_allclose(found["predictions"], expected, rtol=1e-6)
    file = io.BytesIO()
    Image.fromarray(pixels[0]).save(file, format="PNG")
    one = post(address, file.getvalue())["predictions"]
    if "probabilities" in found:
        assert one == found["predictions"][:1]
    else:
        np.testing.assert_allclose(one, found["predictions"][:1], rtol=1e-4)


def test_eight_threads_get_the_answers_of_one(served, images):
    _, address = served
    bodies = [as_npy(image[None]) for image in images] * 2
    alone = [post(address, body) for body in bodies]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda body: post(address, body), bodies))
    assert together == alone


@pytest.mark.parametrize(
    ("body", "path", "status", "message"),
    [
        (b"no image", "/predict", 400, "image 0"),
        (as_npy(np.full((1, 8, 8, 3), 7.0)), "/predict", 400, "divide by 255"),
        (as_npy(np.zeros((8, 8))), "/predict", 400, "shape (8, 8); expected (n, H, W, C)"),
        (as_npy(np.zeros((0, 8, 8, 3))), "/predict", 400, "n from 1 to 1024"),
        (as_npy(np.zeros((1025, 1, 1, 1), np.uint8)), "/predict", 400, "n from 1 to 1024"),
        (as_npy(np.array([None])), "/predict", 400, "dtype object; expected numbers"),
        (as_npy(np.zeros(3, "M8[s]")), "/predict", 400, "expected numbers"),
        (as_npy(np.zeros(3, "u1,f4")), "/predict", 400, "expected numbers"),
        (service.NPY_MAGIC, "/predict", 400, "no valid header (ValueError)"),
        (service.NPY_MAGIC + b"\x03\0" + b"\0" * 99, "/predict", 400, "no valid header (KeyError)"),
        (as_npy(np.zeros((1, 8, 8, 3)))[:-1], "/predict", 400, "holds 1535 bytes"),
        (npy_header("(1, 100000, 100000, 300000)"), "/predict", 400, "holds 0 bytes"),
        (npy_header(f"(1, {'9' * 4000}, 1, 3)"), "/predict", 400, "holds 0 bytes"),
        (npy_header(f"(1, {'9' * 5000}, 1, 3)"), "/predict", 400, "no valid header"),
        (npy_header("(1, -8, -8, 3)", bytes(192)), "/predict", 400, "negative|reshape|unknown"),
        (npy_header("(" * 5000), "/predict", 400, "no valid header"),
        (npy_header("(1, 0, 8, 3)"), "/predict", 400, "minimum of 1"),
        (png_header(60_000, 60_000), "/predict", 400, "more than 33554432 pixels"),
        (png_header(11_000, 11_000), "/predict", 400, "more than 33554432 pixels"),
        (png_header(6_000, 6_000), "/predict", 400, "more than 33554432 pixels"),
        (png_header(5, 5)[:-30], "/predict", 400, "image 0 cannot be read"),
        (b"", "/elsewhere", 404, "POST /predict"),
    ],
)
def test_bad_requests_are_answered(served, body, path, status, message, capfd):
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(served[1], body, path)
    with caught.value as error:
        assert error.code == status
        text = json.loads(error.read())["error"]
        assert any(part in text for part in message.split("|"))
    assert capfd.readouterr().err == ""


def test_a_body_that_is_too_large_is_not_read(served, monkeypatch):
    monkeypatch.setattr(service, "MAX_BYTES", 10)
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(served[1], b"x" * 11)
    with caught.value as error:
        assert error.code == 413


@pytest.mark.parametrize("length", ["9" * 5_000, "²", "x", "-1"])
def test_an_odd_content_length_is_answered(served, length):
    connection = http.client.HTTPConnection(served[1].removeprefix("http://"), timeout=20)
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Length", length.encode("latin-1"))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413 and "must be a number" in json.loads(response.read())["error"]
    connection.close()


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        ("POST /predict HTTP/1.1\r\n\r\n", [411]),
        ("POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", [411]),
        ("POST /predict HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nx", [411]),
        ("POST /predict HTTP/1.1\r\nContent-Length: 100\r\n\r\nx", [400]),
        ("GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nGET / HTTP/1.1\r\n\r\n", [200]),
        ("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", [200, 200]),
        ("PUT /predict HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", [405]),
        ("HEAD / HTTP/1.1\r\n\r\n", [405]),
        ("OPTIONS * HTTP/1.1\r\n\r\n", [405]),
        ("GET /../etc/passwd HTTP/1.1\r\n\r\n", [404]),
        (f"GET /{'x' * 70_000} HTTP/1.1\r\n\r\n", [414]),
        (f"GET / HTTP/1.1\r\n{'a: b' * 20_000}\r\n\r\n", [431]),
        ("GET / HTTP/1.1\r\n" + "a: b\r\n" * 200 + "\r\n", [431]),
        ("\0\0\0 \0\0 \0\r\n\r\n", [400]),
        ("x\r\n\r\n", [400]),
        ("POST /predict", [400]),
        ("", []),
    ],
)
def test_hostile_requests(served, capfd, request_, statuses):
    """Each gets its status; nothing of it is taken for another request or printed."""
    host, _, port = served[1].removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request_.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert [int(s) for s in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)] == statuses
    assert capfd.readouterr().err == ""


def test_a_client_that_leaves_is_not_reported(served, capfd):
    host, _, port = served[1].removeprefix("http://").partition(":")
    for _ in range(3):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            # Closing with a reset makes the server's write fail.
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: 10\r\n\r\nx")
    with urllib.request.urlopen(served[1], timeout=60) as response:
        assert response.status == 200
    assert capfd.readouterr().err == ""


def test_a_body_that_does_not_arrive_is_answered(served, monkeypatch):
    monkeypatch.setattr(service.Handler, "timeout", 0.2)
    connection = http.client.HTTPConnection(served[1].removeprefix("http://"), timeout=20)
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Length", "10")
    connection.endheaders(b"x")
    response = connection.getresponse()
    assert response.status == 408 and "10 bytes" in json.loads(response.read())["error"]
    connection.close()


def test_an_unexpected_error_is_answered_and_reported(served, monkeypatch, capfd):
    monkeypatch.setattr(service, "answer", lambda pipeline, body: {}["missing"])
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(served[1], b"x")
    with caught.value as error:
        assert error.code == 500
    assert "Traceback" in capfd.readouterr().err


def test_nan_becomes_null():
    assert service.to_lists(np.array([1.5, np.nan])) == [1.5, None]
    assert service.to_lists(np.array(["a", None], dtype=object)) == ["a", None]
    assert service.to_lists(np.array(["a", "b"])) == ["a", "b"]


def test_a_model_of_fit_is_served(images, tmp_path):
    pair = write_pair(tmp_path / "networks")
    (tmp_path / "photos").mkdir()
    for i, image in enumerate(images):
        pixels = np.rint(image * 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{i:02}.png")
    rows = [f"{i:02}.png,{20 + 3 * i},{'ab'[i % 2]}" for i in range(9)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,age,kind", *rows]))
    fit_model(
        tmp_path / "photos",
        tmp_path / "labels.csv",
        ["age", "kind"],
        tmp_path / "model",
        generator=pair[0],
        encoder=pair[1],
    )
    model = load_model(tmp_path / "model")
    described = service.describe(model)
    assert described["targets"]["age"].startswith("age: mean absolute error")

    found = service.answer(model, (tmp_path / "photos" / "03.png").read_bytes())["predictions"]
    (expected,) = model.predict([tmp_path / "photos" / "03.png"]).values["age"]
    assert found[0]["readable"] and isinstance(found[0]["in_domain"], bool)
    assert found[0]["age"]["value"] == pytest.approx(expected)
    assert found[0]["age"]["low"] < expected < found[0]["age"]["high"]
    assert found[0]["kind"]["class"] in "ab" and 0 < found[0]["kind"]["probability"] <= 1
    broken = json.loads(json.dumps(service.answer(model, b"no image")))["predictions"]
    assert broken[0]["readable"] is False and broken[0]["in_domain"] is None
    assert broken[0]["age"]["value"] is None and "image 0" in broken[0]["note"]
