"""Hostile and damaged files: none runs a line, hangs, or takes memory; each gives one error."""

import io
import json
import pickle
import pickletools
import resource
import struct
import sys
import time
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from skstylefeat.networks import checkpoints
from skstylefeat.networks._unpickling import CheckpointError, UnsafeCheckpointError
from skstylefeat.networks.safetensors_io import build_network, save_network
from tests import checkpoint_writers as writers
from tests.networks import tiny_module

MAX_SECONDS = 10
MAX_MEGABYTES = 400
CANARY = "skstylefeat_test_canary"

# What published exploits of pickles call, and what they use to get there.
GADGETS = """
os.system posix.system nt.system os.popen os.execv os.spawnv os.remove os._exit os.putenv
subprocess.Popen subprocess.run subprocess.call subprocess.check_output subprocess.getoutput
builtins.eval builtins.exec builtins.compile builtins.__import__ builtins.getattr
builtins.setattr builtins.open builtins.input builtins.globals builtins.vars builtins.breakpoint
builtins.map builtins.dict builtins.type builtins.object builtins.bytearray builtins.frozenset
__builtin__.eval __builtin__.apply __builtin__.file __builtin__.reduce importlib.import_module
importlib.reload runpy.run_path runpy.run_module runpy._run_code pty.spawn code.interact
code.InteractiveInterpreter timeit.timeit timeit.main cProfile.run profile.run pdb.run bdb.Bdb
trace.Trace doctest.debug_script webbrowser.open antigravity.x this.s shutil.rmtree shutil.copy
socket.create_connection urllib.request.urlopen http.client.HTTPSConnection ftplib.FTP
ctypes.CDLL ctypes.cdll marshal.loads types.FunctionType types.CodeType types.ModuleType
operator.attrgetter operator.methodcaller operator.itemgetter functools.partial functools.reduce
itertools.accumulate collections.Counter collections.defaultdict codecs.decode base64.b64decode
pickle.loads pickle.load _pickle.loads dill.loads cloudpickle.loads joblib.load shelve.open
copyreg._reconstructor copyreg.add_extension copyreg.__newobj__ sys.exit sys.setrecursionlimit
signal.raise_signal threading.Thread multiprocessing.Process asyncio.run atexit.register
logging.config.fileConfig sqlite3.connect zipimport.zipimporter site.main pip.main
pkgutil.resolve_name numpy.load numpy.fromfile numpy.memmap
numpy.testing._private.utils.runstring numpy.f2py.compile torch.load torch.hub.load
torch.jit.load torch.ops.load_library torch.compile torch.tensor torch.zeros
torch.serialization.load torch.package.PackageImporter torch.utils.cpp_extension.load
torch.distributed.rpc.rpc_sync torch._dynamo.optimize torch.nn.modules.linear.Linear
torch._utils._rebuild_wrapper_subclass torch._tensor._rebuild_from_type_v2
torch.storage._load_from_bytes.__globals__ collections.OrderedDict.fromkeys
argparse.ArgumentParser argparse.FileType torch_utils.persistence._src_to_module
torch_utils.persistence.import_hook dnnlib.util.call_func_by_name dnnlib.util.open_url
dnnlib.EasyDict linecache.getlines
""".split()  # noqa: SIM905
assert len(set(GADGETS)) == len(GADGETS)


def split_name(gadget):
    module, _, name = gadget.rpartition(".")
    return module, name


def text(value):
    data = value.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def reduce_call(gadget, argument):
    module, name = split_name(gadget)
    return f"c{module}\n{name}\n".encode() + text(argument) + b"\x85R"


def stack_global_call(gadget, argument):
    module, name = split_name(gadget)
    return text(module) + text(name) + b"\x93" + text(argument) + b"\x85R"


def instance_call(gadget, argument):
    module, name = split_name(gadget)
    return b"(" + text(argument) + f"i{module}\n{name}\n".encode()


def object_call(gadget, argument):
    module, name = split_name(gadget)
    return b"(" + f"c{module}\n{name}\n".encode() + text(argument) + b"o"


def new_object_call(gadget, argument):
    module, name = split_name(gadget)
    return f"c{module}\n{name}\n".encode() + text(argument) + b"\x85\x81"


def new_object_with_keywords(gadget, argument):
    module, name = split_name(gadget)
    return f"c{module}\n{name}\n".encode() + text(argument) + b"\x85}\x92"


def build_call(gadget, argument):
    """Set the attribute that would make an object of an allowed class call the gadget."""
    module, name = split_name(gadget)
    make = b"cargparse\nNamespace\n)\x81}" + text("__setstate__")
    return make + f"c{module}\n{name}\n".encode() + b"sb" + text(argument) + b"b"


def text_protocol_call(gadget, argument):
    module, name = split_name(gadget)
    return f"(S'{argument}'\np0\nI1\nF1.5\nL7L\nV{argument}\ni{module}\n{name}\n".encode()


CALLS = (
    reduce_call,
    stack_global_call,
    instance_call,
    object_call,
    new_object_call,
    new_object_with_keywords,
    build_call,
    text_protocol_call,
)


def bare(call):
    return b"\x80\x04" + call + b"."


def in_network(call):
    return b"\x80\x04}" + text("G_ema") + call + b"s."


def in_options(call):
    return b"\x80\x02}" + text("g_ema") + b"}s" + text("args") + call + b"s."


def as_torch_file(call):
    return writers.torch_file(in_options(call))


def as_old_torch_file(call):
    return writers.torch_file(in_options(call), legacy=True)


def in_storage(call):
    """Hide the call in the bytes of a storage, which NVIDIA's pickles nest."""
    nested = writers.torch_file(bare(call), legacy=True)
    data = pickle.BINBYTES + struct.pack("<I", len(nested)) + nested
    return b"\x80\x04ctorch.storage\n_load_from_bytes\n" + data + b"\x85R."


PLACES = (bare, in_network, in_options, as_torch_file, as_old_torch_file, in_storage)


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    """Provide a module whose import or function leaves a mark, and the mark's path."""
    folder = tmp_path_factory.mktemp("canary")
    mark = folder / "mark"
    (folder / f"{CANARY}.py").write_text(
        f"def run(*args):\n    open({str(mark)!r}, 'a').close()\nrun()\n"
    )
    sys.path.insert(0, str(folder))
    yield mark
    sys.path.remove(str(folder))


def check_refused(path, canary, match=None):
    """Both readers must refuse with the file's name, soon, in little memory, running nothing."""
    modules = set(sys.modules)
    errors = []
    for read in (checkpoints.read_generator, checkpoints.read_encoder):
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        with pytest.raises(CheckpointError, match=match) as caught:
            read(path)
        assert time.process_time() - start < MAX_SECONDS
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
        assert grown < MAX_MEGABYTES
        assert str(path) in str(caught.value)
        assert len(str(caught.value)) < 2000
        errors.append(caught.value)
    assert not canary.exists()
    loaded = {name for name in set(sys.modules) - modules if not name.startswith("torch.")}
    assert CANARY not in loaded
    return errors


@pytest.mark.parametrize("gadget", GADGETS)
def test_gadgets_are_refused_by_name(tmp_path, canary, gadget):
    """Each call form, in a place that goes round with the gadget; all places below."""
    for number, call in enumerate(CALLS):
        place = PLACES[(number + len(gadget)) % len(PLACES)]
        path = tmp_path / f"{number}.pkl"
        path.write_bytes(place(call(gadget, f"touch {canary}")))
        for error in check_refused(path, canary):
            assert isinstance(error, UnsafeCheckpointError)
            assert error.global_name == gadget
            assert gadget in str(error)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("call", CALLS)
def test_no_call_form_imports_a_module(tmp_path, canary, call, place):
    path = tmp_path / "file.pt"
    path.write_bytes(place(call(f"{CANARY}.run", "x")))
    for error in check_refused(path, canary, match=CANARY):
        assert isinstance(error, UnsafeCheckpointError)
    assert CANARY not in sys.modules


def test_the_canary_would_sing(canary):
    """The files above do harm when the standard library reads them."""
    pickle.loads(bare(reduce_call(f"{CANARY}.run", "x")))
    assert canary.exists()
    canary.unlink()
    del sys.modules[CANARY]


def test_source_text_of_a_network_is_not_executed(tmp_path):
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, tiny_module(8))
    assert writers.MODULE_SOURCE.encode() in path.read_bytes()
    checkpoints.read_generator(path)  # SystemExit if the text were run


def test_error_survives_pickling():
    error = pickle.loads(pickle.dumps(UnsafeCheckpointError("message", "os.system")))
    assert (str(error), error.global_name) == ("message", "os.system")


def _put(index):
    return pickle.LONG_BINPUT + struct.pack("<I", index)


def _nested_tuples(n):
    return b")" + b"".join(b"q\x00h\x00\x86" for _ in range(n))


def _bytes(n):
    return pickle.BINBYTES + struct.pack("<I", n) + bytes(n)


def _storage_id(numel, name="FloatStorage"):
    return (
        b"("
        + text("storage")
        + f"ctorch\n{name}\n".encode()
        + text("0")
        + text("cpu")
        + b"\x8a\x08"
        + struct.pack("<q", numel)
        + b"tQ"
    )


def _tensor(size, stride, numel=1, offset=0):
    def integers(values):
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", v) for v in values) + b"t"

    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + _storage_id(numel)
        + b"\x8a\x08"
        + struct.pack("<q", offset)
        + integers(size)
        + integers(stride)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def _as_network(tensor):
    """Put a tensor where a generator's would be."""
    return b"\x80\x02}" + text("synthesis.b4.conv1.weight") + tensor + b"s."


def _zip_with_storage(pickled, data=bytes(4)):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/data/0", data)
        archive.writestr("archive/version", "3")
    return out.getvalue()


def _zip(entries, compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def _shared_pairs():
    """Name a list of 20,000 pairs, then make a dictionary of it 20,000 times."""
    pairs = b"](" + b"".join(text(str(i)) + b"N\x86" for i in range(20_000)) + b"eq\x00"
    return pairs + b"](" + b"ccollections\nOrderedDict\nh\x00\x85R" * 20_000 + b"e"


def _shared_state():
    state = b"}(" + b"".join(text(str(i)) + b"N" for i in range(20_000)) + b"uq\x00"
    return state + b"](" + b"cargparse\nNamespace\n)\x81h\x00b" * 20_000 + b"e"


def _shared_text():
    """Encode one text of 8 MB again and again."""
    return (
        text("x" * (8 << 20))
        + b"q\x00]("
        + (b"c_codecs\nencode\nh\x00" + text("latin1") + b"\x86R") * 10_000
        + b"e"
    )


def _nested_storages(depth):
    """Nest torch files in the bytes of storages."""
    data = bare(b"N")
    for _ in range(depth):
        nested = writers.torch_file(data, legacy=True)
        data = (
            b"\x80\x02ctorch.storage\n_load_from_bytes\n"
            + pickle.BINBYTES
            + struct.pack("<I", len(nested))
            + nested
            + b"\x85R."
        )
    return data


def _repeated_storage():
    """Read one long torch file again and again."""
    nested = writers.torch_file(b"\x80\x02(" + b"]" * 50_000 + b"t.", legacy=True)
    return (
        b"\x80\x04"
        + pickle.BINBYTES
        + struct.pack("<I", len(nested))
        + nested
        + b"q\x00]("
        + b"ctorch.storage\n_load_from_bytes\nh\x00\x85R" * 1000
        + b"e."
    )


def _persistent(state):
    name = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n"
    return name + b"}(" + text("class_name") + text("X") + text("state") + state + b"u\x85R"


def _module_tree(n, shared):
    """Chain n modules; shared, each has the next one twice: 2^n paths."""
    node = _persistent(b"}")
    for _ in range(n):
        children = b"}(" + text("a") + b"h\x00" + (text("b") + b"h\x00" if shared else b"") + b"u"
        node += b"q\x00" + _persistent(b"}" + text("_modules") + children + b"s")
    return bare(b"}" + text("G_ema") + node + b"s")


def _many_zip_entries():
    return _zip([("archive/data.pkl", bare(b"}"))] + [(f"archive/{i}", b"") for i in range(5000)])


BOMBS = {
    "memo index": bare(b"N" + _put(0xFFFFFFFF) + b"}"),
    "memo indices": bare(b"N" + b"".join(_put(0xFFFFFFFF - i) for i in range(100))),
    "long bytes": b"\x80\x04" + pickle.BINBYTES8 + struct.pack("<Q", 1 << 60) + b"x.",
    "long bytes, unsigned": b"\x80\x04" + pickle.BINBYTES8 + struct.pack("<Q", (1 << 64) - 1),
    "long bytearray": b"\x80\x05" + pickle.BYTEARRAY8 + struct.pack("<Q", 1 << 40) + b".",
    "long text": b"\x80\x04" + pickle.BINUNICODE8 + struct.pack("<Q", 1 << 50) + b"x.",
    "text of 2 GB": b"\x80\x02" + pickle.BINUNICODE + struct.pack("<I", 1 << 31) + b"x.",
    "negative string": b"\x80\x02" + pickle.BINSTRING + struct.pack("<i", -1) + b".",
    "long integer": b"\x80\x02" + pickle.LONG4 + struct.pack("<i", 1 << 30) + b"\xff.",
    "integer of 1 MB": b"\x80\x02"
    + pickle.LONG4
    + struct.pack("<i", 1 << 20)
    + b"\xff" * (1 << 20),
    "negative length": b"\x80\x02" + pickle.LONG4 + struct.pack("<i", -5) + b".",
    "long frame": b"\x80\x04" + pickle.FRAME + struct.pack("<Q", 1 << 60) + b"N.",
    "line without end": b"c" + b"x" * 100_000,
    "protocol 200": b"\x80\xc8N.",
    "only marks": b"\x80\x02" + b"(" * 2_000_000,
    "only sets": b"\x80\x04" + b"\x8f" * 2_000_000 + b".",
    "only lists": b"\x80\x02" + b"]" * 3_000_000 + b".",
    "nested lists": b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
    "nested tuples": bare(b")" + b"\x85" * 200_000),
    "tuple of itself twice, 200 times, as key": bare(b"}" + _nested_tuples(200) + b"Ns"),
    "the same as a member": b"\x80\x04\x8f(" + _nested_tuples(200) + b"\x90.",
    "the same in a frozen set": b"\x80\x04(" + _nested_tuples(200) + b"\x91.",
    "the same as an attribute": bare(
        b"cargparse\nNamespace\n)\x81](" + _nested_tuples(200) + b"ebb"
    ),
    "the same in OrderedDict": bare(
        b"ccollections\nOrderedDict\n](" + _nested_tuples(200) + b"N\x86e\x85R"
    ),
    "the same in EasyDict": bare(
        b"cdnnlib.util\nEasyDict\n](" + _nested_tuples(200) + b"N\x86e\x85R"
    ),
    "the same in Namespace": bare(
        b"cargparse\nNamespace\n](" + _nested_tuples(200) + b"N\x86e\x85\x81"
    ),
    "size from bytes": bare(b"ctorch\nSize\n" + _bytes(1 << 20) + b"\x85R"),
    "set from bytes": bare(b"cbuiltins\nset\n" + _bytes(1 << 20) + b"\x85R"),
    "the same in set": bare(b"cbuiltins\nset\n](" + _nested_tuples(200) + b"e\x85R"),
    "the same as the object": bare(_nested_tuples(200)),
    "shared pairs": bare(_shared_pairs()),
    "shared state": bare(_shared_state()),
    "shared text": bare(_shared_text()),
    "list in itself": bare(b"]q\x00h\x00a"),
    "dictionary in itself": bare(b"}q\x00" + text("G_ema") + b"h\x00s"),
    "nested storages": _nested_storages(6),
    "repeated storage": _repeated_storage(),
    "deep modules": _module_tree(5000, shared=False),
    "modules with 2^60 paths": _module_tree(60, shared=True),
    "call of a number": bare(b"K\x01)R"),
    "call with a list": bare(b"ccollections\nOrderedDict\n]R"),
    "call of data": bare(b"ctorch\nFloatStorage\n)R"),
    "attributes of a number": bare(b"K\x01}b"),
    "attributes of a list": bare(b"]}b"),
    "items of a tuple": bare(b")" + text("a") + b"Ns"),
    "elements of a dictionary": bare(b"}Na"),
    "odd items": bare(b"}(" + text("a") + b"u"),
    "empty stack": bare(b"0000"),
    "two objects": bare(b"NN"),
    "no object": b"\x80\x04.",
    "no end": b"\x80\x04N",
    "unknown instruction": bare(b"\xff"),
    "external buffer": b"\x80\x05\x97\x98.",
    "extension": bare(b"\x82\x01"),
    "persistent id in a pickle": bare(text("x") + b"Q"),
    "persistent name in a pickle": b"Px\n.",
    "global from numbers": bare(b"K\x01K\x02\x93"),
    "missing memo": bare(b"h\x05"),
    "not UTF-8": bare(pickle.BINUNICODE + struct.pack("<I", 2) + b"\xff\xfe"),
    "network from a number": bare(
        b"ctorch_utils.persistence\n_reconstruct_persistent_obj\nK\x01\x85R"
    ),
    "network without state": bare(b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n}\x85R"),
    "modules that are no dictionary": bare(
        b"}" + text("G_ema") + _persistent(b"}" + text("_modules") + b"K\x01s") + b"s"
    ),
    "module that is no module": bare(
        b"}"
        + text("G_ema")
        + _persistent(b"}" + text("_modules") + b"}" + text("a") + b"K\x01ss")
        + b"s"
    ),
    "tensor without storage": _zip_with_storage(
        _as_network(b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))\x89NtR")
    ),
    "numpy type of objects": bare(
        b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n"
        + text("O8")
        + b"\x85R"
        + b"C\x08\x00\x00\x00\x00\x00\x00\x00\x00\x86R"
    ),
    "numpy scalar of the wrong length": bare(
        b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n" + text("f8") + b"\x85RC\x01x\x86R"
    ),
    "tensor of 2^80 elements": _zip_with_storage(_as_network(_tensor((1 << 40, 1 << 40), (0, 0)))),
    "expanded tensor of 4 TB": _zip_with_storage(
        _as_network(_tensor((1 << 10, 1 << 10, 1 << 10, 1 << 10), (0, 0, 0, 0)))
    ),
    "tensor past its storage": _zip_with_storage(_as_network(_tensor((2, 2, 3, 3), (18, 9, 3, 1)))),
    "tensor with an offset": _zip_with_storage(
        _as_network(_tensor((1, 1, 1, 1), (1,) * 4, offset=9))
    ),
    "negative size": _zip_with_storage(_as_network(_tensor((-1,), (1,)))),
    "negative stride": _zip_with_storage(_as_network(_tensor((1,), (-1,)))),
    "negative offset": _zip_with_storage(_as_network(_tensor((1,), (1,), offset=-1))),
    "more strides than sizes": _zip_with_storage(_as_network(_tensor((1,), (1, 1)))),
    "300 dimensions": _zip_with_storage(_as_network(_tensor((1,) * 300, (1,) * 300))),
    "storage of 2^62 elements": _zip_with_storage(_as_network(_tensor((1,), (1,), numel=1 << 62))),
    "storage longer than its data": _zip_with_storage(_as_network(_tensor((4,), (1,), numel=4))),
    "storage that is not there": _zip([("archive/data.pkl", _as_network(_tensor((1,), (1,))))]),
    "compressed zip": _zip(
        [("archive/data.pkl", bare(b"}" + b"0}" * 100_000)), ("archive/data/0", bytes(1 << 24))],
        zipfile.ZIP_DEFLATED,
    ),
    "two programs": _zip([("a/data.pkl", bare(b"}")), ("b/data.pkl", bare(b"}"))]),
    "no program": _zip([("archive/version", b"3")]),
    "TorchScript": _zip([("a/data.pkl", bare(b"}")), ("a/constants.pkl", bare(b"}"))]),
    "big endian": _zip([("a/data.pkl", bare(b"}")), ("a/byteorder", b"big")]),
    "zip in a zip": _zip([("archive/data.pkl", _zip([("archive/data.pkl", bare(b"}"))]))]),
    "many entries": _many_zip_entries(),
    "zip without directory": b"PK\x03\x04" + bytes(1000),
    "zip head only": b"PK\x03\x04",
    "old torch, big endian": writers.torch_file(bare(b"}"), legacy=True).replace(
        b"little_endianq\x02\x88", b"little_endianq\x02\x89"
    ),
    "old torch, another protocol": writers.torch_file(bare(b"}"), legacy=True).replace(
        b"M\xe9\x03", b"M\xea\x03"
    ),
    "header of 2^62 bytes": struct.pack("<Q", 1 << 62) + b"{}",
    "nested header": struct.pack("<Q", 200_000) + b'{"a":' * 40_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused(tmp_path, canary, name):
    path = tmp_path / "file.pt"
    path.write_bytes(BOMBS[name])
    check_refused(path, canary)


def test_old_torch_bombs_are_what_they_say():
    for name in ("old torch, big endian", "old torch, another protocol"):
        assert BOMBS[name] != writers.torch_file(bare(b"}"), legacy=True)


@pytest.mark.parametrize("name", BOMBS)
def test_inspection_of_bombs_returns(tmp_path, canary, name):
    from skstylefeat._inspect import inspect

    path = tmp_path / "file.pt"
    path.write_bytes(BOMBS[name])
    start = time.process_time()
    assert inspect(path)["problems"]
    assert time.process_time() - start < MAX_SECONDS
    assert not canary.exists()


FORMATS = {
    "nvidia": writers.write_nvidia,
    "PTI": writers.write_pti,
    "rosinality": writers.write_rosinality,
    "rosinality, old torch": lambda path, m: writers.write_rosinality(path, m, legacy=True),
    "ours": lambda path, m: save_network(m, path),
}


@pytest.fixture(scope="module")
def sound_files(tmp_path_factory):
    """Return the bytes of one sound file of each format."""
    folder = tmp_path_factory.mktemp("sound")
    contents = {}
    for number, (name, write) in enumerate(FORMATS.items()):
        path = folder / str(number)
        write(path, tiny_module(8, channels=(3, 2)))
        checkpoints.read_generator(path)
        contents[name] = path.read_bytes()
    return contents


@pytest.mark.parametrize("fraction", [0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("name", FORMATS)
def test_truncated_files_are_refused(tmp_path, canary, sound_files, name, fraction):
    path = tmp_path / "file.pt"
    path.write_bytes(sound_files[name][: max(1, int(len(sound_files[name]) * fraction))])
    check_refused(path, canary)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", FORMATS)
def test_flipped_bits_give_an_error_or_sound_tensors(tmp_path, canary, sound_files, name, seed):
    """A flip in a weight of a pickle cannot be told from a weight; all else must be an error."""
    rng = torch.Generator().manual_seed(seed)
    data = bytearray(sound_files[name])
    for position in torch.randint(len(data), (1 + 20 * (seed % 3),), generator=rng).tolist():
        data[position] ^= 1 << (position % 8)
    path = tmp_path / "file.pt"
    path.write_bytes(data)
    try:
        config, state, _ = checkpoints.read_generator(path)
    except CheckpointError as error:
        assert str(path) in str(error)
    else:
        build_network(config, state, str(path))
        assert all(torch.isfinite(value).all() for value in state.values())
    assert not canary.exists()


def test_flipped_weights_of_a_torch_file_are_noticed(tmp_path, canary, sound_files):
    data = bytearray(sound_files["rosinality"])
    weights = tiny_module(8, channels=(3, 2)).state_dict()["mapping.fc0.weight"]
    start = bytes(data).index(weights.numpy().tobytes())
    data[start + 5] ^= 1
    path = tmp_path / "file.pt"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="checksum"):
        checkpoints.read_generator(path)


def test_instructions_cut_at_every_place(tmp_path, sound_files):
    """End the pickle after each of its instructions."""
    data = sound_files["nvidia"]
    positions = [position for _, _, position in pickletools.genops(data)][1:-1]
    path = tmp_path / "file.pt"
    for position in positions[:: max(1, len(positions) // 150)]:
        path.write_bytes(data[:position])
        with pytest.raises(CheckpointError):
            checkpoints.read_generator(path)
        path.write_bytes(data[:position] + b".")
        with pytest.raises(CheckpointError):
            checkpoints.read_generator(path)


def spoil(state, how, key):
    state = dict(state)
    value = state[key]
    if how == "missing":
        del state[key]
    elif how == "extra":
        state[f"{key}.more"] = value
    elif how == "empty":
        state[key] = value[:0] if value.ndim else value.reshape(1)[:0]
    elif how == "longer":
        state[key] = torch.cat([value.reshape(-1), torch.zeros(1)])
    elif how == "another dimension":
        state[key] = value[None, None].clone()
    elif how == "not finite":
        state[key] = torch.full_like(value, float("nan"))
    return state


@pytest.mark.parametrize(
    "how", ["missing", "extra", "empty", "longer", "another dimension", "not finite"]
)
@pytest.mark.parametrize("names", ["nvidia", "rosinality", "ours"])
def test_wrong_tensors_are_refused(tmp_path, canary, names, how):
    module = tiny_module(8, channels=(3, 2))
    state = writers.rosinality_state(module) if names == "rosinality" else module.state_dict()
    path = tmp_path / "file.pt"
    keys = [key for key in state if not key.endswith(("kernel", "w_avg"))]
    refused = 0
    for key in keys[:: max(1, len(keys) // 12)]:
        spoiled = spoil(state, how, key)
        if names == "ours":
            config = {
                "format": "skstylefeat.generator",
                "config": json.dumps(module.config.to_dict()),
            }
            tensors = {k: v.contiguous().clone() for k, v in spoiled.items()}
            save_file(tensors, path, metadata=config)
        else:
            torch.save({"g_ema": spoiled, "latent_avg": module.mapping.w_avg}, path)
        is_noise = "noise" in key and how == "missing" and names == "rosinality"
        if is_noise and key.startswith("noises"):
            checkpoints.read_generator(path)  # drawn anew
        elif names == "rosinality" and how == "another dimension" and value_is_flat(key):
            pass  # axes of one element, which the format itself has in some versions
        else:
            check_refused(path, canary)
            refused += 1
    assert refused >= 4


def value_is_flat(key):
    return key.startswith(("noises", "to_rgb", "input")) or "noise.weight" in key


def in_one_piece(module):
    """Return a module's tensors as safetensors takes them, without its order in memory."""
    return {name: x.contiguous() for name, x in module.state_dict().items()}


@pytest.mark.parametrize(
    "change",
    [
        {"resolution": 1 << 40},
        {"resolution": 12},
        {"resolution": -8},
        {"resolution": "8"},
        {"resolution": None},
        {"resolution": 1e400},
        {"channels": [1 << 40, 2]},
        {"channels": [-1, 2]},
        {"channels": [3, 2, 1]},
        {"channels": 5},
        {"channels": "3x"},
        {"channels": [1 << 15, 1 << 15]},
        {"w_dim": 1 << 31},
        {"w_dim": 0},
        {"w_dim": [7]},
        {"z_dim": 1 << 62},
        {"n_mapping": 1 << 30},
        {"n_mapping": -1},
        {"n_mapping": 2.5},
        {"c_dim": 1 << 40},
        {"img_channels": 1 << 33},
        {"architecture": "x"},
        {"architecture": ["skip"]},
        {"conv_clamp": "x"},
        {"conv_clamp": -1},
        {"conv_clamp": float("nan")},
        {"resample_filter": [1, 3, 3]},
        {"resample_filter": ["a", "b", "c", "d"]},
        {"resample_filter": [float("inf")] * 4},
        {"unknown": 1},
    ],
)
def test_absurd_architectures_are_refused(tmp_path, canary, change):
    module = tiny_module(8, channels=(3, 2))
    config = module.config.to_dict() | change
    metadata = {"format": "skstylefeat.generator", "config": json.dumps(config)}
    path = tmp_path / "file.safetensors"
    save_file(in_one_piece(module), path, metadata=metadata)
    check_refused(path, canary)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "null", '"x"', "{}", "[" * 100_000, '{"resolution": ' + "9" * 5000 + "}"],
)
def test_absurd_metadata_is_refused(tmp_path, canary, text):
    path = tmp_path / "file.safetensors"
    for kind in ("generator", "encoder"):
        metadata = {"format": f"skstylefeat.{kind}", "config": text}
        save_file(in_one_piece(tiny_module(8)), path, metadata=metadata)
        check_refused(path, canary)


@pytest.mark.parametrize(
    "change",
    [
        {"widths": [1 << 20, 1 << 20]},
        {"widths": [1 << 15, 1 << 15]},
        {"resolution": 1 << 30},
        {"n_ws": 1 << 40},
        {"w_dim": 1 << 16},
        {"hidden": 1 << 16},
        {"hidden": "x"},
    ],
)
def test_absurd_encoders_are_refused(tmp_path, canary, change):
    from skstylefeat.networks.encoders import EncoderConfig, EncoderNetwork

    network = EncoderNetwork(EncoderConfig.for_generator(tiny_module(8)))
    config = network.config.to_dict() | change
    metadata = {"format": "skstylefeat.encoder", "config": json.dumps(config)}
    path = tmp_path / "file.safetensors"
    save_file(network.state_dict(), path, metadata=metadata)
    check_refused(path, canary)


def test_there_are_enough_hostile_files():
    assert len(GADGETS) * len(CALLS) + len(BOMBS) >= 200
