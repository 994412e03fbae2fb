"""
Wrong labels
============

Labels of hundreds of images contain mistakes. A model that did not see a label finds most of them
near the top of a short list.
"""

# %%
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import MaxPoolReducer, StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.plotting import SortedImagesDisplay

faces = make_faces(300, random_state=0)
truth = np.where(faces.attributes["glasses"] == "none", "none", "glasses")
rows = make_pipeline(StyleGANInverter(output="features"), MaxPoolReducer()).fit_transform(
    faces.images
)

# %%
# Fifteen labels are wrong.
wrong = np.random.default_rng(0).permutation(300)[:15]
labels = truth.copy()
labels[wrong] = np.where(truth[wrong] == "none", "glasses", "none")

reader = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
proba = cross_val_predict(reader, rows, labels, cv=10, method="predict_proba")
given = proba[np.arange(300), np.searchsorted(np.unique(labels), labels)]
suspects = given.argsort()[:20]
print(f"{np.isin(suspects, wrong).sum()} of the 15 wrong labels are among the first 20 of 300")

# %%
# The most suspicious images with their labels.
display = SortedImagesDisplay.from_predictions(
    faces.images[suspects], given[suspects], y_true=labels[suspects], n_images=20
)
