"""Errors and warnings that a program may want to catch, to filter or to raise."""

__all__ = [
    "CheckpointError",
    "DownloadError",
    "InconsistentVersionWarning",
    "LabelConflictError",
    "UnsafeCheckpointError",
]


class CheckpointError(ValueError):
    """A file of weights, latents or directions is damaged, unsafe, or of an unknown format."""


class UnsafeCheckpointError(CheckpointError):
    """A file asks for a function or class that its format does not need.

    Nothing has been run: files are interpreted, never executed.

    Parameters
    ----------
    message : str
    global_name : str
        Name of the function or class, such as ``"os.system"``.
    """

    def __init__(self, message: str, global_name: str) -> None:
        super().__init__(message)
        self.global_name = global_name

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.args[0], self.global_name)


class InconsistentVersionWarning(UserWarning):
    """An estimator was saved by one version of skstylefeat and is loaded by another.

    The counterpart of :class:`sklearn.exceptions.InconsistentVersionWarning`, which reports
    the version of scikit-learn.

    Parameters
    ----------
    estimator_name : str
        Name of the estimator's class.
    current_version : str
        Version that loads the estimator.
    original_version : str
        Version that saved the estimator, or "unknown".

    Examples
    --------
    Refuse files of other versions:

    >>> import warnings
    >>> from skstylefeat.exceptions import InconsistentVersionWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", InconsistentVersionWarning)
    ...     pass  # joblib.load(...)
    """

    def __init__(self, estimator_name: str, current_version: str, original_version: str) -> None:
        super().__init__(estimator_name, current_version, original_version)
        self.estimator_name = estimator_name
        self.current_version = current_version
        self.original_version = original_version

    def __str__(self) -> str:
        return (
            f"{self.estimator_name} was saved by skstylefeat {self.original_version} and is loaded "
            f"by {self.current_version}. It may fail or give other results. Fit it again with the "
            "installed version, or install the version that saved it."
        )


class LabelConflictError(ValueError):
    """A labeling session rejects a label, a class or an undo, such as a label of no known class.

    The message is written for the person who labels.
    """


class DownloadError(FileNotFoundError):
    """A network at an address ``hf://...`` cannot be had from the Hugging Face hub.

    There is no such repository, commit or file, no access, or no network and no copy in the cache.
    The message says which, and what to do.

    Examples
    --------
    Fall back to a bundled network:

    >>> from skstylefeat import load_generator
    >>> from skstylefeat.exceptions import DownloadError
    >>> def load(address):
    ...     try:
    ...         return load_generator(address)
    ...     except DownloadError:
    ...         return load_generator("faces64")
    """
