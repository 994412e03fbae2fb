"""
Degrees from a few values, with intervals
=========================================

Left, middle and right are enough to order faces by the yaw of the head. Two known values then turn
the order into degrees; ten of them also give intervals.
"""

# %%
import numpy as np

from skstylefeat import HyperplaneDistance, LatentRegressor, StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.plotting import DistanceCalibrationDisplay

faces = make_faces(400, random_state=0)
yaw = faces.attributes["yaw"]
latents = StyleGANInverter().fit_transform(faces.images)
coarse = np.digitize(yaw, [-15, 15])  # left, middle, right
distance = HyperplaneDistance().fit(latents, coarse).transform(latents)

# %%
# Two values: the faces at both ends of the order.
order = distance[:, 0].argsort()
two = order[[20, -20]]
curve = LatentRegressor().fit(distance[two], yaw[two])
error = np.abs(curve.predict(distance) - yaw)
print(f"from 2 values: mean error {error.mean():.1f} degrees")
print(f"without any image: {np.abs(yaw - yaw[two].mean()).mean():.1f} degrees")

# %%
# With twenty values there are intervals, which hold as promised for new faces of the same kind.
twenty = order[np.linspace(10, 389, 20).astype(int)]
curve = LatentRegressor().fit(distance[twenty], yaw[twenty])
low, high = curve.predict_interval(distance, 0.9)
others = np.setdiff1d(np.arange(400), twenty)
inside = ((low <= yaw) & (yaw <= high))[others].mean()
print(f"{inside:.0%} of the other faces lie in their 90 % interval")
display = DistanceCalibrationDisplay.from_estimator(
    curve, distance, yaw, labeled=twenty, coverage=0.9, value_name="yaw (degrees)"
)
