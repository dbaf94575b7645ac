"""Texts that say the same: exactly, or nearly by MinHash."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BANDS = 32
_ROWS = 4
_SHINGLE = 4
_SEED = 1
_MULTIPLIER = 0x9E3779B97F4A7C15


def normalised(text: str) -> str:
    """Text with casing, composition and white space evened out, as near-duplicates are compared.

    Examples:
        >>> normalised("  Rome,  ROME ")
        'rome, rome'
    """
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def near_duplicates(texts: Sequence[str], *, threshold: float = 0.8) -> list[list[int]]:
    """Groups of texts that are alike: candidates by MinHash with banding, each confirmed by its true Jaccard index.

    Texts are compared as sets of four-character shingles (https://ieeexplore.ieee.org/document/666900).

    Args:
        texts: any.
        threshold: least Jaccard index of shingle sets, in (0, 1].

    Returns:
        Indices of each group of two or more, ascending; a text is alike one other of its group at least.

    Examples:
        >>> near_duplicates(["one two three four", "one two three four!", "quite another thing"])
        [[0, 1]]
    """
    return alike(band_keys(texts), texts.__getitem__, threshold=threshold)


def band_keys(texts: Sequence[str]) -> NDArray[np.uint32]:
    """What of texts is compared first: two that share a number in some column are candidates.

    With 32 bands of 4 rows, texts of Jaccard index 0.8 become candidates with a chance of 1 - (1 - 0.8⁴)³², which
    differs from 1 by 4e-8, texts of 0.3 with a chance of 0.23.

    Returns:
        Shape ``(texts, 32)``.
    """
    import numpy as np
    import rensa

    if not texts:
        return np.zeros((0, BANDS), dtype=np.uint32)
    shingles = [_shingles(text) for text in texts]
    ends = np.cumsum([0, *(len(own) for own in shingles)]).astype(np.uint64)
    digests = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
        np.concatenate(shingles), ends, BANDS * _ROWS, _SEED
    ).to_rows()
    rows = np.array(digests, dtype=np.uint64).reshape(len(texts), BANDS, _ROWS)
    keys = np.zeros((len(texts), BANDS), dtype=np.uint64)
    for row in range(_ROWS):
        keys = (keys ^ rows[:, :, row]) * np.uint64(_MULTIPLIER)
        keys ^= keys >> np.uint64(32)
    return keys.astype(np.uint32)


def alike(keys: NDArray[np.uint32], text: Callable[[int], str], *, threshold: float = 0.8) -> list[list[int]]:
    """Groups of texts by their :func:`band_keys`; memory is a few numbers a text, so the keys may lie on disk.

    Args:
        keys: shape ``(texts, 32)``.
        text: gives the text of a row, to confirm candidates.
        threshold: as for :func:`near_duplicates`.
    """
    parent = list(range(len(keys)))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    refused: set[tuple[int, int]] = set()
    for band in range(keys.shape[1]):
        for left, right in _candidates(keys[:, band]):
            first, second = root(left), root(right)
            if first == second or (left, right) in refused:
                continue
            if _jaccard(text(left), text(right)) >= threshold:
                parent[max(first, second)] = min(first, second)
            else:
                refused.add((left, right))
    groups: dict[int, list[int]] = {}
    for number in range(len(keys)):
        if (first := root(number)) != number:
            groups.setdefault(first, [first]).append(number)
    return sorted(groups.values())


def _candidates(keys: NDArray[np.uint32]) -> Iterator[tuple[int, int]]:
    """Pairs of rows with equal keys: each row with the one before it, and with the first that has its key."""
    import numpy as np

    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1], True])
    for begin, end in zip(begins[:-1][np.diff(begins) > 1], begins[1:][np.diff(begins) > 1], strict=True):
        rows = order[begin:end].tolist()
        for place in range(1, len(rows)):
            yield rows[place - 1], rows[place]
            if place > 1:
                yield rows[0], rows[place]


def _shingles(text: str) -> NDArray[np.uint64]:
    """Hashes of a text's four-character pieces."""
    import numpy as np

    points = np.frombuffer(f" {normalised(text)} ".ljust(_SHINGLE).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    count = len(points) - _SHINGLE + 1
    hashes = np.zeros(count, dtype=np.uint64)
    for place in range(_SHINGLE):
        hashes = (hashes ^ points[place : place + count]) * np.uint64(_MULTIPLIER)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _jaccard(left: str, right: str) -> float:
    import numpy as np

    one, other = np.unique(_shingles(left)), np.unique(_shingles(right))
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)
