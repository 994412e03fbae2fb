"""Configurations whose images were computed by the public code, for tests against it.

The arrays in ``tests/data/odd_generators.npz`` come from NVIDIA's stylegan2-ada-pytorch,
StyleGAN-Human's networks of both families, and rosinality's stylegan2-pytorch, run on a CPU in
float32 with the weights of `tests.support.networks.numbered_module`, constant noise, and the codes
of `numbered_codes`.
"""

from pathlib import Path

from skstylefeat.networks.stylegan2 import GeneratorConfig

IMAGES = Path(__file__).parents[1] / "data" / "odd_generators.npz"
NUMBERS = {"channels": (6, 6, 6, 6), "z_dim": 7, "w_dim": 7, "n_mapping": 2}
UNEVEN_TAPS = (1.0, 2.0, 3.0, 2.0)

#: Name of the array: (code that computed it, configuration).
CONFIGS = {
    "rectangular skip": ("human", GeneratorConfig(32, const_size=(4, 2), **NUMBERS)),
    "rectangular resnet": (
        "human",
        GeneratorConfig(
            32, const_size=(4, 2), architecture="resnet", resample_filter=UNEVEN_TAPS, **NUMBERS
        ),
    ),
    "rectangular orig": (
        "human",
        GeneratorConfig(32, const_size=(4, 2), architecture="orig", conv_clamp=2.0, **NUMBERS),
    ),
    "rectangular rosinality": (
        "human rosinality",
        GeneratorConfig(32, const_size=(4, 2), **NUMBERS),
    ),
    "gray": ("nvidia", GeneratorConfig(32, img_channels=1, conv_clamp=2.0, **NUMBERS)),
    "alpha": ("nvidia", GeneratorConfig(32, img_channels=4, **NUMBERS)),
    "uneven taps": ("nvidia", GeneratorConfig(32, resample_filter=UNEVEN_TAPS, **NUMBERS)),
    "uneven taps rosinality": (
        "rosinality",
        GeneratorConfig(32, resample_filter=UNEVEN_TAPS, **NUMBERS),
    ),
}
