"""StyleGANInverter: images to latents or to lazy feature maps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skstylefeat._utils._callbacks import CallbackSupportMixin, report_training_steps
from skstylefeat._utils._channels import ALPHA_NOTE, n_seen_channels
from skstylefeat._utils._constraints import N_JOBS
from skstylefeat._utils._layers import channel_names, choose_layers
from skstylefeat._utils._sklearn_base import BaseEstimator, TransformerMixin
from skstylefeat._utils._typing import ImagesLike, RandomState, StrPath
from skstylefeat._utils._user_line import warn_user
from skstylefeat.features._extractor import FeatureMapExtractor
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.features._network_holder import NetworkHolder
from skstylefeat.images._collection import ImageCollection, as_images
from skstylefeat.images._on_error import (
    check_aligned_with_labels,
    check_count,
    check_readable,
    warn_of_faults,
)
from skstylefeat.inversion._code_cache import cache_folder
from skstylefeat.inversion._domain_check import (
    DomainScores,
    domain_scores,
    error_of_own_images,
    reconstruction_errors,
    warn_if_foreign,
)
from skstylefeat.inversion._encoder_choice import encoder_for, is_trained, n_reports
from skstylefeat.inversion._face_framing import align_to_generator, check_square
from skstylefeat.inversion._job import InversionJob, is_code
from skstylefeat.latents._rows import column_names, images_of, rows_of

if TYPE_CHECKING:
    import torch

    from skstylefeat.networks._encoder import Encoder
    from skstylefeat.networks._generator import Generator
    from skstylefeat.networks._perceptual import PerceptualNetwork


def _gives_latents(self):
    """Return whether the output is rows of latents, not lazy feature maps."""
    return self.output == "latents"


def _has_names(self):
    """Return whether the output has feature names.

    scikit-learn puts the output of every estimator with feature names into the container that the
    user sets, and feature maps fit into none.
    """
    own_config = getattr(self, "_sklearn_output_config", {}).get("transform")
    container = own_config or get_config()["transform_output"]
    return _gives_latents(self) or container == "default"


class StyleGANInverter(CallbackSupportMixin, TransformerMixin, NetworkHolder, BaseEstimator):
    """Invert images into the latent space of a StyleGAN generator.

    Parameters
    ----------
    generator : str, path-like or Generator, default="faces64"
        A bundled name, a file of any supported format, or a loaded generator.
    encoder : str, path-like, Encoder or None, default="auto"
        An encoder in the same forms. "auto" takes the bundled encoder of a bundled generator,
        or the encoder in the generator's own file (pSp family). "train" trains an encoder for the
        given generator in `fit`, on images of the generator and, without labels, on X.
    method : {"encoder", "optimize", "hybrid"}, default="encoder"
        One forward pass of the encoder; optimization from the mean code; or optimization
        from the encoder's code.
    space : {"w+", "w", "s"}, default="w+"
        Space of the latents: a W vector for every layer, one for all layers (the mean over the
        layers, or optimized as one), or the styles.
    output : {"latents", "features"}, default="latents"
        Rows of latents, or the lazy :class:`FeatureMaps` that a :class:`FeatureMapExtractor`
        makes of them.
    layers : str, int, sequence of these, or None, default=None
        Layers of the feature maps: names such as ``"b16.conv1"``, blocks such as ``"b16"``, or
        resolutions such as ``16``. None takes all.
    n_steps : int or None, default=None
        Steps of the optimization; by default 200 from the mean code and 60 from the
        encoder's.
    perceptual : str, path-like, torch.nn.Module or None, default=None
        Network in whose features "optimize" and "hybrid" compare images, in addition to pixels:
        a file with the state dict of torchvision's VGG16, or any module that returns features,
        see :func:`skstylefeat.networks.load_perceptual`. By default the local contrast at two
        scales is compared, which needs no other network.
    mirror : {"mean", "difference"} or None, default=None
        Combination of the latents `x` of an image with those `m` of its mirror image, which takes
        twice the time. "mean" is ``(x + m) / 2``, for attributes that a mirror preserves (age,
        glasses, expression). "difference" is ``(x - m) / 2``, for attributes that it reverses,
        such as yaw. Neither is a code of the image, so ``output="latents"`` is required. Errors
        and `score` are those of the plain codes.
    n_train_steps : int, default=1000
        Steps of the training of ``encoder="train"``, each on 32 images of X and 32 images of the
        generator.
    batch_size : int, default=64
        Images per batch.
    image_shape : tuple of int or None, default=None
        (H, W) or (H, W, C) of the images when X holds flat rows.
    device : str, default="auto"
        Torch device; "auto" takes CUDA, then MPS, then the CPU.
    engine : {"torch", "openvino"} or None, default=None
        What computes the encoder. "openvino" is faster for large encoders (pSp family) on the
        CPU, needs ``pip install 'skstylefeat[openvino]'``, and converts the encoder once, which
        takes about a minute. None keeps the engine of a loaded `Encoder`, and is torch otherwise.
    precision : {"float32", "bfloat16"}, default="float32"
        Precision of the encoder; "bfloat16" needs ``engine="openvino"`` and pays on processors
        with AMX.
    n_jobs : int or None, default=None
        Batches inverted in parallel, through joblib.
    cache_dir : path-like or None, default=None
        Folder that keeps finished codes by content hash of image and weights, so that an
        interrupted job resumes, as does the training of an encoder. Several processes may share
        it, and ``~`` is expanded. The seed of the training is then 0 by default, so that the same
        training resumes.
    align : "dlib", callable, dict or None, default=None
        Source of five landmarks per face, by which every image is cropped. "dlib" finds the faces,
        takes the largest, and frames it as the generator frames its own; it needs ``pip install
        'skstylefeat[align]'``, and warns of images with several, small or turned faces. Its
        landmark model was trained on iBUG 300-W, whose terms allow research only. A function from
        the upright pixels (H, W, 3), uint8, to points of shape (5, 2), or None where there is no
        face, and a dict from file name to points crop as FFHQ was; see
        :func:`skstylefeat.images.align_faces`, which also takes an array. An image without a face
        counts as unreadable, see `on_error`. The crops are squares, so a generator of other shapes
        is refused. By default images are used as they are framed.
    on_error : {"raise", "nan", "skip"}, default="raise"
        How to treat damaged or missing images: "raise" an error that names the image; give it a
        row of "nan", or "skip" its row, both with a warning that names it. Rows of NaN keep labels
        and images aligned: later steps leave them out of `fit` and return NaN, or no label, for
        them. With "skip", `transform` returns fewer rows than X has, so that labels no longer fit;
        drop such images from X and y with :func:`skstylefeat.images.readable_rows`, or use "nan".
        `fit` leaves unreadable images out in both cases.
    store_weights : bool, default=False
        Whether a pickle holds the weights themselves, rather than their name or path and their
        SHA-256. A trained encoder is always stored.
    random_state : int, RandomState instance or None, default=None
        Seed of the training of ``encoder="train"``; nothing else is random.
    verbose : int, default=0
        Whether to show progress.

    Attributes
    ----------
    generator_ : Generator
        The generator.
    encoder_ : Encoder or None
        The encoder, None for ``method="optimize"``.
    perceptual_ : PerceptualNetwork or None
        The perceptual network, None for ``method="encoder"`` and where none is given.
    domain_error_ : float
        Mean squared error, for images in [0, 1], of images of the generator itself after
        inversion: the error to expect inside its domain. Only set with an encoder.
    n_features_in_ : int
        Columns of X, if `fit` received flat rows.

    See Also
    --------
    FeatureMapExtractor : Feature maps of latents, from an inversion or a file.
    HyperplaneDistance : Distances of the latents from a hyperplane.
    ChannelMISelector : Channels of the feature maps that matter for an attribute.

    Notes
    -----
    Images are resized to the generator's size, and squeezed if they have another shape. A generator
    of gray images receives their luminance (ITU-R BT.601); its images are returned with three equal
    channels. An alpha channel that a generator makes is left out, with a warning.

    An encoder needs images that are framed like its training images, so align them first. The codes
    do not depend on `batch_size` or `n_jobs` beyond rounding. Optimized codes, in which rounding
    errors grow, are equal to the bit on a CPU; on an accelerator, another batch may give another
    code of almost the same image.

    Examples
    --------
    >>> from skstylefeat import StyleGANInverter
    >>> from skstylefeat.datasets import make_faces
    >>> faces = make_faces(4, random_state=0)
    >>> inverter = StyleGANInverter("faces64").fit(faces.images)
    >>> latents = inverter.transform(faces.images)
    >>> latents.shape
    (4, 1280)
    >>> inverter.inverse_transform(latents).shape
    (4, 64, 64, 3)
    """

    generator_: Generator
    encoder_: Encoder | None
    perceptual_: PerceptualNetwork | None
    domain_error_: float
    n_features_in_: int

    _network_attributes = ("generator_", "encoder_")
    _parameter_constraints: dict = {
        "generator": [str, os.PathLike, HasMethods("synthesis")],
        "encoder": [str, os.PathLike, HasMethods("encode"), None],
        "method": [StrOptions({"encoder", "optimize", "hybrid"})],
        "space": [StrOptions({"w+", "w", "s"})],
        "output": [StrOptions({"latents", "features"})],
        "layers": [str, Integral, "array-like", None],
        "n_steps": [Interval(Integral, 0, None, closed="left"), None],
        "perceptual": [str, os.PathLike, HasMethods("forward"), HasMethods("weights_hash"), None],
        "mirror": [StrOptions({"mean", "difference"}), None],
        "n_train_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "image_shape": [tuple, list, None],
        "device": [str],
        "engine": [StrOptions({"torch", "openvino"}), None],
        "precision": [StrOptions({"float32", "bfloat16"})],
        "n_jobs": N_JOBS,
        "cache_dir": [str, os.PathLike, None],
        "align": [StrOptions({"dlib"}), callable, dict, None],
        "on_error": [StrOptions({"raise", "nan", "skip"})],
        "store_weights": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        generator: StrPath | Generator = "faces64",
        encoder: StrPath | Encoder | None = "auto",
        *,
        method: Literal["encoder", "optimize", "hybrid"] = "encoder",
        space: Literal["w+", "w", "s"] = "w+",
        output: Literal["latents", "features"] = "latents",
        layers: str | int | Iterable[str | int] | None = None,
        n_steps: int | None = None,
        perceptual: StrPath | torch.nn.Module | PerceptualNetwork | None = None,
        mirror: Literal["mean", "difference"] | None = None,
        n_train_steps: int = 1_000,
        batch_size: int = 64,
        image_shape: Sequence[int] | None = None,
        device: str = "auto",
        engine: Literal["torch", "openvino"] | None = None,
        precision: Literal["float32", "bfloat16"] = "float32",
        n_jobs: int | None = None,
        cache_dir: StrPath | None = None,
        align: Literal["dlib"]
        | Callable[[NDArray[np.uint8]], ArrayLike | None]
        | Mapping[str, ArrayLike]
        | None = None,
        on_error: Literal["raise", "nan", "skip"] = "raise",
        store_weights: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.generator = generator
        self.encoder = encoder
        self.method = method
        self.space = space
        self.output = output
        self.layers = layers
        self.n_steps = n_steps
        self.perceptual = perceptual
        self.mirror = mirror
        self.n_train_steps = n_train_steps
        self.batch_size = batch_size
        self.image_shape = image_shape
        self.device = device
        self.engine = engine
        self.precision = precision
        self.n_jobs = n_jobs
        self.cache_dir = cache_dir
        self.align = align
        self.on_error = on_error
        self.store_weights = store_weights
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ImagesLike, y: Any = None) -> Self:
        """Load the networks, and train an encoder with ``encoder="train"``.

        Parameters
        ----------
        X : array-like, list, Series or path-like
            Images: uint8, or floats in [0, 1], of shape (n, H, W), (n, H, W, 3) or flat rows
            with `image_shape`; torch tensors (n, 3, H, W); paths or PIL images; a folder; a zip
            archive. See :func:`skstylefeat.images.as_images`.
        y : None
            Ignored.

        Returns
        -------
        self : StyleGANInverter

        Raises
        ------
        FileNotFoundError, ValueError
            If no image can be read, or the parameters do not fit each other, the generator or
            this machine.
        """
        from skstylefeat.networks._base import resolve_device
        from skstylefeat.networks._loading import load_generator, load_perceptual

        # Parameters and images are checked before any network is loaded.
        self._check_combinations()
        resolve_device(self.device)
        folder = cache_folder(self.cache_dir)
        context = self._init_callback_context(
            max_subtasks=n_reports(self.n_train_steps) if is_trained(self.encoder) else 0
        )
        context.call_on_fit_task_begin(estimator=self, X=X)
        images = self._check_images(X, reset=True)
        check_readable(images, self.on_error)

        # A training that may resume needs the same seed in every process.
        resumable = folder is not None and self.random_state is None
        rng = check_random_state(0 if resumable else self.random_state)
        self._seed = int(rng.randint(2**31 - 1))

        self.generator_ = load_generator(self.generator, device=self.device)
        n_channels = n_seen_channels(self.generator_.img_channels, self.generator_.name)
        if n_channels < self.generator_.img_channels:
            warn_user(f"{self.generator_.name!r}: {ALPHA_NOTE}.")
        if self.align is not None or images.is_aligned:
            check_square(self.generator_)
        choose_layers(self.generator_.layers, self.layers)  # raises for unknown layers
        self.perceptual_ = None
        if self.perceptual is not None and self.method != "encoder":
            self.perceptual_ = load_perceptual(self.perceptual, device=self.device)
        self.encoder_ = encoder_for(
            self.encoder,
            self.generator_,
            self._framed(images) if is_trained(self.encoder) else images,
            method=self.method,
            device=self.device,
            engine=self.engine,
            precision=self.precision,
            n_steps=self.n_train_steps,
            seed=self._seed,
            cache_dir=folder,
            on_error=self.on_error,
            callback=partial(report_training_steps, self, context),
            verbose=bool(self.verbose),
        )

        # The error to expect, by which `transform` recognizes foreign images.
        if self.encoder_ is not None:
            self.domain_error_ = error_of_own_images(
                self.generator_, self.encoder_, self.batch_size
            )
        if self.store_weights:
            for name in ("generator_", "encoder_", "perceptual_"):
                network = getattr(self, name)
                setattr(self, name, None if network is None else network.embedded())
        context.call_on_fit_task_end(estimator=self, X=X)
        return self

    def transform(self, X: ImagesLike) -> NDArray[np.float32] | FeatureMaps:
        """Invert images.

        Parameters
        ----------
        X : array-like, list, Series or path-like
            Images as in `fit`.

        Returns
        -------
        latents : ndarray of shape (n, n_ws * w_dim), (n, w_dim) or (n, n_styles), float32
            For ``output="latents"``: rows of W+, in C order of (n_ws, w_dim), of W or of S.
        maps : FeatureMaps
            For ``output="features"``.
        """
        check_is_fitted(self)
        images, codes = self._invert(self._framed(self._check_images(X, reset=False)))
        warn_if_foreign(
            self.generator_,
            images,
            codes,
            getattr(self, "domain_error_", None),
            self.batch_size,
            check_framing=self.method != "encoder",
        )
        latents = rows_of(codes, self.space, self.generator_)
        if self.output == "features":
            extractor = FeatureMapExtractor(
                self.generator_,
                layers=self.layers,
                device=self._device_of_workers(),
                batch_size=self.batch_size,
                n_jobs=self.n_jobs,
                verbose=self.verbose,
            )
            return extractor.fit_transform(latents)

        if self.mirror is not None:
            turned = rows_of(self._run(images, mirrored=True)[0], self.space, self.generator_)
            latents = (latents + turned if self.mirror == "mean" else latents - turned) / 2
        return latents

    def fit_transform(self, X: ImagesLike, y: Any = None) -> NDArray[np.float32] | FeatureMaps:
        """Fit and invert the same images.

        Parameters
        ----------
        X : array-like, list, Series or path-like
            Images as in `fit`.
        y : array-like of shape (n,), default=None
            Only its length is used: it must fit the rows that ``on_error="skip"`` leaves.

        Returns
        -------
        latents : ndarray or FeatureMaps
            As :meth:`transform` returns.
        """
        latents = self.fit(X, y).transform(X)
        if y is not None and self.on_error == "skip":
            check_aligned_with_labels(len(latents), len(y))
        return latents

    def inverse_transform(self, latents: ArrayLike) -> NDArray[np.float32]:
        """Synthesize the images of latents.

        Parameters
        ----------
        latents : array-like of shape (n, n_ws * w_dim), (n, w_dim) or (n, n_styles)
            Rows as `transform` returns them.

        Returns
        -------
        images : ndarray of shape (n, H, W, 3), float32
            In [0, 1].
        """
        check_is_fitted(self)
        return images_of(latents, self.space, self.generator_, self.batch_size)

    def reconstruction_errors(self, X: ImagesLike) -> NDArray[np.float32]:
        """Return the mean squared error of each image's reconstruction.

        Parameters
        ----------
        X : array-like, list, Series or path-like
            Images as in `fit`.

        Returns
        -------
        errors : ndarray of shape (n,), float32
            In units of images in [0, 1]; NaN for unreadable images with ``on_error="nan"``.
        """
        check_is_fitted(self)
        images, codes = self._invert(self._framed(self._check_images(X, reset=False)))
        if self.space == "w":
            codes = np.broadcast_to(codes.mean(axis=1, keepdims=True), codes.shape)
        return reconstruction_errors(self.generator_, images, codes, self.batch_size)

    def domain_scores(self, X: ImagesLike, latents: ArrayLike | None = None) -> DomainScores:
        """Tell for each image whether it lies in the generator's domain, framing included.

        Parameters
        ----------
        X : array-like, list, Series or path-like
            Images as in `fit`.
        latents : array-like of shape (n, n_ws * w_dim) or (n, w_dim), default=None
            Codes of X in W+ or W, such as `transform` returns with ``space="w+"``, which saves the
            inversion. Rows of NaN mean images that cannot be read. By default X is inverted.

        Returns
        -------
        domain : DomainScores
            ``scores`` (n,), float32: 1 for an image like the generator's own, larger the more
            foreign, NaN for an unreadable one; ``inside`` (n,), bool; ``reasons``, a list of
            "", "reconstruction", "framing" or "unreadable". All rows of X have an entry, also
            with ``on_error="skip"``.

        Raises
        ------
        ValueError
            If `latents` have another number of rows than X, or are no codes of the generator;
            with ``on_error="raise"``, if an image cannot be read.
        """
        check_is_fitted(self)
        images = self._framed(self._check_images(X, reset=False))
        if latents is None:
            codes, _ = self._run(images)
        else:
            codes = self._codes_of(latents, len(images))
        if self.space == "w":
            codes = np.broadcast_to(codes.mean(axis=1, keepdims=True), codes.shape)
        expected = getattr(self, "domain_error_", None)
        return domain_scores(self.generator_, images, codes, expected, self.batch_size)

    def prepare_images(self, X: ImagesLike) -> ImageCollection:
        """Return images as the networks see them, aligned to their faces, without reading them.

        Parameters
        ----------
        X : images
            As for `fit`.

        Returns
        -------
        ImageCollection
            With ``align="dlib"``, faces are found now; those that are missing are reported. The
            result may be passed to all methods of this estimator, which then find no face again.
        """
        check_is_fitted(self)
        return self._framed(self._check_images(X, reset=False))

    def score(self, X: ImagesLike, y: Any = None) -> float:
        """Return the negative mean squared reconstruction error, so that higher is better.

        Parameters
        ----------
        X : array-like, list, Series or path-like
            Images as in `fit`.
        y : None
            Ignored.

        Returns
        -------
        score : float
            ``-10 * log10(-score)`` is the PSNR in dB of the mean error.
        """
        return -float(np.nanmean(self.reconstruction_errors(X)))

    @available_if(_has_names)
    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the columns, or of the channels of feature maps.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str
            ``w3_17`` is component 17 of W vector 3; ``w17`` is a component of W; ``b8.conv0:17``
            is a style of S or channel 17 of feature maps.
        """
        check_is_fitted(self)
        if _gives_latents(self):
            names = column_names(self.space, self.generator_)
        else:
            names = channel_names(choose_layers(self.generator_.layers, self.layers))
        return np.asarray(names, dtype=object)

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Set the container of the latents; it has no effect on lazy feature maps.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Container, as in scikit-learn.

        Returns
        -------
        self : StyleGANInverter
        """
        return super().set_output(transform=transform) if _gives_latents(self) else self

    def _check_combinations(self):
        if self.output == "latents":
            return
        if self.space == "s":
            raise ValueError("output='features' needs space='w+' or 'w', got space='s'.")
        if self.mirror is not None:
            raise ValueError(
                f"mirror={self.mirror!r} needs output='latents', got output='features': the "
                "combination of the codes of an image and its mirror image is not a code of the "
                "image, so it has no feature maps."
            )

    def _check_images(self, X, *, reset):
        images = as_images(X, self.image_shape)
        # dlib's faces are found by `_framed`, which needs the generator.
        if self.align not in (None, "dlib") and not images.is_aligned:
            images = images.aligned(self.align)
        check_count(self, images, X, reset=reset)
        return images

    def _framed(self, images):
        """Return the images with the faces that dlib finds, framed as the generator's own."""
        if self.align is not None or images.is_aligned:
            check_square(self.generator_)
        if self.align != "dlib" or images.is_aligned:
            return images
        return align_to_generator(
            images, self.generator_, self.batch_size, self.n_jobs, self.verbose
        )

    def _codes_of(self, latents, n_images):
        """Return given rows as W+ codes, of which rows of NaN stay NaN."""
        latents = np.asarray(latents, dtype=np.float32)
        if len(latents) != n_images:
            raise ValueError(f"latents have {len(latents)} rows, but X holds {n_images} images.")
        if self.mirror is not None:
            raise ValueError(
                f"With mirror={self.mirror!r}, rows of the output are no codes of the images: "
                "leave latents out."
            )
        missing = np.isnan(latents).reshape(n_images, -1).all(axis=1)
        filled = np.where(missing.reshape(-1, *(1,) * (latents.ndim - 1)), np.float32(0), latents)
        codes = self.generator_.broadcast(filled).copy()
        codes[missing] = np.nan
        return codes

    def _invert(self, images):
        """Return the images that get a row, and their codes (n, n_ws, w_dim)."""
        codes, faults = self._run(images)
        if faults:
            warn_of_faults(faults, len(images), self.on_error)
            if self.on_error == "skip":
                good = np.flatnonzero(is_code(codes))
                return images[good], codes[good]
        return images, codes

    def _run(self, images, *, mirrored=False):
        """Return codes (n, n_ws, w_dim) and faults of an `InversionJob`."""
        job = InversionJob(
            generator=self.generator_,
            encoder=self.encoder_,
            method=self.method,
            in_w=self.space == "w",
            n_steps=self.n_steps,
            perceptual=self.perceptual_,
            mirrored=mirrored,
            cache_dir=cache_folder(self.cache_dir),
            on_error="raise" if self.on_error == "raise" else "nan",
            device=self._device_of_workers(),
        )
        return job.run(images, self.batch_size, n_jobs=self.n_jobs, verbose=self.verbose)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.image_shape is not None
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
