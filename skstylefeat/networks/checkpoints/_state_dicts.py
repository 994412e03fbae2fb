"""Search for the state dicts of networks inside other dictionaries and behind prefixes.

Training code stores a state dict under names such as ``state_dict``, ``model``, ``params_ema``, one
or two levels deep, and wrappers put a prefix before every key: ``module.``, ``generator.``,
``G_ema.``, ``encoder.``. A state dict is recognized by the names of a few tensors after one common
prefix.
"""

import re
from dataclasses import dataclass

from skstylefeat._inert._arrays import StoredArray
from skstylefeat.exceptions import CheckpointError

NVIDIA_KEYS = ("synthesis.b4.conv1.weight",)
ALIAS_FREE_KEYS = ("synthesis.input.freqs", "synthesis.input.phases")
ROSINALITY_KEYS = ("conv1.conv.modulation.weight", "input.input")
# GenForce's StyleGAN1 and StyleGAN2 generators.
GENFORCE1_KEYS = ("synthesis.layer1.apply_noise.weight", "mapping.dense0.weight")
GENFORCE2_KEYS = ("synthesis.layer0.noise_strength", "mapping.dense0.weight")
# Encoders of the pSp family, with their two backbones. Networks for face recognition have the same
# backbone without heads.
IR_KEYS = ("input_layer.0.weight", "body.0.res_layer.1.weight")
RESNET_KEYS = ("relu.weight", "body.0.conv1.weight")
HEADS = ("styles.", "linear.")
GENERATOR_FAMILIES = (
    NVIDIA_KEYS,
    ALIAS_FREE_KEYS,
    ROSINALITY_KEYS,
    GENFORCE1_KEYS,
    GENFORCE2_KEYS,
)
ENCODER_FAMILIES = IR_KEYS, RESNET_KEYS
LATENT_AVG, OPTIONS, DECODER = "latent_avg", "opts", "decoder"
AVERAGE_WORDS = {"ema", "smooth", "averaged"}
MAX_DEPTH = 4
MAX_DICTIONARIES = 1000
SHOWN = 5


@dataclass(frozen=True)
class FoundStateDict:
    """The state dict of a network.

    Parameters
    ----------
    names : tuple of str
        Where in the file it is: keys of dictionaries, then parts of the prefix.
    place : str
        The same as text.
    keys : tuple of str
        The keys of a family, by which it was recognized.
    tensors : dict of str to StoredArray
        Its tensors, without the prefix.
    latent_avg : StoredArray or None
        The mean of W, where the dictionary or one around it holds it.
    options : dict
        The options of the training ("opts") in the nearest dictionary that has them.
    """

    names: tuple
    place: str
    keys: tuple
    tensors: dict
    latent_avg: StoredArray | None
    options: dict

    @property
    def is_average(self):
        """Whether its place says that it is the moving average of a training."""
        words = re.split(r"[^a-z]+", ".".join(self.names).lower())
        return not AVERAGE_WORDS.isdisjoint(words)


def find_state_dicts(tree, source):
    """Return the state dicts of the generator and of the encoder that a file holds.

    Of several generators, that next to the encoder is taken, where it is called "decoder", else
    that of the moving average, which a training stores next to the weights of its last step.

    Parameters
    ----------
    tree : dict
        Content of the file.
    source : str
        Name of the file, for messages.

    Returns
    -------
    generator, encoder : FoundStateDict or None
        At least one of them.

    Raises
    ------
    CheckpointError
        If there is none, or several of which none or more than one is an average.
    """
    looked = list(dictionaries(tree))
    generators, encoders = (
        [one for path, parents in looked for one in _state_dicts_in(path, parents, families)]
        for families in (GENERATOR_FAMILIES, ENCODER_FAMILIES)
    )
    encoder = _the_one(encoders, "encoder", source)
    decoders = [
        one
        for one in generators
        if encoder is not None and one.names == (*encoder.names[:-1], DECODER)
    ]
    generator = _the_one(decoders or generators, "generator", source)
    if generator is None and encoder is None:
        raise CheckpointError(
            f"{source} holds none of the known formats: NVIDIA's pickles ('G_ema'), "
            "rosinality's ('g_ema'), GenForce's ('generator_smooth'), the pSp family's "
            "('state_dict', 'opts'), a state dict in the names of one of these, or our "
            f"safetensors. Looked at {_describe(looked)}. "
            "`python -m skstylefeat inspect FILE` describes a file."
        )
    return generator, encoder


def dictionaries(tree):
    """Yield (path, dictionaries from the top to this one) for every dictionary of a file."""
    seen = set()
    queue = [((), (tree,))]
    while queue and len(seen) < MAX_DICTIONARIES:
        path, parents = queue.pop(0)
        if id(parents[-1]) in seen:
            continue
        seen.add(id(parents[-1]))
        yield path, parents
        if len(path) < MAX_DEPTH:
            queue += [
                ((*path, str(key)), (*parents, value))
                for key, value in parents[-1].items()
                if isinstance(value, dict)
            ]


def _the_one(found, what, source):
    """Return the only state dict, or the only moving average; None if there is none."""
    chosen = [one for one in found if one.is_average] or found
    if len(chosen) > 1:
        places = ", ".join(one.place for one in chosen[:SHOWN])
        name = "g_ema" if what == "generator" else what
        raise CheckpointError(
            f"{source} holds {len(chosen)} {what}s ({places}), and their names do not say which "
            "one is the moving average. Save the one that you want as "
            f"{{{name!r}: state_dict}} with torch.save."
        )
    return chosen[0] if chosen else None


def _state_dicts_in(path, parents, families):
    """Yield the state dicts among the tensors of a dictionary, one for each prefix that fits."""
    tensors = {
        key: value
        for key, value in parents[-1].items()
        if isinstance(key, str) and isinstance(value, StoredArray)
    }
    for keys in families:
        prefixes = [key.removesuffix(keys[0]) for key in tensors if key.endswith(keys[0])]
        for prefix in prefixes:
            is_prefix = not prefix or prefix.endswith(".")
            if not is_prefix or not all(prefix + key in tensors for key in keys):
                continue
            own = {
                key.removeprefix(prefix): value
                for key, value in tensors.items()
                if key.startswith(prefix)
            }
            if families is ENCODER_FAMILIES and not any(key.startswith(HEADS) for key in own):
                continue

            # The average lies next to the tensors, or next to a dictionary or prefix around them.
            own_average = own.pop(LATENT_AVG, None)
            parts = prefix.split(".")[:-1]
            outer = [".".join([*parts[:n], LATENT_AVG]) for n in reversed(range(len(parts)))]
            averages = [own_average, *(tensors.get(key) for key in outer)]
            averages += [mapping.get(LATENT_AVG) for mapping in reversed(parents)]
            options = [mapping.get(OPTIONS) for mapping in reversed(parents)]
            yield FoundStateDict(
                names=(*path, *parts),
                place=_place(path, prefix),
                keys=keys,
                tensors=own,
                latent_avg=next((one for one in averages if isinstance(one, StoredArray)), None),
                options=next((one for one in options if isinstance(one, dict)), {}),
            )


def _place(path, prefix=""):
    names = " > ".join(repr(name[:40]) for name in path) or "the top level"
    return f"{names} with the prefix {prefix[:40]!r}" if prefix else names


def _describe(looked):
    """Return the first keys of the first dictionaries, for messages."""
    parts = []
    for path, (*_, mapping) in looked[:SHOWN]:
        keys = ", ".join(repr(str(key)[:40]) for key in list(mapping)[:SHOWN])
        parts.append(f"{_place(path)}: {keys or '(none)'}{', ...' * (len(mapping) > SHOWN)}")
    return "; ".join(parts)
