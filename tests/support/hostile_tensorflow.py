"""Pickles of TensorFlow networks that are damaged or made to exhaust memory or time."""

import numpy as np

from tests.support import tensorflow_writers as writers
from tests.support.networks import tiny_module


def _sound(**changes):
    network = writers.stylegan2_network(tiny_module(8, channels=(3, 2), z_dim=7), version=5)
    for name, value in changes.items():
        setattr(network, name, value)
    return network


def _without(attribute):
    network = _sound()
    delattr(network, attribute)
    return network


def _with_variables(change, part="synthesis"):
    """Return a network whose sub-network has other variables."""
    network = _sound()
    component = network.components[part]
    component.variables = change(component.variables)
    return network


def _with_value(value, name="4x4/Conv/weight"):
    def change(variables):
        return [(key, value if key == name else old) for key, old in variables]

    return _with_variables(change)


def _renamed(old, new):
    return _with_variables(lambda all_: [(key.replace(old, new), x) for key, x in all_])


def _in_itself():
    network = _sound()
    network.components["mapping"] = network
    return network


def _in_itself_a_hundred_times():
    network = _sound()
    network.components = {str(i): network for i in range(100)}
    return network


def _deep():
    network = _sound()
    for _ in range(40):
        network = writers.tensorflow_network("G", "G_main", {}, mapping=network)
    return network


def _long_names():
    """Give a sub-network a name of 1 MB, which precedes the names of its 3,000 variables."""
    part = writers.tensorflow_network("G", "G", {str(i): np.float32(1)[...] for i in range(3_000)})
    network = _sound()
    network.components = {"x" * (1 << 20): part}
    return network


def _one_array_many_times():
    value = np.zeros((1, 3, 1024, 1024), "f4")
    return _with_variables(lambda _: [(f"noise{i}", value) for i in range(100)])


def _numbers():
    return _with_variables(lambda all_: all_ + [(f"x{i}", np.float32(1)) for i in range(10_000)])


#: Name to a function that makes the content of a file.
HOSTILE = {
    "version that is huge": lambda: _sound(version=1 << 400),
    "version of the future": lambda: _sound(version=6),
    "version that is negative": lambda: _sound(version=-5),
    "version that is a text": lambda: _sound(version="5"),
    "version that is true": lambda: _sound(version=True),
    "version 3": lambda: _sound(version=3),
    "no version": lambda: _without("version"),
    "no variables": lambda: _without("variables"),
    "no settings": lambda: _without("static_kwargs"),
    "no parts": lambda: _without("components"),
    "no attributes": lambda: writers.TensorFlowNetwork(),
    "name that is a list": lambda: _sound(name=["Gs"], version=None),
    "name of 1 MB": lambda: _sound(name="Gs " * (1 << 19), version=None),
    "function of 1 MB": lambda: _sound(build_func_name="G" * (1 << 20)),
    "settings that are a list": lambda: _sound(static_kwargs=[1]),
    "settings of numbers": lambda: _sound(static_kwargs={1: 2}),
    "setting of 1 MB": lambda: _sound(static_kwargs={"x": "y" * (1 << 20)}),
    "setting in itself": lambda: _sound(static_kwargs={"resolution": (x := [], x.append(x))[0]}),
    "20,000 settings": lambda: _sound(static_kwargs={str(i): i for i in range(20_000)}),
    "parts that are a list": lambda: _sound(components=[1]),
    "part that is a number": lambda: _sound(components={"mapping": 1, "synthesis": 2}),
    "part in itself": _in_itself,
    "part in itself a hundred times": _in_itself_a_hundred_times,
    "nested parts": _deep,
    "long names": _long_names,
    "variables that are a dictionary": lambda: _with_variables(dict),
    "variables without names": lambda: _with_variables(lambda all_: [x for _, x in all_]),
    "variables of three": lambda: _with_variables(lambda all_: [(*pair, 1) for pair in all_]),
    "variable twice": lambda: _with_variables(lambda all_: all_ + all_[:1]),
    "variable less": lambda: _with_variables(lambda all_: all_[:-1]),
    "variable more": lambda: _with_variables(lambda all_: [*all_, ("more", np.ones(1, "f4"))]),
    "no mapping layers": lambda: _with_variables(lambda all_: [], "mapping"),
    "no synthesis layers": lambda: _with_variables(lambda all_: []),
    "one array many times": _one_array_many_times,
    "10,000 numbers": _numbers,
    "variable that is a number": lambda: _with_value(5),
    "variable that is a text": lambda: _with_value("x"),
    "variable that is None": lambda: _with_value(None),
    "variable that is a scalar": lambda: _with_value(np.float32(1)),
    "variable of objects": lambda: _with_value(np.array([1, None], object)),
    "variable of texts": lambda: _with_value(np.array(["a"])),
    "variable of integers": lambda: _with_value(np.ones((3, 3, 3, 3), "i4")),
    "variable of booleans": lambda: _with_value(np.ones((3, 3, 3, 3), bool)),
    "variable of complex numbers": lambda: _with_value(np.ones((3, 3, 3, 3), "c8")),
    "variable of fields": lambda: _with_value(np.zeros(3, [("a", "f4")])),
    "variable with infinity": lambda: _with_value(np.full((3, 3, 3, 3), np.inf, "f4")),
    "variable of large numbers": lambda: _with_value(np.full((3, 3, 3, 3), 1e30, "f4")),
    "variable of another shape": lambda: _with_value(np.ones((3, 3, 3), "f4")),
    "variable of eight axes": lambda: _with_value(np.ones((1,) * 8, "f4")),
    "variable without elements": lambda: _with_value(np.ones((3, 3, 0, 3), "f4")),
    "kernel of five": lambda: _with_value(np.ones((5, 5, 3, 3), "f4")),
    "constant of two": lambda: _with_value(np.ones((2, 3, 4, 4), "f4"), "4x4/Const/const"),
    "strength of two": lambda: _with_value(np.ones(2, "f4"), "4x4/Conv/noise_strength"),
    "noise of another shape": lambda: _with_value(np.ones((1, 1, 5, 5), "f4"), "noise0"),
    "layer of another resolution": lambda: _renamed("8x8", "16x16"),
    "layer of a huge resolution": lambda: _renamed("8x8", "99999x99999"),
    "layer of two sides": lambda: _renamed("8x8", "8x16"),
    "layer called twice": lambda: _with_variables(
        lambda all_: [*all_, ("Dense01/weight", np.ones((7, 7), "f4"))], "mapping"
    ),
    "noise of layer 99": lambda: _renamed("noise0", "noise99"),
    "first layers of the others": lambda: _renamed("4x4/Conv/", "4x4/Conv1/"),
    "six networks": lambda: (_sound(),) * 6,
    "10,000 networks": lambda: [_sound()] * 10_000,
    "network in a list in itself": lambda: (x := [], x.append(x))[0],
}
