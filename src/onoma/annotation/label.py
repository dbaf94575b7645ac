"""Any extractors label raw text: language models behind endpoints, trained taggers, rules; several vote."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from onoma.annotation.batch import BatchLimits, ask_in_batches
from onoma.annotation.journal import Journal
from onoma.annotation.live import ask_all
from onoma.annotation.questions import Limits, Progress, Question
from onoma.annotation.weak import Vote, join_answers
from onoma.document import Document
from onoma.errors import DataError
from onoma.extractors import apis
from onoma.extractors.answers import Findings, request_key
from onoma.extractors.base import Extractor
from onoma.extractors.endpoint import EndpointExtractor

if TYPE_CHECKING:
    from openai import OpenAI

Mode = Literal["live", "batch", "journal"]
"""How endpoints are asked: now, by the Batch API, or not at all, so that only what the journal knows counts."""
_BYTES_A_TOKEN = 4


@dataclass(frozen=True)
class Labelling:
    """Labelled documents, and what it took.

    Args:
        documents: in the order of the texts, without those that a labeller gave no answer for.
        unanswered: how many those are.
        labels: entities by label.
        endpoints: by labeller that is an endpoint: progress of this call and how its mentions were found.
        sources: by labeller, where several voted, its :class:`onoma.annotation.weak.SourceReport`.
    """

    documents: list[Document]
    unanswered: int
    labels: dict[str, int]
    endpoints: dict[str, dict[str, Any]]
    sources: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, without the documents."""
        return {
            "documents": len(self.documents),
            "unanswered": self.unanswered,
            "labels": self.labels,
            "endpoints": self.endpoints,
            "sources": self.sources,
        }


@dataclass(frozen=True)
class Estimate:
    """What labelling will take of an endpoint, before anything is asked.

    Args:
        requests: without an answer in the journal; questions that only answers will raise are not among them.
        known: requests that the journal has answers to.
        input_tokens: at four bytes a token, about.
        output_tokens: as many a request as the journal's answers have on average, or else the most that is allowed.
        cost: of these tokens at the file's prices.
    """

    requests: int
    known: int
    input_tokens: int
    output_tokens: int
    cost: float


def label(
    texts: Sequence[Document],
    labellers: Mapping[str, Extractor],
    *,
    journal: Journal,
    limits: Limits | None = None,
    mode: Mode = "live",
    vote: Vote = "trust",
    annotate: Callable[[str, Sequence[Document]], Iterable[Document]] | None = None,
    watch: Callable[[str, Progress], None] = lambda *_: None,
) -> Labelling:
    """Label texts; what an endpoint has answered before, as the journal says, is not asked again.

    Args:
        texts: their own spans do not count.
        labellers: by name; one is believed, several vote (see :mod:`onoma.annotation.weak`).
        journal: of the endpoints.
        limits: budget and pace of each endpoint.
        mode: how endpoints are asked.
        vote: how labellers agree.
        annotate: labels texts with the labeller of a name that is no endpoint; without it, the labeller does it here.
        watch: is told the progress of an endpoint after each answer.

    Raises:
        DataError: if there is no labeller, or one of several can give any label, so that its silence means nothing.
        ModelError: if an endpoint cannot be reached.

    Examples:
        >>> label(corpus["train"], {"llm": onoma.load("llm.yaml")}, journal=journal).labels  # doctest: +SKIP
        {'LOC': 812, 'PER': 455}
    """
    if not labellers:
        raise DataError("no labeller")
    for name, labeller in labellers.items():
        if len(labellers) > 1 and not labeller.labels:
            raise DataError(
                "a labeller with an open label set cannot vote: its silence says nothing",
                where=name,
                mend="Give it the labels, or let it label alone.",
            )
    plain = [document.with_spans([]) for document in texts]
    answers: dict[str, list[Document | None]] = {}
    endpoints = {}
    for name, labeller in labellers.items():
        if isinstance(labeller, EndpointExtractor):
            progress = _ask(labeller, plain, journal, limits or Limits(), mode, name, watch)
            findings = Findings()
            answers[name] = [_labelled(labeller, document, journal, findings) for document in plain]
            endpoints[name] = dataclasses.asdict(progress) | findings.to_dict()
        else:
            answers[name] = list(annotate(name, plain) if annotate else labeller.extract(plain))
    whole = [row for row in range(len(plain)) if all(found[row] is not None for found in answers.values())]
    given = {
        name: [document for row in whole if (document := found[row]) is not None] for name, found in answers.items()
    }
    labelled, reports = join_answers(given, labellers, vote)
    sources = {name: dataclasses.asdict(report) for name, report in reports.items()}
    counts = Counter(span.label for document in labelled for span in document.spans)
    return Labelling(labelled, len(plain) - len(whole), dict(sorted(counts.items())), endpoints, sources)


def estimate(texts: Iterable[Document], labeller: EndpointExtractor, journal: Journal, *, batch: bool) -> Estimate:
    """What labelling will take of an endpoint, as far as it can be known before anything is asked.

    Args:
        texts: to label.
        labeller: the endpoint.
        journal: knows what was asked before.
        batch: whether the prices of batches count.
    """
    requests = known = size = 0
    for question in questions(labeller, texts, journal, answered=True):
        if journal.answer(question.key) is None:
            requests += 1
            size += _size(question)
        else:
            known += 1
    answered = journal.counts()["answered"]
    a_request = journal.spent().output_tokens / answered if answered else labeller.file.max_tokens
    given, made = size / _BYTES_A_TOKEN, requests * a_request
    return Estimate(requests, known, round(given), round(made), labeller.cost(given, made, batch=batch))


def questions(
    labeller: EndpointExtractor, texts: Iterable[Document], journal: Journal, *, answered: bool = False
) -> Iterator[Question]:
    """What has to be asked next about the texts, each question once.

    Args:
        labeller: the endpoint.
        texts: to label.
        journal: the answers so far, which may raise further questions.
        answered: give also those that have an answer.
    """
    given: set[bytes] = set()
    for document in texts:
        for bodies in _rounds(labeller, document, journal, Findings()):
            if isinstance(bodies, Document):
                break
            for body in bodies:
                key = request_key(body)
                if key not in given and (answered or journal.answer(key) is None):
                    given.add(key)
                    yield Question(key, document.id, body)


def client_of(labeller: EndpointExtractor) -> OpenAI:
    """A client of an endpoint for its Batch API, without retries of its own."""
    from openai import OpenAI

    return OpenAI(base_url=labeller.file.url, api_key=labeller.api_key(), max_retries=0, timeout=labeller.file.timeout)


def _ask(
    labeller: EndpointExtractor,
    texts: Sequence[Document],
    journal: Journal,
    limits: Limits,
    mode: Mode,
    name: str,
    watch: Callable[[str, Progress], None],
) -> Progress:
    """Ask, and ask again what the answers raise."""
    total = Progress()
    for _ in range(0 if mode == "journal" else 2 if labeller.file.verify else 1):
        waiting = questions(labeller, texts, journal)
        left = dataclasses.replace(
            limits,
            concurrency=labeller.file.concurrency,
            requests=None if limits.requests is None else limits.requests - total.asked,
            tokens=None if limits.tokens is None else limits.tokens - total.tokens,
            money=None if limits.money is None else limits.money - total.cost,
        )
        before = dataclasses.replace(total)

        def tell(progress: Progress, before: Progress = before) -> None:
            watch(name, before.plus(progress))

        round_ = (
            asyncio.run(_ask_live(labeller, waiting, journal, left, tell))
            if mode == "live"
            else _ask_in_batches(labeller, waiting, journal, left, tell)
        )
        total = total.plus(round_)
        if total.stopped:
            break
    return total


async def _ask_live(
    labeller: EndpointExtractor,
    waiting: Iterator[Question],
    journal: Journal,
    limits: Limits,
    watch: Callable[[Progress], None],
) -> Progress:
    from openai import AsyncOpenAI

    file = labeller.file
    key = labeller.api_key()
    async with AsyncOpenAI(base_url=file.url, api_key=key, max_retries=0, timeout=file.timeout) as client:
        return await ask_all(
            waiting,
            lambda body: apis.ask_async(client, file.api, body),
            labeller.read_reply,
            journal,
            limits,
            watch,
        )


def _ask_in_batches(
    labeller: EndpointExtractor,
    waiting: Iterator[Question],
    journal: Journal,
    limits: Limits,
    watch: Callable[[Progress], None],
) -> Progress:
    file = labeller.file
    return ask_in_batches(
        waiting,
        client_of(labeller),
        file.api,
        lambda reply: labeller.read_reply(reply, batch=True),
        journal,
        limits,
        BatchLimits(**file.batch.model_dump()),
        estimate=lambda size: labeller.cost(size / _BYTES_A_TOKEN, file.max_tokens, batch=True),
        watch=watch,
    )


def _rounds(
    labeller: EndpointExtractor, document: Document, journal: Journal, findings: Findings
) -> Iterator[list[dict[str, Any]] | Document]:
    """The requests about a document as far as the journal's answers lead, and then the labelled document if they do."""
    rounds = labeller.rounds(document)
    try:
        bodies = next(rounds)
        while True:
            yield bodies
            answers = [journal.answer(request_key(body)) for body in bodies]
            texts = [answer.text for answer in answers if answer is not None]
            if len(texts) < len(answers):
                return
            bodies = rounds.send(texts)
    except StopIteration as end:
        labelled, found = end.value
        findings.add(found)
        yield labelled


def _labelled(labeller: EndpointExtractor, document: Document, journal: Journal, findings: Findings) -> Document | None:
    """The document as the journal's answers label it, or None where one is missing.

    How its mentions were found goes into its ``meta``, for :mod:`onoma.annotation.assemble` to judge by.
    """
    own = Findings()
    reached = list(_rounds(labeller, document, journal, own))[-1]
    findings.add(own)
    if not isinstance(reached, Document):
        return None
    return dataclasses.replace(reached, meta={**reached.meta, "mentions": dict(own.statuses)})


def _size(question: Question) -> int:
    messages = question.body.get("messages") or question.body["input"]
    return sum(len(turn["content"].encode()) for turn in messages)
