"""Figures 6 to 8 with text: order by StyleCLIP's directions, and edits along them."""

from functools import lru_cache

import numpy as np
from data import to_unit
from planes import direction_of, line_scores, ridge_reader
from text import load_model

from skstylefeat.directions import MeanDifferenceDirection, TextDirection, edit

#: The smile is missing: the model does not recognize it (``text.zero_shot``).
PROMPTS = {
    "yaw": ("a face looking to the left", "a face looking to the right"),
    "pitch": ("a face looking down", "a face looking up"),
    "age": ("a young face", "an old face"),
}
#: The default, and the best of 0 to 0.6 on other faces (seeds 1000 to 1002).
THRESHOLDS = (0.1, 0.5)
N_EDITED, STRENGTHS = 200, (-10, -5, -2, 0, 2, 5, 10)


def text_orders(study):
    """Order images by text directions, by the image-text model itself, and by a labeled plane.

    Returns
    -------
    dict
        "lines" of the test images; "edits", readings of re-encoded images after moving their codes;
        "model", its training. Empty for photos and attributes that the model does not know.
    """
    if study.data.name != "rendered" or study.attribute not in PROMPTS:
        return {}
    model, facts = load_model(study.args.out)
    low, high = PROMPTS[study.attribute]
    directions = {
        f"text, threshold {threshold}": TextDirection(
            study.data.generator,
            model.encode_images,
            model.encode_texts,
            high,
            low,
            threshold=threshold,
            cache=study.args.out / "text_effects.npz",
            random_state=0,
        ).fit()
        for threshold in THRESHOLDS
    }
    styles = {
        which: study.data.generator.styles(images.codes)
        for which, images in study.data.sets.items()
    }
    thirds, y = study.labels["thirds"], study.y["test"]
    plane = direction_of("thirds").fit(styles["teach"], thirds)
    change = np.subtract(*model.encode_texts([high, low]))
    distances = {name: styles["test"] @ text.direction_ for name, text in directions.items()} | {
        "the model on the images": model.encode_images(study.data.sets["test"].pixels) @ change,
        "labeled plane in S": plane.decision_function(styles["test"]),
    }
    edited = directions | {"labeled means": MeanDifferenceDirection().fit(styles["teach"], thirds)}
    return {
        "lines": {name: line_scores(row, y) for name, row in distances.items()},
        "channels": {
            name: int(np.count_nonzero(text.direction_)) for name, text in directions.items()
        },
        "strengths": STRENGTHS,
        "edits": edits(study, styles, edited),
        "model": facts,
    }


def edits(study, styles, directions):
    """Move codes of test images and read every attribute from the re-encoded images.

    Strengths are in standard deviations of the channel that moves most, as StyleCLIP's are.
    """
    data = study.data
    readers = {name: _reader(data, name) for name in PROMPTS}
    spread = styles["pool"].std(axis=0)
    found = {}
    for name, direction in directions.items():
        unit = 1 / np.max(np.abs(direction.direction_) / spread)
        moved = edit(styles["test"][:N_EDITED], direction, unit * np.array(STRENGTHS))
        codes = [_reencoded(data.inverter, rows) for rows in moved]
        found[name] = {
            attribute: [float(read(rows).mean()) for rows in codes]
            for attribute, read in readers.items()
        }
    return found


@lru_cache
def _reader(data, attribute):
    """Return a ridge regression of all values of the pool on W+ codes."""
    return ridge_reader(data.sets["pool"].codes, data.values(attribute, "pool"))


def _reencoded(inverter, styles):
    images = inverter.generator_.synthesis_from_styles(styles.astype(np.float32))
    return inverter.transform(to_unit(images))
