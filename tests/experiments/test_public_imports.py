"""Benchmarks, examples and the gallery use public names only; the gallery's data."""

import ast
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from skstylefeat import load_generator

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("benchmarks", "docs/gallery_source", "examples")
    for path in (ROOT / folder).rglob("*.py")
)


def imported_names(path):
    """Return (module, name) of every import from the package; the name is None for a module."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.module, alias.name) for alias in node.names]
    return [pair for pair in found if pair[0].split(".")[0] == "skstylefeat"]


def test_there_are_scripts():
    assert "benchmarks/paper_a/evaluate.py" in SCRIPTS and "examples/service.py" in SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_import_public_names(script):
    for module, name in imported_names(ROOT / script):
        assert not any(part.startswith("_") for part in module.split("."))
        if name is not None:
            assert name in import_module(module).__all__


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s.startswith("docs/gallery")])
def test_gallery_is_short_and_fetches_nothing(script):
    text = (ROOT / script).read_text(encoding="utf-8")
    title, line = ast.get_docstring(ast.parse(text)).splitlines()[:2]
    assert set(line) == {"="} and len(line) == len(title), "a heading that Sphinx accepts"
    assert len(text.splitlines()) < 60 and "# %%\n" in text
    assert "http" not in text and ("make_faces" in text or "render_faces" in text)


def test_experiments_hold_their_public_names():
    experiments = import_module("skstylefeat.experiments")
    for name in experiments.__all__:
        assert getattr(experiments, name).__doc__


def test_the_network_of_the_gallery_is_small_and_has_a_license(tmp_path):
    packed = ROOT / "docs" / "gallery_source" / "data" / "faces32-stylegan3.zip"
    assert packed.stat().st_size < 1_500_000
    with zipfile.ZipFile(packed) as archive:
        (name,) = archive.namelist()
        generator = load_generator(archive.extract(name, tmp_path))
    assert generator.card["license"] == "BSD-3-Clause" and "no photos" in generator.card["data"]
    # Its images differ from each other, as those of a trained network do.
    images = generator.synthesis(generator.mapping(generator.sample_z(2, random_state=0)))
    assert images.shape == (2, 3, 32, 32) and np.abs(images[0] - images[1]).mean() > 0.05
