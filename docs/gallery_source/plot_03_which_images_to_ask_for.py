"""
Which images to ask for
=======================

Labels cost time, so it matters which ones are asked for. For a curve over a distance, points that
are spread along it beat points at random.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

from skstylefeat import (
    HyperplaneDistance,
    LatentRegressor,
    StyleGANInverter,
    select_calibration_points,
)
from skstylefeat.datasets import make_faces

faces = make_faces(400, random_state=0)
yaw = faces.attributes["yaw"]
latents = StyleGANInverter().fit_transform(faces.images)
distance = HyperplaneDistance().fit(latents, np.digitize(yaw, [-15, 15])).transform(latents)


def error(points):
    """Return the mean error, in degrees, of a curve through a few labels."""
    model = LatentRegressor(unlabeled="ignore").fit(distance[points], yaw[points])
    return np.abs(model.predict(distance) - yaw).mean()


# %%
# Thirty draws of each kind, with 3 to 12 labels.
budgets = [3, 4, 6, 8, 12]
rng = np.random.default_rng(0)
at_random = [[error(rng.permutation(400)[:n]) for _ in range(30)] for n in budgets]
spread = [
    [error(select_calibration_points(distance, n, random_state=seed)) for seed in range(30)]
    for n in budgets
]

figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
for values, name, color in ((at_random, "at random", "#8a8a8a"), (spread, "spread", "#1f6f8b")):
    axes.plot(budgets, np.mean(values, axis=1), color=color, marker="o", label=name)
    axes.fill_between(budgets, *np.quantile(values, [0.1, 0.9], axis=1), color=color, alpha=0.2)
axes.set(xlabel="labels", ylabel="mean error (degrees)", ylim=(0, None))
axes.legend(frameon=False)
figure.show()
