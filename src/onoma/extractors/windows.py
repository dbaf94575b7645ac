"""Long text in windows: every word is read once with context around it, nothing is cut off."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Window:
    """Words ``[first, last)`` go through the model together; tags of ``[keep_first, keep_last)`` are taken from it."""

    first: int
    last: int
    keep_first: int
    keep_last: int


def plan_windows(
    sizes: Sequence[int],
    lines: Sequence[int],
    sentences: Sequence[int],
    *,
    target: int,
    overlap: int,
) -> list[Window]:
    """Cover a document with windows whose kept parts follow each other without gap.

    A line that is no longer than ``target`` is a window by itself: text that comes in lines was meant so, and looks as
    the rows did that a tagger learned from. A longer line is cut at words into overlapping windows, the next one
    beginning with a sentence where one begins early in what they share; each word is kept from the window in which it
    stands farther from a cut.

    Args:
        sizes: pieces of each word, each at most ``target``.
        lines: indices of the words that begin a line, ascending; the first is 0.
        sentences: indices of the words that begin a sentence, ascending.
        target: pieces of a window.
        overlap: pieces that two windows of one line share, less than ``target``.

    Examples:
        >>> [(w.first, w.last) for w in plan_windows([1] * 6, [0, 1], [0, 1], target=3, overlap=1)]
        [(0, 1), (1, 4), (3, 6)]
    """
    windows: list[Window] = []
    for first, last in pairwise((*lines, len(sizes))):
        windows += _cover(sizes, first, last, sentences, target, overlap)
    return windows


def _cover(
    sizes: Sequence[int], first: int, last: int, sentences: Sequence[int], target: int, overlap: int
) -> list[Window]:
    parts: list[tuple[int, int]] = []
    start = first
    while True:
        end, size = start, 0
        while end < last and size + sizes[end] <= target:
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
        sentence = bisect_left(sentences, back)
        early = sentence < len(sentences) and sentences[sentence] <= (back + end) // 2
        start = sentences[sentence] if early else back
    # Between two windows the cut falls in the middle of what they share.
    cuts = [(left[1] + right[0] + 1) // 2 for left, right in pairwise(parts)]
    bounds = [first, *cuts, last]
    return [Window(*part, *keep) for part, keep in zip(parts, pairwise(bounds), strict=True)]
