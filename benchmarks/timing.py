"""Times, memory and operations of functions that take turns, for the benchmarks of speed.

One run times all competitors of a task in turns. A large matrix product takes its turn among them,
so that the limit of the machine is that of the same minutes: the rate of a processor that others
share varies within an hour.
"""

import multiprocessing
import statistics
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

LIMIT = "matrix product"
PRODUCT_SIZE = 3072


def add_clock(parser):
    """Add the option that chooses the clock."""
    parser.add_argument(
        "--processor-time",
        dest="clock",
        action="store_const",
        const=time.process_time,
        default=time.perf_counter,
        help="count processor time, which other programs disturb less; use it with one thread",
    )


def measure(functions, repeats, clock=time.perf_counter, warm_up=True):
    """Return the times of each function in seconds, by label; calls take turns."""
    times = {label: [] for label in functions}
    for function in functions.values() if warm_up else ():
        function()
    for _ in range(repeats):
        for label, function in functions.items():
            start = clock()
            function()
            times[label].append(clock() - start)
    return times


def with_limit(functions):
    """Return the functions and, as a last one, a large float32 matrix product."""
    left, right = torch.rand(2, PRODUCT_SIZE, PRODUCT_SIZE)
    return {**functions, LIMIT: lambda: left @ right}


def rate_of(times):
    """Return the operations per second of the matrix product: the best of its turns."""
    return 2 * PRODUCT_SIZE**3 / min(times[LIMIT])


def operations(function, *arguments):
    """Return the multiplications and additions of a call's convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        function(*arguments)
    return counter.get_total_flops()


def share_text(count, times, label):
    """Return the operations of a call and the share of the limit that its median reaches."""
    share = count / rate_of(times) / statistics.median(times[label])
    return f"[{count / 1e9:.1f} GFLOP, {share:.0%} of the limit]"


def times_text(label, times, ours):
    """Return the median and the range of times, and the ratio of their median to that of ours."""
    middle = statistics.median(times)
    unit, scale, digits = ("s", 1, 3) if middle >= 0.1 else ("ms", 1e3, 2)
    middle, low, high = (f"{scale * x:.{digits}f}" for x in (middle, min(times), max(times)))
    ratio = statistics.median(times) / statistics.median(ours)
    return f"{label} {middle} {unit} [{low} to {high}] ({ratio:.2f}x)"


def row_text(times, ours, counts=None):
    """Return the texts of all functions but the limit, with shares of the limit where counted.

    Parameters
    ----------
    times : dict of str to list of float
        As `measure` returns them.
    ours : str
        Label of the times that the ratios divide by.
    counts : dict of str to int or None, default=None
        Operations of a call, by label.
    """
    parts = []
    for label, found in times.items():
        if label == LIMIT:
            continue
        text = times_text(label, found, times[ours])
        if counts and label in counts:
            text += f" {share_text(counts[label], times, label)}"
        parts.append(text)
    if LIMIT in times:
        parts.append(f"limit {rate_of(times) / 1e9:.0f} GFLOP/s")
    return ",  ".join(parts)


def resident(field):
    """Return the memory of the process in MiB, now ("VmRSS") or at its peak ("VmHWM")."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def memory_of(function, *arguments):
    """Return the memory in MiB that the first call of a process takes in addition, at its peak."""
    before = resident("VmRSS")
    function(*arguments)
    return resident("VmHWM") - before


def in_fresh_process(function, *arguments):
    """Call a function in a new process and return its result."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)
