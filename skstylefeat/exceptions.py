"""Warnings of this package that a program may want to filter or to raise."""

__all__ = ["CheckpointError", "InconsistentVersionWarning", "UnsafeCheckpointError"]


class CheckpointError(ValueError):
    """A file of weights, latents or directions cannot be read: damaged, unknown, or unsafe."""


class UnsafeCheckpointError(CheckpointError):
    """A file asks for a function or class that its format does not need; nothing of it was run.

    Parameters
    ----------
    message : str
        The message.
    global_name : str
        Module and name of the function or class.
    """

    def __init__(self, message, global_name):
        super().__init__(message)
        self.global_name = global_name

    def __reduce__(self):
        return type(self), (self.args[0], self.global_name)


class InconsistentVersionWarning(UserWarning):
    """An estimator was saved by one version of skstylefeat and is loaded by another.

    The counterpart of :class:`sklearn.exceptions.InconsistentVersionWarning`, which tells of the
    version of scikit-learn.

    Parameters
    ----------
    estimator_name : str
        Class of the estimator.
    current_version : str
        The version that loads it.
    original_version : str
        The version that saved it; "unknown" where none was stamped.

    Examples
    --------
    Refuse files of other versions:

    >>> import warnings
    >>> from skstylefeat.exceptions import InconsistentVersionWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", InconsistentVersionWarning)
    ...     pass  # joblib.load(...)
    """

    def __init__(self, estimator_name, current_version, original_version):
        super().__init__(estimator_name, current_version, original_version)
        self.estimator_name = estimator_name
        self.current_version = current_version
        self.original_version = original_version

    def __str__(self):
        return (
            f"{self.estimator_name} was saved by skstylefeat {self.original_version} and is loaded "
            f"by {self.current_version}. It may fail or give other results. Fit it again with the "
            "installed version, or install the version that saved it."
        )
