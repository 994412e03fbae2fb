"""Benchmarks as tests run them: in this process, on made-up photos and tiny networks."""

import io
import runpy
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from PIL import Image

FOLDER = Path(__file__).parents[2] / "benchmarks"
N_CELEBA, N_UTKFACE, N_IDENTITIES = 160, 120, 60


@contextmanager
def importable(folder):
    """Make the modules of one folder of benchmarks importable, and forget them afterwards.

    Folders hold modules of the same names, such as `data`.
    """
    before = set(sys.modules)
    try:
        with patch.object(sys, "path", [str(folder), *sys.path]):
            yield
    finally:
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(str(FOLDER)):
                del sys.modules[name]


def run_script(path, *arguments):
    """Run a script with command-line arguments."""
    path = FOLDER / path
    words = [str(path), *(str(argument) for argument in arguments)]
    with importable(path.parent), patch.object(sys, "argv", words):
        runpy.run_path(str(path), run_name="__main__")


def write_photo_archives(folder):
    """Write noisy archives in the layout of both data sets, and their tables; return the folder.

    Half of the photos of CelebA are bright on the left ("Male"), a third at the top ("Smiling").
    Two photos of different people are equal to the pixel.
    """
    rng = np.random.default_rng(0)
    half = np.arange(N_CELEBA) % 2
    labels = {
        "file": [f"{i:04}.jpg" for i in range(N_CELEBA)],
        "identity": rng.integers(N_IDENTITIES, size=N_CELEBA),
        "Male": half,
        "Smiling": (np.arange(N_CELEBA) % 3 == 0).astype(int),
        "Eyeglasses": (np.arange(N_CELEBA) % 4 == 0).astype(int),
        "Young": rng.integers(2, size=N_CELEBA),
    }
    images = rng.integers(0, 120, (N_CELEBA, 64, 64, 3), dtype=np.uint8)
    images[half > 0, :, :32] += 100
    images[labels["Smiling"] > 0, :32] += 30
    _write(folder / "celeba64", images, pd.DataFrame(labels))

    ages = rng.integers(1, 90, size=N_UTKFACE)
    images = rng.integers(0, 100, (N_UTKFACE, 96, 96, 3), dtype=np.uint8)
    images[:, :48] += ages[:, None, None, None].astype(np.uint8)
    table = pd.DataFrame(
        {
            "file": [f"{i:04}.jpg" for i in range(N_UTKFACE)],
            "age": ages,
            "gender": rng.integers(2, size=N_UTKFACE),
        }
    )
    _write(folder / "utkface96", images, table)
    return folder


def _write(stem, images, table):
    table.to_csv(stem.with_suffix(".csv"), index=False)
    with zipfile.ZipFile(stem.with_suffix(".zip"), "w") as archive:
        for name, pixels in zip(table["file"], images, strict=True):
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", quality=95)
            archive.writestr(name, file.getvalue())
