"""Feature maps of many images: lazy, sliceable, never held in memory as a whole."""

import numpy as np
from joblib import delayed
from sklearn.utils import gen_batches

from skstylefeat._utils._indexing import row_index
from skstylefeat._utils._layers import describe_layers
from skstylefeat._utils._parallel import in_parallel
from skstylefeat._utils._progress import progress_bar
from skstylefeat.features._map_sources import ArrayMaps, LatentMaps
from skstylefeat.features._pooling import pool_maps

BATCH_BYTES = 2**27  # what the largest layer of one automatic batch may take
MAX_BATCH = 64

# What sources were called before they had a module of their own: pickles made then still load.
_Arrays, _Latents = ArrayMaps, LatentMaps


class FeatureMaps:
    """Feature maps of n images at several layers, computed batch by batch on demand.

    A collection behaves as the X of scikit-learn: it has a length and a shape ``(n,)``, is
    indexed by rows and survives `Pipeline`, `train_test_split` and `GridSearchCV`. It holds
    latents and a reference to the generator (:meth:`from_latents`), images and any torch module
    (:meth:`from_module`), or arrays (:meth:`from_arrays`); maps are made when they are read,
    and synthesis stops at the highest layer that is still selected.

    Use one of the three class methods to make one.

    Attributes
    ----------
    layers : tuple of LayerInfo
        Name, channels, height and width of every layer that is still selected.
    channel_names : list of str
        Names such as ``b16.conv1:213``: layer, and channel in the network.
    shape : tuple of int
        ``(n,)``.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import FeatureMaps
    >>> rng = np.random.default_rng(0)
    >>> arrays = {"a": rng.random((5, 3, 4, 4)), "b": rng.random((5, 2, 8, 8))}
    >>> maps = FeatureMaps.from_arrays(arrays)
    >>> maps.layers[1]
    LayerInfo(name='b', channels=2, height=8, width=8)
    >>> few = maps[:2].select({"b": [1]})
    >>> few.channel_names, few.layer("b").shape, few.pool().shape
    (['b:1'], (2, 1, 8, 8), (2, 1))
    """

    ndim = 1

    def __init__(self, source, support=None, batch_size=None, n_jobs=None, verbose=0):
        self._source = source
        self._support = support or {
            layer.name: np.arange(layer.channels) for layer in source.layers
        }
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.verbose = verbose

    @classmethod
    def from_arrays(cls, maps):
        """Wrap maps that are in memory.

        Parameters
        ----------
        maps : dict of str to array-like of shape (n, C, H, W)
            Maps by layer name, all of the same n images.

        Returns
        -------
        FeatureMaps
        """
        return cls(ArrayMaps(maps))

    @classmethod
    def from_latents(
        cls,
        latents,
        generator,
        layers=None,
        *,
        batch_size=None,
        device="cpu",
        n_jobs=None,
        verbose=0,
    ):
        """Wrap the maps that a generator makes of latents.

        Parameters
        ----------
        latents : array-like of shape (n, w_dim), (n, n_ws * w_dim) or (n, n_ws, w_dim)
            Codes in W or W+.
        generator : str, path-like or Generator
            Bundled name, file or loaded network. Names and files keep pickles small.
        layers : sequence of str, default=None
            Layers, all by default.
        batch_size : int, default=None
            Images synthesized at once; by default as many as fit 128 MB for the largest
            layer, at most 64.
        device : str, default="cpu"
            Torch device, or "auto".
        n_jobs : int, default=None
            Batches worked on at once in :meth:`pool`, through joblib.
        verbose : int, default=0
            Whether :meth:`pool` shows progress.

        Returns
        -------
        FeatureMaps
        """
        source = LatentMaps(latents, generator, device)
        support = _whole_layers(source.layers, layers)
        return cls(source, support, batch_size, n_jobs, verbose)

    @classmethod
    def from_module(
        cls, model, images, layers, *, batch_size=None, n_jobs=None, verbose=0, **preprocessing
    ):
        """Wrap the maps that any torch network makes of images.

        Parameters
        ----------
        model : torch.nn.Module
            The network, with its weights loaded; used in evaluation mode.
        images : array-like of shape (n, H, W, 3), or list of paths or PIL images
            uint8, or floats in [0, 1].
        layers : sequence of str
            Names of submodules (``model.named_modules()``) whose outputs are the maps: (n, C,
            H, W), or tokens (n, T, C) of a vision transformer, which become square maps
            (leading class and register tokens are left out).
        batch_size : int, default=None
            Images in one forward pass.
        n_jobs : int, default=None
            Batches worked on at once in :meth:`pool`, through joblib.
        verbose : int, default=0
            Whether :meth:`pool` shows progress.
        **preprocessing
            ``input_size=(H, W)`` resizes the images, ``mean=`` and ``std=`` (three numbers
            each) normalize them; by default they stay in [0, 1] at their size.

        Returns
        -------
        FeatureMaps
        """
        from skstylefeat.networks._module_maps import ModuleMaps

        source = ModuleMaps(model, images, layers, **preprocessing)
        return cls(source, None, batch_size, n_jobs, verbose)

    @property
    def layers(self):
        """Name, channels, height and width of every layer that is still selected."""
        return tuple(
            layer._replace(channels=len(self._support[layer.name]))
            for layer in self._source.layers
            if layer.name in self._support
        )

    @property
    def channel_names(self):
        """Names such as ``b16.conv1:213``: layer, and channel in the network."""
        return [f"{layer.name}:{c}" for layer in self.layers for c in self._support[layer.name]]

    @property
    def shape(self):
        """Number of images as a tuple, which is what scikit-learn asks of a collection."""
        return (len(self),)

    def __len__(self):
        return len(self._source)

    def __repr__(self):
        return f"FeatureMaps(n={len(self)}, {describe_layers(self.layers)})"

    def __getitem__(self, rows):
        source = self._source.take(row_index(rows, len(self)))
        return FeatureMaps(source, self._support, self.batch_size, self.n_jobs, self.verbose)

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("Feature maps are computed, so they cannot be had without a copy.")
        flat = [
            np.concatenate([maps.reshape(len(maps), -1) for maps in batch.values()], axis=1)
            for _, batch in self.batches()
        ]
        return np.concatenate(flat).astype(dtype or flat[0].dtype, copy=False)

    def select(self, support):
        """Keep some channels.

        Parameters
        ----------
        support : dict of str to array-like of int
            Positions among the channels that are now selected, by layer name. Layers that are
            not named are dropped.

        Returns
        -------
        FeatureMaps
            A view of the same images.
        """
        unknown = sorted(set(support) - set(self._support))
        if unknown:
            raise ValueError(f"No layers {unknown}; there are {list(self._support)}.")
        chosen = {
            name: self._support[name][np.asarray(support[name], dtype=np.intp)]
            for name in self._support
            if name in support and len(support[name])
        }
        if not chosen:
            raise ValueError("select was given no channel; name at least one.")
        return FeatureMaps(self._source, chosen, self.batch_size, self.n_jobs, self.verbose)

    def layer(self, name):
        """Return the maps of one layer as an array of shape (n, C, H, W)."""
        if name not in self._support:
            raise ValueError(f"No layer {name!r}; there are {list(self._support)}.")
        only = FeatureMaps(self._source, {name: self._support[name]}, self.batch_size)
        return np.concatenate([batch[name] for _, batch in only.batches()])

    def iter_layers(self):
        """Yield (LayerInfo, maps of shape (n, C, H, W)), one layer in memory at a time.

        All images go through the network together: meant for the few that are labeled.
        """
        info = {layer.name: layer for layer in self.layers}
        for name, maps in self._source.iter_layers(list(self._support)):
            yield info[name], self._chosen(name, maps)

    def batches(self, batch_size=None):
        """Yield (rows as a slice, dict of layer name to maps) over all images in order."""
        for rows in gen_batches(len(self), batch_size or self._batch_size()):
            part = self._source.take(rows)
            names = list(self._support)
            yield rows, {n: self._chosen(n, maps) for n, maps in part.iter_layers(names)}

    def pool(self, output_size=1, mode="max"):
        """Pool every map, layer by layer as it is made.

        Parameters
        ----------
        output_size : int, default=1
            Side of the grid that every map is pooled to.
        mode : {"max", "mean"}, default="max"
            Statistic of a window.

        Returns
        -------
        pooled : ndarray of shape (n, n_channels * output_size**2), float32
            Channels in the order of `channel_names`, the cells of a channel side by side.
        """
        width = sum(layer.channels for layer in self.layers) * output_size**2
        pooled = np.empty((len(self), width), dtype=np.float32)
        batches = list(gen_batches(len(self), self._batch_size()))
        tasks = (delayed(_pool)(self[rows], output_size, mode) for rows in batches)
        bar = progress_bar(
            total=len(self), desc="pooling feature maps", verbose=self.verbose, unit="image"
        )
        with in_parallel(tasks, self.n_jobs) as parts, bar:
            for rows, part in zip(batches, parts, strict=True):
                pooled[rows] = part
                bar.update(len(part))
        return pooled

    def _chosen(self, name, maps):
        channels = self._support[name]
        return maps if len(channels) == maps.shape[1] else maps[:, channels]

    def _batch_size(self):
        if self.batch_size is not None:
            return self.batch_size
        sizes = {x.name: 4 * x.channels * x.height * x.width for x in self._source.layers}
        largest = max(sizes[name] for name in self._support)
        return int(np.clip(BATCH_BYTES // largest, 1, MAX_BATCH))


def _pool(maps, output_size, mode):
    """Pool one batch; a function of the module, so that worker processes can run it."""
    pooled = {
        layer.name: pool_maps(x, output_size, mode).reshape(len(x), -1)
        for layer, x in maps.iter_layers()
    }
    columns = np.concatenate([pooled[layer.name] for layer in maps.layers], axis=1)
    if columns.dtype != np.float32:
        largest = np.abs(columns).max(initial=0.0, where=np.isfinite(columns))
        if largest > np.finfo(np.float32).max:
            raise ValueError(
                f"The maps hold numbers up to {largest:.3g}, beyond float32, in which they are "
                "pooled. Scale them."
            )
    return columns.astype(np.float32, copy=False)


def _whole_layers(layers, names):
    """Return the support of whole layers, in the network's order."""
    known = [layer.name for layer in layers]
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f"No layers {unknown}; there are {known}.")
    return {x.name: np.arange(x.channels) for x in layers if names is None or x.name in names}
