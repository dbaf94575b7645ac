"""Long text in windows: every word is read once with context around it, nothing is cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise


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
    limit: int,
    overlap: int,
) -> list[Window]:
    """Cover a document with windows whose kept parts follow each other without gap.

    A line that is no longer than ``target`` is a window by itself: text that comes in lines was meant so, and looks as
    the rows did that a tagger learned from. In a longer line neighbouring sentences share a window while they fit into
    ``target``. A sentence longer than ``limit`` is cut at words into overlapping windows, and each word is kept from
    the window in which it stands farther from a cut.

    Args:
        sizes: pieces of each word, each at most ``limit``.
        lines: indices of the words that begin a line, ascending; the first is 0.
        sentences: indices of the words that begin a sentence, those of ``lines`` among them.
        target: pieces of a usual window.
        limit: pieces that the model can take.
        overlap: pieces that two windows of one cut sentence share, less than ``limit``.

    Example:
        >>> [(w.first, w.last) for w in plan_windows([1] * 5, [0, 1], [0, 1, 3], target=3, limit=4, overlap=1)]
        [(0, 1), (1, 3), (3, 5)]
    """
    windows: list[Window] = []
    ends = [0, *accumulate(sizes)]
    starts = iter((*sentences, len(sizes)))
    sentence = next(starts, len(sizes))
    for line, line_end in pairwise((*lines, len(sizes))):
        begin = line
        while sentence < line_end:
            first, sentence = sentence, next(starts)
            if begin < first and ends[sentence] - ends[begin] > target:
                windows.append(Window(begin, first, begin, first))
                begin = first
            if ends[sentence] - ends[begin] > limit:
                windows += _cut(sizes, begin, sentence, limit, overlap)
                begin = sentence
        if begin < line_end:
            windows.append(Window(begin, line_end, begin, line_end))
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
