"""Sheet of samples that shows how far a generator's training is."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from skstylefeat._utils._channels import as_rgb
from skstylefeat._utils._files import replace_file
from skstylefeat._utils._typing import StrPath
from skstylefeat.networks._generator import Generator

SAMPLES_PER_SIDE = 8
SMALLEST_SHEET = 512  # pixels; smaller images are enlarged without smoothing


def write_sample_sheet(generator: Generator, path: StrPath, truncation_psi: float = 1.0) -> None:
    """Write 64 samples of fixed inputs as PNG, so that sheets of one training can be compared.

    Parameters
    ----------
    generator : Generator
        The generator.
    path : path-like
        File to write; it is replaced in one step.
    truncation_psi : float, default=1.0
        Truncation; below 1 for fewer odd samples and less variety.
    """
    z = generator.sample_z(SAMPLES_PER_SIDE**2, random_state=0)
    samples = generator.synthesis(generator.mapping(z, truncation_psi=truncation_psi))
    pixels = ((as_rgb(samples).clip(-1, 1) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)

    grid = pixels.reshape(SAMPLES_PER_SIDE, SAMPLES_PER_SIDE, *pixels.shape[1:])
    height, width = (SAMPLES_PER_SIDE * side for side in generator.image_size)
    sheet = Image.fromarray(grid.transpose(0, 2, 1, 3, 4).reshape(height, width, -1))
    factor = max(1, SMALLEST_SHEET // width)
    sheet = sheet.resize((factor * width, factor * height), Image.Resampling.NEAREST)

    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    replace_file(path, lambda file: file.write(buffer.getvalue()))
