"""PseudoLabelClassifier: a classifier trained on the names that an annotator gives."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from skstylefeat._utils._labels import label_array, split_labels
from skstylefeat._utils._validation import check_magnitude
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.annotation._annotator import ClusterAnnotator

__all__ = ["PseudoLabelClassifier"]

# Paper A says "a simple 3-layer MLP" and leaves the widths open: two hidden layers and the output.
_HIDDEN_LAYERS = (128, 64)


class PseudoLabelClassifier(ClassifierMixin, MetaEstimatorMixin, VersionStamped, BaseEstimator):
    """Few-shot classifier: name all rows by a few labels, then learn from the names.

    Parameters
    ----------
    annotator : estimator or None, default=None
        Names the rows: `fit` with the labels, then `predict`. None is
        ``ClusterAnnotator(random_state=random_state)``, which asks for 3 labels in each of 8
        clusters; if some rows of `y` have no label it takes the labels that are there
        (``query="labeled"``).
    classifier : estimator or None, default=None
        Trained on the names. None standardizes the columns and trains
        :class:`sklearn.neural_network.MLPClassifier` with hidden layers of 128 and 64 units.
    confidence_weighted : bool, default=False
        Weight rows by the highest probability that the annotator gives them, so that rows between
        clusters count for less. Both sides must support it: `predict_proba` and `sample_weight`.
    random_state : int, RandomState instance or None, default=None
        Seeds the default annotator and classifier.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes that the annotator came across.
    annotator_ : estimator
        The fitted annotator. It knows classes by their position in the sorted classes of `y`.
    classifier_ : estimator
        The fitted classifier.
    pseudo_labels_ : ndarray of shape (n,)
        Names of the rows of `X` that the classifier was trained on.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    ClusterAnnotator : Asks for labels and names rows.

    Notes
    -----
    Paper A, "facial attribute representations", section 5.4. Labels count as missing where they
    are -1, None or NaN. As a classifier this one also has to take any two numbers for classes: a
    `y` that holds -1 and 1 and nothing else is taken for two classes, as in support vector
    machines; write None or NaN for missing labels of a class called 1.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skstylefeat import ClusterAnnotator, PseudoLabelClassifier
    >>> X, y = make_blobs(n_samples=300, centers=3, cluster_std=0.5, random_state=0)
    >>> annotator = ClusterAnnotator(n_labels=10, random_state=0)
    >>> classifier = PseudoLabelClassifier(annotator, random_state=0).fit(X, y)
    >>> classifier.score(X, y) > 0.9  # of 300 labels 10 were read
    True
    """

    _parameter_constraints: dict = {
        "annotator": [HasMethods(["fit", "predict"]), None],
        "classifier": [HasMethods(["fit", "predict"]), None],
        "confidence_weighted": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self, annotator=None, classifier=None, *, confidence_weighted=False, random_state=None
    ):
        self.annotator = annotator
        self.classifier = classifier
        self.confidence_weighted = confidence_weighted
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Annotate the rows and train the classifier on the names.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            One row an image.
        y : array-like of shape (n,)
            Labels; -1, None or NaN where there is none.

        Returns
        -------
        self : PseudoLabelClassifier

        Raises
        ------
        ValueError
            If no row has a label, all rows have the same one, or as the annotator does.

        Warns
        -----
        UserWarning
            If the annotator gives all rows the same name, so that there is nothing to learn: a
            few labels may happen to be of one class. Predictions are constant then.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        check_magnitude(X)
        rows, labels = _read_labels(y, len(X))
        if not len(rows):
            raise ValueError("No row of y has a label; -1, None and NaN mean that it is missing.")
        check_classification_targets(labels)
        names, found = np.unique(labels, return_inverse=True)
        if len(names) == 1 and len(rows) == len(X):
            raise ValueError(f"y holds 1 class only, {names.tolist()[0]!r}; expected 2 or more.")
        codes = np.full(len(X), -1)
        codes[rows] = found

        self.annotator_ = self._make_annotator(complete=len(rows) == len(X)).fit(X, codes)
        pseudo = self.annotator_.predict(X)
        self.classes_ = names[getattr(self.annotator_, "classes_", np.unique(pseudo))]
        self.pseudo_labels_ = names[pseudo]
        self._fit_classifier(X)
        return self

    def predict(self, X):
        """Classify rows.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            Labels, from `classes_`.
        """
        X = self._check_rows(X)
        return self.classifier_.predict(X)

    def predict_proba(self, X):
        """Probability of each class for each row.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Columns follow `classes_`; 0 for a class that no cluster was named after.
        """
        X = self._check_rows(X)
        proba = np.zeros((len(X), len(self.classes_)))
        columns = np.searchsorted(self.classes_, self.classifier_.classes_)
        proba[:, columns] = self.classifier_.predict_proba(X)
        return proba

    def _check_rows(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        check_magnitude(X)
        return X

    def _make_annotator(self, *, complete):
        if self.annotator is not None:
            return clone(self.annotator)
        query = "random" if complete else "labeled"
        return ClusterAnnotator(query=query, random_state=self.random_state)

    def _fit_classifier(self, X):
        if len(np.unique(self.pseudo_labels_)) == 1:
            warnings.warn(
                f"Every row was named {self.pseudo_labels_.tolist()[0]!r}, so that all predictions "
                "are. Label more rows, or make more clusters.",
                stacklevel=3,
            )
            self.classifier_ = DummyClassifier().fit(X, self.pseudo_labels_)
            return
        with warnings.catch_warnings():
            if self.classifier is not None:
                self.classifier_ = clone(self.classifier)
            else:
                self.classifier_ = make_pipeline(
                    StandardScaler(),
                    MLPClassifier(_HIDDEN_LAYERS, max_iter=100, random_state=self.random_state),
                )
                # The default network trains for a number of epochs; more would fit the names'
                # errors.
                warnings.simplefilter("ignore", ConvergenceWarning)
            self.classifier_.fit(X, self.pseudo_labels_, **self._weights(X))

    def _weights(self, X):
        """Return the fit parameters that weight rows by the annotator's confidence."""
        if not self.confidence_weighted:
            return {}
        steps = self.classifier_.steps if isinstance(self.classifier_, Pipeline) else None
        last = steps[-1][1] if steps else self.classifier_
        if not has_fit_parameter(last, "sample_weight"):
            raise ValueError(
                f"confidence_weighted=True, but {type(last).__name__}.fit takes no sample_weight."
            )
        if not hasattr(self.annotator_, "predict_proba"):
            raise ValueError(
                f"confidence_weighted=True, but {type(self.annotator_).__name__} has no "
                "predict_proba."
            )
        confidence = self.annotator_.predict_proba(X).max(axis=1)
        return {f"{steps[-1][0]}__sample_weight" if steps else "sample_weight": confidence}


def _read_labels(y, n_samples):
    """Return labeled rows and labels; -1 is a class where 1 is the only other one."""
    y = label_array(y, n_samples)
    if y.dtype.kind in "iuf" and set(np.unique(y).tolist()) == {-1, 1}:
        return np.arange(n_samples), y
    if y.dtype.kind == "O" and set(y.tolist()) == {-1, 1}:
        return np.arange(n_samples), y.astype(int)
    return split_labels(y, n_samples)
