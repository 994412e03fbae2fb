"""StyleGANInverter: images to latents or to lazy feature maps."""

from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_n_features, check_is_fitted

from skstylefeat._utils._callbacks import CallbackSupportMixin, tell_of_steps
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.images._collection import as_images
from skstylefeat.inversion._domain_check import errors_of_codes, own_error, warn_if_foreign
from skstylefeat.inversion._encoder_choice import encoder_for, n_reports, trains
from skstylefeat.inversion._job import InversionJob, is_code
from skstylefeat.inversion._on_error import check_beside_labels, check_readable, warn_of_faults
from skstylefeat.latents._rows import column_names, images_of, rows_of


def _gives_latents(self):
    """Tell rows of latents from lazy feature maps."""
    return self.output == "latents"


def _gives_names(self):
    """Tell whether names may be asked for.

    scikit-learn puts the output of whatever names its columns into the container that is asked
    for, and feature maps fit into none.
    """
    own = getattr(self, "_sklearn_output_config", {}).get("transform")
    container = own or get_config()["transform_output"]
    return _gives_latents(self) or container == "default"


class StyleGANInverter(CallbackSupportMixin, TransformerMixin, VersionStamped, BaseEstimator):
    """Invert images into the latent space of a StyleGAN2 generator.

    Parameters
    ----------
    generator : str, path-like or Generator, default="faces64"
        A bundled name, a file of any supported format, or a loaded generator.
    encoder : str, path-like, Encoder or None, default="auto"
        An encoder in the same forms. "auto" takes the bundled encoder of a bundled generator,
        or the encoder in the generator's own file (pSp family). "train" trains one
        for the given generator in `fit`, on its own images and, without labels, on X.
    method : {"encoder", "optimize", "hybrid"}, default="encoder"
        One forward pass of the encoder; optimization from the mean code; or optimization
        from the encoder's code.
    space : {"w+", "w", "s"}, default="w+"
        Space of the latents: a W vector for every layer, one for all layers (the mean over the
        layers, or optimized as one), or the styles.
    output : {"latents", "features"}, default="latents"
        Rows of latents, or a lazy :class:`FeatureMaps` of the inverted images.
    layers : list of str, default=None
        Layers of the feature maps, all by default.
    n_steps : int, default=None
        Steps of the optimization; by default 200 from the mean code and 60 from the
        encoder's.
    perceptual : str, path-like, torch.nn.Module or None, default=None
        A network in whose features "optimize" and "hybrid" compare images besides their pixels:
        a file with the state dict of torchvision's VGG16, or any module that gives features, see
        :func:`skstylefeat.networks.load_perceptual`. By default the local contrast at two
        scales is compared, which needs no other network.
    mirror : {"mean", "difference"} or None, default=None
        How the latents `x` of an image are combined with those `m` of its mirror image, which
        takes twice the time: ``(x + m) / 2`` for what a mirror leaves as it is (age, glasses,
        expression), ``(x - m) / 2`` for what it turns around, such as yaw; each leaves out what
        the other keeps. Only for ``output="latents"``: neither is a code of the image. Errors and
        `score` are of the plain codes.
    n_train_steps : int, default=1000
        Steps of the training of ``encoder="train"``, each on 32 images of X and 32 of the
        generator's own.
    batch_size : int, default=64
        Images inverted at once.
    image_shape : tuple of int, default=None
        (H, W) or (H, W, C) of the images when X holds flat rows.
    device : str, default="auto"
        Torch device; "auto" takes CUDA, then MPS, then the CPU.
    n_jobs : int, default=None
        Batches inverted at once, through joblib.
    cache_dir : path-like, default=None
        Folder that keeps finished codes by content hash of image and weights, so that a killed
        job goes on where it was, the training of an encoder as well. Several processes may share
        it. Without a `random_state` the seed of the training is then 0, so that it is the same
        training that goes on.
    align : callable or dict, default=None
        Where the five landmarks of faces come from, to which every image is cut as in FFHQ: a
        function from the upright pixels (H, W, 3), uint8, to points of shape (5, 2), or a dict
        from file name to them; see :func:`skstylefeat.images.align_faces`, which also takes an
        array. By default images are taken as they are framed.
    on_error : {"raise", "nan", "skip"}, default="raise"
        What an image does that is damaged or missing: it ends the job, and is named; it gets a
        row of NaN, with a warning that names it; or it is left out, with such a warning. With
        "skip", `transform` returns fewer rows than X has, which no labels fit: for pipelines
        use "nan", or drop such images from X and y with
        :func:`skstylefeat.images.readable_rows`. `fit` leaves them out in both cases.
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
        Mean squared error, for images in [0, 1], of the generator's own images after
        inversion: what to expect inside its domain. Only known with an encoder.
    n_features_in_ : int
        Columns of X, where `fit` saw flat rows.

    See Also
    --------
    HyperplaneDistance : Distances of the latents from a hyperplane.
    ChannelMISelector : Channels of the feature maps that matter for an attribute.

    Notes
    -----
    Images are brought to the generator's size. An encoder works on images that are framed as the
    generator's own, so align them first. The codes do not depend on `batch_size` or `n_jobs`
    beyond rounding. Optimized codes, which multiply rounding, are the same to the bit on a CPU; on
    an accelerator, another batch may give another code of almost the same image.

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

    _parameter_constraints = {
        "method": [StrOptions({"encoder", "optimize", "hybrid"})],
        "space": [StrOptions({"w+", "w", "s"})],
        "output": [StrOptions({"latents", "features"})],
        "layers": ["array-like", None],
        "n_steps": [Interval(Integral, 0, None, closed="left"), None],
        "mirror": [StrOptions({"mean", "difference"}), None],
        "n_train_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "image_shape": [tuple, list, None],
        "device": [str],
        "n_jobs": [Integral, None],
        "align": [callable, dict, None],
        "on_error": [StrOptions({"raise", "nan", "skip"})],
        "store_weights": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose", Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        generator="faces64",
        encoder="auto",
        *,
        method="encoder",
        space="w+",
        output="latents",
        layers=None,
        n_steps=None,
        perceptual=None,
        mirror=None,
        n_train_steps=1_000,
        batch_size=64,
        image_shape=None,
        device="auto",
        n_jobs=None,
        cache_dir=None,
        align=None,
        on_error="raise",
        store_weights=False,
        random_state=None,
        verbose=0,
    ):
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
        self.n_jobs = n_jobs
        self.cache_dir = cache_dir
        self.align = align
        self.on_error = on_error
        self.store_weights = store_weights
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Load the networks, and train an encoder where ``encoder="train"``.

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
        """
        from skstylefeat.networks import load_generator, load_perceptual

        context = self._init_callback_context(
            max_subtasks=n_reports(self.n_train_steps) if trains(self.encoder) else 0
        )
        context.call_on_fit_task_begin(estimator=self, X=X)
        images = self._check_images(X, reset=True)
        check_readable(images, self.on_error)  # a wrong kind is refused before anything is loaded
        if self.space == "s" and self.output == "features":
            raise ValueError("output='features' needs space='w+' or 'w', got space='s'.")
        if self.mirror is not None and self.output == "features":
            raise ValueError(
                f"mirror={self.mirror!r} needs output='latents', got output='features': what is "
                "made of the codes of an image and its mirror image is no code of the image, so it "
                "has no feature maps."
            )
        resumable = self.cache_dir is not None and self.random_state is None
        rng = check_random_state(0 if resumable else self.random_state)
        self._seed = int(rng.randint(2**31 - 1))
        self.generator_ = load_generator(self.generator, device=self.device)
        if self.generator_.img_channels != 3:
            raise ValueError(
                f"{self.generator_.name!r} makes images of {self.generator_.img_channels} "
                "channel(s); inversion supports RGB generators."
            )
        self.perceptual_ = None
        if self.perceptual is not None and self.method != "encoder":
            self.perceptual_ = load_perceptual(self.perceptual, device=self.device)
        self.encoder_ = encoder_for(
            self.encoder,
            self.generator_,
            images,
            method=self.method,
            device=self.device,
            n_steps=self.n_train_steps,
            seed=self._seed,
            cache_dir=self.cache_dir,
            on_error=self.on_error,
            callback=partial(tell_of_steps, self, context),
            verbose=bool(self.verbose),
        )
        if self.encoder_ is not None:
            self.domain_error_ = own_error(self.generator_, self.encoder_, self.batch_size)
        if self.store_weights:
            for name in ("generator_", "encoder_", "perceptual_"):
                network = getattr(self, name)
                setattr(self, name, None if network is None else network.embedded())
        context.call_on_fit_task_end(estimator=self, X=X)
        return self

    def transform(self, X):
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
        images, codes = self._invert(self._check_images(X, reset=False))
        if self.encoder_ is not None:
            warn_if_foreign(self.generator_, images, codes, self.domain_error_, self.batch_size)
        latents = rows_of(codes, self.space, self.generator_)
        if self.output == "features":
            return FeatureMaps.from_latents(
                latents,
                self.generator_.reference or self.generator_,
                self.layers,
                device=self._device_of_workers(),
                n_jobs=self.n_jobs,
                verbose=self.verbose,
            )
        if self.mirror is not None:
            turned = rows_of(self._run(images, mirrored=True)[0], self.space, self.generator_)
            latents = (latents + turned if self.mirror == "mean" else latents - turned) / 2
        return latents

    def fit_transform(self, X, y=None):
        """Fit and invert the same images.

        Parameters
        ----------
        X : array-like, list, Series or path-like
            Images as in `fit`.
        y : array-like of shape (n,), default=None
            Not used; its length is compared where ``on_error="skip"`` leaves images out.

        Returns
        -------
        latents : ndarray or FeatureMaps
            As :meth:`transform` returns.
        """
        latents = self.fit(X, y).transform(X)
        if y is not None and self.on_error == "skip":
            check_beside_labels(len(latents), len(y))
        return latents

    def inverse_transform(self, latents):
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

    def reconstruction_errors(self, X):
        """Return the mean squared error (n,) of every image's reconstruction, in [0, 1] units.

        NaN for images that cannot be read, with ``on_error="nan"``.
        """
        check_is_fitted(self)
        images, codes = self._invert(self._check_images(X, reset=False))
        if self.space == "w":
            codes = np.broadcast_to(codes.mean(axis=1, keepdims=True), codes.shape)
        return errors_of_codes(self.generator_, images, codes, self.batch_size)

    def score(self, X, y=None):
        """Return the negative mean squared reconstruction error, so that greater is better.

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

    @available_if(_gives_names)
    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns, or of the channels of feature maps.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str
            ``w3_17`` is component 17 of the W vector of layer input 3; ``w17`` for W;
            ``b8.conv0:17`` for S and for channel 17 of feature maps.
        """
        check_is_fitted(self)
        if not _gives_latents(self):
            kept = self.layers
            layers = [x for x in self.generator_.layers if kept is None or x.name in kept]
            names = [f"{x.name}:{channel}" for x in layers for channel in range(x.channels)]
            return np.asarray(names, dtype=object)
        return np.asarray(column_names(self.space, self.generator_), dtype=object)

    def set_output(self, *, transform=None):
        """Set the container of the latents; lazy feature maps stay what they are.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Container, as in scikit-learn.

        Returns
        -------
        self : StyleGANInverter
        """
        return super().set_output(transform=transform) if _gives_latents(self) else self

    def __setstate__(self, state):
        super().__setstate__(state)
        if hasattr(self, "generator_"):
            from skstylefeat.networks._base import device_at_hand

            device = device_at_hand(self.device)
            self.generator_ = self.generator_.to(device)
            self.encoder_ = None if self.encoder_ is None else self.encoder_.to(device)

    def _check_images(self, X, *, reset):
        images = as_images(X, self.image_shape)
        if self.align is not None:
            images = images.aligned(self.align)
        if len(images) == 0:
            raise ValueError(
                "Found array with 0 sample(s) while a minimum of 1 is required: X holds no image."
            )
        if self.image_shape is not None and hasattr(X, "shape") and len(X.shape) == 2:
            _check_n_features(self, X, reset=reset)
        return images

    def _invert(self, images):
        """Return the images that have rows in the result, and their codes (n, n_ws, w_dim)."""
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
            cache_dir=self.cache_dir,
            on_error="raise" if self.on_error == "raise" else "nan",
            device=self._device_of_workers(),
        )
        return job.run(images, self.batch_size, n_jobs=self.n_jobs, verbose=self.verbose)

    def _device_of_workers(self):
        """Return the device that was found, which on another machine is not the one asked for."""
        return "auto" if self.device == "auto" else str(self.generator_.device)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.image_shape is not None
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
