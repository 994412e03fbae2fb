"""Files of ``torch.save``: zip files, the legacy format, and storages nested in plain pickles."""

from skstylefeat._inert._arrays import ElementType, Storage
from skstylefeat._inert._constructors import CONSTRUCTORS, TORCH_STORAGES
from skstylefeat._inert._machine import PickleMachine
from skstylefeat.exceptions import CheckpointError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_HEAD = b"\x8a\n" + LEGACY_MAGIC.to_bytes(10, "little")
LEGACY_PROTOCOL = 1001
DATA_PICKLE = "data.pkl"


def read_pickle(data, budget, refused=None):
    """Read a plain pickle, in which the bytes of every storage are a separate torch file.

    Parameters
    ----------
    data : memoryview of bytes
        The pickle.
    budget : Budget
        Bounds the work.
    refused : dict, default=None
        Collects the errors of refused globals by their names; by default the first one raises.
    """

    def load_storage(budget, nested):
        # The nested file is read without this constructor, so it cannot nest further.
        return read_legacy(nested, budget, refused)

    constructors = CONSTRUCTORS | {"torch.storage._load_from_bytes": load_storage}
    return PickleMachine(data, budget, constructors, refused=refused).load()


def _parse_storage_id(pid):
    """Return (key, type, number of elements) of a torch storage's persistent id."""
    kind, storage_type, key, _location, n_elements = pid[:5]
    name = storage_type.name.rpartition(".")[2]
    code = "u1" if name == "UntypedStorage" else TORCH_STORAGES[name]
    if kind != "storage" or not isinstance(key, str) or type(n_elements) is not int:
        raise ValueError("a storage with an impossible name")
    if not 0 <= n_elements < 1 << 48:
        raise ValueError("a storage of impossible size")
    return key, ElementType(code), n_elements


def read_legacy(data, budget, refused=None):
    """Read the format of torch.save before 1.6, in which `torch.storage` still pickles.

    The file holds four pickles (magic number, protocol, system, object), the list of storage
    keys, then the number of elements and the data of each storage. Parameters as of
    `read_pickle`.
    """
    storages = {}

    def persistent_load(pid):
        key, kind, n_elements = _parse_storage_id(pid)
        if len(pid) > 5 and pid[5] is not None:
            raise ValueError("a view of a storage, which torch before 0.4 wrote")
        return storages.setdefault(key, Storage(budget, kind, n_elements))

    vm = PickleMachine(data, budget, CONSTRUCTORS, persistent_load, refused)
    magic = vm.load()
    protocol = vm.load(vm.position)
    system = vm.load(vm.position)
    if magic != LEGACY_MAGIC or protocol != LEGACY_PROTOCOL or not isinstance(system, dict):
        raise vm.damaged("its head is not that of a torch file")
    _check_little_endian(system.get("little_endian") is True, budget)
    tree = vm.load(vm.position)
    keys = vm.load(vm.position)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise vm.damaged("the list of its storages makes no sense")

    for key in keys:
        n_elements = vm.unpack("<q")
        storage = storages.get(key)
        if storage is None or storage.n_elements != n_elements or storage.data is not None:
            raise vm.damaged(f"a storage has {n_elements} elements, which its pickle denies")
        storage.data = vm.take(n_elements * storage.kind.dtype.itemsize)
    return tree


def read_torch_zip(archive, refused=None):
    """Read the object of data.pkl in an `Archive`; `refused` as of `read_pickle`.

    Each storage is a separate, uncompressed entry.
    """
    pickles = [name for name in archive.entries if name.rpartition("/")[2] == DATA_PICKLE]
    root = pickles[0].removesuffix(DATA_PICKLE) if pickles else ""
    if len(pickles) != 1 or f"{root}constants.pkl" in archive.entries:
        raise CheckpointError(
            f"{archive.source} is a zip file, but not one of torch.save with weights: it should "
            f"hold one data.pkl, found {len(pickles)} (a TorchScript program or an archive?)."
        )
    if f"{root}byteorder" in archive.entries:
        order = bytes(archive.view(f"{root}byteorder")[0])
        _check_little_endian(order == b"little", archive.budget)

    storages = {}

    def persistent_load(pid):
        key, kind, n_elements = _parse_storage_id(pid)
        if key not in storages:
            view, verify = archive.view(f"{root}data/{key}")
            n_elements = len(view) if kind.code == "u1" else n_elements
            storages[key] = Storage(archive.budget, kind, n_elements, view, verify)
        return storages[key]

    view, verify = archive.view(pickles[0])
    verify()
    return PickleMachine(view, archive.budget, CONSTRUCTORS, persistent_load, refused).load()


def _check_little_endian(is_little, budget):
    if not is_little:
        raise CheckpointError(
            f"{budget.source} was written on a big-endian machine: save it again on another."
        )
