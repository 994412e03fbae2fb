"""Search for the state dict of a generator inside other dictionaries and behind prefixes.

Training code stores a state dict under names such as ``state_dict``, ``model``, ``params_ema``, one
or two levels deep, and wrappers put a prefix before every key: ``module.``, ``generator.``,
``G_ema.``. A state dict is recognized by the names of a few tensors after one common prefix.
"""

import re
from dataclasses import dataclass

from skstylefeat._inert._arrays import StoredArray
from skstylefeat.exceptions import CheckpointError

NVIDIA_KEYS = ("synthesis.b4.conv1.weight",)
ROSINALITY_KEYS = ("conv1.conv.modulation.weight", "input.input")
AVERAGE_WORDS = {"ema", "smooth", "averaged"}
MAX_DEPTH = 4
MAX_DICTIONARIES = 1000
SHOWN = 5


@dataclass(frozen=True)
class FoundStateDict:
    """The state dict of a generator.

    Parameters
    ----------
    place : str
        Where in the file it is.
    keys : tuple of str
        `NVIDIA_KEYS` or `ROSINALITY_KEYS`, whose names it has.
    tensors : dict of str to StoredArray
        Its tensors, without the prefix.
    latent_avg : StoredArray or None
        The mean of W, where the dictionary or one around it holds it.
    is_average : bool
        Whether its place says that it is the moving average of a training.
    """

    place: str
    keys: tuple
    tensors: dict
    latent_avg: StoredArray | None
    is_average: bool


def find_state_dict(tree, source):
    """Return the one state dict of a generator that a file holds.

    Of several, that of the moving average is taken, which a training stores next to the weights
    of its last step.

    Parameters
    ----------
    tree : dict
        Content of the file.
    source : str
        Name of the file, for messages.

    Returns
    -------
    FoundStateDict

    Raises
    ------
    CheckpointError
        If there is none, or several of which none or more than one is an average.
    """
    looked, found = [], []
    seen = set()
    queue = [((), (tree,))]
    while queue and len(seen) < MAX_DICTIONARIES:
        path, parents = queue.pop(0)
        mapping = parents[-1]
        if id(mapping) in seen:
            continue
        seen.add(id(mapping))
        looked.append((path, mapping))
        found += _state_dicts_in(path, parents)
        if len(path) < MAX_DEPTH:
            queue += [
                ((*path, str(key)), (*parents, value))
                for key, value in mapping.items()
                if isinstance(value, dict)
            ]

    averages = [one for one in found if one.is_average]
    chosen = averages or found
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        places = ", ".join(one.place for one in chosen[:SHOWN])
        raise CheckpointError(
            f"{source} holds {len(chosen)} generators ({places}), and their names do not say which "
            "one is the moving average. Save the one that you want as {'g_ema': state_dict} with "
            "torch.save."
        )
    raise CheckpointError(
        f"{source} holds none of the known formats: NVIDIA's StyleGAN2 pickles ('G_ema'), "
        "rosinality's ('g_ema'), the pSp family's ('state_dict', 'opts'), a state dict in "
        f"the names of one of these, or our safetensors. Looked at {_describe(looked)}. `python -m "
        "skstylefeat inspect FILE` describes a file."
    )


def _state_dicts_in(path, parents):
    """Yield the state dicts among the tensors of a dictionary, one for each prefix that fits."""
    tensors = {
        key: value
        for key, value in parents[-1].items()
        if isinstance(key, str) and isinstance(value, StoredArray)
    }
    for keys in (NVIDIA_KEYS, ROSINALITY_KEYS):
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

            # The average lies next to the tensors, or next to a dictionary around them.
            own_average = own.pop("latent_avg", None)
            averages = [outer.get("latent_avg") for outer in reversed(parents)]
            words = re.split(r"[^a-z]+", ".".join((*path, prefix)).lower())
            yield FoundStateDict(
                place=_place(path, prefix),
                keys=keys,
                tensors=own,
                latent_avg=next(
                    (one for one in (own_average, *averages) if isinstance(one, StoredArray)), None
                ),
                is_average=not AVERAGE_WORDS.isdisjoint(words),
            )


def _place(path, prefix=""):
    names = " > ".join(repr(name[:40]) for name in path) or "the top level"
    return f"{names} with the prefix {prefix[:40]!r}" if prefix else names


def _describe(looked):
    """Return the first keys of the first dictionaries, for messages."""
    parts = []
    for path, mapping in looked[:SHOWN]:
        keys = ", ".join(repr(str(key)[:40]) for key in list(mapping)[:SHOWN])
        parts.append(f"{_place(path)}: {keys or '(none)'}{', ...' * (len(mapping) > SHOWN)}")
    return "; ".join(parts)
