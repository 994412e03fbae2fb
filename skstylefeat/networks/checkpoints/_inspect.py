"""Description of a file of weights, latents or directions: its format, content and problems."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skstylefeat._inert._contents import open_file
from skstylefeat._utils._typing import StrPath
from skstylefeat.exceptions import CheckpointError, UnsafeCheckpointError
from skstylefeat.latents._array_file import ArrayFile
from skstylefeat.latents._file_description import ArraysInfo, describe_arrays
from skstylefeat.networks.checkpoints._locate import file_sha256, find_weights
from skstylefeat.networks.checkpoints._other_families import find_family
from skstylefeat.networks.checkpoints._read import load_found_encoder, load_found_generator
from skstylefeat.networks.checkpoints._recognition import find_networks

#: Tensors that no training changes: noise, filters and statistics.
CONSTANTS = (
    *("noise_const", "up_filter", "down_filter", "magnitude_ema"),
    *("input.freqs", "input.phases", "input.transform"),
)


@dataclass(frozen=True)
class GeneratorInfo:
    """A generator in a weights file.

    Attributes
    ----------
    config : dict
        The architecture: ``resolution``, ``channels``, ``z_dim``, ``w_dim``, ...
    n_ws : int
        Number of W vectors in a W+ code.
    n_parameters : int
        Number of weights.
    spaces : dict of str to tuple of int
        Shape of one code in the spaces "z", "w", "w+" and "s".
    card : dict of str to str
        The model card.

    Examples
    --------
    >>> from skstylefeat.networks.checkpoints import inspect
    >>> inspect("faces64").generator.spaces["w+"]
    (10, 128)
    """

    config: dict[str, Any]
    n_ws: int
    n_parameters: int
    spaces: dict[str, tuple[int, ...]]
    card: dict[str, str]


@dataclass(frozen=True)
class EncoderInfo:
    """An encoder in a weights file.

    Attributes
    ----------
    n_ws, w_dim : int
        Shape of a W+ code.
    input_size : tuple of int
        (height, width) that images are resized to.
    needs_generator : bool
        Whether it refines codes against a generator's images, as ReStyle does.
    n_parameters : int
        Number of weights.
    card : dict of str to str
        The model card.

    Examples
    --------
    >>> from skstylefeat.networks.checkpoints import inspect
    >>> inspect("faces64-encoder").encoder.input_size
    (64, 64)
    """

    n_ws: int
    w_dim: int
    input_size: tuple[int, int]
    needs_generator: bool
    n_parameters: int
    card: dict[str, str]


@dataclass(frozen=True)
class CheckpointInfo:
    """Description of a file; ``str`` gives it as several lines of text.

    Attributes
    ----------
    file : str
        Path of the file.
    size : int
        Size in bytes.
    sha256 : str
        Its SHA-256, hexadecimal.
    container : str or None
        "pickle", "torch", "torch (before 1.6)", "npy", "npz" or "safetensors"; None if unknown.
    format : str or None
        The tool or family that wrote it, None if unknown.
    generator : GeneratorInfo or None
        The generator, where the file holds one that can be loaded.
    encoder : EncoderInfo or None
        The encoder, likewise.
    arrays : ArraysInfo or None
        Latents, directions or measurements, where the file holds these and no network.
    refused : tuple of str
        Sorted names of the functions and classes that the file asks for and weights do not need.
    problems : tuple of str
        Reasons why the file, or a part of it, cannot be loaded.

    Examples
    --------
    >>> from skstylefeat.networks.checkpoints import inspect
    >>> info = inspect("faces64")
    >>> info.container, info.format, info.problems
    ('safetensors', 'skstylefeat', ())
    >>> print(info)
    file       ...faces64.safetensors
    size       ...
    """

    file: str
    size: int
    sha256: str
    container: str | None = None
    format: str | None = None
    generator: GeneratorInfo | None = None
    encoder: EncoderInfo | None = None
    arrays: ArraysInfo | None = None
    refused: tuple[str, ...] = field(default=())
    problems: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        lines = [
            f"file       {self.file}",
            f"size       {self.size / 1e6:.1f} MB",
            f"sha256     {self.sha256}",
            f"container  {self.container or 'unknown'}",
            f"format     {self.format or 'unknown'}",
        ]
        for part, info in (("generator", self.generator), ("encoder", self.encoder)):
            if info is not None:
                lines += ["", part, *_table(vars(info))]
        if self.arrays is not None:
            lines += ["", str(self.arrays)]
        if self.refused:
            lines += ["", "refused: the file asks for these functions or classes"]
            lines += [f"  {name}" for name in self.refused]
        if self.problems:
            lines += ["", "problems", *(f"  {problem}" for problem in self.problems)]
        elif self.arrays is None:
            lines += ["", "nothing refused: load_generator or load_encoder reads this file"]
        return "\n".join(lines)


def _table(values):
    """Yield one line per value; those of dictionaries follow the dictionary's name and a dot."""
    for key, value in values.items():
        if key == "config":
            yield from _table(value)
        elif isinstance(value, dict):
            yield from _table({f"{key}.{name}": entry for name, entry in value.items()})
        else:
            yield f"  {key:<18} {value}"


def inspect(path: StrPath) -> CheckpointInfo:
    """Describe a file of weights, latents or directions without running any code of it.

    Parameters
    ----------
    path : str or path-like
        The file, or a bundled name.

    Returns
    -------
    CheckpointInfo
        A file that cannot be loaded gives a description with ``problems``, not an error.

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    See Also
    --------
    convert : Write the networks of a file as safetensors.

    Examples
    --------
    >>> from skstylefeat.networks.checkpoints import inspect
    >>> inspect("faces64").generator.config["resolution"]
    64

    A download that went wrong:

    >>> import tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "page.pt"
    >>> _ = path.write_text("<!DOCTYPE html>")
    >>> inspect(path).problems[0]
    "...page.pt is of an unknown kind: ..."
    >>> folder.cleanup()
    """
    file = find_weights(path)
    refused: dict[str, UnsafeCheckpointError] = {}
    try:
        entries = _describe(open_file(file, refused), refused)
    except CheckpointError as error:
        first = next(iter(refused.values()), error)
        entries = {"problems": [str(first)]}
    return CheckpointInfo(
        file=str(file),
        size=file.stat().st_size,
        sha256=file_sha256(file),
        refused=tuple(sorted(refused)),
        problems=tuple(entries.pop("problems", ())),
        **entries,
    )


def _describe(contents, refused):
    """Return the entries of a `CheckpointInfo` that the content of a file gives."""
    source, tree = contents.budget.source, contents.tree
    entries = {"container": contents.layout}
    first = next(iter(refused.values()), None)
    family = find_family(tree, refused)
    if family is not None:
        return entries | {"format": family.name, "problems": [str(family.refusal(source, first))]}
    try:
        found = find_networks(contents)
    except CheckpointError as error:
        arrays = None if refused else _arrays_of(contents)
        if arrays is None:
            return entries | {"problems": [str(first or error)]}
        return entries | {"format": arrays.tool or arrays.kind, "arrays": arrays}

    entries["format"] = found.kind
    if refused:
        return entries | {"problems": [str(first)]}
    entries["problems"] = []
    for part, describe in (("generator", _generator_info), ("encoder", _encoder_info)):
        if getattr(found, part) is not None:
            try:
                entries[part] = describe(found, source)
            except CheckpointError as error:
                entries["problems"].append(str(error))
    return entries


def _arrays_of(contents):
    """Return the description of latents, directions or measurements, None for other files."""
    try:
        return describe_arrays(ArrayFile(Path(contents.budget.source), contents))
    except ValueError:
        return None


def _generator_info(found, source):
    config, state, card = load_found_generator(found, source)
    n_styles = sum(len(value) for key, value in state.items() if key.endswith("affine.bias"))
    return GeneratorInfo(
        config=config.to_dict(),
        n_ws=config.n_ws,
        n_parameters=sum(x.numel() for key, x in state.items() if not key.endswith(CONSTANTS)),
        spaces={
            "z": (config.z_dim,),
            "w": (config.w_dim,),
            "w+": (config.n_ws, config.w_dim),
            "s": (n_styles,),
        },
        card=card,
    )


def _encoder_info(found, source):
    module, _, card = load_found_encoder(found, source)
    return EncoderInfo(
        n_ws=module.n_ws,
        w_dim=module.w_dim,
        input_size=tuple(module.input_size),
        needs_generator=bool(getattr(module, "needs_generator", False)),
        n_parameters=sum(value.numel() for value in module.parameters()),
        card=card,
    )
