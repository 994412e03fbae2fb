"""Progress bars of long work."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(
    *, total: int | None, desc: str, verbose: int, initial: int = 0, unit: str = "it"
) -> "tqdm":
    """Return a tqdm bar for the terminal or the notebook, silent if `verbose` is 0."""
    from tqdm.auto import tqdm  # imported here: it takes 30 ms

    return tqdm(total=total, desc=desc, initial=initial, unit=unit, disable=not verbose)
