"""Networks of NVIDIA's TensorFlow repositories: choice of one in a pickle, and its variables.

A training writes the tuple (G, D, Gs). Every network holds its settings, its variables by name, its
sub-networks, and the source text of the function that builds it, which is skipped.
"""

import re
import struct
from dataclasses import dataclass
from functools import cached_property

from skstylefeat._inert._arrays import ElementType, StoredArray
from skstylefeat._inert._constructors import TensorFlowObject
from skstylefeat.exceptions import CheckpointError

STYLEGAN1, STYLEGAN2, PROGAN = "StyleGAN", "StyleGAN2", "Progressive GAN"
DISCRIMINATOR, OTHER = "discriminator", "network of another kind"
#: A family of networks by the end of the name of a variable that only this family has.
FAMILIES = {
    "mod_weight": STYLEGAN2,
    "StyleMod/weight": STYLEGAN1,
    "ToRGB_lod0/weight": PROGAN,
    "FromRGB/weight": DISCRIMINATOR,
    "FromRGB_lod0/weight": DISCRIMINATOR,
}
KINDS = {
    (STYLEGAN2, 4): "NVIDIA StyleGAN2 (TensorFlow)",
    (STYLEGAN2, 5): "NVIDIA StyleGAN2-ADA (TensorFlow)",
}
#: What to do with networks that are not read.
REMEDIES = {
    PROGAN: "It is StyleGAN's predecessor and has no mapping network, so no W: take a StyleGAN "
    "network for the same kind of images.",
    DISCRIMINATOR: "It rates images and makes none: take the file with (G, D, Gs) that the same "
    "training wrote.",
    OTHER: "It is no generator. To compare images by a network, give the state dict of "
    "torchvision's VGG16 to load_perceptual.",
}
METRICS = re.compile(r"vgg|lpips|perceptual|inception|fid|classifier", re.IGNORECASE)
VERSIONS = (2, 3, 4, 5)
AVERAGE = "the moving average"
AVERAGE_WORDS = {"gs", "ema", "smooth"}
MAX_DEPTH = 4
MAX_NAME = 200
SHOWN = 80


@dataclass(frozen=True)
class TensorFlowNetwork:
    """A network of a TensorFlow pickle, with the variables of its sub-networks.

    Parameters
    ----------
    version : int
        Version of the layout: 3 as StyleGAN writes it, 4 StyleGAN2, 5 StyleGAN2-ADA.
    name : str
        Name of the network, such as "Gs".
    place : str
        Where in the file it is, and whether it is the moving average, for the model card.
    variables : dict of str to StoredArray
        Variables; those of a sub-network after its name: "mapping/Dense0/weight".
    static_kwargs : dict
        Settings of the whole network.
    component_kwargs : dict of str to dict
        Settings of the sub-networks by name: "mapping", "synthesis".
    functions : dict of str to str
        Names of the functions that built the network ("") and its sub-networks, where stated.
    """

    version: int
    name: str
    place: str
    variables: dict
    static_kwargs: dict
    component_kwargs: dict
    functions: dict

    @cached_property
    def family(self):
        """The family that the names of the variables show."""
        for ending, family in FAMILIES.items():
            if any(name.endswith(ending) for name in self.variables):
                return family
        return OTHER

    @property
    def is_generator(self):
        """Whether the network is a generator of a StyleGAN."""
        return self.family in (STYLEGAN1, STYLEGAN2)

    @property
    def kind(self):
        """Name of the format."""
        return KINDS.get((self.family, self.version), f"NVIDIA {self.family} (TensorFlow)")


def find_tensorflow_network(tree, budget):
    """Return the generator in the content of a TensorFlow pickle.

    Of several networks, that whose name or key says "Gs" or "ema" is taken: the moving average of
    the weights. Else it is the third of three, in the order of NVIDIA's trainings, or the only
    network that is no discriminator.

    Parameters
    ----------
    tree : object
        Content of the file.
    budget : Budget
        Names the file and bounds the work.

    Returns
    -------
    TensorFlowNetwork or None
        None if the file holds no network of TensorFlow.

    Raises
    ------
    CheckpointError
        If the network is damaged, or none or several could be meant.
    """
    places = _places(tree)
    if not places:
        return None

    # Names come first, then the order of NVIDIA's trainings, then what is left.
    averages = [
        place
        for place, network in places.items()
        if not AVERAGE_WORDS.isdisjoint(_words(place) | _words(_name_of(network)))
    ]
    if len(averages) == 1:
        place, remark = averages[0], AVERAGE
    elif not averages and isinstance(tree, list | tuple) and len(tree) == len(places) == 3:
        place, remark = list(places)[2], f"{AVERAGE}, by its place in (G, D, Gs)"
    else:
        networks = {
            place: merge_variables(network, place, budget)
            for place, network in places.items()
            if not averages or place in averages
        }
        if len(places) > 1:
            networks = {k: v for k, v in networks.items() if v.family != DISCRIMINATOR}
        if len(networks) != 1:
            shown = ", ".join(f"{place} {_name_of(places[place])!r}" for place in list(places)[:8])
            raise CheckpointError(
                f"{budget.source} holds {len(places)} networks of TensorFlow ({shown}), and their "
                "names do not say which one is the moving average of the generator (Gs). Save that "
                "one alone, with pickle."
            )
        place = next(iter(networks))
        remark = AVERAGE if averages else "the only generator, not said to be an average"
    network = places[place]
    return merge_variables(network, f"{_name_of(network)} ({place}): {remark}", budget)


def other_network(network, source):
    """Return the error for a network of an unsupported family, with what to do."""
    function = network.functions.get("", "")
    what = network.family
    if what == OTHER and METRICS.search(f"{network.name} {function}"):
        what = "network that measures images (LPIPS, FID, a classifier)"
    built = f", built by {function!r}" if function else ""
    return CheckpointError(
        f"{source} is a TensorFlow pickle of a {what}, expected a StyleGAN generator: "
        f"{network.place} (layout version {network.version}{built}). {REMEDIES[network.family]}"
    )


def _places(tree):
    """Return the networks in the content of a file, by where they are."""
    if isinstance(tree, TensorFlowObject):
        return {"the whole file": tree}
    if isinstance(tree, list | tuple):
        entries = {f"item {i + 1} of {len(tree)}": item for i, item in enumerate(tree[:100])}
    elif isinstance(tree, dict):
        entries = {f"entry {str(key)[:SHOWN]!r}": item for key, item in list(tree.items())[:100]}
    else:
        return {}
    return {key: item for key, item in entries.items() if isinstance(item, TensorFlowObject)}


def _words(text):
    return set(re.split(r"[^a-z]+", text.lower()))


def _name_of(network):
    name = network.state.get("name", "")
    return name[:SHOWN] if isinstance(name, str) else ""


def merge_variables(root, place, budget):
    """Return a `TensorFlowObject` as a `TensorFlowNetwork`; see `find_tensorflow_network`."""
    version = root.state.get("version")
    if type(version) is not int or version not in VERSIONS:
        shown = version if type(version) is int else f"of type {type(version).__name__}"
        raise CheckpointError(
            f"{budget.source} holds a TensorFlow network of layout version {str(shown)[:40]}, "
            f"expected one of {VERSIONS}."
        )

    variables, settings, functions = {}, {}, {}
    queue = [("", root, 0)]
    while queue:
        prefix, network, depth = queue.pop()
        if not isinstance(network, TensorFlowObject):
            raise budget.damaged(f"the sub-network {prefix[:SHOWN]!r} is no network")
        if depth > MAX_DEPTH:
            raise budget.damaged("its sub-networks are nested too deeply")
        name, slash = prefix, "/" if prefix else ""
        # Sub-networks are handed the settings of the whole network.
        settings[name] = _named(network, "static_kwargs", budget, is_optional=bool(prefix))
        function = network.state.get("build_func_name")
        if isinstance(function, str):
            functions[name] = function[:SHOWN]

        for key, value in _own_variables(network, budget):
            full = f"{prefix}{slash}{key}"
            if full in variables:
                raise budget.damaged(f"two variables are called {full[:SHOWN]!r}")
            variables[full] = value
        for key, part in _named(network, "components", budget, is_optional=True).items():
            queue.append((f"{prefix}{slash}{key}", part, depth + 1))

    return TensorFlowNetwork(
        version=version,
        name=_name_of(root),
        place=place,
        variables=variables,
        static_kwargs=settings.pop(""),
        component_kwargs=settings,
        functions=functions,
    )


def _named(network, attribute, budget, *, is_optional):
    """Return a dictionary among the attributes of a network, whose keys are names."""
    value = network.state.get(attribute)
    if value is None and is_optional:
        return {}
    if not isinstance(value, dict) or not all(map(_is_name, value)):
        raise budget.damaged(f"{attribute} of a network is no dictionary of names")
    budget.spend_steps(len(value))
    return value


def _is_name(value):
    # Names of sub-networks are written before those of all their variables.
    return isinstance(value, str) and len(value) <= MAX_NAME


def _own_variables(network, budget):
    """Yield name and array of the variables of one network; numbers become arrays."""
    variables = network.state.get("variables")
    if not isinstance(variables, list | tuple):
        raise budget.damaged("the variables of a network are no list")
    budget.spend_steps(len(variables))
    for item in variables:
        if not isinstance(item, list | tuple) or len(item) != 2 or not _is_name(item[0]):
            raise budget.damaged("a variable of a network is no pair of name and array")
        name, value = item
        if isinstance(value, float):  # variables without axes are pickled as numpy's scalars
            number = StoredArray()
            number.fill(budget, ElementType("f8"), (), struct.pack("<d", value))
            value = number
        if not isinstance(value, StoredArray):
            raise budget.damaged(
                f"the variable {name[:SHOWN]!r} is an object of type {type(value).__name__}"
            )
        yield name, value
