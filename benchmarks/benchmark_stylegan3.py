"""Time and memory of StyleGAN3's synthesis next to NVIDIA's reference operations, in one run.

NVIDIA's code is taken from a copy of github.com/NVlabs/stylegan3; on a CPU it runs its reference
operations. Both networks have the same random weights and the standard numbers of channels. Calls
take turns with a large matrix product, whose rate is the limit of the machine. The largest
difference of the images is printed, too. With ``--memory`` the peak memory of a first call is
measured, without the network, each in a separate process (Linux).

    python benchmarks/benchmark_stylegan3.py --upstream FOLDER --resolutions 256 512 --configs T R
"""

import argparse
import sys
import types
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

from skstylefeat.networks.stylegan3 import StyleGAN3Config, StyleGAN3Generator

# NVIDIA's settings: config-R has 1x1 kernels, radial filters and twice as many channels.
CONFIGS = {
    "T": {"channel_base": 32768, "channel_max": 512, "conv_kernel": 3, "use_radial_filters": False},
    "R": {"channel_base": 65536, "channel_max": 1024, "conv_kernel": 1, "use_radial_filters": True},
}
UPSTREAM, OURS = "NVIDIA", "skstylefeat"
N_LAYERS = 14


def upstream_network(folder, config, resolution):
    """Return NVIDIA's network with random weights."""
    sys.path.insert(0, str(folder))
    # Packages that only downloads and other versions of torch need.
    sys.modules.setdefault("requests", types.ModuleType("requests"))
    sys.modules.setdefault(
        "pkg_resources",
        types.SimpleNamespace(parse_version=lambda text: [int(x) for x in text.split(".")[:2]]),
    )
    from training.networks_stylegan3 import Generator

    torch.manual_seed(0)
    network = Generator(
        z_dim=512,
        c_dim=0,
        w_dim=512,
        img_resolution=resolution,
        img_channels=3,
        mapping_kwargs={"num_layers": 2},
        **CONFIGS[config],
    )
    return network.requires_grad_(False).eval()


def our_network(upstream):
    """Return our network with the weights of NVIDIA's."""
    layers = [getattr(upstream.synthesis, name) for name in upstream.synthesis.layer_names]
    config = StyleGAN3Config(
        upstream.img_resolution,
        [layer.out_channels for layer in layers[:-1]],
        conv_kernel=layers[0].conv_kernel,
        use_radial_filters=layers[0].down_radial,
    )
    network = StyleGAN3Generator(config)
    network.load_state_dict(upstream.state_dict())
    return network.requires_grad_(False).eval()


def networks(folder, config, resolution):
    """Return both synthesis networks by label, as functions that keep no graph."""
    upstream = upstream_network(folder, config, resolution)
    found = {OURS: our_network(upstream).synthesis, UPSTREAM: upstream.synthesis}
    return {label: torch.inference_mode()(network) for label, network in found.items()}


def codes(n):
    """Return W+ codes."""
    return torch.randn(n, N_LAYERS + 2, 512, generator=torch.Generator().manual_seed(0))


def peak_memory(folder, config, resolution, n, label, threads):
    """Return the memory in MiB of a first call, without the network."""
    torch.set_num_threads(threads)
    return memory_of(networks(folder, config, resolution)[label], codes(n))


def main(argv=None):
    """Run the benchmark and print one line per network and task."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstream", required=True, type=Path, help="folder of NVIDIA's code")
    parser.add_argument("--configs", nargs="+", choices=CONFIGS, default=list(CONFIGS))
    parser.add_argument("--resolutions", nargs="+", type=int, default=[256, 512])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="measure memory, too")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    add_clock(parser)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    print(
        f"torch {torch.__version__}, {arguments.threads} threads, batch {arguments.batch}, "
        f"median and range of {arguments.repeats}"
    )
    for config in arguments.configs:
        for resolution in arguments.resolutions:
            ws = codes(arguments.batch)
            found = networks(arguments.upstream, config, resolution)
            calls = {label: partial(function, ws) for label, function in found.items()}
            images = {label: call() for label, call in calls.items()}
            error = (images[OURS] - images[UPSTREAM]).abs().max() / images[UPSTREAM].abs().max()
            calls = with_limit(calls)
            times = measure(calls, arguments.repeats, arguments.clock, warm_up=False)
            text = row_text(times, OURS, {OURS: operations(calls[OURS])})
            print(
                f"config-{config} {resolution} px: {text}, relative difference {error:.1e}",
                flush=True,
            )
            if arguments.memory:
                memory = {
                    label: in_fresh_process(
                        peak_memory,
                        *(arguments.upstream, config, resolution, arguments.batch, label),
                        arguments.threads,
                    )
                    for label in found
                }
                print(
                    f"    memory {memory[OURS]:.0f} MiB against {memory[UPSTREAM]:.0f} MiB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
