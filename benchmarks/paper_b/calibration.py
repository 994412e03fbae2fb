"""Errors of calibrated distances over many draws of few labels."""

import warnings

import numpy as np
from joblib import Parallel, delayed

from skstylefeat import LatentRegressor, select_calibration_points

BUDGETS = (2, 5, 10, 20, 100, 1_000)
#: Spread points are for few labels; beyond this they are drawn at random.
SPREAD_UP_TO = 20


def n_draws_of(budget, n_draws):
    """Return the number of draws of a budget: many labels vary little and take longer."""
    return n_draws if budget <= SPREAD_UP_TO else max(min(n_draws, 10_000 // budget), 1)


def draw_rows(distances, budget, draw, strategy="spread"):
    """Return the rows of the pool to label, as LARGE's appendix E.2 advises for few."""
    rng = np.random.default_rng((budget, draw))
    if strategy == "random" or budget > SPREAD_UP_TO:
        return rng.choice(len(distances), min(budget, len(distances)), replace=False)
    with warnings.catch_warnings():
        # Ties among distances may relax the gap.
        warnings.simplefilter("ignore", UserWarning)
        return select_calibration_points(
            distances[:, 0], budget, strategy=strategy, random_state=int(rng.integers(2**31))
        )


def draws(distances, budget, n_draws, strategy="spread"):
    """Return the rows to label of every draw of a budget."""
    count = n_draws_of(budget, n_draws)
    return [draw_rows(distances, budget, draw, strategy) for draw in range(count)]


def errors(distances, y_pool, y_test, rows_of_draws, **params):
    """Return MAE and R2 on the test images of every draw, shape (n_draws, 2).

    Parameters
    ----------
    distances : dict of str to ndarray of shape (n, k), or None
        Of pool and test; None predicts the mean of the labels.
    y_pool, y_test : ndarray of shape (n,)
    rows_of_draws : list of ndarray
        Rows of the pool that are labeled.
    **params
        Of LatentRegressor.
    """
    model = LatentRegressor(unlabeled="ignore", n_refits=None, random_state=0, **params)
    found = []
    for rows in rows_of_draws:
        if distances is None:
            predicted = y_pool[rows].mean()
        else:
            known = np.full(len(y_pool), np.nan)
            known[rows] = y_pool[rows]
            with warnings.catch_warnings():
                # Degree 5 on two labels is asked for on purpose.
                warnings.simplefilter("ignore")
                predicted = model.fit(distances["pool"], known).predict(distances["test"])
        residuals = predicted - y_test
        found.append((np.abs(residuals).mean(), 1 - np.square(residuals).mean() / y_test.var()))
    return np.array(found)


def curves(cases, y_pool, y_test, n_draws, n_jobs, rows=None):
    """Return mean and sd of MAE and R2 by case and budget, computed in parallel.

    Parameters
    ----------
    cases : dict of str to (distances, parameters of LatentRegressor)
    y_pool, y_test : ndarray of shape (n,)
    n_draws, n_jobs : int
    rows : dict of int to list of ndarray, default=None
        Rows to label by budget, the same for all cases; by default each case chooses by its own
        distances, and the mean label at random.
    """

    def score(distances, params, budget):
        chosen = rows and rows[budget]
        if not chosen and distances is None:
            chosen = draws(y_pool[:, None], budget, n_draws, "random")
        chosen = chosen or draws(distances["pool"][:, :1], budget, n_draws)
        return errors(distances, y_pool, y_test, chosen, **params)

    keys = [(name, n) for name in cases for n in BUDGETS if n <= len(y_pool)]
    work = (delayed(score)(*cases[name], n) for name, n in keys)
    scores = Parallel(n_jobs=n_jobs)(work)
    table = {name: {} for name in cases}
    for (name, n), found in zip(keys, scores, strict=True):
        table[name][n] = summary(found)
    return table


def summary(found):
    """Return mean and sd of MAE and R2 as a dictionary that JSON takes."""
    mean, sd = found.mean(axis=0), found.std(axis=0)
    return {
        "mae": [float(mean[0]), float(sd[0])],
        "r2": [float(mean[1]), float(sd[1])],
        "draws": len(found),
    }
