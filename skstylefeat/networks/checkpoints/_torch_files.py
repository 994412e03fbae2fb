"""Open a pickle, a torch file or a safetensors file as a tree of inert data.

Nothing is executed and `torch.load` is not called: the pickles are interpreted by
`_unpickler`, and tensors stay in the mapped file until they are asked for,
so that the decoder of a file of 1 GB is read without the rest.
"""

import mmap
import struct
import zipfile
import zlib
from pathlib import Path

import torch

from skstylefeat.networks.checkpoints._records import ADVICE, CONSTRUCTORS, STORAGE_DTYPES, Storage
from skstylefeat.networks.checkpoints._unpickler import Budget, CheckpointError, Interpreter

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_HEAD = b"\x8a\n" + LEGACY_MAGIC.to_bytes(10, "little")
LEGACY_PROTOCOL = 1001
ZIP_HEAD = b"PK\x03\x04"
MAX_ZIP_ENTRIES = 100_000


def _interpret_pickle(data, source, budget, refused):
    """Read a plain pickle, in which every storage is the bytes of a torch file of its own."""

    def load_storage(nested):
        # Without this constructor among theirs, such files cannot nest further.
        return _legacy_torch(nested, source, budget, refused)

    constructors = CONSTRUCTORS | {"torch.storage._load_from_bytes": load_storage}
    vm = Interpreter(data, source, constructors, budget, advice=ADVICE, refused=refused)
    return vm.load()


def _parse_storage_id(pid):
    """Return (key, dtype, number of elements) of a torch storage's persistent id."""
    kind, storage_type, key, _location, n_elements = pid[:5]
    name = storage_type.name.rpartition(".")[2]
    dtype = torch.uint8 if name == "UntypedStorage" else STORAGE_DTYPES[name]
    if kind != "storage" or not isinstance(key, str) or type(n_elements) is not int:
        raise ValueError("a storage with an impossible name")
    if not 0 <= n_elements < 1 << 48:
        raise ValueError("a storage of impossible size")
    return key, dtype, n_elements


def _legacy_torch(data, source, budget, refused):
    """Read the format of torch.save before 1.6, which `torch.storage` still pickles in.

    Four pickles (magic number, protocol, system, object), the list of storage keys, then the
    number of elements and the data of each storage.
    """
    storages = {}

    def persistent_load(pid):
        key, dtype, n_elements = _parse_storage_id(pid)
        if len(pid) > 5 and pid[5] is not None:
            raise ValueError("a view of a storage, which torch before 0.4 wrote")
        return storages.setdefault(key, Storage(dtype, n_elements))

    vm = Interpreter(
        data,
        source,
        CONSTRUCTORS,
        budget,
        advice=ADVICE,
        persistent_load=persistent_load,
        refused=refused,
    )
    magic = vm.load()
    protocol = vm.load(vm.position)
    system = vm.load(vm.position)
    if magic != LEGACY_MAGIC or protocol != LEGACY_PROTOCOL or not isinstance(system, dict):
        raise vm.damaged("its head is not that of a torch file")
    if system.get("little_endian") is not True:
        raise CheckpointError(
            f"{source} was written on a big-endian machine: re-save it on another."
        )
    tree = vm.load(vm.position)
    keys = vm.load(vm.position)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise vm.damaged("the list of its storages makes no sense")
    for key in keys:
        n_elements = vm.unpack("<q")
        storage = storages.get(key)
        if storage is None or storage.n_elements != n_elements or storage.data is not None:
            raise vm.damaged(f"a storage has {n_elements} elements, which its pickle denies")
        storage.data = vm.take(n_elements * storage.dtype.itemsize)
    return tree


class _TorchZip:
    """A zip of torch.save: data.pkl beside one stored (uncompressed) file a storage."""

    def __init__(self, data, file, source):
        self.data = data
        self.source = source
        try:
            with zipfile.ZipFile(file) as archive:
                entries = archive.infolist()
        except (
            zipfile.BadZipFile,
            struct.error,
            EOFError,
            LookupError,
            NotImplementedError,
            OSError,
            OverflowError,
            ValueError,
        ) as error:
            raise CheckpointError(
                f"{source} is damaged: it starts like a zip file of torch.save, but {error}."
            ) from error
        if len(entries) > MAX_ZIP_ENTRIES:
            raise CheckpointError(f"{source} is not a file of weights: {len(entries)} zip entries.")
        self.entries = {entry.filename: entry for entry in entries}
        pickles = [name for name in self.entries if name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1 or f"{pickles[0][:-8]}constants.pkl" in self.entries:
            raise CheckpointError(
                f"{source} is a zip file, but not one of torch.save with weights: it should hold "
                f"one data.pkl, found {len(pickles)} (a TorchScript program or an archive?)."
            )
        self.root = pickles[0][: -len("data.pkl")]
        order = self.entries.get(f"{self.root}byteorder")
        if order is not None and bytes(self.read(order)) != b"little":
            raise CheckpointError(
                f"{source} was written on a big-endian machine: re-save it on another."
            )

    def read(self, entry):
        """Return the bytes of an entry as a view of the file."""
        head = self.data[entry.header_offset : entry.header_offset + 30]
        compressed = entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1
        if compressed or entry.file_size != entry.compress_size:
            raise CheckpointError(
                f"{self.source}: the entry {entry.filename[:80]!r} is compressed, which torch.save "
                "never does. Unpack the file and save it with torch.save."
            )
        if len(head) < 30 or bytes(head[:4]) != ZIP_HEAD:
            raise CheckpointError(f"{self.source} is damaged: the zip directory is wrong.")
        name_length, extra_length = struct.unpack("<HH", head[26:30])
        start = entry.header_offset + 30 + name_length + extra_length
        view = self.data[start : start + entry.file_size]
        if len(view) != entry.file_size:
            raise CheckpointError(f"{self.source} is damaged: it ends early.")
        return view

    def load(self, budget, refused):
        """Return the object of data.pkl."""
        storages = {}

        def persistent_load(pid):
            key, dtype, n_elements = _parse_storage_id(pid)
            if key not in storages:
                entry = self.entries[f"{self.root}data/{key}"]
                view = self.read(entry)
                n_elements = len(view) if dtype == torch.uint8 else n_elements
                storages[key] = Storage(dtype, n_elements, view, lambda: self.verify(entry, view))
            return storages[key]

        entry = self.entries[f"{self.root}data.pkl"]
        view = self.read(entry)
        self.verify(entry, view)
        return Interpreter(
            view,
            self.source,
            CONSTRUCTORS,
            budget,
            advice=ADVICE,
            persistent_load=persistent_load,
            refused=refused,
        ).load()

    def verify(self, entry, view):
        """Compare the checksum of an entry, which tells flipped bits from weights."""
        if zlib.crc32(view) != entry.CRC:
            raise CheckpointError(
                f"{self.source} is damaged: the checksum of {entry.filename[:80]!r} differs. "
                "Download or copy the file again."
            )


def open_file(path, refused=None):
    """Open a file of weights, whatever its suffix.

    Parameters
    ----------
    path : path-like
        The file.
    refused : set, default=None
        Collects the names of refused globals; by default the first one raises.

    Returns
    -------
    layout : {"pickle", "torch", "torch (before 1.6)", "safetensors"}
        The container.
    tree : object
        Dictionaries, lists, numbers and texts with `StoredTensor` and `PersistentObject`
        leaves; None for safetensors, which have a reader of their own.

    Raises
    ------
    CheckpointError
        If the file is damaged or unknown.
    UnsafeCheckpointError
        If it asks for a function or class outside the allow-list.
    """
    path = Path(path)
    source = str(path)
    budget = Budget(source)
    if path.is_dir():
        raise CheckpointError(f"{source} is a folder, expected a file of weights.")
    with open(path, "rb") as file:
        if not path.stat().st_size:
            raise CheckpointError(f"{source} is empty.")
        # Copy on write: torch wants writable memory, and the file must not change.
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        head = bytes(data[:32])
        if head.startswith(ZIP_HEAD):
            return "torch", _TorchZip(data, file, source).load(budget, refused)
    if LEGACY_HEAD in head[:16]:
        return "torch (before 1.6)", _legacy_torch(data, source, budget, refused)
    if len(head) > 9 and int.from_bytes(head[:8], "little") <= len(data) - 8 and head[8] == 0x7B:
        return "safetensors", None
    if head[0] == 0x80 or head[:1] in b"(cd}]":
        return "pickle", _interpret_pickle(data, source, budget, refused)
    raise CheckpointError(
        f"{source} is no file of weights that is known: expected a pickle, a file of torch.save "
        f"or safetensors, but it starts with {head[:8]!r}. A web page in place of a download, or "
        "an archive to unpack?"
    )
