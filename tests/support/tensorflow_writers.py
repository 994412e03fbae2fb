"""Write pickles in the layout of NVIDIA's TensorFlow repositories, without TensorFlow."""

import pickle
import pickletools
import struct
from io import BytesIO

import numpy as np

from tests.support.checkpoint_writers import MODULE_SOURCE, TensorFlowNetwork, foreign_names

VERSION, ADA_VERSION = 4, 5
SYNTHESIS_FUNCTIONS = {VERSION: "G_synthesis_stylegan2", ADA_VERSION: "G_synthesis"}
MAX_RENAMED = 1 << 17  # more takes seconds, and serves for limits only
GROWN = "G_synthesis_stylegan_revised"
CONV_NAMES = {
    "weight": "weight",
    "bias": "bias",
    "affine.weight": "mod_weight",
    "affine.bias": "mod_bias",
    "noise_strength": "noise_strength",
}


def tensorflow_network(name, function, variables, settings=(), version=VERSION, **components):
    """Return the pickled form of a network.

    Parameters
    ----------
    name : str
        Such as "Gs".
    function : str
        Name of the function that builds it.
    variables : dict of str to ndarray
        Its variables; those without axes are pickled as numpy's scalars, as TensorFlow gives them.
    settings : dict, default=()
        The static keyword arguments.
    version : int, default=4
        Version of the layout.
    **components : TensorFlowNetwork
        The sub-networks.
    """
    state = {
        "version": version,
        "name": name,
        "static_kwargs": dict(settings),
        "components": components,
        "build_module_src": MODULE_SOURCE,
        "build_func_name": function,
        "variables": [(key, value[()]) for key, value in variables.items()],
    }
    if version >= ADA_VERSION:
        state |= {
            "input_shapes": [[None, 512], [None, 0]],
            "output_shapes": [[None, 3, 8, 8]],
            "input_names": ["latents_in", "labels_in"],
            "output_names": ["images_out"],
        }
    return TensorFlowNetwork(**state)


def stylegan2_variables(module):
    """Return the variables of a `StyleGAN2Generator` by TensorFlow's names."""
    config = module.config
    state = {key: value.numpy() for key, value in module.state_dict().items()}
    out = {"lod": np.float32(0)[...], "dlatent_avg": state["mapping.w_avg"]}
    for i in range(config.n_mapping):
        out[f"mapping/Dense{i}/weight"] = state[f"mapping.fc{i}.weight"].T
        out[f"mapping/Dense{i}/bias"] = state[f"mapping.fc{i}.bias"]
    if config.c_dim:
        out["mapping/LabelEmbed/weight"] = state["mapping.embed.weight"].T
        out["mapping/LabelEmbed/bias"] = state["mapping.embed.bias"]
    out["synthesis/4x4/Const/const"] = state["synthesis.b4.const"][None]
    n_noise = 0
    for resolution in config.block_resolutions:
        names = {"conv1": "Conv"} if resolution == 4 else {"conv0": "Conv0_up", "conv1": "Conv1"}
        for ours, theirs in (names | {"torgb": "ToRGB", "skip": "Skip"}).items():
            layer = f"synthesis.b{resolution}.{ours}"
            target = f"synthesis/{resolution}x{resolution}/{theirs}"
            for our_name, name in CONV_NAMES.items():
                if f"{layer}.{our_name}" in state:
                    value = state[f"{layer}.{our_name}"]
                    out[f"{target}/{name}"] = _as_tensorflow(value, ours, name)
            if ours.startswith("conv"):
                noise = state[f"{layer}.noise_const"][None, None]
                out[f"synthesis/noise{n_noise}"] = noise
                n_noise += 1
    return out


def _as_tensorflow(value, layer, name):
    if name == "mod_bias":
        return value - 1
    if name == "mod_weight":
        return value.T
    if name == "weight":
        value = value.transpose(2, 3, 1, 0)
        return value[::-1, ::-1] if layer in ("conv0", "skip") else value
    return value


def redrawn(variables, seed=0):
    """Return variables of the same shapes, drawn from a seed; those named "lod" stay."""
    rng = np.random.RandomState(seed)  # the same numbers in every version of numpy
    return {
        key: value if key.endswith("lod") else rng.standard_normal(value.shape).astype("f4")
        for key, value in sorted(variables.items())
    }


def stylegan2_settings(module, version=VERSION):
    """Return the static keyword arguments of a `StyleGAN2Generator` in TensorFlow."""
    config = module.config
    settings = {
        "num_channels": config.img_channels,
        "resolution": config.resolution,
        "label_size": config.c_dim,
        "latent_size": config.z_dim,
        "dlatent_size": config.w_dim,
        "mapping_layers": config.n_mapping,
        "mapping_fmaps": config.w_dim,
        "fmap_base": 16384,
        "fmap_max": 512,
        "architecture": config.architecture,
        "resample_kernel": list(config.resample_filter),
    }
    if version >= ADA_VERSION:
        settings |= {"num_fp16_res": 4, "conv_clamp": config.conv_clamp}
    return settings


def stylegan2_network(module, version=VERSION, name="Gs", function=None, variables=None, **changes):
    """Return the pickled form of a `StyleGAN2Generator`.

    Parameters
    ----------
    module : StyleGAN2Generator
        The generator.
    version : int, default=4
        4 as StyleGAN2 writes it, 5 as StyleGAN2-ADA.
    name : str, default="Gs"
        Name of the network.
    function : str, default=None
        Function of the synthesis network, by default that of the version.
    variables : dict of str to ndarray, default=None
        Other variables, by their full names.
    **changes
        Other settings; `...` leaves one out.
    """
    variables = stylegan2_variables(module) if variables is None else variables
    settings = stylegan2_settings(module, version) | changes
    settings = {key: value for key, value in settings.items() if value is not ...}
    parts = {"": {}, "mapping/": {}, "synthesis/": {}}
    for key, value in variables.items():
        prefix = next(prefix for prefix in reversed(parts) if key.startswith(prefix))
        parts[prefix][key.removeprefix(prefix)] = value
    function = function or SYNTHESIS_FUNCTIONS[version]
    broadcast = settings | {"dlatent_broadcast": module.config.n_ws}
    return tensorflow_network(
        name,
        "G_main",
        parts[""],
        settings,
        version,
        synthesis=tensorflow_network(
            "G_synthesis", function, parts["synthesis/"], settings, version
        ),
        mapping=tensorflow_network("G_mapping", "G_mapping", parts["mapping/"], broadcast, version),
    )


def discriminator(version=VERSION):
    """Return the pickled form of a small discriminator."""
    variables = {"lod": np.float32(0)[...], "8x8/FromRGB/weight": np.ones((1, 1, 3, 2), "f4")}
    return tensorflow_network("D", "D_stylegan2", variables, {"resolution": 8}, version)


def dump(path, tree, *, python2=False):
    """Pickle a tree of networks as Python 3 does with numpy 1, or as Python 2."""
    with foreign_names():
        data = _python2_pickle(tree) if python2 else pickle.dumps(tree, protocol=4)
    old, new = b"numpy._core.multiarray", b"numpy.core.multiarray"
    if python2:
        data = data.replace(old, new)
    elif len(data) < MAX_RENAMED:  # in protocol 4, texts and frames carry their length
        old, new = (b"\x8c" + bytes([len(name)]) + name for name in (old, new))
        data = pickletools.optimize(data.replace(old, new))
    path.write_bytes(data)


def write_stylegan2(path, module, version=VERSION, *, variables=None, python2=False, **options):
    """Write (G, D, Gs) as the trainings do; G has other weights than Gs."""
    variables = variables or stylegan2_variables(module)
    halves = {key: value * np.float32(0.5) for key, value in variables.items()}
    networks = (
        stylegan2_network(module, version, "G", variables=halves, **options),
        discriminator(version),
        stylegan2_network(module, version, variables=variables, **options),
    )
    dump(path, networks, python2=python2)


class _Python2Pickler(pickle._Pickler):
    """Pickler whose texts and bytes are strings of Python 2."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, value):
        data = value if isinstance(value, bytes) else value.encode("latin-1")
        if len(data) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = save_string


def _python2_pickle(tree):
    buffer = BytesIO()
    _Python2Pickler(buffer, protocol=2).dump(tree)
    return buffer.getvalue()
