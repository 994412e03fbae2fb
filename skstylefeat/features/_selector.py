"""ChannelMISelector: the channels whose maps agree inside a class more than across classes."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from skstylefeat._utils._labels import split_labels
from skstylefeat._utils._layers import choose_layers, describe_layers, layer_slices
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.features._channel_ranking import best_of_layers, choose_channels
from skstylefeat.features._channel_scores import (
    compare,
    draw_few,
    intra_inter_of_draws,
    level_separation,
)
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.metrics._scores import check_classes

__all__ = ["ChannelMISelector"]


class ChannelMISelector(  # type: ignore[call-arg]
    TransformerMixin, VersionStamped, BaseEstimator, auto_wrap_output_keys=None
):
    """Keep the channels whose feature maps tell classes apart, judged by a few labeled images.

    Parameters
    ----------
    n_channels_per_layer : int or None, default=10
        Best channels kept of every layer; layers with fewer are kept whole. None keeps all.
    n_channels : int or None, default=None
        Best channels kept overall, among those that the other rules leave. None sets no limit.
    threshold : float or None, default=None
        Channels with a score at or below it are dropped. None drops none.
    n_samples_per_class : int or None, default=4
        Labeled images of each class that are looked at, drawn at random where there are more.
        Classes with fewer, but at least 2, use what they have. None uses all.
    n_draws : int, default=1
        Number of draws of `n_samples_per_class` images. With more than one, information is
        averaged over the draws, and channels are ranked by how often they are selected, then by
        score: a selection that depends less on which images happened to be labeled.
    score : {"ratio", "difference", "anova"}, default="ratio"
        ``a / r`` (equation 2) or ``a - r`` (as in fig. 4), of IntraMI `a` and InterMI `r`; or the
        F value of an analysis of variance of the maps' maxima, which sees their level.
    n_bins : int or "auto", default="auto"
        Bins of the joint histograms; "auto" is :func:`skstylefeat.metrics.default_n_bins`
        of each layer's size.
    binning : {"width", "quantile"}, default="width"
        Bins of equal width or of equally many values.
    correction : {"miller-madow"} or None, default=None
        Bias correction of the information.
    layers : sequence of str or int, or None, default=None
        Layers to choose from: names such as ``"b16.conv1"``, blocks such as ``"b16"``, or
        resolutions such as ``16``. None takes all; the others are dropped.
    n_jobs : int or None, default=None
        Threads that share the channels of a layer. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Draws the images of a class.

    Attributes
    ----------
    scores_ : ndarray of shape (n_features_in_,)
        Score of each channel, layer after layer; NaN in layers that `layers` leaves out.
    intra_mi_, inter_mi_ : ndarray of shape (n_features_in_,)
        IntraMI and InterMI in nats, mean over the draws. NaN with ``score="anova"``, which takes
        the maxima alone and therefore also works on thousands of labeled images.
    selection_frequency_ : ndarray of shape (n_features_in_,)
        Share of the draws that rank a channel among the best `n_channels_per_layer` of its layer.
    sample_indices_ : list of ndarray of int
        Rows that each draw looked at.
    classes_ : ndarray
        Classes of the labeled rows.
    layers_ : tuple of LayerInfo
        Layers seen in `fit`.
    layer_slices_ : dict of str to slice
        Place of each layer in `scores_` and the other arrays.
    layer_disentanglement_ : dict of str to float
        Mean over the channels of each scored layer of ``a - r`` (fig. 4); NaN as above.
    n_features_in_ : int
        Number of channels seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names such as ``b16.conv1:213``. Absent where an array came.

    See Also
    --------
    MaxPoolReducer : The next step: one number a channel.
    skstylefeat.metrics._scores.intra_inter_mi : The two kinds of information for one layer.

    Notes
    -----
    Paper A, "facial attribute representations", section 4: four labeled images a class, ten
    channels a layer. Mutual information compares where things are in two maps and does not
    change when one of them is brightened, but their level is what max pooling keeps of them.
    ``score="anova"``, which is not the paper's, chooses by that: on rendered faces its channels
    cluster by glasses where those of the ratio do less well, see the page of results.

    Rows of `X` without a label (-1, None, NaN in `y`) are ignored in `fit`, so that the selector
    can be fitted inside a pipeline where only few rows are labeled, and only the maps of the
    drawn rows are computed.

    The ratio is not defined where ``r = 0``, which happens on small maps. There `r` counts as
    1e-12: such channels come first, ordered by `a`, and dead channels (``a = r = 0``) score 0
    and come last. Ties are broken in favor of the channel that comes first.

    `transform` of `FeatureMaps` is a lazy view, so that `set_output` changes nothing here; it
    returns the estimator for the sake of the steps after it.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import ChannelMISelector
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 10)
    >>> maps = rng.normal(size=(20, 6, 16, 16))
    >>> maps[:, 3] = rng.normal(size=(2, 16, 16))[y] + 0.3 * maps[:, 3]  # one tells classes apart
    >>> selector = ChannelMISelector(n_channels_per_layer=1, random_state=0).fit(maps, y)
    >>> selector.get_feature_names_out()
    array(['x3'], dtype=object)
    >>> selector.transform(maps).shape
    (20, 1, 16, 16)
    """

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
        "layers": ["array-like", None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_channels_per_layer=10,
        *,
        n_channels=None,
        threshold=None,
        n_samples_per_class=4,
        n_draws=1,
        score="ratio",
        n_bins="auto",
        binning="width",
        correction=None,
        layers=None,
        n_jobs=None,
        random_state=None,
    ):
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
    def fit(self, X, y):
        """Score the channels on a few labeled images of each class.

        Parameters
        ----------
        X : FeatureMaps or array-like of shape (n, C, H, W)
            Feature maps; an array is one layer.
        y : array-like of shape (n,)
            Class of each image; -1, None or NaN where it is unknown.

        Returns
        -------
        self : ChannelMISelector

        Raises
        ------
        ValueError
            If fewer than two classes are labeled, fewer than 2 images of one, `layers` names
            what is not there, maps hold NaN, or no channel is above `threshold`.
        """
        maps = _as_feature_maps(X)
        if y is None:
            raise ValueError(
                "ChannelMISelector requires y to be passed, but the target y is None: it compares "
                "the maps of a few labeled images."
            )
        rows, labels = split_labels(y, len(maps))
        self.classes_ = check_classes(labels)
        self._remember_input(X, maps)
        chosen = choose_layers(self.layers_, self.layers)
        codes = np.searchsorted(self.classes_, labels)
        rng = check_random_state(self.random_state)
        drawn = draw_few(codes, self.n_samples_per_class, self.n_draws, rng)
        self.sample_indices_ = [rows[few] for few in drawn]

        scored_rows = np.unique(np.concatenate(self.sample_indices_))
        draws = [(np.searchsorted(scored_rows, rows[few]), codes[few]) for few in drawn]
        view = maps[scored_rows].select({x.name: np.arange(x.channels) for x in chosen})
        slices = [self.layer_slices_[x.name] for x in chosen]
        columns = np.r_[tuple(slices)]
        intra, inter, by_draw = np.full((3, self.n_draws, self.n_features_in_), np.nan)
        if self.score == "anova":
            by_draw[:, columns] = level_separation(view, draws)
            self.scores_ = by_draw.mean(axis=0)
        else:
            intra[:, columns], inter[:, columns] = intra_inter_of_draws(
                view,
                draws,
                n_bins=self.n_bins,
                binning=self.binning,
                correction=self.correction,
                n_jobs=self.n_jobs,
            )
            by_draw = compare(intra, inter, self.score)
            self.scores_ = compare(intra.mean(axis=0), inter.mean(axis=0), self.score)
        self.intra_mi_, self.inter_mi_ = intra.mean(axis=0), inter.mean(axis=0)
        self.layer_disentanglement_ = {
            x.name: float(np.mean((self.intra_mi_ - self.inter_mi_)[where]))
            for x, where in zip(chosen, slices, strict=True)
        }
        self.selection_frequency_ = np.mean(
            [best_of_layers(scores, slices, self.n_channels_per_layer) for scores in by_draw],
            axis=0,
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

    def transform(self, X):
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
        maps = _as_feature_maps(X)
        found = tuple(layer._replace(name="") for layer in maps.layers)
        if (
            self._is_array != (maps is not X)
            or (not self._is_array and maps.channel_names != list(self.feature_names_in_))
            or found != tuple(layer._replace(name="") for layer in self.layers_)
        ):
            raise ValueError(
                f"{type(self).__name__} was fitted on {describe_layers(self.layers_)}, but "
                f"{describe_layers(maps.layers)} came. Give it maps of the same layers and sizes."
            )
        if self._is_array:
            return maps.layer("x")[:, self._support_mask]
        return maps.select(
            {
                layer.name: np.flatnonzero(self._support_mask[self.layer_slices_[layer.name]])
                for layer in self.layers_
            }
        )

    def get_support(self, indices=False):
        """Return which channels are kept.

        Parameters
        ----------
        indices : bool, default=False
            Return their positions instead of a mask.

        Returns
        -------
        ndarray of shape (n_features_in_,), bool, or of the positions, int
        """
        check_is_fitted(self)
        return np.flatnonzero(self._support_mask) if indices else self._support_mask.copy()

    def get_feature_names_out(self, input_features=None):
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
        if input_features is None:
            input_features = self._names
        elif len(input_features) != self.n_features_in_ or (
            not self._is_array and list(input_features) != list(self.feature_names_in_)
        ):
            raise ValueError("input_features is not equal to feature_names_in_")
        return np.asarray(input_features, dtype=object)[self._support_mask]

    def score_table(self):
        """Return one row a channel, best channels of a layer first.

        Returns
        -------
        ndarray of shape (n_features_in_,) with named fields
            ``layer``, ``channel`` (name), ``intra_mi``, ``inter_mi``, ``score``, ``frequency``,
            ``selected``. ``pandas.DataFrame(table)`` makes a data frame of it.
        """
        check_is_fitted(self)
        layers = [layer.name for layer in self.layers_ for _ in range(layer.channels)]
        columns = {
            "layer": np.array(layers),
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
        position = {layer.name: i for i, layer in enumerate(self.layers_)}
        return table[np.lexsort((-self.scores_, [position[name] for name in layers]))]

    def set_output(self, *, transform=None):
        """Do nothing: feature maps are no table. Steps after this one can have it.

        Parameters
        ----------
        transform : str or None, default=None
            Ignored.

        Returns
        -------
        self : ChannelMISelector
        """
        return self

    def _remember_input(self, X, maps):
        self._is_array = maps is not X
        self.layers_ = maps.layers
        self.layer_slices_ = layer_slices(maps.layers)
        self.n_features_in_ = sum(layer.channels for layer in maps.layers)
        if self._is_array:
            self._names = [f"x{channel}" for channel in range(self.n_features_in_)]
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
        else:
            self._names = maps.channel_names
            self.feature_names_in_ = np.array(self._names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _as_feature_maps(X):
    """Return FeatureMaps as they are, and an array as the maps of a layer named x."""
    if isinstance(X, FeatureMaps):
        return X
    if np.ndim(X) != 4:
        raise ValueError(
            f"Expected FeatureMaps or an array of shape (n, C, H, W), got "
            f"{type(X).__name__} with shape {np.shape(X)}."
        )
    X = check_array(
        X,
        dtype=[np.float64, np.float32],
        allow_nd=True,
        ensure_2d=False,
        estimator="ChannelMISelector",
        input_name="X",
    )
    return FeatureMaps.from_arrays({"x": X})
