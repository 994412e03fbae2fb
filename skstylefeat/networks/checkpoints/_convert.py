"""Conversion of weights files into the package's own format, safetensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skstylefeat._utils._typing import StrPath
from skstylefeat.networks.checkpoints._assumptions import (
    ENCODER_SETTINGS,
    GENERATOR_SETTINGS,
    Settings,
    as_pairs,
)
from skstylefeat.networks.checkpoints._locate import ENCODER_SUFFIX, file_sha256, find_weights
from skstylefeat.networks.checkpoints._read import load_found_encoder, load_found_generator
from skstylefeat.networks.checkpoints._recognition import recognize
from skstylefeat.networks.checkpoints._safetensors import save_tensors
from skstylefeat.networks.encoders._psp import MEAN_CODE, PSPConfig, PSPEncoder

CONVERT_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class ConvertedFile:
    """A file that `convert` wrote.

    Attributes
    ----------
    file : str
        Path of the file.
    sha256 : str
        Its SHA-256, hexadecimal.
    config : dict
        Architecture of the network in it.

    Examples
    --------
    See `Conversion`.
    """

    file: str
    sha256: str
    config: dict[str, Any]


@dataclass(frozen=True)
class Conversion:
    """Result of `convert`; ``str`` gives the files and their hashes.

    Attributes
    ----------
    source_sha256 : str
        SHA-256 of the file that was read.
    generator : ConvertedFile or None
        File of the generator, where the source holds one.
    encoder : ConvertedFile or None
        File of the encoder, likewise.

    Examples
    --------
    >>> import tempfile
    >>> from skstylefeat.networks.checkpoints import convert
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     conversion = convert("faces64", f"{folder}/copy.safetensors")
    >>> conversion.generator.config["resolution"], conversion.encoder
    (64, None)
    """

    source_sha256: str
    generator: ConvertedFile | None = None
    encoder: ConvertedFile | None = None

    def __str__(self) -> str:
        written = [part for part in (self.generator, self.encoder) if part is not None]
        return "\n".join(f"{part.file}\nsha256 {part.sha256}" for part in written)


def convert(path: StrPath, out: StrPath, *, assume: Mapping[str, Any] | None = None) -> Conversion:
    """Write the networks of a file of any known format as safetensors.

    Parameters
    ----------
    path : str or path-like
        The file, or a bundled name.
    out : str or path-like
        File to write, with the suffix ``.safetensors``, whole or not at all. If the source holds
        a generator and an encoder, the encoder is written to a second file in the same folder,
        ``NAME-encoder.safetensors``.
    assume : dict, default=None
        Settings that the file lacks, as of :func:`skstylefeat.load_generator` and
        :func:`skstylefeat.load_encoder`. The values, given or assumed, are written.

    Returns
    -------
    Conversion
        The files, their hashes and architectures.

    Raises
    ------
    CheckpointError
        If the source cannot be read.
    ValueError
        If `out` has another suffix, or `assume` has names that neither network has.
    FileExistsError
        If a file to write exists: a file of weights is never overwritten.
    FileNotFoundError
        If there is no such file to read, or no folder to write to.

    See Also
    --------
    inspect : Describe a file.

    Examples
    --------
    >>> import tempfile
    >>> from skstylefeat import load_generator
    >>> from skstylefeat.networks.checkpoints import convert
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     conversion = convert("faces64", f"{folder}/copy.safetensors")
    ...     load_generator(conversion.generator.file).resolution
    64
    """
    source, out = find_weights(path), Path(out).expanduser()
    if out.suffix != CONVERT_SUFFIX:
        raise ValueError(
            f"The output {str(out)!r} should end in {CONVERT_SUFFIX!r}, the format that is written."
        )
    found, given = recognize(source), dict(as_pairs(assume))
    parts: dict[str, tuple[Path, Callable[..., Any], dict[str, Any]]] = {}
    if found.generator is not None:
        parts["generator"] = (out, load_found_generator, GENERATOR_SETTINGS)
    if found.encoder is not None:
        second = out.with_name(f"{out.stem}{ENCODER_SUFFIX}{CONVERT_SUFFIX}")
        parts["encoder"] = (second if parts else out, _encoder_parts, ENCODER_SETTINGS)
    Settings({name: x for _, _, known in parts.values() for name, x in known.items()}, given)
    if not out.parent.is_dir():
        raise FileNotFoundError(f"The folder {out.parent} of the output does not exist; create it.")
    for file, *_ in parts.values():
        if file.exists():
            raise FileExistsError(f"{file} exists; remove it or choose another name.")

    # All parts are read before the first one is written, and all are written or none.
    digest = file_sha256(source)
    origin = {"converted_from": source.name, "source_sha256": digest}
    networks = {}
    for part, (_, read, known) in parts.items():
        settings = Settings(known, {name: given[name] for name in given.keys() & known})
        networks[part] = read(found, str(source), settings)
        settings.warn(source, stacklevel=3)
    converted = {}
    try:
        for part, (file, *_) in parts.items():
            config, state, card = networks[part]
            save_tensors(config, state, file, card | origin)
            converted[part] = ConvertedFile(str(file), file_sha256(file), config.to_dict())
    except BaseException:
        for written in converted.values():
            Path(written.file).unlink()
        raise
    return Conversion(digest, **converted)


def _encoder_parts(found, source, settings):
    module, state, card = load_found_encoder(found, source, settings)
    if not isinstance(module, PSPEncoder):
        return module.config, state, card
    # Kept under their names in the original file, with the mean code that it may only imply.
    config = PSPConfig(module.encoder_type, module.n_ws, module.input_size)
    return config, state | {MEAN_CODE: module.latent_avg}, card
