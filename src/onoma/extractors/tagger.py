"""The tagger: an encoder with a token-classification head, run over words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from onoma.alignment import MAX_PIECES, WordEncoder
from onoma.document import Document, Span
from onoma.extractors.base import Extractor
from onoma.extractors.batching import cheapest_batches
from onoma.extractors.decoding import Floats, TagSet, legal_paths, spans_of_path
from onoma.extractors.windows import Window, plan_windows
from onoma.words import line_and_sentence_starts

if TYPE_CHECKING:
    from onoma.models.exports import ExportCard
    from onoma.models.runs import RunCard

Subwords = Literal["first", "mean"]
Logits = Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], Floats]
"""Takes piece ids and attention mask of shape ``(batch, pieces)``, gives logits ``(batch, pieces, tags)``."""


@dataclass(frozen=True)
class TaggerSettings:
    """How a tagger reads text; kept in the run, since training and extraction must agree on it.

    Args:
        labels: entity types in the order of the head's outputs.
        max_pieces: longest input of the base, special pieces included.
        window: pieces of a usual window, near the lengths that the tagger was trained on.
        subwords: a word's logits are those of its first piece, or the mean over its pieces.
        thresholds: least span score of each label.
        temperature: logits are divided by it, which changes scores but no tag.
    """

    labels: tuple[str, ...]
    max_pieces: int
    window: int
    subwords: Subwords = "first"
    thresholds: Mapping[str, float] = field(default_factory=dict)
    temperature: float = 1.0

    @property
    def tags(self) -> TagSet:
        """IOB2 tags of the labels."""
        return TagSet(self.labels)

    @classmethod
    def of(cls, card: RunCard | ExportCard, max_pieces: int) -> TaggerSettings:
        """Settings that a run or an export states, for a base with inputs of this length."""
        return cls(
            labels=card.labels,
            max_pieces=max_pieces,
            window=card.window,
            subwords=card.subwords,
            thresholds=card.thresholds,
            temperature=card.temperature,
        )


@dataclass(frozen=True)
class Encoded:
    """A window ready for the model.

    Args:
        ids: piece ids with the special ones.
        words: position of each word's first piece, and one more past the last word's pieces. A word that the
            tokenizer leaves nothing of has the position of the next.
        window: which words these are.
    """

    ids: tuple[int, ...]
    words: tuple[int, ...]
    window: Window


@dataclass(frozen=True)
class Reading:
    """A document as a tagger reads it.

    Args:
        document: the text.
        settings: of the tagger.
        windows: the text cut and encoded.
    """

    document: Document
    settings: TaggerSettings
    windows: Sequence[Encoded]

    def starts(self) -> list[int]:
        """Offsets at which the windows after the first begin to count."""
        words = self.document.words()
        return [words[encoded.window.keep_first][0] for encoded in self.windows[1:]]


def encode_windows(
    document: Document, encoder: WordEncoder, settings: TaggerSettings, *, overlap: int | None = None
) -> list[Encoded]:
    """Cut a document into windows and encode them; used by extraction and training alike.

    Args:
        document: any length.
        encoder: of the base.
        settings: window sizes.
        overlap: pieces shared by the windows of a cut sentence; half of it if None.
    """
    offsets = document.words()
    room = settings.max_pieces - len(encoder.prefix) - len(encoder.suffix)
    # A base with very short inputs sees the beginning of a very long word.
    pieces = [piece[:room] for piece in encoder.encode([document.text[start:end] for start, end in offsets])]
    sizes = [len(piece) for piece in pieces]
    target = min(max(settings.window, MAX_PIECES), room)
    if sum(sizes) <= target:
        windows = [Window(0, len(sizes), 0, len(sizes))] if sizes else []
    else:
        lines, sentences = line_and_sentence_starts(document.text, offsets, document.language)
        shared = target // 2 if overlap is None else overlap
        windows = plan_windows(sizes, lines, sentences, target=target, overlap=shared)
    encoded = []
    for window in windows:
        ids = list(encoder.prefix)
        words = []
        for piece in pieces[window.first : window.last]:
            words.append(len(ids))
            ids.extend(piece)
        words.append(len(ids))
        encoded.append(Encoded((*ids, *encoder.suffix), tuple(words), window))
    return encoded


class TaggerExtractor(Extractor):
    """Finds entities with a token classifier.

    Args:
        logits: the model, as a function over arrays.
        encoder: word encoder of its base.
        settings: label set, windows, thresholds.
        budget: padded pieces of a batch.

    Attributes:
        logits: the model.
        settings: label set, windows, thresholds.
        budget: padded pieces of a batch.
    """

    def __init__(self, logits: Logits, encoder: WordEncoder, settings: TaggerSettings, *, budget: int = 2048) -> None:
        self.logits = logits
        self._encoder = encoder
        self.settings = settings
        self.budget = budget

    @property
    def labels(self) -> tuple[str, ...]:
        """Entity types that it can give."""
        return self.settings.labels

    def with_settings(self, **changes: Any) -> TaggerExtractor:
        """The same model with other settings."""
        return TaggerExtractor(self.logits, self._encoder, replace(self.settings, **changes), budget=self.budget)

    def read(self, document: Document) -> Reading:
        """A document cut into windows for this tagger."""
        return Reading(document, self.settings, encode_windows(document, self._encoder, self.settings))

    def window_starts(self, document: Document) -> list[int]:
        """See :class:`onoma.extractors.Extractor`."""
        return self.read(document).starts()

    def score_words(self, documents: Sequence[Document]) -> list[Floats]:
        """Log-probabilities of tags for each word of each document, shape ``(words, tags)``.

        A word that the tokenizer leaves nothing of has zeros, which say nothing for or against a tag, so that it
        follows its neighbours; but no entity begins with it.
        """
        return self._score(self._read_all(documents))

    def extract_block(self, documents: Sequence[Document]) -> list[Document]:
        """See :class:`onoma.extractors.Extractor`."""
        return self._find(self._read_all(documents))

    def extract_blocks(self, blocks: Iterable[Sequence[Document]]) -> Iterator[list[Document]]:
        """See :class:`onoma.extractors.Extractor`; the next block is cut and encoded while the model reads this one."""
        with ThreadPoolExecutor(1, "onoma-reader") as pool:
            ahead: Future[list[Reading]] | None = None
            for block in blocks:
                following = pool.submit(self._read_all, block)
                if ahead is not None:
                    yield self._find(ahead.result())
                ahead = following
            if ahead is not None:
                yield self._find(ahead.result())

    def _read_all(self, documents: Sequence[Document]) -> list[Reading]:
        return [self.read(document) for document in documents]

    def _find(self, readings: Sequence[Reading]) -> list[Document]:
        return decode(readings, self._score(readings), self.settings)

    def _score(self, readings: Sequence[Reading]) -> list[Floats]:
        return score(
            readings, lambda ids, mask, _: self.logits(ids, mask), pad_id=self._encoder.pad, budget=self.budget
        )


def score(
    readings: Sequence[Reading],
    logits: Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64], Sequence[int]], Sequence[Floats] | Floats],
    *,
    pad_id: int,
    budget: int,
) -> list[Floats]:
    """Log-probabilities of tags for each word of documents that may belong to different taggers of one base.

    Windows of all documents are batched together, those of like length.

    Args:
        readings: documents cut into windows.
        logits: takes ids, mask, and for each row the number of its reading; gives an array ``(pieces, tags)`` a row.
        pad_id: id that fills up a batch.
        budget: padded pieces of a batch.

    Returns:
        An array ``(words, tags)`` a document, the tags being those of its own settings.
    """
    windows = [(number, window) for number, reading in enumerate(readings) for window in reading.windows]
    result = [np.zeros((len(reading.document.words()), len(reading.settings.tags)), np.float32) for reading in readings]
    for batch in cheapest_batches([len(window.ids) for _, window in windows], budget):
        inputs = [windows[index] for index in batch]
        ids, mask = pad([window.ids for _, window in inputs], pad_id)
        rows = logits(ids, mask, [number for number, _ in inputs])
        for row, (number, window) in zip(rows, inputs, strict=True):
            settings, words = readings[number].settings, window.window
            scores = _word_scores(row / settings.temperature, window.words, settings.subwords)
            keep = slice(words.keep_first - words.first, words.keep_last - words.first)
            result[number][words.keep_first : words.keep_last] = scores[keep]
    return result


def decode(readings: Sequence[Reading], scores: Sequence[Floats], settings: TaggerSettings) -> list[Document]:
    """Documents with the entities that their words' tags spell; all are of one tagger.

    What was read together is decoded together: no entity crosses two windows that share nothing.
    """
    tags = settings.tags
    parts = [
        (number, first, scores[number][first:last])
        for number, reading in enumerate(readings)
        for first, last in _stretches(reading.windows)
    ]
    spans: list[list[Span]] = [[] for _ in readings]
    for (number, shift, part), path in zip(parts, legal_paths([part for *_, part in parts], tags), strict=True):
        words = readings[number].document.words()
        for found in spans_of_path(path, part, tags, settings.thresholds):
            start, end = words[shift + found.first][0], words[shift + found.last - 1][1]
            spans[number].append(Span(start, end, found.label, found.score))
    return [reading.document.with_spans(found) for reading, found in zip(readings, spans, strict=True)]


def _stretches(windows: Sequence[Encoded]) -> list[tuple[int, int]]:
    """Runs of words that are read in one window or in several that overlap."""
    found: list[tuple[int, int]] = []
    for encoded in windows:
        first, last = encoded.window.first, encoded.window.last
        if found and first < found[-1][1]:
            first = found.pop()[0]
        found.append((first, last))
    return found


def pad(
    rows: Sequence[Sequence[int] | npt.NDArray[np.int32]], value: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of ids as one array, filled up on the right, with the attention mask."""
    shape = (len(rows), max(map(len, rows)))
    ids, mask = np.full(shape, value, np.int64), np.zeros(shape, np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
        mask[index, : len(row)] = 1
    return ids, mask


def _word_scores(logits: Floats, positions: Sequence[int], subwords: Subwords) -> Floats:
    """Log-probabilities of each word's tags from the logits of its pieces."""
    bounds = [(first, last) for first, last in pairwise(positions) if first < last]
    scores = np.zeros((len(positions) - 1, logits.shape[1]), np.float32)
    scores[:, 1::2] = -np.inf
    if bounds:
        if subwords == "first":
            chosen = logits[[first for first, _ in bounds]].astype(np.float32)
        else:
            chosen = np.stack([logits[first:last].mean(axis=0, dtype=np.float32) for first, last in bounds])
        chosen -= chosen.max(axis=1, keepdims=True)
        sized = [first < last for first, last in pairwise(positions)]
        scores[sized] = chosen - np.log(np.exp(chosen).sum(axis=1, keepdims=True))
    return scores
