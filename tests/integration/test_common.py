"""scikit-learn's common checks for every estimator, with parameters that make them quick."""

from pathlib import Path

from sklearn.utils.estimator_checks import parametrize_with_checks

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    PseudoLabelClassifier,
    StyleGANInverter,
)
from skstylefeat.directions import (
    DiscriminantDirection,
    FixedDirection,
    LatentPCA,
    LinearSVMDirection,
    MeanDifferenceDirection,
    NuisanceProjection,
    SeFa,
    StyleChannelDirection,
    TextDirection,
)
from skstylefeat.features import FeatureMapExtractor, HOGDescriptor
from tests.support.adapters import (
    RowsAsDrawings,
    RowsAsImages,
    RowsAsLatents,
    RowsAsMaps,
    RowsWithVariants,
)
from tests.support.estimators import Named, embed_images, embed_texts, estimator_classes
from tests.support.networks import tiny_encoder, tiny_generator

GENERATOR = tiny_generator()
EMBEDDINGS = Named(embed_images), Named(embed_texts)

# docs/common_checks.py makes a table of these. Some estimators do not take rows of any width alone;
# adapters turn rows into their input.
ESTIMATORS = [
    ClusterAnnotator(),
    ClusterAnnotator(n_labels=5, query="diverse", standardize=False),
    DiscriminantDirection(),
    FixedDirection([1.0, 2.0]),
    HyperplaneDistance(),
    HyperplaneDistance(aggregate="flat", normalize=False),
    HyperplaneDistance(aggregate="per_layer", w_dim=1),
    LatentPCA(),
    LatentRegressor(),
    LatentRegressor("huber", n_refits=3),
    LatentRegressor("l2", degree=2, monotonic=True, unlabeled="ignore"),
    LinearSVMDirection(),
    MeanDifferenceDirection(),
    MaxPoolReducer(),
    PseudoLabelClassifier(),
    SeFa(GENERATOR),
    StyleChannelDirection(GENERATOR, 0, 0, random_state=0),
    TextDirection(GENERATOR, *EMBEDDINGS, "red", "white", n_samples=1, threshold=0.0),
    RowsAsDrawings(),
    RowsAsImages(GENERATOR, tiny_encoder(GENERATOR)),
    RowsAsLatents(GENERATOR),
    RowsAsMaps(),
    RowsWithVariants(),
]
ADAPTED = {
    RowsAsDrawings: HOGDescriptor,
    RowsAsImages: StyleGANInverter,
    RowsAsLatents: FeatureMapExtractor,
    RowsAsMaps: ChannelMISelector,
    RowsWithVariants: NuisanceProjection,
}


@parametrize_with_checks(ESTIMATORS)
def test_common_checks(estimator, check):
    check(estimator)


def test_every_estimator_is_checked():
    checked = {ADAPTED.get(type(estimator), type(estimator)) for estimator in ESTIMATORS}
    assert checked == estimator_classes()


def test_the_table_in_the_docs_names_every_estimator():
    page = (Path(__file__).parents[2] / "docs" / "scikit_learn.md").read_text()
    for estimator in ESTIMATORS:
        name = ADAPTED.get(type(estimator), type(estimator)).__name__
        assert f"| `{name}" in page, name
