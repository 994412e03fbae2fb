"""Photos to rows of features: styles, mirrored differences, maxima of maps, and gradients."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skstylefeat._utils._sklearn_base import BaseEstimator, TransformerMixin
from skstylefeat._utils._typing import ImagesLike, StrPath
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.datasets._attribute_sampling import sample_attributes
from skstylefeat.datasets._attributes import attribute_values
from skstylefeat.datasets._render import render_faces
from skstylefeat.directions._nuisance_projection import NuisanceProjection
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.features._hog import HOGDescriptor
from skstylefeat.images._collection import Fault
from skstylefeat.inversion._inverter import StyleGANInverter
from skstylefeat.inversion._job import is_code
from skstylefeat.latents._spaces import w_plus_to_s

if TYPE_CHECKING:
    from skstylefeat.networks._encoder import Encoder
    from skstylefeat.networks._generator import Generator

#: Longer side, in pixels, of the photos whose gradients are described.
HOG_SIDE = 64
N_PAIRS = 100  # rendered faces that show the direction of an attribute to ignore


@dataclass(frozen=True)
class PhotoRows:
    """Inverted photos.

    Attributes
    ----------
    rows : ndarray of shape (n, n_features), float32
        NaN for a photo that cannot be read.
    codes : ndarray of shape (n, n_ws * w_dim), float32
        W+ codes.
    faults : list of Fault
        The photos that cannot be read.
    """

    rows: NDArray[np.float32]
    codes: NDArray[np.float32]
    faults: list[Fault]


class PhotoFeatures(TransformerMixin, VersionStamped, BaseEstimator):
    """Rows of features of photos, by one inversion of each photo and of its mirror image.

    Histograms of oriented gradients of the photo are added, which need no network: where the
    generator reconstructs poorly, a reader still has what a descriptor without a generator has.

    Parameters
    ----------
    generator, encoder, method, n_train_steps, device, engine, precision, align, cache_dir
        As for `StyleGANInverter`.
    batch_size, verbose
        Likewise.
    mirror : bool, default=True
        Whether to invert the mirror image, too. "styles" is then the mean of both S codes, and
        "differences" half their difference, for what a mirror reverses.
    ignore : str, default=None
        Attribute of rendered faces, such as "skin_tone", that the rows shall not tell:
        `NuisanceProjection` removes its direction from each block. Needs a generator of rendered
        faces, such as the bundled one.
    random_state : int, default=0
        Seed of ``encoder="train"``, and of the faces of `ignore`.

    Attributes
    ----------
    inverter_ : StyleGANInverter
    blocks_ : dict of str to (start, stop)
        Columns of "styles", "differences", "maps", the maximum of each channel's map, and "hog",
        the mean of :class:`~skstylefeat.features.HOGDescriptor` over photo and mirror image.
    projections_ : dict of str to NuisanceProjection
        By block; empty without `ignore`.
    """

    inverter_: StyleGANInverter
    blocks_: dict[str, tuple[int, int]]
    projections_: dict[str, NuisanceProjection]

    def __init__(
        self,
        generator: StrPath | Generator = "faces64",
        encoder: StrPath | Encoder = "auto",
        *,
        method: Literal["encoder", "optimize", "hybrid"] = "encoder",
        mirror: bool = True,
        n_train_steps: int = 1_000,
        device: str = "auto",
        engine: Literal["torch", "openvino"] | None = None,
        precision: Literal["float32", "bfloat16"] = "float32",
        align: Any = None,
        cache_dir: StrPath | None = None,
        batch_size: int = 64,
        ignore: str | None = None,
        random_state: int = 0,
        verbose: int = 0,
    ) -> None:
        self.generator = generator
        self.encoder = encoder
        self.method = method
        self.mirror = mirror
        self.n_train_steps = n_train_steps
        self.device = device
        self.engine = engine
        self.precision = precision
        self.align = align
        self.cache_dir = cache_dir
        self.batch_size = batch_size
        self.ignore = ignore
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: ImagesLike, y: Any = None) -> Self:
        """Load the networks, and train an encoder with ``encoder="train"``."""
        self.inverter_ = StyleGANInverter(
            self.generator,
            self.encoder,
            method=self.method,
            n_train_steps=self.n_train_steps,
            device=self.device,
            engine=self.engine,
            precision=self.precision,
            align=self.align,
            cache_dir=self.cache_dir,
            batch_size=self.batch_size,
            on_error="nan",
            random_state=self.random_state,
            verbose=self.verbose,
        ).fit(X)
        generator = self.inverter_.generator_
        n_styles = w_plus_to_s(self._mean_code(), generator).shape[1]
        sizes = {"styles": n_styles, "differences": n_styles if self.mirror else 0}
        sizes["maps"] = sum(layer.channels for layer in generator.layers)
        sizes["hog"] = self._gradients(np.zeros((1, *self._hog_size(), 3), np.uint8)).shape[1]
        stops = np.cumsum(list(sizes.values())).tolist()
        self.blocks_ = {
            name: (stop - size, stop)
            for (name, size), stop in zip(sizes.items(), stops, strict=True)
            if size
        }
        self.projections_ = {}
        if self.ignore is not None:
            self.projections_ = self._fit_projections()
        return self

    def _fit_projections(self):
        """Return the projections that remove the attribute to ignore, by block."""
        values = attribute_values(self.ignore)
        if self.align is not None:
            raise ValueError(
                f"ignore={self.ignore!r} compares rendered faces, which are not aligned like "
                "photos. Give ignore (--ignore) or align (--align), not both."
            )

        # The same random faces at both values; nothing else differs.
        faces = sample_attributes(N_PAIRS, random_state=self.random_state)
        size = min(max(64, *self.inverter_.generator_.image_size), 256)
        pairs = []
        for value in values:
            images = render_faces({**faces, self.ignore: np.full(N_PAIRS, value)}, size)
            found = self.invert(images)
            inside = self.inverter_.domain_scores(images, found.codes).inside
            if inside.mean() < 0.5:
                raise ValueError(
                    f"ignore={self.ignore!r} needs a generator of rendered faces such as "
                    f"'faces64'; {self.inverter_.generator_.name!r} cannot show most of them."
                )
            pairs.append(found.rows)

        projections = {}
        for name, (start, stop) in self.blocks_.items():
            variants = np.stack(pairs)[:, :, start:stop]
            rows = variants.reshape(-1, stop - start)
            projections[name] = NuisanceProjection(variants).fit(rows).forget_variants()
        return projections

    def transform(self, X: ImagesLike) -> NDArray[np.float32]:
        """Return the rows (n, n_features); NaN for a photo that cannot be read."""
        return self.invert(X).rows

    def invert(self, X: ImagesLike) -> PhotoRows:
        """Return the rows with the codes and with the photos that cannot be read."""
        check_is_fitted(self)
        images = self.inverter_.prepare_images(X)
        codes, faults = self.inverter_._run(images)
        good = np.flatnonzero(is_code(codes))
        generator = self.inverter_.generator_
        rows = np.full((len(images), max(stop for _, stop in self.blocks_.values())), np.nan)
        flat = codes.reshape(len(codes), -1)
        if len(good):
            styles = w_plus_to_s(flat[good], generator)
            parts: list[Any] = [styles]
            if self.mirror:
                turned, _ = self.inverter_._run(images[good], mirrored=True)
                other = w_plus_to_s(turned.reshape(len(good), -1), generator)
                parts = [(styles + other) / 2, (styles - other) / 2]
            parts.append(FeatureMaps.from_latents(flat[good], generator).pool())
            parts.append(self._gradients(images[good]))
            rows[good] = np.concatenate(parts, axis=1)
            for name, projection in getattr(self, "projections_", {}).items():
                block = slice(*self.blocks_[name])
                rows[good, block] = projection.transform(rows[good, block])
        return PhotoRows(rows.astype(np.float32), flat, faults)

    def use(self, **parameters: Any) -> Self:
        """Set `device`, `cache_dir` or `verbose` of this fitted transformer."""
        self.set_params(**parameters)
        self.inverter_.set_params(**parameters)
        return self

    def use_engine(
        self,
        engine: Literal["torch", "openvino"],
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> Self:
        """Let another engine compute the encoder of this fitted transformer."""
        encoder = self.inverter_.encoder_
        if encoder is None:
            raise ValueError(
                f"engine={engine!r} computes encoders, but this model inverts photos by "
                "optimization, without one."
            )
        self.inverter_.encoder_ = encoder.with_engine(engine, precision)
        return self.use(engine=engine, precision=precision)

    def quiet(self) -> Self:
        """Return a shallow copy that shows no progress."""
        quiet = copy.copy(self)
        quiet.inverter_ = copy.copy(self.inverter_).set_params(verbose=0)
        return quiet

    def _gradients(self, images):
        """Return the histograms of gradients of photos, the mean over photo and mirror image."""
        return HOGDescriptor(image_size=self._hog_size(), mirror="mean").fit_transform(images)

    def _hog_size(self):
        height, width = self.inverter_.generator_.image_size
        longer = max(height, width)
        return tuple(max(16, round(HOG_SIDE * side / longer)) for side in (height, width))

    def _mean_code(self):
        generator = self.inverter_.generator_
        return np.zeros((1, generator.n_ws * generator.w_dim), dtype=np.float32)
