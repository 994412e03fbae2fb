"""Commands ``train-generator`` and ``train-encoder``: networks of a domain of the user's own."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat._commands._arguments import (
    PHOTOS,
    add_device_option,
    add_option,
    add_reading_options,
    alignment,
    command_parser,
    folder,
    positive,
    positive_number,
    printer,
)

if TYPE_CHECKING:
    from skstylefeat.networks import GeneratorReport, TrainingReport

GENERATOR = """\
Train a small StyleGAN2 on photos of one domain, without labels. The photos must be framed alike,
and a few thousand are needed for good results. The same command continues a stopped training.
"""
ENCODER = """\
Train the encoder that inverts photos for a generator, without labels. The same command continues a
stopped training.
"""
SIDES = (8, 16, 32, 64, 128)
DEFAULT_IMAGES = 1_000_000
MANY_HOURS = 48
LARGEST_HELD_OUT, HELD_OUT_SHARE, FEWEST_TO_HOLD_OUT = 128, 0.1, 50


def make_generator_parser() -> argparse.ArgumentParser:
    """Return the parser of ``train-generator``."""
    parser = command_parser("train-generator", GENERATOR)
    parser.add_argument("photos", metavar="PHOTOS", help=PHOTOS)
    parser.add_argument(
        "--size", type=int, choices=SIDES, required=True, help="side of the images in pixels"
    )
    _add_out(parser, "generator")
    images = parser.add_argument_group("photos")
    add_reading_options(images)
    images.add_argument(
        "--upscale",
        action="store_true",
        help="enlarge photos that are smaller than --size (default: stop)",
    )

    work = parser.add_argument_group("training")
    work.add_argument(
        "--images",
        metavar="N",
        type=positive,
        help="photos to see, with repetitions (default: 1000000, or as --hours allow)",
    )
    _add_hours(work)
    add_option(work, "--batch-size", "N", 32, "photos per step", type=positive)
    work.add_argument(
        "--gamma",
        metavar="G",
        type=positive_number,
        help="weight of the R1 penalty (default: 0.2 at 32 px, in proportion to the side)",
    )
    work.add_argument(
        "--no-augment",
        action="store_true",
        help="show the critic no transformed images (default: as many as it needs)",
    )
    _add_training_options(work)
    return parser


def make_encoder_parser() -> argparse.ArgumentParser:
    """Return the parser of ``train-encoder``."""
    parser = command_parser("train-encoder", ENCODER)
    parser.add_argument("generator", metavar="GENERATOR", help="name or file of a generator")
    parser.add_argument("photos", metavar="PHOTOS", help="photos framed as the generator's")
    _add_out(parser, "encoder")
    add_reading_options(parser.add_argument_group("photos"))
    work = parser.add_argument_group("training")
    add_option(work, "--steps", "N", 1000, "updates of the weights", type=positive)
    _add_hours(work)
    add_option(work, "--batch-size", "N", 32, "photos per step", type=positive)
    _add_training_options(work)
    return parser


def _add_out(parser, network):
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=folder,
        required=True,
        help=f"file of the {network}, FILE.safetensors; files beside it keep the progress",
    )


def _add_hours(work):
    work.add_argument(
        "--hours", metavar="H", type=positive_number, help="limit on the time, over all runs"
    )


def _add_training_options(work):
    work.add_argument(
        "--no-mirror",
        action="store_true",
        help="do not mirror photos: left and right differ in meaning",
    )
    add_device_option(work)
    text = "number format of the convolutions"
    choices = ("auto", "float32", "bfloat16")
    add_option(work, "--precision", None, "auto", text, choices=choices)
    add_option(work, "--random-state", "SEED", 0, "seed of the whole training", type=int)
    work.add_argument("--quiet", action="store_true", help="print errors and warnings only")


def run_generator(arguments: argparse.Namespace) -> int:
    """Train a generator; print progress, and write samples and the weights so far."""
    from skstylefeat.networks import GeneratorRecipe, train_generator
    from skstylefeat.networks._base import resolve_device
    from skstylefeat.networks.training._precision import resolve_precision
    from skstylefeat.networks.training._sample_sheet import write_sample_sheet
    from skstylefeat.networks.training._train_generator import images_per_second

    out, checkpoint = _outputs(arguments.out)
    report = printer(arguments)
    device = resolve_device(arguments.device)
    precision = resolve_precision(arguments.precision, device)
    recipe = GeneratorRecipe(
        batch_size=arguments.batch_size,
        gamma=arguments.gamma,
        mirror=not arguments.no_mirror,
        augment="none" if arguments.no_augment else "adaptive",
    ).for_side(arguments.size)

    photos, card = _read_photos(arguments, (arguments.size, arguments.size), report)
    n_images = arguments.images
    if n_images is None and arguments.hours is None:
        n_images = DEFAULT_IMAGES
    speed = images_per_second(arguments.size, recipe, device=str(device), precision=precision)
    report(_estimate(speed, n_images, arguments.hours, f"{precision} on {device}"))
    if checkpoint.exists():
        report(f"The training in {checkpoint} is continued.")

    sheet = out.with_name(f"{out.stem}-samples.png")

    def save(state: GeneratorReport) -> None:
        generator = state.generator
        assert generator is not None
        generator.save(out, card | generator.card | {"name": out.stem})
        write_sample_sheet(generator, sheet)
        report(_generator_line(state, arguments.hours))

    with _stoppable(checkpoint):
        train_generator(
            photos,
            recipe=recipe,
            n_images=n_images,
            max_seconds=_seconds(arguments.hours),
            device=str(device),
            precision=precision,
            random_state=arguments.random_state,
            checkpoint=checkpoint,
            callback=save,
            verbose=_verbosity(arguments),
        )
    report(f"Generator: {out}\nSamples: {sheet}")
    report(f"Next: python -m skstylefeat train-encoder {out} PHOTOS --out {_encoder_name(out)}")
    return 0


def run_encoder(arguments: argparse.Namespace) -> int:
    """Train an encoder; print progress, and write the weights so far."""
    from skstylefeat.networks import EncoderRecipe, load_generator, train_encoder
    from skstylefeat.networks.training._precision import resolve_precision

    out, checkpoint = _outputs(arguments.out)
    report = printer(arguments)
    generator = load_generator(arguments.generator, device=arguments.device)
    precision = resolve_precision(arguments.precision, generator.device)
    recipe = EncoderRecipe(
        n_steps=arguments.steps,
        batch_size=arguments.batch_size,
        mirror=not arguments.no_mirror,
        precision=precision,
    )
    photos, card = _read_photos(arguments, generator.image_size, report, generator)
    photos, held_out = _hold_out(photos, arguments.random_state)
    card |= {"generator": generator.name, "generator_sha256": generator.weights_hash()}
    if checkpoint.exists():
        report(f"The training in {checkpoint} is continued.")

    def save(state: TrainingReport) -> None:
        encoder = state.encoder
        assert encoder is not None
        facts = {"name": out.stem, "recipe": str(recipe)}
        if state.validation_psnr is not None:
            facts["validation_psnr"] = f"{state.validation_psnr:.2f} dB, {len(held_out)} photos"
        encoder.save(out, card | encoder.card | facts)
        report(_encoder_line(state, arguments.hours))

    with _stoppable(checkpoint):
        train_encoder(
            generator,
            photos,
            recipe=recipe,
            validation_images=held_out if len(held_out) else None,
            random_state=arguments.random_state,
            checkpoint=checkpoint,
            max_seconds=_seconds(arguments.hours),
            callback=save,
            verbose=_verbosity(arguments),
        )
    report(f"Encoder: {out}")
    return 0


def _outputs(out):
    """Return the file of the weights and that of the training's state; keep other files whole."""
    if out.suffix != ".safetensors":
        raise ValueError(f"--out {out} must end in .safetensors, the format that is written.")
    checkpoint = out.with_name(f"{out.stem}-training.safetensors")
    if out.exists() and not checkpoint.exists():
        raise ValueError(
            f"{out} exists, and there is no {checkpoint.name} from which its training could go "
            "on. Remove the file, or choose another --out."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    return out, checkpoint


@contextmanager
def _stoppable(checkpoint):
    """Turn Ctrl-C and a diverged training into errors that the command line reports."""
    try:
        yield
    except KeyboardInterrupt:
        kept = f"{checkpoint} keeps its state, and the same command continues it."
        if not checkpoint.exists():
            kept = "It had not yet saved its state."
        raise KeyboardInterrupt(f"The training was stopped. {kept}") from None
    except FloatingPointError as error:
        raise ValueError(str(error)) from error


def _encoder_name(generator: Path) -> Path:
    """Return the name that `convert` gives the encoder of a generator's file."""
    return generator.with_name(f"{generator.stem}-encoder.safetensors")


def _verbosity(arguments):
    # In a log, the lines of the reports serve better than a bar.
    return int(not arguments.quiet and sys.stderr.isatty())


def _seconds(hours):
    return None if hours is None else 3600 * hours


def _read_photos(
    arguments, size, report, generator=None
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Return the photos (n, H, W, 3) of a size (H, W), and what a card says of them.

    Faces are aligned as `generator` frames them, as the inverter will align them; without one, as
    FFHQ does.
    """
    from skstylefeat.images._collection import error_of_faults
    from skstylefeat.images._framing import Framing
    from skstylefeat.images._image_files import left_out_text
    from skstylefeat.images._photo_argument import list_photos

    listing = list_photos(arguments.photos)
    if listing.left_out:
        report(left_out_text(listing.left_out))
    align = alignment(arguments)
    if align is not None and size[0] != size[1]:
        raise ValueError(
            f"--align crops squares, but the images have {size[0]} x {size[1]} pixels (height x "
            "width). Crop the photos to that shape yourself, and leave --align out."
        )
    if align is not None:
        photos, sizes, faults = _aligned_photos(listing, align, size, generator)
    else:
        photos, sizes, faults = _framed_photos(
            listing, Framing(arguments.box, arguments.filter), size
        )
    if faults and not arguments.skip_unreadable:
        raise ValueError(
            f"{error_of_faults(faults, len(listing.names))} --skip-unreadable leaves out images "
            "that cannot be read."
        )
    if not len(photos):
        raise ValueError(f"None of the {len(faults)} images in {arguments.photos} can be read.")

    height, width = size
    report(f"{len(photos)} photos read, {height} x {width} pixels.")
    if faults:
        report(f"{len(faults)} that cannot be read are left out, such as {faults[0].name}.")
    n_small = int((sizes < (width, height)).any(axis=1).sum())
    if n_small and not getattr(arguments, "upscale", True):
        raise ValueError(
            f"{n_small} of {len(photos)} photos are smaller than {height} x {width} pixels: the "
            "generator would learn the blur of their enlargement. Choose a smaller --size, or "
            "--upscale to enlarge them."
        )
    aspects = sizes[:, 0] / sizes[:, 1] * (height / width)
    n_squeezed = int((abs(np.log(aspects)) > np.log(1.02)).sum())
    if n_squeezed:
        shape = "square" if height == width else f"{height}:{width} (height to width)"
        report(
            f"{n_squeezed} are not {shape} and are squeezed, as the inverter will squeeze them; "
            "--box crops all photos alike."
        )
    card = {
        "data": f"{len(photos)} photos of {Path(arguments.photos).name}",
        "data_align": str(arguments.align),
        "data_box": ",".join(f"{v:g}" for v in arguments.box) if arguments.box else "none",
        "data_filter": arguments.filter,
        "data_names_sha256": hashlib.sha256("\n".join(listing.names).encode()).hexdigest(),
        "data_pixels_sha256": hashlib.sha256(photos.tobytes()).hexdigest(),
        "license": "that of the photos it was trained on",
    }
    return photos, card


def _framed_photos(listing, framing, size):
    """Return photos (m, H, W, 3), width and height (m, 2) before resizing, and faults."""
    from skstylefeat.images._collection import Fault
    from skstylefeat.images._decoding import open_item

    box = framing.box
    photos = np.empty((len(listing.files), *size, 3), dtype=np.uint8)
    sizes: list[tuple[float, float]] = []
    faults: list[Fault] = []
    for row, (file, name) in enumerate(zip(listing.files, listing.names, strict=True)):
        try:
            image = open_item(file, name)
        except (OSError, ValueError) as error:
            faults.append(Fault(row, name, error))
            continue
        photos[len(sizes)] = np.asarray(framing.apply(image, name, size))
        sizes.append(image.size if box is None else (box[2] - box[0], box[3] - box[1]))
    return photos[: len(sizes)], np.array(sizes, dtype=float).reshape(-1, 2), faults


def _aligned_photos(listing, align, size, generator):
    """Return the same for aligned faces, whose size before resizing is not known."""
    from skstylefeat.images._collection import as_images, read_pixels
    from skstylefeat.inversion._face_framing import align_images

    images = align_images(as_images(listing.files), align, generator)
    photos, faults = read_pixels(images, size)
    return photos, np.full((len(photos), 2), float(size[0])), faults


def _hold_out(photos, seed):
    """Return photos to train on, and a few for the reported error."""
    if len(photos) < FEWEST_TO_HOLD_OUT:
        return photos, photos[:0]
    order = np.random.default_rng(seed).permutation(len(photos))
    n = min(LARGEST_HELD_OUT, int(HELD_OUT_SHARE * len(photos)))
    return photos[np.sort(order[n:])], photos[np.sort(order[:n])]


def _estimate(speed, n_images, hours, where):
    """Return what a training will take, by a measured number of images per second."""
    text = f"{speed:.0f} images per second in {where}: "
    if n_images is None:
        return text + f"about {hours * 3600 * speed:,.0f} images in {hours:g} hours."
    needed = n_images / speed / 3600
    text += f"{n_images:,} images take about {needed:.1f} hours."
    if hours is not None and hours < needed:
        return text + f" --hours {hours:g} ends the training before."
    if needed > MANY_HOURS:
        text += (
            " A smaller --size takes less. For larger images, NVIDIA's stylegan2-ada-pytorch on "
            "a GPU is the better tool; this package reads its networks."
        )
    return text


def _generator_line(state, hours):
    losses = ", ".join(f"{name} {value:.3f}" for name, value in state.losses.items())
    seconds = [] if hours is None else [3600 * hours - state.seconds]
    if state.n_images is not None:
        seconds.append((state.n_images - state.images_seen) / state.images_per_second)
    return (
        f"{time.strftime('%H:%M:%S')} {state.images_seen:,} images, "
        f"{state.images_per_second:.1f} per second, {max(min(seconds), 0) / 3600:.2f} h left; "
        f"{losses}, augmentation {state.augmentation:.3f}"
    )


def _encoder_line(state, hours):
    losses = ", ".join(f"{name} {value:.4f}" for name, value in state.losses.items())
    left = state.seconds / state.step * (state.n_steps - state.step)
    if hours is not None:
        left = min(left, 3600 * hours - state.seconds)
    psnr = "" if state.validation_psnr is None else f"{state.validation_psnr:.2f} dB, "
    return (
        f"{time.strftime('%H:%M:%S')} step {state.step} of {state.n_steps}, {psnr}"
        f"{max(left, 0) / 60:.1f} min left; {losses}"
    )
