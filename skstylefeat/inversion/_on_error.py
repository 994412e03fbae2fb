"""What an inverter does about images that cannot be read: it ends, warns, or minds the labels."""

import warnings

NAMED_FAULTS = 10  # images that a warning names


def check_readable(images, on_error):
    """Raise unless an image can be read, or, with ``on_error="raise"``, unless the first can.

    Parameters
    ----------
    images : ImageCollection
    on_error : {"raise", "nan", "skip"}
    """
    for row in range(len(images)):
        _, faults = images[row].try_read()
        if not faults:
            return
        if on_error == "raise":
            raise faults[0].error
    raise ValueError(f"None of the {len(images)} images can be read.") from faults[0].error


def warn_of_faults(faults, n_images, on_error):
    """Warn, for the caller's caller's caller, of images without a code.

    Parameters
    ----------
    faults : list of Fault
    n_images : int
        Images in all.
    on_error : {"nan", "skip"}
        Whether they have rows.
    """
    some = "; ".join(f"{fault.name} ({fault.error})" for fault in faults[:NAMED_FAULTS])
    more = f"; and {len(faults) - NAMED_FAULTS} more" if len(faults) > NAMED_FAULTS else ""
    outcome = "left out" if on_error == "skip" else "rows of NaN"
    warnings.warn(
        f"{len(faults)} of {n_images} images cannot be read and are {outcome}: {some}{more}.",
        UserWarning,
        stacklevel=4,
    )


def check_beside_labels(n_rows, n_labels):
    """Raise ValueError where images were left out that have labels."""
    if n_rows != n_labels:
        raise ValueError(
            f"{n_labels - n_rows} of {n_labels} images cannot be read; left out, they would "
            "put the others beside labels that are not theirs. Use on_error='nan', or drop "
            "them from X and y with skstylefeat.images.readable_rows."
        )
