"""Experiment after paper A: few labels choose channels, name clusters and train a classifier.

A draw reads labels at two places only: a few images of each class, which choose the channels, and
the images that the annotator asks about. The competitors get all of these labels. Annotation is
scored on the training images that nobody labeled, everything else on the test images.
"""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from skstylefeat._utils._draws import draw_per_class
from skstylefeat.annotation._annotator import ClusterAnnotator
from skstylefeat.annotation._pseudo_label import PseudoLabelClassifier
from skstylefeat.experiments._baselines import logistic_predictions, majority_predictions
from skstylefeat.experiments._score_table import Score, Table, summarize, tabulate
from skstylefeat.features._selector import ChannelMISelector
from skstylefeat.metrics._scores import clustering_accuracy

#: Labeled images of each class that choose the channels (paper A, table 4).
PER_CLASS = 4
#: F values compare across layers, so the best few overall are kept, from several layers.
BY_LEVEL = {"score": "anova", "n_channels_per_layer": 3, "n_channels": 20}
#: An image at the center speaks for its cluster more often than a random one.
QUERY = "central"
METHODS = {
    "majority": "majority",
    "pca": "PCA + logistic",
    "latents": "W+ + logistic",
    "styles": "S + logistic",
    "mi": "clusters (MI)",
    "annotation": "clusters (F)",
    "again": "second round",
    "classifier": "pseudo labels",
}


class Annotation(NamedTuple):
    """One draw: whose labels were read, the selector, the chosen features, the annotator.

    Attributes
    ----------
    selection_rows : ndarray of int
        Training rows whose labels chose the channels.
    labeled_rows : ndarray of int
        All training rows whose true labels were read.
    selector : ChannelMISelector
    features : ndarray of shape (n_train, d)
    test_features : ndarray of shape (n_test, d)
    annotator : ClusterAnnotator
        Annotated.
    known : ndarray of shape (n_train,), object
        What the annotator read; None for the other rows.
    """

    selection_rows: np.ndarray
    labeled_rows: np.ndarray
    selector: ChannelMISelector
    features: np.ndarray
    test_features: np.ndarray
    annotator: ClusterAnnotator
    known: np.ndarray

    @property
    def names(self):
        """Names of the clusters of all training rows."""
        return self.annotator.cluster_labels_[self.annotator.labels_]


def select_channels(maps, y_train, rng, **how):
    """Return the rows that are labeled for it, and the selector fitted on their maps alone."""
    rows = draw_per_class(y_train, PER_CLASS, rng)
    selector = ChannelMISelector(n_samples_per_class=None, **how)
    return rows, selector.fit(maps[rows], y_train[rows])


def annotate(train, test, y_train, n_labels, selection, seed, clusterer=None, *, query="random"):
    """Cluster the training images by the selected channels and ask for `n_labels` labels."""
    rows, selector = selection
    kept = selector.get_support()
    annotator = ClusterAnnotator(
        n_labels=n_labels, clusterer=clusterer, query=query, random_state=seed
    )
    features = train.pooled[:, kept], test.pooled[:, kept]
    return ask(annotator, *features, y_train, rows, selector)


def ask(annotator, features, test_features, y_train, selection_rows, selector=None):
    """Fit `annotator` and answer its query, as an `Annotation`."""
    query = annotator.fit(features).query_indices_
    annotator.annotate(y_train[query])
    known = np.full(len(y_train), None, dtype=object)
    known[query] = y_train[query]
    rows = np.union1d(selection_rows, query)
    return Annotation(selection_rows, rows, selector, features, test_features, annotator, known)


def second_round(drawn, levels, test_levels, y_train, seed):
    """Let the names of all training images choose the channels, and cluster once more by these.

    It needs no further label. Most names of the first round are right, and their thousand choose
    channels better than the few images that were labeled for it; then they vote in the new
    clusters.

    Parameters
    ----------
    drawn : Annotation
        The first round.
    levels, test_levels : FeatureMaps
        Maxima of all channels, of training and test images.
    y_train : ndarray of shape (n,)
        Read at the labeled rows only.
    seed : int
        Of `annotate`.

    Returns
    -------
    Annotation
        `drawn` itself where its names are too much alike to choose by.
    """
    names = drawn.names.copy()
    names[drawn.labeled_rows] = y_train[drawn.labeled_rows]
    _, counts = np.unique(names, return_counts=True)
    if len(counts) < 2 or counts.min() < 2:
        return drawn
    selector = ChannelMISelector(n_samples_per_class=None, **BY_LEVEL).fit(levels, names)
    features = selector.transform(levels).pool()
    annotator = ClusterAnnotator(drawn.annotator.n_clusters_, query="labeled", random_state=seed)
    return drawn._replace(
        selector=selector,
        features=features,
        test_features=selector.transform(test_levels).pool(),
        annotator=annotator.fit(features, names),
        known=names,
    )


def annotation_experiment(
    train,
    test,
    y_train,
    y_test,
    *,
    target,
    n_labels=(5,),
    n_draws=5,
    random_state=0,
    on_draw=None,
):
    """Score annotation, classification and clustering, and the competitors.

    Parameters
    ----------
    train, test : ImageSet
    y_train, y_test : ndarray of shape (n,)
        Classes of all images; a draw reads few of the training ones.
    target : str
        Name for the scores.
    n_labels : sequence of int, default=(5,)
        Budgets of labels for the clusters, besides the 4 a class that choose channels.
    n_draws : int, default=5
    random_state : int, default=0
        Draw `i` is seeded by ``(random_state, i)`` and shares its selection between budgets.
    on_draw : callable, default=None
        Called without arguments after each draw.

    Returns
    -------
    list of Score
        Methods "annotation" (the clusters' names on unlabeled training images, channels by F
        value), "again" (the same after `second_round`), "mi" (as "annotation", channels by mutual
        information), "classifier" (`PseudoLabelClassifier` of the second round on test images),
        "latents", "styles" and "pca" (logistic regression on W+ rows, on S codes and on the
        pixels' components, all labels of the draw), "majority"; metric "accuracy". Method
        "kmeans", metric "clustering accuracy": as many clusters as classes.
    """
    scores, levels, test_levels = [], train.levels, test.levels
    for draw in range(n_draws):
        rng = np.random.default_rng((random_state, draw))
        seed = int(rng.integers(2**31))
        by_information, by_level = (
            select_channels(maps, y_train, np.random.default_rng(seed), **how)
            for maps, how in ((train.maps, {}), (levels, BY_LEVEL))
        )
        for budget in n_labels:
            drawn = annotate(train, test, y_train, budget, by_level, seed, query=QUERY)
            again = second_round(drawn, levels, test_levels, y_train, seed)
            other = annotate(train, test, y_train, budget, by_information, seed, query=QUERY)
            predicted = outcomes(again, train, test, y_train, y_test, seed) | {
                "annotation": names_of_others(drawn, y_train),
                "again": names_of_others(again, y_train),
                "mi": names_of_others(other, y_train),
            }
            scores += [
                Score(target, method, "accuracy", budget, draw, float(np.mean(truth == names)))
                for method, (truth, names) in predicted.items()
            ]
            purity = _clustering(drawn.features, y_train, seed)
            scores.append(Score(target, "kmeans", "clustering accuracy", budget, draw, purity))
        if on_draw is not None:
            on_draw()
    return scores


def outcomes(drawn, train, test, y_train, y_test, seed):
    """Predict with every method.

    Parameters
    ----------
    drawn : Annotation
        Of `annotate`; all methods read its labels and no others, but for "majority".
    train, test : ImageSet
    y_train, y_test : ndarray of shape (n,)
    seed : int
        Of `annotate`.

    Returns
    -------
    dict of str to (truth, predicted)
        By method: on the test images, for "annotation" on the unlabeled training images.
    """
    rows = drawn.labeled_rows
    read = {
        name: logistic_predictions(first[rows], y_train[rows], second, scale=scale)
        for name, first, second, scale in (
            ("latents", train.latents, test.latents, True),
            ("styles", train.styles, test.styles, True),
            ("pca", train.components, test.components, False),
        )
    }
    read["classifier"] = classify(drawn, seed)
    read["majority"] = majority_predictions(y_train, len(y_test))
    return {
        "annotation": names_of_others(drawn, y_train),
        **{name: (y_test, predicted) for name, predicted in read.items()},
    }


def names_of_others(drawn, y_train):
    """Return the classes of the training images that nobody labeled, and their clusters' names."""
    free = np.setdiff1d(np.arange(len(y_train)), drawn.labeled_rows)
    return y_train[free], drawn.names[free]


def classify(drawn, seed):
    """Return the classes that a classifier, trained on the clusters' names, gives the test images.

    Parameters
    ----------
    drawn : Annotation
        The classifier's clone of its annotator has the same seed, so the same clusters and query.
    seed : int
        Of `annotate`.
    """
    model = PseudoLabelClassifier(drawn.annotator, random_state=seed)
    with warnings.catch_warnings():
        # Few labels may all be of one class; the score then says what that costs.
        warnings.simplefilter("ignore", UserWarning)
        model.fit(drawn.features, drawn.known)
    return model.predict(drawn.test_features)


def _clustering(features, y_train, seed):
    n_classes = len(np.unique(y_train))
    kmeans = KMeans(n_classes, n_init=10, random_state=seed)
    clusters = kmeans.fit_predict(StandardScaler().fit_transform(features))
    return clustering_accuracy(y_train, clusters)


def annotation_table(scores):
    """Return the scores of several targets as a `Table`."""
    summaries = summarize(scores)
    header, rows = tabulate(summaries, "accuracy", METHODS, scale=100)
    for row in rows:
        clustering = summaries[row[0], "kmeans", "clustering accuracy", int(row[1])]
        row.append(clustering.format(scale=100))
    draws = max(summary.n_draws for summary in summaries.values())
    note = (
        f"Accuracy in %, mean ± sd over {draws} draws of all labels. Channels are chosen by "
        f"{PER_CLASS} further labeled images a class, by mutual information as paper A does (MI), "
        "or 20 in all by the F value of the maps' maxima (F). In the second round the names of all "
        "images choose the channels instead and vote in the new clusters; it asks no label, and "
        "the pseudo labels are its. The logistic regressions get all labels of a draw; those of "
        "the budget are asked of the images at the clusters' centers. Clusters' names are scored "
        "on the training images that nobody labeled, k-means (as many clusters as classes; no "
        "label but for the channels) on all training images, the rest on the test images."
    )
    return Table("Annotation and classification", [*header, "k-means"], rows, note)
