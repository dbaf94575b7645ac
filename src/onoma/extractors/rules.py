r"""Rules: names from word lists (Aho–Corasick) and regular expressions, from one YAML file.

    gazetteers:
      LOC: [Guwahati, অসম]
      ORG: {file: companies.txt}        # one name a line, beside the YAML file
    patterns:
      VERSION: '\bv?\d+(?:\.\d+)+\b'
    ignore_case: true

Names match on word boundaries that hold for Indic scripts, and whichever way their characters are composed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ahocorasick_rs
import regex

from onoma.document import Document, Span
from onoma.errors import DataError, nearest
from onoma.extractors.base import Extractor
from onoma.files import read_table
from onoma.words import on_word_boundaries

_KEYS = ("gazetteers", "patterns", "ignore_case")
_PATTERN_SECONDS = 10.0
_CLUSTER = regex.compile(r"\X")


class RulesExtractor(Extractor):
    r"""Finds the names of gazetteers and the matches of patterns. The longest match wins, then the earliest rule.

    Args:
        gazetteers: names by label.
        patterns: regular expressions by label (syntax of the ``regex`` package).
        ignore_case: match names in any casing; patterns state their own with ``(?i)``.

    Raises:
        DataError: for a pattern that does not compile.

    Examples:
        >>> rules = RulesExtractor({"LOC": ["Guwahati"]}, {"VERSION": r"\d+\.\d+"})
        >>> [span.label for span in rules.extract("Guwahati 2.0").spans]
        ['LOC', 'VERSION']
    """

    def __init__(
        self,
        gazetteers: Mapping[str, Iterable[str]] | None = None,
        patterns: Mapping[str, str] | None = None,
        *,
        ignore_case: bool = False,
    ) -> None:
        self._ignore_case = ignore_case
        self._names: list[str] = []
        self._name_labels: list[str] = []
        for label, names in (gazetteers or {}).items():
            for name in names:
                folded, _ = _fold(name.strip(), ignore_case)
                if folded:
                    self._names.append(folded)
                    self._name_labels.append(label)
        self._automaton = ahocorasick_rs.AhoCorasick(self._names) if self._names else None
        self._patterns: list[tuple[str, regex.Pattern[str]]] = []
        for label, pattern in (patterns or {}).items():
            try:
                self._patterns.append((label, regex.compile(pattern)))
            except regex.error as error:
                raise DataError(f"the pattern of {label} does not compile: {error}") from error
        self._labels = tuple(sorted({*self._name_labels, *(label for label, _ in self._patterns)}))

    @classmethod
    def from_file(cls, path: Path) -> RulesExtractor:
        """Read rules from YAML.

        Raises:
            DataError: if the file is missing or malformed; the message names the key.
        """
        content = read_table(path, "rules file", DataError)
        if not content:
            raise DataError("no rules", where=str(path), mend=f"Give at least one of {', '.join(_KEYS[:2])}.")
        for key in content:
            if key not in _KEYS:
                raise DataError(f"unknown key {key!r}", where=str(path), mend=nearest(str(key), _KEYS))
        gazetteers = {
            label: list(_names(names, path, label)) for label, names in _table(content, "gazetteers", path).items()
        }
        patterns = _table(content, "patterns", path)
        for label, pattern in patterns.items():
            if not isinstance(pattern, str):
                raise DataError(f"the pattern of {label} is not text", where=str(path))
        try:
            return cls(gazetteers, patterns, ignore_case=bool(content.get("ignore_case", False)))
        except DataError as error:
            raise DataError(error.what, where=str(path)) from error

    @property
    def exhaustive(self) -> bool:
        """False: rules know what they name, and nothing of the rest."""
        return False

    @property
    def labels(self) -> tuple[str, ...]:
        """Entity types that it can give."""
        return self._labels

    def extract_block(self, documents: Sequence[Document]) -> list[Document]:
        """See :class:`onoma.extractors.Extractor`. Rules are certain: every score is 1."""
        return [self._extract(document) for document in documents]

    def _extract(self, document: Document) -> Document:
        matches = [*self._name_matches(document.text), *self._pattern_matches(document.text)]
        matches.sort(key=lambda match: (match[0] - match[1], match[2], match[0]))
        taken = bytearray(len(document.text))
        spans = []
        for start, end, _, label in matches:
            if not any(taken[start:end]):
                taken[start:end] = b"\x01" * (end - start)
                spans.append(Span(start, end, label, 1.0))
        return document.with_spans(spans)

    def _name_matches(self, text: str) -> Iterator[tuple[int, int, int, str]]:
        if self._automaton is None:
            return
        folded, origin = _fold(text, self._ignore_case)
        for number, first, last in self._automaton.find_matches_as_indexes(folded, overlapping=True):
            start, end = origin[first], origin[last]
            # A match may end inside a folded cluster (half of a decomposed letter); that is no match.
            whole = (first == 0 or origin[first - 1] < start) and (last == len(folded) or origin[last - 1] < end)
            if whole and on_word_boundaries(text, start, end):
                yield start, end, number, self._name_labels[number]

    def _pattern_matches(self, text: str) -> Iterator[tuple[int, int, int, str]]:
        for number, (label, pattern) in enumerate(self._patterns, start=len(self._names)):
            try:
                for match in pattern.finditer(text, timeout=_PATTERN_SECONDS):
                    if match.end() > match.start():
                        yield match.start(), match.end(), number, label
            except TimeoutError as error:
                raise DataError(
                    f"the pattern of {label} took over {_PATTERN_SECONDS:.0f} s on one text",
                    mend="Rewrite it without nested repeats.",
                ) from error


def _fold(text: str, ignore_case: bool) -> tuple[str, list[int]]:
    """Canonically composed, maybe case-folded text, and where in ``text`` each of its characters and its end stand."""
    if text.isascii():
        return (text.lower() if ignore_case else text), list(range(len(text) + 1))
    parts: list[str] = []
    origin: list[int] = []
    for match in _CLUSTER.finditer(text):
        cluster = unicodedata.normalize("NFC", match.group())
        if ignore_case:
            cluster = unicodedata.normalize("NFC", cluster.casefold())
        parts.append(cluster)
        origin.extend([match.start()] * len(cluster))
    origin.append(len(text))
    # A lone surrogate cannot cross into the automaton; a stand-in keeps every offset in place.
    return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace"), origin


def _table(content: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    table = content.get(key) or {}
    if not isinstance(table, dict):
        raise DataError(f"{key} is not a table of labels", where=str(path))
    return {str(label): value for label, value in table.items()}


def _names(value: Any, path: Path, label: str) -> Iterator[str]:
    if isinstance(value, dict) and set(value) == {"file"}:
        file = path.parent / str(value["file"])
        try:
            yield from file.read_text(encoding="utf-8-sig").splitlines()
        except OSError as error:
            raise DataError(f"the names of {label} cannot be read: {file}", where=str(path)) from error
    elif isinstance(value, list):
        yield from map(str, value)
    else:
        raise DataError(f"the names of {label} are neither a list nor {{file: PATH}}", where=str(path))
