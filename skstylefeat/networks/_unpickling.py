"""A pickle interpreter that builds inert data and can run nothing.

A pickle is a program for a small stack machine, and the machine of the standard library calls
whatever the program names. This one knows no way to import or call anything: a global is looked
up in a table of constructors written here, and what is not in the table is refused by name. It
reads from a buffer without copying, and bounds everything that a file could use to exhaust
memory or time:

* byte strings are views of the file, so that their length is bounded by the file;
* the number of instructions and the lengths of texts and integers are bounded;
* keys and members of sets are strings or small integers, because hashing nested tuples that
  share their parts takes time exponential in the length of the program.
"""

import pickle
import struct

MAX_INSTRUCTIONS = 200_000
MAX_TEXT_BYTES = 1 << 24
MAX_LINE_BYTES = 4096
MAX_INTEGER_BYTES = 64
TEXT_PER_INSTRUCTION = 64


class CheckpointError(ValueError):
    """A file of weights cannot be read: damaged, unknown, or unsafe."""


class UnsafeCheckpointError(CheckpointError):
    """A file asks for a function or class outside the allow-list.

    Attributes
    ----------
    global_name : str
        What the file asked for.
    """

    def __init__(self, message, global_name):
        super().__init__(message)
        self.global_name = global_name

    def __reduce__(self):
        return type(self), (self.args[0], self.global_name)


class Budget:
    """What one file may still make the interpreter do.

    Parameters
    ----------
    source : str
        Name of the file, for messages.
    """

    def __init__(self, source):
        self.source = source
        self.left = MAX_INSTRUCTIONS

    def spend(self, n):
        """Pay for `n` instructions or copied items."""
        self.left -= n
        if self.left < 0:
            raise CheckpointError(
                f"{self.source} is damaged or not a file of weights: its pickle has more than "
                f"{MAX_INSTRUCTIONS} instructions."
            )


class Global:
    """The name of a function or class, with our own constructor in its place.

    Parameters
    ----------
    name : str
        Module and name as the file gives them.
    construct : callable or None
        What stands for a call; None where the name may only be data.
    """

    __slots__ = ("construct", "name")

    def __init__(self, name, construct):
        self.name = name
        self.construct = construct


class Attributes(dict):
    """Attributes of an object, as a dictionary."""


class Foreign:
    """Stands for a refused object while a file is inspected; it holds nothing."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name


class Interpreter:
    """Run one pickle of a buffer.

    Parameters
    ----------
    data : memoryview of bytes
        The buffer.
    source : str
        Name of the file, for messages.
    constructors : dict of str to (callable or None)
        The globals that may occur, by "module.name".
    budget : Budget
        Bounds the work, over all pickles of the file.
    advice : dict of str to str, default=None
        What to tell about globals that are refused.
    persistent_load : callable, default=None
        Maps a persistent id to an object.
    refused : set, default=None
        Collects refused globals, for inspection; by default the first one raises.
    """

    def __init__(
        self,
        data,
        source,
        constructors,
        budget,
        *,
        advice=None,
        persistent_load=None,
        refused=None,
    ):
        self.data = data
        self.source = source
        self.constructors = constructors
        self.budget = budget
        self.advice = advice or {}
        self.persistent_load = persistent_load
        self.refused = refused
        self.position = 0

    def load(self, position=0):
        """Interpret the pickle that starts at `position` and return its object.

        Afterwards the attribute `position` is the end of that pickle.
        """
        self.position = position
        self.stack = []
        self.marks = []
        self.memo = {}
        handlers = _HANDLERS
        try:
            while True:
                self.budget.spend(1)
                opcode = self.data[self.position]
                self.position += 1
                if opcode == _STOP:
                    (value,) = self.stack
                    return value
                handlers[opcode](self)
        except CheckpointError:
            raise
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            MemoryError,
            TypeError,
            ValueError,
            struct.error,
        ) as error:
            raise self.damaged(_reason(error)) from error
        finally:
            del self.stack, self.marks, self.memo

    def damaged(self, reason):
        """Return the error for a program that makes no sense."""
        return CheckpointError(
            f"{self.source} is damaged or not a file of weights: {reason} (pickle instruction "
            f"before byte {self.position})."
        )

    def refuse(self, name):
        """Return the error for a global outside the table."""
        name = _printable(name)
        advice = self.advice.get(name)
        if advice is not None:
            return UnsafeCheckpointError(f"{self.source}: {advice} [it needs {name}]", name)
        return UnsafeCheckpointError(
            f"{self.source} asks for {name!r}, which files of the supported formats do not need. "
            "Reading it could run code, so the file is refused and nothing of it was run. "
            "`python -m skstylefeat inspect FILE` lists all that a file asks for.",
            name,
        )

    def take(self, n):
        """Return the next `n` bytes as a view."""
        end = self.position + n
        if end > len(self.data):
            raise self.damaged(f"it ends {end - len(self.data)} bytes early")
        view = self.data[self.position : end]
        self.position = end
        return view

    def unpack(self, layout):
        """Return the next value of the `struct` `layout`."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def text(self, n):
        """Return the next `n` bytes as a string."""
        if n > MAX_TEXT_BYTES:
            raise self.damaged(f"it has a text of {n} bytes, more than {MAX_TEXT_BYTES}")
        return str(self.take(n), "utf-8", "surrogatepass")

    def line(self):
        """Return the text up to the end of the line."""
        head = bytes(self.data[self.position : self.position + MAX_LINE_BYTES])
        length = head.find(b"\n")
        if length < 0:
            raise self.damaged("a line of text has no end")
        self.position += length + 1
        return head[:length].decode("utf-8", "replace")

    def pop_mark(self):
        """Return what was pushed since the last mark."""
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def find(self, module, name):
        """Push the constructor that stands for a global."""
        full = f"{module}.{name}"
        if full in self.constructors:
            self.stack.append(Global(full, self.constructors[full]))
        elif self.refused is None:
            raise self.refuse(full)
        else:
            full = _printable(full)
            self.refused.add(full)
            self.stack.append(Global(full, lambda *args: Foreign(full)))

    def call(self, function, args):
        """Push what the constructor of a global makes of `args`."""
        if not isinstance(function, Global) or not isinstance(args, tuple):
            if self.refused is None:
                raise self.damaged("it calls what is not a function")
            self.stack.append(Foreign("?"))
            return
        if function.construct is None:
            raise self.damaged(f"it calls {function.name}")
        self.spend_on(*args)
        self.stack.append(function.construct(*args))

    def spend_on(self, *values):
        """Pay for copying containers and texts, which a program can name again and again."""
        for value in values:
            if isinstance(value, dict | list | set | tuple):
                self.budget.spend(len(value))
            elif isinstance(value, str):
                self.budget.spend(len(value) // TEXT_PER_INSTRUCTION)


def _reason(error):
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, LookupError):
        return "its pickle ends early or has unknown instructions"
    return f"its pickle makes no sense ({type(error).__name__}: {_printable(str(error))})"


def _printable(name):
    """Keep control characters and megabytes of a hostile name out of a message."""
    return "".join(c if c.isprintable() else "?" for c in name[:200])


def check_key(key):
    """Return `key` if hashing it is harmless, else raise ValueError."""
    if not isinstance(key, str) and not (isinstance(key, int) and abs(key) < 1 << 40):
        raise ValueError(f"a key of type {type(key).__name__}")
    return key


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


_STOP = pickle.STOP[0]
_HANDLERS = {}


def _opcode(*codes):
    def register(handler):
        for code in codes:
            _HANDLERS[code[0]] = handler
        return handler

    return register


def _constant(code, make):
    _HANDLERS[code[0]] = lambda vm: vm.stack.append(make())


for _code, _make in (
    (pickle.NONE, lambda: None),
    (pickle.NEWTRUE, lambda: True),
    (pickle.NEWFALSE, lambda: False),
    (pickle.EMPTY_LIST, list),
    (pickle.EMPTY_TUPLE, tuple),
    (pickle.EMPTY_DICT, dict),
    (pickle.EMPTY_SET, set),
):
    _constant(_code, _make)


def _number(code, layout):
    _HANDLERS[code[0]] = lambda vm: vm.stack.append(vm.unpack(layout))


for _code, _layout in (
    (pickle.BININT, "<i"),
    (pickle.BININT1, "<B"),
    (pickle.BININT2, "<H"),
    (pickle.BINFLOAT, ">d"),
):
    _number(_code, _layout)


def _sized(code, layout, read):
    _HANDLERS[code[0]] = lambda vm: vm.stack.append(read(vm, vm.unpack(layout)))


def _read_integer(vm, n):
    if not 0 <= n <= MAX_INTEGER_BYTES:
        raise vm.damaged(f"it has an integer of {n} bytes")
    return int.from_bytes(vm.take(n), "little", signed=True)


def _read_old_string(vm, n):
    if n < 0:
        raise vm.damaged(f"it has a text of {n} bytes")
    return str(vm.take(n), "latin-1") if n <= MAX_TEXT_BYTES else vm.take(n)


for _code, _layout, _read in (
    (pickle.LONG1, "<B", _read_integer),
    (pickle.LONG4, "<i", _read_integer),
    (pickle.SHORT_BINUNICODE, "<B", Interpreter.text),
    (pickle.BINUNICODE, "<I", Interpreter.text),
    (pickle.BINUNICODE8, "<Q", Interpreter.text),
    (pickle.SHORT_BINBYTES, "<B", Interpreter.take),
    (pickle.BINBYTES, "<I", Interpreter.take),
    (pickle.BINBYTES8, "<Q", Interpreter.take),
    (pickle.BYTEARRAY8, "<Q", Interpreter.take),
    (pickle.SHORT_BINSTRING, "<B", _read_old_string),
    (pickle.BINSTRING, "<i", _read_old_string),
):
    _sized(_code, _layout, _read)


# The texts of protocol 0 hold data that no supported file has; they are kept, undecoded, so
# that a refusal can go on to name the global that comes after them.
@_opcode(pickle.INT, pickle.LONG, pickle.FLOAT, pickle.STRING, pickle.UNICODE)
def _protocol_0(vm):
    vm.stack.append(vm.line())


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
    items = vm.pop_mark()
    vm.stack.append(tuple(items))


def _short_tuple(code, n):
    def handler(vm):
        if len(vm.stack) < n:
            raise IndexError
        vm.stack[-n:] = [tuple(vm.stack[-n:])]

    _HANDLERS[code[0]] = handler


for _n, _code in enumerate((pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3), start=1):
    _short_tuple(_code, _n)


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

    _HANDLERS[put[0]] = store
    _HANDLERS[get[0]] = fetch


_memory(pickle.PUT, pickle.GET, lambda vm: int(vm.line()))
_memory(pickle.BINPUT, pickle.BINGET, lambda vm: vm.unpack("<B"))
_memory(pickle.LONG_BINPUT, pickle.LONG_BINGET, lambda vm: vm.unpack("<I"))


@_opcode(pickle.GLOBAL)
def _global(vm):
    module = vm.line()
    vm.find(module, vm.line())


@_opcode(pickle.STACK_GLOBAL)
def _stack_global(vm):
    name = vm.stack.pop()
    module = vm.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise vm.damaged("the name of a global is not a text")
    vm.find(module, name)


@_opcode(pickle.INST)
def _inst(vm):
    module = vm.line()
    vm.find(module, vm.line())
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
        target.set_state(state)


@_opcode(pickle.PERSID, pickle.BINPERSID)
def _persistent(vm):
    binary = vm.data[vm.position - 1] == pickle.BINPERSID[0]
    pid = vm.stack.pop() if binary else vm.line()
    if vm.persistent_load is None:
        raise vm.damaged("it refers to objects outside the pickle")
    vm.stack.append(vm.persistent_load(pid))
