"""Losses of one batch in the training of an encoder.

Known codes are compared with the encoder's codes of their images; images are compared with their
reconstruction by the generator.
"""

from dataclasses import dataclass

import torch

from skstylefeat._utils._channels import color_channels
from skstylefeat.networks.optimization._losses import pyramid_loss


@dataclass
class Reconstruction:
    """Images of one batch, their codes, and the generator's images of these codes.

    Parameters
    ----------
    n_real : int
        The first so many images are the user's; the others were synthesized.
    images, reconstructed : Tensor of shape (n, C, H, W)
        Images in [-1, 1], and what the generator makes of their codes.
    whitened, offsets : Tensor of shape (n, n_ws, w_dim)
        Whitened codes, and their offsets from the common code of all layers.
    """

    n_real: int
    images: torch.Tensor
    reconstructed: torch.Tensor
    whitened: torch.Tensor
    offsets: torch.Tensor


def reconstruct(recipe, generator, encoder, synthetic, real):
    """Encode one batch and synthesize it again.

    Parameters
    ----------
    recipe : EncoderRecipe
        Precision of the networks.
    generator : GeneratorNetwork
        The frozen generator.
    encoder : EncoderNetwork
        The encoder.
    synthetic : Tensor of shape (n, C, H, W)
        Images with known codes.
    real : Tensor of shape (m, C, H, W)
        Images without known codes; m may be 0.

    Returns
    -------
    Reconstruction
    """
    x = torch.cat([real, synthetic]).contiguous(memory_format=torch.channels_last)
    with recipe.autocast(x.device):
        base, offsets = encoder.heads(encoder.trunk(x))
    base, offsets = base.float(), offsets.float()
    whitened = base[:, None] + offsets

    with recipe.autocast(x.device):
        images = color_channels(generator.synthesis(encoder.to_w(whitened)))
    return Reconstruction(len(real), x, images.float(), whitened, offsets)


def weighted_losses(recipe, batch, known):
    """Return the losses on one batch.

    Parameters
    ----------
    recipe : EncoderRecipe
        Weights of the losses.
    batch : Reconstruction
        The batch.
    known : Tensor of shape (n, n_ws, w_dim)
        Whitened codes of its synthesized images.

    Returns
    -------
    dict of str to (float, Tensor)
        Weight and loss by name.
    """
    n_real, x, images = batch.n_real, batch.images, batch.reconstructed
    losses = {
        "latent": (1.0, (batch.whitened[n_real:] - known).square().mean()),
        "offset": (recipe.offset_weight, batch.offsets.square().mean()),
        "synthetic image": (
            recipe.synthetic_image_weight,
            pyramid_loss(images[n_real:], x[n_real:]),
        ),
    }
    if n_real:
        losses["image"] = (recipe.image_weight, pyramid_loss(images[:n_real], x[:n_real]))
    return losses
