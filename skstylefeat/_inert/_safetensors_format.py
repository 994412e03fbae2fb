"""Files of safetensors: a header of JSON, and the numbers one after the other."""

import json

from skstylefeat._inert._arrays import ElementType, StoredArray
from skstylefeat._inert._budget import CONTENT_ERRORS

CODES = {
    **{f"F{8 * n}": f"f{n}" for n in (2, 4, 8)},
    **{f"I{8 * n}": f"i{n}" for n in (1, 2, 4, 8)},
    **{f"U{8 * n}": f"u{n}" for n in (1, 2, 4, 8)},
    "BF16": "bfloat16",
    "BOOL": "b1",
    "C64": "c8",
}
MAX_HEADER_BYTES = 1 << 24


def is_safetensors(data):
    """Return whether a file starts with a header of JSON and its length."""
    length = int.from_bytes(data[:8], "little")
    return len(data) > 9 and length <= len(data) - 8 and data[8] == ord("{")


def read_safetensors(data, budget):
    """Return the tensors by name, as `StoredArray`, and the metadata, strings by name."""
    try:
        start = 8 + int.from_bytes(data[:8], "little")
        if start > MAX_HEADER_BYTES:
            raise ValueError(f"a header of {start} bytes")
        header = json.loads(bytes(data[8:start]), object_pairs_hook=_without_duplicates)
        metadata = header.pop("__metadata__", {})
        texts = (*metadata, *metadata.values())
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("metadata that are not strings")
        return _place_tensors(header, data[start:], budget), metadata
    except CONTENT_ERRORS as error:
        raise budget.damaged(
            f"its header is not that of a safetensors file ({type(error).__name__}: "
            f"{str(error)[:200]})"
        ) from error


def _without_duplicates(pairs):
    """Return a dictionary; of two entries of one name, JSON would keep the last silently."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a name that occurs twice")
    return entries


def _place_tensors(header, data, budget):
    tensors = {name: StoredArray() for name in header}
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, stop = entry["data_offsets"]
        if begin != end or type(stop) is not int or stop < begin:
            raise ValueError(f"{name[:80]!r} does not follow the tensor before it")
        kind = ElementType(CODES[entry["dtype"]])
        tensors[name].fill(budget, kind, entry["shape"], data[begin:stop])
        end = stop
    if end != len(data):
        raise ValueError(f"{len(data)} bytes of data, expected {end}")
    return tensors
