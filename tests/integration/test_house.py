"""The package's layout: which package may import which, one home for each job, names and air."""

import ast
import re
import subprocess
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "skstylefeat"

#: From bottom to top: a package imports from levels below its own only.
LEVELS = (
    {"exceptions"},
    {"_utils"},
    {"_inert"},
    {"annotation", "datasets", "images", "latents", "metrics"},
    {"networks"},
    {"directions", "features", "plotting"},
    {"inversion", "regression"},
    {"prediction"},
    {"experiments", "labeling"},
    {"_commands"},
    {"__main__"},
)
#: The only package that imports torch when it is imported itself.
TORCH_WORLD = {"networks"}
#: Names at the top of the repository, of files and folders under version control.
TOP = {
    *("skstylefeat", "tests", "docs", "benchmarks", "examples", "setup.cfg", "pyproject.toml"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE"),
    *("constraints.txt", "constraints-oldest.txt"),
    *(".ci", ".github", ".gitignore", ".pre-commit-config.yaml"),
}
QUESTION = re.compile(r"(What|Which|Where|Whether|How|Who|Why|When)\b")


@cache
def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def test_nothing_else_lies_at_the_top():
    """A test that writes to the working folder would leave its files there, to be committed."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    # An unpacked archive, which is no clone, holds what was committed.
    names = {line.split("/")[0].strip('"') for line in listed.stdout.splitlines()}
    assert names <= TOP


def _files():
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }


def _imports():
    """Return the modules of the package that each module imports, inside functions, too."""
    files = _files()
    imports = {module: set() for module in files}
    for module, path in files.items():
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ImportFrom):
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                names = {name if name in files else node.module for name in names}
            elif isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
            else:
                continue
            imports[module] |= names & files.keys()
    assert "skstylefeat.features._extractor" in imports["skstylefeat.labeling._prepare"]
    return imports


def test_the_top_level_holds_three_modules():
    assert {path.name for path in PACKAGE.glob("*.py")} == {
        "__init__.py",
        "__main__.py",
        "exceptions.py",
    }


def test_imports_make_no_loop():
    TopologicalSorter(_imports()).prepare()  # CycleError names the modules of a loop


def test_packages_import_from_below_only():
    level = {package: i for i, packages in enumerate(LEVELS) for package in packages}
    upward = []
    for module, imported in _imports().items():
        source = module.split(".")[1:2]
        for name in imported:
            target = name.split(".")[1:2]
            if source and target and source != target and level[source[0]] <= level[target[0]]:
                upward.append(f"{module} imports {name}")
    assert not upward


@pytest.mark.parametrize("package", sorted(set.union(*LEVELS) - TORCH_WORLD - {"__main__"}))
def test_torch_is_imported_inside_functions_only(package):
    for path in [*(PACKAGE / package).rglob("*.py"), *PACKAGE.glob(f"{package}.py")]:
        for node in _tree(path).body:
            names = [alias.name for alias in getattr(node, "names", [])]
            if isinstance(node, ast.ImportFrom):
                names = [node.module]
            assert not any(name.split(".")[0] == "torch" for name in names), path
            assert not any(name.startswith("skstylefeat.networks") for name in names), path


@pytest.mark.parametrize(
    ("call", "most"),
    [
        (r"\.rglob\(|os\.walk\(", 1),
        (r"os\.replace\(|\.rename\(", 1),
        (r"torch\.load\(", 0),
        (r"pickle\.loads?\(|pickle\.Unpickler", 0),
    ],
    ids=["walks a folder", "replaces a file", "torch.load", "pickle.load"],
)
def test_one_home_for_each_job(call, most):
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in PACKAGE.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(call, line)
    ]
    assert len(found) <= most, found


def test_module_titles_are_noun_phrases():
    titles = {path: ast.get_docstring(_tree(path)) or "" for path in PACKAGE.rglob("*.py")}
    assert all(titles.values()), [path for path, title in titles.items() if not title]
    assert not [path for path, title in titles.items() if QUESTION.match(title)]


def test_no_two_modules_have_one_name():
    names = Counter(path.name for path in PACKAGE.rglob("*.py"))
    assert not [name for name, n in names.items() if n > 1 and name != "__init__.py"]


def test_long_functions_have_paragraphs():
    """Under a tenth of the functions of 25 lines or more lack both blank lines and comments."""
    long, bare = [], []
    for path in PACKAGE.rglob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(_tree(path)):
            if not isinstance(node, ast.FunctionDef):
                continue
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if not body or node.end_lineno - body[0].lineno + 1 < 25:
                continue
            long.append(node.name)
            block = lines[body[0].lineno - 1 : node.end_lineno]
            if not any(not line.strip() or line.strip().startswith("#") for line in block):
                bare.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert len(bare) < 0.1 * len(long), bare


def test_every_public_module_is_in_the_api_pages():
    page = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    public = [
        name
        for name in _files()
        if name != "skstylefeat" and not any(part.startswith("_") for part in name.split(".")[1:])
    ]
    assert "skstylefeat.networks.checkpoints" in public
    assert not [name for name in public if not re.search(rf"(?<![\w.]){re.escape(name)}\b", page)]
