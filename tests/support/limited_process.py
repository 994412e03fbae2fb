"""Reading of hostile files in a process of little memory, with a time limit for each file.

`read_files` runs a reader over many files in one child process. A file that kills or blocks the
child costs that child only: the files after it are read in a new one. Linux only.
"""

import hashlib
import importlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
#: Seconds between the alarm inside of the child and its end from outside.
GRACE = 5
#: Events (https://docs.python.org/3/library/audit_events.html) of code that leaves the reader.
FORBIDDEN_EVENTS = """
os.exec os.fork os.forkpty os.kill os.killpg os.posix_spawn os.spawn os.startfile os.system
os.putenv os.unsetenv os.chdir os.chflags os.chmod os.chown os.link os.symlink os.mkdir
os.remove os.rename os.rmdir os.truncate os.utime os.setxattr os.removexattr subprocess pty
shutil socket ssl urllib http ftplib imaplib nntplib poplib smtplib telnetlib ctypes
sqlite3 tempfile webbrowser builtins.breakpoint builtins.input code.__new__ cpython.run_command
cpython.run_file cpython.run_interactivehook cpython.run_module cpython.run_stdin
function.__new__ pdb pickle signal.pthread_kill syslog _thread.start_new_thread exec
""".split()  # noqa: SIM905
MAX_EVENTS = 10
#: Packages that a reader may import late.
MAY_IMPORT = {"encodings", "numpy", "skstylefeat", "torch"}


@dataclass
class Outcome:
    """Result of reading one file.

    Attributes
    ----------
    file : str
    kind : {"read", "refused", "timeout", "killed"}
        "refused" for any exception, documented or not; "killed" by a signal, or a sudden exit.
    error : str
        Class of the exception, with its module.
    classes : tuple of str
        Names of that class and of all classes that it inherits from.
    message : str
        Text of the exception; of "killed", the signal and the end of stderr.
    value : object
        `summary` of what was read.
    seconds : float
        Wall time.
    memory : int
        Growth of the child's peak memory, in bytes.
    ran : tuple of str
        Forbidden events that the file caused, and files that it left behind.
    """

    file: str
    kind: str
    error: str = ""
    classes: tuple = ()
    message: str = ""
    value: object = None
    seconds: float = 0.0
    memory: int = 0
    ran: tuple = field(default=())


def read_files(reader, paths, *, memory=512 << 20, seconds=20, warm_up=(), may_import=MAY_IMPORT):
    """Read files, each once, in a child process.

    Parameters
    ----------
    reader : str
        "module:function" of a function of one path.
    paths : iterable of path-like
        The files.
    memory : int, default=512 MiB
        Address space that the child may use beyond what it has after its imports.
    seconds : float, default=20
        Wall time that one file may take.
    warm_up : iterable of path-like, default=()
        Valid files, read first and without limits, so that late imports are not counted.
    may_import : iterable of str
        Packages that the reader may import late.

    Returns
    -------
    list of Outcome
        In the order of `paths`.
    """
    waiting = [os.fspath(path) for path in paths]
    job = {
        "reader": reader,
        "memory": memory,
        "seconds": seconds,
        "may_import": sorted(may_import),
        "warm_up": [os.path.abspath(path) for path in warm_up],
    }
    outcomes = []
    while waiting:
        done = _run_child(job, waiting, seconds + GRACE)
        outcomes += done
        del waiting[: len(done)]
    return outcomes


def summary(value):
    """Describe a value in JSON: arrays by type, shape and a hash of their numbers."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value)
        return f"{value.dtype}{value.shape} {hashlib.sha256(data.tobytes()).hexdigest()[:16]}"
    if hasattr(value, "_fields"):
        return {name: summary(part) for name, part in zip(value._fields, value, strict=True)}
    if isinstance(value, dict):
        return {str(key)[:80]: summary(part) for key, part in list(value.items())[:50]}
    if isinstance(value, list | tuple):
        return [summary(part) for part in value[:50]]
    if value is None or isinstance(value, bool | int | float | str):
        return value[:500] if isinstance(value, str) else value
    return type(value).__name__


def _run_child(job, files, patience):
    """Return the outcomes of the first of `files`, up to the one that ends the child."""
    paths = os.pathsep.join([str(ROOT), *filter(os.path.isdir, sys.path)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    results, end = os.pipe()
    # What a file leaves behind by a relative name lies in this folder.
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import _child; _child({end})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=[end],
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(end)
        outcomes, ran = [], []
        try:
            absolute = [os.path.abspath(file) for file in files]
            with child.stdin as stdin:
                stdin.write(json.dumps(job | {"files": absolute}).encode())
            for line in _lines(results, patience, first=120):
                if line is None:
                    child.kill()
                    child.wait()
                    file = files[len(outcomes)]
                    outcomes.append(Outcome(file, "timeout", seconds=patience, ran=tuple(ran)))
                    return outcomes
                content = json.loads(line)
                if "ran" in content:
                    ran.append(content["ran"])
                elif content:
                    content["classes"] = tuple(content.get("classes", ()))
                    outcomes.append(Outcome(files[len(outcomes)], **content, ran=tuple(ran)))
                    ran = []
                if len(outcomes) == len(files):
                    return outcomes

            code = child.wait()
            errors.seek(0)
            reason = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            message = f"{reason}: {errors.read()[-500:]}"
            outcomes.append(
                Outcome(files[len(outcomes)], "killed", message=message, ran=tuple(ran))
            )
            return outcomes
        finally:
            os.close(results)
            child.kill()
            child.wait()


def _lines(descriptor, patience, first):
    """Yield lines from a pipe; None when none comes within `patience`, `first` for the first."""
    buffer, limit = b"", first
    while True:
        if not select.select([descriptor], [], [], limit)[0]:
            yield None
            return
        data = os.read(descriptor, 1 << 16)
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        if lines:
            limit = patience
        yield from lines


class _TimeUp(BaseException):
    """End of the time for one file."""


class _Watch:
    """Audit hook that reports forbidden events while it is armed."""

    def __init__(self, results, may_import):
        self.may_import = may_import
        self.is_armed = False
        self.results = results
        self.left = MAX_EVENTS

    def __call__(self, event, args):
        if self.is_armed and self.left and self._is_forbidden(event, args):
            self.left -= 1
            self.report(f"{event} {str(args)[:100]}")

    def report(self, text):
        """Write at once, because the file may end this process next."""
        os.write(self.results, json.dumps({"ran": text}).encode() + b"\n")

    def _is_forbidden(self, event, args):
        if event == "import":
            return args[0] not in sys.modules and args[0].split(".")[0] not in self.may_import
        if event == "open":
            return bool((args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
        if event == "exec" and args[0].co_filename.startswith((sys.prefix, sys.base_prefix)):
            return False  # a late import, whose name is checked above
        return event in FORBIDDEN_EVENTS or event.split(".")[0] in FORBIDDEN_EVENTS

    def clean(self):
        """Report the files that were left behind and delete them."""
        self.left = MAX_EVENTS
        for name in os.listdir():
            self.report(f"left {name}")
            os.unlink(name)


def _child(results):
    """Read the files of the job on stdin, and write one line of JSON for each."""
    job = json.load(sys.stdin)
    module, _, name = job["reader"].partition(":")
    read = getattr(importlib.import_module(module), name)
    for path in job["warm_up"]:
        read(path)

    watch = _Watch(results, job["may_import"])
    sys.addaudithook(watch)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + job["memory"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def stop(*_):
        raise _TimeUp

    signal.signal(signal.SIGALRM, stop)
    os.write(results, b"{}\n")  # the imports are done
    for path in job["files"]:
        line = json.dumps(_read_one(read, path, job["seconds"], watch)).encode()
        os.write(results, line + b"\n")


def _read_one(read, path, seconds, watch):
    """Return the fields of one `Outcome`."""
    peak, start = _peak_memory(), time.perf_counter()
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        watch.is_armed = True
        try:
            value = read(path)
        finally:
            watch.is_armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
        outcome = {"kind": "read", "value": summary(value)}
    except _TimeUp:
        outcome = {"kind": "timeout", "message": traceback.format_exc()[-1500:]}
    except BaseException as error:
        classes = [cls.__name__ for cls in type(error).__mro__]
        outcome = {
            "kind": "refused",
            "error": f"{type(error).__module__}.{type(error).__qualname__}",
            "classes": classes,
            "message": str(error)[:5000],
        }
    outcome["seconds"] = time.perf_counter() - start
    outcome["memory"] = _peak_memory() - peak
    watch.clean()
    return outcome


def _peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
