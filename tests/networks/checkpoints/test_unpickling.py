"""Hostile pickles: whatever they call, nothing is run or imported, and the name is said."""

import pickle
import struct
import sys

import pytest

from skstylefeat.exceptions import UnsafeCheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints
from tests.support import checkpoint_writers as writers
from tests.support.hostile_files import CANARY, bare, check_refused, text
from tests.support.networks import tiny_module

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


def test_there_are_enough_hostile_files():
    assert len(GADGETS) * len(CALLS) >= 200
