"""
What the channels see
=====================

A channel of the generator that follows glasses has maps that agree within a class and differ
between classes. Mutual information measures this from four labeled faces per class.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

from skstylefeat import ChannelMISelector, StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.plotting import FeatureMapDisplay

faces = make_faces(60, random_state=0)
glasses = np.where(faces.attributes["glasses"] == "none", "no", "yes")
maps = StyleGANInverter(output="features").fit_transform(faces.images)
few = np.r_[np.flatnonzero(glasses == "yes")[:4], np.flatnonzero(glasses == "no")[:4]]
selector = ChannelMISelector().fit(maps[few], glasses[few])

# %%
# The best channels of three layers, for the labeled faces: the first four wear glasses.
display = FeatureMapDisplay.from_estimator(selector, maps[few], images=faces.images[few])

# %%
# Information within a class over information between classes, for all channels.
figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
for position, layer in enumerate(maps.layers):
    scores = selector.scores_[selector.layer_slices_[layer.name]]
    place = np.full(len(scores), position) + np.linspace(-0.3, 0.3, len(scores))
    axes.scatter(place, scores, s=6, alpha=0.5, color="#1f6f8b")
axes.set_xticks(range(len(maps.layers)), [layer.name for layer in maps.layers], rotation=90)
# A channel that is constant in one class has hardly any information between classes.
axes.set(ylabel="IntraMI / InterMI", ylim=(0, 1.2 * np.nanquantile(selector.scores_, 0.995)))
figure.show()
