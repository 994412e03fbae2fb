"""Search for image files by the names that tables give them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from skstylefeat._utils._listing import IMAGE_SUFFIXES, UNREAD_IMAGE_SUFFIXES, suffix_of


class NamedFiles:
    """Image files, found by the names that tables give them.

    A name matches an image if one of the two paths is the end of the other. It may be written with
    backslashes, in another Unicode normal form, in another case, without suffix, or with the suffix
    of another image format, as long as a single image matches best.

    Parameters
    ----------
    names : iterable of str
        Paths inside a folder or archive, with slashes.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        split = {name: _parts(name) for name in self._names}
        # A folder that holds all images may have had another name when the table was written.
        folders = [parts[:-1] for parts in split.values()]
        n_common = 0
        if folders:
            low, high = min(folders), max(folders)
            while n_common < min(len(low), len(high)) and low[n_common] == high[n_common]:
                n_common += 1

        self._levels: list[dict[str, list[tuple[str, list[str]]]]] = [{}, {}, {}]
        for name, parts in split.items():
            folded = [part.lower() for part in parts]
            stem = folded[-1].removesuffix(suffix_of(folded[-1]))
            for level, end in enumerate((parts[-1], folded[-1], stem)):
                entry = (name, parts[:-1] if level == 0 else folded[:-1])
                self._levels[level].setdefault(end, []).append(entry)
        self._n_common = n_common

    def find(self, text: str) -> tuple[str, int] | None:
        """Return the image that matches a text and how well, or None.

        The second number is 0 for the same file name, 1 for another case, 2 for another suffix.
        """
        if text in self._names:
            return text, 0
        parts = _parts(text)
        if not parts:
            return None
        folded = [part.lower() for part in parts]
        ends = [(0, parts, parts[-1]), (1, folded, folded[-1]), (2, folded, folded[-1])]
        suffix = suffix_of(folded[-1])
        if suffix in IMAGE_SUFFIXES or suffix in UNREAD_IMAGE_SUFFIXES:
            ends.append((2, folded, folded[-1].removesuffix(suffix)))

        for level, path, end in ends:
            fits = {}
            for name, folders in self._levels[level].get(end, ()):
                score = self._agreement(path[:-1], folders)
                if score is not None:
                    fits[name] = score
            if fits:
                best = [name for name, score in fits.items() if score == max(fits.values())]
                return (best[0], level) if len(best) == 1 else None
        return None

    def find_all(self, texts: Sequence[str]) -> list[str | None]:
        """Return the image that matches each text, or None.

        If two texts match one image, only the closer one counts: the other is another file.
        """
        cache = {text: self.find(text) for text in set(texts)}
        nearest: dict[str, int] = {}
        for match in filter(None, cache.values()):
            nearest[match[0]] = min(match[1], nearest.get(match[0], match[1]))
        found = [cache[text] for text in texts]
        return [match[0] if match and match[1] == nearest[match[0]] else None for match in found]

    def count(self, texts: Iterable[str]) -> tuple[int, int]:
        """Return how many images match the texts: with their suffix, and in all."""
        found = [match for match in map(self.find, texts) if match is not None]
        return len({name for name, level in found if level < 2}), len({name for name, _ in found})

    def _agreement(self, wanted: list[str], folders: list[str]) -> tuple[int, bool] | None:
        """Return how many folders of two paths agree from the end, or None if some differ."""
        for known in (folders, folders[self._n_common :]):
            n = min(len(wanted), len(known))
            if wanted[len(wanted) - n :] == known[len(known) - n :]:
                return n, len(wanted) == len(known)
        return None


def _parts(name: str) -> list[str]:
    """Split a path of any system into its parts."""
    parts = re.split(r"[/\\]", unicodedata.normalize("NFC", name))
    return [part for part in parts if part not in ("", ".", "..")]
