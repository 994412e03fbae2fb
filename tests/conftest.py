"""Settings for all tests."""

import os

# Before scipy is imported: without it scikit-learn skips its checks of array API input.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import matplotlib
import pytest
import torch
from matplotlib import pyplot as plt

matplotlib.use("Agg")
# The networks of the tests are tiny: more threads only wait for each other.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
