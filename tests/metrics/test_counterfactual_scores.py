"""Counterfactual scores: flips, shifts, errors by value, and missing predictions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skstylefeat.metrics import counterfactual_scores


def test_flips_and_errors_of_classes():
    light = np.array(["a", "a", "b", "b"])
    dark = np.array(["a", "b", "b", "a"])
    found = counterfactual_scores([light, dark, light], [0, 1, 2], ["a", "a", "b", "a"])
    assert found.flips == 0.5 and not found.is_number
    assert_allclose(found.error, [0.25, 0.25, 0.25])
    assert found.error_ratio == 1
    assert np.isnan(found.shift).all() and np.isnan(found.absolute_shift).all()
    assert "4 images, attribute 0, 1 and 2: 50.0 % change their class; error 25 % at 0" in (
        found.headline
    )


def test_ratio_of_errors_is_infinite_next_to_none():
    found = counterfactual_scores([["a", "a"], ["a", "b"]], [0, 1], ["a", "a"])
    assert found.error_ratio == np.inf
    assert counterfactual_scores([["a"], ["a"]], [0, 1], ["a"]).error_ratio == 1
    wrong = counterfactual_scores([["b", "a"], ["b", "b"]], [0, 1], ["a", "a"])
    assert wrong.error_ratio == 2


def test_shift_of_numbers_has_their_unit():
    found = counterfactual_scores([[1.0, 2.0], [4.0, 1.0]], [0.1, 0.9], [1.0, 1.0])
    assert_allclose(found.shift, [0, 1])
    assert_allclose(found.absolute_shift, [0, 2])
    assert_allclose(found.error, [0.5, 1.5])
    assert np.isnan(found.flips)
    assert "changes by 2 on average (in the mean by +1) from 0.1 to 0.9" in found.headline
    assert "Approximate" not in found.headline
    assert "Approximate" in counterfactual_scores([[1.0], [1.0]], [0, 1], exact=False).headline


def test_images_without_a_prediction_are_counted():
    found = counterfactual_scores([[1.0, np.nan, 3.0], [1.0, 2.0, 4.0]], [0, 1], [1.0, 2.0, 3.0])
    assert found.predictions.shape == (2, 2) and found.n_unpredicted == 1
    assert_allclose(found.y_true, [1, 3])
    texts = counterfactual_scores([["a", None], ["a", "b"]], [0, 1])
    assert texts.predictions.tolist() == [["a"], ["a"]]
    assert np.isnan(texts.error).all() and "1 images without" in texts.headline


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"predictions": ["a", "b"]}, r"shape \(2,\) for 2 values"),
        ({"values": [1]}, "for 1 values"),
        ({"predictions": [[], []]}, "one column per image"),
        ({"y_true": ["a"]}, r"y_true has shape \(1,\); expected \(2,\)"),
        ({"y_true": ["a", None]}, "y_true misses 1 of 2"),
        ({"y_true": [0, 1]}, "texts and numbers are never equal"),
        ({"predictions": [[np.nan], [1.0]]}, "No image has a prediction"),
        ({"predictions": [[1.0, 2.0]] * 2, "y_true": [np.nan, 1.0]}, "misses 1 of 2"),
    ],
)
def test_invalid_input_is_refused(arguments, message):
    given = {"predictions": [["a", "b"], ["b", "b"]], "values": [0, 1]}
    with pytest.raises(ValueError, match=message):
        counterfactual_scores(**{**given, **arguments})
