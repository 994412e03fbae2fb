"""Commands ``inspect`` and ``convert`` for files of networks."""

import argparse
import dataclasses
import json

from skstylefeat._commands._arguments import command_parser, setting


def make_inspect_parser() -> argparse.ArgumentParser:
    """Return the parser of ``inspect``."""
    text = "Describe a file of weights, latents or directions without running any code in it."
    parser = command_parser("inspect", text)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print the description as JSON")
    return parser


def run_inspect(arguments: argparse.Namespace) -> int:
    """Print the description of a file."""
    from skstylefeat.networks.checkpoints._inspect import inspect

    info = inspect(arguments.file)
    print(json.dumps(dataclasses.asdict(info), indent=2) if arguments.json else info)
    return 0


def make_convert_parser() -> argparse.ArgumentParser:
    """Return the parser of ``convert``."""
    text = "Convert a checkpoint to the package's own format, safetensors."
    parser = command_parser("convert", text)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("out", metavar="OUT")
    parser.add_argument(
        "--assume",
        metavar="NAME=VALUE",
        type=setting,
        action="append",
        default=[],
        help="a setting that the file lacks, such as conv_clamp=256; see load_generator",
    )
    return parser


def run_convert(arguments: argparse.Namespace) -> int:
    """Write a safetensors file and print its path."""
    from skstylefeat.networks.checkpoints._convert import convert

    print(convert(arguments.file, arguments.out, assume=dict(arguments.assume)))
    return 0
