"""Progress bars of long work."""

import multiprocessing
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

#: Module of scikit-learn's searches and cross-validation, whose fits are many and alike.
_MANY_FITS = "sklearn.model_selection._validation"


def progress_bar(
    *, total: int | None, desc: str, verbose: int, initial: int = 0, unit: str = "it"
) -> "tqdm":
    """Return a tqdm bar for the terminal or the notebook, silent if `verbose` is 0.

    Within a search or a cross-validation, the bars of all fits share a line, each of which is
    cleared at its end; other processes and threads, whose bars would run into each other, show
    none.
    """
    from tqdm.auto import tqdm  # imported here: it takes 30 ms

    is_main = (
        multiprocessing.parent_process() is None
        and threading.current_thread() is threading.main_thread()
    )
    return tqdm(
        total=total,
        desc=desc,
        initial=initial,
        unit=unit,
        disable=not (verbose and is_main),
        leave=not _is_one_of_many_fits(),
    )


def _is_one_of_many_fits():
    """Return whether a function of scikit-learn's cross-validation is being called."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == _MANY_FITS:
            return True
        frame = frame.f_back
    return False
