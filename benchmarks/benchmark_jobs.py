"""Long jobs: killed and resumed, a hundred thousand images, two workers compared with one.

The networks are small and have random weights, so that the machinery is measured::

    python benchmarks/benchmark_jobs.py kill --inversions 20 --images 2000
    python benchmarks/benchmark_jobs.py size --sizes 1000 100000
    python benchmarks/benchmark_jobs.py workers --images 400

From a folder of photos to pooled maps of a few channels, with networks of real size and random
weights (an e4e of 267 million); the share is that of the bare networks, called with pixels in
memory. A resumed process counts the codes that it computes itself::

    python benchmarks/benchmark_jobs.py folder --images 200 --photo 256 --resolution 256
    python benchmarks/benchmark_jobs.py folder --images 1000 --photo 1024 --resolution 1024 \\
        --engine openvino --kill
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SIDE, BATCH = 16, 16
# New processes are forked from a server that has already imported torch.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["torch", "skstylefeat.networks", "skstylefeat.inversion"])


def write_networks(folder, width=8):
    """Write a generator and an encoder of random weights; return their paths."""
    import torch

    from skstylefeat.networks import Generator
    from skstylefeat.networks.checkpoints import save_network
    from skstylefeat.networks.encoders import EncoderConfig, EncoderNetwork
    from skstylefeat.networks.optimization import w_statistics
    from skstylefeat.networks.stylegan2 import GeneratorConfig, StyleGAN2Generator

    torch.manual_seed(0)
    channels = [width] * (SIDE.bit_length() - 2)
    module = StyleGAN2Generator(
        GeneratorConfig(SIDE, channels=channels, z_dim=8, w_dim=8, n_mapping=2)
    ).eval()
    encoder = EncoderNetwork(EncoderConfig.for_generator(module)).eval()
    encoder.set_distribution(*w_statistics(module))
    paths = [str(folder / name) for name in ("generator.safetensors", "encoder.safetensors")]
    save_network(module, paths[0], card={"data": "none"})
    save_network(encoder, paths[1])
    return Generator(module, name="random"), paths


def write_images(folder, generator, n):
    """Write n images of the generator as PNG files, 1,000 per folder."""
    for start in range(0, n, 1000):
        part = folder / f"{start // 1000:03}"
        part.mkdir(parents=True)
        z = generator.sample_z(min(1000, n - start), random_state=start)
        pixels = generator.synthesis(generator.mapping(z)).transpose(0, 2, 3, 1)
        pixels = np.rint((pixels + 1).clip(0, 2) * 127.5).astype(np.uint8)
        for i, image in enumerate(pixels):
            Image.fromarray(image).save(part / f"{i:03}.png", compress_level=1)


def child(*arguments):
    return [sys.executable, __file__, *map(str, arguments)]


def invert(paths, images, cache, out, sender):
    """Invert a folder; send the number of images of each batch, and the total time at the end."""
    import torch

    from skstylefeat import StyleGANInverter
    from skstylefeat.networks import Encoder

    torch.set_num_threads(1)
    inverter = StyleGANInverter(*paths, batch_size=BATCH, cache_dir=cache).fit(images)
    inverter.domain_error_ = np.inf
    encode = Encoder.encode

    def counted(self, pixels, **kwargs):
        sender.send(len(pixels))
        return encode(self, pixels, **kwargs)

    Encoder.encode = counted
    start = time.perf_counter()
    codes = inverter.transform(images)
    seconds = time.perf_counter() - start
    np.save(out, codes)
    sender.send(seconds)


def entries(cache):
    """Return inode and time of each entry, which show whether it was lost or rewritten."""
    files = ((path, path.stat()) for path in cache.glob("??/*"))
    return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in files}


def run_and_kill(arguments, after=None, pause=0.0):
    """Run an inversion and kill it `pause` seconds after `after` images were started.

    Returns
    -------
    counts : list of int
        Images of every batch that was started.
    seconds : float or None
        Duration, None if it was killed.
    """
    receiver, sender = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=invert, args=(*arguments, sender))
    process.start()
    sender.close()
    counts, seconds = [], None
    with contextlib.suppress(EOFError):
        while seconds is None:
            message = receiver.recv()
            if isinstance(message, float):
                seconds = message
                continue
            counts.append(message)
            if after is not None and sum(counts) >= after:
                time.sleep(pause)
                os.kill(process.pid, signal.SIGKILL)
                after = None
    process.join()
    return counts, seconds


def benchmark_kill(args, folder):
    generator, paths = write_networks(folder)
    write_images(folder / "images", generator, args.images)

    def command(cache, out):
        return paths, folder / "images", cache, out

    run_and_kill(command(None, folder / "uninterrupted.npy"))
    uninterrupted = np.load(folder / "uninterrupted.npy")
    _, seconds = run_and_kill(command(folder / "first", folder / "first.npy"))
    print(f"uninterrupted: {args.images} images, {seconds:.2f} s with a cache")
    rng, killed, shares, worst = random.Random(args.seed), 0, [], 0.0
    for number in range(args.inversions):
        cache, out = folder / f"cache{number}", folder / f"codes{number}.npy"
        # In a random batch, at a random moment: reading, computing or writing.
        after = rng.randrange(1, args.images - 2 * BATCH)
        pause = rng.uniform(0, seconds * BATCH / args.images)
        counts, ended = run_and_kill(command(cache, out), after, pause)
        finished = entries(cache)
        killed += ended is None
        shares.append(len(finished) / args.images)
        lost = sum(counts) - len(finished)
        assert 0 <= lost <= (BATCH if ended is None else 0), "a finished code is not on disk"
        resumed, ended = run_and_kill(command(cache, out))
        assert ended is not None
        assert sum(resumed) == args.images - len(finished), "a finished code was recomputed"
        complete = entries(cache)
        assert finished.items() <= complete.items(), "a finished code was lost or rewritten"
        assert len(complete) == args.images
        worst = max(worst, float(np.abs(np.load(out) - uninterrupted).max()))
        print(
            f"  {number + 1}: {len(finished)} finished when killed, {sum(resumed)} computed later"
        )
    print(
        f"{args.inversions} inversions of {args.images} images, {killed} killed with SIGKILL after "
        f"{min(shares):.0%} to {max(shares):.0%} of the codes, then resumed: no finished code "
        f"lost, none computed twice; largest difference from the uninterrupted codes {worst:.1e} "
        f"(codes have a spread of {uninterrupted.std():.2f})"
    )


def measure(paths, images, n_repeats):
    """Print time and peak memory of a pipeline from images to distances, in this process."""
    from sklearn.pipeline import make_pipeline

    from skstylefeat import HyperplaneDistance, StyleGANInverter
    from skstylefeat.images import as_images

    rng = np.random.default_rng(0)
    inverter = StyleGANInverter(*paths)
    few = as_images(images)[:64]
    latents = inverter.fit_transform(few)
    pipeline = make_pipeline(
        inverter, HyperplaneDistance(rng.normal(size=latents.shape[1]), random_state=0)
    )
    pipeline.fit(few)
    inverter.domain_error_ = np.inf
    seconds = []
    for _ in range(int(n_repeats)):
        start = time.perf_counter()
        rows = len(pipeline.transform(images))
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": float(np.median(seconds)), "peak_mb": peak}))


def benchmark_size(args, folder):
    generator, paths = write_networks(folder)
    results = {}
    for n in sorted(args.sizes):
        images = folder / f"images{n}"
        write_images(images, generator, n)
        repeats = max(1, min(5, 10_000 // n))
        command = child("measure", *paths, images, repeats)
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results[n] = result = json.loads(done.stdout)
        assert result["rows"] == n
        print(
            f"{n} images: {1e3 * result['seconds'] / n:.3f} ms each "
            f"({repeats} runs), peak {result['peak_mb']:.0f} MB"
        )
    small, large = results[min(results)], results[max(results)]
    per_image = (large["seconds"] / max(results)) / (small["seconds"] / min(results))
    print(
        f"{max(results)} and {min(results)}: {large['peak_mb'] - small['peak_mb']:+.0f} MB, "
        f"{100 * (per_image - 1):+.1f} % time per image"
    )


def benchmark_workers(args, folder):
    from dask.distributed import Client, LocalCluster
    from joblib import parallel_config

    from skstylefeat import StyleGANInverter
    from skstylefeat.datasets import make_faces

    faces = make_faces(args.images, random_state=0).images
    inverter = StyleGANInverter(method="hybrid", n_steps=args.steps, batch_size=10, random_state=0)
    inverter.fit(faces[:1])
    times, codes = {}, {}
    for n_workers in (1, 2):
        with (
            LocalCluster(
                n_workers=n_workers, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
            parallel_config(backend="dask"),
        ):
            on_workers = inverter.transform
            if n_workers == 1:  # joblib would compute in the calling process

                def on_workers(images, client=client):
                    return client.submit(inverter.transform, images).result()

            on_workers(faces[: 10 * n_workers])  # workers import and load
            start = time.perf_counter()
            codes[n_workers] = on_workers(faces)
            times[n_workers] = time.perf_counter() - start
        print(f"{n_workers} dask worker(s), one thread each: {times[n_workers]:.1f} s")
    difference = np.abs(codes[1] - codes[2]).max()
    print(f"speed-up by two: {times[1] / times[2]:.2f}; codes differ by at most {difference:.1e}")


def write_photos(folder, n, side):
    """Write JPEG files of smooth colors and some grain, as large on disk as photos."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(n):
        coarse = rng.integers(0, 256, (side // 16, side // 16, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))
        pixels = smooth + rng.integers(-8, 9, smooth.shape)
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(folder / f"{i:05}.jpg", quality=92)


def write_real_networks(folder, resolution):
    """Write a generator and an e4e of real size with random weights; return their paths."""
    from benchmark_networks import standard_generator, write_e4e

    from skstylefeat.networks.checkpoints import save_network

    paths = [str(folder / name) for name in ("generator.safetensors", "e4e.pt")]
    save_network(standard_generator(resolution), paths[0], card={"data": "none"})
    write_e4e(paths[1], 2 * resolution.bit_length() - 4)
    return paths


def kept_layers(generator, up_to):
    """Return the layers up to a number of pixels, and 20 channels of the last two."""
    names = [layer.name for layer in generator.layers if layer.height <= up_to]
    return names, {name: np.arange(20) for name in names[-2:]}


def bare_networks(inverter, n, up_to, batch):
    """Return wall and processor time per image of the networks alone, without files.

    The encoder is called with a tensor, or by another engine through `Encoder.encode`.
    """
    import torch

    generator, encoder = inverter.generator_, inverter.encoder_
    last = kept_layers(generator, up_to)[0][-1]
    height, width = encoder.input_size
    synthesis = generator.module.synthesis
    if encoder.engine == "torch":
        pixels, encode = torch.rand(batch, 3, height, width) * 2 - 1, encoder.module
    else:
        pixels = np.random.default_rng(0).random((batch, height, width, 3), dtype=np.float32)

        def encode(pixels):
            return torch.from_numpy(encoder.encode(pixels))

    start = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        for _ in range(0, n, batch):
            ws = encode(pixels)
            for name, _ in synthesis.steps(synthesis.styles(ws)):
                if name == last:
                    break
    n = -(-n // batch) * batch
    return (time.perf_counter() - start[0]) / n, (time.process_time() - start[1]) / n


def extract(paths, images, up_to, batch, threads, engine, bare, cache, out):
    """Make pooled maps of a folder, in this process; print times, shares and the peak memory."""
    import torch

    from skstylefeat import FeatureMaps, StyleGANInverter
    from skstylefeat.images import as_images

    torch.set_num_threads(threads)
    started = time.perf_counter()
    inverter = StyleGANInverter(
        *paths, batch_size=batch, cache_dir=cache, engine=engine, verbose=1
    ).fit(images)
    inverter.domain_error_ = np.inf  # random networks: every image looks foreign
    print(f"networks read and fitted in {time.perf_counter() - started:.0f} s", flush=True)

    kept = len(entries(cache)) if cache else 0  # codes that an earlier process finished
    clocks = [(time.perf_counter(), time.process_time())]
    codes = inverter.transform(images)
    clocks.append((time.perf_counter(), time.process_time()))
    names, support = kept_layers(inverter.generator_, up_to)
    maps = FeatureMaps.from_latents(codes, inverter.generator_, names, verbose=1)
    pooled = maps.select(support).pool()
    clocks.append((time.perf_counter(), time.process_time()))
    np.savez(out, codes=codes, pooled=pooled)

    n = len(as_images(images))
    made = n - kept, n  # codes and maps that this process computed
    wall, processor = (np.diff(clock) / made for clock in zip(*clocks, strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{n} photos: {1 / wall.sum():.2f} images per second; per image {wall[0]:.2f} s of codes "
        f"and {wall[1]:.2f} s of maps (processor time {processor[0]:.2f} and {processor[1]:.2f} s);"
        f" peak memory {peak:.2f} GiB",
        flush=True,
    )
    if bare:
        bare_wall, bare_processor = bare_networks(inverter, bare, up_to, batch)
        print(
            f"share of the bare networks: {bare_wall / wall.sum():.0%} of the time, "
            f"{bare_processor / processor.sum():.0%} of the processor time"
        )


def benchmark_folder(args, folder):
    """Extract in one process, or kill it when half of the codes are finished and resume."""
    os.environ.setdefault("SKSTYLEFEAT_CACHE", str(folder / "engines"))
    paths = write_real_networks(folder, args.resolution)
    write_photos(folder / "images", args.images, args.photo)
    cache, out = folder / "cache", folder / "pooled.npz"
    options = args.up_to, args.batch, args.threads, args.engine
    arguments = paths, folder / "images", *options
    if not args.kill:
        run = PROCESSES.Process(target=extract, args=(*arguments, args.bare, None, out))
        run.start()
        run.join()
        return

    process = PROCESSES.Process(target=extract, args=(*arguments, 0, cache, out))
    process.start()
    while process.is_alive() and len(entries(cache)) < args.images // 2:
        time.sleep(0.5)
    process.kill()
    process.join()
    finished = entries(cache)
    print(f"killed with {len(finished)} of {args.images} codes on disk", flush=True)
    process = PROCESSES.Process(target=extract, args=(*arguments, args.bare, cache, out))
    process.start()
    process.join()
    assert finished.items() <= entries(cache).items(), "a finished code was lost or rewritten"

    # A few of the codes without a cache, in this process.
    import torch

    from skstylefeat import StyleGANInverter
    from skstylefeat.images import as_images

    torch.set_num_threads(args.threads)
    rows = np.linspace(0, args.images - 1, 2 * args.batch).astype(int)
    inverter = StyleGANInverter(*paths, batch_size=args.batch, engine=args.engine)
    some = as_images(folder / "images")[rows]
    codes = inverter.fit(some).transform(some)
    equal = np.array_equal(codes, np.load(out)["codes"][rows])
    print(f"{len(rows)} codes computed without interruption are equal to the bit: {equal}")


def main():
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2:4], *sys.argv[4:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    kill = commands.add_parser("kill")
    kill.add_argument("--inversions", type=int, default=20)
    kill.add_argument("--images", type=int, default=2000)
    kill.add_argument("--seed", type=int, default=0)
    size = commands.add_parser("size")
    size.add_argument("--sizes", type=int, nargs="+", default=[1000, 100_000])
    workers = commands.add_parser("workers")
    workers.add_argument("--images", type=int, default=400)
    workers.add_argument("--steps", type=int, default=20)
    extraction = commands.add_parser("folder")
    extraction.add_argument("--images", type=int, default=200)
    extraction.add_argument("--photo", type=int, default=256, help="side of the photos")
    extraction.add_argument("--resolution", type=int, default=256, help="of the generator")
    extraction.add_argument("--up-to", type=int, default=64, help="side of the highest kept maps")
    extraction.add_argument("--batch", type=int, default=4)
    extraction.add_argument("--threads", type=int, default=os.cpu_count())
    extraction.add_argument("--engine", choices=("torch", "openvino"), default="torch")
    extraction.add_argument("--bare", type=int, default=8, help="images of the bare networks")
    extraction.add_argument("--kill", action="store_true", help="kill it at half and resume")
    args = parser.parse_args()
    benchmark = {
        "kill": benchmark_kill,
        "size": benchmark_size,
        "workers": benchmark_workers,
        "folder": benchmark_folder,
    }
    with tempfile.TemporaryDirectory() as folder:
        benchmark[args.command](args, Path(folder))


if __name__ == "__main__":
    main()
