"""Description of files of latents, directions and measurements: content, spaces, how to load it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skstylefeat.latents._array_file import ArrayFile
from skstylefeat.latents._component_files import read_components
from skstylefeat.latents._direction_files import DIRECTION_KEYS, INTERCEPT_KEYS, directions_of
from skstylefeat.latents._latent_files import ENTRY_KEY, LATENT_KEYS, latents_of
from skstylefeat.latents._readings import MOST_LAYERS, WIDEST_W

LATENTS, DIRECTIONS = "latents", "directions"
EFFECTS = "effects of style channels"
#: Deviation of the length of rows from 1, which those of directions and effects have.
UNIT_TOL = 1e-2
SHOWN_NAMES = 3


@dataclass(frozen=True)
class ArraysInfo:
    """Latents, directions or measurements in a file.

    Attributes
    ----------
    kind : str
        "latents", "directions", "components", "statistics of style channels", "effects of style
        channels", or several of them with "or", where nothing in the file tells them apart.
    tool : str or None
        The tool that writes such files, None for plain arrays.
    shape : tuple of int
        Of the codes or directions as they are read; (k, n_layers, w_dim) of components.
    space : str or None
        "w", "w+", or None where the file allows both or the content is in S.
    names : tuple of str
        Names of the rows; empty if there are none.
    notes : tuple of str
        What is assumed, and what the file lacks.
    load : tuple of str
        Code that reads it; several lines are alternatives.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skstylefeat.networks.checkpoints import inspect
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/projected_w.npz", w=np.ones((1, 18, 512)))
    ...     arrays = inspect(f"{folder}/projected_w.npz").arrays
    >>> arrays.kind, arrays.shape, arrays.space
    ('latents', (1, 18, 512), 'w+')
    >>> arrays.load
    ("skstylefeat.latents.load_latents('...projected_w.npz')",)
    """

    kind: str
    tool: str | None
    shape: tuple[int, ...]
    space: str | None
    names: tuple[str, ...]
    notes: tuple[str, ...]
    load: tuple[str, ...]

    def __str__(self) -> str:
        names = ", ".join(self.names[:SHOWN_NAMES])
        more = len(self.names) - SHOWN_NAMES
        entries = {
            "shape": self.shape,
            "space": self.space or "not stated",
            "names": (names + f", ... ({more} more)" * (more > 0)) or "none",
        }
        lines = [self.kind, *(f"  {key:<18} {value}" for key, value in entries.items())]
        lines += [f"  {'note':<18} {note}" for note in self.notes]
        return "\n".join(lines + [f"  {'load':<18} {line}" for line in self.load])


def describe_arrays(file: ArrayFile) -> ArraysInfo:
    """Describe a file of latents, directions or measurements; ValueError if it holds none."""
    components = read_components(file)
    if components is not None:
        return _describe_components(components, file.path)
    tree = file.tree
    statistics = _describe_statistics(tree, file.path)
    if statistics is not None:
        return statistics

    readings, errors = {}, []
    for kind in _possible_kinds(tree):
        try:
            readings[kind] = READERS[kind](file)
        except ValueError as error:
            errors.append(error)
    if not readings:
        raise errors[0]
    return _joined(readings)


def _possible_kinds(tree):
    """Return the kinds that the keys of a file allow."""
    if isinstance(tree, dict):
        is_latents = any(key in tree for key in LATENT_KEYS)
        is_directions = any(key in tree for key in (*DIRECTION_KEYS, *INTERCEPT_KEYS) if key != "w")
        entries = list(tree.values())
        if is_latents or (entries and all(isinstance(x, dict | list | tuple) for x in entries)):
            return [DIRECTIONS] if is_directions else [LATENTS]
        if is_directions:
            return [DIRECTIONS]
    return [LATENTS, DIRECTIONS]


def _describe_components(components, path):
    tool, vectors, deviations, mean = components
    n, n_layers, _ = vectors.shape
    parts = {"standard deviations": deviations, "a mean": mean}
    lacking = [name for name, part in parts.items() if part is None]
    notes = [f"index is the number of a component, 0 to {n - 1}"]
    if lacking:
        notes.append(f"without {' and '.join(lacking)}: no scale and no intercept")
    return ArraysInfo(
        kind="components",
        tool=tool,
        shape=vectors.shape,
        space="w" if n_layers == 1 else "w+",
        names=(),
        notes=tuple(notes),
        load=(_call("load_direction", path, "index=0"),),
    )


def _describe_statistics(tree, path):
    """Return the description of StyleCLIP's files of styles by layer, None for other content."""
    if not isinstance(tree, list | tuple) or len(tree) != 2:
        return None
    first, second = tree
    if not all(isinstance(part, list | tuple) and part for part in tree):
        return None
    is_named = all(isinstance(name, str) for name in first)
    if len(first) != len(second) or not (is_named or all(hasattr(x, "shape") for x in first)):
        return None
    if not all(hasattr(x, "shape") and len(x.shape) == 1 + is_named for x in second):
        return None
    n_styles = sum(array.shape[-1] for array in second)
    form = "names of layers, and styles of each" if is_named else "means and standard deviations"
    return ArraysInfo(
        kind="statistics of style channels",
        tool="StyleCLIP or StyleSpace",
        shape=(2, n_styles),
        space=None,
        names=tuple(first) if is_named else (),
        notes=(f"{form}, by layer ({len(second)} layers)",),
        load=(
            "skstylefeat.directions.StyleChannelDirection(generator, layer, channel, "
            f"statistics={str(path)!r}).fit()",
        ),
    )


def _call(function, path, *arguments):
    return f"skstylefeat.latents.{function}({', '.join([repr(str(path)), *arguments])})"


def _read(file, name, read):
    """Return what a file gives, and its calls: one, or one per space if the file allows both."""
    try:
        with file.budget.lent():
            return read(file), [_call(name, file.path)]
    except ValueError as error:
        first_error = error
    found, calls = None, []
    for space in ("w", "w+"):
        try:
            with file.budget.lent():
                found = read(file, space)
        except ValueError:
            continue
        calls.append(_call(name, file.path, f'space="{space}"'))
    if found is None:
        raise first_error
    return found, calls


def _describe_latents(file):
    latents, calls = _read(file, "load_latents", latents_of)
    codes = latents.codes
    notes, space, tool = [], None, None
    if len(calls) > 1:
        shape = codes.shape[-2:]
        notes.append(f"{shape[0]} codes in W, or one code in W+ with {shape[0]} layers")
    elif codes.ndim == 3:
        space = "w+"
    elif codes.shape[1] <= WIDEST_W:
        space = "w"
    else:
        notes.append("rows wider than W: W+ codes in C order, or S codes")
    if latents.names is None:
        notes.append("without names: rows keep their order")

    if isinstance(file.tree, dict):
        values = list(file.tree.values())
        n_iterations = {len(value) for value in values if isinstance(value, list | tuple)}
        if any(isinstance(value, dict) and ENTRY_KEY in value for value in values):
            tool = "the projector of rosinality's stylegan2-pytorch"
        elif n_iterations and latents.names is not None:
            tool = "ReStyle"
            notes.append(f"{max(n_iterations)} iterations per image; the last is read (iteration=)")
    shape = codes.shape if len(calls) == 1 else codes.shape[-2:]
    names = tuple(latents.names or ())
    return ArraysInfo(LATENTS, tool, shape, space, names, tuple(notes), tuple(calls))


def _describe_directions(file):
    found, calls = _read(file, "load_direction", directions_of)
    directions, notes, space = found.directions, [], None
    if len(calls) > 1:
        shape = directions.shape[-2:]
        notes.append(f"{shape[0]} directions in W, or one in W+ with {shape[0]} layers")
    else:
        shape = directions.shape
        inner = shape[1:] if found.names is not None else shape
        is_layered = len(inner) > 1 and inner[-2] > 1 and (len(inner) == 3 or found.names)
        space = "w+" if is_layered else "w"
        if shape[-1] > WIDEST_W:
            space = None
            notes.append("wider than W: a direction in W+ in C order, or in S")
    if found.intercept is None:
        notes.append("without intercept: planes go through 0")

    # StyleCLIP's effects are unit rows, one for each of thousands of channels.
    kind = DIRECTIONS
    rows = directions.reshape(-1, shape[-1])
    is_unit = np.abs(np.linalg.norm(rows.astype(np.float64), axis=1) - 1).max() < UNIT_TOL
    if is_unit and found.names is None and len(rows) > MOST_LAYERS and directions.ndim == 2:
        kind = f"{DIRECTIONS} or {EFFECTS}"
        calls.append(
            "skstylefeat.directions.TextDirection(generator, None, encode_texts, target, neutral, "
            f"effects={str(file.path)!r}).fit()"
        )
    if is_unit:
        notes.append("rows of length 1, as those of directions; latents are longer")
    names = tuple(found.names or ())
    return ArraysInfo(kind, None, shape, space, names, tuple(notes), tuple(calls))


READERS = {LATENTS: _describe_latents, DIRECTIONS: _describe_directions}


def _joined(readings):
    """Return one description of all that a file may be."""
    first, *others = readings.values()
    is_unit = any("rows of length 1" in note for info in others for note in info.notes)
    if not others or is_unit:
        return others[0] if others else first
    other = others[0]
    return ArraysInfo(
        kind=f"{first.kind} or {other.kind}",
        tool=first.tool or other.tool,
        shape=first.shape,
        space=first.space if first.space == other.space else None,
        names=first.names or other.names,
        notes=tuple(dict.fromkeys((*first.notes, *other.notes))),
        load=(*first.load, *other.load),
    )
