"""Tasks through joblib, on engines with and without generators of results, and reading ahead."""

import threading

import numpy as np
import pytest
from joblib import delayed, parallel_config, register_parallel_backend
from joblib._parallel_backends import ThreadingBackend
from joblib.parallel import BACKENDS
from numpy.testing import assert_array_equal

from skstylefeat import FeatureMaps, StyleGANInverter, layer_importance, load_generator
from skstylefeat._utils._parallel import TASKS_AT_ONCE, in_parallel, one_ahead
from tests.support.networks import write_job


class Lists(ThreadingBackend):
    """An engine that returns lists only, as those of ray and multiprocessing."""

    supports_return_generator = False
    supports_retrieve_callback = False


@pytest.fixture(autouse=True)
def _engine():
    register_parallel_backend("lists", Lists)
    yield
    del BACKENDS["lists"]


def counted(n, taken):
    """Yield tasks and record how many were taken."""
    for i in range(n):
        taken.append(i)
        yield delayed(pow)(i, 2)


@pytest.mark.parametrize("engine", ["threading", "lists"])
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("n", [0, 1, 100])
def test_results_come_in_order(engine, n_jobs, n):
    with (
        parallel_config(engine, n_jobs=n_jobs),
        in_parallel(counted(n, [])) as results,
    ):
        assert list(results) == [i**2 for i in range(n)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_lists_are_short(n_jobs):
    taken, n_taken = [], []
    with parallel_config("lists"), in_parallel(counted(100, taken), n_jobs) as results:
        for _ in results:
            n_taken.append(len(taken))
    at_once = n_jobs * TASKS_AT_ONCE
    assert n_taken == [min(100, (i // at_once + 1) * at_once) for i in range(100)]


@pytest.mark.parametrize("engine", ["threading", "lists"])
def test_an_error_ends_the_work(engine):
    taken = []
    with (
        parallel_config(engine, n_jobs=2),
        pytest.raises(KeyError, match="enough"),
        in_parallel(counted(1000, taken)) as results,
    ):
        assert next(results) == 0
        raise KeyError("enough")
    assert len(taken) < 1000
    assert list(results) == []


def test_every_user_has_its_serial_result(tmp_path):
    generator, encoder, folder = write_job(tmp_path, 6)
    inverter = StyleGANInverter(generator, encoder, batch_size=2).fit(folder)
    generator = load_generator(generator)
    normal = np.random.default_rng(0).normal(size=generator.w_dim)

    def work():
        codes = inverter.transform(folder)
        importance = layer_importance(
            generator, normal, n_pairs=6, batch_size=2, random_state=0
        ).weights
        pooled = FeatureMaps.from_latents(codes, generator, batch_size=2).pool()
        return codes, importance, pooled

    serial = work()
    with parallel_config("lists", n_jobs=2):
        spread = work()
    for one, other in zip(serial, spread, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_one_ahead_keeps_the_order(n):
    assert list(one_ahead(lambda i: i**2, range(n))) == [i**2 for i in range(n)]


def test_one_item_is_read_while_another_is_used():
    started = [threading.Event() for _ in range(5)]

    def read(i):
        started[i].set()
        return i

    for i in one_ahead(read, range(5)):
        assert started[min(i + 1, 4)].wait(60)  # by the other thread
        assert not any(event.is_set() for event in started[i + 2 :])


def test_one_ahead_raises_where_the_result_would_be():
    def read(i):
        if i == 2:
            raise OSError("2 is damaged")
        return i

    got = []
    with pytest.raises(OSError, match="2 is damaged"):
        got.extend(one_ahead(read, range(5)))
    assert got == [0, 1]


def test_one_ahead_ends_with_its_reader():
    taken, n_threads = [], threading.active_count()
    parts = one_ahead(taken.append, range(100))
    next(parts)
    parts.close()
    assert len(taken) <= 2 and threading.active_count() == n_threads
