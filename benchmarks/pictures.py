"""Pictures of README and documentation, drawn with the bundled weights.

::

    python benchmarks/pictures.py            # writes docs/images/*.png
"""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

from skstylefeat import StyleGANInverter
from skstylefeat.directions import MeanDifferenceDirection
from skstylefeat.experiments import (
    calibrate,
    calibration_rows,
    load_rendered_faces,
    plane_distances,
    represent,
    thirds,
)
from skstylefeat.plotting import EditStripDisplay, InversionDisplay, SortedImagesDisplay

OUT = Path(__file__).parents[1] / "docs" / "images"
N_TRAIN, N_TEST, N_SHOWN, N_LABELS = 600, 300, 11, 20
EDITED, STEPS = ("age", "glasses"), np.linspace(-1, 1, N_SHOWN)
MOST_BYTES = 400_000


def overview(**networks):
    """Draw faces with reconstructions, faces in the order of their predictions, and edits."""
    train_images, test_images, targets, _ = load_rendered_faces(N_TRAIN, N_TEST, random_state=7)
    inverter = StyleGANInverter(**networks, random_state=0).fit(train_images)
    train, test = represent(inverter, train_images, test_images)
    copies = inverter.inverse_transform(test.latents[:N_SHOWN])
    figure, axes = plt.subplots(
        4, figsize=(11, 8.0), height_ratios=[2.3, 1.25, 1.25, 2.3], layout="constrained"
    )
    InversionDisplay(test.images[:N_SHOWN], copies).plot(axes[0], n_columns=N_SHOWN)
    axes[0].set_title("faces and their reconstructions", **TITLE)
    for axis, target in zip(axes[1:3], [t for t in targets if t.is_number], strict=True):
        distances = plane_distances(
            train, test, thirds(target.y_train), inverter.generator_, random_state=0
        )
        rows = calibration_rows(distances.train["weighted"], N_LABELS, seed=0)
        model = calibrate(distances.train["weighted"], target.y_train, rows)
        predicted = model.predict(distances.test["weighted"][:, None])
        SortedImagesDisplay(test.images, predicted, y_true=target.y_test).plot(
            axis, n_images=N_SHOWN, n_columns=N_SHOWN
        )
        error = np.abs(predicted - target.y_test).mean()
        axis.set_title(
            f"sorted by {target.label} as predicted from {N_LABELS} labels, true values below "
            f"(mean error {error:.1f} {target.unit})",
            **TITLE,
        )
    by_name = {target.name: target for target in targets}
    strips = [edits(inverter, train, test, by_name[name]) for name in EDITED]
    EditStripDisplay.from_images(np.stack(strips), STEPS, ax=axes[3])
    axes[3].set_title(
        f"two faces with their codes moved by {' and '.join(EDITED)}, in units of the mean codes' "
        "difference",
        **TITLE,
    )
    return figure


def edits(inverter, train, test, target):
    """Return images of the face closest to the middle, moved along the target's direction."""
    direction = MeanDifferenceDirection().fit(train.latents, target.y_train)
    middle = test.latents[np.abs(direction.decision_function(test.latents)).argmin()]
    moved = middle + STEPS[:, None] * direction.distance_ * direction.direction_
    return inverter.inverse_transform(moved.astype(np.float32))


TITLE = {"loc": "left", "size": 9, "color": "#2b2b2b"}


def save(figure, path):
    """Save at the highest of three resolutions that keeps the file small."""
    for dpi in (110, 90, 72):
        figure.savefig(path, dpi=dpi)
        Image.open(path).convert("RGB").save(path, optimize=True)
        size = path.stat().st_size
        if size <= MOST_BYTES:
            break
    else:
        raise SystemExit(f"{path} takes {size / 1000:.0f} kB, more than {MOST_BYTES / 1000:.0f}.")
    plt.close(figure)
    print(f"{path}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    save(overview(), OUT / "overview.png")
