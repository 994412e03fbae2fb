"""Inversions that are killed, interrupted, shared or short of memory, and resume."""

import errno
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skstylefeat import StyleGANInverter
from skstylefeat._utils import _files
from skstylefeat.images import ImageCollection
from skstylefeat.inversion import _encoder_choice, _inverter
from skstylefeat.networks import Encoder
from skstylefeat.networks import _base as networks_base
from skstylefeat.networks.training import _train as training
from skstylefeat.networks.training import _trainer
from tests.support.networks import tiny_encoder, tiny_generator, write_job

N_IMAGES, BATCH = 24, 2

# Prints the size of each batch and encodes it slowly.
CHILD = """
import sys, time
from skstylefeat import StyleGANInverter
from skstylefeat._utils import _files
from skstylefeat.networks import Encoder

generator, encoder, folder, cache = sys.argv[1:]
inverter = StyleGANInverter(generator, encoder, batch_size=2, cache_dir=cache).fit(folder)
encode = Encoder.encode

def slow(self, images, **kwargs):
    print(len(images), flush=True)
    time.sleep(0.05)
    return encode(self, images, **kwargs)

Encoder.encode = slow
inverter.transform(folder)
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Network files and a folder of the generator's own images."""
    return write_job(tmp_path_factory.mktemp("job"), N_IMAGES)


@pytest.fixture
def encoded(monkeypatch):
    """Number of images in every call of an encoder."""
    calls, encode = [], Encoder.encode

    def counted(self, images, **kwargs):
        calls.append(len(images))
        return encode(self, images, **kwargs)

    monkeypatch.setattr(Encoder, "encode", counted)
    return calls


def stamps(cache):
    """Return inode and time of every entry, which change when it is written again."""
    files = [path.stat() for path in sorted(cache.glob("??/*"))]
    return {(file.st_ino, file.st_mtime_ns) for file in files}


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_job_resumes(job, tmp_path, encoded, kill):
    generator, encoder, folder = job
    cache = tmp_path / "cache"
    command = [sys.executable, "-c", CHILD, generator, encoder, folder, str(cache)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        printed = [child.stdout.readline() for _ in range(5)]  # the fifth batch is in work
        child.send_signal(kill)
        printed += child.stdout.readlines()
    assert printed[:5] == ["2\n"] * 5 and "done\n" not in printed and child.returncode != 0
    finished = stamps(cache)
    assert 4 * BATCH <= len(finished) <= len(printed) * BATCH

    inverter = StyleGANInverter(generator, encoder, batch_size=BATCH, cache_dir=cache).fit(folder)
    encoded.clear()
    latents = inverter.transform(folder)
    assert sum(encoded) == N_IMAGES - len(finished)
    assert finished <= stamps(cache) and len(stamps(cache)) == N_IMAGES
    undisturbed = inverter.set_params(cache_dir=None).transform(folder)
    assert_allclose(latents, undisturbed, rtol=1e-5, atol=1e-6)


def test_the_next_batch_is_read_while_the_encoder_runs(job, monkeypatch):
    generator, encoder, folder = job
    inverter = StyleGANInverter(generator, encoder, batch_size=BATCH).fit(folder)
    expected = inverter.transform(folder)
    n_batches, started, runs = N_IMAGES // BATCH, [], []
    more, try_read, encode = threading.Condition(), ImageCollection.try_read, Encoder.encode

    def reading(self, size=None):
        with more:
            started.append(len(self))
            more.notify_all()
        return try_read(self, size)

    def encoding(self, pixels, **kwargs):
        with more:
            runs.append(len(pixels))
            assert more.wait_for(lambda: len(started) > min(len(runs), n_batches - 1), timeout=60)
            assert len(started) <= len(runs) + 1  # two batches in memory, not more
        return encode(self, pixels, **kwargs)

    monkeypatch.setattr(ImageCollection, "try_read", reading)
    monkeypatch.setattr(Encoder, "encode", encoding)
    monkeypatch.setattr(_inverter, "warn_if_foreign", lambda *args, **kwargs: None)
    assert_array_equal(inverter.transform(folder), expected)
    assert started == runs == [BATCH] * n_batches


def test_workers_keep_finished_codes(job, tmp_path, encoded):
    generator, encoder, folder = job
    inverter = StyleGANInverter(generator, encoder, batch_size=5, cache_dir=tmp_path, n_jobs=2).fit(
        folder
    )
    first = inverter.transform(folder)
    encoded.clear()
    assert_array_equal(inverter.set_params(n_jobs=None).transform(folder), first)
    assert encoded == []


def test_jobs_that_share_a_cache_share_the_work(job, tmp_path, monkeypatch):
    generator, encoder, folder = job
    inverter = StyleGANInverter(generator, encoder, batch_size=1, cache_dir=tmp_path).fit(folder)
    calls, results, encode = [], [], Encoder.encode

    def slow(self, images, **kwargs):
        calls.append(len(images))
        time.sleep(0.02)
        return encode(self, images, **kwargs)

    monkeypatch.setattr(Encoder, "encode", slow)
    threads = [
        threading.Thread(target=lambda: results.append(inverter.transform(folder)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert N_IMAGES <= sum(calls) < 1.7 * N_IMAGES
    assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-6)


def test_the_same_job_resumes_without_a_seed(job, tmp_path):
    generator, _, folder = job
    params = {"method": "optimize", "n_steps": 3, "cache_dir": tmp_path}
    first = StyleGANInverter(generator, **params).fit_transform(folder)
    assert_array_equal(StyleGANInverter(generator, **params).fit_transform(folder), first)
    assert len(stamps(tmp_path)) == N_IMAGES


def test_images_that_are_equal_when_small_have_different_codes(tmp_path):
    """The key of a hybrid depends on every size that it sees, not on the encoder's alone."""
    generator = tiny_generator(16)
    encoder = tiny_encoder(generator)
    encoder.input_size = (1, 1)
    encoder.encode = lambda images, generator=None: np.zeros((len(images), 6, 7), np.float32)
    checks = np.indices((16, 16)).sum(axis=0) % 2 * 255
    images = np.stack([checks, 255 - checks]).astype(np.uint8)
    inverter = StyleGANInverter(
        generator, encoder, method="hybrid", n_steps=2, cache_dir=tmp_path
    ).fit(images)
    with pytest.warns(UserWarning, match="2 of 2 images that were checked are framed unlike"):
        latents = inverter.transform(images)
    assert len(stamps(tmp_path)) == 2 and not np.allclose(latents[0], latents[1])


def test_out_of_memory_halves_the_batch(job, tmp_path, monkeypatch):
    generator, encoder, folder = job
    inverter = StyleGANInverter(generator, encoder, batch_size=12).fit(folder)
    expected = inverter.transform(folder)
    calls, encode = [], Encoder.encode

    def short(self, images, **kwargs):
        calls.append(len(images))
        if len(images) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB.")
        return encode(self, images, **kwargs)

    monkeypatch.setattr(Encoder, "encode", short)
    inverter.set_params(cache_dir=tmp_path)
    with pytest.warns(UserWarning) as caught:
        assert_allclose(inverter.transform(folder), expected, rtol=1e-5, atol=1e-6)
    assert calls == [12, 6] + [3] * 8  # discovered once, not for every batch
    assert len(caught) == 2 and "did not fit into memory (CUDA out of memory" in str(
        caught[0].message
    )
    assert len(stamps(tmp_path)) == N_IMAGES


def test_out_of_memory_of_one_image_is_raised(job, monkeypatch):
    inverter = StyleGANInverter(*job[:2], batch_size=2).fit(job[2])

    def never(self, images, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Encoder, "encode", never)
    with pytest.raises(torch.OutOfMemoryError):
        inverter.transform(job[2])


def test_a_full_disk_is_reported_once_and_loses_no_code(job, tmp_path, monkeypatch):
    generator, encoder, folder = job
    inverter = StyleGANInverter(generator, encoder, batch_size=4, cache_dir=tmp_path).fit(folder)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_files.os, "replace", full)
    with pytest.warns(UserWarning, match="No space left on device") as caught:
        latents = inverter.transform(folder)
    assert len(caught) == 1 and np.isfinite(latents).all()
    assert not stamps(tmp_path)


def test_many_damaged_entries_give_few_warnings(job, tmp_path):
    generator, encoder, folder = job
    inverter = StyleGANInverter(generator, encoder, cache_dir=tmp_path).fit(folder)
    latents = inverter.transform(folder)
    for path in tmp_path.glob("??/*"):
        path.write_bytes(b"")
    with pytest.warns(UserWarning) as caught:
        assert_allclose(inverter.transform(folder), latents, rtol=1e-5, atol=1e-6)
    assert len(caught) == 11 and "is damaged" in str(caught[0].message)
    assert str(caught[-1].message) == f"{N_IMAGES - 10} further warnings of this job."


@pytest.mark.parametrize("verbose", [0, 1])
def test_progress_is_shown_when_asked(job, capsys, verbose):
    inverter = StyleGANInverter(*job[:2], batch_size=8, verbose=verbose).fit(job[2])
    capsys.readouterr()
    inverter.transform(job[2])
    captured = capsys.readouterr()
    if verbose:
        assert "24/24" in captured.err and "image/s" in captured.err
    else:
        assert captured.out == captured.err == ""


def test_weights_in_a_pickle_are_built_once_per_process(job):
    inverter = StyleGANInverter(*job[:2], store_weights=True).fit(job[2])
    one, two = (pickle.loads(pickle.dumps(inverter)) for _ in range(2))
    assert one.encoder_.module is two.encoder_.module
    assert one.generator_.module is two.generator_.module
    other = StyleGANInverter(tiny_generator(seed=3), tiny_encoder(tiny_generator(), seed=4))
    other = pickle.loads(pickle.dumps(other.fit(job[2])))
    assert other.encoder_.module is not one.encoder_.module


def test_devices_share_one_copy(monkeypatch):
    # "meta" cannot compute, but is a second device on every machine.
    monkeypatch.setattr(networks_base, "resolve_device", torch.device)
    generator = tiny_generator()
    there = generator.to("meta")
    assert generator.to("meta") is there and generator.to("cpu") is generator
    assert generator.embedded().to("meta").reference is None


@pytest.fixture
def steps(monkeypatch):
    """Steps of trainings, each kept in the checkpoint; the fourth is interrupted once."""
    done, update = [], _trainer.EncoderTrainer.update

    def counted(self, progress):
        if len(done) == 3 and not counted.interrupted:
            counted.interrupted = True
            raise KeyboardInterrupt
        done.append(self.step)
        return update(self, progress)

    counted.interrupted = False
    monkeypatch.setattr(_trainer.EncoderTrainer, "update", counted)
    monkeypatch.setitem(training.train_encoder.__kwdefaults__, "checkpoint_seconds", 0.0)
    return done


def test_an_interrupted_training_resumes(job, tmp_path, steps):
    generator, _, folder = job
    params = {"n_train_steps": 6, "cache_dir": tmp_path / "cache"}
    with pytest.raises(KeyboardInterrupt):
        StyleGANInverter(generator, "train", **params).fit(folder)
    resumed = StyleGANInverter(generator, "train", **params).fit(folder)
    assert steps == [0, 1, 2, 3, 4, 5]
    again = StyleGANInverter(generator, "train", **params).fit(folder)
    assert len(steps) == 6  # a training that is finished is only read
    undisturbed = StyleGANInverter(generator, "train", n_train_steps=6, random_state=0).fit(folder)
    assert len(steps) == 12
    for inverter in (resumed, again):
        assert_allclose(inverter.transform(folder), undisturbed.transform(folder), atol=1e-6)
    first = next((tmp_path / "cache" / "training").iterdir())
    few = sorted(Path(folder).iterdir())[:5]
    StyleGANInverter(generator, "train", **params).fit(few)
    assert len(steps) == 18 and len(list(first.parent.iterdir())) == 2
    first.write_bytes(b"damaged")
    with pytest.warns(
        UserWarning, match=r"cannot be read .* the training starts from the beginning"
    ):
        StyleGANInverter(generator, "train", **params).fit(folder)
    assert len(steps) == 24


def test_trainings_with_different_seeds_have_different_checkpoints(job, tmp_path):
    for seed in (0, 1, 1):
        params = {"n_train_steps": 1, "cache_dir": tmp_path, "random_state": seed}
        StyleGANInverter(job[0], "train", **params).fit(job[2])
    assert len(list((tmp_path / "training").iterdir())) == 2


def test_a_training_on_a_full_disk_finishes(job, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    params = {"n_train_steps": 2, "cache_dir": tmp_path}
    with pytest.warns(UserWarning, match=r"The checkpoint .* cannot be written .*No space left"):
        inverter = StyleGANInverter(job[0], "train", **params).fit(job[2])
    assert np.isfinite(inverter.set_params(cache_dir=None).transform(job[2])).all()
    assert not list((tmp_path / "training").iterdir())


class Recorder:
    """A callback of scikit-learn that records its calls and may stop the training."""

    def __init__(self, stops=False):
        self.calls, self.stops = [], stops

    def setup(self, estimator, context):
        self.calls.append(("setup", context.max_subtasks))

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.calls.append(("end", context.task_name))
        return self.stops

    def teardown(self, estimator, context):
        self.calls.append(("teardown", None))


def test_callbacks_of_scikit_learn(job, monkeypatch):
    generator, encoder, folder = job
    plain = StyleGANInverter(generator, encoder)
    if not hasattr(plain, "set_callbacks"):  # scikit-learn before 1.9 has none
        assert tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9)
        return
    around = [("begin", "fit"), ("end", "fit"), ("teardown", None)]
    callback = Recorder()
    plain.set_callbacks(callback).fit(folder)
    assert callback.calls == [("setup", 0), *around]
    monkeypatch.setattr(_encoder_choice, "REPORT_EVERY", 2)
    for stops, n_reports in ((False, 3), (True, 1)):
        callback = Recorder(stops)
        inverter = StyleGANInverter(generator, "train", n_train_steps=5).set_callbacks(callback)
        inverter.fit(folder)
        reports = [("begin", "training"), ("end", "training")] * n_reports
        assert callback.calls == [("setup", 3), around[0], *reports, *around[1:]]
    assert not [name for name in vars(inverter) if "callback_fit" in name]
