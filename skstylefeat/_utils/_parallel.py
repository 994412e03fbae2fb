"""Parallel tasks through joblib, with results one by one on every backend, and reading ahead."""

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice

from joblib import Parallel, effective_n_jobs

# Tasks per worker that are passed together to backends that return lists only.
TASKS_AT_ONCE = 16


@contextmanager
def in_parallel(tasks, n_jobs=None):
    """Run tasks through joblib, on the backend that `joblib.parallel_config` names.

    An error in the block stops the workers.

    Parameters
    ----------
    tasks : iterable
        Calls made by `joblib.delayed`, taken as workers become free.
    n_jobs : int, default=None
        Number of parallel tasks.

    Yields
    ------
    results : generator
        Results in the order of the tasks; few are in memory at a time.
    """
    try:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    except ValueError:  # of backends without generators: ray, multiprocessing
        results = _in_lists(iter(tasks), n_jobs)
    else:
        results = parallel(tasks)
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            # joblib warns of the tasks that it cancels after an error.
            warnings.filterwarnings("ignore", ".*have been canceled", UserWarning)
            warnings.filterwarnings("ignore", ".*tasks which", UserWarning)
            results.close()


def _in_lists(tasks, n_jobs):
    """Yield results in order, from short lists of tasks on the same workers."""
    with Parallel(n_jobs=n_jobs) as parallel:
        # The number of workers is known only inside the context.
        n_tasks = TASKS_AT_ONCE * effective_n_jobs(n_jobs)
        while chunk := list(islice(tasks, n_tasks)):
            yield from parallel(chunk)


def one_ahead(function, items):
    """Yield ``function(item)`` of each item in order, while a thread computes the next one.

    Two results are in memory at most. An error is raised where its result would be. A caller that
    stops early closes the generator, which waits for the call in progress.

    Parameters
    ----------
    function : callable
        Reads one item.
    items : iterable
        Taken one at a time, in the caller's thread.
    """
    pool = ThreadPoolExecutor(1)
    try:
        pending = None
        for item in items:
            following = pool.submit(function, item)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()
    finally:
        pool.shutdown(cancel_futures=True)
