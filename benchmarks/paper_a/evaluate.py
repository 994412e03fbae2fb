"""One draw of all labels, evaluated with every source and every task of paper A.

A draw first labels a few images of each class, which choose the channels of every source, then the
images that the annotators query. Names of clusters are scored on the images of the pool that were
not labeled, classifiers on the test images. Logistic regressions get all labels of the draw.
"""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    adjusted_rand_score,
    balanced_accuracy_score,
    normalized_mutual_info_score,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import ClusterAnnotator
from skstylefeat.experiments import (
    ANOVA_SELECTION,
    N_PER_CLASS,
    Score,
    answer_query,
    logistic_predictions,
    majority_predictions,
    pseudo_label_predictions,
    second_round,
    unlabeled_names,
)
from skstylefeat.metrics import clustering_accuracy

BUDGETS = (2, 5, 10, 30, 60, 120, 600)
CLASSIFIED = ("stylegan", "mae")  # sources whose pseudo labels train a network, as in the paper
# Sources without maps; True: standardize.
ROWS = {"codes": True, "styles": True, "pca": False, "hog": True, "union": True}
POOLED_BUDGETS = (5, 10, 30, 120)
SHOTS = (2, 3, 4, 5, 6, 7, 8)
GRID_SOURCES = ("stylegan", "mae")
N_PER_CLUSTER, AT_CLUSTERS = (1, 2, 3, 5, 8), 10
N_CLUSTERS, AT_LABELS = (2, 5, 10, 20, 40), 3
# Training on all true labels takes long and varies little, so it is done for few draws.
TRUE_LABEL_DRAWS = 5
# Chosen on other rendered faces and on training photos; see docs/results/paper_a.md.
WEIGHT_POWER, WEIGHT_PENALTY = 8, 0.03
CLUSTERER = KMeans(n_init=3)


class Draw:
    """One draw of a target's labels; each method returns scores.

    Parameters
    ----------
    bench : Bench
    target : Target
    number : int
        Number of the draw.
    seed : int
        Random state of the run. A draw is the same for all sources.
    """

    def __init__(self, bench, target, number, seed):
        self.bench, self.target, self.number = bench, target, number
        self.y, self.y_test = target.y_train, target.y_test
        self.key = (seed, number)
        self.seed = int(np.random.default_rng(self.key).integers(2**31))

    def score(self, method, metric, n, value):
        """Return a `Score` of this draw."""
        return Score(self.target.name, method, metric, n, self.number, float(value))

    def selection(self, source, n_per_class=N_PER_CLASS):
        """Return labeled rows and kept columns; the rows are the same for all sources."""
        rng = np.random.default_rng(self.key)
        return source.select(self.y, self.bench, n_per_class, rng)

    def affordable(self, budgets):
        """Return the budgets that leave a quarter of the pool to be named."""
        return [budget for budget in budgets if budget <= 0.75 * len(self.y)]

    def clustering(self):
        """Tables 1 and 5: as many clusters as classes, of chosen and of all columns."""
        scores = []
        for name, source in self.bench.sources.items():
            rows = {f"{name} all": np.ones(source.pool["max"].shape[1], dtype=bool)}
            if source.maps is not None:
                rows[name] = self.selection(source)[1]
            for method, kept in rows.items():
                clusters = self.k_means(source.pool["max"][:, kept])
                for metric, value in {
                    "ACC": clustering_accuracy(self.y, clusters),
                    "NMI": normalized_mutual_info_score(self.y, clusters),
                    "ARI": adjusted_rand_score(self.y, clusters),
                }.items():
                    scores.append(self.score(method, metric, 0, value))
        share = np.unique(self.y, return_counts=True)[1].max() / len(self.y)
        return [*scores, self.score("majority", "ACC", 0, share)]

    def k_means(self, features):
        k = len(np.unique(self.y))
        model = KMeans(k, n_init=3, random_state=self.seed)
        return model.fit_predict(StandardScaler().fit_transform(features))

    def shots(self):
        """Table 4: clusters by the number of images per class that chose the channels."""
        source = self.bench.sources["stylegan"]
        scores = []
        for n in SHOTS:
            kept = self.selection(source, n)[1]
            value = clustering_accuracy(self.y, self.k_means(source.pool["max"][:, kept]))
            scores.append(self.score("stylegan", "ACC by images", n, value))
        return scores

    def budgets(self):
        """Tables 2, 3, 6 and 7, and figure 8: annotation and classification by budget."""
        scores = []
        for name, source in self.bench.sources.items():
            chosen = self.selection(source)
            for budget in self.affordable(BUDGETS):
                drawn = self.annotate(source, chosen, "max", n_labels=budget)
                scores += self.named(name, "annotation", budget, drawn)
                if name in CLASSIFIED:
                    scores += self.classified(name, budget, drawn)
                    scores += self.rounds(name, source, budget)
                if name == "stylegan" and budget in POOLED_BUDGETS:
                    mean = self.annotate(source, chosen, "mean", n_labels=budget)
                    scores += self.classified("stylegan mean", budget, mean)
            if name in CLASSIFIED and self.number < TRUE_LABEL_DRAWS:
                scores += self.true_labels(name, source, chosen[1])
        guess = majority_predictions(self.y, len(self.y_test))
        return scores + self.right("majority", "classification", 0, self.y_test, guess)

    def rounds(self, name, source, budget):
        """Not in the paper: channels by F value, queries of central images, and a second round."""
        rng = np.random.default_rng(self.key)
        chosen = source.select(self.y, self.bench, N_PER_CLASS, rng, **ANOVA_SELECTION)
        drawn = self.annotate(source, chosen, "max", n_labels=budget, query="central")
        second = second_round(drawn, *source.levels, self.y, self.seed)
        return [
            *self.named(f"{name} by level", "annotation", budget, drawn),
            *self.named(f"{name} second round", "annotation", budget, second),
            *self.classified(f"{name} second round", budget, second),
        ]

    def grid(self):
        """Figure 6: annotation by labels per cluster, and by number of clusters."""
        scores = []
        for name in (name for name in GRID_SOURCES if name in self.bench.sources):
            source = self.bench.sources[name]
            chosen = self.selection(source)
            for metric, pairs in {
                "annotation by n": [(n, AT_CLUSTERS, n) for n in N_PER_CLUSTER],
                "annotation by k": [(k, k, AT_LABELS) for k in N_CLUSTERS],
            }.items():
                for place, k, n in pairs:
                    drawn = self.annotate(source, chosen, "max", n_clusters=k, n_annotations=n)
                    scores += self.named(name, metric, place, drawn)
        return scores

    def annotate(self, source, chosen, mode, **parameters):
        """Cluster the pool by the kept columns and answer the query."""
        rows, kept = chosen
        features, test = source.pool[mode][:, kept], source.test[mode][:, kept]
        annotator = ClusterAnnotator(**parameters, clusterer=CLUSTERER, random_state=self.seed)
        return answer_query(annotator, features, test, self.y, rows)

    def named(self, method, metric, n, drawn):
        return self.right(method, metric, n, *unlabeled_names(drawn, self.y))

    def classified(self, method, budget, drawn):
        names = pseudo_label_predictions(drawn, self.seed)
        return self.right(method, "classification", budget, self.y_test, names)

    def true_labels(self, name, source, kept):
        """Train the classifier's network on all labels of the pool."""
        network = MLPClassifier((128, 64), max_iter=100, random_state=self.seed)
        model = make_pipeline(StandardScaler(), network)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model.fit(source.pool["max"][:, kept], self.y)
        names = model.predict(source.test["max"][:, kept])
        return self.right(name, "classification", len(self.y), self.y_test, names)

    def labeled(self, budgets):
        """Return the rows queried by clusters of StyleGAN2's channels, by budget."""
        source = self.bench.sources["stylegan"]
        chosen = self.selection(source)
        return {
            budget: self.annotate(source, chosen, "max", n_labels=budget).labeled_rows
            for budget in self.affordable(budgets)
        }

    def regressions(self):
        """Figure 7: logistic regressions on the same labels, of rows and of weighted channels."""
        labeled = self.labeled(BUDGETS)
        if self.number == 0:  # all labels: the same in every draw
            labeled[len(self.y)] = np.arange(len(self.y))
        return [
            score
            for budget, rows in labeled.items()
            if len(np.unique(self.y[rows])) > 1
            for method, guess in self._read(rows).items()
            for score in self.right(method, "classification", budget, self.y_test, guess)
        ]

    def _read(self, rows):
        """Return the test images' classes by method, each alone and with the mirror image."""
        y, names = self.y[rows], {}
        for found, plain, weighted in (
            (self.bench.plain, "logistic", "weighted"),
            (self.bench.mirrored, "mirror", "weighted mirror"),
        ):
            for name, source in found.items():
                pool, test = source.pool["max"], source.test["max"]
                if name in ROWS:
                    guess = logistic_predictions(pool[rows], y, test, scale=ROWS[name])
                    names[f"{name} {plain}"] = guess
                    continue
                pool, test = weighted_channels(pool, test, rows, y)
                model = LogisticRegression(C=WEIGHT_PENALTY, max_iter=2000).fit(pool[rows], y)
                names[f"{name} {weighted}"] = model.predict(test)
        return names

    def right(self, method, metric, n, truth, guess):
        """Return accuracy and balanced accuracy."""
        with warnings.catch_warnings():
            # A predicted class may be missing in `truth`.
            warnings.simplefilter("ignore", UserWarning)
            balanced = balanced_accuracy_score(truth, guess)
        return [
            self.score(method, metric, n, np.mean(truth == guess)),
            self.score(method, f"balanced {metric}", n, balanced),
        ]


def weighted_channels(pool, test, rows, y):
    """Scale standardized channels by their estimated separation of the classes.

    The weight is ``t * R2**8``: `t` compares the labeled classes' means with the deviation inside
    them, and `R2` is the share of the channel's variance over the pool, without labels, that the
    best split into two groups explains.

    Parameters
    ----------
    pool, test : ndarray of shape (n, d)
    rows : ndarray of int
        Labeled rows of the pool.
    y : ndarray
        Their classes, two or more.

    Returns
    -------
    pool, test : ndarray of shape (n, d)
    """
    scaler = StandardScaler().fit(pool)
    pool, test = scaler.transform(pool), scaler.transform(test)
    groups = [pool[rows[y == value]] for value in np.unique(y)]
    means = np.stack([group.mean(axis=0) for group in groups])
    inside = np.mean([group.var(axis=0) for group in groups], axis=0)
    weights = means.std(axis=0) / np.sqrt(inside + 1e-3) * two_group_share(pool) ** WEIGHT_POWER
    weights /= np.sqrt(np.mean(weights**2))
    return pool * weights, test * weights


def two_group_share(columns, least=0.05):
    """Return the share (d,) of each column's variance between the two groups of its best split.

    It is 0.64 for a normal distribution and 1 for two values. A group holds at least a share
    `least` of the rows.
    """
    n = len(columns)
    below = np.cumsum(np.sort(columns, axis=0), axis=0, dtype=np.float64)
    sizes = np.arange(1, n)[:, None]
    gap = below[:-1] / sizes - (below[-1] - below[:-1]) / (n - sizes)
    between = sizes * (n - sizes) / n**2 * gap**2
    edge = max(1, int(least * n))
    variance = np.maximum(columns.var(axis=0, dtype=np.float64), 1e-12)
    return between[edge - 1 : n - edge].max(axis=0) / variance
