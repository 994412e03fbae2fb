"""Networks and inputs of the comparison with NVIDIA's converter of TensorFlow pickles."""

from pathlib import Path

import numpy as np
import torch

from tests.support import tensorflow_writers as writers
from tests.support.networks import tiny_module

DATA = Path(__file__).parents[1] / "data" / "tensorflow_stylegan2.npz"
#: Name to (version, architecture, classes, settings); the reference arrays have the same names.
REFERENCES = {
    "4 skip": (4, "skip", 0, {}),
    "4 orig": (4, "orig", 0, {"mapping_lrmul": 0.02}),
    "4 resnet": (4, "resnet", 0, {"resample_kernel": [1, 2, 4, 1]}),
    "5 skip": (5, "skip", 3, {"conv_clamp": 0.7}),
    "5 orig": (5, "orig", 3, {"use_noise": False}),
    "5 resnet": (5, "resnet", 0, {"conv_clamp": 0.7}),
    "5 box": (5, "skip", 0, {"resample_kernel": [1, 1]}),
    "5 three taps": (5, "resnet", 0, {"resample_kernel": [1, 3, 2]}),
    "5 one tap": (5, "resnet", 0, {"resample_kernel": [1]}),
}


def write_reference(path, name):
    """Write the file of which NVIDIA's converter made the reference arrays."""
    version, architecture, c_dim, settings = REFERENCES[name]
    module = tiny_module(
        16, channels=(6, 4, 2), n_mapping=3, architecture=architecture, c_dim=c_dim
    )
    variables = writers.redrawn(writers.stylegan2_variables(module))
    if not settings.get("use_noise", True):
        variables = {key: value for key, value in variables.items() if "noise" not in key}
    settings = {"fmap_base": 16, "fmap_max": 6} | settings
    writers.write_stylegan2(path, module, version, variables=variables, **settings)


def reference_inputs(c_dim):
    rng = np.random.RandomState(1)
    z, ws = (rng.standard_normal(shape).astype("f4") for shape in ((1, 5), (1, 6, 7)))
    return torch.from_numpy(z), torch.from_numpy(ws), torch.eye(3)[[2]] if c_dim else None
