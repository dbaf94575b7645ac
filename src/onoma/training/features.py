"""Documents as training rows, and batches of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from onoma.alignment import WordEncoder
from onoma.document import Document
from onoma.extractors.batching import budget_batches
from onoma.extractors.decoding import Floats
from onoma.extractors.tagger import TaggerSettings, encode_windows
from onoma.tagging import WordSpan, spans_to_words, write_tags

IGNORED = -100
"""Target of pieces that carry no label; the losses of torch pass over it."""

_IMPOSSIBLE = -1e4
Integers = npt.NDArray[np.int32]


class Row(NamedTuple):
    """One window: arrays of the same length, see :class:`Features`."""

    ids: Integers
    targets: Integers
    weights: npt.NDArray[np.float32]
    soft: npt.NDArray[np.float16] | None


@dataclass(frozen=True)
class Features:
    """Encoded windows, packed one after the other to stay small.

    Args:
        ids: piece ids of all rows.
        targets: tag numbers, or :data:`IGNORED`.
        weights: of each piece in the loss.
        soft: teachers' log-probabilities of tags for each piece that has a target, shape ``(pieces, tags)``, or None.
        bounds: row ``i`` is ``[bounds[i], bounds[i + 1])``.
        entities: number of the label of each entity that begins in a row, by row.
        lost: spans that no target could carry, since they overlap a longer one or cover no word.
        widened: spans that begin or end inside a word and were trained as whole words.
    """

    ids: Integers
    targets: Integers
    weights: npt.NDArray[np.float32]
    soft: npt.NDArray[np.float16] | None
    bounds: npt.NDArray[np.int64]
    entities: tuple[tuple[int, ...], ...]
    lost: int = 0
    widened: int = 0

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, index: int) -> Row:
        place = slice(self.bounds[index], self.bounds[index + 1])
        soft = None if self.soft is None else self.soft[place]
        return Row(self.ids[place], self.targets[place], self.weights[place], soft)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Pieces of each row."""
        return np.diff(self.bounds)


def make_features(
    documents: Iterable[Document],
    encoder: WordEncoder,
    settings: TaggerSettings,
    subword_labels: Literal["first", "all"],
    *,
    soft: Sequence[Floats] | None = None,
    weight: float = 1.0,
) -> Features:
    """Encode gold documents; a long one becomes several rows, with nothing cut off.

    Words of a span that has a score weigh that much in the loss; all others weigh ``weight``.

    Args:
        documents: with spans; every label must be in ``settings.labels``.
        encoder: of the base.
        settings: window sizes and labels.
        subword_labels: label the first piece of each word, or all of them.
        soft: log-probabilities of tags for each word of each document, shape ``(words, tags)``, from teachers.
        weight: of words that are in no scored span; 0 where only the teachers count.
    """
    numbers = {tag: number for number, tag in enumerate(settings.tags.tags)}
    ids: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    softs: list[Floats] = []
    bounds = [0]
    entities: list[tuple[int, ...]] = []
    lost = widened = 0
    for number, document in enumerate(documents):
        view = spans_to_words(document)
        lost += len(view.overlapping) + len(view.empty)
        widened += len(view.widened)
        tags = [numbers[tag] for tag in write_tags(view.spans, len(document.words()))]
        sureness = _sureness(document, view.spans)
        for encoded in encode_windows(document, encoder, settings, overlap=0):
            row = [IGNORED] * len(encoded.ids)
            row_weights = [weight] * len(encoded.ids)
            row_soft = np.zeros((len(encoded.ids), len(settings.tags)), np.float32)
            window = encoded.window
            for word, (first, last) in enumerate(pairwise(encoded.words), start=window.first):
                # With "all" each piece has its word's own tag, B- too, since the word's tag is read off their mean.
                for position in range(first, last if subword_labels == "all" else min(first + 1, last)):
                    row[position] = tags[word]
                    row_weights[position] = sureness.get(word, weight)
                    if soft is not None:
                        row_soft[position] = soft[number][word]
            ids.extend(encoded.ids)
            targets.extend(row)
            weights.extend(row_weights)
            softs.append(row_soft)
            bounds.append(len(ids))
            # In number, I- follows B-, and both follow O.
            entities.append(tuple(tag // 2 for tag in tags[window.first : window.last] if tag % 2 == 1))
    return Features(
        np.array(ids, np.int32),
        np.array(targets, np.int32),
        np.array(weights, np.float32),
        # Impossible tags are as good as impossible at -10,000, and sums stay finite.
        None if soft is None else np.maximum(np.concatenate(softs), _IMPOSSIBLE).astype(np.float16),
        np.array(bounds),
        tuple(entities),
        lost,
        widened,
    )


def _sureness(document: Document, spans: Sequence[WordSpan]) -> dict[int, float]:
    """Score of the span that each word is in, where it has one."""
    if all(span.score is None for span in document.spans):
        return {}
    words = document.words()
    scores = {span.start: span.score for span in document.spans if span.score is not None}
    return {
        word: scores[words[span.first][0]]
        for span in spans
        if words[span.first][0] in scores
        for word in range(span.first, span.last)
    }


def join_features(parts: Sequence[Features]) -> Features:
    """Rows of several corpora, one after the other."""
    return Features(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.soft for part in parts if part.soft is not None]) if parts[0].soft is not None else None,
        np.cumsum([0, *(length for part in parts for length in part.lengths)]),
        tuple(row for part in parts for row in part.entities),
        sum(part.lost for part in parts),
        sum(part.widened for part in parts),
    )


class EpochBatches:
    """Batch sampler: shuffled, of like lengths, within a budget of padded pieces, the same for each rank and epoch.

    Args:
        lengths: pieces of each row.
        groups: rows of each corpus.
        shares: rows to draw from each corpus an epoch; more than it has repeats it.
        weights: how often to draw each row, in proportion.
        budget: padded pieces of a batch.
        seed: of the shuffling.
        rank: this process among ``world``.
        world: number of processes; each gets every ``world``-th batch.
    """

    def __init__(
        self,
        lengths: npt.NDArray[np.int64],
        groups: Sequence[npt.NDArray[np.int64]],
        shares: Sequence[int],
        weights: npt.NDArray[np.float64],
        *,
        budget: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._lengths = lengths
        self._groups = groups
        self._shares = shares
        self._weights = weights
        self._budget = budget
        self._seed = seed
        self._rank, self._world = rank, world
        self._epoch = 0
        # The number of steps must not change between epochs, so the first one's is kept; see _settle.
        first = len(self._plan(0))
        self._count = max(world, first - first % world)

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffling."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count // self._world

    def __iter__(self) -> Iterator[list[int]]:
        batches = _settle(self._plan(self._epoch), self._count)
        yield from batches[self._rank :: self._world]

    def _plan(self, epoch: int) -> list[list[int]]:
        generator = np.random.default_rng((self._seed, epoch))
        rows = np.concatenate(
            [
                group[_draw(self._weights[group], share, generator)]
                for group, share in zip(self._groups, self._shares, strict=True)
            ]
        )
        # Noise on the length lets neighbours change from epoch to epoch while padding stays small.
        noisy = self._lengths[rows] * generator.uniform(0.9, 1.1, len(rows))
        order = rows[np.argsort(-noisy, kind="stable")]
        batches = budget_batches(self._lengths.tolist(), self._budget, order.tolist())
        return [batches[index] for index in generator.permutation(len(batches))]


def epoch_shares(sizes: Sequence[int], weights: Sequence[float], temperature: float) -> list[int]:
    """Rows to draw from each corpus an epoch, as many in all as there are.

    Shares go as ``weight × size^(1/temperature)`` (https://arxiv.org/abs/1907.05019); at temperature 1 and equal
    weights each row is drawn once.

    Examples:
        >>> epoch_shares([900, 100], [1, 1], temperature=2)
        [750, 250]
    """
    raw = np.array([weight * size ** (1 / temperature) for size, weight in zip(sizes, weights, strict=True)])
    exact = raw / raw.sum() * sum(sizes)
    shares = np.floor(exact).astype(int)
    for index in np.argsort(shares - exact, kind="stable")[: sum(sizes) - shares.sum()]:
        shares[index] += 1
    return [int(share) for share in shares]


def _draw(weights: npt.NDArray[np.float64], count: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """``count`` positions, each as often as its weight says but for a rounding by chance (systematic sampling)."""
    order = generator.permutation(len(weights))
    ends = np.cumsum(weights[order])
    points = (np.arange(count) + generator.random()) / count * ends[-1]
    drawn: npt.NDArray[np.int64] = order[np.minimum(np.searchsorted(ends, points, side="right"), len(order) - 1)]
    return drawn


def _settle(batches: list[list[int]], count: int) -> list[list[int]]:
    """Make the number of batches ``count``: split the fullest where there are too few, else merge the emptiest."""
    batches = list(batches)
    while len(batches) < count:
        fullest = max(range(len(batches)), key=lambda index: len(batches[index]))
        rows = batches[fullest]
        if len(rows) < 2:
            batches.append(rows)
            continue
        batches[fullest], rest = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        batches.append(rest)
    while len(batches) > count:
        last, emptiest = sorted(sorted(range(len(batches)), key=lambda index: len(batches[index]))[:2], reverse=True)
        batches[emptiest] = batches[emptiest] + batches.pop(last)
    return batches
