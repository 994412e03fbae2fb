"""One function for each figure or table of LARGE: from the data to numbers that JSON takes."""

import warnings
from functools import cached_property

import cnn
import numpy as np
from calibration import BUDGETS, curves, draws, errors, summary
from data import TURNED, to_unit
from grades import grades
from joblib import Parallel, delayed
from planes import (
    KINDS,
    READ,
    SharedDirection,
    direction_of,
    gradients,
    labels_of,
    line_scores,
    plane_distances,
    ridge_reader,
    spaces,
    validation_accuracy,
)
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler
from text_orders import text_orders

from skstylefeat import LatentRegressor, layer_importance
from skstylefeat.directions import LatentPCA, MeanDifferenceDirection, SeFa

CNN_BUDGETS = (20, 100, 1_000)
N_GENERATED, GENERATED_EPOCHS = 4_000, 8
N_NETWORKS = 5
# Spaces read by a regression from whole rows, and its draws.
WHOLE, N_WHOLE = ("S codes", "W+ plane", "HOG", "pixels"), 200
COVERAGE, COVERAGE_BUDGETS = 0.9, (20, 50, 100)
N_ORDERED = 8


class Study:
    """Data of one attribute with everything that several figures share.

    Parameters
    ----------
    data : Data
    attribute : str
    args : Namespace
        With `draws` and `jobs`.
    """

    def __init__(self, data, attribute, args):
        self.data, self.attribute, self.args = data, attribute, args
        self.y = {which: data.values(attribute, which) for which in data.sets}
        self.labels = {kind: labels_of(self.y["teach"], kind) for kind in KINDS}
        self._deep = {}

    @cached_property
    def shared(self):
        """Directions in W by kind of labels."""
        return {kind: SharedDirection(self.data, self.attribute, kind) for kind in KINDS}

    @cached_property
    def aggregates(self):
        """Distances by kind of labels and aggregate."""
        return {kind: shared.aggregates() for kind, shared in self.shared.items()}

    @cached_property
    def spaces(self):
        """Rows by space, without those that labels teach."""
        return spaces(self.data) | {"HOG": gradients(self.data)}

    def taught_spaces(self, kind):
        """Return rows by space, with those of a network that a kind of coarse labels taught."""
        if kind not in self._deep:
            self._deep[kind] = cnn.deep_features(self.data, self.labels[kind])
        return self.spaces | {"deep features": self._deep[kind]}

    def curves(self, cases, rows=None, n_draws=None):
        """Return errors of {name: (distances, parameters)} from 2 to 1,000 labels."""
        n_draws = n_draws or self.args.draws
        return curves(cases, self.y["pool"], self.y["test"], n_draws, self.args.jobs, rows)

    def weighted(self, kind="thirds"):
        """Return the distances of eq. (3)."""
        return self.aggregates[kind]["weighted"]

    @cached_property
    def rows(self):
        """Rows to label by budget, spread over the weighted distances."""
        pool = self.weighted()["pool"]
        return {n: draws(pool, n, self.args.draws) for n in BUDGETS if n <= len(pool)}

    def mae(self, predicted):
        """Return MAE and R2 of one prediction of the test images."""
        residuals = predicted - self.y["test"]
        return [
            float(np.abs(residuals).mean()),
            float(1 - np.square(residuals).mean() / self.y["test"].var()),
        ]


def linearity(study):
    """Figure 1b: fit of a line to distance and value of all test images."""
    found = {}
    for kind in KINDS:
        plane = plane_distances(study.spaces["W+ plane"], study.labels[kind], kind)
        for name, distances in (("weighted", study.weighted(kind)), ("W+ plane", plane)):
            found[f"{name}, {kind}"] = line_scores(distances["test"][:, 0], study.y["test"])
    return found


def ceilings(study):
    """What the codes hold: ridge regression of all pool values on whole rows, R2 on test images."""
    return {name: ridge_scores(study, study.spaces[name]) for name in ("W+ plane", "S codes")}


def ridge_scores(study, rows):
    """Return MAE and R2 of a ridge regression of all pool values on whole rows."""
    return study.mae(ridge_reader(rows["pool"], study.y["pool"])(rows["test"]))


def mirrored(study):
    """Not in the paper: the same with the codes, or pixels, of the mirror image."""
    data = study.data.mirrored(study.attribute)
    shared = SharedDirection(data, study.attribute, "thirds").aggregates()
    mirror = "difference" if study.attribute in TURNED else "mean"
    rows = spaces(data) | {"HOG": gradients(study.data, mirror)}
    cases = {"mean label": (None, {})} | {k: (shared[k], {}) for k in ("weighted", "flat")}
    for name in ("W+ plane", "HOG", "PCA(30)", "pixels"):
        cases[name] = (plane_distances(rows[name], study.labels["thirds"], "thirds"), {})
    return {
        "lines": {
            name: line_scores(distances["test"][:, 0], study.y["test"])
            for name, (distances, _) in cases.items()
            if distances is not None
        },
        "ceiling": ridge_scores(study, rows["W+ plane"]),
        "curves": study.curves(cases),
    }


def baselines(study):
    """Figure 3: distances in other spaces, calibrated alike, for both kinds of labels."""
    found = {}
    for kind in KINDS:
        cases = {"mean label": (None, {}), "weighted": (study.weighted(kind), {})}
        for name, rows in study.taught_spaces(kind).items():
            cases[name] = (plane_distances(rows, study.labels[kind], kind), {})
        found[kind] = study.curves(cases, n_draws=study.args.draws if kind == "thirds" else 200)
    return found


def degrees(study):
    """Figure 4: polynomials of degree 1, 2, 3 and 5."""
    distances = study.weighted()
    cases = {f"degree {k}": (distances, {"degree": k}) for k in (1, 2, 3, 5)}
    cases["isotonic"] = (distances, {"monotonic": True})
    return study.curves(cases, study.rows)


def networks(study):
    """Figure 5: networks trained from scratch on exact values, CORAL, and whole rows.

    Every network is trained `N_NETWORKS` times, on other draws of the labels and from other
    weights.
    """
    pool, test = study.data.sets["pool"].pixels, study.data.sets["test"].pixels
    drawn = study.rows  # once, not in every process
    tasks = [
        (name, budget, seed)
        for name in ("regression", "coral")
        for budget in CNN_BUDGETS
        if budget <= len(pool)
        for seed in range(N_NETWORKS)
    ]

    def score(name, budget, seed):
        rows = drawn[budget][seed % len(drawn[budget])]
        predicted = getattr(cnn, name)(pool[rows], study.y["pool"][rows], test, seed=seed)
        return study.mae(predicted)

    scores = Parallel(n_jobs=study.args.jobs)(delayed(score)(*task) for task in tasks)
    found = whole_rows(study) | {name: {} for name, _, _ in tasks}
    for (name, budget, _), value in zip(tasks, scores, strict=True):
        found[name].setdefault(budget, []).append(value)
    # All exact values of both sets, for CORAL alone: it is the one that needs them.
    both = np.concatenate([study.data.sets[which].pixels for which in ("pool", "teach")])
    values = np.concatenate([study.y["pool"], study.y["teach"]])
    found["coral"][len(values)] = [
        study.mae(cnn.coral(both, values, test, seed=seed)) for seed in range(N_NETWORKS)
    ]
    for name in ("regression", "coral"):
        found[name] = {n: summary(np.array(values)) for n, values in found[name].items()}
    return found


def whole_rows(study):
    """Figure 5, as LARGE reads GHFeat: a linear regression from whole rows on few exact values.

    It reads the labels of its column and no others, of the images that the weighted distances
    choose. The penalty is chosen by leaving out one label; columns are standardized by all images
    of the pool.
    """
    y_pool, drawn = study.y["pool"], study.rows
    scaled = {}
    for name in WHOLE:
        scaler = StandardScaler().fit(study.spaces[name]["pool"])
        scaled[name] = {which: scaler.transform(study.spaces[name][which]) for which in READ}
    tasks = [(name, budget) for name in WHOLE for budget in drawn]

    def score(pool, test, rows):
        model = RidgeCV(np.logspace(0, 6, 13))
        return [study.mae(model.fit(pool[chosen], y_pool[chosen]).predict(test)) for chosen in rows]

    scores = Parallel(n_jobs=study.args.jobs)(
        delayed(score)(*scaled[name].values(), drawn[budget][:N_WHOLE]) for name, budget in tasks
    )
    found = {f"{name}, whole rows": {} for name in WHOLE}
    for (name, budget), values in zip(tasks, scores, strict=True):
        found[f"{name}, whole rows"][budget] = summary(np.array(values))
    return found


def aggregates(study):
    """Figure 10: weighted distance, flat, all layers as features, and the best single layer."""
    cases = {name: (distances, {}) for name, distances in study.aggregates["thirds"].items()}
    return study.curves(cases, study.rows)


def layers(study):
    """Figures 11 and 12: accuracy of each layer, and importance before and after division."""
    shared = study.shared["thirds"]
    generator, direction = study.data.generator, shared.plane.direction_
    code = layer_importance(generator, direction, n_pairs=100, variant="code", random_state=0)
    return {
        "names": list(shared.importance.layers),
        "r2": shared.layer_r2(),
        "importance": shared.importance.weights.tolist(),
        "std_error": shared.importance.std_error.tolist(),
        "importance, as in the code": code.weights.tolist(),
        "unnormalized": shared.importance.unnormalized.tolist(),
        "agreement": shared.importance_agreement(),
    }


def accuracies(study):
    """Table 3: validation accuracy of the SVM in every space."""
    return {
        name: validation_accuracy(rows, study.labels["halves"])
        for name, rows in study.taught_spaces("halves").items()
    }


def penalties(study):
    """Figure 24: penalties of the calibration, and the paper's own scaling."""
    distances = study.weighted()
    names = ("none", "l1", "l2", "elasticnet", "huber")
    cases = {name: (distances, {"penalty": name}) for name in names}
    cases["elasticnet, not standardized"] = (distances, {"standardize": False})
    return study.curves(cases, study.rows)


def selections(study):
    """Appendix E.2: which images to label."""
    distances = study.weighted()
    y_pool, y_test = study.y["pool"], study.y["test"]
    found = {}
    for strategy in ("random", "spread", "optimal"):
        found[strategy] = {}
        for n in BUDGETS[:4]:
            # The optimal rows are always the same.
            n_draws = 1 if strategy == "optimal" else study.args.draws
            rows = study.rows[n] if strategy == "spread" else None
            rows = rows or draws(distances["pool"], n, n_draws, strategy)
            found[strategy][n] = summary(errors(distances, y_pool, y_test, rows))
    return found


def orders(study):
    """Figures 6 to 8: order by directions without labels, chosen among the first few."""
    generator, test = study.data.generator, study.data.sets["test"]
    codes = test.mean_codes(generator)
    found = {}
    for name, model in (
        ("SeFa, first layers", SeFa(generator, N_ORDERED, layers=_first_layers(generator))),
        ("SeFa, all layers", SeFa(generator, N_ORDERED)),
        ("latent PCA", LatentPCA(generator, N_ORDERED, random_state=0)),
    ):
        directions = model.fit().directions_
        ranks = [abs(spearmanr(codes @ d, study.y["test"]).statistic) for d in directions]
        found[name] = {"best": float(max(ranks)), "direction": int(np.argmax(ranks)) + 1}
    return found


def _first_layers(generator):
    return [layer.name for layer in generator.layers][:4]


def inversions(study):
    """Figure 9: encoder, optimization and both as inverters, on the same few images."""
    cases = {}
    codes = study.data.inversions
    for method, sets in codes.items():
        n = len(sets["teach"])
        plane = direction_of("thirds").fit(sets["teach"], study.labels["thirds"][:n])
        cases[method] = (
            {which: plane.decision_function(sets[which])[:, None] for which in READ},
            {},
        )
    n_pool, n_test = (len(next(iter(codes.values()))[which]) for which in READ)
    y_pool, y_test = study.y["pool"][:n_pool], study.y["test"][:n_test]
    return curves(cases, y_pool, y_test, min(study.args.draws, 200), study.args.jobs)


def generated(study):
    """Appendix C.3: a network trained on generated images that the method labels itself.

    Calibration labels, generated images and weights are drawn `N_NETWORKS` times.
    """
    found = [generated_once(study, seed) for seed in range(N_NETWORKS)]
    return {name: summary(np.array([once[name] for once in found])) for name in found[0]}


def generated_once(study, seed):
    """Return MAE and R2 of the network and of the distance, from one draw."""
    generator, distances = study.data.generator, study.weighted()
    drawn = study.rows[max(study.rows)]
    rows = drawn[seed % len(drawn)]
    model = LatentRegressor(n_refits=None, random_state=0).fit(
        distances["pool"][rows], study.y["pool"][rows]
    )
    rng = np.random.RandomState(seed)
    teach = study.data.sets["teach"].codes
    direction = MeanDifferenceDirection().fit(teach, study.labels["thirds"])
    steps = rng.uniform(-1, 1, size=(N_GENERATED, 1)) * direction.distance_
    moved = teach[rng.randint(len(teach), size=N_GENERATED)] + steps * direction.direction_
    values = model.predict(study.shared["thirds"].weighted(moved.astype(np.float32)))
    parts = [generator.synthesis(moved[i : i + 64]) for i in range(0, N_GENERATED, 64)]
    images = to_unit(np.concatenate(parts))
    test = study.data.sets["test"].pixels
    predicted = cnn.regression(images, values, test, seed=seed, epochs=GENERATED_EPOCHS)
    return {
        "network on generated images": study.mae(predicted),
        "distance, the same labels": study.mae(model.predict(distances["test"])),
    }


def intervals(study):
    """Coverage of nominal 90 % intervals over many draws, for images new to direction and line."""
    distances = study.weighted()
    rng = np.random.default_rng(0)
    found = {}
    for n in (n for n in COVERAGE_BUDGETS if n <= len(study.y["pool"])):
        covered, widths = [], []
        for _ in range(max(study.args.draws // 5, 1)):
            rows = rng.choice(len(study.y["pool"]), n, replace=False)
            model = LatentRegressor(random_state=0).fit(
                distances["pool"][rows], study.y["pool"][rows]
            )
            low, high = model.predict_interval(distances["test"], coverage=COVERAGE)
            covered.append(np.mean((study.y["test"] >= low) & (study.y["test"] <= high)))
            widths.append(np.mean(high - low))
        found[n] = {
            "coverage": [float(np.mean(covered)), float(np.std(covered))],
            "width": float(np.mean(widths)),
            "draws": len(covered),
        }
    return found


#: The paper shows everything for yaw and age; other attributes get these.
SHORT = ("1b", "3", "10", "11-12", "6-8", "text", "ceilings", "mirror")
FIGURES = {
    "1b": linearity,
    "3": baselines,
    "4": degrees,
    "5": networks,
    "6-8": orders,
    "text": text_orders,
    "9": inversions,
    "10": aggregates,
    "11-12": layers,
    "C.3": generated,
    "E.2": selections,
    "table 3": accuracies,
    "24": penalties,
    "intervals": intervals,
    "ceilings": ceilings,
    "mirror": mirrored,
    "grades": grades,
}


def quietly(function, *arguments):
    """Call a figure's function without the warnings about few labels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return function(*arguments)
