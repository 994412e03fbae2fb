"""Options and types of arguments that several commands share."""

import argparse
import ast
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILTERS = ("lanczos", "bicubic", "box")
METHODS = ("encoder", "optimize", "hybrid")
ALIGNMENTS = ("none", "dlib")
#: Help of the argument that `list_photos` reads.
PHOTOS = (
    "folder, zip archive, image, pattern such as 'photos/*.jpg', or column of paths in a table, "
    "such as photos.csv:path"
)


def command_parser(command: str, description: str, **options: Any) -> argparse.ArgumentParser:
    """Return the parser of ``python -m skstylefeat COMMAND``; the description keeps its lines."""
    return argparse.ArgumentParser(
        prog=f"python -m skstylefeat {command}".rstrip(),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **options,
    )


def add_option(group: Any, flag: str, metavar: str | None, default: Any, text: str, **options: Any):
    """Add an option whose help names its default."""
    text = f"{text} (default: {default})"
    group.add_argument(flag, metavar=metavar, default=default, help=text, **options)


def add_label_options(group: Any, targets: str) -> None:
    """Add ``--labels`` and ``--target``, whose help is `targets`."""
    text = "a column of file names, columns of labels"
    group.add_argument("--labels", metavar="CSV", required=True, help=text)
    group.add_argument(
        "--target", metavar="COLUMN[,COLUMN]", type=names, required=True, help=targets
    )


def add_by_group_option(group: Any) -> None:
    """Add ``--by-group``, the column of the groups by which scores are reported."""
    text = "report scores by the groups of this column of CSV, such as a skin type"
    group.add_argument("--by-group", metavar="COLUMN", help=text)


def add_network_options(parser: argparse.ArgumentParser) -> Any:
    """Add the options of generator, encoder, inversion, device and engine.

    Returns the group.
    """
    networks = parser.add_argument_group("networks")
    text = "name or file of a generator"
    add_option(networks, "--generator", "FILE", "faces64", text)
    networks.add_argument(
        "--encoder",
        default="auto",
        metavar="FILE|train",
        help="file of an encoder, or 'train' (default: the generator's own)",
    )
    text = "inversion: by the encoder, by optimization (needs no encoder, is slow), or by both"
    add_option(networks, "--method", None, "encoder", text, choices=METHODS)
    text = "steps of --encoder train"
    add_option(networks, "--train-steps", "N", 1000, text, type=positive)
    add_device_option(networks)
    add_engine_options(networks)
    return networks


def add_device_option(group: Any) -> None:
    """Add ``--device``."""
    group.add_argument(
        "--device", default="auto", help="torch device (default: the best available)"
    )


def add_engine_options(group: Any) -> None:
    """Add ``--engine`` and ``--precision``."""
    group.add_argument(
        "--engine",
        choices=("torch", "openvino"),
        help="what computes the encoder; openvino is faster for large ones on the CPU (default: "
        "torch, or that of the model)",
    )
    text = "of the encoder; bfloat16 needs --engine openvino, and pays on processors with AMX"
    add_option(group, "--precision", None, "float32", text, choices=("float32", "bfloat16"))


def add_reading_options(group: Any) -> None:
    """Add ``--align``, ``--box``, ``--filter`` and ``--skip-unreadable``."""
    text = "frame each face as in FFHQ, by its landmarks"
    add_option(group, "--align", None, "none", text, choices=ALIGNMENTS)
    group.add_argument("--box", metavar="L,T,R,B", type=box, help="crop box in pixels of the files")
    add_option(group, "--filter", None, "lanczos", "filter for resizing", choices=FILTERS)
    group.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out images that cannot be read (default: name them and stop)",
    )


def alignment(arguments: argparse.Namespace) -> str | None:
    """Return the value of ``--align`` as `StyleGANInverter` takes it."""
    return None if arguments.align == "none" else arguments.align


def printer(arguments: argparse.Namespace) -> Callable[[str], None]:
    """Return a function that prints at once, or not at all with ``--quiet``."""

    def report(text: str) -> None:
        if not arguments.quiet:
            print(text, flush=True)

    return report


def names(text: str) -> list[str]:
    """Return the names separated by commas."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError(f"expected names separated by commas, got {text!r}")
    return found


def counts(text: str) -> tuple[int, ...]:
    """Return the positive whole numbers separated by commas."""
    found = _numbers(text, int)
    if not found or min(found) < 1:
        raise argparse.ArgumentTypeError(f"expected whole numbers such as 2,5,20, got {text!r}")
    return found


def box(text: str) -> tuple[float, ...]:
    """Return left, top, right and bottom."""
    found = _numbers(text, float)
    if len(found) != 4:
        raise argparse.ArgumentTypeError(f"expected left,top,right,bottom, got {text!r}")
    return found


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return value


def positive_number(text: str) -> float:
    """Return a number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def share(text: str) -> float:
    """Return a number between 0 and 1."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, got {text}")
    return value


def folder(text: str) -> Path:
    """Return a path whose ``~`` is expanded."""
    return Path(text).expanduser()


def setting(text: str) -> tuple[str, Any]:
    """Return a name and a value, which is text unless Python reads it as something else."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def function(text: str) -> tuple[str, Callable[..., Any]]:
    """Return the name of ``MODULE:FUNCTION`` and the function, found from the working folder on."""
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise argparse.ArgumentTypeError(f"expected MODULE:FUNCTION, got {text!r}")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise argparse.ArgumentTypeError(f"cannot import {text!r}: {error}") from error
    if not callable(found):
        raise argparse.ArgumentTypeError(f"{text!r} is no function, but {found!r:.80}")
    return name, found


def _numbers(text, kind):
    """Return the numbers separated by commas, or an empty tuple if one cannot be read."""
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError:
        return ()
