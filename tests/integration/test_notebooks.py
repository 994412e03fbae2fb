"""HTML of objects in notebooks: escaped, small, from what is at hand."""

import base64
import io
import re
from email.message import Message
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline

from skstylefeat import FeatureMaps, HyperplaneDistance, LatentRegressor
from skstylefeat._utils import _versions
from skstylefeat._utils._notebook import object_html, thumbnails_html
from skstylefeat.datasets import make_faces
from skstylefeat.images import as_images
from tests.support.estimators import estimator_classes
from tests.support.networks import tiny_generator

ROOT = Path(__file__).parents[2]


def pictures(page):
    """Return the images of a page as arrays."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))) for text in found]


def test_faces_show_their_first_images():
    faces = make_faces(10, image_size=16, random_state=0)
    shown = pictures(faces._repr_html_())
    np.testing.assert_array_equal(shown, faces.images[:8])
    page = make_faces(2, image_size=16, random_state=0, target=["yaw", "age"])._repr_html_()
    assert "faces 2 · pixels 16 x 16 · target yaw, age" in page


def test_collections_show_names_and_skip_damaged_files(tmp_path):
    for name in ("a.png", "<b>.png"):
        Image.fromarray(np.full((20, 20, 3), 90, np.uint8)).save(tmp_path / name)
    (tmp_path / "c.png").write_bytes(b"nothing")
    paths = [tmp_path / name for name in ("a.png", "<b>.png", "c.png")]
    page = as_images(paths)._repr_html_()
    assert len(pictures(page)) == 2 and (pictures(page)[0] == 90).all()
    assert "&lt;b&gt;.png" in page and "<b>" not in page
    assert "cannot be read 1 of the first 3" in page
    many = as_images(np.zeros((1000, 8, 8, 3), np.uint8))._repr_html_()
    assert "images 1000" in many and len(many) < 10_000


def test_generators_show_samples():
    generator = tiny_generator()
    page = generator._repr_html_()
    w = generator.mapping(generator.sample_z(8, random_state=0), truncation_psi=0.7)
    expected = (generator.synthesis(w).transpose(0, 2, 3, 1) + 1) / 2
    found = np.array(pictures(page)) / 255
    np.testing.assert_allclose(found, expected.clip(0, 1), atol=0.003)
    assert "pixels 8 x 8" in page


@pytest.mark.parametrize("lazy", [False, True])
def test_feature_maps_show_their_layers(lazy):
    maps = FeatureMaps.from_arrays({"<a>": np.zeros((3, 2, 4, 5))})
    if lazy:
        maps = FeatureMaps.from_latents(np.zeros((3, 7)), tiny_generator())
    page = maps._repr_html_()
    assert "images 3" in page
    for layer in maps.layers:
        name = layer.name.replace("<", "&lt;").replace(">", "&gt;")
        row = f"<td>{name}</td><td>{layer.channels}</td><td>{layer.height} x {layer.width}</td>"
        assert row in page


def test_texts_are_escaped():
    page = object_html("<t>", [("<k>", "<v>")], thumbnails_html([(np.zeros((2, 2)), "<c>")]))
    assert not re.search("<[tkvc]>", page)


def documented_pages():
    """Return the names of the pages that docs/api.rst makes, one for each public object."""
    pages, module = set(), ""
    for line in (ROOT / "docs" / "api.rst").read_text(encoding="utf-8").splitlines():
        found = re.match(r"\.\. currentmodule:: (\S+)", line)
        module = found[1] if found else module
        if re.fullmatch(r"   [A-Za-z]\w*", line):
            pages.add(f"{module}.{line.strip()}")
    return pages


@pytest.mark.parametrize(
    "estimator", sorted(estimator_classes(), key=str), ids=lambda cls: cls.__name__
)
def test_the_question_mark_opens_the_page_of_the_estimator(estimator, monkeypatch):
    installed = Message()
    installed["Project-URL"] = "Source, https://example.org/code"
    installed["Project-URL"] = "Documentation, https://example.org/docs/"
    monkeypatch.setattr(_versions, "metadata", lambda name: installed)
    # No parameter is needed for the link.
    link = estimator.__new__(estimator)._get_doc_link()
    start, _, page = link.partition("/generated/")
    assert start == "https://example.org/docs"
    assert page.removesuffix(".html") in documented_pages()


def test_without_a_documentation_address_there_is_no_question_mark(monkeypatch):
    monkeypatch.setattr(_versions, "metadata", lambda name: Message())
    page = make_pipeline(HyperplaneDistance(), LatentRegressor())._repr_html_()
    assert 'href="https://scikit-learn.org' in page  # that of Pipeline itself
    assert "skstylefeat" not in "".join(re.findall(r'href="[^"]*"', page))
