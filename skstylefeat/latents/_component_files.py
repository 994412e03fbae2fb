"""Files of components, of which one is chosen: GANSpace, PCA of W, and factors of the weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: The tools, and keys that all their files have.
COMPONENT_KEYS = {
    "GANSpace": ("lat_comp", "lat_mean", "lat_stdev"),
    "a PCA of W, as e4e and PTI ship it": ("comp", "mean", "std"),
    "stylegan2-pytorch's closed-form factorization": ("eigvec",),
}


class Components(NamedTuple):
    """Components of a file.

    Attributes
    ----------
    tool : str
        The tool that wrote them.
    vectors : ndarray of shape (k, n_layers, w_dim), float32
        One layer for components in W.
    deviations : ndarray of shape (k,), float64, or None
        Standard deviation of the latents along each, in multiples of the component.
    mean : ndarray of shape (n_layers or 1, w_dim), float64, or None
        The mean latent.
    """

    tool: str
    vectors: np.ndarray
    deviations: np.ndarray | None
    mean: np.ndarray | None


def component_tool(tree):
    """Return the tool that writes such files of components, None for other content."""
    if not isinstance(tree, dict):
        return None
    return next(
        (tool for tool, keys in COMPONENT_KEYS.items() if all(key in tree for key in keys)), None
    )


def read_components(file):
    """Return the `Components` of an `ArrayFile`, None for other content.

    Raises
    ------
    ValueError
        If the arrays do not fit together, or the components are directions in Z.
    """
    tool = component_tool(file.tree)
    if tool is None:
        return None
    keys = COMPONENT_KEYS[tool]
    vectors = file.array(file.tree[keys[0]])
    if len(keys) == 1:  # eigenvectors are the columns, without deviations
        if vectors.ndim != 2 or not vectors.size:
            raise _misfit(file, keys, [vectors])
        return Components(tool, np.ascontiguousarray(vectors.T)[:, None], None, None)

    mean, deviations = (file.array(file.tree[key], np.float64) for key in keys[1:])
    if vectors.ndim == 2:
        vectors = vectors[:, None]
    if vectors.ndim != 3 or not vectors.size or deviations.size != len(vectors):
        raise _misfit(file, keys, [vectors, mean, deviations])
    width = vectors.shape[2]
    if mean.size not in (width, vectors[0].size) or mean.shape[-1] != width:
        raise _misfit(file, keys, [vectors, mean, deviations])
    if (deviations < 0).any():
        raise ValueError(f"{file.path} holds negative standard deviations ({keys[2]!r}).")
    # GANSpace measures no spread in Z, whose coordinates are standard normal.
    if keys[0] == "lat_comp" and (deviations == 1.0).all():
        raise ValueError(
            f"{file.path} holds components of GANSpace in Z (all 'lat_stdev' are 1); directions "
            "here are in W. Run GANSpace with --use_w."
        )
    return Components(tool, vectors, deviations.ravel(), mean.reshape(-1, width))


def _misfit(file, keys, arrays):
    shapes = ", ".join(f"{key!r} {array.shape}" for key, array in zip(keys, arrays, strict=True))
    return ValueError(f"{file.path} is damaged: the shapes of {shapes} do not belong together.")
