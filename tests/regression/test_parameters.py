"""Parameters of the estimators of distances and directions: constraints and defaults."""

import inspect

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

from skstylefeat import HyperplaneDistance, directions, layer_importance, regression
from tests.support.networks import tiny_generator

PACKAGES = (directions, regression)
ESTIMATORS = sorted(
    (
        member
        for package in PACKAGES
        for member in map(package.__dict__.get, package.__all__)
        if isinstance(member, type) and issubclass(member, BaseEstimator)
    ),
    key=lambda estimator: estimator.__name__,
)
FUNCTIONS = (directions.channel_effects, layer_importance, regression.select_calibration_points)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_has_a_constraint(estimator):
    names = set(inspect.signature(estimator).parameters)
    assert set(estimator._parameter_constraints) == names
    assert "no_validation" not in estimator._parameter_constraints.values()


@pytest.mark.parametrize("called", [*ESTIMATORS, *FUNCTIONS])
def test_nothing_is_seeded_or_verbose_by_default(called):
    parameters = inspect.signature(called).parameters
    for name, default in (("random_state", None), ("verbose", 0)):
        if name in parameters:
            found = parameters[name].default
            assert found is default or (type(found) is int and found == default)


@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        (regression.HyperplaneDistance, {"direction": 3}),
        (regression.HyperplaneDistance, {"intercept": "high"}),
        (regression.HyperplaneDistance, {"generator": 5}),
        (directions.SeFa, {"generator": 5}),
        (directions.LatentPCA, {"generator": 5}),
        (directions.FixedDirection, {"direction": 3}),
        (directions.FixedDirection, {"direction": [1.0], "intercept": "high"}),
    ],
)
def test_wrong_types_are_refused(estimator, params):
    with pytest.raises(ValueError, match=f"The '{list(params)[-1]}' parameter"):
        estimator(**params).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"direction": LogisticRegression}, r"the class LogisticRegression; expected an instance"),
        ({"direction": {"a": LogisticRegression}}, r"expected an instance"),
        ({"direction": [[1.0, 2.0], [3.0]]}, "direction holds rows of several lengths"),
        ({"intercept": [[1.0, 2.0], [3.0]]}, "intercept holds rows of several lengths"),
        ({"importance_params": {"pairs": 3}}, r"unknown keys \['pairs'\]; layer_importance has"),
        ({"importance_params": {1: 3}}, r"unknown keys \[1\]"),
        ({"space": "s"}, "The 'space' parameter"),
    ],
)
def test_values_that_make_no_plane(params, message):
    generator = tiny_generator()
    defaults = {"direction": np.eye(7)[0], "generator": generator}
    with pytest.raises(ValueError, match=message):
        HyperplaneDistance(**defaults | params).fit(np.eye(28)[:4], [0, 1, 0, 1])
