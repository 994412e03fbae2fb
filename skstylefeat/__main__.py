"""Command line of the package: ``python -m skstylefeat``."""

import argparse
import ast
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

#: The functions that make a command's parser and run the command.
Command: TypeAlias = tuple[
    Callable[[], argparse.ArgumentParser], Callable[[argparse.Namespace], int]
]

DESCRIPTION = """\
Annotate, classify and regress images from a few labels, by StyleGAN codes and feature maps.

Without arguments: render faces, invert them with the bundled networks, name glasses, beards and
age groups from 5 labels, predict yaw and age from 2, 5 and 20 labels, and write a report. With
--images: the same on your own images.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    command: Command = (_report_parser, _report)
    if words and words[0] in COMMANDS:
        command = COMMANDS[words.pop(0)]
    make_parser, run = command
    arguments = make_parser().parse_args(words)
    try:
        return run(arguments)
    except (ValueError, OSError, ImportError) as error:
        print(f"skstylefeat: {error}", file=sys.stderr)
        return 2


def _report_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m skstylefeat",
        description=DESCRIPTION,
        epilog="Other commands: annotate FOLDER (label a few images on a local page, name all),\n"
        "inspect FILE (describe a checkpoint), convert FILE OUT (write a safetensors file).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())

    own = parser.add_argument_group("your own images")
    own.add_argument("--images", metavar="FOLDER_OR_ZIP", help="framed like the generator's images")
    own.add_argument("--labels", metavar="CSV", help="one column of file names, columns of labels")
    own.add_argument("--target", metavar="COLUMN[,COLUMN]", type=_names, help="columns to predict")
    own.add_argument("--group", metavar="COLUMN", help="keep each value on one side of the split")
    own.add_argument("--box", metavar="L,T,R,B", type=_box, help="crop box in pixels of the files")
    filters = ("lanczos", "bicubic", "box")
    _add(own, "--filter", None, "lanczos", "filter for resizing", choices=filters)
    _add(own, "--limit", "N", 3000, "largest number of images", type=_positive)
    _add(own, "--test-share", "SHARE", 0.3, "share of the images for testing only", type=_share)
    own.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out images that cannot be read (default: name them and stop)",
    )

    networks = parser.add_argument_group("networks")
    _add(networks, "--generator", "FILE", "faces64", "name or file of a StyleGAN2 generator")
    networks.add_argument(
        "--encoder",
        default="auto",
        metavar="FILE|train",
        help="file of an encoder, or 'train' (default: the generator's own)",
    )
    _add(networks, "--train-steps", "N", 1000, "steps of --encoder train", type=_positive)
    networks.add_argument(
        "--device", default="auto", help="torch device (default: the best available)"
    )

    work = parser.add_argument_group("experiment")
    _add(work, "--n-train", "N", 1000, "rendered training faces", type=_positive)
    _add(work, "--n-test", "N", 500, "rendered test faces", type=_positive)
    _add(work, "--annotation-labels", "N[,N]", "5", "budgets of labels for clusters", type=_counts)
    _add(work, "--regression-labels", "N[,N]", "2,5,20", "budgets for calibration", type=_counts)
    _add(work, "--draws", "N", 20, "random draws of the labels", type=_positive)
    _add(work, "--random-state", "SEED", 0, "seed of the whole run", type=int)
    _add(work, "--out", "FOLDER", "skstylefeat-report", "folder of the report", type=Path)
    work.add_argument("--quiet", action="store_true", help="print the tables only")
    return parser


def _add(group, flag, metavar, default, text, **options):
    """Add an option whose help names its default."""
    text = f"{text} (default: {default})"
    group.add_argument(flag, metavar=metavar, default=default, help=text, **options)


def _report(arguments: argparse.Namespace) -> int:
    from skstylefeat.experiments._main_job import Job, Settings

    own = (arguments.images, arguments.labels, arguments.target)
    if any(own) and not all(own):
        raise ValueError("Your own images need --images, --labels and --target together.")
    settings = Settings(
        generator=arguments.generator,
        encoder=arguments.encoder,
        train_steps=arguments.train_steps,
        annotation_labels=arguments.annotation_labels,
        regression_labels=arguments.regression_labels,
        n_draws=arguments.draws,
        random_state=arguments.random_state,
        out=arguments.out,
        device=arguments.device,
        quiet=arguments.quiet,
    )
    load = partial(_own_images if any(own) else _rendered_faces, arguments)
    tables = Job(settings).run(load)
    print("\n" + "\n\n".join(table.to_text() for table in tables))
    print(f"\nReport: {arguments.out / 'index.html'}")
    return 0


def _rendered_faces(arguments, size):
    """Return rendered data; the inverter resizes them to the generator's `size`."""
    from skstylefeat.experiments._rendered_faces import load_rendered_faces

    return load_rendered_faces(arguments.n_train, arguments.n_test, arguments.random_state)


def _own_images(arguments, size):
    """Return the user's data, at the generator's `size`."""
    from skstylefeat.experiments._own_images import load_own_images

    return load_own_images(
        arguments.images,
        arguments.labels,
        arguments.target,
        size=size,
        box=arguments.box,
        resampling=arguments.filter,
        test_share=arguments.test_share,
        group=arguments.group,
        limit=arguments.limit,
        on_error="skip" if arguments.skip_unreadable else "raise",
        random_state=arguments.random_state,
    )


def _annotate_parser() -> argparse.ArgumentParser:
    from skstylefeat.labeling._command import make_parser

    return make_parser()


def _annotate(arguments: argparse.Namespace) -> int:
    from skstylefeat.labeling._command import run

    return run(arguments)


def _inspect_parser() -> argparse.ArgumentParser:
    return _file_parser("inspect", "Describe a checkpoint without running any code in it.", "file")


def _inspect(arguments: argparse.Namespace) -> int:
    from skstylefeat.networks.checkpoints._inspect import inspect

    print(inspect(arguments.file))
    return 0


def _convert_parser() -> argparse.ArgumentParser:
    text = "Convert a checkpoint to the package's own format, safetensors."
    parser = _file_parser("convert", text, "file", "out")
    parser.add_argument(
        "--assume",
        metavar="NAME=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="a setting that the file lacks, such as conv_clamp=256; see load_generator",
    )
    return parser


def _convert(arguments: argparse.Namespace) -> int:
    from skstylefeat.networks.checkpoints._convert import convert

    print(convert(arguments.file, arguments.out, assume=dict(arguments.assume)))
    return 0


def _file_parser(command, description, *files):
    prog = f"python -m skstylefeat {command}"
    parser = argparse.ArgumentParser(prog=prog, description=description)
    for name in files:
        parser.add_argument(name)
    return parser


def _version():
    from skstylefeat import __version__

    return f"skstylefeat {__version__}"


def _names(text):
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"expected names separated by commas, got {text!r}")
    return names


def _setting(text):
    """Return a name and a value, which is text unless Python reads it as something else."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def _numbers(text, kind):
    """Return the numbers separated by commas, or an empty tuple if one cannot be read."""
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        return ()


def _counts(text):
    counts = _numbers(text, int)
    if not counts or min(counts) < 1:
        raise argparse.ArgumentTypeError(f"expected whole numbers such as 2,5,20, got {text!r}")
    return counts


def _box(text):
    box = _numbers(text, float)
    if len(box) != 4:
        raise argparse.ArgumentTypeError(f"expected left,top,right,bottom, got {text!r}")
    return box


def _positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return value


def _share(text):
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, got {text}")
    return value


COMMANDS: dict[str, Command] = {
    "annotate": (_annotate_parser, _annotate),
    "inspect": (_inspect_parser, _inspect),
    "convert": (_convert_parser, _convert),
}

if __name__ == "__main__":
    raise SystemExit(main())
