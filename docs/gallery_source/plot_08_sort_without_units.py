"""
An order without units
======================

Often an order is all that is wanted: the oldest photos first, the most turned heads last. A
direction gives it without a single known value.
"""

# %%
import numpy as np
from scipy.stats import spearmanr

from skstylefeat import HyperplaneDistance, StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.plotting import SortedImagesDisplay

faces = make_faces(300, random_state=0)
age = faces.attributes["age"]
latents = StyleGANInverter().fit_transform(faces.images)

# %%
# Forty faces were put on two piles: younger and older.
labeled = np.random.default_rng(0).permutation(300)[:40]
piles = np.where(age[labeled] < 40, "younger", "older")
plane = HyperplaneDistance().fit(latents[labeled], piles == "older")
order = plane.transform(latents)[:, 0]
others = np.setdiff1d(np.arange(300), labeled)
print(f"rank correlation with the age: {spearmanr(order[others], age[others]).statistic:.2f}")
display = SortedImagesDisplay.from_predictions(
    faces.images[others], order[others], y_true=age[others], n_images=20
)
