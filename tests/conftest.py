"""Settings for all tests."""

import os

# Before scipy is imported: without it scikit-learn skips its checks of array API input.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import matplotlib
import pytest
import torch
from joblib.externals.loky import reusable_executor
from matplotlib import pyplot as plt

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
