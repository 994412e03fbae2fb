"""Feature maps of any torch network, taken by forward hooks."""

import math

import numpy as np
import torch

from skstylefeat._utils._layers import LayerInfo
from skstylefeat.images._collection import as_images

MAX_LEADING_TOKENS = 16  # of the class and registers; known transformers have up to 9


class ModuleMaps:
    """Source of `FeatureMaps`: images, and a network that runs when maps are read."""

    def __init__(self, model, images, layers, *, input_size=None, mean=None, std=None):
        modules = dict(model.named_modules())
        unknown = [name for name in layers if name not in modules]
        if unknown:
            some = [name for name in modules if name][:20]
            raise ValueError(f"The model has no submodules {unknown}. It has, for example, {some}.")
        self._model = model.eval()
        self._images = as_images(images)
        self._names = list(layers)
        self._preprocessing = (input_size, mean, std)
        probe = dict(self.take(slice(0, 1)).iter_layers(self._names))
        # Hooks are called in the order in which the layers run.
        self.layers = tuple(LayerInfo(name, *maps.shape[1:]) for name, maps in probe.items())

    def __len__(self):
        return len(self._images)

    def take(self, rows):
        part = object.__new__(ModuleMaps)
        part.__dict__.update(self.__dict__, _images=self._images[rows])
        return part

    def iter_layers(self, names):
        taken = {}

        def hook(name):
            return lambda module, inputs, output: taken.__setitem__(name, output)

        modules = dict(self._model.named_modules())
        pixels = self._input()
        handles = [modules[name].register_forward_hook(hook(name)) for name in names]
        try:
            with torch.inference_mode():
                self._model(pixels)
        finally:
            for handle in handles:
                handle.remove()
        # Each layer leaves memory when the next one is asked for.
        for name in list(taken):
            yield name, _as_maps(taken.pop(name), name, pixels.shape[2:])

    def missing_rows(self):
        return np.zeros(len(self), dtype=bool)  # unreadable images raise

    def _input(self):
        size, mean, std = self._preprocessing
        images = self._images.read(size)
        if mean is not None:
            images = images - np.asarray(mean, dtype=np.float32)
        if std is not None:
            images = images / np.asarray(std, dtype=np.float32)
        parameter = next(self._model.parameters(), torch.empty(0))
        images = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
        return images.to(parameter.device, torch.float32)


def _as_maps(output, name, image_size):
    """Return a layer's output as an array (n, C, H, W); tokens of transformers become maps.

    The grid of tokens has the shape of the images, of size `image_size`; tokens before it, such as
    that of the class, are left out.
    """
    if isinstance(output, (tuple, list)):
        output = output[0]
    if not isinstance(output, torch.Tensor) or output.ndim not in (3, 4):
        shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise ValueError(
            f"Layer {name!r} returns {shape}; expected maps (n, C, H, W) or tokens (n, T, C)."
        )
    if output.ndim == 3:
        n, tokens, channels = output.shape
        height, width = _grid(tokens, image_size)
        output = output[:, tokens - height * width :].transpose(1, 2)
        output = output.reshape(n, channels, height, width)
    return output.float().cpu().numpy()


def _grid(tokens, image_size):
    """Return rows and columns of the largest grid of square patches that the tokens fill."""
    height, width = image_size
    if height == width:
        return (int(tokens**0.5),) * 2
    largest = math.gcd(height, width)
    for patch in (patch for patch in range(1, largest + 1) if largest % patch == 0):
        rows, columns = height // patch, width // patch
        if tokens - MAX_LEADING_TOKENS <= rows * columns <= tokens:
            return rows, columns
    raise ValueError(
        f"The model returns {tokens} tokens for images of {height} x {width} pixels, which are no "
        "grid of square patches. Give input_size with equal height and width."
    )
