"""Families of networks that have no reader here, recognized to say what can be done with them.

A family is recognized by names of tensors, by the class of a pickled network, or by names of
classes that its pickles ask for. Some of them contain a generator of a known family, whose names
alone would let it be read as if it were the whole network.
"""

import re
from dataclasses import dataclass

from skstylefeat._inert._arrays import StoredArray
from skstylefeat._inert._constructors import PersistentObject
from skstylefeat.exceptions import CheckpointError, UnsafeCheckpointError
from skstylefeat.networks.checkpoints._state_dicts import dictionaries

MAX_KEYS = 20_000  # of one dictionary; networks have a few thousand
NETWORK_KEYS = ("G_ema", "g_ema", "G")


@dataclass(frozen=True)
class OtherFamily:
    """A family of networks, and how its files are recognized.

    Parameters
    ----------
    name : str
        Its name and repository.
    advice : str
        One or two sentences for its users.
    keys : tuple of str, default=()
        Regular expressions; each matches a tensor's name in one dictionary.
    class_name : str, default=None
        Class of a network that NVIDIA's code pickled.
    module : str, default=None
        Beginning of names of classes that a pickle asks for.
    """

    name: str
    advice: str
    keys: tuple = ()
    class_name: str | None = None
    module: str | None = None

    def has_keys(self, names):
        """Return whether tensors have the names of the family."""
        return bool(self.keys) and all(
            any(re.search(pattern, name) for name in names) for pattern in self.keys
        )

    def refusal(self, source, unsafe=None):
        """Return the error for a file of the family, which may ask for a class that is `unsafe`."""
        if unsafe is None:
            return CheckpointError(
                f"{source} holds a network of {self.name}, which has no reader here. {self.advice}"
            )
        return UnsafeCheckpointError(
            f"{source} is refused: it holds a network of {self.name} and asks for "
            f"{unsafe.global_name!r}, which could run code. {self.advice}",
            unsafe.global_name,
        )


# The first that fits counts: GFPGAN's decoder has the names of BasicSR's generator.
OTHER_FAMILIES = (
    OtherFamily(
        "lucidrains/stylegan2-pytorch",
        "Its layers differ from NVIDIA's (bilinear up-sampling, one noise image for all layers, "
        "styles around 0), so no conversion exists. Use that project, or train a network with "
        "stylegan2-ada-pytorch or rosinality's stylegan2-pytorch.",
        keys=(r"^GE\.blocks\.0\.conv1\.weight$", r"^SE\.net\.0\.weight$"),
    ),
    OtherFamily(
        "mmgeneration, mmagic or mmediting (OpenMMLab)",
        "Its official StyleGAN networks are conversions of NVIDIA's and rosinality's: download "
        "those, which are read. Networks that were trained with it have other names, and may give "
        "BGR images.",
        keys=(r"(^|\.)style_mapping\.(1\.linear\.weight_orig|fc0\.weight)$",),
    ),
    OtherFamily(
        "GFPGAN (TencentARC)",
        "It restores faces: 'stylegan_decoder' makes images from codes together with feature maps "
        "of the input, so that codes alone do not give them. Load the StyleGAN2 network of FFHQ "
        "instead.",
        keys=(r"(^|\.)stylegan_decoder\.style_conv1\.modulated_conv\.weight$",),
    ),
    OtherFamily(
        "BasicSR (StyleGAN2Generator)",
        "It is a port of rosinality's generator with other names. Load the network that it was "
        "converted from, such as rosinality's stylegan2-ffhq-config-f.pt.",
        keys=(
            r"(^|\.)style_conv1\.modulated_conv\.weight$",
            r"(^|\.)style_mlp\.1\.weight$",
        ),
    ),
    OtherFamily(
        "GPEN (yangxy)",
        "It restores faces: its generator takes feature maps of the input in place of noise, so "
        "that codes alone do not give images. Load a StyleGAN2 network instead.",
        keys=(r"(^|\.)ecd0\.0\.", r"(^|\.)generator\.conv1\.conv\.modulation\.weight$"),
    ),
    OtherFamily(
        "DualStyleGAN (williamyang1991)",
        "Its second, extrinsic style path ('res.*') is not supported. The generator inside is "
        "rosinality's and is read on its own, without that path: save the tensors 'generator.*' "
        "without this prefix as {'g_ema': state_dict} with torch.save.",
        keys=(
            r"(^|\.)res\.0\.norm\.style\.weight$",
            r"generator\.conv1\.conv\.modulation\.weight$",
        ),
    ),
    OtherFamily(
        "SWAGAN (swagan.py of rosinality/stylegan2-pytorch)",
        "It synthesizes wavelet coefficients, which StyleGAN2 does not. Train rosinality's "
        "StyleGAN2 (train.py --arch stylegan2) instead.",
        keys=(r"(^|\.)to_rgbs\.0\.iwt\.ll$",),
    ),
    OtherFamily(
        "StyleGAN-XL (autonomousvision)",
        "Its class embeddings and super-resolution stages are not supported. Use that project, or "
        "a StyleGAN2 or StyleGAN3 network.",
        keys=(r"(^|\.)mapping\.embed_proj\.weight$",),
        class_name="SuperresGenerator",
    ),
    OtherFamily(
        "Projected GAN, StyleGAN-XL or a relative",
        "Its discriminator ('pg_modules') is more than weights. With that project's code, load the "
        "file where you trust it and save the generator alone, torch.save(G_ema.state_dict(), "
        "'generator.pt'), which is read if it is a StyleGAN2 or StyleGAN3 generator.",
        module="pg_modules.",
    ),
    OtherFamily(
        "EG3D (NVlabs)",
        "Its StyleGAN2 backbone makes planes for a volume renderer, no images, and a code needs a "
        "camera. Use that project.",
        keys=(r"(^|\.)backbone\.synthesis\.b4\.conv1\.weight$", r"(^|\.)decoder\.net\.0\.weight$"),
        class_name="TriPlaneGenerator",
        module="training.volumetric_rendering.",
    ),
    OtherFamily(
        "R3GAN (brownvc)",
        "It is no style-based generator: it has neither a mapping network nor W. Use that project, "
        "or a StyleGAN2 or StyleGAN3 network.",
        keys=(r"(^|\.)MainLayers\.0\.Layers\.0\.Basis$", r"(^|\.)AggregationLayer\.Layer\.weight$"),
        module="R3GAN.",
    ),
)
#: Networks around a decoder that is read as it is, with what is left out.
PARTS_LEFT_OUT = (
    (r"^hypernet\.", "HyperStyle's decoder; the hypernetwork that changes it for an image is not"),
    (r"^mapper\.", "the decoder of a StyleCLIP mapper; the mapper of codes is not"),
)


def find_family(tree, refused=()):
    """Return the `OtherFamily` of a file, None if it has none.

    Parameters
    ----------
    tree : object
        Content of the file.
    refused : collection of str, default=()
        Names of classes that its pickles ask for.
    """
    networks = [tree] if isinstance(tree, PersistentObject) else []
    names = []
    if isinstance(tree, dict):
        networks = [
            tree[key] for key in NETWORK_KEYS if isinstance(tree.get(key), PersistentObject)
        ]
        names = [_tensor_names(one) for _, (*_, one) in dictionaries(tree)]
    names += [_module_names(network) for network in networks]
    classes = {network.class_name for network in networks}
    for family in OTHER_FAMILIES:
        if (
            family.class_name in classes
            or any(map(family.has_keys, names))
            or (family.module and any(name.startswith(family.module) for name in refused))
        ):
            return family
    return None


def describe_part(kind, tree):
    """Return the name of a format with the parts of a file around its generator."""
    names = [name for _, (*_, one) in dictionaries(tree) for name in _tensor_names(one)]
    for pattern, part in PARTS_LEFT_OUT:
        if any(re.search(pattern, name) for name in names):
            return f"{kind} ({part} read)"
    return kind


def _tensor_names(dictionary):
    """Return the names of the tensors in a dictionary."""
    pairs = list(dictionary.items())[:MAX_KEYS]
    return [key for key, value in pairs if isinstance(key, str) and isinstance(value, StoredArray)]


def _module_names(network):
    """Return the names of the parameters in the first two levels of a pickled network."""
    names = []
    queue = [("", network, 0)]
    while queue:
        prefix, module, depth = queue.pop()
        state = getattr(module, "state", None)
        if not isinstance(state, dict) or len(names) > MAX_KEYS:
            continue
        parameters, children = state.get("_parameters"), state.get("_modules")
        if isinstance(parameters, dict):
            names += [f"{prefix}{name}" for name in parameters]
        if isinstance(children, dict) and depth < 2:
            queue += [(f"{prefix}{name}.", child, depth + 1) for name, child in children.items()]
    return names
