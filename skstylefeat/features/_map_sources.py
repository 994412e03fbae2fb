"""Where the feature maps of `FeatureMaps` come from: arrays in memory, or latents.

A source holds n images in some form and gives the maps of as many of them as it is asked for. All
have `layers`, a tuple of `LayerInfo`; a length; ``take(rows)``, a source of these images only; and
``iter_layers(names)``, which yields (name, maps of shape (n, C, H, W)) layer by layer. The third
source, images and any torch network, is :class:`skstylefeat.networks._module_maps.ModuleMaps`.
"""

import copy

import numpy as np

from skstylefeat._utils._layers import LayerInfo
from skstylefeat._utils._validation import as_float32


class ArrayMaps:
    """Maps that are already in memory, by layer name."""

    def __init__(self, maps):
        arrays = {str(name): np.asarray(value) for name, value in maps.items()}
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


class LatentMaps:
    """Maps of a generator, made from latents when they are asked for.

    Holds the generator as it came: a bundled name or path keeps pickles small.
    """

    def __init__(self, latents, generator, device):
        self._generator = generator
        self._device = device
        network = self._network()
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
        return self._network().iter_features(self._latents, names)

    def _network(self):
        from skstylefeat.networks import load_generator

        return load_generator(self._generator, device=self._device)
