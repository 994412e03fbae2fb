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


def encoder_for(
    encoder,
    generator,
    images,
    *,
    method,
    device,
    engine=None,
    precision="float32",
    **training,
):
    """Return the encoder of a method, loaded or trained; None for ``method="optimize"``.

    Raises
    ------
    ValueError
        If no encoder is known, or its codes have another shape than the generator's.
    """
    from skstylefeat.networks._loading import load_encoder

    if method == "optimize":
        return None
    if is_trained(encoder):
        trained = train_for(generator, images, **training)
        return load_encoder(trained, device=device, engine=engine, precision=precision)

    # "auto" is the encoder in the generator's file; a generator that was built in memory has none.
    auto = isinstance(encoder, str) and encoder == "auto"
    source = generator.reference if auto else encoder
    if source is None:
        raise ValueError(
            f"method={method!r} needs an encoder for {generator.name!r}: give encoder=<file>, "
            "encoder='train' to train one, or method='optimize', which needs none."
        )
    try:
        found = load_encoder(source, device=device, engine=engine, precision=precision)
    except (FileNotFoundError, ValueError) as error:
        if not auto:
            raise
        raise ValueError(
            f"No encoder is known for the generator {generator.name!r} ({error}). Give "
            "encoder=<file>, encoder='train' to train one in fit, or method='optimize', which "
            "needs none."
        ) from error
    if (found.n_ws, found.w_dim) != (generator.n_ws, generator.w_dim):
        raise ValueError(
            f"The encoder {found.name!r} makes codes ({found.n_ws}, {found.w_dim}), but "
            f"the generator {generator.name!r} expects ({generator.n_ws}, {generator.w_dim}). "
            "Use the encoder that was trained for this generator."
        )
    return found


def train_for(generator, images, *, n_steps, seed, cache_dir, on_error, callback, verbose):
    """Train an encoder on unlabeled images and on images of the generator itself.

    An interrupted training resumes from a checkpoint in `cache_dir`. Unreadable images raise with
    ``on_error="raise"`` and are left out otherwise. `callback` receives a `TrainingReport` every
    `REPORT_EVERY` steps.
    """
    from skstylefeat.networks.training._recipe import EncoderRecipe
    from skstylefeat.networks.training._train import train_encoder

    n_images = len(images)
    pixels = _training_images(images, generator.image_size, on_error)

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


def _training_images(images, size, on_error):
    """Return the pixels to train on, or a function that reads some if they exceed the memory."""
    if on_error != "raise":
        images = images[readable_rows(images)]
    if 12 * len(images) * size[0] * size[1] <= MAX_BYTES_IN_MEMORY:
        return images.read(size)
    return lambda rng, n: images[rng.integers(len(images), size=n)].read(size)
