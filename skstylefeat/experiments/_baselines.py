"""Competitors: what the same labels give without a generator, or without its feature maps."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat.directions import DiscriminantDirection


def majority_predictions(y_train, n):
    """Return the commonest class of all training labels `n` times."""
    classes, counts = np.unique(y_train, return_counts=True)
    return np.repeat(classes[counts.argmax()], n)


def logistic_predictions(train, y_labeled, test, *, scale):
    """Return the classes (n_test,) that a logistic regression predicts.

    Parameters
    ----------
    train, test : ndarray of shape (n, d)
        Features of the labeled training images and of the test images.
    y_labeled : ndarray of shape (n,)
    scale : bool
        Whether to standardize the columns. Principal components lose by it: their variances are
        what ranks them.
    """
    model = LogisticRegression(max_iter=5000)
    if scale:
        model = make_pipeline(StandardScaler(), model)
    return model.fit(train, y_labeled).predict(test)


def pixel_plane_distances(train, labels, test):
    """Return distances (n,) of both sets from the plane in the pixels' components.

    Parameters
    ----------
    train, test : ndarray of shape (n, n_components)
    labels : ndarray of shape (n_train,)
        Two or three ordered values.
    """
    plane = DiscriminantDirection().fit(train, labels)
    return tuple(plane.decision_function(rows) for rows in (train, test))
