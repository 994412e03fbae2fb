"""A pickle machine that builds inert data and can run nothing.

A pickle is a program for a small stack machine, and the machine of the standard library calls
every function that the program names. This one knows no way to import or call anything: a global
is looked up in a table of inert constructors, and one that is not in the table is refused by
name. It reads from a buffer without copying, and bounds everything that a file could use to
exhaust memory or time:

* byte strings are views of the file, so that their length is bounded by the file;
* instructions, strings and copies are paid for from a `Budget`, which grows with the file;
* keys and members of sets are strings or small numbers, because hashing nested tuples that share
  their parts takes time exponential in the length of the program.
"""

import struct

from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat._inert._constructors import ADVICE, known_name
from skstylefeat._inert._instructions import COSTS, HANDLERS, STOP, Foreign
from skstylefeat.exceptions import CheckpointError, UnsafeCheckpointError

MAX_NAME_BYTES = 4096


class Global:
    """The name of a function or class, with our own constructor in its place.

    Parameters
    ----------
    name : str
        Module and name as the file gives them.
    construct : callable or None
        Called with the budget and the arguments; None where the name may only be data.
    """

    __slots__ = ("construct", "name")

    def __init__(self, name, construct):
        self.name = name
        self.construct = construct


class PickleMachine:
    """Run one pickle of a buffer.

    Parameters
    ----------
    data : memoryview of bytes
        The buffer.
    budget : Budget
        Bounds the work, over all pickles of the file, and names the file.
    constructors : dict of str to (callable or None)
        The globals that may occur, by "module.name".
    persistent_load : callable, default=None
        Maps a persistent id to an object.
    refused : dict, default=None
        Collects the errors of refused globals by their names, for inspection; by default the first
        one raises.
    """

    def __init__(self, data, budget, constructors, persistent_load=None, refused=None):
        self.data = data
        self.source = budget.source
        self.budget = budget
        self.constructors = constructors
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
        try:
            while True:
                opcode = self.data[self.position]
                self.budget.spend_steps(COSTS[opcode])
                self.position += 1
                if opcode == STOP:
                    (value,) = self.stack
                    return value
                HANDLERS[opcode](self)
        except CheckpointError:
            raise
        except (*CONTENT_ERRORS, struct.error) as error:
            raise self.damaged(_reason(error)) from error
        finally:
            del self.stack, self.marks, self.memo

    def damaged(self, reason):
        """Return the error for an invalid program."""
        return self.budget.damaged(f"{reason} (pickle instruction before byte {self.position})")

    def refuse(self, name):
        """Return the error for a global outside the table."""
        if name in ADVICE:
            return UnsafeCheckpointError(f"{self.source}: {ADVICE[name]} [it needs {name}]", name)
        return UnsafeCheckpointError(
            f"{self.source} is refused: it asks for {name!r}, which files of the supported formats "
            "do not need and which could run code. Nothing of it was run. `python -m skstylefeat "
            "inspect FILE` lists all that a file asks for.",
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

    def text(self, n, encoding="utf-8", errors="surrogatepass"):
        """Return the next `n` bytes as a string."""
        data = self.take(n)
        self.budget.spend_memory(n)
        return str(data, encoding, errors)

    def line(self, limit=MAX_NAME_BYTES):
        """Return the bytes up to the end of the line, without it."""
        length, searched = -1, 0
        while length < 0:
            searched = min(max(2 * searched, MAX_NAME_BYTES), limit)
            head = bytes(self.data[self.position : self.position + searched])
            length = head.find(b"\n")
            if length < 0 and (len(head) < searched or searched == limit):
                raise self.damaged("a line of text has no end")
        self.budget.spend_memory(length)
        self.position += length + 1
        return head[:length]

    def name(self):
        """Return the next line as the name of a module, function or class."""
        return self.line().decode("utf-8", "replace")

    def pop_mark(self):
        """Return what was pushed since the last mark."""
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def find(self, module, name):
        """Push the constructor in place of a global."""
        if len(module) + len(name) > MAX_NAME_BYTES:
            raise self.damaged("the name of a global is longer than any")
        full = known_name(f"{module}.{name}")
        if full in self.constructors:
            self.stack.append(Global(full, self.constructors[full]))
            return

        error = self.refuse(_printable(full))
        if self.refused is None:
            raise error
        name = error.global_name
        self.refused.setdefault(name, error)
        self.stack.append(Global(name, lambda *_: Foreign(name)))

    def call(self, function, args):
        """Push the result of calling the constructor of a global with `args`."""
        if not isinstance(function, Global) or not isinstance(args, tuple):
            if self.refused is None:
                raise self.damaged("it calls an object that is not a function")
            self.stack.append(Foreign("?"))
            return
        if function.construct is None:
            raise self.damaged(f"it calls {function.name}")
        self.spend_on(*args)
        self.stack.append(function.construct(self.budget, *args))

    def spend_on(self, *values):
        """Pay for copying containers, which a program can name again and again."""
        for value in values:
            if isinstance(value, dict | list | set | tuple):
                self.budget.spend_steps(len(value))


def _reason(error):
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, LookupError):
        return "its pickle ends early or has unknown instructions"
    return f"its pickle makes no sense ({type(error).__name__}: {_printable(str(error))})"


def _printable(name):
    """Keep control characters and megabytes of a hostile name out of a message."""
    return "".join(c if c.isprintable() else "?" for c in name[:200])
