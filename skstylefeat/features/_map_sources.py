"""Sources of the maps that `FeatureMaps` computes: arrays in memory, or latents.

A source holds n images in some form. All sources have

- ``layers``, a tuple of `LayerInfo`, and a length;
- ``take(rows)``, which returns a source of these rows only;
- ``iter_layers(names)``, which yields (name, maps of shape (n, C, H, W)) layer by layer, in any
  order of memory, valid until the next layer is taken;
- ``missing_rows()``, a mask of the rows that stand for unreadable images and hold NaN only.

The third source, images and any torch network, is
:class:`skstylefeat.networks._module_maps.ModuleMaps`.
"""

import copy
import os

import numpy as np

from skstylefeat._utils._layers import LayerInfo
from skstylefeat._utils._nan_rows import nan_rows
from skstylefeat._utils._validation import as_float32


class ArrayMaps:
    """Maps in memory, by layer name."""

    def __init__(self, maps):
        try:
            arrays = {str(name): np.asarray(value) for name, value in maps.items()}
        except ValueError as error:
            raise ValueError("maps hold rows of several lengths.") from error
        shapes = {name: value.shape for name, value in arrays.items()}
        lengths = {shape[:1] for shape in shapes.values()}
        if not arrays or len(lengths) > 1 or any(len(shape) != 4 for shape in shapes.values()):
            raise ValueError(
                f"maps have shapes {shapes}; expected at least one layer, each (n, C, H, W) with "
                "the same n."
            )
        self._maps = arrays
        self.layers = tuple(LayerInfo(name, *shape[1:]) for name, shape in shapes.items())

    def __len__(self):
        return len(next(iter(self._maps.values())))

    def take(self, rows):
        return ArrayMaps({name: maps[rows] for name, maps in self._maps.items()})

    def iter_layers(self, names):
        for name, maps in self._maps.items():
            if name in names:
                yield name, maps

    def missing_rows(self):
        return np.logical_and.reduce([nan_rows(maps) for maps in self._maps.values()])


class LatentMaps:
    """Maps that a generator makes of latents on demand.

    A name or path is kept as it is, with the SHA-256 of its file: pickles stay small, and a
    replaced file is refused instead of giving other maps. A `Generator` does the same in its own
    pickle.
    """

    def __init__(self, latents, generator, device):
        self._generator = generator
        self._sha256 = None
        self._device = device
        network = self._network()
        if isinstance(generator, str | os.PathLike):
            self._sha256 = network.sha256

        self.layers = network.layers
        self._latents = as_float32(latents, "latents")
        # Raises for wrong shapes.
        network.broadcast(self._latents[:1] if self._latents.ndim else self._latents)

    def __len__(self):
        return len(self._latents)

    def take(self, rows):
        part = copy.copy(self)
        part._latents = self._latents[rows]
        return part

    def iter_layers(self, names):
        return self._network().iter_views(self._latents, names)

    def missing_rows(self):
        return nan_rows(self._latents)

    def _network(self):
        from skstylefeat.networks._loading import load_generator

        return load_generator(self._generator, device=self._device, expected_sha256=self._sha256)
