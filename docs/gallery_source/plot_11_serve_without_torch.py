"""
A model without torch and without pickle
========================================

What comes after inversion needs NumPy only. Saved by skops, such a model is read where torch is not
installed, and no code of the file is run.
"""

# %%
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import skops.io
from sklearn.pipeline import make_pipeline

import skstylefeat
from skstylefeat import HyperplaneDistance, LatentRegressor, StyleGANInverter
from skstylefeat.datasets import make_faces

faces = make_faces(200, random_state=0)
latents = StyleGANInverter().fit_transform(faces.images)
model = make_pipeline(HyperplaneDistance(), LatentRegressor())
model.fit(latents, faces.attributes["yaw"])

folder = Path(tempfile.mkdtemp())
skops.io.dump(model, folder / "yaw.skops")
np.save(folder / "codes.npy", latents[:3])
print(f"{(folder / 'yaw.skops').stat().st_size / 1024:.0f} kB")

# %%
# Another process reads it. ``torch`` is made impossible to import there.
code = """
import sys
class NoTorch:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is not installed")
sys.meta_path.insert(0, NoTorch())
import numpy as np, skops.io, skstylefeat
model = skops.io.load("yaw.skops", trusted=skstylefeat.TRUSTED_TYPES)
print(model.predict(np.load("codes.npy")).round(1), "degrees")
"""
done = subprocess.run(
    [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
)
print(done.stdout)
print("true:", faces.attributes["yaw"][:3].round(1), "with", skstylefeat.__version__)
