"""Bounds of the work and memory that one file may cause, in proportion to its size."""

from contextlib import contextmanager

from skstylefeat.exceptions import CheckpointError

#: Errors that damaged numbers, shapes and settings cause in numpy, torch and plain Python.
CONTENT_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)

FREE_STEPS = 300_000
BYTES_PER_STEP = 8
FREE_BYTES = 16 << 20  # small files share arrays, or expand a vector over layers
COPIES = 3  # a text, its bytes, and the array made of them
MAX_COMPRESSION = 32  # one W vector repeated over 18 layers shrinks to 1/18


class Budget:
    """Work and memory that one file may still cause.

    Without these bounds a file of kilobytes could name one array, or one instruction, again and
    again, and fill any memory. Ordinary files need a fraction of them.

    Parameters
    ----------
    source : str
        Name of the file, for messages.
    size : int
        Size of the file in bytes.
    """

    def __init__(self, source, size):
        self.source = source
        self.steps = FREE_STEPS + size // BYTES_PER_STEP
        self.memory = FREE_BYTES + COPIES * size
        self.unpacked = FREE_BYTES + MAX_COMPRESSION * size

    def damaged(self, reason):
        """Return the error for invalid content."""
        return CheckpointError(f"{self.source} is damaged or of an unknown kind: {reason}.")

    def spend_steps(self, n):
        """Pay for `n` instructions or copied items."""
        self.steps -= n
        if self.steps < 0:
            raise self.damaged("it has more instructions than a file of its size needs")

    def spend_memory(self, n_bytes):
        """Pay for a string or array of `n_bytes`."""
        self.memory -= n_bytes
        if self.memory < 0:
            raise self.damaged(
                "its arrays and strings take many times the size of the file (an expanded array? "
                "Save it with .clone() or numpy.ascontiguousarray)"
            )

    def unpack(self, n_bytes):
        """Pay for decompressing an archive's entry to `n_bytes`, which may then be read."""
        self.unpacked -= n_bytes
        if self.unpacked < 0:
            raise CheckpointError(
                f"{self.source} is refused: it unpacks to more than {MAX_COMPRESSION} times its "
                "size, as no file of latents does. If you trust it, save it with numpy.savez."
            )
        self.memory += n_bytes

    @contextmanager
    def lent(self):
        """Give back at the end what is spent inside, where the same arrays are read again."""
        before = vars(self).copy()
        try:
            yield
        finally:
            vars(self).update(before)
