"""Check of tensors against an architecture, and estimate of W's mean where a file lacks it."""

import torch

from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from skstylefeat.networks.stylegan1._adain_network import StyleGAN1Generator
from skstylefeat.networks.stylegan1._stylegan1_config import StyleGAN1Config
from skstylefeat.networks.stylegan2._generator_config import GeneratorConfig
from skstylefeat.networks.stylegan2._network import StyleGAN2Generator
from skstylefeat.networks.stylegan3._alias_free_config import StyleGAN3Config
from skstylefeat.networks.stylegan3._alias_free_network import StyleGAN3Generator

W_AVG_SAMPLES = 10_000
W_AVG_SEED = 0
MAX_SAMPLED_WIDTH = 2048  # 10,000 samples of it take 82 MB
MAX_RESOLUTION = 1 << 13
MAX_WIDTH = 1 << 16
MAX_MAPPING_LAYERS = 64
NETWORKS = {
    GeneratorConfig: (StyleGAN2Generator, "a StyleGAN2 generator"),
    StyleGAN1Config: (StyleGAN1Generator, "a StyleGAN1 generator"),
    StyleGAN3Config: (StyleGAN3Generator, "a StyleGAN3 generator"),
    EncoderConfig: (EncoderNetwork, "an encoder"),
}


def check_config(config):
    """Bound an architecture before anything is allocated for it."""
    limits = {"resolution": MAX_RESOLUTION, "n_mapping": MAX_MAPPING_LAYERS}
    for name, value in vars(config).items():
        if name == "architecture" or (value is None and name in ("conv_clamp", "widths")):
            continue
        limit = limits.get(name, MAX_WIDTH)
        for number in value if isinstance(value, tuple | list) else (value,):
            if not isinstance(number, int | float) or not 0 <= number <= limit:
                shown = number if isinstance(number, int | float) else type(number).__name__
                raise CheckpointError(f"{name} is {shown}, expected a number from 0 to {limit}")
    if max(config.image_size) > MAX_RESOLUTION:
        raise CheckpointError(
            f"it has images of {config.image_size[0]} x {config.image_size[1]} pixels, expected at "
            f"most {MAX_RESOLUTION}"
        )


def check_fit(config, state, source):
    """Raise CheckpointError unless `state` has the tensors of `config`.

    Nothing is allocated for an architecture before the tensors of the file are known to fit.
    """
    build, what = NETWORKS[type(config)]
    try:
        check_config(config)
        with torch.device("meta"):
            network = build(config)
        expected = network.state_dict()
    except CONTENT_ERRORS as error:
        raise CheckpointError(f"{source} has an impossible architecture: {error}") from error

    missing = sorted(expected.keys() - state.keys())
    extra = sorted(state.keys() - expected.keys())
    wrong = sorted(
        f"{key} {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected.keys() & state.keys()
        if state[key].shape != expected[key].shape
    )
    if missing or extra or wrong:
        parts = [
            f"{what} {[name[:80] for name in names[:4]]}"
            + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            for what, names in (
                ("it lacks", missing),
                ("it has in addition", extra),
                ("of another shape are", wrong),
            )
            if names
        ]
        height, width = config.image_size
        raise CheckpointError(
            f"{source} does not fit {what} of {height} x {width} px with w_dim {config.w_dim}: "
            f"{'; '.join(parts)}. It is damaged, or holds a variant of the network."
        )


def estimate_w_avg(config, state):
    """Estimate the mean of W from Gaussian inputs, the same at every call.

    Parameters
    ----------
    config : GeneratorConfig or StyleGAN1Config
        The architecture.
    state : dict of str to Tensor
        Parameters by the names of its network.

    Returns
    -------
    w_avg : Tensor of shape (w_dim,)
        Mean over 10,000 inputs (and uniformly drawn classes of a conditional generator).

    Raises
    ------
    ValueError
        If the mapping network is too wide for that.
    """
    widths = [value.shape for key, value in state.items() if key.startswith("mapping.")]
    width = max(size for shape in widths for size in shape)
    if width > MAX_SAMPLED_WIDTH:
        raise ValueError(
            f"it lacks the mean of W, which is not estimated for inputs of width {width}, above "
            f"{MAX_SAMPLED_WIDTH}"
        )
    with torch.device("meta"):
        mapping = NETWORKS[type(config)][0](config).mapping.requires_grad_(False)
    mapping.load_state_dict(
        {
            key.removeprefix("mapping."): value
            for key, value in state.items()
            if key.startswith("mapping.")
        },
        assign=True,
    )

    # A fixed seed, so that every load of the file gives the same mean.
    generator = torch.Generator().manual_seed(W_AVG_SEED)
    z = torch.randn(W_AVG_SAMPLES, config.z_dim, generator=generator)
    c = None
    if config.c_dim:
        classes = torch.randint(config.c_dim, (W_AVG_SAMPLES,), generator=generator)
        c = torch.nn.functional.one_hot(classes, config.c_dim).to(torch.float32)
    with torch.inference_mode():
        return mapping(z, c).mean(dim=0).clone()
