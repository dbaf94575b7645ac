"""Long text in windows: every word is read once with context on both sides, nothing is cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Window:
    """Words ``[first, last)`` go through the model together; the tags of ``[keep_first, keep_last)`` are taken from it."""

    first: int
    last: int
    keep_first: int
    keep_last: int


def plan_windows(
    sizes: Sequence[int], sentences: Sequence[int], *, target: int, limit: int, overlap: int
) -> list[Window]:
    """Cover a document with windows whose kept parts follow each other without gap.

    Neighbouring sentences share a window while they fit into ``target`` pieces, so no overlap is needed there. A
    sentence longer than ``limit`` is cut at words into overlapping windows, and each word is kept from the window in
    which it stands farther from a cut.

    Args:
        sizes: pieces of each word, each at most ``limit``.
        sentences: indices of the words that begin a sentence, ascending, the first is 0.
        target: pieces of a usual window.
        limit: pieces that the model can take.
        overlap: pieces that two windows of one cut sentence share, less than ``limit``.

    Example:
        >>> plan_windows([1, 1, 1], [0, 2], target=2, limit=4, overlap=1)
        [Window(first=0, last=2, keep_first=0, keep_last=2), Window(first=2, last=3, keep_first=2, keep_last=3)]
    """
    windows: list[Window] = []
    begin = size = 0
    for first, last in pairwise((*sentences, len(sizes))):
        length = sum(sizes[first:last])
        if begin < first and size + length > target:
            windows.append(Window(begin, first, begin, first))
            begin, size = first, 0
        if length > limit:
            windows += _cut(sizes, first, last, limit, overlap)
            begin, size = last, 0
        else:
            size += length
    if begin < len(sizes):
        windows.append(Window(begin, len(sizes), begin, len(sizes)))
    return windows


def _cut(sizes: Sequence[int], first: int, last: int, limit: int, overlap: int) -> list[Window]:
    parts: list[tuple[int, int]] = []
    start = first
    while True:
        end, size = start, 0
        while end < last and size + sizes[end] <= limit:
            size += sizes[end]
            end += 1
        parts.append((start, end))
        if end == last:
            break
        back, shared = end, 0
        # The next window must begin after this one did, or the plan would never end.
        while back - 1 > start and shared + sizes[back - 1] <= overlap:
            back -= 1
            shared += sizes[back]
        start = back
    # Between two windows the cut falls in the middle of what they share.
    cuts = [(left[1] + right[0] + 1) // 2 for left, right in pairwise(parts)]
    bounds = [first, *cuts, last]
    return [Window(*part, *keep) for part, keep in zip(parts, pairwise(bounds), strict=True)]
