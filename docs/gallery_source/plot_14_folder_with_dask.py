"""
A folder of photos with dask
============================

A dask array of codes is computed block by block, on the threads of this machine or on a cluster.
Neither the photos nor the codes have to fit in memory.
"""

# %%
# Rendered faces stand for a folder of photos. Two hundred of them have coarse labels and ten have
# exact ones; these teach the pipeline.
import tempfile
from pathlib import Path

import dask.array as da
import numpy as np
from PIL import Image
from sklearn.pipeline import make_pipeline

from skstylefeat import HyperplaneDistance, LatentRegressor, StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.images import list_images
from skstylefeat.plotting import SortedImagesDisplay

known = make_faces(200, random_state=0)
yaw = known.attributes["yaw"]
inverter = StyleGANInverter()
latents = inverter.fit_transform(known.images)
plane = HyperplaneDistance().fit(latents, np.digitize(yaw, [-15, 15]))
ten = plane.transform(latents)[:, 0].argsort()[10::20]
curve = LatentRegressor().fit(plane.transform(latents[ten]), yaw[ten])

new = make_faces(120, random_state=1)
folder = Path(tempfile.mkdtemp())
for number, face in enumerate(new.images):
    Image.fromarray(face).save(folder / f"{number:03}.png")

# %%
# Blocks of 30 paths become blocks of codes and of degrees. Nothing is computed yet.
paths = list_images(folder).files
files = da.from_array(np.array(paths), chunks=30)
width = len(inverter.get_feature_names_out())
codes = files.map_blocks(
    inverter.transform, dtype="float32", new_axis=1, chunks=(files.chunks[0], (width,))
)
degrees = codes.map_blocks(make_pipeline(plane, curve).predict, dtype="float64", drop_axis=1)
print(degrees)

# %%
# ``codes.to_zarr("codes.zarr")`` would write the codes block by block. With a
# ``dask.distributed.Client`` of a cluster, the same lines run there. Numbers are the true degrees.
predicted = degrees.compute(scheduler="threads", num_workers=2)
print(f"mean error of {len(paths)} photos: {np.abs(predicted - new.attributes['yaw']).mean():.1f}°")
display = SortedImagesDisplay.from_predictions(new.images, predicted, y_true=new.attributes["yaw"])
