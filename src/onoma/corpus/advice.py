"""Plain words on what the data doctor found, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onoma.corpus.check import Report

_FEW_SPANS = 20
_MANY_PIECES = 3.0
_MANY_UNKNOWN = 0.01
_MANY_REPEATS = 0.1
_MANY_DOUBTFUL = 0.02
_MOSTLY = 0.9


def advise(report: Report) -> list[str]:
    """A sentence or two on each finding that calls for something; none if nothing does."""
    return list(chain(_on_leaks(report), _on_splits(report), _on_labels(report), _on_rows(report), _on_base(report)))


def _on_leaks(report: Report) -> Iterator[str]:
    for leak in report.leaks:
        total = report.splits[leak.split].documents
        both = leak.exact + leak.near
        if leak.source.startswith("validation"):
            yield (
                f"{both} of {total} sentences of {leak.split!r} stand in {leak.source!r} too: what is tuned on the one "
                "looks better on the other than it is."
            )
        else:
            nearly = f" and {leak.near} nearly so" if leak.near else ""
            yield (
                f"Of {total} sentences of {leak.split!r}, {leak.exact} stand word for word in {leak.source!r}{nearly}: "
                "report the score on unseen sentences beside the full one, or set `deduplicate: true` in the recipe."
            )


def _on_splits(report: Report) -> Iterator[str]:
    for name, split in report.splits.items():
        if split.repeats > _MANY_REPEATS * split.documents:
            yield (
                f"{split.repeats} of {split.documents} sentences in {name!r} are repeats: they weigh more than they "
                "teach (`deduplicate: true` in the recipe keeps one of each)."
            )
        if split.spans == 0:
            yield f"{name!r} has no entity at all: were the right columns read?"
        elif split.without_spans > _MOSTLY * split.documents:
            yield f"{split.without_spans} of {split.documents} sentences in {name!r} have no entity."
        if split.uncarried:
            yield (f"{split.uncarried} spans in {name!r} overlap others or cover no word; a tagger cannot learn them.")
        if split.inside_words:
            yield (
                f"{split.inside_words} spans in {name!r} begin or end inside a word; training widens them to whole "
                "words."
            )
    if "train" in report.splits and "validation" not in report.splits:
        yield "There is no validation split: a stage that has none keeps its last weights, not its best."


def _on_labels(report: Report) -> Iterator[str]:
    train = report.splits.get("train")
    if train:
        rare = [f"{label} ({count})" for label, count in train.labels.items() if count < _FEW_SPANS]
        if rare:
            yield (
                f"Fewer than {_FEW_SPANS} training entities of: {', '.join(rare)}. "
                "Their scores will swing from seed to seed."
            )
        for name, split in report.splits.items():
            missing = sorted(set(split.labels) - set(train.labels))
            if missing:
                yield f"{name!r} has labels that 'train' lacks: {', '.join(missing)}."
    spans = sum(split.spans for split in report.splits.values())
    doubtful = sum(sum(sorted(labels.values())[:-1]) for labels in report.inconsistent.values())
    if doubtful > _MANY_DOUBTFUL * spans:
        yield f"{doubtful} of {spans} entities carry another label than the same words mostly do: see the surfaces."


def _on_rows(report: Report) -> Iterator[str]:
    if report.skipped:
        yield f"{report.skipped} rows could not be read and were skipped."
    for what, count in report.mended.items():
        yield f"{count} × {what}: mended while reading; `onoma convert` writes the mended corpus."


def _on_base(report: Report) -> Iterator[str]:
    for language, found in report.fragmentation.items():
        if found.pieces_per_word > _MANY_PIECES:
            yield (
                f"The base cuts {language} words into {found.pieces_per_word:.1f} pieces each: "
                "it knows the language poorly."
            )
        if found.unknown_share > _MANY_UNKNOWN:
            yield f"{found.unknown_share:.1%} of {language} words hold characters that the base does not know."
        if found.long_entities:
            yield (
                f"{found.long_entities} {language} entities are longer than the base's window "
                "and cannot be found whole."
            )
