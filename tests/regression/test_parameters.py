"""Parameters of the estimators of distances and directions: constraints and defaults."""

import inspect

import pytest
from sklearn.base import BaseEstimator

from skstylefeat import directions, layer_importance, regression

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
