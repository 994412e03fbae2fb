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

import struct

from skstylefeat.networks.checkpoints._opcodes import HANDLERS, STOP, Foreign

MAX_INSTRUCTIONS = 200_000
MAX_TEXT_BYTES = 1 << 24
MAX_LINE_BYTES = 4096
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
        handlers = HANDLERS
        try:
            while True:
                self.budget.spend(1)
                opcode = self.data[self.position]
                self.position += 1
                if opcode == STOP:
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
