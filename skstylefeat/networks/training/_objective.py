"""What the training of an encoder minimizes: the losses on one batch, and their weights.

Known codes are compared with what the encoder makes of their images; images with their
reconstruction by the generator, by their pixels and, where the recipe says so, in the feature maps
and codes of the encoder's own moving average. Codes far from where the generator was trained cost.
"""

import torch

from skstylefeat.networks.optimization._losses import contrast_loss, feature_loss, pyramid_loss


def weighted_losses(recipe, generator, encoder, average, known, synthetic, real):
    """Return the losses on one batch.

    Parameters
    ----------
    recipe : EncoderRecipe
        Weights of the losses.
    generator : StyleGAN2Generator
        The frozen generator.
    encoder, average : EncoderNetwork
        The encoder, and its moving average.
    known : Tensor of shape (n, n_ws, w_dim)
        Whitened codes.
    synthetic : Tensor of shape (n, C, H, W)
        Their images.
    real : Tensor of shape (m, C, H, W)
        Images without known codes; there may be none.

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
    losses = {
        "latent": (recipe.latent_weight, (whitened[n_real:] - known).square().mean()),
        "offset": (recipe.offset_weight, offsets.square().mean()),
    }
    with_synthetic = recipe.synthetic_image_weight > 0
    n_images = len(x) if with_synthetic else n_real
    if not n_images:
        return losses
    with recipe.autocast(x.device):
        images = generator.synthesis(encoder.to_w(whitened[:n_images]))
    images = images.float()
    if with_synthetic:
        loss = _image_loss(recipe, images[n_real:], x[n_real:])
        losses["synthetic image"] = (recipe.synthetic_image_weight, loss)
    if n_real:
        images, targets = images[:n_real], x[:n_real]
        losses["image"] = (recipe.image_weight, _image_loss(recipe, images, targets))
        losses["code"] = (recipe.code_weight, whitened[:n_real].square().mean())
        losses |= _perceptual_losses(recipe, average, images, targets)
    return losses


def _image_loss(recipe, images, targets):
    loss = pyramid_loss(images, targets)
    if recipe.contrast_weight:
        loss = loss + recipe.contrast_weight * contrast_loss(images, targets)
    return loss


def _perceptual_losses(recipe, average, images, targets):
    if not (recipe.feature_weight or recipe.cycle_weight):
        return {}
    losses = {}
    with recipe.autocast(images.device):
        with torch.no_grad():
            target_maps = average.trunk(targets)
            target_base, _ = average.heads(target_maps)
        maps = average.trunk(images)
        base, _ = average.heads(maps)
    if recipe.feature_weight:
        pairs = [[x.float() for x in side[1:]] for side in (maps, target_maps)]
        losses["feature"] = (recipe.feature_weight, feature_loss(*pairs))
    if recipe.cycle_weight:
        distance = (base.float() - target_base.float()).square().mean()
        losses["cycle"] = (recipe.cycle_weight, distance)
    return losses
