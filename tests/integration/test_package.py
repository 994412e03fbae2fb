"""The package as a whole: what it exports, what it imports, what it ships."""

import ast
import inspect
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import jedi
import numpy as np
import pytest

import skstylefeat
from tests.support.estimators import estimator_classes

ROOT = Path(__file__).parents[2]


def _loaded_after(statement):
    """Names of the modules a fresh interpreter holds after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_import_brings_in_no_heavy_library():
    loaded = _loaded_after("import skstylefeat")
    assert "skstylefeat" in loaded
    assert loaded.isdisjoint({"torch", "sklearn", "scipy", "numpy", "PIL", "matplotlib"})


NUMPY_WORLD = (
    "ChannelMISelector",
    "ClusterAnnotator",
    "FeatureMaps",
    "HyperplaneDistance",
    "LatentRegressor",
    "MaxPoolReducer",
    "PseudoLabelClassifier",
    "select_calibration_points",
)


def test_numpy_world_brings_in_no_torch():
    loaded = _loaded_after("\n".join(f"from skstylefeat import {name}" for name in NUMPY_WORLD))
    assert "skstylefeat.annotation._annotator" in loaded
    assert "torch" not in loaded
    assert "matplotlib" not in loaded


def test_plotting_imports_no_matplotlib():
    loaded = _loaded_after("import skstylefeat.plotting")
    assert "skstylefeat.plotting" in loaded
    assert loaded.isdisjoint({"matplotlib", "torch"})


@pytest.mark.parametrize("name", skstylefeat.__all__)
def test_every_exported_name_exists_and_is_documented(name):
    value = getattr(skstylefeat, name)
    assert value.__doc__ and value.__doc__.strip()


def test_dir_lists_the_exports_and_nothing_private():
    assert set(dir(skstylefeat)) == {*skstylefeat.__all__, "__doc__", "__version__"}


def test_the_static_mirror_names_the_same():
    tree = ast.parse((ROOT / "skstylefeat" / "__init__.pyi").read_text())
    named = {
        alias.asname: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = {name: f"skstylefeat.{home}" for name, home in skstylefeat._HOMES.items()}
    assert named == homes | dict.fromkeys(skstylefeat._PACKAGES, "skstylefeat")


def test_a_type_checker_sees_the_public_classes(tmp_path):
    names = [x for x in skstylefeat.__all__ if isinstance(getattr(skstylefeat, x), type)]
    assert "StyleGANInverter" in names
    lines = [f"from skstylefeat import {name}\nreveal_type({name}())" for name in names]
    (tmp_path / "user.py").write_text("\n".join(lines))
    # With the settings and the cache of the package's own check, which is soon to follow.
    command = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml"]
    done = subprocess.run(
        [*command, "--cache-dir", ROOT / ".mypy_cache", "user.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT)},
    )
    for name in names:
        assert re.search(rf'Revealed type is "skstylefeat\.\w+\.\w+\.{name}"', done.stdout), (
            done.stdout
        )


@pytest.mark.parametrize("estimator", sorted(estimator_classes(), key=lambda x: x.__name__))
def test_an_editor_shows_the_parameters(estimator):
    home = estimator.__module__.partition("._")[0]
    code = f"from {home} import {estimator.__name__}\n{estimator.__name__}("
    (shown,) = jedi.Script(code).get_signatures()
    assert [p.name for p in shown.params] == list(inspect.signature(estimator).parameters)


def test_an_editor_completes_public_names():
    found = {x.name for x in jedi.Script("import skstylefeat\nskstylefeat.").complete()}
    assert set(skstylefeat.__all__) <= found
    assert {name for name in found - set(skstylefeat.__all__) if not name.startswith("_")} <= {
        "experiments",
        "labeling",
        "weights",
    }


def test_unknown_attribute_is_named():
    with pytest.raises(AttributeError, match="no_such_estimator"):
        _ = skstylefeat.no_such_estimator


def test_import_star_gives_all_exports():
    namespace = {}
    exec("from skstylefeat import *", namespace)
    assert set(skstylefeat.__all__) <= set(namespace)


def test_version_is_written_once():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert config["project"]["dynamic"] == ["version"]
    assert config["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "skstylefeat.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", skstylefeat.__version__)
    assert f"## {skstylefeat.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_constraints_admit_the_declared_dependencies():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    declared = [*config["dependencies"]]
    for extra in config["optional-dependencies"].values():
        declared += extra
    for text in declared:
        requirement = Requirement(text)
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier


def test_readme_commands_name_what_exists():
    readme = (ROOT / "README.md").read_text()
    main_job = "-c constraints.txt '.[plot]' && .venv/bin/python -m skstylefeat"
    tests = "-c constraints.txt -e '.[test]' && .venv/bin/python -m pytest"
    assert readme.count(main_job) == 1
    assert readme.count(tests) == 1
    assert "<!-- test command -->" in readme, ".ci/run finds the command by this mark"


def test_readme_example_runs():
    """The example reads classes and degrees as it says."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    namespace = {}
    exec(code, namespace)
    frame = namespace["new"].attributes
    assert np.mean(namespace["names"] == np.asarray(frame["glasses"])) > 0.6
    assert np.corrcoef(namespace["degrees"], frame["yaw"])[0, 1] > 0.9


def test_every_public_name_is_in_the_api_pages():
    page = (ROOT / "docs" / "api.rst").read_text()
    listed = set(re.findall(r"^(?: +|\.\. data:: )(\w+)$", page, re.MULTILINE))
    public = set(skstylefeat.__all__) - set(skstylefeat._PACKAGES)
    for path in (ROOT / "skstylefeat").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if "._" not in module and module != "skstylefeat":
            public |= set(getattr(import_module(module), "__all__", ()))
    assert {"save_network", "N_PER_CLASS", "Session"} <= public
    assert public <= listed, public - listed


def test_ruff_finds_nothing():
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "."], capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 0, done.stdout


def test_bundled_weights_are_small_and_have_cards():
    weights = sorted((ROOT / "skstylefeat" / "weights").glob("*.safetensors"))
    assert weights, "no bundled weights"
    assert sum(path.stat().st_size for path in weights) < 12e6
    for path in weights:
        card = path.with_suffix(".md").read_text()
        assert len(card) > 500, f"{path.name}'s card says too little"
