"""The instructions of pickles, as handlers of the `PickleMachine`.

Those that build containers are as in the standard library; those that call something hand over
to the machine, which knows no calls but its own constructors. A `vm` is a `PickleMachine`.
"""

import codecs
import pickle

MAX_INTEGER_BYTES = 64


class Attributes(dict):
    """Attributes of an object, as a dictionary."""


class Foreign:
    """Placeholder of a refused object while a file is inspected; it holds nothing."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name


def check_key(key):
    """Return `key` if hashing it is harmless, else raise ValueError."""
    if isinstance(key, str | float | None) or (isinstance(key, int) and abs(key) < 1 << 40):
        return key
    raise ValueError(f"a key of type {type(key).__name__}")


def _set_items(target, items):
    if isinstance(target, Foreign):
        return
    if not isinstance(target, dict) or len(items) % 2:
        raise ValueError(f"items for an object of type {type(target).__name__}")
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[check_key(key)] = value


def _extend(target, items):
    if isinstance(target, Foreign):
        return
    if not isinstance(target, list):
        raise ValueError(f"elements for an object of type {type(target).__name__}")
    target.extend(items)


STOP = pickle.STOP[0]
HANDLERS: dict = {}
# In units of some 50 bytes of memory: an empty set takes 216.
COSTS = [1] * 256
for _code in (
    *(pickle.MARK, pickle.EMPTY_LIST, pickle.EMPTY_DICT, pickle.EMPTY_SET, pickle.LIST),
    *(pickle.DICT, pickle.FROZENSET, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.REDUCE, pickle.NEWOBJ, pickle.OBJ, pickle.INST, pickle.GLOBAL, pickle.STACK_GLOBAL),
    *(pickle.SHORT_BINBYTES, pickle.BINBYTES, pickle.BINBYTES8, pickle.BYTEARRAY8),
):
    COSTS[_code[0]] = 5


def _opcode(*codes):
    def register(handler):
        for code in codes:
            HANDLERS[code[0]] = handler
        return handler

    return register


def _constant(code, make):
    HANDLERS[code[0]] = lambda vm: vm.stack.append(make())


_constant(pickle.NONE, lambda: None)
_constant(pickle.NEWTRUE, lambda: True)
_constant(pickle.NEWFALSE, lambda: False)
_constant(pickle.EMPTY_LIST, list)
_constant(pickle.EMPTY_TUPLE, tuple)
_constant(pickle.EMPTY_DICT, dict)
_constant(pickle.EMPTY_SET, set)


def _number(code, layout):
    HANDLERS[code[0]] = lambda vm: vm.stack.append(vm.unpack(layout))


_number(pickle.BININT, "<i")
_number(pickle.BININT1, "<B")
_number(pickle.BININT2, "<H")
_number(pickle.BINFLOAT, ">d")


def _sized(code, layout, read):
    HANDLERS[code[0]] = lambda vm: vm.stack.append(read(vm, vm.unpack(layout)))


def _read_integer(vm, n):
    if not 0 <= n <= MAX_INTEGER_BYTES:
        raise vm.damaged(f"it has an integer of {n} bytes")
    return int.from_bytes(vm.take(n), "little", signed=True)


def _read_old_string(vm, n):
    if n < 0:
        raise vm.damaged(f"it has a string of {n} bytes")
    return vm.text(n, "latin-1")


_sized(pickle.LONG1, "<B", _read_integer)
_sized(pickle.LONG4, "<i", _read_integer)
_sized(pickle.SHORT_BINSTRING, "<B", _read_old_string)
_sized(pickle.BINSTRING, "<i", _read_old_string)
for _code, _layout in (
    (pickle.SHORT_BINUNICODE, "<B"),
    (pickle.BINUNICODE, "<I"),
    (pickle.BINUNICODE8, "<Q"),
):
    _sized(_code, _layout, lambda vm, n: vm.text(n))
for _code, _layout in (
    (pickle.SHORT_BINBYTES, "<B"),
    (pickle.BINBYTES, "<I"),
    (pickle.BINBYTES8, "<Q"),
    (pickle.BYTEARRAY8, "<Q"),
):
    _sized(_code, _layout, lambda vm, n: vm.take(n))


@_opcode(pickle.INT)
def _int_line(vm):
    line = vm.line()
    vm.stack.append(line == b"01" if line in (b"00", b"01") else int(line))


@_opcode(pickle.LONG)
def _long_line(vm):
    vm.stack.append(int(vm.line().rstrip(b"L")))


@_opcode(pickle.FLOAT)
def _float_line(vm):
    vm.stack.append(float(vm.line()))


@_opcode(pickle.STRING)
def _string_line(vm):
    line = vm.line(len(vm.data))
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise vm.damaged("it has a string without quotes")
    vm.stack.append(str(codecs.escape_decode(line[1:-1])[0], "latin-1"))


@_opcode(pickle.UNICODE)
def _unicode_line(vm):
    vm.stack.append(str(vm.line(len(vm.data)), "raw-unicode-escape"))


@_opcode(pickle.PROTO)
def _proto(vm):
    version = vm.unpack("<B")
    if version > pickle.HIGHEST_PROTOCOL:
        raise vm.damaged(f"it claims to be a pickle of protocol {version}")


@_opcode(pickle.FRAME)
def _frame(vm):
    vm.unpack("<Q")


@_opcode(pickle.MARK)
def _mark(vm):
    vm.marks.append(vm.stack)
    vm.stack = []


@_opcode(pickle.POP)
def _pop(vm):
    if vm.stack:
        vm.stack.pop()
    else:
        vm.pop_mark()


@_opcode(pickle.POP_MARK)
def _pop_mark(vm):
    vm.pop_mark()


@_opcode(pickle.DUP)
def _dup(vm):
    vm.stack.append(vm.stack[-1])


@_opcode(pickle.TUPLE)
def _tuple(vm):
    items = vm.pop_mark()  # first, since it replaces the stack
    vm.stack.append(tuple(items))


def _short_tuple(code, n):
    def handler(vm):
        if len(vm.stack) < n:
            raise IndexError
        vm.stack[-n:] = [tuple(vm.stack[-n:])]

    HANDLERS[code[0]] = handler


_short_tuple(pickle.TUPLE1, 1)
_short_tuple(pickle.TUPLE2, 2)
_short_tuple(pickle.TUPLE3, 3)


@_opcode(pickle.LIST)
def _list(vm):
    items = vm.pop_mark()
    vm.stack.append(items)


@_opcode(pickle.DICT)
def _dict(vm):
    items = vm.pop_mark()
    vm.stack.append({})
    _set_items(vm.stack[-1], items)


@_opcode(pickle.FROZENSET)
def _frozenset(vm):
    items = vm.pop_mark()
    vm.stack.append(frozenset(check_key(item) for item in items))


@_opcode(pickle.APPEND)
def _append(vm):
    item = vm.stack.pop()
    _extend(vm.stack[-1], [item])


@_opcode(pickle.APPENDS)
def _appends(vm):
    items = vm.pop_mark()
    _extend(vm.stack[-1], items)


@_opcode(pickle.SETITEM)
def _setitem(vm):
    value = vm.stack.pop()
    key = vm.stack.pop()
    _set_items(vm.stack[-1], [key, value])


@_opcode(pickle.SETITEMS)
def _setitems(vm):
    items = vm.pop_mark()
    _set_items(vm.stack[-1], items)


@_opcode(pickle.ADDITEMS)
def _additems(vm):
    items = vm.pop_mark()
    if not isinstance(vm.stack[-1], set):
        raise ValueError(f"members for an object of type {type(vm.stack[-1]).__name__}")
    vm.stack[-1].update(check_key(item) for item in items)


@_opcode(pickle.MEMOIZE)
def _memoize(vm):
    vm.memo[len(vm.memo)] = vm.stack[-1]


def _memory(put, get, read):
    def store(vm):
        vm.memo[read(vm)] = vm.stack[-1]

    def fetch(vm):
        vm.stack.append(vm.memo[read(vm)])

    HANDLERS[put[0]] = store
    HANDLERS[get[0]] = fetch


_memory(pickle.PUT, pickle.GET, lambda vm: int(vm.line()))
_memory(pickle.BINPUT, pickle.BINGET, lambda vm: vm.unpack("<B"))
_memory(pickle.LONG_BINPUT, pickle.LONG_BINGET, lambda vm: vm.unpack("<I"))


@_opcode(pickle.GLOBAL)
def _global(vm):
    module = vm.name()
    vm.find(module, vm.name())


@_opcode(pickle.STACK_GLOBAL)
def _stack_global(vm):
    name = vm.stack.pop()
    module = vm.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise vm.damaged("the name of a global is not a string")
    vm.find(module, name)


@_opcode(pickle.INST)
def _inst(vm):
    module = vm.name()
    vm.find(module, vm.name())
    function = vm.stack.pop()
    vm.call(function, tuple(vm.pop_mark()))


@_opcode(pickle.OBJ)
def _obj(vm):
    function, *args = vm.pop_mark()
    vm.call(function, tuple(args))


@_opcode(pickle.EXT1, pickle.EXT2, pickle.EXT4)
def _ext(vm):
    code = vm.data[vm.position - 1]
    layout = {pickle.EXT1[0]: "<B", pickle.EXT2[0]: "<H", pickle.EXT4[0]: "<i"}[code]
    vm.find("copyreg", f"extension {vm.unpack(layout)}")


@_opcode(pickle.REDUCE, pickle.NEWOBJ)
def _reduce(vm):
    args = vm.stack.pop()
    vm.call(vm.stack.pop(), args)


@_opcode(pickle.NEWOBJ_EX)
def _newobj_ex(vm):
    if vm.stack.pop():
        raise vm.damaged("it builds an object with keyword arguments")
    _reduce(vm)


@_opcode(pickle.BUILD)
def _build(vm):
    state = vm.stack.pop()
    target = vm.stack[-1]
    vm.spend_on(state)
    if isinstance(target, Attributes) and isinstance(state, dict):
        target.update(state)
    elif isinstance(target, dict | Foreign):
        pass  # attributes of an OrderedDict: the version numbers of a state_dict
    else:
        target.set_state(vm.budget, state)


@_opcode(pickle.PERSID, pickle.BINPERSID)
def _persistent(vm):
    binary = vm.data[vm.position - 1] == pickle.BINPERSID[0]
    pid = vm.stack.pop() if binary else vm.name()
    if vm.persistent_load is None:
        raise vm.damaged("it refers to objects outside the pickle")
    vm.stack.append(vm.persistent_load(pid))
