"""
A grid search that inverts once
===============================

Inversion takes nearly all of the time, and most parameters come after it. With ``memory=``, a
pipeline keeps the codes, so that the search computes them once per fold.
"""

# %%
import tempfile
import time

import numpy as np
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from skstylefeat import HyperplaneDistance, LatentRegressor, StyleGANInverter
from skstylefeat.datasets import make_faces

faces = make_faces(200, random_state=0)
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
    "distance__aggregate": ["mean", "flat", "per_layer"],
    "curve__degree": [1, 2, 3],
}
search = GridSearchCV(pipeline, grid, cv=KFold(3, shuffle=True, random_state=0))
start = time.perf_counter()
search.fit(faces.images, yaw)
took = time.perf_counter() - start
n_fits = len(search.cv_results_["params"]) * 3
print(f"inversion once: {once:.1f} s; {n_fits} fits with two predictions each: {took:.1f} s")
print(f"best: {search.best_params_}, R2 {search.best_score_:.3f}")
folder.cleanup()

# %%
for params, score in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"R2 {score:.3f}  {params}")
assert np.isfinite(search.best_score_)
