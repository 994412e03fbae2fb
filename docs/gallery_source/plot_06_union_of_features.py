"""
Codes and the features of any torch module in one union
=======================================================

Codes of a generator and the features of another network answer different questions. A
``FeatureUnion`` lets a linear model use both.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skstylefeat import FeatureMaps, StyleGANInverter
from skstylefeat.datasets import make_faces

faces = make_faces(300, random_state=0)
hair = faces.attributes["hair_length"]

# %%
# Any module will do; here a small network of random filters, as a stand-in for a trained one.
torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(3, 32, 7, stride=2), torch.nn.ReLU(), torch.nn.Conv2d(32, 64, 5, stride=4)
)


def module_features(images):
    """Return the maximum of every map of the last layer, in a grid of 3 x 3 places."""
    maps = FeatureMaps.from_module(network, images, ["2"]).layer("2")
    places = torch.nn.functional.adaptive_max_pool2d(torch.tensor(maps), 3)
    return places.flatten(1).numpy()


scores = {}
codes = StyleGANInverter()
features = FunctionTransformer(module_features)
for name, step in (
    ("codes", codes),
    ("module", features),
    ("both", make_union(codes, features)),
):
    model = make_pipeline(step, StandardScaler(), RidgeCV(np.logspace(1, 5, 9)))
    model.fit(faces.images[:200], hair[:200])
    scores[name] = model.score(faces.images[200:], hair[200:])

# %%
# R2 of the length of the hair, on 100 faces that the models have not seen.
figure, axes = plt.subplots(figsize=(4.5, 2.6), layout="constrained")
bars = axes.barh(list(scores), list(scores.values()), color="#1f6f8b")
axes.bar_label(bars, fmt="%.2f", padding=3)
axes.set(xlabel="R2", xlim=(min(0, *scores.values()), 1))
figure.show()
