"""
From photos and a table of labels to predictions
================================================

A folder of photos, and a table with labels of a few of them, are all that is needed. The commands
``fit`` and ``predict`` do the same without Python.
"""

# %%
# Rendered faces stand for your photos: 120 of them, of which the table names 24.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from skstylefeat.datasets import make_faces
from skstylefeat.plotting import SortedImagesDisplay
from skstylefeat.prediction import fit_model, load_model

folder = Path(tempfile.mkdtemp())
faces, new = make_faces(120, random_state=0), make_faces(60, random_state=1)
for name, images in (("photos", faces.images), ("new", new.images)):
    (folder / name).mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / name / f"{number:03}.png")
glasses = np.where(faces.attributes["glasses"] == "none", "no", "yes")
lines = [f"{i:03}.png,{faces.attributes['age'][i]:.0f},{glasses[i]}" for i in range(24)]
(folder / "labels.csv").write_text("\n".join(["file,age,glasses", *lines]))

# %%
# The folder of the model holds predictions of all photos, a report, and how good it is.
fit_model(folder / "photos", folder / "labels.csv", ["age", "glasses"], folder / "model")
print(*(path.name for path in sorted((folder / "model").iterdir())))

# %%
# Other photos, later, on another machine: ages with their 90 % intervals, and names.
predictions = load_model(folder / "model").predict(folder / "new")
age, true = predictions.values["age"], new.attributes["age"]
ends = np.array([predictions.lows["age"], predictions.highs["age"]])
right = predictions.values["glasses"] == np.where(new.attributes["glasses"] == "none", "no", "yes")
print(f"age: mean error {np.abs(age - true).mean():.1f} years; glasses: {right.mean():.0%} right")
figure, axes = plt.subplots(figsize=(4.5, 3.6), layout="constrained")
axes.errorbar(true, age, np.abs(ends - age), fmt="o", color="#1f6f8b", ecolor="#1f6f8b55")
axes.axline((40, 40), slope=1, color="gray", linestyle=":")
axes.set(xlabel="true age (years)", ylabel="predicted age (years)")
figure.show()

# %%
display = SortedImagesDisplay.from_predictions(new.images, age, y_true=true)
