"""Channels of a generator's images: gray, color, or color with alpha, and their RGB forms.

All images that are read have three channels. A generator of gray images is compared with their
luminance, and its own images are shown with three equal channels. Of a generator with an alpha
channel, only the colors are used.
"""

from __future__ import annotations

from typing import Any

RED_WEIGHT, BLUE_WEIGHT = 0.299, 0.114  # of the luminance (ITU-R BT.601, as in Pillow)
GRAY, RGB, RGBA = 1, 3, 4
ALPHA_NOTE = "The generator's images have 4 channels, of which alpha is left out"


def n_seen_channels(img_channels: int, name: str = "generator") -> int:
    """Return the number of channels in which images are compared with a generator's: 1 or 3.

    Raises
    ------
    ValueError
        If the generator's images are neither gray nor in color.
    """
    if img_channels not in (GRAY, RGB, RGBA):
        raise ValueError(
            f"{name!r} makes images of {img_channels} channels, which are no pictures: expected 1 "
            "(gray), 3 (RGB) or 4 (RGB and alpha). Feature maps, latents and `synthesis` of such a "
            "generator work; inversion, edits and displays need pictures."
        )
    return GRAY if img_channels == GRAY else RGB


def color_channels(images: Any) -> Any:
    """Return a generator's images (n, C, H, W), an array or a tensor, without alpha."""
    n_channels = n_seen_channels(images.shape[1])
    return images if n_channels == images.shape[1] else images[:, :n_channels]


def as_seen(images: Any, img_channels: int) -> Any:
    """Return images (n, 3, H, W), an array or a tensor, in the channels of a generator.

    The luminance of equal channels is exactly their value. Images of one channel stay as they are.
    """
    if n_seen_channels(img_channels) == RGB or images.shape[1] == GRAY:
        return images
    red, green, blue = (images[:, k : k + 1] for k in range(RGB))
    return green + RED_WEIGHT * (red - green) + BLUE_WEIGHT * (blue - green)


def as_rgb(images: Any) -> Any:
    """Return a generator's images (n, C, H, W), an array or a tensor, with three channels."""
    colors = color_channels(images)
    return colors if colors.shape[1] == RGB else colors[:, [0, 0, 0]]


def pixels_as_seen(pixels: Any, img_channels: int) -> Any:
    """Return images (n, H, W, 3) as a generator could show them, with three channels."""
    if n_seen_channels(img_channels) == RGB:
        return pixels
    return as_rgb(as_seen(pixels.transpose(0, 3, 1, 2), img_channels)).transpose(0, 2, 3, 1)
