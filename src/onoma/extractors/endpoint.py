"""A language model behind any OpenAI-compatible endpoint: OpenAI, Azure, vLLM, Ollama, llama.cpp, `transformers serve`.

What it is asked and how is in :mod:`onoma.extractors.endpoint_file`. It is never asked for offsets: its answers are
found in the text (:mod:`onoma.extractors.grounding`), and what is not there is dropped and counted.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import regex

from onoma.document import Document, Span
from onoma.errors import ModelError
from onoma.extractors import apis
from onoma.extractors.answers import Answer, Findings, Memory, request_key
from onoma.extractors.base import Extractor
from onoma.extractors.codecs import Codec, find_codec
from onoma.extractors.endpoint_file import OPENAI, EndpointFile, Examples, read_endpoint_file
from onoma.extractors.examples import ExampleChooser
from onoma.extractors.grounding import spans_of
from onoma.extractors.prompts import answer_schema, check_messages, task_messages
from onoma.words import line_and_sentence_starts

if TYPE_CHECKING:
    from openai import OpenAI

_LIST = regex.compile(r"\[[\d,\s]*\]")


@dataclass
class Usage:
    """What an endpoint was asked, added up.

    Args:
        requests: answers received.
        seconds: waited for them, requests at the same time counted each.
        input_tokens, output_tokens: as the server counts.
        cost: at the prices of the file.
        findings: how the answers were.
    """

    requests: int = 0
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    findings: Findings = field(default_factory=Findings)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, all in one table."""
        own = {name: value for name, value in asdict(self).items() if name != "findings"}
        return own | self.findings.to_dict()


Rounds = Generator[list[dict[str, Any]], list[str], tuple[Document, Findings]]
"""Gives requests, takes the texts of their answers, some times over; returns the labelled document."""


class EndpointExtractor(Extractor):
    """Asks a language model for the entities of a text, and finds its answers in the text.

    Args:
        file: what is asked of whom.
        where: the file's name, for messages.
        memory: of earlier answers; a question that was answered is not asked again.

    Attributes:
        usage: added up over all texts so far.

    Examples:
        >>> load("llm.yaml").extract("java.lang.NullPointerException on Ubuntu")  # doctest: +SKIP
    """

    def __init__(self, file: EndpointFile, where: str = "", memory: Memory | None = None) -> None:
        self.file = file
        self.memory = memory
        self.usage = Usage()
        self._where = where
        self._codec: Codec = find_codec(file.codec)
        self._lock = threading.Lock()
        self._chooser = _examples(file.examples)

    @classmethod
    def from_file(cls, path: Path) -> EndpointExtractor:
        """Read an endpoint file.

        Raises:
            DataError: if it is missing or a key of it is not valid.
        """
        return cls(read_endpoint_file(path), str(path))

    @property
    def labels(self) -> tuple[str, ...]:
        """Entity types that it is asked for; none where any type may come."""
        return tuple(self.file.labels)

    def extract_block(self, documents: Sequence[Document]) -> list[Document]:
        """See :class:`onoma.extractors.Extractor`.

        Raises:
            ModelError: if the server cannot be reached, or refuses.
        """
        rounds = [self.rounds(document) for document in documents]
        wanted: dict[int, list[dict[str, Any]]] = {}
        done: dict[int, Document] = {}

        def advance(row: int, answers: list[str] | None) -> None:
            try:
                wanted[row] = next(rounds[row]) if answers is None else rounds[row].send(answers)
            except StopIteration as end:
                wanted.pop(row, None)
                done[row], findings = end.value
                self.usage.findings.add(findings)

        for row in range(len(documents)):
            advance(row, None)
        with ThreadPoolExecutor(self.file.concurrency) as pool:
            while wanted:
                # The same text is asked about once, in however many documents it stands.
                bodies = {request_key(body): (body, documents[row].id) for row, own in wanted.items() for body in own}
                client = self._client()
                texts = pool.map(lambda item, client=client: self._ask(client, item[0], *item[1]), bodies.items())
                answers = dict(zip(bodies, texts, strict=True))
                for row, requests in list(wanted.items()):
                    advance(row, [answers[request_key(body)] for body in requests])
        return [done[row] for row in range(len(documents))]

    def rounds(self, document: Document) -> Rounds:
        """What has to be asked about a document, and what the answers make of it.

        Each time it gives requests, it is to be sent the texts of their answers; it returns the document with its
        spans, and how the answers were. It asks nobody and changes nothing, so it may be gone through again.

        Examples:
            >>> rounds = extractor.rounds(document)  # doctest: +SKIP
            >>> rounds.send([answer_to(body) for body in next(rounds)])  # doctest: +SKIP
        """
        findings = Findings()
        parts = list(_parts(document, self.file.max_words))
        samples = self.file.samples
        bodies = [
            self._body(document.text[start:end], sample if samples > 1 else None)
            for start, end in parts
            for sample in range(samples)
        ]
        answers = (yield bodies) if bodies else []
        found: list[list[Span]] = []
        for number, (start, end) in enumerate(parts):
            text = document.text[start:end]
            given = [self._spans(answer, text, findings) for answer in answers[number * samples :][:samples]]
            found.append(given[0] if samples == 1 else _majority(given, findings))
        doubtful = [number for number, own in enumerate(found) if own and self.file.verify]
        if doubtful:
            checks = [self._check(document.text[slice(*parts[number])], found[number]) for number in doubtful]
            for number, answer in zip(doubtful, (yield checks), strict=True):
                found[number] = _confirmed(found[number], answer, findings)
        spans = [
            replace(span, start=span.start + start, end=span.end + start)
            for (start, _), own in zip(parts, found, strict=True)
            for span in own
        ]
        return document.with_spans(spans), findings

    def cost(self, input_tokens: float, output_tokens: float, *, batch: bool = False) -> float:
        """What tokens cost, at the file's prices."""
        prices = self.file.prices
        share = prices.batch if batch else 1.0
        return share * (input_tokens * prices.input + output_tokens * prices.output) / 1e6

    def read_reply(self, reply: dict[str, Any], *, batch: bool = False) -> Answer:
        """The answer in a server's reply, priced and added to the usage.

        Raises:
            ValueError: if it is no reply of the API.
        """
        text, given, made = apis.read_reply(self.file.api, reply)
        cost = self.cost(given, made, batch=batch)
        with self._lock:
            self.usage.requests += 1
            self.usage.input_tokens += given
            self.usage.output_tokens += made
            self.usage.cost += cost
        return Answer(text, given, made, cost)

    def api_key(self) -> str:
        """The key from the environment; any text for a server of one's own, which asks for none.

        Raises:
            ModelError: if OpenAI's own server is to be asked without one.
        """
        key = os.environ.get(self.file.key_variable, "")
        if not key and self.file.url == OPENAI:
            raise ModelError(
                f"no API key in the environment variable {self.file.key_variable}",
                where=self._where,
                mend=f"Set it, or name a server of your own with url in {self._where or 'the endpoint file'}.",
            )
        return key or "none"

    def _client(self) -> OpenAI:
        from openai import OpenAI

        return OpenAI(
            base_url=self.file.url,
            api_key=self.api_key(),
            max_retries=self.file.retries,
            timeout=self.file.timeout,
        )

    def _ask(self, client: OpenAI, key: bytes, body: dict[str, Any], item: str) -> str:
        from openai import APIConnectionError, APIStatusError, OpenAIError

        known = self.memory.answer(key) if self.memory else None
        if known is not None:
            return known.text
        begun = time.monotonic()
        try:
            answer = self.read_reply(apis.ask(client, self.file.api, body))
        except APIConnectionError as error:
            raise ModelError(
                f"no answer from {self.file.url} ({type(error).__name__})",
                where=self._where,
                mend="Start the server, or mend the url.",
            ) from error
        except APIStatusError as error:
            raise ModelError(
                f"{self.file.url} refuses with status {error.status_code} ({str(error.message)[:200]})",
                where=self._where,
            ) from error
        except (OpenAIError, ValueError) as error:
            raise ModelError(f"{self.file.url}: {type(error).__name__}: {error}", where=self._where) from error
        if self.memory:
            self.memory.record(key, item, answer)
        with self._lock:
            self.usage.seconds += time.monotonic() - begun
        return answer.text

    def _body(self, text: str, sample: int | None) -> dict[str, Any]:
        examples = self._chooser.choose(text) if self._chooser else []
        return apis.request_body(
            self.file.api,
            self.file.model,
            task_messages(self.file, self._codec, text, examples),
            temperature=self.file.temperature,
            max_tokens=self.file.max_tokens,
            schema=answer_schema(self.file.labels) if self.file.structured else None,
            seed=sample,
        )

    def _check(self, text: str, spans: Sequence[Span]) -> dict[str, Any]:
        messages = check_messages(self.file, text, spans)
        return apis.request_body(
            self.file.api, self.file.model, messages, temperature=0.0, max_tokens=self.file.max_tokens
        )

    def _spans(self, answer: str, text: str, findings: Findings) -> list[Span]:
        """Spans of an answer, sorted; the first of those that are the same place."""
        parsed = self._codec.parse(answer)
        names = {name.casefold(): name for name in self.file.labels}
        wanted = []
        for mention in parsed.mentions:
            label = names.get(mention.label.strip().casefold()) if names else mention.label.strip()
            if label:
                wanted.append(replace(mention, label=label))
        placed = self._codec.place(wanted, text)
        findings.invalid += bool(parsed.faults)
        findings.other_labels += len(parsed.mentions) - len(wanted)
        findings.statuses.update(found.status for found in placed)
        return spans_of(placed)


def _majority(given: Sequence[Sequence[Span]], findings: Findings) -> list[Span]:
    """Spans that more than half of the samples have, scored by how many do.

    After the self-consistency of Wang et al. 2023 (https://openreview.net/forum?id=1PL1NIMMrw).
    """
    votes = Counter(span for spans in given for span in spans)
    kept = [replace(span, score=count / len(given)) for span, count in votes.items() if 2 * count > len(given)]
    findings.outvoted += len(votes) - len(kept)
    return sorted(kept)


def _confirmed(spans: Sequence[Span], answer: str, findings: Findings) -> list[Span]:
    """The spans whose numbers an answer lists; all of them where it lists nothing readable."""
    listed = _LIST.search(answer)
    if listed is None:
        findings.invalid += 1
        return list(spans)
    numbers = {int(number) for number in regex.findall(r"\d+", listed.group())}
    kept = [span for number, span in enumerate(spans, start=1) if number in numbers]
    findings.withdrawn += len(spans) - len(kept)
    return kept


def _examples(wanted: Examples | None) -> ExampleChooser | None:
    if wanted is None:
        return None
    from onoma.corpus import load_corpus

    documents = list(load_corpus(wanted.corpus)[wanted.split])
    return ExampleChooser(documents, wanted.count, nearest=wanted.choose == "nearest")


def _parts(document: Document, words: int) -> Iterator[tuple[int, int]]:
    """Stretches of whole sentences of at most so many words; a longer sentence is a stretch of its own."""
    offsets = document.words()
    if len(offsets) <= words:
        if offsets:
            yield 0, len(document.text)
        return
    _, starts = line_and_sentence_starts(document.text, offsets, document.language)
    first = 0
    for start, following in zip(starts, [*starts[1:], len(offsets)], strict=True):
        if following - first > words and start > first:
            yield offsets[first][0], offsets[start - 1][1]
            first = start
    yield offsets[first][0], offsets[-1][1]
