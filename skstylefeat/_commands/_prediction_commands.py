"""Commands ``fit`` and ``predict``: photos and a few labels to predictions in a file."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from skstylefeat._commands._arguments import (
    PHOTOS,
    add_by_group_option,
    add_device_option,
    add_engine_options,
    add_label_options,
    add_network_options,
    add_option,
    add_reading_options,
    alignment,
    command_parser,
    folder,
    printer,
)

FIT = """\
Learn from a few labels and all photos, and predict the labels of all photos. Two numbers, or one
label of each class, are enough to begin; 12 to 24 labels are enough for a score that means
something. OUT then holds the model, predictions.csv, report.html and a model card.
"""
PREDICT = """\
Predict photos with a model that `fit` wrote. Only the model's folder and the photos are needed.
A photo that cannot be read gets a row that says so.
"""


def make_fit_parser() -> argparse.ArgumentParser:
    """Return the parser of ``fit``."""
    parser = command_parser("fit", FIT)
    parser.add_argument("photos", metavar="PHOTOS", help=PHOTOS)
    text = "columns to predict; age:number and grade:class say what they hold"
    add_label_options(parser, text)
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        type=folder,
        required=True,
        help="folder of the model, new or written by an earlier fit, which is then replaced",
    )
    add_network_options(parser)
    add_by_group_option(parser)
    text = "attribute of rendered faces, such as skin_tone, that predictions shall not depend on"
    parser.add_argument("--ignore", metavar="ATTRIBUTE", help=text)
    add_reading_options(parser.add_argument_group("photos"))
    _add_run_options(parser, "OUT/cache")
    return parser


def make_predict_parser() -> argparse.ArgumentParser:
    """Return the parser of ``predict``."""
    parser = command_parser("predict", PREDICT)
    parser.add_argument("model", metavar="MODEL", type=folder, help="folder that fit wrote")
    parser.add_argument("photos", metavar="PHOTOS", help=PHOTOS)
    add_option(parser, "--out", "CSV", "predictions.csv", "table of the predictions", type=folder)
    add_device_option(parser)
    add_engine_options(parser)
    text = "joblib is a pickle, for models of people you trust; skops runs no code of the file"
    add_option(parser, "--load", None, "joblib", text, choices=("joblib", "skops"))
    _add_run_options(parser, "OUT.cache, removed at the end")
    return parser


def _add_run_options(parser, cache):
    parser.add_argument(
        "--cache",
        metavar="DIR",
        type=folder,
        help=f"folder that keeps finished codes, so that a stopped run goes on (default: {cache})",
    )
    if parser.prog.endswith("fit"):
        add_option(parser, "--random-state", "SEED", 0, "seed of the whole run", type=int)
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run_fit(arguments: argparse.Namespace) -> int:
    """Fit a model and print its scores and problems."""
    from skstylefeat.prediction._fit_model import fit_model
    from skstylefeat.prediction._model_card import first_lines
    from skstylefeat.prediction._model_folder import CACHE

    cache = arguments.cache or arguments.out / CACHE
    with _resumable(cache):
        model = fit_model(
            arguments.photos,
            arguments.labels,
            arguments.target,
            arguments.out,
            generator=arguments.generator,
            encoder=arguments.encoder,
            method=arguments.method,
            n_train_steps=arguments.train_steps,
            align=alignment(arguments),
            box=arguments.box,
            resampling=arguments.filter,
            by_group=arguments.by_group,
            ignore=arguments.ignore,
            on_error="skip" if arguments.skip_unreadable else "raise",
            device=arguments.device,
            engine=arguments.engine,
            precision=arguments.precision,
            cache_dir=cache,
            random_state=arguments.random_state,
            verbose=int(not arguments.quiet),
            report=printer(arguments),
        )
    print("\n".join(["", *first_lines(model.card), ""]))
    print(f"Report: {arguments.out / 'report.html'}")
    print(f"Predictions: {arguments.out / 'predictions.csv'}")
    print(f"Other photos: python -m skstylefeat predict {arguments.out} PHOTOS --out FILE.csv")
    return 0


def run_predict(arguments: argparse.Namespace) -> int:
    """Predict photos, write the table and print what is wrong with photos."""
    from skstylefeat.prediction._model_folder import load_model

    out = arguments.out
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder. Give the name of a CSV file.")
    if not out.absolute().parent.is_dir():
        raise ValueError(f"The folder of --out {out} does not exist. Create it first.")
    cache = arguments.cache or out.with_name(out.name + ".cache")
    model = load_model(arguments.model, kind=arguments.load)
    if arguments.engine is not None:
        model.features.use_engine(arguments.engine, arguments.precision)
    model.features.use(device=arguments.device, cache_dir=cache, verbose=int(not arguments.quiet))
    with _resumable(cache):
        predictions = model.predict(arguments.photos, report=printer(arguments))
        predictions.to_csv(out)
    if arguments.cache is None:
        shutil.rmtree(cache, ignore_errors=True)

    # The scores of the model first, because its table looks equally sure of bad predictions.
    targets = model.card["targets"].values()
    lines = [target["headline"] for target in targets]
    lines += [text for target in targets for text in target["warnings"]]
    print("\n".join([*lines, *predictions.problems()]))
    print(f"Predictions of {len(predictions)} photos: {out}")
    return 0


@contextlib.contextmanager
def _resumable(cache: Path) -> Iterator[None]:
    """Tell at Ctrl-C how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        command = " ".join(["python -m skstylefeat", *sys.argv[1:]])
        raise KeyboardInterrupt(
            f"Stopped. Finished codes are kept in {cache}; the same command goes on: {command}"
        ) from None
