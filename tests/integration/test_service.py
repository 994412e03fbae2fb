"""Tests of the example of a service: answers, errors, and threads that share one pipeline."""

import http.client
import importlib.util
import io
import json
import threading
import urllib.error
import urllib.request
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
        (as_npy(np.zeros((8, 8))), "/predict", 400, "shape"),
        (as_npy(np.array([None])), "/predict", 400, "allow_pickle=False"),
        (service.NPY_MAGIC, "/predict", 400, ""),
        (as_npy(np.zeros((1, 8, 8, 3)))[:-1], "/predict", 400, ""),
        (b"", "/elsewhere", 404, "POST /predict"),
    ],
)
def test_bad_requests_are_answered(served, body, path, status, message):
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(served[1], body, path)
    with caught.value as error:
        assert error.code == status
        assert message in json.loads(error.read())["error"]


def test_a_body_that_is_too_large_is_not_read(served, monkeypatch):
    monkeypatch.setattr(service, "MAX_BYTES", 10)
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(served[1], b"x" * 11)
    with caught.value as error:
        assert error.code == 413


@pytest.mark.parametrize("length", ["9" * 5_000, "²", "x", "-1", ""])
def test_an_odd_content_length_is_answered(served, length):
    connection = http.client.HTTPConnection(served[1].removeprefix("http://"), timeout=20)
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Length", length.encode("latin-1"))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413 and "must be a number" in json.loads(response.read())["error"]
    connection.close()


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
