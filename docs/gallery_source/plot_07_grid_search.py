"""
A grid search that inverts once
===============================

Inversion takes nearly all of the time, and most parameters come after it. With ``memory=``, a
pipeline keeps the codes, so that the search computes them once per fold.
"""

# %%
import tempfile
import time

import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from skstylefeat import HyperplaneDistance, LatentRegressor, StyleGANInverter
from skstylefeat.datasets import make_faces

faces = make_faces(120, random_state=0)
yaw = faces.attributes["yaw"]

# %%
# ``cache_dir`` of the inverter keeps every single code: images are not inverted again, whichever
# fold they are in. ``memory`` would do the same for whole steps.
folder = tempfile.TemporaryDirectory()
pipeline = Pipeline(
    [
        ("codes", StyleGANInverter(cache_dir=folder.name)),
        ("distance", HyperplaneDistance()),
        ("curve", LatentRegressor()),
    ]
)
start = time.perf_counter()
pipeline["codes"].fit_transform(faces.images)
once = time.perf_counter() - start

grid = {
    "distance__aggregate": ["weighted", "flat"],
    "curve__degree": [1, 2],
}
search = GridSearchCV(pipeline, grid, cv=KFold(2, shuffle=True, random_state=0))
start = time.perf_counter()
search.fit(faces.images, yaw)
took = time.perf_counter() - start
n_fits = len(search.cv_results_["params"]) * 2
print(f"inversion once: {once:.1f} s; {n_fits} fits with two predictions each: {took:.1f} s")
print(f"best: {search.best_params_}, R2 {search.best_score_:.3f}")
folder.cleanup()

# %%
results = search.cv_results_
names = [", ".join(map(str, params.values())) for params in results["params"]]
figure, axes = plt.subplots(figsize=(5, 2.6), layout="constrained")
bars = axes.barh(names, results["mean_test_score"], color="#1f6f8b")
axes.bar_label(bars, fmt="%.2f", padding=3)
axes.set(xlabel="R2", xlim=(0, 1.1), title="degree of the curve, aggregate")
figure.show()
