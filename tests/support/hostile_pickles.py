"""Hostile files: pickles that call functions in every form, and bombs of time and memory."""

import io
import pickle
import struct
import zipfile

from tests.support import checkpoint_writers as writers


def text(value):
    data = value.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def bare(call):
    return b"\x80\x04" + call + b"."


# Functions and classes that published exploits of pickles call, or use on the way.
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
    "a global with a name of 8 MB, again and again": bare(
        text("x" * (8 << 20)) + b"q\x00](" + b"h\x00h\x00\x93" * 50_000 + b"e"
    ),
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
