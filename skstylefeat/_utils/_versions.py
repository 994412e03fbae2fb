"""The version of the package in every saved estimator, as scikit-learn stamps its own."""

import warnings

from skstylefeat import __version__
from skstylefeat.exceptions import InconsistentVersionWarning

STAMP = "_skstylefeat_version"


class VersionStamped:
    """Mixin, left of BaseEstimator, whose state carries the package's version.

    BaseEstimator stamps only classes of scikit-learn itself, and copies of an estimator in the
    same process pass here, too, with the stamp that fits.
    """

    def __getstate__(self):
        return {**super().__getstate__(), STAMP: __version__}

    def __setstate__(self, state):
        state = dict(state)
        original = state.pop(STAMP, "unknown")
        if original != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_version=__version__,
                    original_version=original,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)
