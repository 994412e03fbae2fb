"""Batches of an encoder's training: synthesized images with known codes, and the user's."""

import hashlib

import numpy as np
import torch

from skstylefeat._utils._channels import as_seen, color_channels
from skstylefeat.networks.training._recipe import to_network


class TrainingBatches:
    """Random batches of both kinds of images; each call receives its random generator.

    Parameters
    ----------
    generator : GeneratorNetwork
        Synthesizes the images with known codes.
    encoder : EncoderNetwork
        Knows the whitened coordinates of W and the shape of the images.
    images : array of shape (n, H, W, C), callable or None
        The user's images, or a function ``images(rng, n)`` that makes n images.
    recipe : EncoderRecipe
        Batch size, style mixing and augmentation.

    Raises
    ------
    ValueError
        If the images do not fit the generator.
    """

    def __init__(self, generator, encoder, images, recipe):
        self.generator = generator
        self.device = generator.mapping.w_avg.device
        self.config = encoder.config
        self.recipe = recipe
        self.images = images
        if images is not None and not callable(images):
            self.images = check_images(images, self.config, "images")
        self.w_avg = encoder.w_avg.clone()
        self.inverse_basis = torch.linalg.inv(encoder.w_basis.double()).float()

    def synthetic(self, rng):
        """Return whitened codes (n, n_ws, w_dim) and their images (n, C, H, W)."""
        config, n = self.generator.config, self.recipe.batch_size
        z = torch.from_numpy(rng.standard_normal((2 * n, config.z_dim), dtype=np.float32))
        labels = None
        if config.c_dim:
            classes = rng.integers(config.c_dim, size=2 * n)
            labels = torch.from_numpy(np.eye(config.c_dim, dtype=np.float32)[classes])
            labels = labels.to(self.device)

        # Style mixing: from a random layer on, a second code takes over.
        mixed = rng.random(n) < self.recipe.style_mixing
        crossover = np.where(mixed, rng.integers(1, config.n_ws, n), config.n_ws)
        late = torch.from_numpy(np.arange(config.n_ws) >= crossover[:, None]).to(self.device)

        with torch.no_grad():
            w = self.generator.mapping(z.to(self.device), labels)
            ws = torch.where(late[:, :, None], w[n:, None], w[:n, None])
            with self.recipe.autocast(self.device):
                images = color_channels(self.generator.synthesis(ws))
            return (ws - self.w_avg) @ self.inverse_basis, images.float().clamp(-1.0, 1.0)

    def real(self, rng):
        """Return augmented images of the user (n, C, H, W) in [-1, 1]; n is 0 without images."""
        n = self.recipe.batch_size
        if self.images is None:
            shape = 0, self.config.img_channels, *self.config.image_size
            return torch.empty(shape, device=self.device)
        if callable(self.images):
            batch = check_images(self.images(rng, n), self.config, "images(rng, n)")
        else:
            batch = self.images[np.sort(rng.integers(len(self.images), size=n))]
        return self.recipe.augment(self.pixels(batch), rng)

    def pixels(self, images):
        """Return images (n, H, W, C) as the encoder sees them (n, C, H, W), in [-1, 1]."""
        return as_seen(to_network(images).to(self.device), self.config.img_channels)


def images_hash(images):
    """Return a text that differs between sets of images; functions cannot be told apart."""
    if images is None or callable(images):
        return "none" if images is None else "a function"
    digest = hashlib.sha256(f"{images.shape} {images.dtype.str}".encode())
    for image in images:  # one by one, because they may lie in a memory map
        digest.update(np.ascontiguousarray(image))
    return digest.hexdigest()


def check_images(images, config, name):
    """Return images as an array; raise ValueError unless they fit the encoder's `config`.

    Color images fit a generator of gray ones, too: it is trained with their luminance.
    """
    images = images if isinstance(images, np.ndarray) else np.asarray(images)
    channels = (3, config.img_channels)
    is_fit = images.ndim == 4 and images.shape[1:3] == config.image_size
    if not is_fit or images.shape[3] not in channels:
        height, width = config.image_size
        raise ValueError(
            f"{name} has shape {images.shape}, but the generator needs (n, {height}, {width}, "
            f"{' or '.join(map(str, sorted(set(channels))))}): resize the images first."
        )
    if len(images) == 0:
        raise ValueError(f"{name} is empty.")
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"{name} has dtype {images.dtype}; expected uint8, or floats in [0, 1].")
    return images
