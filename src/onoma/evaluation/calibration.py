"""Do scores mean what they say? Reliability, temperature, and thresholds for a wanted precision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from onoma.document import Document
from onoma.errors import DataError
from onoma.extractors.load import load
from onoma.extractors.tagger import TaggerExtractor
from onoma.models.runs import RunCard
from onoma.tagging import spans_to_words, write_tags

_BINS = 10
_COLDEST, _HOTTEST = 0.25, 8.0
_GOLDEN = (math.sqrt(5) - 1) / 2
_STEPS = 40


@dataclass(frozen=True)
class Bin:
    """Spans of about one score.

    Args:
        score: their mean score.
        precision: share of them that is right.
        spans: how many.
    """

    score: float
    precision: float
    spans: int


@dataclass(frozen=True)
class Reliability:
    """How scores and precision go together.

    Args:
        bins: of about the same number of spans, by rising score.
        error: expected calibration error, the mean distance of score and precision over spans.
    """

    bins: tuple[Bin, ...]
    error: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def scored_spans(gold: Sequence[Document], predicted: Sequence[Document]) -> dict[str, list[tuple[float, bool]]]:
    """Score and rightness (offsets and label) of each predicted span, by label."""
    found: dict[str, list[tuple[float, bool]]] = {}
    for right, answer in zip(gold, predicted, strict=True):
        known = {(span.start, span.end, span.label) for span in right.spans}
        for span in answer.spans:
            found.setdefault(span.label, []).append((span.sureness, (span.start, span.end, span.label) in known))
    return found


def measure_reliability(scored: Sequence[tuple[float, bool]], bins: int = _BINS) -> Reliability:
    """Compare scores with precision, in bins of equal size (Nguyen and O'Connor 2015, https://aclanthology.org/D15-1182).

    Args:
        scored: score and rightness of each span.
        bins: at most this many.

    Examples:
        >>> measure_reliability([(0.5, True), (0.5, False)], bins=1).error
        0.0
    """
    ordered = sorted(scored)
    count = min(bins, len(ordered))
    made = []
    for number in range(count):
        part = ordered[number * len(ordered) // count : (number + 1) * len(ordered) // count]
        made.append(
            Bin(
                sum(score for score, _ in part) / len(part),
                sum(right for _, right in part) / len(part),
                len(part),
            )
        )
    error = sum(abs(one.score - one.precision) * one.spans for one in made) / max(1, len(ordered))
    return Reliability(tuple(made), error)


def fit_temperature(logs: npt.NDArray[np.floating], gold: npt.NDArray[np.integer]) -> float:
    """The temperature that makes gold tags the most likely (Guo et al. 2017, https://arxiv.org/abs/1706.04599).

    Args:
        logs: log-probabilities of tags, shape ``(words, tags)``.
        gold: the tag of each word, shape ``(words,)``.

    Returns:
        Between 0.25 and 8; above 1 the model was too sure.
    """
    rows = np.isfinite(logs[np.arange(len(gold)), gold])
    logs, gold = logs[rows], gold[rows]
    if not len(gold):
        return 1.0

    def loss(temperature: float) -> float:
        scaled = logs / temperature
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(gold)), gold]).mean())

    low, high = math.log(_COLDEST), math.log(_HOTTEST)
    for _ in range(_STEPS):  # golden-section search: the loss has one valley
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if loss(math.exp(left)) < loss(math.exp(right)):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


@dataclass(frozen=True)
class Threshold:
    """The least score at which a label is given.

    Args:
        score: the threshold; above 1 where no score reaches the wanted precision.
        precision: on the data that it was chosen on.
        kept: share of the label's right spans that are still found.
        spans: how many spans of the label were predicted without a threshold.
    """

    score: float
    precision: float
    kept: float
    spans: int


def choose_thresholds(scored: Mapping[str, Sequence[tuple[float, bool]]], precision: float) -> dict[str, Threshold]:
    """For each label the lowest threshold at which its precision is at least the wanted one.

    Args:
        scored: from :func:`scored_spans`, on validation data.
        precision: wanted, between 0 and 1.
    """
    return {label: _threshold(sorted(spans, reverse=True), precision) for label, spans in sorted(scored.items())}


def _threshold(spans: Sequence[tuple[float, bool]], wanted: float) -> Threshold:
    right = np.cumsum([correct for _, correct in spans])
    total = max(1, int(right[-1]))
    best = Threshold(1.01, 0.0, 0.0, len(spans))
    for number, (score, _) in enumerate(spans):
        last_of_score = number + 1 == len(spans) or spans[number + 1][0] < score
        if last_of_score and right[number] / (number + 1) >= wanted:
            below = spans[number + 1][0] if number + 1 < len(spans) else 0.0
            # Half-way to the next lower score, so that rounding does not decide.
            best = Threshold(
                (score + below) / 2 if below else 0.0, right[number] / (number + 1), right[number] / total, len(spans)
            )
    return best


@dataclass(frozen=True)
class Calibration:
    """What validation data says of a tagger's scores.

    Args:
        temperature: that fits best.
        before: reliability at temperature 1.
        after: reliability at ``temperature``, on the same data, so a little too good.
        thresholds: by label, for scores at ``temperature``.
    """

    temperature: float
    before: Reliability
    after: Reliability
    thresholds: dict[str, Threshold]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def calibrate(extractor: TaggerExtractor, documents: Sequence[Document], precision: float) -> Calibration:
    """Fit the temperature, and choose thresholds for a wanted precision.

    Args:
        extractor: a tagger; the thresholds and temperature that it has now do not count.
        documents: gold validation documents that it did not learn from.
        precision: wanted of each label, between 0 and 1; at 0 all is kept.

    Examples:
        >>> calibrate(onoma.load("runs/it"), corpus["validation"], 0.9).thresholds["OS"].score  # doctest: +SKIP
        0.71
    """
    plain = extractor.with_settings(thresholds={}, temperature=1.0)
    tags = plain.settings.tags
    number = {tag: position for position, tag in enumerate(tags.tags)}
    gold = [
        number.get(tag, 0)
        for document in documents
        for tag in write_tags(spans_to_words(document).spans, len(document.words()))
    ]
    logs = np.concatenate([np.zeros((0, len(tags))), *plain.score_words(documents)])
    temperature = fit_temperature(logs, np.array(gold, dtype=np.int64))
    before = scored_spans(documents, plain.extract(documents))
    after = scored_spans(documents, plain.with_settings(temperature=temperature).extract(documents))
    return Calibration(
        temperature,
        measure_reliability([item for spans in before.values() for item in spans]),
        measure_reliability([item for spans in after.values() for item in spans]),
        choose_thresholds(after, precision),
    )


def store_calibration(run: Path, documents: Sequence[Document], precision: float) -> Calibration:
    """Calibrate a run on gold documents, and store temperature and thresholds in it; :func:`onoma.load` uses them.

    Raises:
        ModelError: if the folder is no run.
        DataError: if the documents hold no entity.
    """
    card = RunCard.read(run)
    if not any(document.spans for document in documents):
        raise DataError("no gold entity to learn from", mend="Name a corpus that has some.")
    extractor = load(run)
    assert isinstance(extractor, TaggerExtractor), "a run is a tagger"
    found = calibrate(extractor, documents, precision)
    scores = {label: round(one.score, 4) for label, one in found.thresholds.items() if one.score > 0}
    replace(card, thresholds=scores, temperature=round(found.temperature, 4)).write(run)
    return found
