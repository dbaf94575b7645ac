"""Any extractors label raw text: language models behind endpoints, trained taggers, rules; several vote."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onoma.annotation.journal import Journal
from onoma.annotation.live import Limits, Progress, Question, ask_all
from onoma.annotation.weak import Vote, join_answers
from onoma.document import Document
from onoma.errors import DataError
from onoma.extractors.answers import request_key
from onoma.extractors.base import Extractor
from onoma.extractors.endpoint import EndpointExtractor


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


def label(
    texts: Sequence[Document],
    labellers: Mapping[str, Extractor],
    *,
    journal: Journal,
    limits: Limits | None = None,
    vote: Vote = "trust",
    watch: Callable[[str, Progress], None] = lambda *_: None,
) -> Labelling:
    """Label texts; what an endpoint has answered before, as the journal says, is not asked again.

    Args:
        texts: their own spans do not count.
        labellers: by name; one is believed, several vote (see :mod:`onoma.annotation.weak`).
        journal: of the endpoints.
        limits: budget and pace of each endpoint.
        vote: how labellers agree.
        watch: is told the progress of an endpoint after each answer.

    Raises:
        DataError: if there is no labeller, or one of several can give any label, so that its silence means nothing.
        ModelError: if an endpoint cannot be reached.

    Example:
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
            progress = asyncio.run(_ask(labeller, plain, journal, limits or Limits(), name, watch))
            answers[name] = [_from_journal(labeller, document, journal) for document in plain]
            endpoints[name] = {
                **dataclasses.asdict(progress),
                "mentions": dict(labeller.usage.statuses),
                "other_labels": labeller.usage.other_labels,
                "faulty_answers": labeller.usage.invalid,
            }
        else:
            answers[name] = list(labeller.extract(plain))
    whole = [row for row in range(len(plain)) if all(found[row] is not None for found in answers.values())]
    given = {
        name: [document for row in whole if (document := found[row]) is not None] for name, found in answers.items()
    }
    known = {name: labeller.labels for name, labeller in labellers.items()}
    labelled, reports = join_answers(given, known, vote)
    sources = {name: dataclasses.asdict(report) for name, report in reports.items()}
    counts = Counter(span.label for document in labelled for span in document.spans)
    return Labelling(labelled, len(plain) - len(whole), dict(sorted(counts.items())), endpoints, sources)


async def _ask(
    labeller: EndpointExtractor,
    texts: Sequence[Document],
    journal: Journal,
    limits: Limits,
    name: str,
    watch: Callable[[str, Progress], None],
) -> Progress:
    from openai import AsyncOpenAI

    file = labeller.file
    limits = dataclasses.replace(limits, concurrency=file.concurrency)
    key = labeller.api_key()
    async with AsyncOpenAI(base_url=file.url, api_key=key, max_retries=0, timeout=file.timeout) as client:
        return await ask_all(
            _questions(labeller, texts),
            client,
            labeller.read_reply,
            journal,
            limits,
            lambda progress: watch(name, progress),
        )


def _questions(labeller: EndpointExtractor, texts: Sequence[Document]) -> Iterator[Question]:
    asked: set[bytes] = set()
    for document in texts:
        for start, end in labeller.parts(document):
            body = labeller.body(document.text[start:end])
            key = request_key(body)
            if key not in asked:
                asked.add(key)
                yield Question(key, document.id, body)


def _from_journal(labeller: EndpointExtractor, document: Document, journal: Journal) -> Document | None:
    """The document as the journal's answers label it, or None where one is missing."""
    answers = []
    for start, end in labeller.parts(document):
        answer = journal.answer(request_key(labeller.body(document.text[start:end])))
        if answer is None:
            return None
        answers.append(answer.text)
    return labeller.read_answers(document, answers)
