"""Time of generator and encoder forwards, of the lower maps alone, and of an optimization step.

Other implementations are timed in the same run, calls taking turns, when given as
``--against LABEL=MODULE:FUNCTION``: a function ``make(task, resolution)`` in an importable file
that returns a callable for a task, or None for unknown tasks. Tasks are "image", "maps", "encode"
and "optimize"; the callable gets the batch as its argument: codes (n, n_ws, w_dim), or images
(n, 3, 256, 256) for "encode". For "maps", `stopped_at` ends another network's forward at a layer,
which is the least that its users can do with a hook.

Weights are random, since the time does not depend on them. With ``--memory`` the peak memory of a
first call is measured instead, each in a separate process (Linux).

    python benchmarks/benchmark_networks.py --resolutions 256 1024 --batches 1 4
    python benchmarks/benchmark_networks.py --resolutions 1024 --tasks image --memory
"""

import argparse
import importlib
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections import OrderedDict
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from skstylefeat import load_encoder
from skstylefeat.networks.stylegan2 import GeneratorConfig, StyleGAN2Generator

TASKS = ("image", "maps", "encode", "optimize")
MAPS_UP_TO = 64
UNITS = (3, 4, 14, 3)
WIDTHS = (64, 128, 256, 512)


def standard_generator(resolution):
    """Return StyleGAN2 config F (channel base 32768) with random weights."""
    torch.manual_seed(0)
    sizes = [2**k for k in range(2, resolution.bit_length())]
    config = GeneratorConfig(resolution, [min(512, 32768 // size) for size in sizes])
    return StyleGAN2Generator(config).requires_grad_(False).eval()


def e4e_state(n_ws):
    """Return random tensors of an Encoder4Editing network of standard size."""
    state = OrderedDict()

    def conv(name, n_in, n_out, size=3, bias=False):
        state[f"{name}.weight"] = torch.randn(n_out, n_in, size, size) * (n_in * size**2) ** -0.5
        if bias:
            state[f"{name}.bias"] = torch.zeros(n_out)

    def norm(name, n):
        for part, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            state[f"{name}.{part}"] = torch.full((n,), float(value))

    conv("input_layer.0", 3, 64)
    norm("input_layer.1", 64)
    state["input_layer.2.weight"] = torch.full((64,), 0.25)
    n_in, index = 64, 0
    for n_units, n_out in zip(UNITS, WIDTHS, strict=True):
        for _ in range(n_units):
            unit = f"body.{index}"
            norm(f"{unit}.res_layer.0", n_in)
            conv(f"{unit}.res_layer.1", n_in, n_out)
            state[f"{unit}.res_layer.2.weight"] = torch.full((n_out,), 0.25)
            conv(f"{unit}.res_layer.3", n_out, n_out)
            norm(f"{unit}.res_layer.4", n_out)
            conv(f"{unit}.res_layer.5.fc1", n_out, n_out // 16, 1)
            conv(f"{unit}.res_layer.5.fc2", n_out // 16, n_out, 1)
            if n_in != n_out:
                conv(f"{unit}.shortcut_layer.0", n_in, n_out, 1)
                norm(f"{unit}.shortcut_layer.1", n_out)
            n_in, index = n_out, index + 1
    conv("latlayer1", 256, 512, 1, bias=True)
    conv("latlayer2", 128, 512, 1, bias=True)
    for head in range(n_ws):
        for step in range(4 + (head >= 3) + (head >= 7)):
            conv(f"styles.{head}.convs.{2 * step}", 512, 512, bias=True)
        state[f"styles.{head}.linear.weight"] = torch.randn(512, 512)
        state[f"styles.{head}.linear.bias"] = torch.zeros(512)
    return state


def e4e_checkpoint(n_ws):
    """Return the contents of an Encoder4Editing file, without the generator."""
    return {
        "state_dict": {f"encoder.{name}": value for name, value in e4e_state(n_ws).items()},
        "latent_avg": torch.zeros(n_ws, 512),
        "opts": {"encoder_type": "Encoder4Editing"},
    }


def our_task(task, resolution):
    """Return a callable for a task, like a function given to `--against`."""
    if task == "encode":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "e4e.pt"
            torch.save(e4e_checkpoint(2 * resolution.bit_length() - 4), path)
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


def measure(functions, argument, repeats):
    """Return the median time of each function in seconds; calls take turns."""
    times = {label: [] for label in functions}
    for function in functions.values():
        function(argument)
    for _ in range(repeats):
        for label, function in functions.items():
            start = time.perf_counter()
            function(argument)
            times[label].append(time.perf_counter() - start)
    return {label: statistics.median(values) for label, values in times.items()}


def resident(field):
    """Return the memory of the process in MiB, now ("VmRSS") or at its peak ("VmHWM")."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def peak_memory(make, threads, task, resolution, n):
    """Return the memory in MiB of a first call, without network and argument, or None."""
    torch.set_num_threads(threads)
    function, argument = make(task, resolution), batch_for(task, resolution, n)
    before = resident("VmRSS")
    if function is None:
        return None
    function(argument)
    return resident("VmHWM") - before


def in_fresh_process(function, *arguments):
    """Call a function in a new process and return its result."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


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
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    makers = {"skstylefeat": our_task, **dict(arguments.against)}
    measured = "peak memory of a call" if arguments.memory else f"median of {arguments.repeats}"
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
                    parts = [f"{k} {v:.0f} MiB" for k, v in used.items() if v is not None]
                else:
                    used = measure(functions, batch_for(task, resolution, n), arguments.repeats)
                    ours = used["skstylefeat"]
                    parts = [f"{k} {v:.3f} s ({v / ours:.2f}x)" for k, v in used.items()]
                print(f"{task:9} {resolution:5} px  batch {n}:  {',  '.join(parts)}", flush=True)


if __name__ == "__main__":
    main()
