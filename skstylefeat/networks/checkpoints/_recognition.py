"""Recognition of a weights file by its content.

=================================  ==============================================================
Layout                             What is read
=================================  ==============================================================
NVIDIA, pickle or PTI's torch zip  ``G_ema`` (or the module) of StyleGAN2 and StyleGAN3 networks
NVIDIA, pickle of TensorFlow       ``Gs``, StyleGAN1 and StyleGAN2
state dict in NVIDIA's names       from a torch file or safetensors, also nested or prefixed
rosinality ``.pt``                 ``g_ema`` with ``latent_avg``, also nested or prefixed
GenForce ``.pth``                  ``generator_smooth``, StyleGAN1 or StyleGAN2, likewise
pSp family ``.pt``                 ``decoder.*`` as generator, ``encoder.*`` as encoder, likewise
ours                               safetensors with the architecture as metadata
=================================  ==============================================================

Nothing of a file is executed; see `skstylefeat._inert`.
"""

from dataclasses import dataclass

from skstylefeat._inert._constructors import PersistentObject
from skstylefeat._inert._contents import open_file
from skstylefeat.exceptions import CheckpointError, UnsafeCheckpointError
from skstylefeat.networks.checkpoints._nvidia import is_alias_free
from skstylefeat.networks.checkpoints._other_families import describe_part, find_family
from skstylefeat.networks.checkpoints._safetensors import is_own_format
from skstylefeat.networks.checkpoints._state_dicts import (
    ALIAS_FREE_KEYS,
    GENFORCE1_KEYS,
    GENFORCE2_KEYS,
    NVIDIA_KEYS,
    ROSINALITY_KEYS,
    find_state_dicts,
)
from skstylefeat.networks.checkpoints._tensorflow import find_tensorflow_network

NVIDIA = "NVIDIA StyleGAN2 (stylegan2-ada-pytorch, stylegan3, PTI)"
NVIDIA_STATE = "StyleGAN2 state dict in NVIDIA's names"
ALIAS_FREE = "NVIDIA StyleGAN3 (stylegan3)"
ALIAS_FREE_STATE = "StyleGAN3 state dict in NVIDIA's names"
ROSINALITY = "rosinality stylegan2-pytorch"
PSP = "pSp family (pSp, e4e, ReStyle)"
OURS = "skstylefeat"
STATE_DICTS = {
    NVIDIA_KEYS: NVIDIA_STATE,
    ALIAS_FREE_KEYS: ALIAS_FREE_STATE,
    ROSINALITY_KEYS: ROSINALITY,
    GENFORCE1_KEYS: "GenForce StyleGAN",
    GENFORCE2_KEYS: "GenForce StyleGAN2",
}


@dataclass(frozen=True)
class Recognized:
    """The networks of a file, not yet loaded.

    Parameters
    ----------
    layout : str
        The container: "pickle", "torch", "torch (before 1.6)" or "safetensors".
    kind : str
        Name of the format.
    generator : object
        The generator: a `PersistentObject`, a `TensorFlowNetwork` or a `FoundStateDict`; None if
        there is none.
    encoder : FoundStateDict or None
        The encoder.
    contents : Contents or None
        Content of a file in our own format.
    """

    layout: str
    kind: str
    generator: object = None
    encoder: object = None
    contents: object = None


def recognize(path):
    """Open a file and find the networks in it.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Recognized

    Raises
    ------
    CheckpointError
        If it is damaged, not one of the known formats, or of a family without a reader here.
    UnsafeCheckpointError
        If it asks for a function or class that weights do not need.
    """
    try:
        contents = open_file(path)
    except UnsafeCheckpointError as error:
        family = _family_of_unsafe(path)
        if family is None:
            raise
        raise family.refusal(path, error) from error
    family = find_family(contents.tree)
    if family is not None:
        raise family.refusal(path)
    return find_networks(contents)


def _family_of_unsafe(path):
    refused = {}
    try:
        return find_family(open_file(path, refused).tree, refused)
    except CheckpointError:
        return None


def find_networks(contents):
    """Return the `Recognized` networks of an open file; raise CheckpointError if it has none."""
    layout, tree, source = contents.layout, contents.tree, contents.budget.source
    if is_own_format(contents):
        part = "encoder" if contents.metadata["format"].endswith("encoder") else "generator"
        return Recognized(layout, OURS, contents=contents, **{part: {}})
    if isinstance(tree, PersistentObject):
        return Recognized(layout, _nvidia_kind(tree), generator=tree)
    network = find_tensorflow_network(tree, contents.budget)
    if network is not None:
        return Recognized(layout, network.kind, generator=network)
    if not isinstance(tree, dict):
        raise CheckpointError(
            f"{source} holds an object of type {type(tree).__name__}, expected a dictionary of "
            "tensors or a network."
        )

    network = next((tree[key] for key in ("G_ema", "g_ema") if key in tree), None)
    if isinstance(network, PersistentObject):
        return Recognized(layout, _nvidia_kind(network), generator=network)
    generator, encoder = find_state_dicts(tree, source)
    kind = PSP if encoder is not None else STATE_DICTS[generator.keys]
    return Recognized(layout, describe_part(kind, tree), generator=generator, encoder=encoder)


def _nvidia_kind(network):
    return ALIAS_FREE if is_alias_free(network) else NVIDIA
