"""Every Python block of README, guide and other pages runs, in the order of its page."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import FeatureUnion, make_pipeline

from skstylefeat import StyleGANInverter, datasets, load_encoder, load_generator
from skstylefeat.features import HOGDescriptor
from skstylefeat.inversion import _face_framing
from tests.support import checkpoint_writers as writers
from tests.support.networks import tiny_module

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in path.parts and BLOCK.search(path.read_text(encoding="utf-8"))
)
#: Blocks with these words need other packages, machines or minutes. Other tests run them, or what
#: they show.
ELSEWHERE = {
    "torchvision": "tests/_commands/test_main.py",
    "n_train_steps=20_000": "tests/inversion/test_inverter.py",
    "hf://": "tests/networks/checkpoints/test_hub.py",
    'engine="openvino"': "tests/networks/encoders/test_openvino.py",
    "MTCNN": "tests/inversion/test_align_recipes.py",
    "mediapipe": "tests/inversion/test_align_recipes.py",
    "mtcnn_landmarks)": "tests/inversion/test_align_recipes.py",
    "dask.distributed": "tests/integration/test_scale_out.py",
    "map_blocks": "tests/integration/test_scale_out.py",
    "ray.init": "tests/integration/test_ray.py",
    "TextDirection(": "tests/directions/test_style_measurements.py",
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

    # An encoder with its generator in one file, and a state dict alone, both tiny.
    module = tiny_module(64, channels=[8, 8, 6, 4, 3], z_dim=10, w_dim=10)
    state = writers.psp_state("Encoder4Editing", n_ws=10, w_dim=10, n_units=1)
    average = module.mapping.w_avg.expand(10, -1).clone()
    options = {"encoder_type": "Encoder4Editing", "stylegan_size": 64, "latent_avg": average}
    writers.write_psp(folder / "e4e_ffhq_encode.pt", state, module, **options)
    torch.save(module.state_dict(), folder / "state-dict.pt")

    w = load_generator("faces64").mapping(np.random.default_rng(0).normal(size=(300, 128)))
    pca = PCA(3).fit(w)
    components = {
        "comp": pca.components_[:, None],
        "mean": w.mean(axis=0, keepdims=True),
        "std": pca.explained_variance_**0.5,
    }
    tensors = {key: torch.from_numpy(np.float32(x)) for key, x in components.items()}
    torch.save(tensors, folder / "ffhq_pca.pt")

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
        "FeatureUnion": FeatureUnion,
        "HOGDescriptor": HOGDescriptor,
        "generator": "ffhq.pkl",
        "encoder": "e4e.pt",
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
    monkeypatch.setattr(_face_framing, "N_OWN", 8)  # faces in which dlib looks for landmarks
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
