"""Progress bars of long work."""

import multiprocessing
import threading
import traceback
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
    # scikit-learn tells a fit nothing of the search around it: no argument, variable or callback.
    modules = (frame.f_globals.get("__name__") for frame, _ in traceback.walk_stack(None))
    return tqdm(
        total=total,
        desc=desc,
        initial=initial,
        unit=unit,
        disable=not (verbose and is_main),
        leave=_MANY_FITS not in modules,
    )
