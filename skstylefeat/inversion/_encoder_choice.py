"""Choice of an inverter's encoder: a file, the generator's own encoder, or a trained one."""

import hashlib
from pathlib import Path

from skstylefeat.images._collection import readable_rows

REPORT_EVERY = 50  # training steps between two reports
MAX_BYTES_IN_MEMORY = 2**30  # larger sets of training images are read while training


def is_trained(encoder):
    """Return whether the parameter `encoder` asks for a training."""
    return isinstance(encoder, str) and encoder == "train"


def n_reports(n_steps):
    """Return the number of reports of a training of `n_steps` steps."""
    return -(-n_steps // REPORT_EVERY)


def encoder_for(encoder, generator, images, *, method, device, **training):
    """Return the encoder of a method, loaded or trained; None for ``method="optimize"``.

    Parameters
    ----------
    encoder : str, path-like, Encoder or None
        "train" trains one on `images`.
    generator : Generator
    images : ImageCollection
    method : {"encoder", "optimize", "hybrid"}
    device : str
    **training
        Further parameters of :func:`train_for`.

    Returns
    -------
    Encoder or None
    """
    if method == "optimize":
        return None
    if is_trained(encoder):
        return train_for(generator, images, **training)
    return load_encoder_for(encoder, generator, method=method, device=device)


def load_encoder_for(encoder, generator, *, method, device):
    """Load the encoder that the parameter `encoder` names, or that belongs to the generator.

    Parameters
    ----------
    encoder : str, path-like, Encoder or None
        "auto" takes the generator's own.
    generator : Generator
    method : str
        Method that needs the encoder, for messages.
    device : str

    Returns
    -------
    Encoder

    Raises
    ------
    ValueError
        If no encoder is known, or its codes have another shape than the generator's.
    """
    from skstylefeat.networks._loading import load_encoder

    auto = isinstance(encoder, str) and encoder == "auto"
    if encoder is not None and not auto:
        return check_fits(load_encoder(encoder, device=device), generator)

    # A generator that was built in memory has no file, so no encoder belongs to it.
    source = generator.reference
    if source is None or encoder is None:
        raise ValueError(
            f"method={method!r} needs an encoder for {generator.name!r}: give encoder=<file>, "
            "encoder='train' to train one, or method='optimize', which needs none."
        )
    try:
        found = load_encoder(source, device=device)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(
            f"No encoder is known for the generator {generator.name!r} ({error}). Give "
            "encoder=<file>, encoder='train' to train one in fit, or method='optimize', which "
            "needs none."
        ) from error
    return check_fits(found, generator)


def check_fits(encoder, generator):
    """Return the encoder; raise ValueError unless its codes have the generator's shape."""
    if (encoder.n_ws, encoder.w_dim) != (generator.n_ws, generator.w_dim):
        raise ValueError(
            f"The encoder {encoder.name!r} makes codes ({encoder.n_ws}, {encoder.w_dim}), but "
            f"the generator {generator.name!r} expects ({generator.n_ws}, {generator.w_dim}). "
            "Use the encoder that was trained for this generator."
        )
    return encoder


def train_for(generator, images, *, n_steps, seed, cache_dir, on_error, callback, verbose):
    """Train an encoder on unlabeled images and on images of the generator itself.

    Parameters
    ----------
    generator : Generator
    images : ImageCollection
    n_steps, seed : int
    cache_dir : path-like or None
        Folder of the checkpoint from which an interrupted training resumes.
    on_error : {"raise", "nan", "skip"}
        Unreadable images raise, or are left out.
    callback : callable
        Called with a `TrainingReport` every `REPORT_EVERY` steps.
    verbose : bool

    Returns
    -------
    Encoder
    """
    from skstylefeat.networks.training._recipe import EncoderRecipe
    from skstylefeat.networks.training._train import train_encoder

    n_images = len(images)
    pixels = _training_images(images, generator.resolution, on_error)

    # The name identifies the training, so that another generator or other images begin anew.
    checkpoint = None
    if cache_dir is not None:
        recipe = [generator.weights_hash(), n_steps, seed, n_images]
        digest = hashlib.sha256(repr(recipe).encode())
        digest.update("\n".join(images.names).encode() if callable(pixels) else pixels)
        checkpoint = Path(cache_dir) / "training" / f"{digest.hexdigest()}.safetensors"

    encoder = train_encoder(
        generator,
        pixels,
        recipe=EncoderRecipe(n_steps=n_steps),
        random_state=seed,
        checkpoint=checkpoint,
        report_every=REPORT_EVERY,
        callback=callback,
        verbose=verbose,
    )
    encoder.weights_hash()  # kept with the encoder: keys of the code cache need it
    return encoder


def _training_images(images, side, on_error):
    """Return the pixels to train on, or a function that reads some if they exceed the memory."""
    if on_error != "raise":
        images = images[readable_rows(images)]
    if 12 * len(images) * side * side <= MAX_BYTES_IN_MEMORY:
        return images.read((side, side))
    return lambda rng, n: images[rng.integers(len(images), size=n)].read((side, side))
