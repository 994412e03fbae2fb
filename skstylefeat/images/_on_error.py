"""Checks of the images that an estimator receives, and handling of unreadable ones."""

from sklearn.utils.validation import _check_n_features

from skstylefeat._utils._user_line import warn_user
from skstylefeat.images._collection import NAMED_FAULTS


def check_count(estimator, images, X, *, reset):
    """Raise if an estimator's input `X` holds no image, or rows of another width than in fit."""
    if len(images) == 0:
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required: X holds no image."
        )
    if estimator.image_shape is not None and hasattr(X, "shape") and len(X.shape) == 2:
        _check_n_features(estimator, X, reset=reset)


def check_readable(images, on_error):
    """Raise unless an image is readable; with ``on_error="raise"`` it must be the first."""
    for row in range(len(images)):
        _, faults = images[row].try_read()
        if not faults:
            return
        if on_error == "raise":
            raise faults[0].error
    raise ValueError(f"None of the {len(images)} images can be read.") from faults[0].error


def warn_of_faults(faults, n_images, on_error):
    """Warn of images without a code."""
    named = "; ".join(f"{fault.name} ({fault.error})" for fault in faults[:NAMED_FAULTS])
    more = f"; and {len(faults) - NAMED_FAULTS} more" if len(faults) > NAMED_FAULTS else ""
    outcome = "left out" if on_error == "skip" else "rows of NaN"
    warn_user(
        f"{len(faults)} of {n_images} images cannot be read and are {outcome}: {named}{more}."
    )


def check_aligned_with_labels(n_rows, n_labels):
    """Raise ValueError if images that have labels were left out."""
    if n_rows != n_labels:
        raise ValueError(
            f"{n_labels - n_rows} of {n_labels} images cannot be read. Without their rows, the "
            "other images would get wrong labels. Use on_error='nan', or drop these images from X "
            "and y with skstylefeat.images.readable_rows."
        )
