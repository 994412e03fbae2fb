"""Report of a fit in one HTML file: scores first, then each target with its photos."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from skstylefeat._utils._channels import pixels_as_seen
from skstylefeat._utils._html_page import page_frame
from skstylefeat._utils._notebook import picture_uri
from skstylefeat.images._collection import ImageCollection
from skstylefeat.prediction._edits import edit_strips
from skstylefeat.prediction._label_targets import LabeledTarget
from skstylefeat.prediction._model_card import first_lines
from skstylefeat.prediction._photo_features import PhotoRows
from skstylefeat.prediction._photo_model import PhotoModel
from skstylefeat.prediction._predictions import Predictions
from skstylefeat.prediction._score_chart import score_chart
from skstylefeat.prediction._target_score import TargetScore

THUMBNAIL = 96  # pixels of the longer side
MOST_LABELED, MOST_SORTED, MOST_PER_CLASS, MOST_PROBLEMS = 48, 24, 12, 12
#: A labeled number is marked as an error beyond this many mean absolute errors.
MARKED_ERRORS = 2.0

STYLE = """
th, td { white-space: normal; }
ul.first { padding: 0; list-style: none; font-size: 1.02rem; }
ul.first li { margin: .35rem 0; padding: .45rem .8rem; border-left: 4px solid #1f6f8b;
  background: #f3f7f9; }
ul.first li.bad { border-color: #d1495b; background: #fdf3f4; }
h3 { font-size: .98rem; margin: 1.5rem 0 .3rem; }
.photos { display: grid; grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); gap: .5rem;
  max-width: 62rem; }
.photos figure { margin: 0; font-size: .74rem; line-height: 1.25; overflow-wrap: anywhere; }
.photos img { width: 100%; border-radius: 3px; display: block; }
.photos .wrong img { outline: 3px solid #d1495b; outline-offset: -3px; }
.photos .wrong figcaption { color: #b3243a; font-weight: 600; }
.photos figcaption { font-size: inherit; padding-top: .15rem; }
.strip { display: flex; gap: 3px; max-width: 40rem; margin: .25rem 0; }
.strip img { flex: 1 1 0; min-width: 0; border-radius: 3px; }
"""


def report_html(
    model: PhotoModel,
    targets: Sequence[LabeledTarget],
    scores: Sequence[TargetScore],
    predictions: Predictions,
    images: ImageCollection,
    found: PhotoRows,
) -> str:
    """Return the report as one page."""
    n_labels = sum(len(target.labeled) for target in targets)
    photos = _Thumbnails(images, model, predictions.readable)
    parts = [
        "<h1>Predictions of photos</h1>",
        f'<p class="lead">{len(predictions)} photos, {n_labels} labels read in all.</p>',
        _first_lines_html(model.card),
    ]
    for target, score in zip(targets, scores, strict=True):
        parts += _target_parts(target, score, model, predictions, photos, found)
    parts += _problem_parts(predictions, photos)
    parts += ["<h2>How it was made</h2>", _facts_html(model.card)]
    return page_frame("skstylefeat: predictions", parts, STYLE)


class _Thumbnails:
    """Photos as small pictures in the page, read when they are first needed."""

    def __init__(self, images: ImageCollection, model: PhotoModel, readable: NDArray) -> None:
        # As the networks see them: cropped, aligned where the model aligns, and perhaps gray.
        inverter = model.features.inverter_
        self._images = inverter.prepare_images(images)
        self._generator = inverter.generator_
        self._readable = readable
        self._uris: dict[int, str] = {}

    def figure(self, row: int, caption: str, wrong: bool = False) -> str:
        """Return one photo as HTML."""
        mark = ' class="wrong"' if wrong else ""
        picture = ""
        if self._readable[row]:
            uri = self._uris.get(row) or self._uris.setdefault(row, self._read(row))
            picture = f'<img src="{uri}" alt="" loading="lazy">'
        return f"<figure{mark}>{picture}<figcaption>{caption}</figcaption></figure>"

    def _read(self, row):
        height, width = self._generator.image_size
        longer = max(height, width)
        size = max(1, THUMBNAIL * height // longer), max(1, THUMBNAIL * width // longer)
        pixels = self._images[[row]].read(size)
        return picture_uri(pixels_as_seen(pixels, self._generator.img_channels)[0])


def _first_lines_html(card):
    """Return the scores and all problems as a list; bad news are marked."""
    good = {target["headline"] for target in card["targets"].values() if target["beats_baseline"]}
    items = "".join(
        f"<li{'' if line in good else ' class=bad'}>{escape(line)}</li>"
        for line in first_lines(card)
    )
    items = items.replace(" %", "&nbsp;%")
    return f'<ul class="first">{items}</ul>'


def _target_parts(target, score, model, predictions, photos, found):
    """Return the section of one target."""
    reader = model.readers[target.name]
    parts = [f"<h2>{escape(target.name)}</h2>", _score_table(score)]
    if score.group_rows:
        parts.append(f"<h3>By {escape(score.group_header[0])}</h3>")
        parts.append(_group_table(score))
    chart = score_chart(target, score, reader, found.rows)
    parts.append(chart)

    if score.score is not None:
        parts.append("<h3>Labeled photos, predicted without their own label</h3>")
        parts.append(_labeled_grid(target, score, reader, photos, predictions))
    else:
        parts.append("<h3>Labeled photos</h3>")
        parts.append(_given_grid(target, photos))
    parts += _sorted_parts(target, predictions, photos)

    strips = edit_strips(target, model, predictions, found)
    if strips:
        parts.append("<h3>What the direction changes</h3>")
        parts.append(
            '<p class="note">Photos of average prediction, rebuilt by the generator (middle) and '
            "moved toward lower and higher predictions, or from one class to the other. A change "
            "of something else than the target shows what the model may confuse with it.</p>"
        )
        for strip in strips:
            pictures = "".join(f'<img src="{picture_uri(image)}" alt="">' for image in strip)
            parts.append(f'<div class="strip">{pictures}</div>')
    return parts


def _score_table(score):
    """Return the scores of the reader and of the baseline, the better one in bold."""

    def bold(text, is_best):
        return f"<b>{text}</b>" if is_best else text

    best = score.beats_baseline
    if score.kind == "class":
        header = ["", "accuracy", "balanced accuracy"]
        n_classes = len(score.counts)
        mine = ["not known", "not known"]
        if score.score is not None:
            low, high = score.interval
            mine = [
                f"{bold(f'{100 * score.score:.0f} %', best)} ({100 * low:.0f} to {100 * high:.0f})",
                bold(f"{100 * score.balanced:.0f} %", score.balanced > 1 / n_classes),
            ]
        other = [
            bold(f"{100 * score.baseline:.0f} %", score.score is not None and not best),
            f"{100 / n_classes:.0f} %",
        ]
        rows = [["this model", *mine], [f"commonest class ({next(iter(score.counts))})", *other]]
    else:
        header = ["", "mean absolute error"]
        mine = "not known"
        if score.score is not None:
            low, high = score.interval
            mine = f"{bold(f'{score.score:.3g}', best)} ({low:.3g} to {high:.3g})"
        other = bold(f"{score.baseline:.3g}", score.score is not None and not best)
        rows = [["this model", mine], ["mean of the labels", other]]

    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join(
        f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        for name, *cells in rows
    )
    counts = ", ".join(f"{name} {count}" for name, count in score.counts.items())
    losses = ", ".join(f"{name} {loss:.3g}" for name, loss in score.losses.items())
    chosen = f" Chosen by cross-validated loss among: {losses}." if len(score.losses) > 1 else ""
    note = (
        f"{score.n_labels} labels read in all{f' ({counts})' if counts else ''}. "
        "Cross-validation: every labeled photo is predicted by a model that did not see its "
        f"label{', 90 % interval in brackets' if score.interval else ''}; the luck of the best "
        f"reader is taken off by bootstrap. Reader: {score.reader}.{chosen}"
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f'</div><p class="note">{escape(note)}</p>'
    )


def _group_table(score):
    """Return the scores by group; the list at the head of the page holds the warnings."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in score.group_header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in score.group_rows
    )
    note = (
        "Of the labeled photos, each predicted without its own label. Groups with fewer than 10 "
        "of them are counted only. No prediction depends on the group."
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f'</div><p class="note">{note}</p>'
    )


def _labeled_grid(target, score, reader, photos, predictions):
    """Return the labeled photos with left-out predictions; errors come first and are marked."""
    cells = []
    for row, guess in zip(reader.labeled_, reader.left_out_, strict=True):
        truth = target.labels[row]
        if target.kind == "number":
            size = abs(guess - truth)
            wrong = size > MARKED_ERRORS * score.score
            caption = f"{truth:.3g}, predicted {guess:.3g}"
        else:
            size, wrong = float(guess != truth), guess != truth
            caption = f"{truth}, predicted {guess}" if wrong else str(truth)
        cells.append((-size, row, escape(caption), wrong))
    cells.sort(key=lambda cell: cell[:2])
    shown = "".join(photos.figure(row, text, wrong) for _, row, text, wrong in cells[:MOST_LABELED])
    n_wrong = sum(cell[3] for cell in cells)
    rule = (
        f"errors of more than {MARKED_ERRORS:g} times the mean are"
        if target.kind == "number"
        else "errors are"
    )
    more = f" The first {MOST_LABELED} of {len(cells)}." if len(cells) > MOST_LABELED else ""
    note = f"{n_wrong} marked: {rule} framed and come first.{more}"
    return f'<p class="note">{note}</p><div class="photos">{shown}</div>'


def _given_grid(target, photos):
    rows = target.labeled[:MOST_LABELED]
    shown = "".join(photos.figure(row, escape(_text(target, target.labels[row]))) for row in rows)
    return f'<div class="photos">{shown}</div>'


def _sorted_parts(target, predictions, photos):
    """Return all photos in the order of their predictions, evenly sampled, or class by class."""
    values = predictions.values[target.name]
    usable = np.flatnonzero(predictions.readable)
    if target.kind == "number":
        order = usable[np.argsort(values[usable].astype(float), kind="stable")]
        chosen = order[np.unique(np.linspace(0, len(order) - 1, MOST_SORTED).round().astype(int))]
        shown = "".join(photos.figure(row, f"{values[row]:.3g}") for row in chosen)
        return [
            "<h3>Photos in the order of their predictions</h3>",
            f'<p class="note">{len(chosen)} of {len(usable)}, evenly spaced.</p>'
            f'<div class="photos">{shown}</div>',
        ]

    parts = []
    probability = predictions.probabilities[target.name]
    for name in sorted(set(values[usable].tolist())):
        rows = usable[values[usable] == name]
        rows = rows[np.argsort(-probability[rows], kind="stable")]
        half = MOST_PER_CLASS // 2
        chosen = rows if len(rows) <= MOST_PER_CLASS else np.append(rows[:half], rows[-half:])
        shown = "".join(photos.figure(row, f"{100 * probability[row]:.0f} %") for row in chosen)
        note = "" if len(rows) <= MOST_PER_CLASS else " The surest and the least sure of them."
        parts.append(f"<h3>Predicted: {escape(str(name))}</h3>")
        parts.append(
            f'<p class="note">{len(rows)} photos.{note}</p><div class="photos">{shown}</div>'
        )
    return parts


def _problem_parts(predictions, photos):
    """Return the photos that cannot be read or lie outside the domain."""
    rows = [i for i, note in enumerate(predictions.notes) if note]
    if not rows:
        return []
    shown = "".join(
        photos.figure(i, escape(f"{predictions.names[i]}: {predictions.notes[i]}"[:160]), True)
        for i in rows[:MOST_PROBLEMS]
    )
    more = f" The first {MOST_PROBLEMS}." if len(rows) > MOST_PROBLEMS else ""
    return [
        "<h2>Photos to look at</h2>",
        f'<p class="note">{len(rows)} photos cannot be read or lie outside the generator\'s '
        f'domain.{more} predictions.csv names all.</p><div class="photos">{shown}</div>',
    ]


def _facts_html(card):
    facts = {key.replace("n_", ""): value for key, value in card["photos"].items()}
    for kind, network in card["networks"].items():
        facts[kind] = f"{network['name']}, SHA-256 {network['sha256']}"
    facts |= {key.replace("_", " "): value for key, value in card["settings"].items()}
    facts["versions"] = ", ".join(f"{name} {number}" for name, number in card["versions"].items())
    facts["created"] = card["created"]
    items = "".join(
        f"<dt>{escape(key)}</dt><dd>{escape(str(value))}</dd>" for key, value in facts.items()
    )
    return f"<dl>{items}</dl>"


def _text(target, value):
    return f"{value:.4g}" if target.kind == "number" else str(value)
