"""scikit-learn's common checks for every estimator, with parameters that make them quick."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skstylefeat import (
    ClusterAnnotator,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    PseudoLabelClassifier,
)
from skstylefeat.directions import LatentPCA, LinearSVMDirection
from tests.adapters import RowsAsImages, RowsAsMaps
from tests.networks import tiny_encoder, tiny_generator

GENERATOR = tiny_generator()

ESTIMATORS = [
    ClusterAnnotator(n_annotations=2),
    HyperplaneDistance(),
    HyperplaneDistance(aggregate="flat", normalize=False),
    HyperplaneDistance(aggregate="per_layer", w_dim=1),
    LatentPCA(),
    LatentRegressor(),
    LatentRegressor("huber", n_refits=3),
    LatentRegressor("l2", degree=2, monotonic=True, unlabeled="ignore"),
    LinearSVMDirection(),
    MaxPoolReducer(),
    PseudoLabelClassifier(),
    RowsAsImages(GENERATOR, tiny_encoder(GENERATOR)),
    RowsAsMaps(),
]


@parametrize_with_checks(ESTIMATORS)
def test_common_checks(estimator, check):
    check(estimator)
