"""Experiment of the main job on rendered faces, and ``evaluate``, the same on the user's images."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from skstylefeat._commands._arguments import (
    PHOTOS,
    add_by_group_option,
    add_label_options,
    add_network_options,
    add_option,
    add_reading_options,
    alignment,
    command_parser,
    counts,
    folder,
    function,
    positive,
    share,
)

EVALUATE = """\
Compare the methods of both papers and their competitors on your own labeled images, with few
labels drawn at random again and again, and write a report. It needs labels of many images, to test
with; `fit` needs a few and predicts the rest.
"""


def make_evaluate_parser() -> argparse.ArgumentParser:
    """Return the parser of ``evaluate``."""
    parser = command_parser("evaluate", EVALUATE)
    parser.add_argument("images", metavar="PHOTOS", help=PHOTOS)
    own = parser.add_argument_group("images and labels")
    add_label_options(own, "columns to predict")
    own.add_argument("--group", metavar="COLUMN", help="keep each value on one side of the split")
    add_by_group_option(own)
    add_reading_options(own)
    add_option(own, "--limit", "N", 3000, "largest number of images", type=positive)
    text = "share of the images for testing only"
    add_option(own, "--test-share", "SHARE", 0.3, text, type=share)
    own.add_argument(
        "--allow-foreign",
        action="store_true",
        help="go on where most images are foreign to the generator (default: stop)",
    )
    _add_experiment_options(parser)
    return parser


def add_main_job_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the main job."""
    work = _add_experiment_options(parser)
    add_option(work, "--n-train", "N", 1000, "rendered training faces", type=positive)
    add_option(work, "--n-test", "N", 500, "rendered test faces", type=positive)


def _add_experiment_options(parser):
    add_network_options(parser)
    work = parser.add_argument_group("experiment")
    text = "budgets of labels for clusters"
    add_option(work, "--annotation-labels", "N[,N]", "5", text, type=counts)
    text = "budgets for calibration"
    add_option(work, "--regression-labels", "N[,N]", "2,5,20", text, type=counts)
    add_option(work, "--draws", "N", 20, "random draws of the labels", type=positive)
    work.add_argument(
        "--features",
        metavar="MODULE:FUNCTION",
        type=function,
        action="append",
        default=[],
        help="further competitor, such as a frozen network: a function of your own from images "
        "(n, H, W, 3), floats in [0, 1], to rows of numbers; may be given several times",
    )
    add_option(work, "--random-state", "SEED", 0, "seed of the whole run", type=int)
    add_option(work, "--out", "FOLDER", "skstylefeat-report", "folder of the report", type=folder)
    work.add_argument("--quiet", action="store_true", help="print the tables only")
    return work


def run_main_job(arguments: argparse.Namespace) -> int:
    """Run the experiment on rendered faces."""
    return _run(arguments, partial(_rendered_faces, arguments), "ignore")


def run_evaluate(arguments: argparse.Namespace) -> int:
    """Run the experiment on the user's images."""
    foreign = "note" if arguments.allow_foreign else "raise"
    return _run(arguments, partial(_own_images, arguments), foreign)


def _run(arguments: argparse.Namespace, load: Callable[[Any], Any], foreign: Any) -> int:
    from skstylefeat.experiments._main_job import Job, Settings

    settings = Settings(
        generator=arguments.generator,
        encoder=arguments.encoder,
        method=arguments.method,
        train_steps=arguments.train_steps,
        annotation_labels=arguments.annotation_labels,
        regression_labels=arguments.regression_labels,
        n_draws=arguments.draws,
        random_state=arguments.random_state,
        out=arguments.out,
        device=arguments.device,
        engine=arguments.engine,
        precision=arguments.precision,
        quiet=arguments.quiet,
        foreign=foreign,
        features=dict(arguments.features),
    )
    headlines, tables = Job(settings).run(load)
    print("\n" + "\n\n".join(["\n".join(headlines), *(table.to_text() for table in tables)]))
    print(f"\nReport: {arguments.out / 'index.html'}")
    return 0


def _rendered_faces(arguments, generator):
    """Return rendered data; the inverter resizes them to the generator's size."""
    from skstylefeat.experiments._rendered_faces import load_rendered_faces

    return load_rendered_faces(arguments.n_train, arguments.n_test, arguments.random_state)


def _own_images(arguments, generator):
    """Return the user's data, at the generator's size."""
    from skstylefeat.experiments._own_images import load_own_images

    return load_own_images(
        arguments.images,
        arguments.labels,
        arguments.target,
        size=generator.image_size,
        box=arguments.box,
        align=alignment(arguments),
        generator=generator,
        resampling=arguments.filter,
        test_share=arguments.test_share,
        group=arguments.group,
        by_group=arguments.by_group,
        limit=arguments.limit,
        on_error="skip" if arguments.skip_unreadable else "raise",
        random_state=arguments.random_state,
    )
