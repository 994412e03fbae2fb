"""Networks compiled by OpenVINO: converted once, kept in a cache folder, and run on the CPU.

A conversion takes about a minute for an encoder of 267 million parameters, and its file as much
space as the weights. It is kept by the content of the network, and later processes map the file.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import secrets
import sys
import threading
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from skstylefeat._utils._files import replace_file
from skstylefeat._utils._progress import progress_bar

ENGINES = ("torch", "openvino")
PRECISIONS = ("float32", "bfloat16")
INSTALL = "pip install 'skstylefeat[openvino]'"
CACHE_VARIABLE = "SKSTYLEFEAT_CACHE"

# Part of every key; raise it when the same network is converted otherwise.
RECIPE_VERSION = 1
# Larger batches cost memory and gain little.
MAX_ROWS = 8
# Relative to the largest value; float32 on both sides.
MAX_ERROR = 1e-4


def has_openvino():
    """Return whether OpenVINO and what its cache needs are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("openvino", "filelock"))


def check_engine(engine, precision):
    """Raise ValueError for an unknown engine or precision, or a combination that is not there."""
    for name, value, known in (
        ("engine", engine, ENGINES),
        ("precision", precision, PRECISIONS),
    ):
        if value not in known:
            raise ValueError(f"{name}={value!r} should be one of {known}.")
    if engine == "torch" and precision != "float32":
        raise ValueError(
            f"precision={precision!r} needs engine='openvino': torch orders the weights anew at "
            "every call, which takes what bfloat16 saves."
        )


class CompiledNetwork(nn.Module):
    """A network without state that OpenVINO computes, in place of its torch module.

    Rows of a result do not depend on the size of the batch. Threads may share it.

    Parameters
    ----------
    files : tuple of path-like
        The converted network: its graph and its weights.
    precision : {"float32", "bfloat16"}
        Precision of the arithmetic. Inputs and outputs are float32.

    Raises
    ------
    ValueError
        If the processor does not compute in that precision.
    """

    def __init__(self, files, precision):
        super().__init__()
        openvino = import_openvino()
        core = openvino.Core()
        hint = openvino.properties.hint
        wanted = {"float32": openvino.Type.f32, "bfloat16": openvino.Type.bf16}[precision]
        options = {
            hint.inference_precision: wanted,
            hint.performance_mode: hint.PerformanceMode.LATENCY,
            # As many as torch takes, which workers reduce.
            openvino.properties.inference_num_threads: torch.get_num_threads(),
        }
        self._compiled = core.compile_model(core.read_model(*map(str, files)), "CPU", options)

        actual = self._compiled.get_property(hint.inference_precision)
        if actual != wanted:
            raise ValueError(
                f"precision={precision!r} is not supported by this processor, which would compute "
                f"in {actual.get_type_name()}. Use precision='float32'."
            )
        self._local = threading.local()

    def forward(self, x):
        """Return the result of a float32 tensor (n, ...), as a float32 tensor."""
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        parts = []
        for rows in x.split(MAX_ROWS):
            request.infer([np.ascontiguousarray(rows.numpy())])
            parts.append(torch.from_numpy(request.get_output_tensor(0).data.copy()))
        return torch.cat(parts)


@cache
def import_openvino():
    """Return the package openvino, which reports nothing to its makers if it is imported here.

    Raises
    ------
    ImportError
        If OpenVINO is not installed.
    """
    if not has_openvino():
        raise ImportError(f"engine='openvino' needs the package openvino: {INSTALL}.")
    # Its own opt-out is a file in the user's home, and no environment variable has that effect.
    # Where its reporter is missing, it works without: None makes Python's import say so.
    reporter = "openvino_telemetry"
    present = sys.modules.get(reporter)
    sys.modules[reporter] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        del sys.modules[reporter]
        if present is not None:
            sys.modules[reporter] = present


def compile_network(network, example, *, key, name, precision):
    """Return the `CompiledNetwork` of a torch module, converted if no kept file has its key.

    Parameters
    ----------
    network : nn.Module
        Frozen, for evaluation, on the CPU; it treats every row alone.
    example : Tensor of shape (2, ...)
        Input by which the conversion is checked.
    key : str
        Differs between networks.
    name : str
        Name in messages.
    precision : {"float32", "bfloat16"}
        Precision of the arithmetic.

    Raises
    ------
    ImportError
        If OpenVINO is not installed.
    ValueError
        If the processor lacks the precision, or the converted network computes something else.
    """
    version = import_openvino().__version__
    recipe = f"{RECIPE_VERSION} {version} {tuple(example.shape[1:])} {key}"
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:40]
    folder = engine_folder()
    files = _kept_files(folder, digest)
    if files is None:
        files = _convert_once(network, example, folder, digest, name)
    return CompiledNetwork(files, precision)


def engine_folder():
    """Return the folder of converted networks.

    It is in ``$SKSTYLEFEAT_CACHE``, or else in the user's cache.
    """
    base = os.environ.get(CACHE_VARIABLE)
    if not base:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "skstylefeat"
    return Path(base).expanduser() / "openvino"


def _kept_files(folder, digest):
    """Return the graph and the weights of a finished conversion, or None."""
    try:
        entry = json.loads((folder / f"{digest}.json").read_text(encoding="utf-8"))
        files = folder / entry["graph"], folder / entry["weights"]
        complete = [file.stat().st_size for file in files] == entry["sizes"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return files if complete else None


def _convert_once(network, example, folder, digest, name):
    """Convert a network and return its files; other processes wait and take the same files."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f"{digest}.lock")
    desc = f"converting {name!r} for OpenVINO, once"
    with progress_bar(total=3, desc=desc, verbose=1, unit="step") as bar:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            bar.set_description(f"waiting for a process that converts {name!r}")
            lock.acquire()
        try:
            files = _kept_files(folder, digest)
            if files is None:
                bar.set_description(desc)
                files = _convert(network, example, folder, digest, bar)
            bar.update(bar.total - bar.n)
            return files
        finally:
            lock.release()


def _convert(network, example, folder, digest, bar):
    """Write a converted network; the file that names its parts comes last."""
    openvino = import_openvino()
    for left in folder.glob(f"{digest}-*"):  # of a killed process, whose lock has ended
        left.unlink()
    stem = f"{digest}-{secrets.token_hex(4)}"
    files = folder / f"{stem}.xml", folder / f"{stem}.bin"
    try:
        model = _graph_of(network, example)
        model.reshape([-1, *example.shape[1:]])
        bar.update()
        openvino.save_model(model, files[0], compress_to_fp16=False)
        del model
        bar.update()
        _check(network, CompiledNetwork(files, "float32"), example)
    except BaseException:
        for file in files:
            file.unlink(missing_ok=True)
        raise
    sizes = [file.stat().st_size for file in files]
    entry = {"graph": files[0].name, "weights": files[1].name, "sizes": sizes}
    replace_file(folder / f"{digest}.json", lambda file: file.write(json.dumps(entry).encode()))
    return files


def _graph_of(network, example):
    """Return OpenVINO's graph of a torch module.

    Raises
    ------
    ValueError
        If the module has operations that OpenVINO lacks.
    """
    # Tracing is deprecated in torch, and still the form that OpenVINO reads without warnings of its
    # own. Its check would take as long as the conversion, and `_check` compares more.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(_Plain(network), example, check_trace=False)
        try:
            return import_openvino().convert_model(traced, example_input=example)
        except Exception as error:
            reason = str(error).strip().partition("\n")[0][:200]
            raise ValueError(
                f"OpenVINO cannot convert this encoder ({reason}). Use engine='torch'."
            ) from error


class _Plain(nn.Module):
    """A network in its plain form, which treats all rows at once."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        # `in_pairs` unrolls the pairs of the example where no gradient is recorded.
        with torch.enable_grad():
            return self.network(x)


def _check(network, compiled, example):
    """Raise ValueError if both networks differ by more than rounding, for a batch or one row."""
    with torch.inference_mode():
        expected = network(example)
        results = compiled(example), compiled(example[:1])
    scale = expected.abs().max().clamp(min=1e-12)
    errors = [float((x - expected[: len(x)]).abs().max() / scale) for x in results]
    if not max(errors) <= MAX_ERROR:
        raise ValueError(
            f"OpenVINO computes something else than torch: the results differ by {max(errors):.1e} "
            f"of the largest value, more than {MAX_ERROR:.0e}. Use engine='torch'."
        )
