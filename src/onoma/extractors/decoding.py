"""From tag probabilities of words to labelled runs of words: legal IOB2 paths, scores, thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class TagSet:
    """IOB2 tags of a label set, in the order of a model's outputs: ``O``, then ``B-`` and ``I-`` of each label.

    Examples:
        >>> TagSet(("LOC",)).tags
        ('O', 'B-LOC', 'I-LOC')
    """

    labels: tuple[str, ...]

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """Names of all tags."""
        return ("O", *(f"{prefix}-{label}" for label in self.labels for prefix in "BI"))

    def __len__(self) -> int:
        return 1 + 2 * len(self.labels)

    def begin(self, label: str) -> int:
        """Number of ``B-label``; ``I-label`` is the next."""
        return 1 + 2 * self.labels.index(label)

    @cached_property
    def forbidden(self) -> npt.NDArray[np.bool_]:
        """``[previous, next]`` is true where IOB2 does not allow the pair; O's row holds for the start too."""
        size = len(self)
        table = np.zeros((size, size), bool)
        for inside in range(2, size, 2):
            table[:, inside] = True
            table[inside - 1, inside] = table[inside, inside] = False
        return table


def legal_paths(scores: Sequence[Floats], tags: TagSet) -> list[Ints]:
    """Best sequence of tags that IOB2 allows, for each sentence (Viterbi over log-probabilities).

    Where the best tag of each word already makes a legal path, that path is the answer; only the other sentences
    are searched, all at once.

    Args:
        scores: an array of shape ``(words, tags)`` a sentence, log-probabilities; zero words are allowed.
        tags: the tag set.

    Returns:
        Tag numbers, an array of shape ``(words,)`` a sentence.
    """
    paths = [np.argmax(sentence, axis=1) if len(sentence) else np.zeros(0, np.intp) for sentence in scores]
    broken = [index for index, path in enumerate(paths) if _is_broken(path, tags)]
    if broken:
        for index, path in zip(broken, _viterbi([scores[index] for index in broken], tags), strict=True):
            paths[index] = path
    return paths


def _is_broken(path: Ints, tags: TagSet) -> bool:
    return bool(tags.forbidden[np.concatenate([[0], path[:-1]]), path].any()) if len(path) else False


def _viterbi(scores: Sequence[Floats], tags: TagSet) -> list[Ints]:
    lengths = np.array([len(sentence) for sentence in scores])
    longest = int(lengths.max())
    # Longest first, so that at each word the sentences still going are a prefix of the batch.
    order = np.argsort(-lengths, kind="stable")
    padded = np.zeros((len(scores), longest, len(tags)))
    for row, index in enumerate(order):
        padded[row, : lengths[index]] = scores[index]
    going = (lengths[order][None, :] > np.arange(longest)[:, None]).sum(axis=1)
    penalty = np.where(tags.forbidden, -np.inf, 0.0)
    back = np.zeros((longest, len(scores), len(tags)), np.intp)
    best = padded[:, 0] + penalty[0]
    for word in range(1, longest):
        active = going[word]
        candidates = best[:active, :, None] + penalty
        back[word, :active] = candidates.argmax(axis=1)
        best[:active] = candidates.max(axis=1) + padded[:active, word]
    paths: list[Ints] = [np.zeros(0, np.intp)] * len(scores)
    for row, index in enumerate(order):
        path = np.empty(lengths[index], np.intp)
        path[-1] = best[row].argmax()
        for word in range(lengths[index] - 1, 0, -1):
            path[word - 1] = back[word, row, path[word]]
        paths[index] = path
    return paths


@dataclass(frozen=True, slots=True)
class Found:
    """A labelled run of words, ``last`` exclusive, with its score."""

    first: int
    last: int
    label: str
    score: float


def spans_of_path(
    path: Ints, scores: Floats, tags: TagSet, thresholds: Mapping[str, float] | None = None
) -> list[Found]:
    """Read the labelled runs of words off a legal path.

    A run's score is the geometric mean of its words' tag probabilities, so that long names are not punished.

    Args:
        path: tag numbers of the words.
        scores: log-probabilities, shape ``(words, tags)``.
        tags: the tag set.
        thresholds: least score of each label; runs below it are dropped.
    """
    found = []
    begins = np.flatnonzero((path > 0) & (path % 2 == 1))
    for first in begins.tolist():
        inside = path[first] + 1
        last = first + 1
        while last < len(path) and path[last] == inside:
            last += 1
        label = tags.labels[int(path[first]) // 2]
        score = float(np.exp(scores[np.arange(first, last), path[first:last]].mean()))
        if score >= (thresholds or {}).get(label, 0.0):
            found.append(Found(first, last, label, score))
    return found
