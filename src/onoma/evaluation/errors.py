"""What a system gets wrong: each gold and each predicted span is paired, and each pair is of one kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from onoma.document import Document, Span
from onoma.words import casing_of

Kind = Literal["correct", "wrong type", "wrong boundary", "both wrong", "missed", "spurious"]
KINDS: tuple[Kind, ...] = ("correct", "wrong type", "wrong boundary", "both wrong", "missed", "spurious")
NONE = "O"

_SURFACES = 20
_EXAMPLES = 10
_CONTEXT = 40


@dataclass(frozen=True)
class Pair:
    """A gold span with the predicted span that stands for it; one of them may be missing.

    Args:
        kind: what is wrong, if anything.
        gold: the span that should be.
        predicted: the span that is.
    """

    kind: Kind
    gold: Span | None
    predicted: Span | None


def pair_spans(gold: Sequence[Span], predicted: Sequence[Span]) -> list[Pair]:
    """Pair gold with predicted spans, each at most once, the best fits first.

    Fits, from best to worst: same offsets and label; same offsets; overlap and same label; overlap. Among equals the
    longest overlap goes first. What finds no partner is missed or spurious.

    Examples:
        >>> [pair.kind for pair in pair_spans([Span(0, 3, "PER")], [Span(0, 8, "PER")])]
        ['wrong boundary']
    """
    fits = sorted(
        (_misfit(one, other), -min(one.end, other.end) + max(one.start, other.start), first, second)
        for first, one in enumerate(gold)
        for second, other in enumerate(predicted)
        if one.start < other.end and other.start < one.end
    )
    kinds: tuple[Kind, ...] = ("correct", "wrong type", "wrong boundary", "both wrong")
    left, right = dict(enumerate(gold)), dict(enumerate(predicted))
    pairs = [
        Pair(kinds[misfit], left.pop(first), right.pop(second))
        for misfit, _, first, second in fits
        if first in left and second in right
    ]
    pairs += [Pair("missed", span, None) for span in left.values()]
    pairs += [Pair("spurious", None, span) for span in right.values()]
    return sorted(pairs, key=lambda pair: (pair.gold or pair.predicted or Span(0, 1, "")).start)


def _misfit(one: Span, other: Span) -> int:
    same_place = (one.start, one.end) == (other.start, other.end)
    return (one.label != other.label) + 2 * (not same_place)


@dataclass(frozen=True)
class Example:
    """An error with its surroundings.

    Args:
        before, text, after: the stretch that the pair covers, and what stands around it.
        gold, predicted: ``(surface, label)``, or None.
    """

    before: str
    text: str
    after: str
    gold: tuple[str, str] | None
    predicted: tuple[str, str] | None


@dataclass(frozen=True)
class Found:
    """How many gold spans of one sort there are, and how many were found with the right offsets and label."""

    correct: int
    support: int

    @property
    def recall(self) -> float:
        """Share that was found."""
        return self.correct / self.support


@dataclass(frozen=True)
class Analysis:
    """All errors of one system on one set of documents.

    Args:
        kinds: number of pairs of each kind.
        by_label: the same by label, of the gold span or else of the predicted one.
        confusion: number of pairs by gold and predicted label; ``"O"`` where there is none.
        surfaces: the surfaces that are most often wrong: surface, errors, occurrences.
        examples: errors of each kind, spread over the documents.
        slices: what was found of gold spans by their length in words, casing, and frequency in training.
    """

    kinds: dict[Kind, int]
    by_label: dict[str, dict[Kind, int]]
    confusion: dict[str, dict[str, int]]
    surfaces: list[tuple[str, int, int]]
    examples: dict[Kind, list[Example]]
    slices: dict[str, dict[str, Found]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self)


def analyse(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    known: Sequence[Sequence[int]] | None = None,
) -> Analysis:
    """Sort out the errors.

    Args:
        gold: documents with gold spans.
        predicted: the same documents with predicted spans.
        known: for each gold span, how often its surface has its label in the training data.
    """
    kinds: Counter[Kind] = Counter()
    by_label: dict[str, Counter[Kind]] = {}
    confusion: dict[str, Counter[str]] = {}
    wrong: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    errors: dict[Kind, list[Example]] = {kind: [] for kind in KINDS if kind != "correct"}
    for right, answer in zip(gold, predicted, strict=True):
        for pair in pair_spans(right.spans, answer.spans):
            span = pair.gold or pair.predicted
            assert span is not None, "a pair has at least one span"
            kinds[pair.kind] += 1
            by_label.setdefault(span.label, Counter())[pair.kind] += 1
            confusion.setdefault(_label(pair.gold), Counter())[_label(pair.predicted)] += 1
            seen[right.surface(span)] += 1
            if pair.kind != "correct":
                wrong[right.surface(span)] += 1
                errors[pair.kind].append(_example(right, pair))
    return Analysis(
        kinds={kind: kinds[kind] for kind in KINDS},
        by_label={label: {kind: by_label[label][kind] for kind in KINDS} for label in sorted(by_label)},
        confusion={label: dict(sorted(row.items())) for label, row in sorted(confusion.items())},
        surfaces=[(surface, count, seen[surface]) for surface, count in wrong.most_common(_SURFACES)],
        examples={kind: _spread(found) for kind, found in errors.items()},
        slices=dict(_slices(gold, predicted, known)),
    )


def _label(span: Span | None) -> str:
    return span.label if span else NONE


def _example(document: Document, pair: Pair) -> Example:
    spans = [span for span in (pair.gold, pair.predicted) if span is not None]
    start, end = min(span.start for span in spans), max(span.end for span in spans)
    gold, predicted = ((document.surface(span), span.label) if span else None for span in (pair.gold, pair.predicted))
    text = document.text
    return Example(text[max(0, start - _CONTEXT) : start], text[start:end], text[end : end + _CONTEXT], gold, predicted)


def _spread(examples: list[Example]) -> list[Example]:
    """A few of many, at even distances, so that they are not all of the first document."""
    if len(examples) <= _EXAMPLES:
        return examples
    return [examples[number * len(examples) // _EXAMPLES] for number in range(_EXAMPLES)]


def _slices(
    gold: Sequence[Document], predicted: Sequence[Document], known: Sequence[Sequence[int]] | None
) -> Iterator[tuple[str, dict[str, Found]]]:
    ways: dict[str, Callable[[Document, Span, int], str]] = {
        "words": lambda document, span, _: _by_size(len(document.surface(span).split()), (1, 2, 3, 5)),
        "casing": lambda document, span, _: casing_of(document.surface(span)),
    }
    if known is not None:
        ways["times in training"] = lambda _, __, count: _by_size(count, (0, 1, 4, 19))
    for name, way in ways.items():
        support: Counter[str] = Counter()
        correct: Counter[str] = Counter()
        for number, (right, answer) in enumerate(zip(gold, predicted, strict=True)):
            found = {(span.start, span.end, span.label) for span in answer.spans}
            for position, span in enumerate(right.spans):
                part = way(right, span, known[number][position] if known is not None else 0)
                support[part] += 1
                correct[part] += (span.start, span.end, span.label) in found
        yield name, {part: Found(correct[part], support[part]) for part in sorted(support, key=_order)}


def _by_size(size: int, edges: Sequence[int]) -> str:
    """``3`` between the edges ``1, 2, 5`` → ``"3–5"``; above them all → ``"6+"``."""
    low = 0
    for edge in edges:
        if size <= edge:
            return str(edge) if low in (edge, 0) else f"{low}–{edge}"
        low = edge + 1
    return f"{low}+"


def _order(part: str) -> tuple[int, str]:
    digits = part.rstrip("+").partition("–")[0]
    return (int(digits), "") if digits.isdigit() else (0, part)
