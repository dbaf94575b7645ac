"""The data doctor: what is in a corpus, what is wrong with it, and what to do about it."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import regex

from onoma.corpus.advice import advise
from onoma.corpus.corpus import Corpus
from onoma.corpus.dedupe import near_duplicates
from onoma.document import Document
from onoma.tagging import spans_to_words

Encode = Callable[[Sequence[str]], Sequence[Sequence[int]]]

_SHOWN = 10
_SCRIPT_NAMES = (
    "Latin", "Devanagari", "Bengali", "Arabic", "Cyrillic", "Greek", "Hebrew", "Han", "Hiragana", "Katakana", "Hangul",
    "Tamil", "Telugu", "Kannada", "Malayalam", "Gujarati", "Gurmukhi", "Oriya", "Sinhala", "Thai", "Lao", "Khmer",
    "Myanmar", "Tibetan", "Georgian", "Armenian", "Ethiopic",
)  # fmt: skip
_SCRIPTS = {name: regex.compile(rf"\p{{Script={name}}}") for name in _SCRIPT_NAMES}


@dataclass(frozen=True)
class SplitReport:
    """What one split holds.

    Args:
        documents: number of documents.
        words: number of words.
        spans: number of entities.
        labels: entities by label.
        repeats: documents whose words stood in an earlier document of the split.
        without_spans: documents with no entity.
        empty: documents with no word.
        uncarried: spans that a word tagger cannot learn, since they overlap others or cover no word.
        inside_words: spans that begin or end inside a word.
    """

    documents: int
    words: int
    spans: int
    labels: dict[str, int]
    repeats: int
    without_spans: int
    empty: int
    uncarried: int
    inside_words: int


@dataclass(frozen=True)
class Leak:
    """Documents of one split that stand in another too.

    Args:
        split: the split that is scored on.
        source: the split that is learned from.
        exact: documents whose words are the same.
        near: further documents that are nearly the same.
        examples: the first of them.
    """

    split: str
    source: str
    exact: int
    near: int
    examples: list[str]


@dataclass(frozen=True)
class Fragmentation:
    """How a base's tokenizer cuts words.

    Args:
        pieces_per_word: mean over words.
        unknown_share: share of words with an unknown piece or none at all.
        longest: pieces of the longest document.
        long_documents: documents that need more than one window.
        long_entities: entities that are longer than a window.
    """

    pieces_per_word: float
    unknown_share: float
    longest: int
    long_documents: int
    long_entities: int


@dataclass(frozen=True)
class Report:
    """All findings; ``advice`` says in plain words what to do."""

    splits: dict[str, SplitReport]
    skipped: int
    mended: dict[str, int]
    leaks: list[Leak]
    near_groups: int
    inconsistent: dict[str, dict[str, int]]
    scripts: dict[str, float]
    fragmentation: dict[str, Fragmentation] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Tokenization:
    """What the doctor needs to know of a base.

    Args:
        name: of the base.
        encode: pieces of each word.
        unknown: id of the unknown piece.
        window: pieces that fit into one input.
    """

    name: str
    encode: Encode
    unknown: int | None
    window: int


def check(corpus: Corpus, base: Tokenization | None = None) -> Report:
    """Examine a corpus.

    Args:
        corpus: any.
        base: to see how its tokenizer takes the text.

    Examples:
        >>> check(load_corpus("examples:as")).leaks  # doctest: +SKIP
        []
    """
    keys = {name: [" ".join(document.word_texts()) for document in split] for name, split in corpus.items()}
    splits = {name: _check_split(split, keys[name]) for name, split in corpus.items()}
    leaks, near_groups = _leaks(keys)
    documents = [document for split in corpus.values() for document in split]
    report = Report(
        splits=splits,
        skipped=corpus.log.skipped,
        mended=dict(corpus.log.mended),
        leaks=leaks,
        near_groups=near_groups,
        inconsistent=_inconsistent(documents),
        scripts=_scripts(documents),
        fragmentation=_fragmentation(documents, base) if base else {},
    )
    return dataclasses.replace(report, advice=advise(report))


def _check_split(split: Sequence[Document], keys: list[str]) -> SplitReport:
    labels: Counter[str] = Counter()
    words = without = empty = uncarried = inside = 0
    for document in split:
        view = spans_to_words(document)
        count = len(document.words())
        words += count
        labels.update(span.label for span in document.spans)
        without += not document.spans
        empty += count == 0
        uncarried += len(view.overlapping) + len(view.empty)
        inside += len(view.widened)
    return SplitReport(
        documents=len(split),
        words=words,
        spans=labels.total(),
        labels=dict(sorted(labels.items(), key=lambda item: (-item[1], item[0]))),
        repeats=len(keys) - len(set(keys)),
        without_spans=without,
        empty=empty,
        uncarried=uncarried,
        inside_words=inside,
    )


def _leaks(keys: dict[str, list[str]]) -> tuple[list[Leak], int]:
    """Leaks between each pair of splits, and the number of groups of near-duplicates in all."""
    texts = sorted({key for names in keys.values() for key in names if key})
    number = {text: index for index, text in enumerate(texts)}
    groups = near_duplicates(texts)
    group_of = {index: group for group, members in enumerate(groups) for index in members}
    leaks = []
    names = sorted(keys, key=lambda name: (name.startswith("test"), name.startswith("validation")))
    for position, split in enumerate(names):
        for source in names[:position]:
            known = set(keys[source])
            near = {group_of.get(number[key]) for key in known if key} - {None}
            exact = [key for key in keys[split] if key and key in known]
            close = [key for key in keys[split] if key and key not in known and group_of.get(number[key], -1) in near]
            if exact or close:
                leaks.append(Leak(split, source, len(exact), len(close), list(dict.fromkeys(exact + close))[:_SHOWN]))
    return leaks, len(groups)


def _inconsistent(documents: list[Document]) -> dict[str, dict[str, int]]:
    """Surfaces with more than one label, those with the most doubt first."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for document in documents:
        for span in document.spans:
            found[unicodedata.normalize("NFC", document.surface(span))][span.label] += 1
    doubtful = {surface: labels for surface, labels in found.items() if len(labels) > 1}
    ordered = sorted(doubtful, key=lambda surface: (-sorted(doubtful[surface].values())[-2], surface))
    return {surface: dict(doubtful[surface].most_common()) for surface in ordered}


def _scripts(documents: list[Document]) -> dict[str, float]:
    """Share of each script among the letters that have one of the known scripts."""
    characters: Counter[str] = Counter()
    for document in documents:
        characters.update(document.text)
    scripts: Counter[str] = Counter()
    for character, count in characters.items():
        for name, pattern in _SCRIPTS.items():
            if pattern.match(character):
                scripts[name] += count
                break
    total = scripts.total()
    return {name: round(count / total, 4) for name, count in scripts.most_common()}


def _fragmentation(documents: list[Document], base: Tokenization) -> dict[str, Fragmentation]:
    """By language."""
    by_language: defaultdict[str, list[Document]] = defaultdict(list)
    for document in documents:
        by_language[document.language or "unknown"].append(document)
    result = {}
    for language, group in sorted(by_language.items()):
        words = pieces = unknown = longest = long_documents = long_entities = 0
        for document in group:
            encoded = base.encode(document.word_texts())
            sizes = [len(ids) for ids in encoded]
            words += len(sizes)
            pieces += sum(sizes)
            unknown += sum(not ids or base.unknown in ids for ids in encoded)
            longest = max(longest, sum(sizes))
            long_documents += sum(sizes) > base.window
            long_entities += sum(
                sum(sizes[span.first : span.last]) > base.window for span in spans_to_words(document).spans
            )
        result[language] = Fragmentation(
            pieces_per_word=round(pieces / words, 3) if words else 0.0,
            unknown_share=round(unknown / words, 5) if words else 0.0,
            longest=longest,
            long_documents=long_documents,
            long_entities=long_entities,
        )
    return result
