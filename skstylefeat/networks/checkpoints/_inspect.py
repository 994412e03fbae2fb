"""What a weights file is, and its conversion into ours: behind ``inspect`` and ``convert``."""

from pathlib import Path

CONVERT_SUFFIX = ".safetensors"


def inspect(path):
    """Describe a weights file without running anything of it.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    report : dict
        ``file``, ``size`` in bytes, ``sha256``, ``layout`` (the container), ``format`` (whose it
        is), ``refused`` (sorted names of the functions and classes it asks for beyond those that
        weights need), and where the file can be loaded ``generator`` and ``encoder``:
        dictionaries of architecture and spaces. ``problems`` lists what stands in the way, empty
        if nothing does.

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "page.pt"
    >>> _ = path.write_text("<!DOCTYPE html>")
    >>> inspect(path)["problems"][0]
    "...page.pt is no file of weights that is known..."
    >>> folder.cleanup()
    """
    from skstylefeat.networks.checkpoints import _read as checkpoints
    from skstylefeat.networks.checkpoints._locate import file_sha256
    from skstylefeat.networks.checkpoints._unpickler import CheckpointError

    path = Path(path)
    digest = file_sha256(path)
    report = {
        "file": str(path),
        "size": path.stat().st_size,
        "sha256": digest,
        "layout": None,
        "format": None,
        "refused": [],
        "problems": [],
    }
    refused = set()
    found = None
    try:
        found = checkpoints.recognize(path, refused)
    except CheckpointError as error:
        report["problems"].append(str(error))
    report["refused"] = sorted(refused)
    if found is not None:
        report |= {"layout": found.layout, "format": found.kind}
        if found.generator is not None:
            _describe(report, "generator", _describe_generator, path)
        if found.encoder is not None:
            _describe(report, "encoder", _describe_encoder, path)
    if refused:
        # The strict reading tells why, and what to do about it.
        try:
            checkpoints.recognize(path)
        except CheckpointError as error:
            report["problems"] = [str(error)]
    return report


def _describe(report, part, describe, path):
    from skstylefeat.networks.checkpoints._unpickler import CheckpointError

    try:
        report[part] = describe(path)
    except CheckpointError as error:
        report["problems"].append(str(error))


def _describe_generator(path):
    from skstylefeat.networks.checkpoints import _read as checkpoints

    config, state, card = checkpoints.read_generator(path)
    n_parameters = sum(value.numel() for key, value in state.items() if "noise_const" not in key)
    return {
        **config.to_dict(),
        "n_ws": config.n_ws,
        "n_parameters": n_parameters,
        "spaces": {
            "z": f"({config.z_dim},)",
            "w": f"({config.w_dim},)",
            "w+": f"({config.n_ws}, {config.w_dim})",
            "s": f"({sum(v.shape[0] for k, v in state.items() if k.endswith('affine.bias'))},)",
        },
        "card": card,
    }


def _describe_encoder(path):
    from skstylefeat.networks.checkpoints import _read as checkpoints

    module, card = checkpoints.read_encoder(path)
    return {
        "n_ws": module.n_ws,
        "w_dim": module.w_dim,
        "input_size": tuple(module.input_size),
        "needs_generator": bool(getattr(module, "needs_generator", False)),
        "n_parameters": sum(value.numel() for value in module.parameters()),
        "card": card,
    }


def inspect_file(path):
    """Return the report of `inspect` as the text that the command prints.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    text : str
    """
    report = inspect(path)
    lines = [
        f"file       {report['file']}",
        f"size       {report['size'] / 1e6:.1f} MB",
        f"sha256     {report['sha256']}",
        f"container  {report['layout'] or 'unknown'}",
        f"format     {report['format'] or 'unknown'}",
    ]
    for part in ("generator", "encoder"):
        if part in report:
            lines += ["", part]
            for key, value in report[part].items():
                items = value.items() if isinstance(value, dict) else [("", value)]
                lines += [f"  {key + ('.' + k if k else ''):<18} {v}" for k, v in items]
    if report["refused"]:
        lines += ["", "refused: the file asks for these functions or classes"]
        lines += [f"  {name}" for name in report["refused"]]
    if report["problems"]:
        lines += ["", "problems"]
        lines += [f"  {problem}" for problem in report["problems"]]
    else:
        lines += ["", "nothing refused: load_generator or load_encoder reads this file"]
    return "\n".join(lines)


def convert(source, destination):
    """Write the networks of a file of any known format as our safetensors.

    Parameters
    ----------
    source : path-like
        The file.
    destination : path-like
        File to write, with the suffix ``.safetensors``, whole or not at all. Where the source
        holds a generator and an encoder, the encoder goes to a file of its own beside it,
        ``NAME-encoder.safetensors``.

    Returns
    -------
    report : dict
        ``source_sha256``, and for each of ``generator`` and ``encoder`` that the source holds a
        dictionary of ``file``, its ``sha256`` and the ``config``.

    Raises
    ------
    ValueError
        If the source cannot be read, or the destination has another suffix.
    FileExistsError
        If a destination exists: a file of weights is never overwritten.
    """
    from skstylefeat.networks.checkpoints import _read as checkpoints
    from skstylefeat.networks.checkpoints._locate import ENCODER_SUFFIX, file_sha256

    source, destination = Path(source), Path(destination)
    if destination.suffix != CONVERT_SUFFIX:
        raise ValueError(
            f"The output {str(destination)!r} should end in {CONVERT_SUFFIX!r}, the format that is "
            "written."
        )
    found = checkpoints.recognize(source)
    parts = {}
    if found.generator is not None:
        parts["generator"] = (destination, _generator_to_write)
    if found.encoder is not None:
        beside = destination.with_name(f"{destination.stem}{ENCODER_SUFFIX}{CONVERT_SUFFIX}")
        parts["encoder"] = (beside if parts else destination, _encoder_to_write)
    for path, _ in parts.values():
        if path.exists():
            raise FileExistsError(f"{path} exists; remove it or choose another name.")
    report = {"source_sha256": file_sha256(source)}
    origin = {"converted_from": source.name, "source_sha256": report["source_sha256"]}
    partials = {}
    try:
        # All parts are read and written before the first one gets its name.
        for part, (path, read) in parts.items():
            partials[part] = path.with_name(path.name + ".partial")
            report[part] = {"file": str(path)} | _write(*read(source), partials[part], origin)
        for part, (path, _) in parts.items():
            partials[part].rename(path)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
    return report


def _generator_to_write(path):
    from skstylefeat.networks.checkpoints import _read as checkpoints

    return checkpoints.read_generator(path)


def _encoder_to_write(path):
    from skstylefeat.networks.checkpoints import _read as checkpoints
    from skstylefeat.networks.encoders._psp import MEAN_CODE, PSPConfig

    module, card = checkpoints.read_encoder(path)  # which checks the tensors
    config, state, _ = checkpoints.read_encoder_parts(checkpoints.recognize(path), path)
    if config is None:
        config = PSPConfig(module.encoder_type, module.n_ws, module.input_size)
        state = state | {MEAN_CODE: module.latent_avg}
    return config, state, card


def _write(config, state, card, path, origin):
    from skstylefeat.networks.checkpoints._locate import file_sha256
    from skstylefeat.networks.checkpoints._safetensors import save_tensors

    save_tensors(config, state, path, card | origin)
    return {"sha256": file_sha256(path), "config": config.to_dict()}


def convert_file(source, destination):
    """Convert as `convert` does and return the text that the command prints.

    Parameters
    ----------
    source : path-like
        The file.
    destination : path-like
        File to write, with the suffix ``.safetensors``.

    Returns
    -------
    text : str
    """
    report = convert(source, destination)
    parts = [report[part] for part in ("generator", "encoder") if part in report]
    return "\n".join(f"{part['file']}\nsha256 {part['sha256']}" for part in parts)
