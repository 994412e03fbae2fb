"""
Photos that are framed differently
==================================

A generator knows faces at one place and one size. Photos framed otherwise have no good codes, and
predictions from these are worse. The check of framing finds them without an inversion.
"""

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.inversion import framing_scores
from skstylefeat.plotting import InversionDisplay

faces, new = make_faces(200, random_state=0), make_faces(40, random_state=1)
model = make_pipeline(StyleGANInverter(), StandardScaler(), RidgeCV(np.logspace(2, 5, 7)))
model.fit(faces.images, faces.attributes["yaw"])


def moved(images, pixels):
    """Return images moved to the right; the left border is continued."""
    padded = np.pad(images, ((0, 0), (0, 0), (pixels, 0), (0, 0)), mode="edge")
    return padded[:, :, : images.shape[2]]


# %%
# One face, moved further and further, above what the generator makes of it.
pixels = [0, 3, 6, 10, 14, 20]
strip = np.concatenate([moved(new.images[4:5], n) for n in pixels])
display = InversionDisplay.from_estimator(model[0], strip)

# %%
# The error of the yaw of 40 faces, and the share of them that the check reports. ``predict`` warns,
# too, that these images look foreign; the curve shows why.
warnings.simplefilter("ignore")
strips = [moved(new.images, n) for n in pixels]
errors = [np.abs(model.predict(x) - new.attributes["yaw"]).mean() for x in strips]
scores = framing_scores(np.concatenate(strips)).reshape(len(pixels), -1)
reported = (scores > 2).mean(axis=1)
figure, axes = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
widths = np.divide(pixels, 64)
axes[0].plot(widths, errors, marker="o", color="#1f6f8b")
axes[0].set(xlabel="moved by (image widths)", ylabel="mean error (degrees)", ylim=(0, None))
axes[1].plot(widths, reported, marker="o", color="#1f6f8b")
axes[1].set(xlabel="moved by (image widths)", ylabel="share reported", ylim=(0, 1.05))
figure.show()
