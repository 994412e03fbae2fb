"""Time of generator and encoder forwards, of the lower maps alone, and of an optimization step.

Other implementations are timed in the same run, calls taking turns, when given as
``--against LABEL=MODULE:FUNCTION``: a function ``make(task, resolution)`` in an importable file
that returns a callable for a task, or None for unknown tasks. Tasks are "image", "maps", "encode"
and "optimize"; the callable gets the batch as its argument: codes (n, n_ws, w_dim), or images
(n, 3, 256, 256) for "encode". For "maps", `stopped_at` ends another network's forward at a layer,
which is the least that its users can do with a hook.

Weights are random, since the time does not depend on them. With ``--memory`` the peak memory of a
first call is measured instead, each in a separate process (Linux).

The share of the limit is the time that a large matrix product, which takes its turn among the
calls, would need for as many operations as our call multiplies and adds, over our time.

    python benchmarks/benchmark_networks.py --resolutions 256 1024 --batches 1 4
    python benchmarks/benchmark_networks.py --resolutions 1024 --tasks image --memory
"""

import argparse
import importlib
import sys
import tempfile
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from timing import (
    add_clock,
    in_fresh_process,
    measure,
    memory_of,
    operations,
    row_text,
    with_limit,
)

from skstylefeat import load_encoder
from skstylefeat.networks.stylegan2 import GeneratorConfig, StyleGAN2Generator
from tests.support import checkpoint_writers as writers

TASKS = ("image", "maps", "encode", "optimize")
MAPS_UP_TO = 64
OURS = "skstylefeat"


def standard_generator(resolution):
    """Return StyleGAN2 config F (channel base 32768) with random weights."""
    torch.manual_seed(0)
    sizes = [2**k for k in range(2, resolution.bit_length())]
    config = GeneratorConfig(resolution, [min(512, 32768 // size) for size in sizes])
    return StyleGAN2Generator(config).requires_grad_(False).eval()


def write_e4e(path, n_ws):
    """Write an e4e of the size of its authors', with random weights and without a generator."""
    state = writers.psp_state(
        "Encoder4Editing", n_ws=n_ws, w_dim=512, widths=(64, 128, 256, 512), n_units=(3, 4, 14, 3)
    )
    # Small residual branches and gates near a half, so that rounding does not grow from unit to
    # unit, which it does not in trained networks either.
    for name, value in state.items():
        if name.endswith("res_layer.4.weight") or ".res_layer.5.fc" in name:
            value.mul_(0.1)
    average = torch.zeros(n_ws, 512)
    writers.write_psp(path, state, latent_avg=average, encoder_type="Encoder4Editing")


def our_task(task, resolution):
    """Return a callable for a task, like a function given to `--against`."""
    if task == "encode":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "e4e.pt"
            write_e4e(path, 2 * resolution.bit_length() - 4)
            return torch.inference_mode()(load_encoder(path).module)
    generator = standard_generator(resolution)
    synthesis = generator.synthesis
    if task == "image":
        return torch.inference_mode()(synthesis)
    if task == "maps":

        @torch.inference_mode()
        def maps(ws):
            for name, x in synthesis.steps(synthesis.styles(ws)):
                if name == f"b{MAPS_UP_TO}.conv1":
                    return x

        return maps

    def optimize(ws):
        ws = ws.detach().requires_grad_(True)
        synthesis(ws).square().mean().backward()
        return ws.grad

    return optimize


class Stop(Exception):
    """Ends a forward pass, with the output of the layer where it ended."""


def stopped_at(network, layer, *arguments, **options):
    """Return a callable that computes a network up to one of its modules.

    Parameters
    ----------
    network : nn.Module
    layer : str
        Name of the module, such as ``"b64.conv1"``.
    *arguments, **options
        Of the network's forward, after the batch.
    """

    def stop(module, inputs, output):
        raise Stop(output)

    network.get_submodule(layer).register_forward_hook(stop)

    @torch.inference_mode()
    def maps(batch):
        try:
            network(batch, *arguments, **options)
        except Stop as stopped:
            return stopped.args[0]
        raise ValueError(f"{layer} was not reached.")

    return maps


def batch_for(task, resolution, n):
    """Return the argument of a task's callable."""
    generator = torch.Generator().manual_seed(0)
    if task == "encode":
        return torch.rand(n, 3, 256, 256, generator=generator) * 2 - 1
    return torch.randn(n, 2 * resolution.bit_length() - 4, 512, generator=generator)


def peak_memory(make, threads, task, resolution, n):
    """Return the memory in MiB of a first call, without network and argument, or None."""
    torch.set_num_threads(threads)
    function = make(task, resolution)
    return None if function is None else memory_of(function, batch_for(task, resolution, n))


def import_maker(text):
    """Return (label, function) of LABEL=MODULE:FUNCTION."""
    label, _, rest = text.partition("=")
    module, _, name = rest.partition(":")
    if not (label and module and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not LABEL=MODULE:FUNCTION")
    sys.path.insert(0, ".")
    return label, getattr(importlib.import_module(module), name)


def main(argv=None):
    """Run the benchmark and print one line per task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--resolutions", nargs="+", type=int, default=[256, 1024])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--memory", action="store_true", help="measure memory instead of time")
    parser.add_argument("--against", nargs="*", type=import_maker, default=[])
    add_clock(parser)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    makers = {OURS: our_task, **dict(arguments.against)}
    measured = f"median and range of {arguments.repeats}"
    if arguments.memory:
        measured = "peak memory of a call"
    print(f"torch {torch.__version__}, {arguments.threads} threads, {measured}")
    for resolution in arguments.resolutions:
        for task in arguments.tasks:
            if not arguments.memory:
                made = {label: make(task, resolution) for label, make in makers.items()}
                functions = {label: function for label, function in made.items() if function}
            for n in arguments.batches:
                if arguments.memory:
                    case = arguments.threads, task, resolution, n
                    used = {k: in_fresh_process(peak_memory, v, *case) for k, v in makers.items()}
                    text = ",  ".join(f"{k} {v:.0f} MiB" for k, v in used.items() if v is not None)
                else:
                    batch = batch_for(task, resolution, n)
                    calls = {label: partial(f, batch) for label, f in functions.items()}
                    times = measure(with_limit(calls), arguments.repeats, arguments.clock)
                    counts = {OURS: operations(calls[OURS])}
                    text = row_text(times, OURS, counts)
                print(f"{task:9} {resolution:5} px  batch {n}:  {text}", flush=True)


if __name__ == "__main__":
    main()
