"""Import of upstream's code, for the scripts in tests/data that write arrays of it.

Each takes the folder of a public repository, runs its code on the CPU with weights of a fixed seed,
and writes what the tests compare: ``python tests/data/make_genforce.py --upstream FOLDER``.
"""

import argparse
import re
import sys
import types
from pathlib import Path

import numpy as np
import torch


def leave_out(*names):
    """Register empty modules, any name of which can be imported."""
    for name in names:
        module = types.ModuleType(name)
        module.__getattr__ = lambda attribute: None
        module.__path__ = []
        sys.modules[name] = module


def leave_out_packages():
    """Stand in for packages that NVIDIA's code imports for downloads and to compare versions."""
    leave_out("requests", "pkg_resources")
    sys.modules["pkg_resources"].parse_version = lambda text: tuple(
        map(int, re.findall(r"\d+", text)[:2])
    )


def forget(*names):
    """Drop packages, so that those of another repository can be imported by the same names."""
    for name in [name for name in sys.modules if name.partition(".")[0] in names]:
        del sys.modules[name]


def load_narrow(network, state):
    """Load tensors into rosinality's generator, whose code fixes the numbers of channels."""
    modules = dict(network.named_modules())
    for key, value in state.items():
        path, _, name = key.rpartition(".")
        owner, value = modules[path], value.clone(memory_format=torch.contiguous_format)
        setattr(owner, name, torch.nn.Parameter(value) if name in owner._parameters else value)
        if name == "weight" and value.ndim == 5:
            owner.out_channel, owner.in_channel = value.shape[1:3]
            owner.scale = value[0, 0].numel() ** -0.5


def read_arguments(description, file, folders=("upstream",)):
    """Return the arguments of a script: folders of repositories, and `out`, the file to write."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for name in folders:
        help = "folder of the repository"
        parser.add_argument(f"--{name}", required=True, type=Path, metavar="FOLDER", help=help)
    parser.add_argument("--out", type=Path, default=file, help="file to write")
    torch.set_num_threads(1)
    return parser.parse_args()


def save(file, arrays):
    """Write arrays or tensors by name, in float32."""
    np.savez_compressed(file, **{k: np.asarray(x, dtype=np.float32) for k, x in arrays.items()})
