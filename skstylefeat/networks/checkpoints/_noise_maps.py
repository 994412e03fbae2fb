"""Noise maps that files leave out, within bounds that their layers' names cannot exceed."""

import torch

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.stylegan2._generator_config import SQUARE, check_const_size

NOISE_SEED = 0
# A generator of 2048 px, the largest that is known, has maps of 45 MB.
MAX_ADDED_BYTES = 64 << 20


def draw_missing_noise(state, source):
    """Draw the noise maps that files of early versions lack, the same at every load.

    Parameters
    ----------
    state : dict of str to Tensor
        Tensors by the names of `StyleGAN2Generator`; the maps are added.
    source : str
        Name of the file, for messages.

    Returns
    -------
    bool
        Whether maps were drawn.

    Raises
    ------
    CheckpointError
        If the maps of the layers that it names would take more than 64 MB.
    """
    generator = torch.Generator().manual_seed(NOISE_SEED)
    layers = (name.removesuffix(".noise_strength") for name in sorted(state))
    missing = [
        layer
        for layer in layers
        if f"{layer}.noise_strength" in state and f"{layer}.noise_const" not in state
    ]
    for layer, size in _sizes(missing, state, source).items():
        state[f"{layer}.noise_const"] = torch.randn(size, generator=generator)
    return bool(missing)


def add_silent_noise(state, source):
    """Give layers that were built without noise a noise of strength 0; see `draw_missing_noise`."""
    layers = (name.removesuffix(".weight") for name in state)
    missing = [
        layer
        for layer in layers
        if layer.endswith((".conv0", ".conv1"))
        and f"{layer}.noise_strength" not in state
        and f"{layer}.noise_const" not in state
    ]
    for layer, size in _sizes(missing, state, source).items():
        state[f"{layer}.noise_strength"] = torch.zeros(())
        state[f"{layer}.noise_const"] = torch.zeros(size)


def _sizes(layers, state, source):
    """Return the size of each layer's map, (8, 8) for "synthesis.b8.conv0", if they fit in memory.

    The constant of the first block shows the shape of the images; a file without it is refused
    later.
    """
    const = state.get("synthesis.b4.const")
    height, width = SQUARE if const is None else check_const_size(tuple(const.shape[1:]))
    sizes = {}
    for layer in layers:
        number = layer.split(".")[1].removeprefix("b")
        if not (number.isascii() and number.isdigit() and len(number) < 6):
            raise CheckpointError(f"{source} is damaged: it has a layer {layer[:80]!r}.")
        sizes[layer] = height * int(number) // 4, width * int(number) // 4
    n_bytes = sum(4 * rows * columns for rows, columns in sizes.values())
    if n_bytes > MAX_ADDED_BYTES:
        raise CheckpointError(
            f"{source} lacks the noise maps of layers of up to {max(map(max, sizes.values()))} px, "
            f"{n_bytes >> 20} MB: no known network is that large."
        )
    return sizes
