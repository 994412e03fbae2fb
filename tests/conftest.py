"""Settings for all tests."""

import matplotlib
import torch

matplotlib.use("Agg")
# The networks of the tests are tiny: more threads only wait for each other.
torch.set_num_threads(1)
