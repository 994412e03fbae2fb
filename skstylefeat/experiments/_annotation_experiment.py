"""Annotation and classification from a few labels, as in paper A, with competitors.

A draw reads labels in two places only: a few images of each class, which choose the channels, and
the images of the annotator's query. The competitors get all of these labels. Annotation is scored
on the training images that were not labeled, everything else on the test images.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClusterMixin
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from skstylefeat._utils._draws import draw_per_class
from skstylefeat.annotation._annotator import ClusterAnnotator
from skstylefeat.annotation._pseudo_label import PseudoLabelClassifier
from skstylefeat.experiments._baselines import logistic_predictions, majority_predictions
from skstylefeat.experiments._representation import ImageSet
from skstylefeat.experiments._score_table import (
    Score,
    Table,
    best_columns,
    fixed_seed,
    seed_of_draw,
    summarize,
    tabulate,
    user_features,
)
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.features._selector import ChannelMISelector
from skstylefeat.metrics._scores import clustering_accuracy

#: Labeled images per class that choose the channels (paper A, table 4).
N_PER_CLASS: int = 4
#: Parameters of `ChannelMISelector` for a selection by F value. F values are comparable across
#: layers, so the best few overall are kept, from several layers.
ANOVA_SELECTION: Mapping[str, Any] = {
    "score": "anova",
    "n_channels_per_layer": 3,
    "n_channels": 20,
}
#: The image at the center represents its cluster more often than a random one.
QUERY: Literal["random", "central", "diverse"] = "central"
#: Titles of the columns, in order. Features of the user's follow under their own names.
METHODS = {
    "majority": "majority",
    "pca": "PCA + logistic",
    "latents": "W+ + logistic",
    "hog": "HOG + logistic",
    "styles": "S + logistic",
    "union": "S + HOG",
    "mi": "clusters (MI)",
    "annotation": "clusters (F)",
    "again": "second round",
    "classifier": "pseudo labels",
}


class Annotation(NamedTuple):
    """Clusters named by a few labels: the result of one draw.

    Attributes
    ----------
    selection_rows : ndarray of int
        Training rows whose labels chose the channels.
    labeled_rows : ndarray of int
        All training rows whose true labels were read.
    selector : ChannelMISelector or None
        The fitted selector; None if the channels were chosen elsewhere.
    features : ndarray of shape (n_train, d)
        Selected and pooled channels of the training images.
    test_features : ndarray of shape (n_test, d)
        The same for the test images.
    annotator : ClusterAnnotator
        Fitted and annotated.
    known : ndarray of shape (n_train,), object
        Labels that the annotator read; None in the other rows.
    """

    selection_rows: NDArray[np.intp]
    labeled_rows: NDArray[np.intp]
    selector: ChannelMISelector | None
    features: NDArray[Any]
    test_features: NDArray[Any]
    annotator: ClusterAnnotator
    known: NDArray[np.object_]

    @property
    def names(self) -> NDArray[Any]:
        """Names of the clusters of all training rows."""
        return self.annotator.cluster_labels_[self.annotator.labels_]


def select_channels(
    maps: FeatureMaps, y_train: NDArray[Any], rng: np.random.Generator, **parameters: Any
) -> tuple[NDArray[np.intp], ChannelMISelector]:
    """Choose channels by `N_PER_CLASS` labeled images of each class.

    Parameters
    ----------
    maps : FeatureMaps
        Maps of the training images.
    y_train : ndarray of shape (n_train,)
        Classes; read at the drawn rows only.
    rng : numpy.random.Generator
        Draws the rows.
    **parameters
        Of `ChannelMISelector`.

    Returns
    -------
    rows : ndarray of int
        Labeled training rows.
    selector : ChannelMISelector
        Fitted on the maps of these rows.
    """
    rows = draw_per_class(y_train, N_PER_CLASS, rng)
    selector = ChannelMISelector(n_samples_per_class=None, **parameters)
    return rows, selector.fit(maps[rows], y_train[rows])


def annotate(
    train: ImageSet,
    test: ImageSet,
    y_train: NDArray[Any],
    n_labels: int,
    selection: tuple[NDArray[np.intp], ChannelMISelector],
    seed: int,
    clusterer: ClusterMixin | None = None,
    *,
    query: Literal["random", "central", "diverse"] = "random",
) -> Annotation:
    """Cluster the training images by the selected channels and name the clusters.

    Parameters
    ----------
    train, test : ImageSet
        Training and test images.
    y_train : ndarray of shape (n_train,)
        Classes; read at the queried rows only.
    n_labels : int
        Number of labels to query.
    selection : tuple of ndarray and ChannelMISelector
        Result of `select_channels`.
    seed : int
        Random state of the annotator.
    clusterer : scikit-learn clusterer, default=None
        Parameter of `ClusterAnnotator`.
    query : {"random", "central", "diverse"}, default="random"
        Parameter of `ClusterAnnotator`.

    Returns
    -------
    Annotation
    """
    rows, selector = selection
    kept = selector.get_support()
    annotator = ClusterAnnotator(
        n_labels=n_labels, clusterer=clusterer, query=query, random_state=seed
    )
    features = train.pooled[:, kept], test.pooled[:, kept]
    return answer_query(annotator, *features, y_train, rows, selector)


def answer_query(
    annotator: ClusterAnnotator,
    features: NDArray[Any],
    test_features: NDArray[Any],
    y_train: NDArray[Any],
    selection_rows: NDArray[np.intp],
    selector: ChannelMISelector | None = None,
) -> Annotation:
    """Fit an annotator and answer its query with the true labels.

    Parameters
    ----------
    annotator : ClusterAnnotator
        Not yet fitted.
    features, test_features : ndarray of shape (n, d)
        Features of the training and of the test images.
    y_train : ndarray of shape (n_train,)
        Classes; read at the queried rows only.
    selection_rows : ndarray of int
        Training rows whose labels chose the features.
    selector : ChannelMISelector, default=None
        Stored in the result.

    Returns
    -------
    Annotation
    """
    query = annotator.fit(features).query_indices_
    annotator.annotate(y_train[query])

    known = np.full(len(y_train), None, dtype=object)
    known[query] = y_train[query]
    rows = np.union1d(selection_rows, query)
    return Annotation(selection_rows, rows, selector, features, test_features, annotator, known)


def second_round(
    first: Annotation,
    levels: FeatureMaps,
    test_levels: FeatureMaps,
    y_train: NDArray[Any],
    seed: int,
) -> Annotation:
    """Choose channels by the names of all training images, and cluster again by these channels.

    No further label is read. Most names of the first round are correct, and the names of a
    thousand images choose channels better than the few labels of the first selection. The same
    names then vote on the names of the new clusters.

    Parameters
    ----------
    first : Annotation
        Result of the first round.
    levels, test_levels : FeatureMaps
        Maxima of all channels, of training and test images.
    y_train : ndarray of shape (n_train,)
        Classes; read at the labeled rows only.
    seed : int
        Random state that `annotate` was given.

    Returns
    -------
    Annotation
        `first` itself if its names hold fewer than two classes of two images.
    """
    names = first.names.copy()
    names[first.labeled_rows] = y_train[first.labeled_rows]
    _, counts = np.unique(names, return_counts=True)
    if len(counts) < 2 or counts.min() < 2:
        return first

    selector = ChannelMISelector(n_samples_per_class=None, **ANOVA_SELECTION).fit(levels, names)
    features = selector.transform(levels).pool()
    annotator = ClusterAnnotator(first.annotator.n_clusters_, query="labeled", random_state=seed)
    return first._replace(
        selector=selector,
        features=features,
        test_features=selector.transform(test_levels).pool(),
        annotator=annotator.fit(features, names),
        known=names,
    )


def annotation_experiment(
    train: ImageSet,
    test: ImageSet,
    y_train: NDArray[Any],
    y_test: NDArray[Any],
    *,
    target: str,
    n_labels: Sequence[int] = (5,),
    n_draws: int = 5,
    random_state: int | None = None,
    on_draw: Callable[[], object] | None = None,
    on_predictions: Callable[[str, str, int, NDArray[Any]], object] | None = None,
) -> list[Score]:
    """Score annotation, classification, clustering and the competitors.

    Parameters
    ----------
    train, test : ImageSet
        Training and test images.
    y_train, y_test : ndarray of shape (n,)
        Classes of all images; a draw reads few of the training ones.
    target : str
        Name of the target in the scores.
    n_labels : sequence of int, default=(5,)
        Numbers of labels for the clusters, in addition to the 4 per class that choose channels.
    n_draws : int, default=5
        Number of repetitions with other labels.
    random_state : int or None, default=None
        Draw `i` is seeded by ``(random_state, i)`` and uses one selection for all budgets.
    on_draw : callable, default=None
        Called without arguments after each draw.
    on_predictions : callable, default=None
        Called with target, method, budget and predictions of all test images, for each method.

    Returns
    -------
    list of Score
        With metric "accuracy": methods "annotation" (the clusters' names on unlabeled training
        images, channels by F value), "again" (the same after `second_round`), "mi" (as
        "annotation", channels by mutual information), "classifier" (`PseudoLabelClassifier` of
        the second round on test images), "latents", "styles" and "pca" (logistic regression on W+
        rows, on S codes and on the pixels' components, all labels of the draw), those of
        `ImageSet.descriptors` (in the same way), and "majority".
        With metric "balanced accuracy": the same methods, the mean over the classes of the share
        that is right. With metric "clustering accuracy": method "kmeans", as many clusters as
        classes. With metric "labels read": method "all", the number of images whose label the
        draw read.
    """
    random_state = fixed_seed(random_state)
    scores, levels, test_levels = [], train.levels, test.levels
    for draw in range(n_draws):
        seed = seed_of_draw(random_state, draw)

        # Both selections read the same rows, so they are compared on equal labels.
        by_information, by_level = (
            select_channels(maps, y_train, np.random.default_rng(seed), **parameters)
            for maps, parameters in ((train.maps, {}), (levels, ANOVA_SELECTION))
        )
        for budget in n_labels:
            first = annotate(train, test, y_train, budget, by_level, seed, query=QUERY)
            second = second_round(first, levels, test_levels, y_train, seed)
            by_mi = annotate(train, test, y_train, budget, by_information, seed, query=QUERY)
            predicted = predict_all(second, train, test, y_train, y_test, seed) | {
                "annotation": unlabeled_names(first, y_train),
                "again": unlabeled_names(second, y_train),
                "mi": unlabeled_names(by_mi, y_train),
            }
            for method, (truth, names) in predicted.items():
                right = truth == names
                accuracy, balanced = np.mean(right), _mean_recall(truth, right)
                scores.append(Score(target, method, "accuracy", budget, draw, float(accuracy)))
                scores.append(Score(target, method, "balanced accuracy", budget, draw, balanced))
                if on_predictions is not None and truth is y_test:
                    on_predictions(target, method, budget, names)
            accuracy = _clustering(first.features, y_train, seed)
            scores.append(Score(target, "kmeans", "clustering accuracy", budget, draw, accuracy))
            n_read = float(len(first.labeled_rows))
            scores.append(Score(target, "all", "labels read", budget, draw, n_read))
        if on_draw is not None:
            on_draw()
    return scores


def predict_all(
    annotation: Annotation,
    train: ImageSet,
    test: ImageSet,
    y_train: NDArray[Any],
    y_test: NDArray[Any],
    seed: int,
) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Predict with every method from the labels of one draw.

    Parameters
    ----------
    annotation : Annotation
        Result of `annotate` or `second_round`. All methods read its labels and no others, except
        "majority".
    train, test : ImageSet
        Training and test images.
    y_train, y_test : ndarray of shape (n,)
        Classes of all images.
    seed : int
        Random state that `annotate` was given.

    Returns
    -------
    dict of str to (truth, predicted)
        By method, on the test images; "annotation" on the unlabeled training images.
    """
    rows = annotation.labeled_rows
    predictions = {
        name: logistic_predictions(first[rows], y_train[rows], second, scale=scale)
        for name, first, second, scale in (
            ("latents", train.latents, test.latents, True),
            ("styles", train.styles, test.styles, True),
            ("pca", train.components, test.components, False),
        )
    }
    # These are standardized by all training images.
    for name, first in train.descriptors.items():
        second = test.descriptors[name]
        predictions[name] = logistic_predictions(first[rows], y_train[rows], second, scale=False)
    predictions["classifier"] = pseudo_label_predictions(annotation, seed)
    predictions["majority"] = majority_predictions(y_train, len(y_test))
    return {
        "annotation": unlabeled_names(annotation, y_train),
        **{name: (y_test, predicted) for name, predicted in predictions.items()},
    }


def unlabeled_names(
    annotation: Annotation, y_train: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Compare the clusters' names with the classes of the images that were not labeled.

    Parameters
    ----------
    annotation : Annotation
        Result of `annotate` or `second_round`.
    y_train : ndarray of shape (n_train,)
        Classes of all training images.

    Returns
    -------
    truth, names : ndarray of shape (n_unlabeled,)
        Classes of the unlabeled training images, and the names of their clusters.
    """
    free = np.setdiff1d(np.arange(len(y_train)), annotation.labeled_rows)
    return y_train[free], annotation.names[free]


def pseudo_label_predictions(annotation: Annotation, seed: int) -> NDArray[Any]:
    """Classify the test images by a network that was trained on the clusters' names.

    Parameters
    ----------
    annotation : Annotation
        Result of `annotate` or `second_round`.
    seed : int
        Random state that `annotate` was given. The classifier clones the annotator with it, so it
        gets the same clusters and the same query.

    Returns
    -------
    ndarray of shape (n_test,)
        Predicted classes.
    """
    model = PseudoLabelClassifier(annotation.annotator, random_state=seed)
    with warnings.catch_warnings():
        # All labels of a draw may be of one class; the draw's score shows the effect.
        warnings.simplefilter("ignore", UserWarning)
        model.fit(annotation.features, annotation.known)
    return model.predict(annotation.test_features)


def _mean_recall(truth, right):
    """Return the mean over the classes of the share of their images that is right."""
    return float(np.mean([right[truth == name].mean() for name in np.unique(truth)]))


def _clustering(features, y_train, seed):
    n_classes = len(np.unique(y_train))
    kmeans = KMeans(n_classes, n_init=10, random_state=seed)
    clusters = kmeans.fit_predict(StandardScaler().fit_transform(features))
    return clustering_accuracy(y_train, clusters)


def annotation_tables(scores: Sequence[Score]) -> list[Table]:
    """Tabulate the scores of `annotation_experiment` for one or several targets.

    Parameters
    ----------
    scores : sequence of Score
        Scores of all targets.

    Returns
    -------
    list of Table
        The table of accuracies, then that of balanced accuracies.
    """
    summaries = summarize(scores)
    methods = METHODS | user_features(scores, METHODS)
    draws = max(summary.n_draws for summary in summaries.values())
    header, rows = tabulate(summaries, "accuracy", methods, scale=100)
    best = best_columns(summaries, "accuracy", methods)
    balanced = tabulate(summaries, "balanced accuracy", methods, scale=100)[1]
    for row in rows:
        clustering = summaries[row[0], "kmeans", "clustering accuracy", int(row[1])]
        row.append(clustering.format(scale=100))
    for row in [*rows, *balanced]:
        row[1] = f"{summaries[row[0], 'all', 'labels read', int(row[1])].mean:.0f}"

    note = (
        f"Accuracy in %, mean ± sd over {draws} draws of all labels. The column of labels counts "
        "all labels that a draw reads, on average: those of the budget, which are at the "
        f"clusters' centers, and {N_PER_CLASS} per class that choose channels, by mutual "
        "information as in paper A (MI), or 20 channels in total by the F value of the maps' "
        "maxima (F). In the second round, the names of all images choose the channels and vote on "
        "the names of new clusters; it reads no further label, and the pseudo labels are those of "
        "this round. The logistic regressions get all labels of a draw; HOG, with the mean over "
        "image and mirror image, needs no generator, and stands next to the S codes in S + HOG. "
        "Clusters' names are scored "
        "on the training images that were not labeled, k-means (as many clusters as classes; "
        "labels only choose the channels) on all training images, the rest on the test images."
    )
    balanced_note = "Mean over the classes of the share of their images that is right, in %."
    return [
        Table("Annotation and classification", [*header, "k-means"], rows, note, best),
        Table(
            "Balanced accuracy",
            header,
            balanced,
            balanced_note,
            best_columns(summaries, "balanced accuracy", methods),
        ),
    ]
