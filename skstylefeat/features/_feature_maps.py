"""FeatureMaps: the feature maps of many images, computed batch by batch on demand."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params

from skstylefeat._utils._indexing import positions_in, row_index
from skstylefeat._utils._layers import LayerInfo, choose_layers, describe_layers
from skstylefeat._utils._notebook import object_html
from skstylefeat._utils._parallel import in_parallel
from skstylefeat._utils._progress import progress_bar
from skstylefeat._utils._typing import ImagesLike, StrPath
from skstylefeat._utils._validation import as_float32
from skstylefeat.features._map_pooling import pool_maps
from skstylefeat.features._map_sources import ArrayMaps, LatentMaps

if TYPE_CHECKING:
    import torch

    from skstylefeat.networks._generator import Generator

BATCH_BYTES = 2**27  # memory for the largest layer of one automatic batch
MAX_BATCH = 64


class FeatureMaps:
    """Feature maps of n images at several layers, computed batch by batch on demand.

    A collection serves as the X of scikit-learn: it has a length and a shape ``(n,)``, is
    indexed by rows and passes through `Pipeline`, `train_test_split` and `GridSearchCV`. Maps are
    computed when they are read, and synthesis stops at the highest layer that is still selected.

    Make a collection with one of three class methods: :meth:`from_latents` holds latents and a
    reference to the generator, :meth:`from_module` images and any torch module, and
    :meth:`from_arrays` arrays.

    Attributes
    ----------
    layers : tuple of LayerInfo
        Name, channels, height and width of every layer that is still selected.
    channel_names : list of str
        Names such as ``b16.conv1:213``: layer, and channel in the network.
    missing_rows : ndarray of shape (n,), bool
        Rows whose image could not be read: their maps are NaN.
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

    def __init__(
        self,
        source: Any,
        support: Mapping[str, NDArray[np.intp]] | None = None,
        batch_size: int | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self._source = source
        self._support = support or {
            layer.name: np.arange(layer.channels) for layer in source.layers
        }
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.verbose = verbose

    @classmethod
    @validate_params({"maps": [Mapping]}, prefer_skip_nested_validation=True)
    def from_arrays(cls, maps: Mapping[str, ArrayLike]) -> Self:
        """Wrap maps in memory.

        Parameters
        ----------
        maps : dict of str to array-like of shape (n, C, H, W)
            Maps of the same n images, by layer name.

        Returns
        -------
        FeatureMaps
        """
        return cls(ArrayMaps(maps))

    @classmethod
    @validate_params(
        {
            "generator": [str, os.PathLike, HasMethods("iter_features")],
            "layers": [str, Integral, "array-like", None],
            "batch_size": [Interval(Integral, 1, None, closed="left"), None],
            "device": [str],
            "n_jobs": [Integral, None],
            "verbose": ["verbose"],
        },
        prefer_skip_nested_validation=True,
    )
    def from_latents(
        cls,
        latents: ArrayLike,
        generator: StrPath | Generator,
        layers: str | int | Iterable[str | int] | None = None,
        *,
        batch_size: int | None = None,
        device: str = "cpu",
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> Self:
        """Wrap the maps that a generator makes of latents.

        A pickle holds the generator's name or path and the SHA-256 of its file, not the network;
        a file that was replaced is refused.

        Parameters
        ----------
        latents : array-like of shape (n, w_dim), (n, n_ws * w_dim) or (n, n_ws, w_dim)
            Codes in W or W+. A row of NaN has maps of NaN.
        generator : str, path-like or Generator
            Bundled name, file or loaded network.
        layers : str, int, sequence of these, or None, default=None
            Layers by name (``"b16.conv1"``), block (``"b16"``) or resolution (``16``); None takes
            all.
        batch_size : int or None, default=None
            Images synthesized at once; by default as many as fit 128 MB for the largest
            layer, at most 64.
        device : str, default="cpu"
            Torch device, or "auto".
        n_jobs : int or None, default=None
            Batches that :meth:`pool` computes in parallel, through joblib.
        verbose : int, default=0
            Whether :meth:`pool` shows progress.

        Returns
        -------
        FeatureMaps
        """
        source = LatentMaps(latents, generator, device)
        chosen = choose_layers(source.layers, layers)
        support = {layer.name: np.arange(layer.channels) for layer in chosen}
        return cls(source, support, batch_size, n_jobs, verbose)

    @classmethod
    def from_module(
        cls,
        model: torch.nn.Module,
        images: ImagesLike,
        layers: Sequence[str],
        *,
        batch_size: int | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        **preprocessing: Any,
    ) -> Self:
        """Wrap the maps that any torch network makes of images.

        Parameters
        ----------
        model : torch.nn.Module
            The network, with its weights loaded; used in evaluation mode.
        images : array-like of shape (n, H, W, 3), or list of paths or PIL images
            uint8, or floats in [0, 1].
        layers : sequence of str
            Names of submodules (``model.named_modules()``) whose outputs are the maps. Outputs
            have the shape (n, C, H, W), or are tokens (n, T, C) of a vision transformer, which
            become maps of the images' shape without the leading class and register tokens.
        batch_size : int or None, default=None
            Images in one forward pass.
        n_jobs : int or None, default=None
            Batches that :meth:`pool` computes in parallel, through joblib.
        verbose : int, default=0
            Whether :meth:`pool` shows progress.
        **preprocessing
            ``input_size=(H, W)`` resizes the images, ``mean=`` and ``std=`` (three numbers
            each) normalize them. By default images keep their size and stay in [0, 1].

        Returns
        -------
        FeatureMaps
        """
        from skstylefeat.networks._module_maps import ModuleMaps

        source = ModuleMaps(model, images, layers, **preprocessing)
        return cls(source, None, batch_size, n_jobs, verbose)

    @property
    def layers(self) -> tuple[LayerInfo, ...]:
        """Name, channels, height and width of every layer that is still selected."""
        return tuple(
            layer._replace(channels=len(self._support[layer.name]))
            for layer in self._source.layers
            if layer.name in self._support
        )

    @property
    def channel_names(self) -> list[str]:
        """Names such as ``b16.conv1:213``: layer, and channel in the network."""
        return [f"{layer.name}:{c}" for layer in self.layers for c in self._support[layer.name]]

    @property
    def missing_rows(self) -> NDArray[np.bool_]:
        """Mask of the rows, (n,), whose image could not be read: their maps are NaN."""
        return self._source.missing_rows()

    @property
    def shape(self) -> tuple[int]:
        """Number of images as a tuple, which scikit-learn reads."""
        return (len(self),)

    def __len__(self) -> int:
        return len(self._source)

    def __repr__(self) -> str:
        return f"FeatureMaps(n={len(self)}, {describe_layers(self.layers)})"

    def _repr_html_(self) -> str:
        """Return the layers as a table, without computing a map, for notebooks."""
        cells = [
            (layer.name, layer.channels, f"{layer.height} x {layer.width}") for layer in self.layers
        ]
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
            for row in cells
        )
        head = "<tr><th>layer</th><th>channels</th><th>pixels</th></tr>"
        facts = [
            ("images", len(self)),
            ("channels", sum(layer.channels for layer in self.layers)),
            ("from", type(self._source).__name__),
        ]
        return object_html("FeatureMaps", facts, table=f"<table>{head}{rows}</table>")

    def __getitem__(self, rows: Any) -> FeatureMaps:
        source = self._source.take(row_index(rows, len(self)))
        return FeatureMaps(source, self._support, self.batch_size, self.n_jobs, self.verbose)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("An array of feature maps is always a copy: they are computed.")
        flat = [
            np.concatenate([maps.reshape(len(maps), -1) for maps in batch.values()], axis=1)
            for _, batch in self.batches()
        ]
        return np.concatenate(flat).astype(dtype or flat[0].dtype, copy=False)

    @validate_params({"support": [Mapping]}, prefer_skip_nested_validation=True)
    def select(self, support: Mapping[str, ArrayLike]) -> FeatureMaps:
        """Keep some channels.

        Parameters
        ----------
        support : dict of str to array-like of int or bool
            Positions among the currently selected channels, or a mask of them, by layer name.
            Layers without an entry are dropped.

        Returns
        -------
        FeatureMaps
            A view of the same images.
        """
        unknown = [name for name in support if name not in self._support]
        if unknown:
            raise ValueError(f"No layers {unknown}; there are {list(self._support)}.")
        positions = {
            name: positions_in(value, len(self._support[name]), f"support[{name!r}]")
            for name, value in support.items()
        }
        chosen = {
            name: channels[positions[name]]
            for name, channels in self._support.items()
            if name in positions and positions[name].size
        }
        if not chosen:
            raise ValueError("support selects no channel; expected at least one position.")
        return FeatureMaps(self._source, chosen, self.batch_size, self.n_jobs, self.verbose)

    def layer(self, name: str) -> NDArray[Any]:
        """Return the maps of one layer as an array of shape (n, C, H, W)."""
        if not isinstance(name, str) or name not in self._support:
            raise ValueError(f"No layer {name!r}; there are {list(self._support)}.")
        only = FeatureMaps(self._source, {name: self._support[name]}, self.batch_size)
        return np.concatenate([batch[name] for _, batch in only.batches()])

    def iter_layers(self) -> Iterator[tuple[LayerInfo, NDArray[Any]]]:
        """Yield (LayerInfo, maps of shape (n, C, H, W)), one layer in memory at a time.

        All images go through the network together: meant for the few labeled ones.
        """
        info = {layer.name: layer for layer in self.layers}
        for name, maps in self._source.iter_layers(list(self._support)):
            yield info[name], np.ascontiguousarray(self._selected(name, maps))

    def batches(
        self, batch_size: int | None = None
    ) -> Iterator[tuple[slice, dict[str, NDArray[Any]]]]:
        """Yield (slice of rows, dict of layer name to maps) over all images in order."""
        for rows in gen_batches(len(self), batch_size or self._batch_size()):
            part = self._source.take(rows)
            names = list(self._support)
            # In C order: a copy, because views last only until the next layer.
            yield (
                rows,
                {
                    name: np.ascontiguousarray(self._selected(name, maps))
                    for name, maps in part.iter_layers(names)
                },
            )

    @validate_params(
        {
            "output_size": [Interval(Integral, 1, None, closed="left")],
            "mode": [StrOptions({"max", "mean"})],
        },
        prefer_skip_nested_validation=True,
    )
    def pool(
        self, output_size: int = 1, mode: Literal["max", "mean"] = "max"
    ) -> NDArray[np.float32]:
        """Pool every map as soon as its layer is computed.

        Parameters
        ----------
        output_size : int, default=1
            Side of the grid that every map is pooled to.
        mode : {"max", "mean"}, default="max"
            Statistic of a window.

        Returns
        -------
        pooled : ndarray of shape (n, n_channels * output_size**2), float32
            Channels in the order of `channel_names`; the cells of a channel are adjacent.
        """
        width = len(self.channel_names) * output_size**2
        pooled = np.empty((len(self), width), dtype=np.float32)
        batches = list(gen_batches(len(self), self._batch_size()))

        # Tasks are made one at a time, as workers become free, so that memory is O(batch).
        tasks = (delayed(_pool)(self[rows], output_size, mode) for rows in batches)
        bar = progress_bar(
            total=len(self), desc="pooling feature maps", verbose=self.verbose, unit="image"
        )
        with in_parallel(tasks, self.n_jobs) as parts, bar:
            for rows, part in zip(batches, parts, strict=True):
                pooled[rows] = part
                bar.update(len(part))
        return pooled

    def _selected(self, name, maps):
        channels = self._support[name]
        return maps if len(channels) == maps.shape[1] else maps[:, channels]

    def _batch_size(self):
        if self.batch_size is not None:
            return self.batch_size
        sizes = {x.name: 4 * x.channels * x.height * x.width for x in self._source.layers}
        largest = max(sizes[name] for name in self._support)
        return int(np.clip(BATCH_BYTES // largest, 1, MAX_BATCH))


def _pool(maps, output_size, mode):
    """Pool one batch; at module level, so that worker processes can run it."""
    # Maps as the network leaves them: they are reduced before the next layer is computed.
    pooled = {
        name: pool_maps(maps._selected(name, x), output_size, mode).reshape(len(x), -1)
        for name, x in maps._source.iter_layers(list(maps._support))
    }
    columns = np.concatenate([pooled[layer.name] for layer in maps.layers], axis=1)
    return as_float32(columns, "The maps")
