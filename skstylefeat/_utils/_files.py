"""Files that are written whole or not at all."""

import os


def replace_file(path, write, mode=0o666):
    """Write a file beside `path`, and put it in its place once it is on disk.

    Parameters
    ----------
    path : Path
        A kill while writing leaves here what was here before.
    write : callable
        Called with the file, open for bytes.
    mode : int, default=0o666
        Permissions, before the process's mask.
    """
    unfinished = path.with_name(path.name + ".part")
    unfinished.unlink(missing_ok=True)
    with open(unfinished, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
