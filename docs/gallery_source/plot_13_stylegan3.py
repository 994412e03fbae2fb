"""
A StyleGAN3: images that turn and move
======================================

Four numbers of StyleGAN3's input turn and move the whole image. This is exact as long as no layer
sees the border of the image.
"""

# %%
# A config-R with random weights shows it. Its codes have 16 rows at any resolution. Layer
# ``L0_36_32`` has 32 channels and a side of 36 pixels, of which ten at each end lie outside the
# image. Feature maps have no such margin: this one is 16 pixels wide.
import tempfile
import zipfile

import numpy as np
import torch

from skstylefeat import StyleGANInverter, load_generator
from skstylefeat.datasets import make_faces
from skstylefeat.networks import Generator
from skstylefeat.networks.stylegan3 import StyleGAN3Config, StyleGAN3Generator
from skstylefeat.plotting import EditStripDisplay

torch.manual_seed(0)
config = StyleGAN3Config(64, [32] * 14, 32, 32, conv_kernel=1, use_radial_filters=True)
waves = Generator(StyleGAN3Generator(config))
print(waves.n_ws, "rows,", waves.layers[0])


# %%
# Columns of the input in S: cosine and sine of a rotation, and a translation. The first row turns
# by 90 degrees to both sides, the second one moves by three eighths of the width.
def show(generator, latents):
    steps = np.linspace(-1, 1, 7)
    turns, shifts = np.r_[steps * np.pi / 2, 0 * steps], np.r_[0 * steps, steps * 3 / 8]
    styles = np.repeat(generator.styles(latents), 14, axis=0)
    columns = generator.style_slices["input"]
    styles[:, columns] = np.transpose([np.cos(turns), np.sin(turns), shifts, 0 * shifts])
    images = generator.synthesis_from_styles(styles).transpose(0, 2, 3, 1)
    low, high = np.quantile(images, [0.01, 0.99])
    images = ((images - low) / (high - low)).clip(0, 1)
    n = images.shape[1] * 3 // 8
    error = np.abs(images[10, :, :-n] - images[13, :, n:]).mean()
    print(f"moved by {n} pixels: mean error {error:.4f} of the range")
    return EditStripDisplay.from_images(images.reshape(2, 7, *images.shape[1:]), steps)


display = show(waves, waves.mapping(waves.sample_z(1, random_state=0)))

# %%
# The next one, in the repository next to this script, is ``faces64``, converted without any photo.
# It has no margins: layers see the border, and a face far from its place falls apart. Its code has
# one row more, the input's.
with zipfile.ZipFile("data/faces32-stylegan3.zip") as archive:
    path = archive.extract("faces32-stylegan3.safetensors", tempfile.mkdtemp())
codes = StyleGANInverter().fit_transform(make_faces(6, random_state=4).images[1:2])
rows = codes.reshape(1, 10, 128)
display = show(load_generator(path), np.concatenate([rows[:, :1], rows], axis=1))
