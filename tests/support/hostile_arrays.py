"""Files of arrays that are damaged, lie about themselves, or ask for more than they hold.

`array_files` yields a name with its suffix, the bytes, and what must come of them: the array that
the file holds, REFUSED, or ANY: refused, or an array, where damaged numbers have no checksum, or
where a name inside the file decides. Arrays of HAS_CHECKSUM never change.
"""

import io
import itertools
import pickle
import random
import struct
import warnings
import zipfile
import zlib

import numpy as np
import torch

from tests.support import checkpoint_writers as writers
from tests.support.hostile_pickles import BOMBS, CALLS, GADGETS, bare, text

REFUSED, ANY = "refused", "any"
ARRAY = np.random.default_rng(0).standard_normal((3, 16)).astype(np.float32)
OLD_PROTOCOLS = range(6)


def npy(array=ARRAY, **kwargs):
    buffer = io.BytesIO()
    np.save(buffer, array, **kwargs)
    return buffer.getvalue()


def npz(compressed=False, **arrays):
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def torch_file(value, legacy=False):
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def as_npy(pickled):
    """Put a pickle behind the header of an array of one object."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    return header.getvalue() + pickled


def _objects(*items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


TENSOR = torch.from_numpy(ARRAY)
VALID = {
    "plain.npy": npy(),
    "fortran.npy": npy(np.asfortranarray(ARRAY)),
    "big-endian.npy": npy(ARRAY.astype(">f4")),
    "double.npy": npy(ARRAY.astype(np.float64)),
    "objects.npy": npy(_objects(*ARRAY)),
    "dictionary.npy": npy(np.array({"w": ARRAY}, dtype=object)),
    "stored.npz": npz(w=ARRAY),
    "deflated.npz": npz(True, w=ARRAY),
    "zip.pt": torch_file(TENSOR),
    "dictionary.pt": torch_file({"w": TENSOR}),
    "list.pth": torch_file(list(TENSOR)),
    "expanded.pt": torch_file(TENSOR[:1].expand(3, 16)),
    "overlapping.pt": torch_file(torch.arange(8.0).as_strided((4, 5), (1, 1))),
    "transposed.pt": torch_file(TENSOR.T.contiguous().T),
    "legacy.pt": torch_file(TENSOR, legacy=True),
    "legacy-list.pth": torch_file(list(TENSOR), legacy=True),
    "tensor.pkl": pickle.dumps(TENSOR),
    "numbers.pickle": pickle.dumps(ARRAY.tolist()),
    **{f"protocol{n}.pkl": pickle.dumps(ARRAY, protocol=n) for n in OLD_PROTOCOLS},
    **{f"list{n}.pickle": pickle.dumps(list(ARRAY), protocol=n) for n in OLD_PROTOCOLS},
}
EXPECTED = {
    "expanded.pt": np.repeat(ARRAY[:1], 3, axis=0),
    "overlapping.pt": np.add.outer(np.arange(4.0), np.arange(5.0)).astype(np.float32),
}
HAS_CHECKSUM = ("stored.npz", "deflated.npz", "zip.pt", "dictionary.pt", "list.pth")


def array_files(n_cuts=10, n_flips=10):
    """Yield (name, data, expected) of all files."""
    for name, data in VALID.items():
        array = EXPECTED.get(name, ARRAY)
        yield f"valid-{name}", data, array
        yield from _damaged(name, data, n_cuts, n_flips)
    for kind, files in {
        "header": _headers(),
        "zip": _archives(),
        "tensor": _tensors(),
        "pickle": _pickles(),
    }.items():
        for i, (suffix, data, expected) in enumerate(files):
            yield f"{kind}-{i}{suffix}", data, expected
    for suffix in (".npy", ".npz", ".pt", ".pth", ".pkl", ".pickle"):
        for other, data in VALID.items():
            fits = other.endswith(suffix) or {suffix, other[-4:]} <= {".pkl", "ckle", ".pth"}
            if not fits and other.startswith(("plain", "stored", "deflated")):
                yield f"suffix-of-{other}{suffix}", data, REFUSED
        for i, data in enumerate((b"", b"\0", b"\0" * 1000, b"PK", b"<!DOCTYPE html>", b"\x80")):
            yield f"no-array-{i}{suffix}", data, REFUSED


def _damaged(name, data, n_cuts, n_flips):
    rng = random.Random(name)
    for cut in sorted({1, len(data) - 1, *rng.sample(range(2, len(data)), n_cuts)}):
        yield f"cut{cut}-{name}", data[:cut], REFUSED
    for _ in range(n_flips):
        bit = rng.randrange(8 * len(data))
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield f"bit{bit}-{name}", bytes(flipped), ANY


def pickle_files():
    """Yield (name, data) of calls of functions in every form, and bombs, in each kind of file."""
    contents = {f"bomb {name}": data for name, data in BOMBS.items()}
    for number, gadget in enumerate(GADGETS):
        for call in (CALLS[number % len(CALLS)], CALLS[(number + 3) % len(CALLS)]):
            contents[f"{gadget} {call.__name__}"] = bare(call(gadget, "x"))
    for number, (name, data) in enumerate(contents.items()):
        name = name.replace("/", " ")
        is_pickle = not data.startswith(b"PK") and b"little_endian" not in data[:200]
        yield f"{name}.pkl", data
        if is_pickle and number % 2:
            yield f"{name}.npy", as_npy(data)
        elif is_pickle:
            yield f"{name}.pt", writers.torch_file(data)


# Headers of .npy files. HEADER is that of ARRAY.
HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 16), }"


def _with_header(header, data=None, version=1, length=None):
    data = ARRAY.tobytes() if data is None else data
    header = header.encode("latin-1", "replace")
    layout = "<H" if version == 1 else "<I"
    length = struct.pack(layout, len(header) if length is None else length)
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def _headers():
    def replaced(old, new):
        return ".npy", _with_header(HEADER.replace(old, new)), REFUSED

    for version in (1, 2, 3):
        yield ".npy", _with_header(HEADER, version=version), ARRAY
    for version in (0, 4, 9, 255):
        yield ".npy", _with_header(HEADER, version=version), REFUSED
    for length in (0, 1, len(HEADER) - 1, len(HEADER) + 1, 65535):
        yield ".npy", _with_header(HEADER, length=length), REFUSED
    yield ".npy", _with_header(HEADER, version=2, length=2**32 - 1), REFUSED
    for shape in (
        *("(99999999, 99999999)", "(9223372036854775807, 16)", "(18446744073709551616,)"),
        *("(4294967296, 4294967296)", "(-3, -16)", "(-3, 16)", "(3, -16)", "(0, 16)", "()"),
        *("(3.0, 16)", "('3', 16)", "((3, 16),)", "[3, 16.5]", "(3, 16, None)", "3", "None", "{}"),
        *("(3, 16" + ", 1" * 30 + ")", "(3, 17)", "(4, 16)", "(48, 1e300)", "(1j, 16)", "(3, 15)"),
        *("(True, True)", "(3, 16, 0)", "(281474976710655, 281474976710655, 0)"),
    ):
        yield replaced("(3, 16)", shape)
    for dtype in (
        *("'<f8'", "'<f2'", "'<f16'", "'<g'", "'f'", "'<i3'", "'<c8'", "'|V4'", "'|S4'", "'<U1'"),
        *("'<M8[s]'", "'<m8'", "'|O'", "'O'", "'O8'", "'|b1'", "'float32'", "''", "'<f4 '"),
        *("'f4,f4'", "'(16,)f4'", "'<f4\\x00'", "None", "4", "[('a', '<f4')]", "'b'", "'?'"),
        *("{'names': ['a'], 'formats': ['O']}", "('<f4', (16,))", "'<f4" + "4" * 3000 + "'"),
    ):
        yield replaced("'<f4'", dtype)
    for order in ("'yes'", "(", "undefined", "1 + 1j", "--1", "open('x', 'w')", "lambda: 0"):
        yield replaced("False", order)
    for header in (
        *("", "{", "[]", "{}", "()", "None", "{1: 2}", "{'descr': '<f4'}", "\0" * 60, "\xff" * 60),
        *("(" * 1000, "[" * 4000, "{'a':" * 800, "-" * 4000, "'" * 4001, "9" * 4000, "f'{1}'"),
        "__import__('os').system('touch marker')",
        HEADER + "; import os",
        HEADER.replace("}", "'more': 1}"),
        HEADER.replace("'shape'", "b'shape'"),
        HEADER.replace("(3, 16)", "(" + "9" * 3900 + ", 1)"),
        " " * 60_000 + HEADER,
    ):
        yield ".npy", _with_header(header), REFUSED
    yield ".npy", _with_header(HEADER, data=b""), REFUSED
    yield ".npy", _with_header(HEADER, data=ARRAY.tobytes() + b"x"), REFUSED


# Archives.


def _zip(members, compression=zipfile.ZIP_STORED, edit=None, comment=b""):
    """Return an archive of (name, data); `edit` changes the entries of its directory."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # duplicate names
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            archive.comment = comment
            for name, data in members:
                archive.writestr(name, data)
            if edit is not None:
                for info in archive.infolist():
                    edit(info)
    return buffer.getvalue()


def _set(**fields):
    def edit(info):
        for name, value in fields.items():
            setattr(info, name, value)

    return edit


def _archives():
    member = ("w.npy", npy())
    big = npy(np.zeros((1 << 23,), np.float64))
    deflated = zipfile.ZIP_DEFLATED
    yield ".npz", _zip([member], comment=b"x" * 1000), ARRAY
    yield ".npz", _zip([member, ("notes.npy", npy(np.zeros(3)))]), ARRAY
    for edit in (
        *(_set(flag_bits=flags) for flags in (1, 0x41, 0x2041)),  # encrypted
        *(_set(compress_type=kind) for kind in (1, 8, 9, 12, 14, 93, 97, 99, 65535)),
        *(_set(CRC=crc) for crc in (0, 1, 0xFFFFFFFF)),
        *(_set(file_size=size) for size in (0, 1, 319, 321, 1 << 20, 0xFFFFFFFE, 1 << 40, 1 << 62)),
        *(_set(compress_size=size) for size in (0, 1, 319, 1 << 20, 0xFFFFFFFE, 1 << 40, 1 << 62)),
        *(_set(header_offset=offset) for offset in (1, 30, 1 << 20, 0xFFFFFFFE, 1 << 40, 1 << 62)),
        _set(file_size=1 << 40, compress_size=1 << 40),
    ):
        yield ".npz", _zip([member], edit=edit), REFUSED
        yield ".npz", _zip([member], deflated, _keep_kind(edit)), REFUSED
    # Extra fields of 64-bit sizes that are cut short, or contradict.
    for extra in (b"\1\0\4\0abcd", b"\1\0\xff\xff", b"\1\0\x18\0" + b"\xff" * 24):
        yield ".npz", _zip([member], edit=_set(extra=extra, file_size=1 << 33)), REFUSED
    for names in (["w.npy", "w.npy"], ["w.npy"] * 20, ["../w.npy", "../w.npy"]):
        members = [(name, npy(ARRAY * i)) for i, name in enumerate(names)]
        yield ".npz", _zip(members), REFUSED
    for name in (
        *("../../../tmp/marker.npy", "/etc/passwd.npy", "a/../w.npy", "C:\\w.npy", "x" * 60_000),
        *(
            "w.npy/",
            "w.npy\n",
            ".npy",
            "w.txt",
            "w.npz",
            "\u202eypn.w",
            "\ud83d.npy".encode("utf-8", "replace").decode(),
            "w\0.npy",
        ),
    ):
        yield ".npz", _zip([(name, npy())]), ANY
    yield ".npz", _zip([]), REFUSED
    yield ".npz", _zip([(f"{i}.npy", b"") for i in range(2000)]), REFUSED
    yield ".npz", _zip([("w.npy", big)], deflated), REFUSED
    yield ".npz", _zip([(f"{i}.npy", big[: 1 << 24]) for i in range(4)], deflated), REFUSED
    yield ".npz", _zip([("w.npy", b"x")]), REFUSED
    yield ".npz", _zip([("w.npy", _zip([member]))]), REFUSED
    yield ".npz", b"x" * 100 + _zip([member]), REFUSED
    yield ".npz", _zip([member]) + b"x" * 100, ARRAY
    yield ".npz", _zip([("v.npy", npy(-ARRAY))]) + _zip([member]), ARRAY
    yield ".npz", _zip([member])[:-22] + b"PK\5\6" + b"\xff" * 18, REFUSED
    yield ".npz", _zip([member])[:-22] + b"PK\5\6" + b"\0" * 18, REFUSED
    # A stream that never ends within its length, one of another kind, and one with a tail.
    for stream in (b"\0" * 100, zlib.compress(npy()), b"\xff" * 100):
        edit = _set(compress_type=8, file_size=len(npy()))
        yield ".npz", _zip([("w.npy", stream)], edit=edit), REFUSED


def _keep_kind(edit):
    """Apply an edit to a deflated entry; that of type 8 makes it stored."""

    def changed(info):
        edit(info)
        if info.compress_type == 8 and zlib.crc32(npy()) == info.CRC and info.flag_bits < 1:
            lies = info.file_size != len(npy()) or info.header_offset or info.compress_size > 400
            if not lies and info.compress_size > 100:
                info.compress_type = 0

    return changed


# Tensors.


def _integer(n):
    if isinstance(n, bytes):
        return n
    data = n.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + data


def _tuple(values):
    return b"(" + b"".join(map(_integer, values)) + b"t"


def _storage(numel=48, kind="FloatStorage", key="0"):
    name = f"ctorch\n{kind}\n".encode()
    return b"(" + text("storage") + name + text(key) + text("cpu") + _integer(numel) + b"tQ"


def _tensor(size=(3, 16), stride=(16, 1), offset=0, storage=None):
    storage = _storage() if storage is None else storage
    function = b"ctorch._utils\n_rebuild_tensor_v2\n("
    place = _integer(offset) + _tuple(size) + _tuple(stride)
    return function + storage + place + b"\x89ccollections\nOrderedDict\n)RtR"


def _torch_zip(pickled, *members):
    name = "archive/"
    plain = [
        ("data.pkl", b"\x80\2" + pickled + b"."),
        ("data/0", ARRAY.tobytes()),
        ("version", "3"),
    ]
    names = {member for member, _ in members}
    kept = [(name + member, data) for member, data in plain if member not in names]
    return _zip([*kept, *((name + member, data) for member, data in members)])


def _tensors():
    yield ".pt", _torch_zip(_tensor()), ARRAY
    yield ".pt", _torch_zip(_tensor((2, 16), (16, 1), 16)), ARRAY[1:]
    yield ".pt", _torch_zip(_tensor((3, 16), (0, 1))), np.repeat(ARRAY[:1], 3, axis=0)
    yield ".pt", _torch_zip(_tensor((2, 16), (1, 1))), np.stack([ARRAY.flat[:16], ARRAY.flat[1:17]])
    half, text_size = b"G" + struct.pack(">d", 0.5), text("3")
    for size, stride, offset in (
        *(((3, 16), (16, -1), 0), ((3, 16), (-16, 1), 32), ((3, 16), (16, 1), -1)),
        *(((3, 16), (16, 1), 1), ((3, 16), (17, 1), 0), ((4, 16), (16, 1), 0)),
        *(((1 << 40, 1 << 40), (0, 0), 0), ((1 << 62, 1), (0, 0), 0), ((1 << 63, 2), (0, 0), 0)),
        *(((1 << 20, 1 << 10), (0, 0), 0), ((100_000, 1000), (0, 0), 0)),
        *(((3, 16), (1 << 62, 1), 0), ((3, 16), (16, 1), 1 << 62), ((-3, -16), (16, 1), 0)),
        *(((0, 16), (16, 1), 0), ((3, 0), (1, 1), 0), ((0, 1 << 47), (1, 1), 0), ((3,), (1, 1), 0)),
        *(((3, 16), (16,), 0), ((1,) * 65, (1,) * 65, 0), ((), (), 0), ((3, 16), (), 0)),
        *(((half, 16), (16, 1), 0), ((text_size, 16), (16, 1), 0), ((b"N", 16), (16, 1), 0)),
        *(((3, 16), (half, 1), 0), ((3, 16), (16, 1), half), ((b")", 16), (16, 1), 0)),
        *(((3, 16), (16, 1), b"]"), ((b"}", b"}"), (16, 1), 0), ((b"\x88", b"\x88"), (1, 1), 0)),
    ):
        yield ".pt", _torch_zip(_tensor(size, stride, offset)), REFUSED
    for numel in (0, 1, 47, 49, -1, -48, 1 << 40, 1 << 62, 1 << 100, half, b"N", text_size):
        yield ".pt", _torch_zip(_tensor(storage=_storage(numel))), REFUSED
    for kind in (
        *("DoubleStorage", "HalfStorage", "ComplexFloatStorage", "BoolStorage", "UntypedStorage"),
        *("QUInt8Storage", "Tensor", "float32", "Size", "storage.TypedStorage", "NoStorage"),
    ):
        yield ".pt", _torch_zip(_tensor(storage=_storage(48, kind))), REFUSED
    for key in ("1", "", "../data.pkl", "../../archive/data/0", "/data/0", "0\0", "0" * 5000):
        yield ".pt", _torch_zip(_tensor(storage=_storage(key=key))), REFUSED
    for storage in (b"N", b"]", b")Q", b"NQ", text("0") + b"Q", b"(" + text("storage") + b"tQ"):
        yield ".pt", _torch_zip(_tensor(storage=storage)), REFUSED
    for order, expected in ((b"little", ARRAY), (b"big", REFUSED), (b"", REFUSED), (b"?", REFUSED)):
        yield ".pt", _torch_zip(_tensor(), ("byteorder", order)), expected
    for members in ([("a/data.pkl", b"N.")], [("constants.pkl", b"N.")], [("data/0", b"")]):
        yield ".pt", _torch_zip(_tensor(), *members), REFUSED
    # One storage of 8 MB, named so often that its copies would take gigabytes.
    long = _storage(2 << 20)
    many = b"](" + _tensor((2 << 20,), (1,), storage=long) * 500 + b"e"
    yield ".pt", _torch_zip(many, ("data/0", bytes(8 << 20))), REFUSED
    remembered = _tensor((2 << 20,), (1,), storage=long) + b"q\0"
    many = b"](" + remembered + b"h\0" * 2000 + b"e"
    yield ".pt", _torch_zip(many, ("data/0", bytes(8 << 20))), REFUSED

    legacy = VALID["legacy.pt"]
    start = legacy.rindex(struct.pack("<q", 48))
    for numel in (0, 1, 47, 49, -1, 1 << 40, 1 << 62, -(1 << 62)):
        changed = legacy[:start] + struct.pack("<q", numel) + legacy[start + 8 :]
        yield ".pt", changed, REFUSED
    for old, new in (
        (b"little_endianq\1\x88", b"little_endianq\1\x89"),
        (b"M\xe9\3", b"M\xe8\3"),
        (b"FloatStorage", b"DoubleStorage"),
        (b"FloatStorage", b"Int8Storage"),
        (b"storageq", b"storeageq"),
    ):
        yield ".pt", legacy.replace(old, new), REFUSED if old in legacy else ARRAY


# Pickles.

DTYPE = b"cnumpy\ndtype\n" + text("f4") + b"\x89\x88\x87R"
EMPTY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\1b\x87R"
FLAT = b"C\xc0" + ARRAY.tobytes()


def _dtype(code="f4", order="<", flags=0, more=b"NNN"):
    state = b"(K\3" + text(order) + more + b"J\xff\xff\xff\xff" * 2 + _integer(flags) + b"tb"
    return b"cnumpy\ndtype\n" + text(code) + b"\x89\x88\x87R" + state


def _array(shape=(3, 16), dtype=None, fortran=b"\x89", data=FLAT, version=b"K\1"):
    dtype = _dtype() if dtype is None else dtype
    return EMPTY + b"(" + version + _tuple(shape) + dtype + fortran + data + b"tb"


def _nested(n, start, again, wrap):
    """Name an object, and put it in a new one `wrap` times, `n` times over."""
    program = start + b"q\0"
    for _ in range(n):
        program += b"(" + b"h\0" * wrap + again + b"q\0"
    return program


def _pickles():
    yield ".pkl", bare(_array()), ARRAY
    yield ".pkl", bare(_array(fortran=b"\x88")), np.asfortranarray(ARRAY.reshape(16, 3).T)
    for flags in (0, 1, 8, 27, 63, 255, 1 << 31, 1 << 63, -1):
        # Flags and type "O": raw bytes as pointers. Flags of numbers change nothing.
        objects = _array((1,), _dtype("O8", "|", flags), data=b"C\x08AAAAAAAA")
        yield ".pkl", bare(objects), REFUSED
        yield ".pkl", bare(_array(dtype=_dtype(flags=flags))), ARRAY
    for more in (
        *(
            b"N" + text("a") + b"N",
            text("a") + b"NN",
            b"NN}",
            b"(K\1K\2tNN",
            b"N)N",
            b"N(" + text("a") + b"t}" + text("a") + b"(" + DTYPE + b"K\0ts",
        ),
    ):
        yield ".pkl", bare(_array(dtype=_dtype(more=more))), REFUSED
    for code in ("O8", "O", "V4", "S4", "U1", "M8", "c8", "f16", "i3", "", "f4,f4", "x" * 5000):
        yield ".pkl", bare(_array(dtype=_dtype(code))), REFUSED
    for order in ("x", "", "<" * 100, ">>"):
        yield ".pkl", bare(_array(dtype=_dtype(order=order))), REFUSED
    for shape in (
        *((3, 15), (3, 17), (0, 16), (-3, -16), (1 << 62, 1), (1 << 70, 1 << 70), (1,) * 70),
        *((b"N", 16), (b")", 16), (b"\x88", 16), (text("3"), 16), (b"]", b"]"), (b"}", 16)),
    ):
        yield ".pkl", bare(_array(shape)), REFUSED
    for data in (b"N", b"]", b"}", b")", b"K\1", text("x"), b"C\0", b"\x8f", b"](K\1K\2e"):
        yield ".pkl", bare(_array(data=data)), REFUSED
        yield ".pkl", bare(_array(dtype=_dtype("O8", "|"), data=data)), REFUSED
    for dtype in (b"N", b"K\1", text("f4"), b"cnumpy\nndarray\n", b"}", EMPTY):
        yield ".pkl", bare(_array(dtype=dtype)), REFUSED
    for state in (b"N", b")", b"}", b"K\1", b"(K\1t", text("x"), b"]"):
        yield ".pkl", bare(EMPTY + state + b"b"), REFUSED
        yield ".pkl", bare(_dtype() + state + b"b"), REFUSED
    yield ".pkl", bare(EMPTY), REFUSED
    inside = EMPTY + b"q\5(K\1K\1\x85" + _dtype("O8", "|") + b"\x89](h\5etb"
    yield ".pkl", bare(inside), REFUSED  # an array of objects that holds itself

    # Containers that share their parts: 2^200 or 100^20 paths to what they hold.
    for n, wrap in ((200, 2), (20, 100)):
        for start, again in itertools.product((b")", b"]", b"N", b"K\1"), (b"t", b"l")):
            program = _nested(n, start, again, wrap)
            yield ".pkl", bare(program), REFUSED
            yield ".pkl", bare(b"}" + program + b"Ns"), REFUSED
            yield ".pkl", bare(b"}" + text("w") + program + b"s"), REFUSED
            yield ".pkl", bare(b"\x8f(" + program + b"\x90"), REFUSED
            yield ".pkl", bare(b"(" + program + b"\x91"), REFUSED
    for depth in (100, 10_000, 300_000):
        yield ".pkl", bare(b"]" * depth + b"a" * (depth - 1)), REFUSED
        yield ".pkl", bare(b")" + b"\x85" * depth), REFUSED
        yield ".pkl", bare(b"(" * depth), REFUSED
    yield ".pkl", bare(b"N" + b"q\0h\0" * 300_000), REFUSED
    yield ".pkl", bare(b"N" + b"\x94" * 400_000), REFUSED
    yield ".pkl", bare(b"K\1" + b"2" * 2_000_000 + b"."), REFUSED

    # Numbers.
    for number in (
        *(b"I" + b"9" * n + b"\n" for n in (400, 4000, 5000)),
        *(b"L" + b"9" * n + b"L\n" for n in (400, 4000)),
        *(b"F" + value + b"\n" for value in (b"nan", b"inf", b"-inf", b"1e999", b"x", b"", b"1e")),
        *(b"\x8a" + bytes([n]) + b"\x7f" * n for n in (64, 200, 255)),
        *(b"\x8b" + struct.pack("<i", n) + b"\x7f" * 100 for n in (100, -1, 1 << 30)),
        *(b"N", text("1"), b"C\x011", b"\x8f", b"}", b"X\xff\xff\xff\xffx", b"\x88."),
        b"G" + struct.pack(">d", 1e300),
    ):
        yield ".pkl", b"\x80\4](" + number + b"K\1e.", REFUSED
        yield ".pickle", b"(" + number + b"K\1l.", REFUSED
    numbers = b"](](K\1K\2e](K\3K\4ee."
    for head in (b"", b"\x80\0", b"\x80\2", b"\x80\5", b"\x80\4\x80\4"):
        small = np.array([[1, 2], [3, 4]], np.float32)
        yield ".pkl", head + numbers, small if head or numbers[:1] in b"(cd}]" else REFUSED
    for length in (0, 1, 5, 1 << 20, 1 << 62, (1 << 64) - 1):
        framed = b"\x80\4\x95" + struct.pack("<Q", length) + numbers
        yield ".pkl", framed, np.array([[1, 2], [3, 4]], np.float32)
    for head in (
        b"\x80\6",
        b"\x80\xff",
        b"\x80",
        b"\x95",
        b"\x97",
        b"\x98",
        b"P0\n",
        b"Q",
        b"\x82\1",
    ):
        yield ".pkl", b"\x80\4" + head + numbers, REFUSED
    for opcode in range(256):
        # Each instruction on an empty stack, with nothing to read.
        yield ".pkl", b"\x80\4" + bytes([opcode]), REFUSED
    for name in (
        *("os\nsystem", "numpy\nload", "numpy.core.multiarray\n_reconstruct.__globals__", "\n"),
        *("numpy\ndtype.__class__", "numpy.core.multiarray\nscalar\0", "n\u00fcmpy\ndtype", " \n "),
        *("numpy\n dtype", "numpy\nfrombuffer", "numpy\nmemmap", "torch\nload", "x\n" + "y" * 5000),
        *("numpy..core\nscalar", "../numpy\ndtype", "NUMPY\ndtype", "numpy\n__class__"),
    ):
        yield ".pkl", bare(b"c" + name.encode() + b"\n" + text("marker") + b"\x85R"), REFUSED
        module, _, attribute = name.partition("\n")
        call = text(module) + text(attribute) + b"\x93" + text("marker") + b"\x85R"
        yield ".npy", _with_header(HEADER.replace("<f4", "|O"), bare(call)), REFUSED
        yield ".pt", _torch_zip(call), REFUSED
        yield ".pt", writers.torch_file(bare(call), legacy=True), REFUSED
