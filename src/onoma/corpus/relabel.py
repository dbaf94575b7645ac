"""A label map as a checked file: which source labels become which target label, and which are dropped.

Every label of a corpus must be named in the map, by its exact name, so that none is damaged or lost by accident.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from onoma.corpus.corpus import Corpus
from onoma.document import Document, Span
from onoma.errors import DataError, nearest
from onoma.files import read_table

_KEYS = ("map", "keep", "drop")


@dataclass(frozen=True)
class LabelMap:
    """What becomes of each source label.

    Args:
        target: new label by source label; a kept label maps to itself.
        dropped: source labels whose spans are removed.
        where: the file, for messages.

    Examples:
        >>> LabelMap({"Library": "SOFTWARE"}, frozenset({"Value"})).apply(document)  # doctest: +SKIP
    """

    target: Mapping[str, str]
    dropped: frozenset[str] = frozenset()
    where: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that are left, sorted."""
        return tuple(sorted(set(self.target.values())))

    def apply(self, document: Document) -> Document:
        """The document with new labels; spans stay apart even where neighbours now have the same label.

        Raises:
            DataError: for a label that the map does not name.
        """
        self.check({span.label for span in document.spans})
        return document.with_spans(
            [
                Span(span.start, span.end, self.target[span.label], span.score)
                for span in document.spans
                if span.label not in self.dropped
            ]
        )

    def check(self, labels: Collection[str]) -> None:
        """See that a corpus's labels are all named.

        Raises:
            DataError: naming those that are not.
        """
        missing = sorted(set(labels) - {*self.target, *self.dropped})
        if missing:
            raise DataError(
                f"the map does not say what becomes of {', '.join(map(repr, missing))}",
                where=self.where,
                mend="Name it under map, keep or drop.",
            )


def read_label_map(path: Path) -> LabelMap:
    """Read a label map.

    The file has up to three keys: ``map`` with a list of source labels for each target label, ``keep`` and ``drop``
    with lists of source labels.

    Raises:
        DataError: if the file is missing, is not such a table, or names a label twice.

    Example::

        map:
          SOFTWARE: [Application, Library, Language]
          OS: [Operating_System]
        drop: [Value, Code_Block]
    """
    content = read_table(path, "label map", DataError)
    where = str(path)
    for key in content:
        if key not in _KEYS:
            raise DataError(f"unknown key {key!r}", where=where, mend=nearest(str(key), _KEYS))
    groups = content.get("map") or {}
    if not isinstance(groups, dict):
        raise DataError("`map` is a table: a target label, and the list of its source labels", where=where)
    pairs = [(source, str(target)) for target, sources in groups.items() for source in _names(sources, target, where)]
    pairs += [(source, source) for source in _names(content.get("keep") or [], "keep", where)]
    dropped = _names(content.get("drop") or [], "drop", where)
    counts = Counter([source for source, _ in pairs] + dropped)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise DataError(f"{twice[0]!r} is named twice", where=where, mend="A source label has one place.")
    return LabelMap(dict(pairs), frozenset(dropped), where)


@dataclass(frozen=True)
class Relabelled:
    """A corpus under a label map, and what the map did.

    Args:
        corpus: with the new labels.
        before: spans by source label, by split.
        after: spans by target label, by split.
        adjacent: pairs of neighbours that now have the same label with nothing but white space between, by pair of
            source labels; they are kept apart.
    """

    corpus: Corpus
    before: dict[str, dict[str, int]]
    after: dict[str, dict[str, int]]
    adjacent: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, without the documents."""
        return {"before": self.before, "after": self.after, "adjacent": self.adjacent}


def relabel(corpus: Corpus, labels: LabelMap) -> Relabelled:
    """Put a corpus under a label map.

    Raises:
        DataError: for a label of the corpus that the map does not name, or a name in the map that no label has.
    """
    unknown = sorted({*labels.target, *labels.dropped} - set(corpus.labels))
    if unknown:
        raise DataError(
            f"the map names {unknown[0]!r}, which no span of the corpus has",
            where=labels.where,
            mend=nearest(unknown[0], corpus.labels),
        )
    labels.check(corpus.labels)
    adjacent: Counter[str] = Counter()
    for split in corpus.values():
        for document in split:
            adjacent.update(_fall_together(document, labels))
    new = Corpus.from_documents({name: map(labels.apply, split) for name, split in corpus.items()}, corpus.log)
    return Relabelled(new, _counts(corpus), _counts(new), dict(adjacent.most_common()))


def _fall_together(document: Document, labels: LabelMap) -> list[str]:
    kept = [span for span in document.spans if span.label not in labels.dropped]
    return [
        f"{first.label} {second.label}"
        for first, second in pairwise(kept)
        if labels.target[first.label] == labels.target[second.label]
        and second.start >= first.end
        and not document.text[first.end : second.start].strip()
    ]


def _counts(corpus: Corpus) -> dict[str, dict[str, int]]:
    return {name: dict(sorted(split.label_counts.items())) for name, split in corpus.items()}


def _names(value: Any, key: str, where: str) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{key}: a list of source labels is wanted", where=where)
    return names
