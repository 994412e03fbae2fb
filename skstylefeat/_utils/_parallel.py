"""Tasks on joblib's workers, one result after the other, whatever the engine."""

import warnings
from contextlib import contextmanager
from itertools import islice

from joblib import Parallel, effective_n_jobs

# Tasks a worker that an engine gets at once, where it hands results over as lists only.
TASKS_AT_ONCE = 16


@contextmanager
def in_parallel(tasks, n_jobs=None):
    """Run tasks through joblib, on the engine that `joblib.parallel_config` names.

    An error in the block leaves no worker at work.

    Parameters
    ----------
    tasks : iterable
        Calls made by `joblib.delayed`, taken as workers become free.
    n_jobs : int, default=None
        Tasks worked on at once.

    Yields
    ------
    results : generator
        What the tasks return, in their order; few wait in memory.
    """
    try:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    except ValueError:  # how joblib says that an engine, as ray and multiprocessing, cannot
        results = _by_lists(iter(tasks), n_jobs)
    else:
        results = parallel(tasks)
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            # joblib warns of tasks that it cancels, which after an error is no news.
            warnings.filterwarnings("ignore", ".*have been canceled", UserWarning)
            warnings.filterwarnings("ignore", ".*tasks which", UserWarning)
            results.close()


def _by_lists(tasks, n_jobs):
    """Yield results that come in lists: short ones, on workers that are kept."""
    with Parallel(n_jobs=n_jobs) as parallel:
        # Known once the engine runs.
        n_at_once = TASKS_AT_ONCE * effective_n_jobs(n_jobs)
        while some := list(islice(tasks, n_at_once)):
            yield from parallel(some)
