"""Warnings of this package that a program may want to filter or to raise."""

__all__ = ["InconsistentVersionWarning"]


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
