"""Progress of long work: tqdm where it is installed and wanted, else silence."""


def progress_bar(*, total, desc, verbose):
    """Return an object with ``update(n)`` and ``close()`` that counts `total` units of work."""
    if verbose:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return _Lines(total, desc)
        return tqdm(total=total, desc=desc)
    return _Silent()


class _Silent:
    def update(self, n=1):
        """Count `n` units."""

    def close(self):
        """End the count."""


class _Lines:
    """A line at every tenth of the work, for where tqdm is not installed."""

    def __init__(self, total, desc):
        self._total, self._desc, self._done, self._said = total, desc, 0, 0

    def update(self, n=1):
        """Count `n` units."""
        self._done += n
        tenth = 10 * self._done // max(self._total, 1)
        if tenth > self._said:
            self._said = tenth
            print(f"{self._desc}: {self._done} of {self._total}", flush=True)

    def close(self):
        """End the count."""
