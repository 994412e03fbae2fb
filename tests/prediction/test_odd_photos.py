"""Commands from photos to predictions, with generators of gray images and of rectangles."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from skstylefeat import load_encoder
from skstylefeat.__main__ import main
from skstylefeat.inversion import _framing_check
from skstylefeat.latents._rows import images_of
from skstylefeat.networks.optimization import _optimize
from tests.support.networks import tiny_encoder, tiny_generator
from tests.support.prediction import read_rows, write_labels

KINDS = {"gray": {"img_channels": 1}, "tall": {"const_size": (4, 2)}}
N_PHOTOS = 20


def run(*words):
    return main([str(word) for word in words])


@pytest.fixture(scope="module", params=KINDS)
def job(request, tmp_path_factory):
    """Folder with photos of one kind, in files of its mode, a table of labels and the networks."""
    folder = tmp_path_factory.mktemp(request.param)
    generator = tiny_generator(**KINDS[request.param])
    generator.save(folder / "generator.safetensors")
    tiny_encoder(generator).save(folder / "encoder.safetensors")
    (folder / "photos").mkdir()
    codes = generator.mapping(generator.sample_z(N_PHOTOS, random_state=0))
    images = images_of(codes, "w", generator, None)
    for i, pixels in enumerate(np.rint(images * 255).astype(np.uint8)):
        image = Image.fromarray(pixels)
        image = image.convert("L") if request.param == "gray" else image
        image.save(folder / "photos" / f"{i:02}.png")
    write_labels(folder / "labels.csv", images.mean(axis=(1, 2, 3)))
    return request.param, folder


METHODS = {
    "optimize": ("--method", "optimize"),
    "train": ("--encoder", "train", "--train-steps", 20),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # a short training, and few photos
@pytest.mark.parametrize(
    ("job", "method"),
    [("gray", "optimize"), ("gray", "train"), ("tall", "train")],
    indirect=["job"],
)
def test_fit_and_predict(job, method, tmp_path, monkeypatch):
    kind, folder = job
    monkeypatch.setattr(_optimize, "STEPS_FROM_MEAN", 25)
    monkeypatch.setattr(_framing_check, "N_VIEWS", 100)
    words = ["fit", folder / "photos", "--labels", folder / "labels.csv", "--target", "light"]
    words += ["--generator", folder / "generator.safetensors", "--out", tmp_path / "model"]
    assert run(*words, "--quiet", *METHODS[method]) == 0
    again = tmp_path / "predictions.csv"
    assert run("predict", tmp_path / "model", folder / "photos", "--out", again, "--quiet") == 0

    rows = read_rows(again)
    assert len(rows) == N_PHOTOS
    light = np.array([float(row["light"]) for row in rows])
    truth = [np.asarray(Image.open(folder / "photos" / row["file"])).mean() for row in rows]
    assert np.isfinite(light).all()
    assert method == "train" or np.corrcoef(light, truth)[0, 1] > 0.5

    page = (tmp_path / "model" / "report.html").read_text()
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    thumbnails = [Image.open(io.BytesIO(base64.b64decode(data))) for data in pictures]
    sizes = {image.size for image in thumbnails}
    assert ((96, 96) if kind == "gray" else (48, 96)) in sizes
    if kind == "gray":
        assert all(np.ptp(np.asarray(image), axis=2).max() == 0 for image in thumbnails)
    else:
        assert all(height == 2 * width for width, height in sizes)


def test_an_encoder_is_trained_by_command(job, tmp_path, capsys):
    kind, folder = job
    out = tmp_path / "encoder.safetensors"
    words = ["train-encoder", folder / "generator.safetensors", folder / "photos"]
    assert run(*words, "--out", out, "--steps", 3, "--batch-size", 4) == 0
    size = (8, 8) if kind == "gray" else (8, 4)
    assert f"{N_PHOTOS} photos read, {size[0]} x {size[1]} pixels." in capsys.readouterr().out
    encoder = load_encoder(out)
    assert encoder.input_size == size and encoder.img_channels == (1 if kind == "gray" else 3)


def test_photos_of_another_shape_are_counted(job, tmp_path, capsys):
    kind, folder = job
    (tmp_path / "photos").mkdir()
    sizes = [(10, 20)] * 3 + [(20, 20)] * 2 + [(20, 10)]  # width and height
    for i, size in enumerate(sizes):
        Image.new("RGB", size, (90, 60, 30)).save(tmp_path / "photos" / f"{i}.png")
    words = ["train-encoder", folder / "generator.safetensors", tmp_path / "photos"]
    words += ["--steps", 1, "--batch-size", 2, "--out", tmp_path / "e.safetensors"]
    assert run(*words) == 0
    text = "4 are not square" if kind == "gray" else "3 are not 8:4 (height to width)"
    assert text in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_report_on_own_images(job, tmp_path, monkeypatch):
    kind, folder = job
    monkeypatch.setattr(_framing_check, "N_VIEWS", 100)
    values = [np.asarray(Image.open(f)).mean() for f in sorted((folder / "photos").iterdir())]
    labels = write_labels(tmp_path / "labels.csv", np.array(values) / 255, n_labels=N_PHOTOS)
    words = ["evaluate", folder / "photos", "--labels", labels, "--target", "light"]
    for network in ("generator", "encoder"):
        words += [f"--{network}", folder / f"{network}.safetensors"]
    words += ["--draws", 1, "--regression-labels", 5, "--allow-foreign", "--quiet"]
    assert run(*words, "--out", tmp_path / "report") == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert f"generator, {'8' if kind == 'gray' else '8 x 4'} px" in page
    assert (tmp_path / "report" / "inversion.png").exists()
