"""Sentences that say the same: exactly, or nearly by MinHash."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

PERMUTATIONS = 128
_BANDS = 32
_SHINGLE = 4


def normalised(text: str) -> str:
    """Text with casing, composition and white space evened out, as near-duplicates are compared.

    Example:
        >>> normalised("  Rome,  ROME ")
        'rome, rome'
    """
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def near_duplicates(texts: Sequence[str], *, threshold: float = 0.8) -> list[list[int]]:
    """Groups of texts that are alike: candidates by MinHash with banding, each confirmed by its true Jaccard index.

    Texts are compared as sets of four-character shingles (https://ieeexplore.ieee.org/document/666900).

    Args:
        texts: any; more than a few million want more memory than this keeps free.
        threshold: least Jaccard index of shingle sets, in (0, 1].

    Returns:
        Indices of each group of two or more, ascending; a text is alike one other of its group at least.

    Example:
        >>> near_duplicates(["one two three four", "one two three four!", "quite another thing"])
        [[0, 1]]
    """
    import rensa

    shingles = [_shingles(text) for text in texts]
    index = rensa.RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=_BANDS)
    parent = list(range(len(texts)))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for number, own in enumerate(shingles):
        sketch = rensa.RMinHash(num_perm=PERMUTATIONS, seed=1)
        sketch.update(sorted(own))
        for other in index.query(sketch):
            if root(other) != root(number) and _jaccard(own, shingles[other]) >= threshold:
                parent[root(number)] = root(other)
        index.insert(number, sketch)
    groups: dict[int, list[int]] = {}
    for number in range(len(texts)):
        groups.setdefault(root(number), []).append(number)
    return [group for group in groups.values() if len(group) > 1]


def _shingles(text: str) -> set[str]:
    plain = f" {normalised(text)} "
    return {plain[start : start + _SHINGLE] for start in range(max(1, len(plain) - _SHINGLE + 1))}


def _jaccard(left: set[str], right: set[str]) -> float:
    return len(left & right) / len(left | right)
