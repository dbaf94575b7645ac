"""What is to be asked, how much of it, and how far it has come: the same for live asking and for batches."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Question:
    """One request to come.

    Args:
        key: of its body, see :func:`onoma.extractors.answers.request_key`.
        item: what it is about, such as a document's id.
        body: of the request.
    """

    key: bytes
    item: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """How much is asked, and how.

    Args:
        concurrency: most requests at a time.
        rate: requests a second to begin with; it adapts.
        tries: of a question, over all calls, before it fails for good; refusals for asking too often do not count.
        requests, tokens, money: budget of this call; None is without end. A request that is out when it is reached is
            still paid; of batches that are out, the estimate counts.
    """

    concurrency: int = 16
    rate: float = 10.0
    tries: int = 5
    requests: int | None = None
    tokens: int | None = None
    money: float | None = None


@dataclass
class Progress:
    """How far a call has come.

    Args:
        asked: requests sent.
        answered: answers kept.
        failed: questions that failed for good.
        refused: refusals for asking too often.
        retried: tries that failed otherwise.
        tokens, cost: of the answers.
        stopped: which limit of the budget ended it, if one did.
    """

    asked: int = 0
    answered: int = 0
    failed: int = 0
    refused: int = 0
    retried: int = 0
    tokens: int = 0
    cost: float = 0.0
    stopped: str | None = None

    def plus(self, later: Progress) -> Progress:
        """Both added up; what ended the later one ended all."""
        sums = {item.name: getattr(self, item.name) + getattr(later, item.name) for item in fields(self)[:-1]}
        return Progress(**sums, stopped=later.stopped)
