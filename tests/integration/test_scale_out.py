"""Work spread over processes by joblib and by dask: the same results, and workers that die."""

import os
import runpy
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from dask.distributed import Client, LocalCluster
from joblib import parallel_config
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skstylefeat import FewShotSplit, StyleGANInverter, layer_importance, load_generator
from tests.support.networks import write_job

EXAMPLE = Path(__file__).parents[2] / "examples" / "folder_with_dask.py"
N_IMAGES = 24


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Network files and a folder of the generator's own images."""
    return write_job(tmp_path_factory.mktemp("job"), N_IMAGES)


@pytest.fixture(scope="module")
def client():
    """Two processes of one thread each, on any port."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def loads():
    """How often this process has read a weights file."""
    from skstylefeat.networks import _base as _facade

    return _facade._load.cache_info().misses


def test_dask_gives_the_serial_result_and_loads_once_a_worker(job, client):
    generator, encoder, folder = job
    inverter = StyleGANInverter(generator, encoder, batch_size=3).fit(folder)
    serial = inverter.transform(folder)
    before = client.run(loads)
    with parallel_config(backend="dask"):
        assert_allclose(inverter.transform(folder), serial, rtol=0, atol=1e-6)
    now = client.run(loads)
    more = [now[worker] - before[worker] for worker in before]
    assert max(more) == 2  # the generator and the encoder


@pytest.mark.parametrize("variant", ["paper", "code"])
def test_importance_is_the_serial_one(job, client, variant):
    generator = load_generator(job[0])
    direction = np.random.default_rng(0).normal(size=generator.w_dim)
    params = {"n_pairs": 25, "batch_size": 6, "variant": variant, "random_state": 0}
    serial = layer_importance(generator, direction, **params)
    with parallel_config(backend="dask"):
        spread = layer_importance(generator, direction, **params)
    assert_allclose(spread.weights, serial.weights, rtol=0, atol=1e-6)
    assert_allclose(spread.std_error, serial.std_error, rtol=0, atol=1e-6)


def test_many_draws_are_the_serial_ones(job, client):
    paths = [str(path) for path in sorted(Path(job[2]).iterdir())]
    y = np.arange(N_IMAGES) % 2
    pipe = make_pipeline(StyleGANInverter(*job[:2]), LogisticRegression())
    cv = FewShotSplit(n_labels=8, n_draws=4, random_state=0)
    serial = cross_val_score(pipe, paths, y, cv=cv)
    with parallel_config(backend="dask"):
        assert_allclose(cross_val_score(pipe, paths, y, cv=cv), serial, rtol=0, atol=1e-6)


def test_a_worker_that_dies_costs_its_block(job, client, tmp_path):
    generator, _, folder = job
    example = runpy.run_path(EXAMPLE)
    paths = example["as_images"](folder).names
    inverter = StyleGANInverter(
        generator, method="optimize", n_steps=60, random_state=0, cache_dir=tmp_path / "cache"
    ).fit(paths)
    out = tmp_path / "codes.zarr"
    codes = example["lazy_codes"](inverter, paths, rows_per_block=1)
    work = threading.Thread(target=lambda: codes.to_zarr(out))
    pids = client.run(os.getpid)
    work.start()
    while not (written := len(list(out.glob("c/*/*")))):
        assert work.is_alive()
        time.sleep(0.01)
    os.kill(next(iter(pids.values())), signal.SIGKILL)
    assert written < N_IMAGES
    work.join()
    client.wait_for_workers(2)
    assert set(client.run(os.getpid).values()) != set(pids.values())
    inverter.set_params(cache_dir=None)
    assert_allclose(zarr.open(out)[:], inverter.transform(paths), rtol=1e-4, atol=1e-5)


def test_the_example_runs(job, client, tmp_path, capsys):
    generator, encoder, folder = job
    address = client.scheduler.address
    options = ["--generator", generator, "--encoder", encoder, "--scheduler", address]
    out = tmp_path / "codes.zarr"
    runpy.run_path(EXAMPLE)["main"]([folder, str(out), *options, "--rows-per-block", "7"])
    expected = StyleGANInverter(generator, encoder).fit_transform(folder)
    assert_allclose(zarr.open(out)[:], expected, rtol=0, atol=1e-6)
    assert "24 codes" in capsys.readouterr().out
