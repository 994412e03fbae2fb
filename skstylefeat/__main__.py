"""Entry point of the command line: ``python -m skstylefeat``."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

#: By command: its module, the functions that make its parser and run it, and its line in --help.
COMMANDS = {
    "fit": (
        "skstylefeat._commands._prediction_commands:make_fit_parser:run_fit",
        "learn from a few labels, predict all photos",
    ),
    "predict": (
        "skstylefeat._commands._prediction_commands:make_predict_parser:run_predict",
        "predict other photos with a model of fit",
    ),
    "evaluate": (
        "skstylefeat._commands._experiment_command:make_evaluate_parser:run_evaluate",
        "compare all methods on your own labeled images",
    ),
    "align": (
        "skstylefeat._commands._align_command:make_align_parser:run_align",
        "crop photos to their faces, framed as in FFHQ",
    ),
    "annotate": (
        "skstylefeat._commands._labeling_command:make_parser:run",
        "label a few images on a local page, name all",
    ),
    "inspect": (
        "skstylefeat._commands._checkpoint_commands:make_inspect_parser:run_inspect",
        "describe a checkpoint",
    ),
    "convert": (
        "skstylefeat._commands._checkpoint_commands:make_convert_parser:run_convert",
        "write a checkpoint as safetensors",
    ),
    "train-generator": (
        "skstylefeat._commands._training_commands:make_generator_parser:run_generator",
        "train a small StyleGAN2 on your own photos",
    ),
    "train-encoder": (
        "skstylefeat._commands._training_commands:make_encoder_parser:run_encoder",
        "train the encoder of a generator on your own photos",
    ),
}

DESCRIPTION = """\
Annotate, classify and regress images from a few labels, by StyleGAN codes and feature maps.

Without a command: render faces, invert them with the bundled networks, name glasses, beards and
age groups from 5 labels, predict yaw and age from 2, 5 and 20 labels, and write a report.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    # The former spelling of `evaluate PHOTOS`, which only notes how many images are foreign.
    if "--images" in words[:-1] and words[0] not in COMMANDS:
        place = words.index("--images")
        words = ["evaluate", words[place + 1], *words[:place], *words[place + 2 :]]
        words.append("--allow-foreign")
    if words and words[0] in COMMANDS:
        module, make, run = COMMANDS[words.pop(0)][0].split(":")
        parser = getattr(import_module(module), make)()
        command = getattr(import_module(module), run)
    else:
        from skstylefeat._commands._experiment_command import run_main_job as command

        parser = _main_parser()
        if words and not words[0].startswith("-"):
            parser.error(f"there is no command {words[0]!r}; commands are {', '.join(COMMANDS)}")
    arguments = parser.parse_args(words)
    try:
        return command(arguments)
    except (ValueError, OSError, ImportError) as error:
        from skstylefeat._commands._advice import as_options

        print(f"skstylefeat: {as_options(str(error), parser)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(
            f"\nskstylefeat: {str(stop) or 'Stopped. The same command goes on.'}", file=sys.stderr
        )
        return 130


def _main_parser() -> argparse.ArgumentParser:
    """Return the parser of the main job, whose help lists the commands."""
    from skstylefeat import __version__
    from skstylefeat._commands._arguments import command_parser
    from skstylefeat._commands._experiment_command import add_main_job_options

    lines = [f"  {name:<18}{text}" for name, (_, text) in COMMANDS.items()]
    note = "\nCommands that read photos leave out damaged ones with --skip-unreadable."
    epilog = "\n".join(["commands (each has its own --help):", *lines, note])
    parser = command_parser("", DESCRIPTION, epilog=epilog)
    parser.add_argument("--version", action="version", version=f"skstylefeat {__version__}")
    add_main_job_options(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
