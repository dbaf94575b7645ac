"""The generator: a small language model that writes a text's entities, and cannot write one that is not in the text."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from onoma.document import Document, Span
from onoma.errors import ModelError
from onoma.extractors.answers import Findings
from onoma.extractors.base import Extractor
from onoma.extractors.codecs import Codec, escape_inline, escape_json, find_codec
from onoma.extractors.grammar import make_grammar
from onoma.extractors.grounding import Grounded, Mention, spans_of
from onoma.extractors.instructions import question, task
from onoma.extractors.windows import Window, plan_windows
from onoma.models.writing import Decoder, Request, Written
from onoma.words import line_and_sentence_starts

if TYPE_CHECKING:
    from onoma.models.generator_card import GeneratorCard
    from onoma.models.vocabulary import Vocabulary

_OVERLAP = 8
"""Part of a window that the next one of the same line reads again, as a divisor."""
_UNBOUND = 4
"""Pieces that an answer without grammar may have for each piece of its text."""


@dataclass(frozen=True)
class GeneratorSettings:
    """How a generator asks and reads its answers.

    Args:
        codec: format of the answers.
        labels: the only types there are; None lets the model choose.
        definitions: what some of them mean.
        window: pieces of text read at a time.
        grounded: hold answers to a grammar that only real answers fit; False is for comparison.
        thresholds: least span score of each label.
    """

    codec: Codec
    labels: tuple[str, ...] | None
    definitions: Mapping[str, str] = field(default_factory=dict)
    window: int = 256
    grounded: bool = True
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, card: GeneratorCard) -> GeneratorSettings:
        """Settings that a run or an export states."""
        return cls(
            codec=find_codec(card.codec),
            labels=card.labels,
            definitions=card.definitions,
            window=card.window,
            thresholds=card.thresholds,
        )


def ask_for(extractor: Extractor, labels: Iterable[str]) -> Extractor:
    """A generator asked for these labels, or any other extractor as it is: it knows no others than its own."""
    if not isinstance(extractor, GeneratorExtractor):
        return extractor
    return extractor.with_labels(sorted(labels), extractor.settings.definitions)


@dataclass(frozen=True)
class Part:
    """A stretch of a document that a generator reads at a time.

    Args:
        document: the stretch with its words, and the spans that lie in it.
        start: where it begins in the whole document.
        keep: offsets in the whole document; entities that begin there are taken from this part.
    """

    document: Document
    start: int
    keep: tuple[int, int]


def cut_parts(document: Document, vocabulary: Vocabulary, window: int) -> list[Part]:
    """A document in parts that a generator can read; one that fits is read whole. Training cuts the same way.

    Args:
        document: any length.
        vocabulary: of the generator.
        window: pieces of a part.
    """
    words = document.words()
    if not words:
        return []
    sizes = [min(size, window) for size in vocabulary.sizes(document.text, words)]
    if sum(sizes) <= window:
        windows = [Window(0, len(words), 0, len(words))]
    else:
        lines, sentences = line_and_sentence_starts(document.text, words, document.language)
        windows = plan_windows(sizes, lines, sentences, target=window, overlap=window // _OVERLAP)
    parts = []
    for cut in windows:
        start, end = words[cut.first][0], words[cut.last - 1][1]
        tokens = tuple((left - start, right - start) for left, right in words[cut.first : cut.last])
        spans = tuple(
            replace(span, start=span.start - start, end=span.end - start)
            for span in document.spans
            if start <= span.start and span.end <= end
        )
        last = words[cut.keep_last][0] if cut.keep_last < len(words) else len(document.text)
        part = Document(document.text[start:end], spans, tokens, language=document.language)
        parts.append(Part(part, start, (words[cut.keep_first][0], last)))
    return parts


@dataclass
class Effort:
    """What a generator did, added up.

    Args:
        texts: parts of documents that were read.
        prompt_pieces: pieces read.
        pieces: pieces written.
        steps: times that the model was asked for a piece; the others were forced.
        cut_off: answers that grew too long.
        findings: how the answers were.
    """

    texts: int = 0
    prompt_pieces: int = 0
    pieces: int = 0
    steps: int = 0
    cut_off: int = 0
    findings: Findings = field(default_factory=Findings)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, all in one table."""
        own = {name: value for name, value in vars(self).items() if name != "findings"}
        return own | self.findings.to_dict()


class GeneratorExtractor(Extractor):
    """Finds entities by having a language model write them, each behind the last, under a grammar made for the text.

    A span's score is the probability of what the model chose while it wrote surface and type, under the grammar.

    Args:
        decoder: the model.
        settings: what is asked and how.
        prepare: called before the model is used, where several adapters share it.

    Attributes:
        decoder: the model.
        settings: what is asked and how.
        effort: added up over all texts so far.

    Examples:
        >>> extractor = onoma.load("runs/open-ner")  # doctest: +SKIP
        >>> extractor.with_labels(["river", "city"]).extract("The Luit flows past Guwahati.")  # doctest: +SKIP
    """

    def __init__(
        self, decoder: Decoder, settings: GeneratorSettings, *, prepare: Callable[[], None] = lambda: None
    ) -> None:
        self.decoder = decoder
        self.settings = settings
        self.effort = Effort()
        self._prepare = prepare
        # A prompt and the longest answer to a window have to fit; a grammar's answers are about as long as their text.
        if 3 * settings.window > decoder.longest:
            raise ModelError(
                f"windows of {settings.window} pieces and their answers do not fit into the base's {decoder.longest}",
                where="window",
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """Entity types that it can give; none where any may come."""
        return self.settings.labels or ()

    def with_settings(self, **changes: Any) -> GeneratorExtractor:
        """The same model with other settings."""
        return GeneratorExtractor(self.decoder, replace(self.settings, **changes), prepare=self._prepare)

    def with_labels(
        self, labels: Sequence[str] | None, definitions: Mapping[str, str] | None = None
    ) -> GeneratorExtractor:
        """The same model asked for other types, with what they mean; None lets it choose."""
        return self.with_settings(labels=None if labels is None else tuple(labels), definitions=definitions or {})

    def extract_block(self, documents: Sequence[Document]) -> list[Document]:
        """See :class:`onoma.extractors.Extractor`."""
        self._prepare()
        parts = [
            (row, part)
            for row, document in enumerate(documents)
            for part in cut_parts(document, self.decoder.vocabulary, self.settings.window)
        ]
        vocabulary = self.decoder.vocabulary
        prefix = (*vocabulary.begin, *vocabulary.pieces(task(self.settings.labels, self.settings.definitions)))
        requests = [self._request(part, prefix) for _, part in parts]
        spans: list[list[Span]] = [[] for _ in documents]
        for (row, part), request, written in zip(parts, requests, self.decoder.write(requests), strict=True):
            found = self._read(part, request, written)
            # An entity may reach beyond its window's kept part, into what the next window has named too.
            free = spans[row][-1].end if spans[row] else 0
            spans[row] += [span for span in found if span.start >= free]
        return [document.with_spans(found) for document, found in zip(documents, spans, strict=True)]

    def window_starts(self, document: Document) -> list[int]:
        """See :class:`onoma.extractors.Extractor`."""
        parts = cut_parts(document, self.decoder.vocabulary, self.settings.window)
        return [part.keep[0] for part in parts[1:]]

    def _request(self, part: Part, prefix: tuple[int, ...]) -> Request:
        settings = self.settings
        pieces = tuple(self.decoder.vocabulary.pieces(question(part.document.text)))
        grammar = None
        most = self.decoder.longest - len(prefix) - len(pieces)
        if settings.grounded:
            grammar = make_grammar(settings.codec.name, part.document.text, part.document.words(), settings.labels)
        else:
            most = min(most, _UNBOUND * len(pieces))
        return Request(prefix, pieces, grammar, most)

    def _read(self, part: Part, request: Request, written: Written) -> list[Span]:
        """Spans of an answer in the whole document, those that begin in the part's kept stretch, sorted."""
        codec, text = self.settings.codec, part.document.text
        parsed = codec.parse(self.decoder.vocabulary.text(written.pieces))
        scored = self._with_scores(parsed.mentions, written)
        wanted = [mention for mention in scored if self.settings.labels is None or mention.label in self.labels]
        placed = codec.place(wanted, text)
        self._count(request, written, bool(parsed.faults), len(parsed.mentions) - len(wanted), placed)
        first, last = part.keep
        moved = (replace(span, start=span.start + part.start, end=span.end + part.start) for span in spans_of(placed))
        return [
            span
            for span in moved
            if first <= span.start < last and (span.score or 0.0) >= self.settings.thresholds.get(span.label, 0.0)
        ]

    def _with_scores(self, mentions: Sequence[Mention], written: Written) -> list[Mention]:
        """Mentions with the probability of the pieces from the first of their surface to the last of their type."""
        parts = [self.decoder.vocabulary.bytes_of(piece) for piece in written.pieces]
        ends = list(itertools.accumulate(map(len, parts)))
        answer = b"".join(parts)
        escape = escape_inline if self.settings.codec.name == "inline" else escape_json
        cursor = 0
        scored = []
        for mention in mentions:
            surface, label = escape(mention.surface).encode(), escape(mention.label).encode()
            # A map's further types of one surface stand behind the first, without the surface.
            begin = answer.find(surface, cursor)
            start = cursor if begin < 0 else begin
            cursor = max(cursor, answer.find(label, start + len(surface) if begin >= 0 else start) + len(label))
            first, last = bisect_right(ends, start), bisect_left(ends, cursor) + 1
            scored.append(replace(mention, score=math.prod(written.probabilities[first:last])))
        return scored

    def _count(self, request: Request, written: Written, faulty: bool, others: int, placed: Sequence[Grounded]) -> None:
        effort = self.effort
        effort.texts += 1
        effort.prompt_pieces += len(request.prefix) + len(request.pieces)
        effort.pieces += len(written.pieces)
        effort.steps += written.steps
        effort.cut_off += not written.whole
        effort.findings.invalid += faulty
        effort.findings.other_labels += others
        effort.findings.statuses.update(found.status for found in placed)
