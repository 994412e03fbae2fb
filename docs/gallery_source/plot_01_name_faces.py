"""
Names of 1,000 faces from 10 labels
===================================

A person says of ten faces whether they wear glasses. The clusters of the feature maps carry these
answers to all the others.
"""

# %%
# Rendered faces stand for your photos. Channels of the generator whose maps differ between a few
# labeled faces are the features.
import numpy as np

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    MaxPoolReducer,
    PseudoLabelClassifier,
    StyleGANInverter,
)
from skstylefeat.datasets import make_faces
from skstylefeat.plotting import ClusterDisplay

faces = make_faces(1_000, random_state=0)
truth = np.where(faces.attributes["glasses"] == "none", "no glasses", "glasses")
inverter = StyleGANInverter(output="features")
maps = inverter.fit_transform(faces.images)

few = np.r_[np.flatnonzero(truth == "glasses")[:2], np.flatnonzero(truth == "no glasses")[:2]]
selector = ChannelMISelector(
    n_channels_per_layer=3, score="anova", n_samples_per_class=None, n_channels=20
)
selector.fit(maps[few], truth[few])
rows = MaxPoolReducer().fit_transform(selector.transform(maps))

# %%
# The annotator asks about six faces: with the four above, ten labels in all.
annotator = ClusterAnnotator(n_labels=6, query="central", random_state=0).fit(rows)
annotator.annotate(truth[annotator.query_indices_])
names = annotator.predict(rows)
unseen = np.setdiff1d(np.arange(1_000), np.r_[few, annotator.query_indices_])
print(f"{np.mean(names[unseen] == truth[unseen]):.1%} of the other {len(unseen)} faces are right")
print(f"{np.mean(truth == 'no glasses'):.1%} would be right if all were called 'no glasses'")

# %%
# Framed faces were asked about; a cross marks a wrong name.
display = ClusterDisplay.from_estimator(annotator, rows, faces.images, y_true=truth, n_images=8)

# %%
# A classifier learns from these names and gives names to new faces, without a further label.
new = make_faces(100, random_state=1)
classifier = PseudoLabelClassifier(annotator, random_state=0).fit(rows, truth)
maxima = MaxPoolReducer().fit_transform(selector.transform(inverter.transform(new.images)))
named = classifier.predict(maxima) == "no glasses"
print(f"{np.mean(named == (new.attributes['glasses'] == 'none')):.1%} of 100 new faces are right")
