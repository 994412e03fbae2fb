"""Errors of every family of generators against stored arrays of its authors' code.

Each function writes a file of the family into an empty folder, reads it, and returns the largest
errors by part, in units of the largest reference value.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch

from skstylefeat import load_generator
from tests.support import tensorflow_cases
from tests.support.alias_free import alias_free_module, write_alias_free
from tests.support.alias_free_cases import CASES, case_config, case_inputs, thin
from tests.support.checkpoint_writers import write_nvidia
from tests.support.genforce_cases import CASES as GENFORCE
from tests.support.genforce_cases import REFERENCE, sample
from tests.support.genforce_writers import write_tensorflow_stylegan1
from tests.support.networks import numbered_codes, numbered_module
from tests.support.odd_generators import CONFIGS, IMAGES
from tests.support.stored_arrays import relative_difference, stored

DATA = Path(__file__).parents[1] / "data"


def largest(results: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the largest error of every part."""
    errors: dict[str, float] = {}
    for result in results:
        for part, error in result.items():
            errors[part] = max(error, errors.get(part, 0.0))
    return errors


def stylegan3_errors(folder):
    """Return the errors of StyleGAN3 pickles of both configurations."""
    return largest(_stylegan3_errors(folder, case) for case in ("T32", "R32, classes, no clamp"))


def _stylegan3_errors(folder, case):
    path, config = folder / f"{case[0]}.pkl", case_config(case)
    write_alias_free(path, alias_free_module(**{"channels": [4] * 14} | CASES[case]))
    generator = load_generator(path)
    z, classes, ws = case_inputs(config)
    expected = stored(DATA / "stylegan3.npz", f"{case}/")

    w = generator.mapping(z.numpy(), c=classes, truncation_psi=0.7)
    found = {"w": w, "image": thin(generator.synthesis(ws.numpy()), 32)}
    found["styles"] = generator.styles(ws.numpy())
    found |= {name: thin(x, 8) for name, x in generator.features(ws.numpy()).items()}
    assert found.keys() == expected.keys()
    parts = {"w": "W", "image": "images", "styles": "S"}
    return largest(
        {parts.get(name, "maps"): relative_difference(x, expected[name])}
        for name, x in found.items()
    )


def tensorflow_errors(folder):
    """Return the errors of StyleGAN2 in TensorFlow pickles of versions 4 and 5."""
    return largest(_tensorflow_errors(folder, name) for name in ("4 skip", "5 skip", "5 resnet"))


def _tensorflow_errors(folder, name):
    path = folder / f"{name}.pkl"
    tensorflow_cases.write_reference(path, name)
    generator = load_generator(path)
    z, ws, c = tensorflow_cases.reference_inputs(generator.c_dim)
    classes = None if c is None else c.argmax(dim=1).numpy()
    expected = stored(tensorflow_cases.DATA, f"{name}/")

    styles = generator.styles(ws.numpy())
    found = {"w": ("W", generator.mapping(z.numpy(), c=classes))}
    found["image"] = "images", generator.synthesis(ws.numpy())
    for layer, columns in generator.style_slices.items():
        found[f"{layer} style"] = "S", styles[:, columns]
    found |= {layer: ("maps", x) for layer, x in generator.features(ws.numpy()).items()}
    return largest(
        {part: relative_difference(x, expected[key])} for key, (part, x) in found.items()
    )


def genforce_errors(folder):
    """Return the errors of GenForce's StyleGAN1 and StyleGAN2."""
    return largest(_genforce_errors(folder, name) for name in ("stylegan1", "stylegan2"))


def _genforce_errors(folder, name):
    write, values, assume = GENFORCE[name]
    path = folder / f"{name}.pth"
    torch.save({"generator_smooth": write(**values)}, path)
    generator = load_generator(path, assume=assume)
    z, codes = _genforce_inputs(generator)
    expected = stored(REFERENCE, f"{name}|")
    results = [
        {"W": relative_difference(generator.mapping(z), expected["w"])},
        {"images": relative_difference(sample(generator.synthesis(codes)), expected["image"])},
    ]
    for i, maps in enumerate(generator.features(codes[:1]).values()):
        results.append({"maps": relative_difference(sample(maps), expected[f"map{i}"])})
    return largest(results)


def stylegan1_tensorflow_errors(folder):
    """Return the errors of StyleGAN1 in a TensorFlow pickle."""
    write, values, settings = GENFORCE["stylegan1"]
    path = folder / "stylegan1.pkl"
    write_tensorflow_stylegan1(path, write(**values), **(settings or {}))
    generator = load_generator(path)
    _, codes = _genforce_inputs(generator)
    expected = stored(REFERENCE, "stylegan1|")
    return {"images": relative_difference(sample(generator.synthesis(codes)), expected["image"])}


def _genforce_inputs(generator):
    rng = np.random.RandomState(100)
    z = rng.normal(size=(2, 5)).astype(np.float32)
    return z, rng.normal(size=(2, generator.n_ws, 7)).astype(np.float32)


def rectangular_errors(folder):
    """Return the errors of StyleGAN-Human's rectangular StyleGAN2."""
    names = ("rectangular skip", "rectangular resnet", "rectangular orig")
    return largest(_rectangular_errors(folder, name) for name in names)


def _rectangular_errors(folder, name):
    config = CONFIGS[name][1]
    path = folder / f"{name}.pkl"
    write_nvidia(path, numbered_module(config))
    images = load_generator(path).synthesis(numbered_codes(config))
    with np.load(IMAGES) as arrays:
        return {"images": relative_difference(images, arrays[name])}
