"""
Edits along a plane, and both ends of an interval as faces
==========================================================

A direction learned from labels can be looked at: move codes along it and draw them. The two ends
of a prediction interval can be drawn in the same way.
"""

# %%
import numpy as np

from skstylefeat import HyperplaneDistance, LatentRegressor, StyleGANInverter, load_generator
from skstylefeat.datasets import make_faces
from skstylefeat.directions import MeanDifferenceDirection, edit
from skstylefeat.plotting import EditStripDisplay

faces = make_faces(400, random_state=0)
age = faces.attributes["age"]
generator = load_generator("faces64")
latents = StyleGANInverter().fit_transform(faces.images)
older = MeanDifferenceDirection().fit(latents, np.digitize(age, [30, 55]))
display = EditStripDisplay.from_estimator(generator, latents[3:6], older)

# %%
# A regression from 20 ages along the same direction, and the interval of one new face.
labeled = np.random.default_rng(0).permutation(400)[:20]
distance = HyperplaneDistance(older).fit(latents)
d = distance.transform(latents)
curve = LatentRegressor().fit(d[labeled], age[labeled])
row = 7
low, high = (ends[0] for ends in curve.predict_interval(d[[row]], 0.8))
guess = curve.predict(d[[row]])[0]
print(f"true {age[row]:.0f}, predicted {guess:.0f}, 80 %: {low:.0f} to {high:.0f}")

# %%
# Steps along the direction until the face would be predicted as old as the ends.
steps = np.linspace(-4, 4, 161) * older.distance_
moved = edit(latents[[row]], older, steps)[:, 0]
ages = curve.predict(distance.transform(moved))
ends = [steps[np.abs(ages - value).argmin()] for value in (low, guess, high)]
strip = edit(latents[[row]], older, ends)[:, 0]
images = generator.synthesis(strip.reshape(3, generator.n_ws, generator.w_dim))
images = ((images.transpose(0, 2, 3, 1) + 1) / 2).clip(0, 1)
display = EditStripDisplay.from_images(images[None], ends)
