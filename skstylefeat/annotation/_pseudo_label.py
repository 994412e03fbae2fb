"""Few-shot classification: a classifier trained on the names that an annotator gives."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context, clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import (
    _check_method_params,
    _check_sample_weight,
    check_is_fitted,
    has_fit_parameter,
)

from skstylefeat._utils._labels import check_no_continuum, label_array, split_labels
from skstylefeat._utils._nan_rows import check_rows, spread_rows, validate_rows
from skstylefeat._utils._sklearn_base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from skstylefeat._utils._typing import RandomState
from skstylefeat._utils._validation import check_magnitude, validate_numpy
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.annotation._annotator import ClusterAnnotator

__all__ = ["PseudoLabelClassifier"]

# Paper A calls its network "a simple 3-layer MLP" without widths: two hidden layers and the output.
_HIDDEN_LAYERS = (128, 64)


class PseudoLabelClassifier(ClassifierMixin, MetaEstimatorMixin, VersionStamped, BaseEstimator):
    """Few-shot classifier: name all rows from a few labels, then learn from the names.

    Parameters
    ----------
    annotator : estimator or None, default=None
        Names the rows: `fit` with the labels, then `predict`. None is
        ``ClusterAnnotator(random_state=random_state)``, which asks for 3 labels in each of 8
        clusters, or takes the labels in `y` if some rows have none (``query="labeled"``).
    classifier : estimator or None, default=None
        Trained on the names. None standardizes the columns and trains
        :class:`sklearn.neural_network.MLPClassifier` with hidden layers of 128 and 64 units.
    confidence_weighted : bool, default=False
        Weight rows by the highest probability that the annotator gives them, so that rows between
        clusters count less. The annotator must have `predict_proba`, and the classifier must take
        `sample_weight`.
    random_state : int, RandomState instance or None, default=None
        Seeds the default annotator and classifier.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Classes that the annotator has seen.
    annotator_ : estimator
        The fitted annotator. Its classes are positions in the sorted classes of `y`.
    classifier_ : estimator
        The fitted classifier.
    pseudo_labels_ : ndarray of shape (n,)
        Names of the rows on which the classifier was trained: all rows of `X` except those of NaN
        or of weight 0.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    ClusterAnnotator : Asks for labels and names rows.

    Notes
    -----
    Paper A, "facial attribute representations", section 5.4. Missing labels are None, NaN or
    pandas' NA, texts such as "" and "NaN", and -1 unless 1 is the only other label.

    This is a router of metadata: with ``enable_metadata_routing``, parameters of `fit` go to the
    `fit` of the annotator and of the classifier, as these request.

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

    classes_: NDArray[Any]
    annotator_: Any
    classifier_: Any
    pseudo_labels_: NDArray[Any]
    n_features_in_: int

    _parameter_constraints: dict[str, list[Any]] = {
        "annotator": [HasMethods(["fit", "predict"]), None],
        "classifier": [HasMethods(["fit", "predict"]), None],
        "confidence_weighted": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        annotator: Any = None,
        classifier: Any = None,
        *,
        confidence_weighted: bool = False,
        random_state: RandomState = None,
    ) -> None:
        self.annotator = annotator
        self.classifier = classifier
        self.confidence_weighted = confidence_weighted
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:
        """Annotate the rows and train the classifier on the names.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            One row per image. Rows of NaN, for images that could not be read, are left out.
        y : array-like of shape (n,)
            Labels, of which some may be missing.
        **fit_params : dict
            ``sample_weight`` weights the rows in the classifier; rows of weight 0 are left out.
            With metadata routing, all parameters that the annotator or the classifier request.

        Returns
        -------
        self : PseudoLabelClassifier

        Raises
        ------
        ValueError
            If no row has a label, all rows have the same one, the classifier takes no weights, or
            as the annotator does.

        Warns
        -----
        UserWarning
            If the annotator gives all rows the same name, which happens if the few labels are all
            of one class. All predictions are then that name.
        """
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        for_annotator, for_classifier = self._route(fit_params)
        data = validate_numpy(
            self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
        )
        column = label_array(y, len(data))

        # Rows of NaN and rows of weight 0 are left out, as if they did not exist.
        is_kept = ~check_rows(data)
        weight = for_classifier.pop("sample_weight", None)
        if weight is not None:
            weight = _check_sample_weight(weight, data, ensure_non_negative=True)
            is_kept &= weight > 0
        if not is_kept.all():
            kept = np.flatnonzero(is_kept)
            for_annotator = _check_method_params(data, for_annotator, kept)
            for_classifier = _check_method_params(data, for_classifier, kept)
            data, column = data[kept], column[kept]
            weight = None if weight is None else weight[kept]
        check_magnitude(data)

        # The annotator sees classes as their positions, and -1 as scikit-learn's missing label.
        rows, labels = split_labels(column, len(data))
        if not len(rows):
            raise ValueError(
                "No row of y has a label (-1, None and NaN mean that it is missing), or all rows "
                "with one have NaN in X or the weight 0."
            )
        check_no_continuum(labels)
        is_complete = len(rows) == len(data)
        names, found = np.unique(labels, return_inverse=True)
        if len(names) == 1 and is_complete:
            where = "" if weight is None else " in the rows whose sample_weight is positive"
            raise ValueError(
                f"y holds 1 class only{where}, {names.tolist()[0]!r}; expected 2 or more."
            )
        codes = np.full(len(data), -1)
        codes[rows] = found

        if self.annotator is not None:
            self.annotator_ = clone(self.annotator)
        else:
            self.annotator_ = ClusterAnnotator(
                query="random" if is_complete else "labeled", random_state=self.random_state
            )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "[0-9]+ labels are -1 and count as missing")
            self.annotator_.fit(data, codes, **for_annotator)
        pseudo = self.annotator_.predict(data)
        self.classes_ = names[getattr(self.annotator_, "classes_", np.unique(pseudo))]
        self.pseudo_labels_ = names[pseudo]

        if self.confidence_weighted:
            confidence = self._confidence(data)
            weight = confidence if weight is None else weight * confidence
        self._fit_classifier(data, weight, for_classifier)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Classify rows.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            Labels, from `classes_`. Rows of NaN have no name: "" among texts, NaN among numbers.
        """
        data, missing = self._check_rows(X)
        names = self.classifier_.predict(data) if len(data) else self.classes_[:0]
        return spread_rows(names, missing)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probability of each class for each row.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Columns follow `classes_`; 0 for a class that no cluster was named after, NaN for rows
            of NaN.
        """
        data, missing = self._check_rows(X)
        proba = np.zeros((len(data), len(self.classes_)))
        columns = np.searchsorted(self.classes_, self.classifier_.classes_)
        if len(data):
            proba[:, columns] = self.classifier_.predict_proba(data)
        return spread_rows(proba, missing)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which parameters of `fit` go to the annotator, and which to the classifier.

        Returns
        -------
        MetadataRouter
        """
        fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        if self.annotator is not None:
            router.add(annotator=self.annotator, method_mapping=fit)
        return router.add(classifier=self._make_classifier(), method_mapping=fit)

    def _route(self, fit_params):
        """Return the parameters of `fit` for the annotator and for the classifier."""
        if not _routing_enabled():
            others = {name: x for name, x in fit_params.items() if name != "sample_weight"}
            _raise_for_params(others, self, "fit")
            return {}, fit_params
        routed = process_routing(self, "fit", **fit_params)
        return routed.annotator.fit if self.annotator is not None else {}, routed.classifier.fit

    def _check_rows(self, X):
        """Return the readable rows, and a mask of the others."""
        check_is_fitted(self)
        return validate_rows(self, X)

    def _make_classifier(self):
        if self.classifier is not None:
            return clone(self.classifier)
        scaler = StandardScaler()
        network = MLPClassifier(_HIDDEN_LAYERS, max_iter=100, random_state=self.random_state)
        if _routing_enabled() and has_fit_parameter(network, "sample_weight"):
            scaler.set_fit_request(sample_weight=False)
            network.set_fit_request(sample_weight=True)
        return make_pipeline(scaler, network)

    def _fit_classifier(self, X, weight, params):
        """Train the classifier on the names."""
        self.classifier_ = self._make_classifier()
        if weight is not None:
            params = {**params, **_weight_parameter(self.classifier_, weight)}

        if len(np.unique(self.pseudo_labels_)) == 1:
            warnings.warn(
                f"All rows were named {self.pseudo_labels_.tolist()[0]!r}, and so are all "
                "predictions. Label more rows, or make more clusters.",
                stacklevel=3,
            )
            self.classifier_ = DummyClassifier().fit(X, self.pseudo_labels_)
            return
        with warnings.catch_warnings():
            if self.classifier is None:
                # The default network trains for a fixed number of epochs: more would fit the
                # errors of the names.
                warnings.simplefilter("ignore", ConvergenceWarning)
            self.classifier_.fit(X, self.pseudo_labels_, **params)

    def _confidence(self, X):
        if not hasattr(self.annotator_, "predict_proba"):
            raise ValueError(
                f"confidence_weighted=True, but {type(self.annotator_).__name__} has no "
                "predict_proba."
            )
        return self.annotator_.predict_proba(X).max(axis=1)


def _weight_parameter(classifier, weight):
    """Return the parameter of `fit` that weights rows in a classifier, or at a pipeline's end."""
    prefix, last = "", classifier
    while isinstance(last, Pipeline):
        if _routing_enabled():
            _request_no_weights([step for _, step in last.steps[:-1]])
        name, last = last.steps[-1]
        prefix += f"{name}__"
    if not has_fit_parameter(last, "sample_weight"):
        raise ValueError(
            f"Rows have weights, but {type(last).__name__}.fit takes no sample_weight. Choose "
            "another classifier, or leave out sample_weight and confidence_weighted."
        )
    if not _routing_enabled():
        return {f"{prefix}sample_weight": weight}
    last.set_fit_request(sample_weight=True)
    return {"sample_weight": weight}


def _request_no_weights(steps):
    """Set steps before the classifier to decline weights, unless they have requested them."""
    for step in steps:
        if not has_fit_parameter(step, "sample_weight"):
            continue
        if step.get_metadata_routing().fit.requests.get("sample_weight") is None:
            step.set_fit_request(sample_weight=False)
