"""What a language model was asked and what it said, apart from how it was reached."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol


def request_key(body: Mapping[str, Any]) -> bytes:
    """Hash of a request's body (model, messages, parameters), 32 bytes; the order of keys does not count."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).digest()


@dataclass(frozen=True)
class Answer:
    """What came back.

    Args:
        text: of the answer.
        input_tokens, output_tokens: as the server counts.
        cost: in the currency of the prices.
    """

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0


@dataclass
class Findings:
    """How a model's answers were.

    Args:
        invalid: answers whose form was faulty.
        statuses: mentions by how they were found in the text, see :mod:`onoma.extractors.grounding`.
        other_labels: mentions with a type that was not asked for; they are dropped.
        outvoted: spans that half of the samples or fewer had.
        withdrawn: spans that the model did not stand by.
    """

    invalid: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    other_labels: int = 0
    outvoted: int = 0
    withdrawn: int = 0

    def add(self, other: Findings) -> None:
        """Add up."""
        self.invalid += other.invalid
        self.statuses.update(other.statuses)
        self.other_labels += other.other_labels
        self.outvoted += other.outvoted
        self.withdrawn += other.withdrawn

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self) | {"statuses": dict(self.statuses)}


class Memory(Protocol):
    """Answers that were given before, such as :class:`onoma.annotation.journal.Journal`."""

    def answer(self, key: bytes) -> Answer | None:
        """The answer to a request, if it was ever given."""

    def record(self, key: bytes, item: str, answer: Answer) -> bool:
        """Keep an answer; the first one counts. Says whether it was the first."""
