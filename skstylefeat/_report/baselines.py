"""Competitors: what the same labels give without a generator, or without its feature maps."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat.directions import LinearSVMDirection


def majority_accuracy(y_train, y_test):
    """Return the accuracy on `y_test` of the commonest class of all training labels."""
    classes, counts = np.unique(y_train, return_counts=True)
    return float(np.mean(y_test == classes[counts.argmax()]))


def logistic_accuracy(train, y_labelled, test, y_test, *, scale):
    """Return the accuracy of a logistic regression.

    Parameters
    ----------
    train, test : ndarray of shape (n, d)
        Features of the labelled training images and of the test images.
    y_labelled, y_test : ndarray of shape (n,)
    scale : bool
        Whether to standardise the columns. Principal components lose by it: their variances are
        what ranks them.
    """
    model = LogisticRegression(max_iter=5000)
    if scale:
        model = make_pipeline(StandardScaler(), model)
    return float(model.fit(train, y_labelled).score(test, y_test))


def pixel_plane_distances(train, binary, test, random_state=0):
    """Return distances (n,) of both sets from a linear SVM's plane in the pixels' components.

    Parameters
    ----------
    train, test : ndarray of shape (n, n_components)
    binary : ndarray of shape (n_train,)
        Two labels.
    """
    svm = LinearSVMDirection(validation_fraction=0, random_state=random_state).fit(train, binary)
    return tuple(rows @ svm.direction_ + svm.intercept_ for rows in (train, test))
