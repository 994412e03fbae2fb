"""Pairs of codes for the importance of layers, and the gradients of their image differences."""

from typing import NamedTuple

import numpy as np

from skstylefeat._utils._channels import color_channels

#: Number of codes behind the unit of a step and the mean code.
N_SCALE_SAMPLES = 2_000


class Pairs(NamedTuple):
    """W+ codes of edited and of unrelated pairs, each of shape (n_pairs, n_ws, w_dim), float32.

    Attributes
    ----------
    start, end : ndarray
        A code and the same code edited along the direction.
    unrelated_start : ndarray or None
        None if it equals `start`: then one forward pass serves both gradients.
    unrelated_end : ndarray
    """

    start: np.ndarray
    end: np.ndarray
    unrelated_start: np.ndarray | None
    unrelated_end: np.ndarray

    def rows(self, rows):
        """Return some of the pairs."""
        return Pairs(*(None if codes is None else codes[rows] for codes in self))


def sample_pairs(n_ws, normal, n_pairs, variant, step, sample, random_state):
    """Draw edited and unrelated pairs.

    Edits along `normal`, of shape (n_ws, w_dim), have lengths in the range `step`, in standard
    deviations of n.w. ``sample(n)`` draws n codes in W.
    """
    w = sample(N_SCALE_SAMPLES)
    norms = np.linalg.norm(normal, axis=1)
    units = normal[norms > 0] / norms[norms > 0, None]
    scale = float(np.std(w @ units.T, axis=0).mean())
    start, other = (np.repeat(sample(n_pairs)[:, None], n_ws, axis=1) for _ in range(2))

    def lengths():
        return (scale * random_state.uniform(*step, size=(n_pairs, 1, 1))).astype(np.float32)

    # The published code moves the start onto the plane through the mean code, and from there in
    # both directions.
    if variant == "code":
        squares = np.maximum(np.square(normal).sum(axis=1, keepdims=True), 1e-12)
        along = ((start - w.mean(axis=0)) * normal).sum(axis=2, keepdims=True) / squares
        on_plane = start - along * normal
        return Pairs(on_plane - lengths() * normal, on_plane + lengths() * normal, start, other)

    sign = random_state.choice(np.array([-1, 1], dtype=np.float32), size=(n_pairs, 1, 1))
    return Pairs(start, start + sign * lengths() * normal, None, other)


def pair_gradients(generator, device, space, variant, pairs):
    """Return gradient magnitudes of edited and of unrelated pairs.

    Each is a list of one array of shape (n_pairs, width) per layer. The device is given because a
    generator that was sent to another process is on the CPU.
    """
    generator = generator.to(device)
    if pairs.unrelated_start is None:
        targets = (pairs.end, pairs.unrelated_end)
        return _gradients(generator, space, variant, pairs.start, *targets)
    (edited,) = _gradients(generator, space, variant, pairs.start, pairs.end)
    (unrelated,) = _gradients(generator, space, variant, pairs.unrelated_start, pairs.unrelated_end)
    return edited, unrelated


def image_gradients(starts, ends, variant):
    """Return the derivative of each pair's image difference with respect to its first image.

    "paper" has the squared difference, "code" the absolute one. The number of pixels and the
    factor 2 of the square cancel in the normalization.
    """
    difference = starts - ends
    return difference.sign() if variant == "code" else difference


def _gradients(generator, space, variant, starts, *targets):
    """Return, for every batch of targets, the gradient magnitudes at `starts`."""
    import torch

    synthesis = generator.module.synthesis
    with torch.no_grad():
        images = [color_channels(synthesis(_tensor(t, generator.device))) for t in targets]

    # The leaves are what the layers read: styles, or one W vector per layer.
    with torch.enable_grad():
        ws = _tensor(starts, generator.device)
        if space == "s":
            styles = {k: s.detach().requires_grad_() for k, s in synthesis.styles(ws).items()}
            leaves = list(styles.values())
        else:
            leaves = [ws[:, i].clone().requires_grad_() for i in range(ws.shape[1])]
            styles = synthesis.styles(torch.stack(leaves, dim=1))
        output = color_channels(synthesis.from_styles(styles))

    magnitudes = []
    for i, image in enumerate(images):
        cotangent = image_gradients(output.detach(), image, variant)
        more = i + 1 < len(images)
        gradients = torch.autograd.grad(output, leaves, cotangent, retain_graph=more)
        magnitudes.append([g.abs().cpu().numpy().astype(np.float64) for g in gradients])
    return magnitudes


def _tensor(array, device):
    import torch

    return torch.tensor(np.ascontiguousarray(array), dtype=torch.float32, device=device)
