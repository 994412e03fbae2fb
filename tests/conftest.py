"""Settings for all tests."""

import os
import sys

# Before scipy is imported: without it scikit-learn skips its checks of array API input.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import matplotlib
import numpy as np
import pytest
import torch
from joblib.externals.loky import reusable_executor
from matplotlib import pyplot as plt

from tests.support.hostile_files import CANARY

matplotlib.use("Agg")
# The networks of the tests are tiny: more threads only wait for each other.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module", autouse=True)
def fresh_workers():
    """Start every module without worker processes of earlier ones.

    With psutil, a worker whose memory grows by 300 MB after its first task ends itself as leaky;
    torch, imported for a later task, is as much, and ending can block the queue for good.
    """
    executor = reusable_executor._executor
    if executor is not None:
        executor.shutdown(wait=True, kill_workers=True)


@pytest.fixture
def labeled():
    """Provide codes of unequal scales, a score that is linear in them, and its direction."""
    rng = np.random.RandomState(0)
    scale = np.r_[1.0, 100.0, np.ones(14)]
    w = (rng.normal(size=(600, 16)) * scale).astype(np.float32)
    truth = np.zeros(16)
    truth[[0, 3]] = 0.6, -0.8
    return w, w @ truth + 0.5, truth


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    """Provide a module whose import or function leaves a mark, and the mark's path."""
    folder = tmp_path_factory.mktemp("canary")
    mark = folder / "mark"
    (folder / f"{CANARY}.py").write_text(
        f"def run(*args):\n    open({str(mark)!r}, 'a').close()\nrun()\n"
    )
    sys.path.insert(0, str(folder))
    yield mark
    sys.path.remove(str(folder))
