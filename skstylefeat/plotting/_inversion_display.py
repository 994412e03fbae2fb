"""Display of images and their reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skstylefeat._utils._channels import pixels_as_seen
from skstylefeat.plotting._style import Display, check_same_length, to_pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from skstylefeat._utils._typing import ImagesLike


class InversionDisplay(Display):
    """Images, each with its reconstruction and the PSNR of the pair below.

    Parameters
    ----------
    images, reconstructions : array-like of shape (n, H, W, 3)
        uint8, or floats in [0, 1].

    Attributes
    ----------
    psnr_ : ndarray of shape (n,)
        Peak signal-to-noise ratio of each pair in dB, ``10 log10(1 / mse)`` with values in
        [0, 1]; infinite for equal pixels.
    ax_ : matplotlib axes
    figure_ : matplotlib figure
        Set by `plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.plotting import InversionDisplay
    >>> images = np.full((2, 8, 8, 3), 0.5)
    >>> InversionDisplay(images, images + 0.1).psnr_
    array([20., 20.])
    """

    images: NDArray[np.float32]
    reconstructions: NDArray[np.float32]
    psnr_: NDArray[np.float64]

    def __init__(self, images: ImagesLike, reconstructions: ImagesLike) -> None:
        check_same_length(images=images, reconstructions=reconstructions)
        self.images = to_pixels(images)
        self.reconstructions = to_pixels(reconstructions)
        if self.images.shape != self.reconstructions.shape:
            raise ValueError(
                f"Images have shape {self.images.shape}, reconstructions "
                f"{self.reconstructions.shape}; expected equal shapes."
            )
        difference = self.images.astype(np.float64) - self.reconstructions
        error = (difference**2).mean(axis=(1, 2, 3))
        with np.errstate(divide="ignore"):
            self.psnr_ = -10 * np.log10(error)

    @classmethod
    def from_estimator(cls, inverter: Any, images: ImagesLike, *, ax: Axes | None = None) -> Self:
        """Show images with their reconstructions by an inverter.

        Parameters
        ----------
        inverter : StyleGANInverter
            Fitted, with ``output="latents"``.
        images : array-like, list of paths or PIL images
            Shown in the size of the generator's images.
        ax : matplotlib axes, default=None

        Returns
        -------
        InversionDisplay
        """
        reconstructions = inverter.inverse_transform(inverter.transform(images))
        pixels = to_pixels(images, np.shape(reconstructions)[1:3])
        # Photos in color are shown, and compared, in gray if the generator's images are gray.
        generator = getattr(inverter, "generator_", None)
        if generator is not None:
            pixels = pixels_as_seen(pixels, generator.img_channels)
        return cls(pixels, reconstructions).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls, images: ImagesLike, reconstructions: ImagesLike, *, ax: Axes | None = None
    ) -> Self:
        """Show images with given reconstructions; parameters as of the class."""
        return cls(images, reconstructions).plot(ax=ax)

    def plot(self, ax: Axes | None = None, *, n_columns: int = 10) -> Self:
        """Draw the pairs, `n_columns` per row.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            A new figure by default.
        n_columns : int, default=10

        Returns
        -------
        InversionDisplay
        """
        n_images, height, width = self.images.shape[:3]
        n_columns = min(n_columns, n_images)
        n_rows = -(-n_images // n_columns)
        sheet = self._new_sheet(ax, n_rows, n_columns, 2 * height / width, row_gap=0.3, inch=0.95)
        for i, (image, copy) in enumerate(zip(self.images, self.reconstructions, strict=True)):
            row, column = divmod(i, n_columns)
            sheet.image(row, column, np.concatenate([image, copy]))
            sheet.below(row, column, f"{self.psnr_[i]:.1f} dB")
        sheet.finish()
        return self
