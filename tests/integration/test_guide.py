"""Every Python block of README, guide and other pages runs, in the order of its page."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline

from skstylefeat import StyleGANInverter, datasets, load_encoder, load_generator

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in path.parts and BLOCK.search(path.read_text(encoding="utf-8"))
)
#: Blocks that other tests run: they need other packages or machines.
ELSEWHERE = {
    "MTCNN": "tests/inversion/test_align_recipes.py",
    "mediapipe": "tests/inversion/test_align_recipes.py",
    "mtcnn_landmarks)": "tests/inversion/test_align_recipes.py",
    "dask.distributed": "tests/integration/test_scale_out.py",
    "map_blocks": "tests/integration/test_scale_out.py",
    "ray.init": "tests/integration/test_ray.py",
    "fit_model(": "tests/prediction/test_fit_and_predict.py",
}
N_FACES = 120  # instead of several hundred
GENERATORS = ("ffhq.pkl", "network.pkl", "stylegan2-ffhq-256x256.pkl", "generator.safetensors")
ENCODERS = ("e4e.pt", "encoder.pt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The files that the pages name: networks under their usual names, and photos."""
    folder = tmp_path_factory.mktemp("guide")
    for name in GENERATORS:
        load_generator("faces64").save(folder / name)
    for name in ENCODERS:
        load_encoder("faces64-encoder").save(folder / name)

    (folder / "photos").mkdir()
    faces = datasets.make_faces(20, image_size=128, random_state=14)
    for i, face in enumerate(faces.images):
        Image.fromarray(face).save(folder / "photos" / f"{i:02}.png")
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for path in sorted((folder / "photos").iterdir()):
            archive.write(path, path.name)
    return folder


def names_of_the_reader(folder):
    """Return what pages take as given: images, labels, a pipeline, two functions of a model."""
    y = [0, 1] * 10
    pipeline = make_pipeline(StyleGANInverter(), LogisticRegression())
    projection = np.random.default_rng(0).normal(size=(64 * 64 * 3, 8))
    return {
        "np": np,
        "cross_validate": cross_validate,
        "StyleGANInverter": StyleGANInverter,
        "pipeline": pipeline.fit(str(folder / "photos.zip"), y),
        "images": str(folder / "photos.zip"),
        "age_of": {f"{i:02}.png": i % 2 for i in range(20)},
        "encode_images": lambda images: images.reshape(len(images), -1) @ projection,
        "encode_texts": lambda texts: np.eye(8)[: len(texts)],
    }


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.filterwarnings("default")  # random photos are not what the bundled networks expect
def test_the_code_of_a_page_runs(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    make_faces = datasets.make_faces
    monkeypatch.setattr(
        datasets, "make_faces", lambda n, **kwargs: make_faces(min(n, N_FACES), **kwargs)
    )
    namespace = names_of_the_reader(folder)
    text = (ROOT / page).read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        code = found[1]
        if any(word in code for word in ELSEWHERE):
            continue
        line = text[: found.start(1)].count("\n")
        exec(compile("\n" * line + code, page, "exec"), namespace)


def test_blocks_that_run_elsewhere_are_tested_there():
    for word, module in ELSEWHERE.items():
        assert (ROOT / module).exists(), word
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    assert all(word in text for word in ELSEWHERE)
