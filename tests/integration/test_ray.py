"""Work carried by ray's engine for joblib: the same results. `.ci/run` selects these, too."""

import os
from pathlib import Path

import numpy as np
import pytest
from joblib import delayed, parallel_config
from joblib.pool import PicklingPool
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline

from skstylefeat import FewShotSplit, StyleGANInverter, layer_importance, load_generator
from skstylefeat._utils._parallel import in_parallel
from tests.support.networks import write_job

N_IMAGES = 12

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Network files and a folder of the generator's own images."""
    return write_job(tmp_path_factory.mktemp("job"), N_IMAGES)


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Two of ray's workers on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        import ray
        from ray.util.joblib import register_ray

        bases = PicklingPool.__bases__
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        register_ray()
        yield
        ray.shutdown()
        # Its engine puts another class below joblib's pool, for good.
        PicklingPool.__bases__ = bases


def test_work_is_done_in_processes_of_ray():
    with (
        parallel_config("ray", n_jobs=2),
        in_parallel([delayed(os.getpid)() for _ in range(4)]) as processes,
    ):
        assert os.getpid() not in set(processes)


def test_latents_are_the_serial_ones(job):
    generator, encoder, folder = job
    inverter = StyleGANInverter(generator, encoder, batch_size=3, n_jobs=2).fit(folder)
    with parallel_config("ray"):
        spread = inverter.transform(folder)
    assert_allclose(spread, inverter.set_params(n_jobs=None).transform(folder), rtol=0, atol=1e-6)


def test_importance_is_the_serial_one(job):
    generator = load_generator(job[0])
    direction = np.random.default_rng(0).normal(size=generator.w_dim)
    params = {"n_pairs": 12, "batch_size": 4, "random_state": 0}
    serial = layer_importance(generator, direction, **params)
    with parallel_config("ray", n_jobs=-1):
        spread = layer_importance(generator, direction, **params)
    assert_allclose(spread.weights, serial.weights, rtol=0, atol=1e-6)
    assert_allclose(spread.std_error, serial.std_error, rtol=0, atol=1e-6)


def test_many_draws_are_the_serial_ones(job):
    paths = [str(path) for path in sorted(Path(job[2]).iterdir())]
    y = np.arange(N_IMAGES) % 2
    pipe = make_pipeline(StyleGANInverter(*job[:2]), LogisticRegression())
    cv = FewShotSplit(n_labels=4, n_draws=3, random_state=0)
    serial = cross_validate(pipe, paths, y, cv=cv)
    with parallel_config("ray", n_jobs=2):
        spread = cross_validate(pipe, paths, y, cv=cv)
    assert_allclose(spread["test_score"], serial["test_score"], rtol=0, atol=1e-6)
