"""Check that images belong to a generator's domain, by their framing and reconstruction."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstylefeat._utils._batches import map_rows
from skstylefeat._utils._channels import pixels_as_seen
from skstylefeat._utils._user_line import warn_user
from skstylefeat.images._collection import as_images
from skstylefeat.inversion._framing_check import own_images, scores_of_framing
from skstylefeat.inversion._job import InversionJob, is_code
from skstylefeat.latents._rows import to_unit

DOMAIN_SAMPLE = 32  # images that are reconstructed for the check
# Own images above 64 pixels take longer, so fewer are inverted, but no fewer than these.
OWN_SIDE, FEWEST_OWN = 64, 8
# Images are foreign if their error exceeds that of the generator's own images by this factor, and
# the reconstruction leaves more than this share of the pixels' variance unexplained.
DOMAIN_RATIO, UNEXPLAINED_SHARE = 4.0, 0.25
MIN_ERROR = 1e-9  # of the generator's own images; smaller ones count as this
MIN_VARIANCE = 1e-6  # of an image's pixels; smaller ones count as this
TOLERATED_SHARE = 0.2  # of a sample that may be framed differently without a warning
DOMAIN_LIMIT = 2.0  # score above which an image lies outside the domain


class DomainScores(NamedTuple):
    """Whether images lie in a generator's domain, from ``StyleGANInverter.domain_scores``.

    Attributes
    ----------
    scores : ndarray of shape (n,), float32
        1 for an image like the generator's own, larger the more foreign it is, and NaN for an
        image that cannot be read. The limit is 2.
    inside : ndarray of shape (n,), bool
        Whether the score is at most 2. False for an image that cannot be read.
    reasons : list of str
        "" for an image inside; else "reconstruction" (the generator cannot show it), "framing"
        (it is framed unlike the generator's images) or "unreadable".
    """

    scores: NDArray[np.float32]
    inside: NDArray[np.bool_]
    reasons: list[str]


def reconstruction_errors(generator, images, codes, batch_size):
    """Return the mean squared error (n,), in [0, 1] units, of the images made from codes.

    Codes of NaN have an error of NaN.
    """
    return _errors_and_variances(generator, images, codes, batch_size)[0]


def _errors_and_variances(generator, images, codes, batch_size):
    """Return the errors (n,) of reconstructions, and the variances (n,) of the images' pixels."""
    good = np.flatnonzero(is_code(codes))
    n_codes, images, codes = len(codes), images[good], codes[good]

    def statistics(rows):
        made = to_unit(generator.synthesis(codes[rows]))
        pixels = images[rows].read(generator.image_size)
        pixels = pixels_as_seen(pixels, generator.img_channels)
        errors = np.square(made - pixels).mean(axis=(1, 2, 3))
        return np.stack([errors, pixels.var(axis=(1, 2, 3))])

    found = np.full((2, n_codes), np.nan, dtype=np.float32)
    parts, _ = map_rows(statistics, len(good), batch_size)
    if parts:
        found[:, good] = np.concatenate(parts, axis=1)
    return found


_known: dict[tuple[str, str], float] = {}


def error_of_own_images(generator, encoder, batch_size):
    """Return the mean error of images of the generator itself after a pass through the encoder.

    It is computed once for a pair of networks, since every fit of a search needs it.
    """
    key = generator.weights_hash(), encoder.weights_hash()
    if key not in _known:
        n = DOMAIN_SAMPLE * OWN_SIDE // max(generator.image_size)
        n = min(DOMAIN_SAMPLE, max(FEWEST_OWN, n))
        images = as_images(own_images(generator, n, batch_size))
        job = InversionJob(generator=generator, encoder=encoder, method="encoder")
        codes, _ = job.run(images, batch_size)
        errors = reconstruction_errors(generator, images, codes, batch_size)
        _known[key] = float(errors.mean())
    return _known[key]


def domain_scores(generator, images, codes, expected_error, batch_size):
    """Return the `DomainScores` of images (n,) by their framing and their codes (n, n_ws, w_dim).

    Parameters
    ----------
    expected_error : float or None
        Mean error of the generator's own images after inversion; None if it is not known.
    """
    errors, variances = _errors_and_variances(generator, images, codes, batch_size)
    reconstruction = _reconstruction_scores(errors, variances, expected_error)
    framing = _framing_scores(generator, images, codes, batch_size)
    scores = np.fmax(reconstruction, framing)

    unreadable = np.isnan(reconstruction)
    inside = ~unreadable & (scores <= DOMAIN_LIMIT)
    reason = np.where(framing > DOMAIN_LIMIT, "framing", "reconstruction")
    reasons = np.where(inside, "", np.where(unreadable, "unreadable", reason))
    scores[unreadable] = np.nan
    return DomainScores(scores.astype(np.float32), inside, reasons.tolist())


def _reconstruction_scores(errors, variances, expected_error):
    """Return scores of errors: 1 for that of the generator's own images, 2 at the limit."""
    # The error alone is not enough: images of high contrast have larger errors.
    unexplained = errors / np.maximum(variances, MIN_VARIANCE)
    excess = DOMAIN_RATIO * unexplained / UNEXPLAINED_SHARE
    if expected_error is not None:
        excess = np.minimum(excess, errors / max(expected_error, MIN_ERROR))
    return 1 + np.maximum(0, (excess - 1) / (DOMAIN_RATIO - 1))


def _framing_scores(generator, images, codes, batch_size):
    """Return scores of the framing of readable images, NaN for all others."""
    scores = np.full(len(codes), np.nan)
    good = np.flatnonzero(is_code(codes))
    if len(good):
        scores[good] = scores_of_framing(images[good], generator, batch_size)
    return scores


def warn_if_foreign(generator, images, codes, expected_error, batch_size, *, check_framing=False):
    """Warn if a sample of the images is framed, or reconstructed, unlike the generator's own.

    Parameters
    ----------
    expected_error : float or None
        Mean error of the generator's own images after inversion; None if it is not known.
    check_framing : bool, default=False
        Whether the framing is checked, too: where codes are optimized, the error does not show it.
    """
    good = np.flatnonzero(is_code(codes))
    if not len(good):
        return

    # A sample spread over the collection: all images would double the time of a transform.
    rows = good[np.linspace(0, len(good) - 1, min(DOMAIN_SAMPLE, len(good))).astype(int)]
    images, codes, n = images[rows], codes[rows], len(rows)
    if check_framing:
        n_out = int(np.sum(_framing_scores(generator, images, codes, batch_size) > DOMAIN_LIMIT))
        if n_out > TOLERATED_SHARE * n:
            warn_user(
                f"{n_out} of {n} images that were checked are framed unlike those of the generator "
                f"{generator.name!r} (shifted, turned, or at another scale), or show something "
                "else. An optimization reconstructs them, but their codes mean little. Crop the "
                "images as the generator's are (for faces, align='dlib' does it), or use a "
                "generator of their domain; domain_scores tells which images these are."
            )
            return

    errors, variances = _errors_and_variances(generator, images, codes, batch_size)
    score = _reconstruction_scores(np.median(errors), np.median(variances), expected_error)
    if score > DOMAIN_LIMIT:
        error = float(np.median(errors))
        share = error / max(np.median(variances), MIN_VARIANCE)
        own = ""
        if expected_error is not None:
            ratio = error / max(expected_error, MIN_ERROR)
            own = f" and {ratio:.1f} times that of its own images"
        warn_user(
            f"The images look foreign to the generator {generator.name!r}: their reconstruction "
            f"error (MSE {error:.4f}) is {share:.0%} of the variance of "
            f"their pixels{own}, so that their codes mean little. Check how the images are aligned "
            "and cropped (for faces, align='dlib' does it), or use a generator of their domain."
        )
