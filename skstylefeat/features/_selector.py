"""ChannelMISelector: channels whose maps agree more within a class than across classes."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skstylefeat._utils._constraints import N_JOBS
from skstylefeat._utils._draws import draw_per_class
from skstylefeat._utils._labels import split_labels
from skstylefeat._utils._layers import LayerInfo, choose_layers, describe_layers, layer_slices
from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat._utils._typing import RandomState
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.features._channel_ranking import best_of_layers, choose_channels
from skstylefeat.features._channel_scores import (
    information_score,
    intra_inter_of_draws,
    level_separation,
)
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.features._lazy_output import LazyOutputMixin
from skstylefeat.features._map_checks import validate_maps
from skstylefeat.metrics._scores import check_classes

__all__ = ["ChannelMISelector"]


class ChannelMISelector(LazyOutputMixin, VersionStamped, BaseEstimator):
    """Keep the channels whose feature maps separate classes, judged by a few labeled images.

    Parameters
    ----------
    n_channels_per_layer : int or None, default=10
        Number of best channels kept of each layer; layers with fewer are kept whole. None keeps
        all.
    n_channels : int or None, default=None
        Number of best channels kept overall, among those that pass the other rules. None sets no
        limit.
    threshold : float or None, default=None
        Channels with a score at or below it are dropped. None drops none.
    n_samples_per_class : int or None, default=4
        Labeled images per class that are used, drawn at random from classes with more. A class
        with fewer images, but at least 2, gives all of them. None uses all labeled images.
    n_draws : int, default=1
        Number of draws of `n_samples_per_class` images. With several draws, information is
        averaged over the draws, and channels are ranked by how often they are selected, then by
        score. The selection then depends less on which images happen to be labeled.
    score : {"ratio", "difference", "anova"}, default="ratio"
        ``a / r`` (equation 2) or ``a - r`` (as in fig. 4), of IntraMI `a` and InterMI `r`; or the
        F value of an analysis of variance of the maps' maxima, which compares their level.
    n_bins : int or "auto", default="auto"
        Bins of the joint histograms; "auto" is :func:`skstylefeat.metrics.default_n_bins`
        of each layer's size.
    binning : {"width", "quantile"}, default="width"
        Bins of equal width or of equally many values.
    correction : {"miller-madow"} or None, default=None
        Bias correction of the information.
    layers : str, int, sequence of these, or None, default=None
        Layers to choose from: names such as ``"b16.conv1"``, blocks such as ``"b16"``, or
        resolutions such as ``16``. None takes all; the others are dropped.
    n_jobs : int or None, default=None
        Threads that share the channels of a layer. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Attributes
    ----------
    scores_ : ndarray of shape (n_features_in_,)
        Score of each channel, layer after layer; NaN in layers that `layers` leaves out.
    intra_mi_, inter_mi_ : ndarray of shape (n_features_in_,)
        IntraMI and InterMI in nats, mean over the draws. NaN with ``score="anova"``, which uses
        the maxima only and therefore also works on thousands of labeled images.
    selection_frequency_ : ndarray of shape (n_features_in_,)
        Share of the draws that rank a channel among the best `n_channels_per_layer` of its layer.
    sample_indices_ : list of ndarray of int
        Rows of each draw.
    classes_ : ndarray
        Classes of the labeled rows.
    layers_ : tuple of LayerInfo
        Layers seen in `fit`.
    layer_slices_ : dict of str to slice
        Position of each layer in `scores_` and the other arrays.
    layer_disentanglement_ : dict of str to float
        Mean of ``a - r`` over the channels of each scored layer (fig. 4); NaN as above.
    n_features_in_ : int
        Number of channels seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names such as ``b16.conv1:213``. Absent if `fit` received an array.

    See Also
    --------
    MaxPoolReducer : The next step: one number per channel.
    FeatureMapExtractor : Feature maps of latents.
    skstylefeat.metrics.intra_inter_mi : Both kinds of information for one layer.

    Notes
    -----
    Paper A, "facial attribute representations", section 4: four labeled images per class, ten
    channels per layer. Mutual information compares the positions of structures in two maps. It
    does not change when one map is brightened, but max pooling keeps only the level.
    ``score="anova"`` is not part of the paper and chooses channels by level: on rendered faces its
    channels cluster better by glasses than those of the ratio, see the page of results.

    `fit` ignores rows of `X` without a label (-1, None, NaN in `y`), so that the selector can be
    fitted inside a pipeline with few labeled rows. It also ignores rows of NaN, which stand for
    images that cannot be read; `transform` returns them as NaN. Only the maps of the drawn rows
    are computed.

    The ratio is not defined where ``r = 0``, which happens on small maps. There `r` counts as
    1e-12: such channels rank first, ordered by `a`. Dead channels (``a = r = 0``) score 0 and
    rank last. Ties are broken in favor of the channel with the lower number.

    `transform` of `FeatureMaps` returns a lazy view, so that `set_output` has no effect on this
    estimator; later steps of a pipeline use the container.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import ChannelMISelector
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 10)
    >>> maps = rng.normal(size=(20, 6, 16, 16))
    >>> maps[:, 3] = rng.normal(size=(2, 16, 16))[y] + 0.3 * maps[:, 3]  # one separates them
    >>> selector = ChannelMISelector(n_channels_per_layer=1, random_state=0).fit(maps, y)
    >>> selector.get_feature_names_out()
    array(['x3'], dtype=object)
    >>> selector.transform(maps).shape
    (20, 1, 16, 16)
    """

    scores_: NDArray[np.float64]
    intra_mi_: NDArray[np.float64]
    inter_mi_: NDArray[np.float64]
    selection_frequency_: NDArray[np.float64]
    sample_indices_: list[NDArray[np.intp]]
    classes_: NDArray[Any]
    layers_: tuple[LayerInfo, ...]
    layer_slices_: dict[str, slice]
    layer_disentanglement_: dict[str, float]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    _parameter_constraints: dict = {
        "n_channels_per_layer": [Interval(Integral, 1, None, closed="left"), None],
        "n_channels": [Interval(Integral, 1, None, closed="left"), None],
        "threshold": [Interval(Real, None, None, closed="neither"), None],
        "n_samples_per_class": [Interval(Integral, 2, None, closed="left"), None],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "score": [StrOptions({"ratio", "difference", "anova"})],
        "n_bins": [StrOptions({"auto"}), Interval(Integral, 2, 1024, closed="both")],
        "binning": [StrOptions({"width", "quantile"})],
        "correction": [StrOptions({"miller-madow"}), None],
        "layers": [str, Integral, "array-like", None],
        "n_jobs": N_JOBS,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_channels_per_layer: int | None = 10,
        *,
        n_channels: int | None = None,
        threshold: float | None = None,
        n_samples_per_class: int | None = 4,
        n_draws: int = 1,
        score: Literal["ratio", "difference", "anova"] = "ratio",
        n_bins: int | Literal["auto"] = "auto",
        binning: Literal["width", "quantile"] = "width",
        correction: Literal["miller-madow"] | None = None,
        layers: str | int | Iterable[str | int] | None = None,
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_channels_per_layer = n_channels_per_layer
        self.n_channels = n_channels
        self.threshold = threshold
        self.n_samples_per_class = n_samples_per_class
        self.n_draws = n_draws
        self.score = score
        self.n_bins = n_bins
        self.binning = binning
        self.correction = correction
        self.layers = layers
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: FeatureMaps | ArrayLike, y: ArrayLike) -> Self:
        """Score the channels on a few labeled images of each class.

        Parameters
        ----------
        X : FeatureMaps or array-like of shape (n, C, H, W)
            Feature maps; an array is one layer.
        y : array-like of shape (n,)
            Class of each image; -1, None or NaN if it is unknown.

        Returns
        -------
        self : ChannelMISelector

        Raises
        ------
        ValueError
            If fewer than two classes are labeled, a class has fewer than 2 images, `layers`
            names an unknown layer, maps of drawn rows hold NaN, or no channel is above
            `threshold`.
        """
        maps = _as_feature_maps(X, self, fitting=True)
        if y is None:
            raise ValueError(
                "ChannelMISelector requires y to be passed, but the target y is None: it compares "
                "the maps of a few labeled images."
            )
        rows, labels = split_labels(y, len(maps))
        # Unreadable images may have labels, but they have no maps.
        readable = ~maps.missing_rows[rows]
        if len(rows) and not readable.any():
            raise ValueError("The maps of all labeled rows are NaN: none of the images was read.")
        rows, labels = rows[readable], labels[readable]
        self.classes_ = check_classes(labels)
        self._record_input(X, maps)
        layers = choose_layers(self.layers_, self.layers)

        # Draw images, and compute maps of the drawn ones only. Draws may share images.
        codes = np.searchsorted(self.classes_, labels)
        rng = check_random_state(self.random_state)
        drawn = [
            np.sort(draw_per_class(codes, self.n_samples_per_class, rng))
            for _ in range(self.n_draws)
        ]
        self.sample_indices_ = [rows[few] for few in drawn]
        scored_rows = np.unique(np.concatenate(self.sample_indices_))
        draws = [(np.searchsorted(scored_rows, rows[few]), codes[few]) for few in drawn]
        view = maps[scored_rows].select({x.name: np.arange(x.channels) for x in layers})

        # A channel is kept if its rank within its layer, and overall, is good enough.
        scores_of_draws = self._score(view, draws)
        slices = [self.layer_slices_[x.name] for x in layers]
        self.selection_frequency_ = np.mean(
            [best_of_layers(x, slices, self.n_channels_per_layer) for x in scores_of_draws], axis=0
        )
        self._support_mask = choose_channels(
            self.scores_,
            self.selection_frequency_,
            slices,
            n_channels_per_layer=self.n_channels_per_layer,
            n_channels=self.n_channels,
            threshold=self.threshold,
        )
        return self

    def transform(self, X: FeatureMaps | ArrayLike) -> FeatureMaps | NDArray[Any]:
        """Keep the selected channels.

        Parameters
        ----------
        X : FeatureMaps or array-like of shape (n, C, H, W)
            Feature maps with the layers seen in `fit`.

        Returns
        -------
        FeatureMaps or ndarray of shape (n, n_selected, H, W)
            A lazy view for `FeatureMaps`, an array for an array.
        """
        check_is_fitted(self)
        maps = _as_feature_maps(X, self, fitting=False)

        # Arrays have no channel names, but are one layer of a known size.
        if (
            self._is_array != (maps is not X)
            or maps.layers != self.layers_
            or (not self._is_array and maps.channel_names != self._names)
        ):
            raise ValueError(
                f"{type(self).__name__} was fitted on {describe_layers(self.layers_)}, but X holds "
                f"{describe_layers(maps.layers)}. Give it maps of the same layers and sizes."
            )

        if self._is_array:
            return maps.layer("x")[:, self._support_mask]
        return maps.select(
            {
                layer.name: np.flatnonzero(self._support_mask[self.layer_slices_[layer.name]])
                for layer in self.layers_
            }
        )

    def get_support(self, indices: bool = False) -> NDArray[Any]:
        """Return a mask of the channels that are kept, or their positions.

        Parameters
        ----------
        indices : bool, default=False
            Return positions instead of a mask.

        Returns
        -------
        ndarray of shape (n_features_in_,), bool, or of shape (n_selected,), int
        """
        check_is_fitted(self)
        return np.flatnonzero(self._support_mask) if indices else self._support_mask.copy()

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the channels that are kept.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of all channels; None takes those seen in `fit`, or x0, x1, ... for arrays.

        Returns
        -------
        ndarray of str objects
            Such as ``b16.conv1:213``.
        """
        check_is_fitted(self)
        names = np.asarray(self._names if input_features is None else input_features, dtype=object)
        if len(names) != self.n_features_in_ or (
            not self._is_array and list(names) != list(self.feature_names_in_)
        ):
            raise ValueError("input_features is not equal to feature_names_in_")
        return names[self._support_mask]

    def score_table(self) -> NDArray[np.void]:
        """Return a table with one row per channel, best channels of a layer first.

        Returns
        -------
        ndarray of shape (n_features_in_,) with named fields
            ``layer``, ``channel`` (name), ``intra_mi``, ``inter_mi``, ``score``, ``frequency``,
            ``selected``. ``pandas.DataFrame(table)`` is the data frame.
        """
        check_is_fitted(self)
        repeats = [layer.channels for layer in self.layers_]
        layers = np.repeat([layer.name for layer in self.layers_], repeats)
        columns = {
            "layer": layers,
            "channel": np.array(self._names),
            "intra_mi": self.intra_mi_,
            "inter_mi": self.inter_mi_,
            "score": self.scores_,
            "frequency": self.selection_frequency_,
            "selected": self._support_mask,
        }

        table = np.empty(
            self.n_features_in_, dtype=[(name, value.dtype) for name, value in columns.items()]
        )
        for name, value in columns.items():
            table[name] = value

        # By layer in the network's order, then by score.
        return table[np.lexsort((-self.scores_, np.repeat(np.arange(len(repeats)), repeats)))]

    def _score(self, maps, draws):
        """Set `scores_` and the information; return the scores of each draw, (n_draws, n_features).

        Layers that `maps` leaves out have NaN.
        """
        intra, inter, by_draw = np.full((3, self.n_draws, self.n_features_in_), np.nan)
        columns = np.r_[tuple(self.layer_slices_[x.name] for x in maps.layers)]
        if self.score == "anova":
            by_draw[:, columns] = level_separation(maps, draws)
            self.scores_ = by_draw.mean(axis=0)
        else:
            intra[:, columns], inter[:, columns] = intra_inter_of_draws(
                maps,
                draws,
                n_bins=self.n_bins,
                binning=self.binning,
                correction=self.correction,
                n_jobs=self.n_jobs,
            )
            by_draw = information_score(intra, inter, self.score)
            # The score of the mean information, not the mean score: a ratio of one draw may be
            # huge because its InterMI happens to be near 0.
            self.scores_ = information_score(intra.mean(axis=0), inter.mean(axis=0), self.score)

        self.intra_mi_, self.inter_mi_ = intra.mean(axis=0), inter.mean(axis=0)
        difference = self.intra_mi_ - self.inter_mi_
        self.layer_disentanglement_ = {
            x.name: float(np.mean(difference[self.layer_slices_[x.name]])) for x in maps.layers
        }
        return by_draw

    def _record_input(self, X, maps):
        self._is_array = maps is not X
        self.layers_ = maps.layers
        self.layer_slices_ = layer_slices(maps.layers)
        self.n_features_in_ = sum(layer.channels for layer in maps.layers)
        if self._is_array:
            self._names = [f"x{channel}" for channel in range(self.n_features_in_)]
            self.__dict__.pop("feature_names_in_", None)
        else:
            self._names = maps.channel_names
            self.feature_names_in_ = np.array(self._names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _as_feature_maps(X, estimator, *, fitting):
    """Return FeatureMaps as they are, and an array as the maps of a layer named x."""
    if isinstance(X, FeatureMaps):
        return X
    if np.ndim(X) != 4:
        raise ValueError(
            f"Expected FeatureMaps or an array of shape (n, C, H, W), got "
            f"{type(X).__name__} with shape {np.shape(X)}."
        )
    return FeatureMaps.from_arrays({"x": validate_maps(X, estimator, fitting=fitting)})
