"""Competitors that get the same labels, without a generator or without its feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat.directions._discriminant import DiscriminantDirection


def majority_predictions(y_train: NDArray[Any], n: int) -> NDArray[Any]:
    """Predict the most frequent class of all training labels.

    Parameters
    ----------
    y_train : ndarray of shape (n_train,)
        Classes of all training images.
    n : int
        Number of predictions.

    Returns
    -------
    ndarray of shape (n,)
    """
    classes, counts = np.unique(y_train, return_counts=True)
    return np.repeat(classes[counts.argmax()], n)


def logistic_predictions(
    train: NDArray[Any], y_labeled: NDArray[Any], test: NDArray[Any], *, scale: bool
) -> NDArray[Any]:
    """Predict classes by logistic regression.

    Parameters
    ----------
    train, test : ndarray of shape (n, d)
        Features of the labeled training images and of the test images.
    y_labeled : ndarray of shape (n_train,)
        Classes of the labeled images.
    scale : bool
        Standardize the columns. Principal components should not be standardized: their variances
        rank them.

    Returns
    -------
    ndarray of shape (n_test,)
    """
    model = LogisticRegression(max_iter=5000)
    if scale:
        model = make_pipeline(StandardScaler(), model)
    return model.fit(train, y_labeled).predict(test)


def pixel_plane_distances(
    train: NDArray[Any], labels: NDArray[Any], test: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute distances from a plane in the principal components of the pixels.

    Parameters
    ----------
    train, test : ndarray of shape (n, n_components)
        Components of the training and of the test images.
    labels : ndarray of shape (n_train,)
        Two or three ordered values.

    Returns
    -------
    train_distances, test_distances : ndarray of shape (n,)
    """
    plane = DiscriminantDirection().fit(train, labels)
    return plane.decision_function(train), plane.decision_function(test)
