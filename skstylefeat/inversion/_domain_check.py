"""Whether images are of a generator's domain: how well it reconstructs them and its own."""

import warnings

import numpy as np

from skstylefeat._utils._batches import map_rows
from skstylefeat.images._collection import as_images
from skstylefeat.inversion._job import InversionJob, is_code
from skstylefeat.latents._rows import to_unit

DOMAIN_SAMPLE = 32  # images whose reconstruction is looked at to tell a foreign domain
# Foreign images are reconstructed worse than the generator's own images by this factor, and
# leave more than this share of their pixels' variance unexplained.
DOMAIN_RATIO, UNEXPLAINED_SHARE = 4.0, 0.25


def errors_of_codes(generator, images, codes, batch_size):
    """Return the mean squared error (n,), in [0, 1] units, of the images that codes give.

    NaN for codes that are NaN.
    """
    n_codes, good = len(codes), np.flatnonzero(is_code(codes))
    images, codes = images[good], codes[good]
    side = generator.resolution

    def errors(rows):
        made = to_unit(generator.synthesis(codes[rows]))
        return np.square(made - images[rows].read((side, side))).mean(axis=(1, 2, 3))

    found = np.full(n_codes, np.nan, dtype=np.float32)
    parts, _ = map_rows(errors, len(good), batch_size)
    if parts:
        found[good] = np.concatenate(parts)
    return found


def own_error(generator, encoder, batch_size):
    """Return the mean error of the generator's own images after a pass through the encoder."""
    z = generator.sample_z(DOMAIN_SAMPLE, random_state=0)
    c = np.arange(DOMAIN_SAMPLE) % generator.c_dim if generator.c_dim else None
    own = as_images(to_unit(generator.synthesis(generator.mapping(z, c=c))))
    job = InversionJob(generator=generator, encoder=encoder, method="encoder")
    codes, _ = job.run(own, batch_size)
    return float(errors_of_codes(generator, own, codes, batch_size).mean())


def warn_if_foreign(generator, images, codes, expected, batch_size):
    """Warn where the errors of some of the images are far beyond the `expected` one."""
    good = np.flatnonzero(is_code(codes))
    if not len(good):
        return
    rows = good[np.linspace(0, len(good) - 1, min(DOMAIN_SAMPLE, len(good))).astype(int)]
    pixels = images[rows].read((generator.resolution,) * 2)
    errors = errors_of_codes(generator, as_images(pixels), codes[rows], batch_size)
    error, variance = np.median(errors), np.median(pixels.var(axis=(1, 2, 3)))
    if error > DOMAIN_RATIO * expected and error > UNEXPLAINED_SHARE * variance:
        warnings.warn(
            f"The images look foreign to the generator {generator.name!r}: their "
            f"reconstruction error (MSE {error:.4f}) is more than {DOMAIN_RATIO:g} times that "
            f"of its own images ({expected:.4f}). Codes of foreign images mean "
            "little: check how the images are aligned and cropped, or use a generator "
            "of their domain.",
            UserWarning,
            stacklevel=3,
        )
