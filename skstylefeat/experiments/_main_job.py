"""The main job: invert, annotate, regress, compare, report."""

import platform
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

import skstylefeat
from skstylefeat._utils._progress import progress_bar
from skstylefeat.experiments import _figures as figures
from skstylefeat.experiments._annotation_experiment import annotation_experiment, annotation_table
from skstylefeat.experiments._html import page_html
from skstylefeat.experiments._regression_experiment import (
    order_experiment,
    order_table,
    plane_distances,
    regression_experiment,
    regression_tables,
    thirds,
)
from skstylefeat.experiments._representation import psnr_of_latents, represent
from skstylefeat.experiments._score_table import save_scores
from skstylefeat.inversion._inverter import StyleGANInverter

SHOWN_LIBRARIES = ("numpy", "scikit-learn", "torch")


@dataclass(frozen=True)
class Settings:
    """What a run of the job is asked to do.

    Attributes
    ----------
    generator : str
        Bundled name or file.
    encoder : str
        "auto", "train" or a file.
    train_steps : int
        Steps of the training with ``encoder="train"``.
    annotation_labels, regression_labels : tuple of int
        Budgets.
    n_draws : int
    random_state : int
    out : Path
        Folder of the report.
    device : str
    quiet : bool
        Show no progress.
    """

    generator: str = "faces64"
    encoder: str = "auto"
    train_steps: int = 1000
    annotation_labels: tuple = (5,)
    regression_labels: tuple = (2, 5, 20)
    n_draws: int = 20
    random_state: int = 0
    out: Path = Path("skstylefeat-report")
    device: str = "auto"
    quiet: bool = False


class Job:
    """One run; `run` returns the tables and writes the report."""

    def __init__(self, settings):
        self.settings = settings
        self.started = time.monotonic()
        self.scores = {"annotation": [], "regression": [], "order": []}
        self.pictures = []

    def run(self, load):
        """Run on the data that ``load(generator_resolution)`` returns.

        Parameters
        ----------
        load : callable
            Takes the side of the generator's images and returns training images, test images,
            targets and notes.

        Returns
        -------
        list of Table
        """
        # A report that cannot be drawn or written fails now, not after the work.
        import matplotlib

        self.settings.out.mkdir(parents=True, exist_ok=True)
        matplotlib.use("Agg")
        settings = self.settings
        generator = skstylefeat.load_generator(settings.generator)
        with self._stage("Reading images"):
            train_images, test_images, targets, notes = load(generator.resolution)
        self._say(*notes)
        what = "Training an encoder" if settings.encoder == "train" else "Inverting"
        with self._stage(f"{what}: {len(train_images)} + {len(test_images)} images"):
            inverter = StyleGANInverter(
                settings.generator,
                settings.encoder,
                n_train_steps=settings.train_steps,
                device=settings.device,
                random_state=settings.random_state,
                verbose=int(not settings.quiet),
            ).fit(train_images)
            train, test = represent(inverter, train_images, test_images)
        if settings.encoder == "train":
            self._keep(inverter.encoder_)
        psnr = f"{psnr_of_latents(inverter, test.latents, test.images):.1f} dB"
        self._say(f"Reconstruction of the test images: {psnr}.")
        self.pictures.append(figures.inversion_picture(inverter, test))
        for target in targets:
            if target.is_number:
                self._regress(inverter.generator_, train, test, target)
            else:
                self._annotate(inverter.generator_, train, test, target)
        tables = self._tables(targets)
        facts = self._facts(inverter, train, test, psnr, notes)
        self._write(tables, facts)
        return tables

    def _keep(self, encoder):
        """Save a trained encoder, which ``--encoder`` takes next time."""
        from skstylefeat.networks.checkpoints._safetensors import save_network

        path = self.settings.out / "encoder.safetensors"
        save_network(encoder.module, path, encoder.card)
        self._say(f"The encoder is kept: --encoder {path}")

    def _annotate(self, generator, train, test, target):
        settings = self.settings
        common = {"target": target.name, "random_state": settings.random_state}
        with self._bar(f"{target.name}: few labels", settings.n_draws) as step:
            self.scores["annotation"] += annotation_experiment(
                train,
                test,
                target.y_train,
                target.y_test,
                n_labels=settings.annotation_labels,
                n_draws=settings.n_draws,
                on_draw=step,
                **common,
            )
        self.pictures += figures.annotation_pictures(
            train, test, target, max(settings.annotation_labels), settings.random_state
        )
        if not target.is_binary:
            return
        with self._stage(f"{target.name}: direction and order"):
            second = np.unique(target.y_train)[1]
            distances = plane_distances(
                train, test, (target.y_train == second).astype(int), generator
            )
            self.scores["order"] += order_experiment(
                distances, target.y_test == second, target=target.name
            )
            self.pictures += figures.order_pictures(train, test, target, distances, generator)

    def _regress(self, generator, train, test, target):
        settings = self.settings
        with self._stage(f"{target.name}: direction and layer weights"):
            labels = thirds(target.y_train)
            distances = plane_distances(train, test, labels, generator, settings.random_state)
        with self._bar(f"{target.name}: calibration", settings.n_draws) as step:
            scores = regression_experiment(
                distances,
                target.y_train,
                target.y_test,
                target=target.name,
                n_labels=settings.regression_labels,
                n_draws=settings.n_draws,
                random_state=settings.random_state,
                on_draw=step,
            )
        self.scores["regression"] += [s for s in scores if s.metric != "rank correlation"]
        self.scores["order"] += [s for s in scores if s.metric == "rank correlation"]
        self.pictures += figures.regression_pictures(
            train,
            test,
            target,
            distances,
            generator,
            max(settings.regression_labels),
            settings.random_state,
        )

    def _tables(self, targets):
        tables = []
        if self.scores["annotation"]:
            tables.append(annotation_table(self.scores["annotation"]))
        if self.scores["regression"]:
            units = {target.name: target.unit for target in targets if target.unit}
            tables += regression_tables(self.scores["regression"], units)
        if self.scores["order"]:
            tables.append(order_table(self.scores["order"]))
        return tables

    def _facts(self, inverter, train, test, psnr, notes):
        generator, encoder = inverter.generator_, inverter.encoder_
        libraries = ", ".join(f"{name} {version(name)}" for name in SHOWN_LIBRARIES)
        return {
            "command": " ".join(["python -m skstylefeat", *sys.argv[1:]]),
            "generator": f"{generator.name}, {generator.resolution} px, SHA-256 "
            f"{generator.weights_hash()}",
            "encoder": f"{encoder.name}, SHA-256 {encoder.weights_hash()}",
            "images": " ".join(notes) + f" {len(train)} to train, {len(test)} to test.",
            "reconstruction": f"{psnr} on the test images",
            "draws": f"{self.settings.n_draws}, random_state {self.settings.random_state}",
            "time": f"{time.monotonic() - self.started:.0f} s",
            "software": f"skstylefeat {skstylefeat.__version__}, {libraries}, Python "
            f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        }

    def _write(self, tables, facts):
        out = self.settings.out
        lead = "Few-shot annotation and regression from StyleGAN codes and feature maps."
        page = page_html("skstylefeat report", lead, tables, self.pictures, facts)
        (out / "index.html").write_text(page, encoding="utf-8")
        text = "\n\n".join(table.to_text() for table in tables)
        (out / "tables.txt").write_text(text + "\n", encoding="utf-8")
        save_scores([score for part in self.scores.values() for score in part], out / "scores.csv")
        for picture in self.pictures:
            (out / f"{_file_name(picture.name)}.png").write_bytes(picture.png)

    def _say(self, *lines):
        if not self.settings.quiet:
            for line in lines:
                print(f"  {line}", flush=True)

    @contextmanager
    def _stage(self, title):
        start = time.monotonic()
        if not self.settings.quiet:
            print(title, "...", flush=True)
        yield
        self._say(f"done in {time.monotonic() - start:.1f} s")

    @contextmanager
    def _bar(self, title, total):
        bar = progress_bar(total=total, desc=title, verbose=not self.settings.quiet)
        try:
            yield bar.update
        finally:
            bar.close()


def _file_name(name):
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
