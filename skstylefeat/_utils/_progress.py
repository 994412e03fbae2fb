"""Progress of long work: tqdm where it is installed and wanted, else lines or silence."""

import time


def progress_bar(*, total, desc, verbose, initial=0, unit="it"):
    """Return a bar that counts `total` units of work.

    A context manager with the methods of tqdm's that are used here: ``update(n=1)``,
    ``set_postfix(dict)`` and ``close()``.
    """
    if not verbose:
        return _Silent()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Lines(total, desc, initial, unit)
    return tqdm(total=total, desc=desc, initial=initial, unit=unit)


class _Silent:
    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def update(self, n=1):
        """Count `n` units."""

    def set_postfix(self, values):
        """Show values beside the count."""

    def close(self):
        """End the count."""


class _Lines(_Silent):
    """A line at every tenth of the work, for where tqdm is not installed."""

    def __init__(self, total, desc, initial, unit):
        self._total, self._desc, self._initial, self._unit = total, desc, initial, unit
        self._done, self._values, self._start = initial, {}, time.monotonic()

    def update(self, n=1):
        """Count `n` units."""
        tenths = 10 * self._done // max(self._total, 1)
        self._done += n
        if 10 * self._done // max(self._total, 1) > tenths:
            values = "".join(f", {name} {value}" for name, value in self._values.items())
            rate = (self._done - self._initial) / max(time.monotonic() - self._start, 1e-9)
            left = max(self._total - self._done, 0) / rate
            print(
                f"{self._desc}: {self._done} of {self._total}, {rate:.3g} {self._unit}/s, "
                f"{_clock(left)} left{values}",
                flush=True,
            )

    def set_postfix(self, values):
        """Show values beside the count."""
        self._values = dict(values)


def _clock(seconds):
    """Return a time as m:ss, or as h:mm:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
