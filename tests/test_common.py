"""scikit-learn's common checks for every estimator, with parameters that make them quick."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skstylefeat import ClusterAnnotator, MaxPoolReducer, PseudoLabelClassifier
from tests.adapters import RowsAsMaps

ESTIMATORS = [
    ClusterAnnotator(n_annotations=2),
    MaxPoolReducer(),
    PseudoLabelClassifier(),
    RowsAsMaps(),
]


@parametrize_with_checks(ESTIMATORS)
def test_common_checks(estimator, check):
    check(estimator)
