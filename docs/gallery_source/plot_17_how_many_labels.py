"""
How many labels are enough?
===========================

Labels are drawn again and again, and every other face is scored. Codes of a generator compete with
histograms of oriented gradients (HOG) and with both side by side.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import FeatureMapExtractor, FewShotSplit, MaxPoolReducer, StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.features import HOGDescriptor

faces = make_faces(300, random_state=0)
targets = {
    "glasses": np.where(faces.attributes["glasses"] == "none", "no", "yes"),
    "age over 45": faces.attributes["age"] > 45,
}
latents = StyleGANInverter().fit_transform(faces.images)
maps = FeatureMapExtractor(layers=["b16", "b32"]).fit(latents).transform(latents)
rows = {
    "HOG": HOGDescriptor(mirror="mean").fit_transform(faces.images),
    "W+ codes": latents,
    "maxima of maps": MaxPoolReducer().fit_transform(maps),
}
rows["maxima and HOG"] = np.hstack([rows["maxima of maps"], rows["HOG"]])

# %%
# Mean accuracy over twelve draws of the labels; the band holds the middle half of the draws.
# The dotted line is the commoner class. On photos HOG is a stronger competitor: see the results.
budgets = [4, 10, 25, 60]
reader = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharey=True)
for ax, (target, y) in zip(axes, targets.items(), strict=True):
    for name, X in rows.items():
        splits = [FewShotSplit(n, n_draws=12, random_state=0) for n in budgets]
        scores = [cross_val_score(reader, X, y, cv=split) for split in splits]
        places = [str(n) for n in budgets]
        (line,) = ax.plot(places, np.mean(scores, axis=1), marker="o", label=name)
        low, high = np.quantile(scores, [0.25, 0.75], axis=1)
        ax.fill_between(places, low, high, color=line.get_color(), alpha=0.15)
    ax.axhline(max(np.mean(y == value) for value in np.unique(y)), color="gray", linestyle=":")
    ax.set(title=target, xlabel="labels")
axes[0].set(ylabel="accuracy")
axes[1].legend(frameon=False, fontsize=8)
figure.show()
