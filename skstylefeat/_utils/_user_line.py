"""Warnings that point at the user's line, however deep the code is that finds the cause."""

import os
import sys
import warnings

#: Packages whose frames are never the user's: this one, and those that call it for the user.
_LIBRARIES = ("skstylefeat", "sklearn", "joblib")


def warn_user(message: str) -> None:
    """Issue a UserWarning at the innermost line outside this package, scikit-learn and joblib.

    A fixed `stacklevel` cannot find that line: scikit-learn wraps methods, and a pipeline or a
    cross-validation adds frames between the user's line and this package.
    """
    folders = tuple(
        os.path.dirname(os.path.abspath(sys.modules[name].__file__ or "")) + os.sep
        for name in _LIBRARIES
        if name in sys.modules
    )

    # Level 1 is this function, level 2 its caller. Where every frame is a library's, such as in a
    # worker thread, the outermost one is named.
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(folders):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
