"""CounterfactualDisplay: bars of errors or shares, lines of numbers."""

import numpy as np
import pytest

from skstylefeat.plotting import CounterfactualDisplay


def heights(display):
    return [round(bar.get_height(), 3) for bar in display.ax_.patches]


def test_errors_of_classes_are_bars():
    display = CounterfactualDisplay.from_predictions(
        [["a", "a"], ["a", "b"]], [0.1, 0.9], ["a", "a"], attribute="age"
    )
    assert heights(display) == [0, 50]
    assert display.ax_.get_xlabel() == "age"
    assert display.ax_.get_title() == "50.0 % of 2 images change their class"
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["0.1", "0.9"]


def test_shares_of_classes_without_labels():
    display = CounterfactualDisplay.from_predictions(
        [["a", "a"], ["a", "b"]], ["x", "y"], exact=False
    )
    assert heights(display) == [100, 50, 0, 50]
    assert display.ax_.get_xlabel() == "attribute (approximate)"


def test_numbers_are_lines():
    class Sum:
        def predict(self, images):
            return images.sum(axis=1)

    images = [np.ones((3, 2)), np.full((3, 2), 2.0)]
    display = CounterfactualDisplay.from_estimator(Sum(), images, [1, 2], [2.0, 2.0, 2.0])
    lines = display.ax_.lines
    assert len(lines) == 3 + 1 + 1  # images, their mean, the mean label
    assert lines[3].get_ydata().tolist() == [2, 4]
    assert "shift by 2" in display.ax_.get_title()


def test_scores_are_required():
    with pytest.raises(TypeError, match="from_predictions takes arrays"):
        CounterfactualDisplay([[1.0]])
