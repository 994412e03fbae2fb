"""
Directions from labels and without
==================================

SeFa and PCA find directions in which the images change much, without a label. Labels choose a
direction by meaning. One face shows what each of them changes.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr

from skstylefeat import StyleGANInverter, layer_importance, load_generator
from skstylefeat.datasets import make_faces
from skstylefeat.directions import (
    DiscriminantDirection,
    LatentPCA,
    LinearSVMDirection,
    MeanDifferenceDirection,
    SeFa,
    edit,
)
from skstylefeat.plotting import EditStripDisplay, LayerImportanceDisplay

generator = load_generator("faces64")
faces = make_faces(300, random_state=0)
yaw = faces.attributes["yaw"]
latents = StyleGANInverter().fit_transform(faces.images)
w = latents.reshape(300, 10, 128).mean(axis=1)
found = {
    "SeFa, no label": SeFa(generator, layers=["b8.conv0", "b8.conv1"]).fit(),
    "PCA, no label": LatentPCA(generator, random_state=0).fit(),
    "mean difference": MeanDifferenceDirection().fit(w, yaw > 0),
    "linear SVM": LinearSVMDirection().fit(w, yaw > 0),
    "discriminant of thirds": DiscriminantDirection().fit(w, np.digitize(yaw, [-15, 15])),
}

# %%
# Up to four standard deviations to both sides. The number is the rank correlation of the yaw with
# the place along the direction: a direction that orders well need not be one that edits well.
steps = np.linspace(-4, 4, 7)
figure, axes = plt.subplots(len(found), figsize=(6, 6.2), layout="constrained")
for ax, (name, direction) in zip(axes, found.items(), strict=True):
    normal = direction.direction_.ravel() / np.linalg.norm(direction.direction_)
    places = w @ normal
    strip = edit(latents[[8]], normal, steps * places.std())[:, 0]
    images = ((generator.synthesis(strip).transpose(0, 2, 3, 1) + 1) / 2).clip(0, 1)
    EditStripDisplay.from_images(images[None], steps, ax=ax)
    ax.set_title(f"{name}: {abs(spearmanr(places, yaw).statistic):.2f}", loc="left", fontsize=9)
figure.show()

# %%
# Layers that the edit by mean difference moves, weighted by gradients.
turn = found["mean difference"].direction_
importance = layer_importance(generator, turn, n_pairs=20, random_state=0)
display = LayerImportanceDisplay.from_weights(importance.weights, importance.layers)
