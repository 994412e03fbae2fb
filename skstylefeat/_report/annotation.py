"""Experiment after paper A: few labels choose channels, name clusters and train a classifier.

A draw reads labels at two places only: a few images of each class, which choose the channels, and
the images that the annotator asks about. The competitors get all of these labels. Annotation is
scored on the training images that nobody labelled, everything else on the test images.
"""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from skstylefeat._annotator import ClusterAnnotator
from skstylefeat._pseudo_label import PseudoLabelClassifier
from skstylefeat._report.baselines import logistic_predictions, majority_predictions
from skstylefeat._report.scores import Score, Table, summarize, tabulate
from skstylefeat._selector import ChannelMISelector
from skstylefeat.metrics import clustering_accuracy

#: Labelled images of each class that choose the channels (paper A, table 4).
PER_CLASS = 4
#: An image at the centre speaks for its cluster more often than a random one.
QUERY = "central"
METHODS = {
    "majority": "majority",
    "pca": "PCA + logistic",
    "latents": "W+ + logistic",
    "mi": "clusters (MI)",
    "annotation": "clusters (F)",
    "classifier": "pseudo labels",
}


class Annotation(NamedTuple):
    """One draw: the labelled rows, the selector, the chosen features, the annotator.

    Attributes
    ----------
    selection_rows : ndarray of int
        Training rows whose labels chose the channels.
    selector : ChannelMISelector
    features : ndarray of shape (n_train, d)
    test_features : ndarray of shape (n_test, d)
    annotator : ClusterAnnotator
        Annotated.
    """

    selection_rows: np.ndarray
    selector: ChannelMISelector
    features: np.ndarray
    test_features: np.ndarray
    annotator: ClusterAnnotator

    @property
    def labelled_rows(self):
        """All training rows whose labels were read."""
        return np.union1d(self.selection_rows, self.annotator.query_indices_)


def draw_per_class(y, n_per_class, rng):
    """Return rows of `n_per_class` random images of each class, or of all it has."""
    rows = []
    for value in np.unique(y):
        members = np.flatnonzero(y == value)
        rows.append(rng.permutation(members)[:n_per_class])
    return np.concatenate(rows)


def select_channels(train, y_train, rng, score="ratio"):
    """Return the rows that are labelled for it, and the selector fitted on them alone."""
    rows = draw_per_class(y_train, PER_CLASS, rng)
    selector = ChannelMISelector(n_samples_per_class=None, score=score)
    return rows, selector.fit(train.maps[rows], y_train[rows])


def annotate(train, test, y_train, n_labels, selection, seed, clusterer=None, *, query="random"):
    """Cluster the training images by the selected channels and ask for `n_labels` labels."""
    rows, selector = selection
    kept = selector.get_support()
    features = train.pooled[:, kept]
    annotator = ClusterAnnotator(
        n_labels=n_labels, clusterer=clusterer, query=query, random_state=seed
    )
    annotator.fit(features)
    annotator.annotate(y_train[annotator.query_indices_])
    return Annotation(rows, selector, features, test.pooled[:, kept], annotator)


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
        Methods "annotation" (the clusters' names on unlabelled training images, channels by F
        value), "mi" (the same, channels by mutual information), "classifier"
        (`PseudoLabelClassifier` on test images), "latents" and "pca" (logistic regression on W+
        rows and on the pixels' components, all labels of the draw), "majority"; metric
        "accuracy". Method "kmeans", metric "clustering accuracy": as many clusters as classes.
    """
    scores = []
    for draw in range(n_draws):
        rng = np.random.default_rng((random_state, draw))
        seed = int(rng.integers(2**31))
        by_information, by_level = (
            select_channels(train, y_train, np.random.default_rng(seed), score)
            for score in ("ratio", "anova")
        )
        for budget in n_labels:
            drawn = annotate(train, test, y_train, budget, by_level, seed, query=QUERY)
            predicted = outcomes(drawn, train, test, y_train, y_test, seed)
            other = annotate(train, test, y_train, budget, by_information, seed, query=QUERY)
            predicted["mi"] = names_of_others(other, y_train)
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
        By method: on the test images, for "annotation" on the unlabelled training images.
    """
    rows = drawn.labelled_rows
    y = y_train[rows]
    return {
        "annotation": names_of_others(drawn, y_train),
        "classifier": (y_test, classify(drawn, y_train, seed)),
        "latents": (
            y_test,
            logistic_predictions(train.latents[rows], y, test.latents, scale=True),
        ),
        "pca": (
            y_test,
            logistic_predictions(train.components[rows], y, test.components, scale=False),
        ),
        "majority": (y_test, majority_predictions(y_train, len(y_test))),
    }


def names_of_others(drawn, y_train):
    """Return the classes of the training images that nobody labelled, and their clusters' names."""
    free = np.setdiff1d(np.arange(len(y_train)), drawn.labelled_rows)
    return y_train[free], drawn.annotator.cluster_labels_[drawn.annotator.labels_[free]]


def classify(drawn, y_train, seed):
    """Return the classes that a classifier, trained on the clusters' names, gives the test images.

    Parameters
    ----------
    drawn : Annotation
        The classifier's clone of its annotator has the same seed, so the same clusters and query.
    y_train : ndarray of shape (n,)
        Read at the query only.
    seed : int
        Of `annotate`.
    """
    known = np.full(len(y_train), None, dtype=object)
    known[drawn.annotator.query_indices_] = y_train[drawn.annotator.query_indices_]
    model = PseudoLabelClassifier(drawn.annotator, random_state=seed)
    with warnings.catch_warnings():
        # Few labels may all be of one class; the score then says what that costs.
        warnings.simplefilter("ignore", UserWarning)
        model.fit(drawn.features, known)
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
        f"{PER_CLASS} further labelled images a class, by mutual information as paper A does (MI) "
        "or by the F value of the maps' maxima (F, as for all columns to its right); both logistic "
        "regressions get these labels and those of the budget, which are asked of the images at "
        "the clusters' centres. Clusters' names are scored on the training images that nobody "
        "labelled, k-means (as many clusters as classes; no label but for the channels) on all "
        "training images, the rest on the test images."
    )
    return Table("Annotation and classification", [*header, "k-means"], rows, note)
