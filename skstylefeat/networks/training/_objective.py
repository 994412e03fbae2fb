"""Losses of one batch in the training of an encoder.

Known codes are compared with the encoder's codes of their images; images are compared with their
reconstruction by the generator.
"""

import torch

from skstylefeat._utils._channels import color_channels
from skstylefeat.networks.optimization._losses import pyramid_loss


def weighted_losses(recipe, generator, encoder, known, synthetic, real):
    """Return the losses on one batch.

    Parameters
    ----------
    recipe : EncoderRecipe
        Weights of the losses.
    generator : GeneratorNetwork
        The frozen generator.
    encoder : EncoderNetwork
        The encoder.
    known : Tensor of shape (n, n_ws, w_dim)
        Whitened codes.
    synthetic : Tensor of shape (n, C, H, W)
        Their images.
    real : Tensor of shape (m, C, H, W)
        Images without known codes; m may be 0.

    Returns
    -------
    dict of str to (float, Tensor)
        Weight and loss by name.
    """
    n_real = len(real)
    x = torch.cat([real, synthetic]).contiguous(memory_format=torch.channels_last)
    with recipe.autocast(x.device):
        base, offsets = encoder.heads(encoder.trunk(x))
    base, offsets = base.float(), offsets.float()
    whitened = base[:, None] + offsets

    with recipe.autocast(x.device):
        images = color_channels(generator.synthesis(encoder.to_w(whitened)))
    images = images.float()

    losses = {
        "latent": (1.0, (whitened[n_real:] - known).square().mean()),
        "offset": (recipe.offset_weight, offsets.square().mean()),
        "synthetic image": (
            recipe.synthetic_image_weight,
            pyramid_loss(images[n_real:], x[n_real:]),
        ),
    }
    if n_real:
        losses["image"] = (recipe.image_weight, pyramid_loss(images[:n_real], x[:n_real]))
    return losses
