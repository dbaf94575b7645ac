"""A language model behind any OpenAI-compatible endpoint (OpenAI, vLLM, Ollama, llama.cpp, `transformers serve`).

model: gpt-5-mini
url: http://127.0.0.1:8000/v1          # OpenAI's own if left out; the key is read from OPENAI_API_KEY
labels:
  ERROR: names of errors and exceptions, such as NullPointerException
  OS: operating systems
examples: {corpus: data/it, count: 4, choose: nearest}
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, field_validator

from onoma.document import Document, Span
from onoma.errors import DataError, ModelError
from onoma.extractors.answers import Answer, Memory, request_key
from onoma.extractors.base import Extractor
from onoma.extractors.codecs import Codec, find_codec
from onoma.extractors.examples import ExampleChooser
from onoma.files import read_table
from onoma.schema import Section, section_error
from onoma.words import line_and_sentence_starts

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletion

_OPENAI = "https://api.openai.com/v1"
_FORMATS = {
    "json-map": "a JSON object that maps each entity, exactly as it stands in the text, to its type",
    "json-list": 'a JSON list of pairs ["entity exactly as it stands in the text", "TYPE"] in the order of the text',
    "inline": "the text itself, unchanged but for each entity written as [entity|TYPE]",
}


class Examples(Section):
    """Labelled sentences that are shown to the model."""

    corpus: str = Field(description="a path, hub:REPO[:CONFIG] or examples:NAME")
    split: str = Field("train", description="its split")
    count: int = Field(4, ge=1, description="shown with each text")
    choose: Literal["nearest", "first"] = Field("nearest", description="those most like the text, or the same for all")


class Prices(Section):
    """What a million tokens cost, in any currency."""

    input: float = Field(0.0, ge=0)
    output: float = Field(0.0, ge=0)


class EndpointFile(Section):
    """What an endpoint file says."""

    model: str = Field(description="name of the model, as the server knows it")
    url: str = Field(_OPENAI, description="base URL of the API")
    key_variable: str = Field("OPENAI_API_KEY", description="environment variable that holds the key; never the key")
    labels: dict[str, str] = Field(default_factory=dict, description="types and what they mean; none: any type")
    instructions: str = Field("", description="said to the model besides labels and format")
    codec: Literal["json-map", "json-list", "inline"] = Field("json-list", description="format of the answers")
    examples: Examples | None = Field(None, description="few-shot examples")
    temperature: float = Field(0.0, ge=0, description="of the sampling")
    max_tokens: int = Field(512, ge=1, description="longest answer")
    max_words: int = Field(300, ge=1, description="longer texts are asked in parts, cut between sentences")
    concurrency: int = Field(4, ge=1, description="requests at a time")
    timeout: float = Field(120.0, gt=0, description="seconds to wait for an answer")
    retries: int = Field(3, ge=0, description="when the server is busy or does not answer")
    prices: Prices = Prices()

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("a URL begins with http:// or https://")
        return value.rstrip("/")


@dataclass
class Usage:
    """What an endpoint was asked and how its answers were, added up.

    Args:
        requests: answers received.
        seconds: waited for them, requests at the same time counted each.
        input_tokens, output_tokens: as the server counts.
        cost: at the prices of the file.
        invalid: answers whose form was faulty.
        statuses: mentions by how they were found in the text, see :mod:`onoma.extractors.grounding`.
        other_labels: mentions with a type that was not asked for; they are dropped.
    """

    requests: int = 0
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    invalid: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    other_labels: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self) | {"statuses": dict(self.statuses)}


class EndpointExtractor(Extractor):
    """Asks a language model for the entities of a text, and finds its answers in the text.

    Args:
        file: what is asked of whom.
        where: the file's name, for messages.
        memory: of earlier answers; a question that was answered is not asked again.

    Attributes:
        usage: added up over all texts so far.

    Example:
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
        content = read_table(path, "endpoint file", DataError)
        try:
            return cls(EndpointFile.model_validate(content), str(path))
        except ValidationError as error:
            raise section_error(error, EndpointFile, str(path), DataError) from error

    @property
    def labels(self) -> tuple[str, ...]:
        """Entity types that it is asked for; none where any type may come."""
        return tuple(self.file.labels)

    def extract_block(self, documents: Sequence[Document]) -> list[Document]:
        """See :class:`onoma.extractors.Extractor`.

        Raises:
            ModelError: if the server cannot be reached, or refuses.
        """
        parts = [self.parts(document) for document in documents]
        items = {
            document.text[start:end]: document.id
            for document, places in zip(documents, parts, strict=True)
            for start, end in places
        }
        client = self._client() if items else None
        with ThreadPoolExecutor(self.file.concurrency) as pool:
            answers = dict(zip(items, pool.map(lambda item: self._ask(client, *item), items.items()), strict=True))
        return [
            self.read_answers(document, [answers[document.text[start:end]] for start, end in places])
            for document, places in zip(documents, parts, strict=True)
        ]

    def read_answers(self, document: Document, answers: Sequence[str]) -> Document:
        """The document with the spans that the answers to its :meth:`parts` name."""
        spans: list[Span] = []
        for (start, end), answer in zip(self.parts(document), answers, strict=True):
            found = self.spans(answer, document.text[start:end])
            spans += [replace(span, start=span.start + start, end=span.end + start) for span in found]
        return document.with_spans(spans)

    def _client(self) -> OpenAI:
        from openai import OpenAI

        return OpenAI(
            base_url=self.file.url,
            api_key=self.api_key(),
            max_retries=self.file.retries,
            timeout=self.file.timeout,
        )

    def api_key(self) -> str:
        """The key from the environment; any text for a server of one's own, which asks for none.

        Raises:
            ModelError: if OpenAI's own server is to be asked without one.
        """
        key = os.environ.get(self.file.key_variable, "")
        if not key and self.file.url == _OPENAI:
            raise ModelError(
                f"no API key in the environment variable {self.file.key_variable}",
                where=self._where,
                mend=f"Set it, or name a server of your own with url in {self._where or 'the endpoint file'}.",
            )
        return key or "none"

    def _ask(self, client: OpenAI | None, text: str, item: str) -> str:
        from openai import APIConnectionError, APIStatusError, OpenAIError

        body = self.body(text)
        key = request_key(body)
        known = self.memory.answer(key) if self.memory else None
        if known is not None:
            return known.text
        assert client is not None, "there is a question"
        begun = time.monotonic()
        try:
            reply = client.chat.completions.create(**body)
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
        except OpenAIError as error:
            raise ModelError(f"{self.file.url}: {type(error).__name__}: {error}", where=self._where) from error
        answer = self.read_reply(reply)
        if self.memory:
            self.memory.record(key, item, answer)
        with self._lock:
            self.usage.seconds += time.monotonic() - begun
        return answer.text

    def parts(self, document: Document) -> list[tuple[int, int]]:
        """Stretches of a document that are asked about one by one."""
        return list(_parts(document, self.file.max_words))

    def body(self, text: str) -> dict[str, Any]:
        """The request for a text: everything that decides the answer."""
        return {
            "model": self.file.model,
            "messages": self.messages(text),
            "temperature": self.file.temperature,
            "max_tokens": self.file.max_tokens,
        }

    def read_reply(self, reply: ChatCompletion) -> Answer:
        """The answer in a server's reply, priced and added to the usage."""
        usage = reply.usage
        given, made = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
        cost = (given * self.file.prices.input + made * self.file.prices.output) / 1e6
        with self._lock:
            self.usage.requests += 1
            self.usage.input_tokens += given
            self.usage.output_tokens += made
            self.usage.cost += cost
        return Answer((reply.choices[0].message.content or "") if reply.choices else "", given, made, cost)

    def spans(self, answer: str, text: str) -> list[Span]:
        """Spans of an answer, the first of those that are the same place."""
        parsed = self._codec.parse(answer)
        names = {name.casefold(): name for name in self.file.labels}
        wanted = []
        for mention in parsed.mentions:
            label = names.get(mention.label.strip().casefold()) if names else mention.label.strip()
            if label:
                wanted.append(replace(mention, label=label))
        placed = self._codec.place(wanted, text)
        with self._lock:
            self.usage.invalid += bool(parsed.faults)
            self.usage.other_labels += len(parsed.mentions) - len(wanted)
            self.usage.statuses.update(found.status for found in placed)
        spans = {(found.span.start, found.span.end): found.span for found in reversed(placed) if found.span}
        return list(spans.values())

    def messages(self, text: str) -> list[dict[str, str]]:
        """What the model is told for a text: the task, examples as earlier turns, the text."""
        labels = "\n".join(f"- {name}: {about}" if about else f"- {name}" for name, about in self.file.labels.items())
        task = [
            "Find the named entities in the text that the user gives.",
            f"The types are:\n{labels}" if labels else "Give each a short type of your choice, in capitals.",
            self.file.instructions,
            f"Answer with {_FORMATS[self.file.codec]}. Answer with nothing else.",
        ]
        turns = [{"role": "system", "content": "\n\n".join(filter(None, task))}]
        for example in self._chooser.choose(text) if self._chooser else []:
            turns.append({"role": "user", "content": example.text})
            turns.append({"role": "assistant", "content": self._codec.render(example)})
        return [*turns, {"role": "user", "content": text}]


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
