"""Where an inverter's encoder comes from: a file, the generator's own, or a training."""

import hashlib
from pathlib import Path

from skstylefeat.images._collection import readable_rows

TRAINING_REPORT = 50  # steps of a training between two reports
TRAINING_BYTES = 2**30  # images that the training of an encoder holds in memory


def trains(encoder):
    """Tell whether the parameter `encoder` asks for a training."""
    return isinstance(encoder, str) and encoder == "train"


def n_reports(n_steps):
    """Return how often a training of so many steps reports."""
    return -(-n_steps // TRAINING_REPORT)


def encoder_for(encoder, generator, images, *, method, device, **training):
    """Return the encoder that a method needs, found or trained; None where it needs none.

    Parameters
    ----------
    encoder : str, path-like, Encoder or None
        "train" trains one on `images`.
    generator : Generator
    images : ImageCollection
    method : {"encoder", "optimize", "hybrid"}
    device : str
    **training
        What :func:`train_for` takes besides.

    Returns
    -------
    Encoder or None
    """
    if method == "optimize":
        return None
    if trains(encoder):
        return train_for(generator, images, **training)
    return find_encoder(encoder, generator, method=method, device=device)


def find_encoder(encoder, generator, *, method, device):
    """Return the encoder that the parameter `encoder` names, or that belongs to the generator.

    Parameters
    ----------
    encoder : str, path-like, Encoder or None
        "auto" takes the generator's own.
    generator : Generator
    method : str
        What needs it, for messages.
    device : str

    Returns
    -------
    Encoder

    Raises
    ------
    ValueError
        If none is known, or it makes codes of another shape.
    """
    from skstylefeat.networks import load_encoder

    auto = isinstance(encoder, str) and encoder == "auto"
    if encoder is not None and not auto:
        return check_fits(load_encoder(encoder, device=device), generator)
    source = generator.reference
    if source is None or encoder is None:
        raise ValueError(
            f"method={method!r} needs an encoder for {generator.name!r}: give encoder=<file>, "
            "encoder='train' to train one, or method='optimize' to do without."
        )
    try:
        found = load_encoder(source, device=device)
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(
            f"No encoder is known for the generator {generator.name!r} ({error}). Give "
            "encoder=<file>, encoder='train' to train one in fit, or method='optimize' to do "
            "without."
        ) from error
    return check_fits(found, generator)


def check_fits(encoder, generator):
    """Return the encoder; raise ValueError unless its codes have the shape that is expected."""
    if (encoder.n_ws, encoder.w_dim) != (generator.n_ws, generator.w_dim):
        raise ValueError(
            f"The encoder {encoder.name!r} makes codes ({encoder.n_ws}, {encoder.w_dim}), but "
            f"the generator {generator.name!r} expects ({generator.n_ws}, {generator.w_dim}). "
            "Use the encoder that was trained for this generator."
        )
    return encoder


def train_for(generator, images, *, n_steps, seed, cache_dir, on_error, callback, verbose):
    """Train an encoder on images, without labels, and on the generator's own.

    Parameters
    ----------
    generator : Generator
    images : ImageCollection
    n_steps, seed : int
    cache_dir : path-like or None
        Folder that keeps a checkpoint, from which a killed training goes on.
    on_error : {"raise", "nan", "skip"}
        All but "raise" leave out what cannot be read.
    callback : callable
        Called with a `TrainingReport` every `TRAINING_REPORT` steps.
    verbose : bool

    Returns
    -------
    Encoder
    """
    from skstylefeat.networks.training._recipe import EncoderRecipe
    from skstylefeat.networks.training._train import train_encoder

    n_images = len(images)
    pixels = _training_images(images, generator.resolution, on_error)
    checkpoint = None
    if cache_dir is not None:
        what = [generator.weights_hash(), n_steps, seed, n_images]
        digest = hashlib.sha256(repr(what).encode())
        digest.update("\n".join(images.names).encode() if callable(pixels) else pixels)
        checkpoint = Path(cache_dir) / "training" / f"{digest.hexdigest()}.safetensors"
    encoder = train_encoder(
        generator,
        pixels,
        recipe=EncoderRecipe(n_steps=n_steps),
        random_state=seed,
        checkpoint=checkpoint,
        report_every=TRAINING_REPORT,
        callback=callback,
        verbose=verbose,
    )
    encoder.weights_hash()
    return encoder


def _training_images(images, side, on_error):
    """Return pixels to train on, or a function that reads some where they are too many."""
    if on_error != "raise":
        images = images[readable_rows(images)]
    if 12 * len(images) * side * side <= TRAINING_BYTES:
        return images.read((side, side))
    return lambda rng, n: images[rng.integers(len(images), size=n)].read((side, side))
