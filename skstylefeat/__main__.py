"""Command line of the package: ``python -m skstylefeat``."""

import argparse
import sys
from collections.abc import Callable, Sequence
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
    own.add_argument(
        "--filter",
        choices=("lanczos", "bicubic", "box"),
        default="lanczos",
        help="filter for resizing (default: lanczos)",
    )
    own.add_argument(
        "--limit",
        type=_positive,
        default=3000,
        metavar="N",
        help="largest number of images (default: 3000)",
    )
    own.add_argument(
        "--test-share",
        type=_share,
        default=0.3,
        metavar="SHARE",
        help="share of the images for testing only (default: 0.3)",
    )

    networks = parser.add_argument_group("networks")
    networks.add_argument(
        "--generator",
        default="faces64",
        metavar="FILE",
        help="name or file of a StyleGAN2 generator (default: faces64)",
    )
    networks.add_argument(
        "--encoder",
        default="auto",
        metavar="FILE|train",
        help="file of an encoder, or 'train' (default: the generator's own)",
    )
    networks.add_argument(
        "--train-steps",
        type=_positive,
        default=1000,
        metavar="N",
        help="training steps of --encoder train (default: 1000)",
    )
    networks.add_argument(
        "--device", default="auto", help="torch device (default: the best available)"
    )

    work = parser.add_argument_group("experiment")
    work.add_argument(
        "--n-train",
        type=_positive,
        default=1000,
        metavar="N",
        help="rendered training faces (default: 1000)",
    )
    work.add_argument(
        "--n-test",
        type=_positive,
        default=500,
        metavar="N",
        help="rendered test faces (default: 500)",
    )
    work.add_argument(
        "--annotation-labels",
        type=_counts,
        default=(5,),
        metavar="N[,N]",
        help="budgets of labels for clusters (default: 5)",
    )
    work.add_argument(
        "--regression-labels",
        type=_counts,
        default=(2, 5, 20),
        metavar="N[,N]",
        help="budgets of labels for calibration (default: 2,5,20)",
    )
    work.add_argument(
        "--draws",
        type=_positive,
        default=20,
        metavar="N",
        help="random draws of the labels (default: 20)",
    )
    work.add_argument("--random-state", type=int, default=0, metavar="SEED")
    work.add_argument(
        "--out",
        type=Path,
        default=Path("skstylefeat-report"),
        metavar="FOLDER",
        help="folder of the report (default: skstylefeat-report)",
    )
    work.add_argument("--quiet", action="store_true", help="print the tables only")
    own.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out images that cannot be read (default: name them and stop)",
    )
    return parser


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
    load = _own_images(arguments) if any(own) else _rendered_faces(arguments)
    tables = Job(settings).run(load)
    print("\n" + "\n\n".join(table.to_text() for table in tables))
    print(f"\nReport: {arguments.out / 'index.html'}")
    return 0


def _rendered_faces(arguments):
    """Return a function from the generator's resolution to rendered data."""
    from skstylefeat.experiments._rendered_faces import load_rendered_faces

    def load(size):
        del size  # the inverter resizes images
        return load_rendered_faces(arguments.n_train, arguments.n_test, arguments.random_state)

    return load


def _own_images(arguments):
    """Return a function from the generator's resolution to the user's data."""
    from skstylefeat.experiments._own_images import load_own_images

    def load(size):
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

    return load


def _annotate_parser() -> argparse.ArgumentParser:
    from skstylefeat.labeling._command import make_parser

    return make_parser()


def _annotate(arguments: argparse.Namespace) -> int:
    from skstylefeat.labeling._command import run

    return run(arguments)


def _inspect_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m skstylefeat inspect",
        description="Describe a checkpoint without running any code in it.",
    )
    parser.add_argument("file")
    return parser


def _inspect(arguments: argparse.Namespace) -> int:
    from skstylefeat.networks.checkpoints._inspect import inspect

    print(inspect(arguments.file))
    return 0


def _convert_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m skstylefeat convert",
        description="Convert a checkpoint to the package's own format, safetensors.",
    )
    parser.add_argument("file")
    parser.add_argument("out")
    return parser


def _convert(arguments: argparse.Namespace) -> int:
    from skstylefeat.networks.checkpoints._convert import convert

    print(convert(arguments.file, arguments.out))
    return 0


def _version():
    from skstylefeat import __version__

    return f"skstylefeat {__version__}"


def _names(text):
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"expected names separated by commas, got {text!r}")
    return names


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
