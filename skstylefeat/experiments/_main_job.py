"""Main job: inversion, annotation, regression, competitors and report."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

import skstylefeat
from skstylefeat._utils._progress import progress_bar
from skstylefeat.experiments import _annotation_experiment as annotation
from skstylefeat.experiments import _figures as figures
from skstylefeat.experiments import _regression_experiment as regression
from skstylefeat.experiments._annotation_experiment import annotation_experiment, annotation_tables
from skstylefeat.experiments._group_table import GroupLosses, group_tables
from skstylefeat.experiments._headlines import headline
from skstylefeat.experiments._html import Section, page_html
from skstylefeat.experiments._regression_experiment import (
    order_experiment,
    order_table,
    plane_distances,
    regression_experiment,
    regression_tables,
    thirds,
)
from skstylefeat.experiments._representation import Describe, psnr_of_latents, represent
from skstylefeat.experiments._score_table import save_scores
from skstylefeat.inversion._inverter import StyleGANInverter

DOMAIN_SAMPLE = 64  # test images that are checked before the experiments
SHOWN_LIBRARIES = ("numpy", "scikit-learn", "torch")

FOREIGN_ADVICE = (
    "It cannot show them, so their codes mean little, and a table of scores would say nothing of "
    "the methods. Crop or align the images as those of the generator (--box, or --align dlib for "
    "faces); give a generator of their domain (--generator: the page 'Which network do I use?' of "
    "the guide lists some), or train one (python -m skstylefeat train-generator). Without one, HOG "
    "or a frozen network with a linear classifier serve better than this package. --allow-foreign "
    "goes on regardless."
)


@dataclass(frozen=True)
class Settings:
    """Options of a run.

    Attributes
    ----------
    generator : str
        Bundled name or file.
    encoder : str
        "auto", "train" or a file.
    method : str
        Method of inversion.
    train_steps : int
        Steps of the training with ``encoder="train"``.
    annotation_labels, regression_labels : tuple of int
        Budgets of labels.
    n_draws : int
        Number of draws of the labels.
    random_state : int
        Seed of the whole run.
    out : Path
        Folder of the report.
    device : str
        Torch device, or "auto".
    engine, precision : str
        As for `StyleGANInverter`.
    quiet : bool
        Show no progress.
    foreign : {"ignore", "note", "raise"}
        Treatment of images that are foreign to the generator: no check, a note in the report, or
        an error if they are the majority.
    features : dict of str to callable
        Further competitors by name, see `represent`.
    """

    generator: str = "faces64"
    encoder: str = "auto"
    method: str = "encoder"
    train_steps: int = 1000
    annotation_labels: tuple[int, ...] = (5,)
    regression_labels: tuple[int, ...] = (2, 5, 20)
    n_draws: int = 20
    random_state: int = 0
    out: Path = Path("skstylefeat-report")
    device: str = "auto"
    engine: Literal["torch", "openvino"] | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    quiet: bool = False
    foreign: Literal["ignore", "note", "raise"] = "ignore"
    features: Mapping[str, Describe] = field(default_factory=dict)


class Job:
    """One run: `run` computes the tables and writes the report."""

    def __init__(self, settings):
        self.settings = settings
        self.started = time.monotonic()
        self.scores = {"annotation": [], "regression": [], "order": []}
        self.pictures = {}
        self.losses = None  # by group, where the targets have groups

    def run(self, load):
        """Run all experiments.

        Parameters
        ----------
        load : callable
            Takes the generator and returns training images, test images,
            targets and notes.

        Returns
        -------
        headlines : list of str
        tables : list of Table
        """
        # Without matplotlib, the device or a writable folder, fail now rather than after the work.
        import matplotlib

        settings = self.settings
        generator = skstylefeat.load_generator(settings.generator, device=settings.device)
        settings.out.mkdir(parents=True, exist_ok=True)
        matplotlib.use("Agg")

        with self._stage("Reading images"):
            train_images, test_images, targets, notes = load(generator)
        self._report(*notes)

        inverter, train, test = self._invert(train_images, test_images)
        notes = [*notes, *self._check_domain(inverter, test)]
        psnr = f"{psnr_of_latents(inverter, test.latents, test.images):.1f} dB"
        self._report(f"Reconstruction of the test images: {psnr}.")
        self.pictures[""] = [figures.inversion_picture(inverter, test)]

        if any(target.groups_test is not None for target in targets):
            self.losses = GroupLosses(targets)
        for target in targets:
            run_experiment = self._regress if target.is_number else self._annotate
            run_experiment(inverter.generator_, train, test, target)

        headlines = self._headlines(targets, len(train))
        tables = self._tables(targets)
        facts = self._facts(inverter, train, test, psnr, notes)
        self._write(headlines, tables, self._sections(targets, headlines), facts)
        return headlines, tables

    def _invert(self, train_images, test_images):
        """Return the fitted inverter and both sets of images in all representations."""
        settings = self.settings
        title = "Training an encoder" if settings.encoder == "train" else "Inverting"
        with self._stage(f"{title}: {len(train_images)} + {len(test_images)} images"):
            inverter = StyleGANInverter(
                settings.generator,
                settings.encoder,
                method=settings.method,
                n_train_steps=settings.train_steps,
                device=settings.device,
                engine=settings.engine,
                precision=settings.precision,
                random_state=settings.random_state,
                verbose=int(not settings.quiet),
            ).fit(train_images)
            train, test = represent(inverter, train_images, test_images, settings.features)
        if settings.encoder == "train":
            self._save_encoder(inverter.encoder_)
        return inverter, train, test

    def _check_domain(self, inverter, test):
        """Return notes on foreign images; raise ValueError where the settings ask for it."""
        if self.settings.foreign == "ignore":
            return []
        rows = slice(DOMAIN_SAMPLE)  # a sample, since the split has shuffled the images
        inside = inverter.domain_scores(test.images[rows], test.latents[rows]).inside
        n_foreign, n = int((~inside).sum()), len(inside)
        if not n_foreign:
            return []

        found = f"{n_foreign} of {n} test images are foreign to {inverter.generator_.name!r}."
        if self.settings.foreign == "raise" and n_foreign > n / 2:
            raise ValueError(f"{found} {FOREIGN_ADVICE}")
        self._report(found)
        return [found]

    def _save_encoder(self, encoder):
        """Save a trained encoder, for ``--encoder`` in later runs."""
        from skstylefeat.networks.checkpoints._safetensors import save_network

        path = self.settings.out / "encoder.safetensors"
        save_network(encoder.module, path, encoder.card)
        self._report(f"The encoder is saved. Use it again with: --encoder {path}")

    def _annotate(self, generator, train, test, target):
        """Run the experiments of one target with classes."""
        settings = self.settings
        with self._progress(f"{target.name}: few labels") as on_draw:
            self.scores["annotation"] += annotation_experiment(
                train,
                test,
                target.y_train,
                target.y_test,
                target=target.name,
                n_labels=settings.annotation_labels,
                n_draws=settings.n_draws,
                random_state=settings.random_state,
                on_draw=on_draw,
                on_predictions=self.losses and self.losses.add,
            )
        self.pictures[target.name] = figures.annotation_pictures(
            train, test, target, max(settings.annotation_labels), settings.random_state
        )

        # Two classes also have a direction between them.
        if not target.is_binary:
            return
        with self._stage(f"{target.name}: direction and order"):
            second = np.unique(target.y_train)[1]
            labels = (target.y_train == second).astype(int)
            distances = plane_distances(train, test, labels, generator, random_state=0)
            self.scores["order"] += order_experiment(
                distances, target.y_test == second, target=target.name
            )
            self.pictures[target.name] += figures.order_pictures(
                train, test, target, distances, generator
            )

    def _regress(self, generator, train, test, target):
        """Run the experiments of one target with numbers."""
        settings = self.settings
        with self._stage(f"{target.name}: direction and layer weights"):
            labels = thirds(target.y_train)
            distances = plane_distances(train, test, labels, generator, settings.random_state)

        with self._progress(f"{target.name}: calibration") as on_draw:
            scores = regression_experiment(
                distances,
                target.y_train,
                target.y_test,
                target=target.name,
                n_labels=settings.regression_labels,
                n_draws=settings.n_draws,
                random_state=settings.random_state,
                on_draw=on_draw,
                on_predictions=self.losses and self.losses.add,
            )
        self.scores["regression"] += [s for s in scores if s.metric != "rank correlation"]
        self.scores["order"] += [s for s in scores if s.metric == "rank correlation"]

        self.pictures[target.name] = figures.regression_pictures(
            train,
            test,
            target,
            distances,
            generator,
            max(settings.regression_labels),
            settings.random_state,
        )

    def _headlines(self, targets, n_train):
        scores = self.scores["annotation"] + self.scores["regression"]
        return [headline(scores, target.name, n_train, target.unit) for target in targets]

    def _tables(self, targets):
        """Return the tables of the given targets."""
        names = {target.name for target in targets}
        annotation, regression, order = (
            [score for score in scores if score.target in names] for scores in self.scores.values()
        )
        tables = []
        if annotation:
            tables += annotation_tables(annotation)
        if regression:
            units = {target.name: target.unit for target in targets if target.unit}
            tables += regression_tables(regression, units)
        if order:
            tables.append(order_table(order))
        return tables + self._group_tables(targets)

    def _group_tables(self, targets):
        """Return the tables of errors by group, if there are groups."""
        if self.losses is None:
            return []
        tables = []
        for target in targets:
            methods = regression.METHODS if target.is_number else annotation.METHODS
            for table in group_tables(target, self.losses, methods):
                title = f"{target.name}: {table.title[0].lower()}{table.title[1:]}"
                tables.append(table._replace(title=title))
        return tables

    def _sections(self, targets, headlines):
        """Return a section per target, and the reconstructions before them."""
        sections = [Section("Reconstruction", "", [], self.pictures[""])]
        for target, text in zip(targets, headlines, strict=True):
            scores = [*self.scores["annotation"], *self.scores["regression"]]
            curve = figures.budget_pictures(scores, target)
            pictures = [*curve, *self.pictures[target.name]]
            sections.append(Section(target.name, text, self._tables([target]), pictures))
        return sections

    def _facts(self, inverter, train, test, psnr, notes):
        """Return networks, data, options and software of the run, for the report."""
        generator, encoder = inverter.generator_, inverter.encoder_
        size = " x ".join(map(str, dict.fromkeys(generator.image_size)))  # one number for squares
        libraries = ", ".join(f"{name} {version(name)}" for name in SHOWN_LIBRARIES)
        return {
            "command": " ".join(["python -m skstylefeat", *sys.argv[1:]]),
            "generator": f"{generator.name}, {size} px, SHA-256 {generator.weights_hash()}",
            "encoder": "none (optimization)"
            if encoder is None
            else f"{encoder.name}, SHA-256 {encoder.weights_hash()}",
            "images": " ".join(notes) + f" {len(train)} to train, {len(test)} to test.",
            "reconstruction": f"{psnr} on the test images",
            "draws": f"{self.settings.n_draws}, random_state {self.settings.random_state}",
            "time": f"{time.monotonic() - self.started:.0f} s",
            "software": f"skstylefeat {skstylefeat.__version__}, {libraries}, Python "
            f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        }

    def _write(self, headlines, tables, sections, facts):
        out = self.settings.out
        page = page_html("skstylefeat report", headlines, sections, facts)
        (out / "index.html").write_text(page, encoding="utf-8")
        text = "\n\n".join(["\n".join(headlines), *(table.to_text() for table in tables)])
        (out / "tables.txt").write_text(text + "\n", encoding="utf-8")
        save_scores([score for part in self.scores.values() for score in part], out / "scores.csv")
        for section in sections:
            for picture in section.pictures:
                (out / f"{_file_name(picture.name)}.png").write_bytes(picture.png)

    def _report(self, *lines):
        if not self.settings.quiet:
            for line in lines:
                print(f"  {line}", flush=True)

    @contextmanager
    def _stage(self, title):
        """Print a title, then the time that the block took."""
        start = time.monotonic()
        if not self.settings.quiet:
            print(title, "...", flush=True)
        yield
        self._report(f"done in {time.monotonic() - start:.1f} s")

    @contextmanager
    def _progress(self, title):
        """Show a bar over the draws; yield the function that advances it."""
        settings = self.settings
        with progress_bar(total=settings.n_draws, desc=title, verbose=not settings.quiet) as bar:
            yield bar.update


def _file_name(name):
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
