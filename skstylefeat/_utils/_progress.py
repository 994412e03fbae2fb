"""Progress bars of long work."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(
    *, total: int, desc: str, verbose: int, initial: int = 0, unit: str = "it"
) -> "tqdm":
    """Return a tqdm bar for the terminal or the notebook; a silent one where `verbose` is 0."""
    from tqdm.auto import tqdm  # 30 ms that an import of the package need not spend

    return tqdm(total=total, desc=desc, initial=initial, unit=unit, disable=not verbose)
