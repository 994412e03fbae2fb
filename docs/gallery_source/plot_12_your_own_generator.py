"""
Your own generator: an encoder by fit
=====================================

A generator without an encoder gets one from ``encoder="train"``: it learns from the generator's own
samples and from the images of ``fit``. No label is read. A few steps show how; a useful encoder
takes thousands.
"""

# %%
from skstylefeat import StyleGANInverter, load_generator
from skstylefeat.datasets import make_faces
from skstylefeat.plotting import InversionDisplay

generator = load_generator("faces64")  # a path of your own file goes here
faces = make_faces(32, random_state=0)

# %%
inverter = StyleGANInverter(
    generator, encoder="train", n_train_steps=6, batch_size=16, random_state=0
)
inverter.fit(faces.images)
trained = InversionDisplay.from_estimator(inverter, faces.images[:8])
print(f"after 6 steps: {trained.psnr_.mean():.1f} dB")

# %%
# The bundled encoder of this generator, for comparison.
bundled = InversionDisplay.from_estimator(
    StyleGANInverter(generator).fit(faces.images), faces.images[:8]
)
print(f"bundled: {bundled.psnr_.mean():.1f} dB")
