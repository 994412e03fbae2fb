"""Hyperplanes over rows of latents that consist of layers."""

from dataclasses import dataclass

import numpy as np

from skstylefeat.latents._spaces import broadcast_direction, style_layers, w_plus_layers


@dataclass(frozen=True)
class Layout:
    """Division of a row of latents into layers.

    Attributes
    ----------
    names : tuple of str
    bounds : tuple of int
        First column of each layer, and the width of a row at the end.
    is_styles : bool
        Whether the row is an S code.
    """

    names: tuple[str, ...]
    bounds: tuple[int, ...]
    is_styles: bool = False

    @classmethod
    def even(cls, names, width):
        """Return layers of equal `width`."""
        return cls(tuple(names), tuple(range(0, (len(names) + 1) * width, width)))


def layout_of(n_features, directions, generator, w_dim):
    """Return the layers of rows of `n_features` columns.

    The sizes come from the generator, else from `w_dim`, else from the shapes of the directions.

    Raises
    ------
    ValueError
        If the width of the rows is not a multiple of the width of W.
    """
    if generator is not None:
        if n_features == generator.w_dim:
            return Layout.even(("w",), n_features)
        if n_features == generator.n_ws * generator.w_dim:
            return Layout.even(w_plus_layers(generator), generator.w_dim)
        names, sizes = style_layers(generator)
        if n_features == sum(sizes):
            return Layout(names, (0, *(int(i) for i in np.cumsum(sizes))), is_styles=True)
        raise ValueError(
            f"The latents have n_features = {n_features}; expected n_ws x w_dim = {generator.n_ws} "
            f"x {generator.w_dim} = {generator.n_ws * generator.w_dim} (W+), {generator.w_dim} (W)"
            f" or {sum(sizes)} (S) for this generator."
        )

    # A direction as wide as a row tells nothing about layers.
    widths = {np.shape(d)[-1] for d in directions} - {n_features}
    if w_dim is None:
        w_dim = min(widths) if widths else n_features
    if n_features % w_dim:
        n_ws = max([np.shape(d)[0] for d in directions if np.ndim(d) == 2], default=1)
        expected = f"{n_ws} x {w_dim} = {n_ws * w_dim}" if n_ws > 1 else f"a multiple of {w_dim}"
        raise ValueError(
            f"The latents have n_features = {n_features}, which is not n_ws x w_dim with the "
            f"direction's w_dim = {w_dim}: expected {expected}."
        )
    n_ws = n_features // w_dim
    return Layout.even(["w"] if n_ws == 1 else [f"w{i}" for i in range(n_ws)], w_dim)


class Planes:
    """Planes sum_i (n_i.w_i + b_i) = 0, unscaled.

    Attributes
    ----------
    normals : ndarray of shape (n_directions, n_features)
        The directions, broadcast to all layers.
    norms : ndarray of shape (n_directions, n_layers)
        Length of each n_i.
    offsets : ndarray of shape (n_directions, n_layers)
    layout : Layout
    n_layers : int
    shared : bool
        Whether every direction has the same normal on all layers.
    """

    def __init__(self, directions, intercepts, layout):
        self.layout = layout
        self.n_layers, n_features = len(layout.names), layout.bounds[-1]
        # Layers of S have unequal widths, so a direction in S is always a whole row.
        n_rows = 1 if layout.is_styles else self.n_layers
        shape = (n_rows, n_features // n_rows)
        arrays, per_layer = zip(*(broadcast_direction(d, *shape) for d in directions), strict=True)
        self.normals = np.array([array.ravel() for array in arrays], dtype=np.float64)
        self.norms = np.sqrt(np.add.reduceat(np.square(self.normals), layout.bounds[:-1], axis=1))
        self.shared = not any(per_layer)

        # The intercept of one normal per layer is divided in proportion to their lengths.
        b = np.array(intercepts, dtype=np.float64)[:, None]
        divided = b * self.norms / self.norms.sum(axis=1, keepdims=True)
        self.offsets = np.where(np.array(per_layer)[:, None], divided, b)

    def scaled(self, normalize):
        """Return normals, of unit length on each layer with `normalize`, and their offsets."""
        if not normalize:
            return self.normals.copy(), self.offsets.copy()
        inverse = np.divide(1.0, self.norms, out=np.zeros_like(self.norms), where=self.norms > 0)
        return self._times(self.normals, inverse), self.offsets * inverse

    def weighted(self, weights, normalize):
        """Combine the layers by weights of shape (n_directions, n_layers): one plane each."""
        normals, offsets = self.scaled(normalize)
        return self._times(normals, weights), (offsets * weights).sum(axis=1)

    def flat(self, normalize):
        """Return the planes over whole rows, with unit normals if `normalize`."""
        norms = np.linalg.norm(self.normals, axis=1) if normalize else np.ones(len(self.normals))
        return self.normals / norms[:, None], self.offsets.sum(axis=1) / norms

    def _times(self, normals, factors):
        return normals * np.repeat(factors, np.diff(self.layout.bounds), axis=1)
