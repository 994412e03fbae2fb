"""Random StyleGAN1 and StyleGAN2 generators in the layouts of GenForce and of TensorFlow.

Weights are drawn by NumPy, in the order of the names below, so that a seed gives the same network
to upstream's code and to ours.
"""

from collections import OrderedDict

import numpy as np
import torch

from tests.support.tensorflow_writers import discriminator, dump, tensorflow_network

BLUR = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16
KERNEL = np.outer([1, 3, 3, 1], [1, 3, 3, 1]).astype(np.float32) / 16  # gain 4


def _mapping(draw, z_dim, w_dim, hidden, n_mapping, label_size):
    width = z_dim
    if label_size:
        draw("mapping.label_weight", label_size, z_dim)
        width *= 2
    for i in range(n_mapping):
        out = w_dim if i == n_mapping - 1 else hidden
        draw(f"mapping.dense{i}.weight", out, width, scale=100)
        draw(f"mapping.dense{i}.bias", out, scale=10)
        width = out
    draw("truncation.w_avg", w_dim, scale=0.1)


def _drawer(state, seed):
    rng = np.random.RandomState(seed)

    def draw(name, *shape, scale=1.0):
        values = np.asarray(scale * rng.standard_normal(shape), dtype=np.float32)
        state[name] = torch.from_numpy(values)

    return draw


def genforce_stylegan1(
    resolution=16,
    channels=(6, 5, 4),
    *,
    z_dim=5,
    w_dim=7,
    hidden=6,
    n_mapping=3,
    label_size=0,
    img_channels=3,
    seed=0,
):
    """Return the state dict of a StyleGAN1 generator."""
    state = OrderedDict()
    draw = _drawer(state, seed)
    _mapping(draw, z_dim, w_dim, hidden, n_mapping, label_size)
    state["synthesis.lod"] = torch.zeros(())
    below = None
    for block, width in enumerate(channels):
        side = 4 << block
        for j in (2 * block, 2 * block + 1):
            layer = f"synthesis.layer{j}"
            if j == 0:
                draw(f"{layer}.const", 1, width, 4, 4)
            else:
                draw(f"{layer}.weight", width, width if j % 2 else below, 3, 3)
            draw(f"{layer}.bias", width, scale=0.3)
            draw(f"{layer}.apply_noise.noise", 1, 1, side, side)
            draw(f"{layer}.apply_noise.weight", width, scale=0.3)
            draw(f"{layer}.style.weight", 2 * width, w_dim)
            draw(f"{layer}.style.bias", 2 * width, scale=0.3)
            if j and j % 2 == 0:
                state[f"{layer}.blur.kernel"] = torch.from_numpy(np.tile(BLUR, (width, 1, 1, 1)))
        draw(f"synthesis.output{block}.weight", img_channels, width, 1, 1)
        draw(f"synthesis.output{block}.bias", img_channels, scale=0.3)
        below = width
    assert 4 << (len(channels) - 1) == resolution
    return state


def genforce_stylegan2(
    resolution=16,
    channels=(6, 5, 4),
    *,
    z_dim=5,
    w_dim=7,
    hidden=7,
    n_mapping=3,
    label_size=0,
    img_channels=3,
    architecture="skip",
    seed=0,
):
    """Return the state dict of a StyleGAN2 generator."""
    state = OrderedDict()
    draw = _drawer(state, seed)
    _mapping(draw, z_dim, w_dim, hidden, n_mapping, label_size)
    draw("synthesis.early_layer.const", 1, channels[0], 4, 4)

    def layer(name, n_in, n_out, side, size=3):
        draw(f"{name}.weight", n_out, n_in, size, size)
        draw(f"{name}.bias", n_out, scale=0.3)
        if size == 3:
            draw(f"{name}.noise_strength", scale=0.3)
            draw(f"{name}.noise", 1, 1, side, side)
        draw(f"{name}.style.weight", n_in, w_dim)
        draw(f"{name}.style.bias", n_in, scale=0.3)

    below, kernel = None, torch.from_numpy(KERNEL)[None, None]
    for block, width in enumerate(channels):
        side = 4 << block
        if block:
            layer(f"synthesis.layer{2 * block - 1}", below, width, side)
            state[f"synthesis.layer{2 * block - 1}.filter.kernel"] = kernel
        layer(f"synthesis.layer{2 * block}", width, width, side)
        if architecture == "skip" or side == resolution:
            layer(f"synthesis.output{block}", width, img_channels, side, size=1)
        below = width
    if architecture == "skip":
        state["synthesis.upsample.kernel"] = kernel
    assert side == resolution
    return state


STYLEGAN1_FUNCTIONS = ("G_style", "G_mapping", "G_synthesis")


def tensorflow_stylegan1(state, *, name="Gs", functions=STYLEGAN1_FUNCTIONS, **settings):
    """Return the pickled form of a StyleGAN1 generator, as NVIDIA's code of 2019 writes it.

    Parameters
    ----------
    state : dict of str to Tensor
        As of `genforce_stylegan1`, whose tensors are TensorFlow's with the axes in torch's order.
    name : str, default="Gs"
        Name of the network.
    functions : tuple of str
        Functions that built the network and its two parts.
    **settings
        Static keyword arguments besides the sizes; `...` leaves one out.
    """
    variables = stylegan1_variables(state)
    images = [value for key, value in variables.items() if "ToRGB_lod0/weight" in key]
    sizes = {"num_channels": images[0].shape[-1], "resolution": 4 << (len(_outputs(state)) - 1)}
    label = variables.get("mapping/LabelConcat/weight", np.zeros((0, 0)))
    kwargs = sizes | {"label_size": len(label), "fmap_base": 8192} | settings
    kwargs = {key: value for key, value in kwargs.items() if value is not ...}
    parts = {"": {}, "mapping/": {}, "synthesis/": {}}
    for key, value in variables.items():
        prefix = next(prefix for prefix in reversed(parts) if key.startswith(prefix))
        parts[prefix][key.removeprefix(prefix)] = value
    broadcast = kwargs | {"dlatent_broadcast": 2 * len(_outputs(state))}
    return tensorflow_network(
        name,
        functions[0],
        parts[""],
        kwargs,
        3,
        synthesis=tensorflow_network("G_synthesis", functions[2], parts["synthesis/"], kwargs, 3),
        mapping=tensorflow_network("G_mapping", functions[1], parts["mapping/"], broadcast, 3),
    )


def _outputs(state):
    return [key for key in state if key.startswith("synthesis.output") and key.endswith("weight")]


def stylegan1_variables(state):
    """Return the variables of a StyleGAN1 generator by TensorFlow's names, in its axes."""
    levels = len(_outputs(state))
    out = {"lod": np.float32(0)[...], "synthesis/lod": np.float32(0)[...]}
    for key, tensor in state.items():
        value = tensor.numpy()
        part, _, rest = key.partition(".")
        if key == "truncation.w_avg":
            out["dlatent_avg"] = value
        elif key == "mapping.label_weight":
            out["mapping/LabelConcat/weight"] = value
        elif part == "mapping":
            layer, _, last = rest.partition(".")
            out[f"mapping/{layer.capitalize()}/{last}"] = value.T
        elif rest.startswith("output"):
            level, _, last = rest.removeprefix("output").partition(".")
            name = f"synthesis/ToRGB_lod{levels - 1 - int(level)}/{last}"
            out[name] = value.transpose(2, 3, 1, 0) if last == "weight" else value
        elif rest.startswith("layer") and not rest.endswith("kernel"):
            number, _, last = rest.removeprefix("layer").partition(".")
            block, second = divmod(int(number), 2)
            side, first = 4 << block, "Conv0_up" if block else "Const"
            layer = f"synthesis/{side}x{side}/{('Conv1' if block else 'Conv') if second else first}"
            if last == "apply_noise.noise":
                out[f"synthesis/noise{number}"] = value
            elif last == "weight":
                out[f"{layer}/weight"] = value.transpose(2, 3, 1, 0)
            else:
                name = last.replace("style.", "StyleMod/").replace("apply_noise.", "Noise/")
                out[f"{layer}/{name}"] = value.T if last == "style.weight" else value
    return out


def write_tensorflow_stylegan1(path, state, **options):
    """Write (G, D, Gs) as the training of 2019 does; G has other weights than Gs."""
    training = {key: value * (1 if "kernel" in key else 0.5) for key, value in state.items()}
    networks = (
        tensorflow_stylegan1(training, name="G", **options),
        discriminator(3),
        tensorflow_stylegan1(state, **options),
    )
    dump(path, networks)
