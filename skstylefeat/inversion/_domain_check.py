"""Check that images belong to a generator's domain, by the error of their reconstruction."""

import warnings

import numpy as np

from skstylefeat._utils._batches import map_rows
from skstylefeat.images._collection import as_images
from skstylefeat.inversion._job import InversionJob, is_code
from skstylefeat.latents._rows import to_unit

DOMAIN_SAMPLE = 32  # images that are reconstructed for the check
# Images are foreign if their error exceeds that of the generator's own images by this factor, and
# the reconstruction leaves more than this share of the pixels' variance unexplained.
DOMAIN_RATIO, UNEXPLAINED_SHARE = 4.0, 0.25


def reconstruction_errors(generator, images, codes, batch_size):
    """Return the mean squared error (n,), in [0, 1] units, of the images made from codes.

    Codes of NaN have an error of NaN.
    """
    n_codes, good = len(codes), np.flatnonzero(is_code(codes))
    images, codes = images[good], codes[good]
    side = generator.resolution

    def errors(rows):
        made = to_unit(generator.synthesis(codes[rows]))
        return np.square(made - images[rows].read((side, side))).mean(axis=(1, 2, 3))

    all_errors = np.full(n_codes, np.nan, dtype=np.float32)
    parts, _ = map_rows(errors, len(good), batch_size)
    if parts:
        all_errors[good] = np.concatenate(parts)
    return all_errors


def error_of_own_images(generator, encoder, batch_size):
    """Return the mean error of images of the generator itself after a pass through the encoder."""
    z = generator.sample_z(DOMAIN_SAMPLE, random_state=0)
    c = np.arange(DOMAIN_SAMPLE) % generator.c_dim if generator.c_dim else None
    images = as_images(to_unit(generator.synthesis(generator.mapping(z, c=c))))
    job = InversionJob(generator=generator, encoder=encoder, method="encoder")
    codes, _ = job.run(images, batch_size)
    return float(reconstruction_errors(generator, images, codes, batch_size).mean())


def warn_if_foreign(generator, images, codes, expected_error, batch_size):
    """Warn if the errors of a sample of the images are far above the expected error."""
    good = np.flatnonzero(is_code(codes))
    if not len(good):
        return

    # A sample spread over the collection: all images would double the time of a transform.
    rows = good[np.linspace(0, len(good) - 1, min(DOMAIN_SAMPLE, len(good))).astype(int)]
    pixels = images[rows].read((generator.resolution,) * 2)
    errors = reconstruction_errors(generator, as_images(pixels), codes[rows], batch_size)

    # The error alone is not enough: images of high contrast have larger errors.
    error, variance = np.median(errors), np.median(pixels.var(axis=(1, 2, 3)))
    if error > DOMAIN_RATIO * expected_error and error > UNEXPLAINED_SHARE * variance:
        warnings.warn(
            f"The images look foreign to the generator {generator.name!r}: their reconstruction "
            f"error (MSE {error:.4f}) is more than {DOMAIN_RATIO:g} times that of the generator's "
            f"own images ({expected_error:.4f}), so that their codes mean little. Check how the "
            "images are aligned and cropped, or use a generator of their domain.",
            UserWarning,
            stacklevel=3,
        )
