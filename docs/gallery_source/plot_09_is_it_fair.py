"""
Is it fair? The same face, another skin
=======================================

Rendered faces can be drawn again with another skin tone and nothing else changed. A fair reader of
glasses says the same of both.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import MaxPoolReducer, StyleGANInverter
from skstylefeat.datasets import make_faces, render_faces, sample_attributes
from skstylefeat.directions import NuisanceProjection
from skstylefeat.metrics import by_group
from skstylefeat.plotting import CounterfactualDisplay
from skstylefeat.prediction import counterfactual_faces


def glasses(attributes):
    """Return whether faces wear glasses."""
    return np.where(attributes["glasses"] == "none", "none", "glasses")


def features(**changed):
    """Return the maxima of maps of 100 faces, some attributes changed."""
    return maxima.transform(render_faces({**sample_attributes(100, random_state=5), **changed}))


faces = make_faces(100, random_state=0)
maxima = make_pipeline(StyleGANInverter(output="features"), MaxPoolReducer())
rows = maxima.fit_transform(faces.images)

# %%
# Two readers with the same 100 labels. One sees all channels. The other one does not see the
# direction in which channels change between the same faces in light and in dark skin.
pairs = [features(skin_tone=tone) for tone in (0.1, 0.9)]
figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
for ax, steps in zip(axes, ([], [NuisanceProjection(pairs)]), strict=True):
    reader = make_pipeline(*steps, StandardScaler(), LogisticRegression(max_iter=1000))
    model = make_pipeline(maxima, reader.fit(rows, glasses(faces.attributes)))
    found = counterfactual_faces(model, "skin_tone", target=glasses, n_faces=100, random_state=1)
    print("skin direction", "removed" if steps else "kept   ", found.headline)
    CounterfactualDisplay(found).plot(ax=ax).ax_.set_ylim(0, 12)
figure.show()

# %%
# On real photos nobody can change the skin. There, compare groups: each has an interval, and a
# group of fewer than ten images is only counted.
new = make_faces(100, random_state=2)
names = np.array(["light", "middle", "dark"])
skin = names[np.digitize(new.attributes["skin_tone"], [0.33, 0.67])]
by_group(glasses(new.attributes), model.predict(new.images), skin, "error")
