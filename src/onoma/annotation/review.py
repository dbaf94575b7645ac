"""People check labels: accept, mend or reject; an append-only file keeps every verdict.

Items that were drawn at random say how good the labels are; items that were picked because a labeller was unsure of
them are worth more as training data, and say nothing about the rest. Both are kept, apart.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from onoma.document import Document, Span
from onoma.errors import DataError, OnomaError
from onoma.evaluation.agreement import Agreement, measure_agreement

Choice = Literal["random", "unsure"]
Decision = Literal["accept", "mend", "reject"]
_SEED = 13
_Z = 1.959964
"""Standard errors on either side of a 95 % interval."""


@dataclass(frozen=True)
class Verdict:
    """What a reviewer said of an item.

    Args:
        item: of the document, see :func:`item_of`.
        reviewer: name.
        decision: ``accept`` as it is, ``mend`` with other spans, ``reject`` for a text that belongs in no corpus.
        spans: that the text has, in the reviewer's eyes.
        choice: how the item was picked.
        at: seconds since 1970.
    """

    item: str
    reviewer: str
    decision: Decision
    spans: tuple[Span, ...]
    choice: Choice
    at: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {**vars(self), "spans": [span.to_dict() for span in self.spans]}


@dataclass(frozen=True)
class Quality:
    """How good labels are, by the items that were drawn at random.

    Args:
        reviewed: items.
        right: of them, accepted as they were.
        interval: of the share that is right, Wilson's at 95 %.
        agreement: of the labels with what the reviewer made of them; None before the first item.
    """

    reviewed: int
    right: int
    interval: tuple[float, float]
    agreement: Agreement | None


def item_of(document: Document) -> str:
    """What names a document in a review: a hash of text and labels, so that labels made anew are reviewed anew."""
    content = [document.text, [[span.start, span.end, span.label] for span in document.spans]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


class Review:
    """A review of labelled documents, and the file of its verdicts.

    Every verdict is on the disk before :meth:`decide` returns; the last one of a reviewer on an item counts.

    Args:
        documents: with the labels to check.
        path: the file; it is made when the first verdict comes.

    Raises:
        DataError: if the file holds something else.

    Examples:
        >>> review = Review(documents, Path("review.jsonl"))  # doctest: +SKIP
        >>> review.decide(review.next_item("mira", "random"), "mira", "accept", choice="random")  # doctest: +SKIP
    """

    def __init__(self, documents: Sequence[Document], path: Path) -> None:
        self._documents = {item_of(document): document for document in documents}
        self._path = path
        self._lock = threading.Lock()
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        for verdict in _read(path) if path.exists() else ():
            self._verdicts[verdict.item, verdict.reviewer] = verdict
        drawn = list(self._documents)
        random.Random(_SEED).shuffle(drawn)
        unsure = sorted(self._documents, key=lambda item: _sureness(self._documents[item]))
        self._order: dict[Choice, list[str]] = {"random": drawn, "unsure": unsure}

    @property
    def documents(self) -> Mapping[str, Document]:
        """Documents by item."""
        return self._documents

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the documents, sorted."""
        return tuple(sorted({span.label for document in self._documents.values() for span in document.spans}))

    @property
    def reviewers(self) -> tuple[str, ...]:
        """Who has said something, sorted."""
        return tuple(sorted({verdict.reviewer for verdict in self._verdicts.values()}))

    def verdicts(self, reviewer: str | None = None) -> list[Verdict]:
        """What counts, of one reviewer or of all, the oldest first."""
        found = [verdict for verdict in self._verdicts.values() if reviewer in {None, verdict.reviewer}]
        return sorted((verdict for verdict in found if verdict.item in self._documents), key=lambda verdict: verdict.at)

    def next_item(self, reviewer: str, choice: Choice) -> str | None:
        """The next item that a reviewer has not seen: at random, or the one that its labeller was least sure of."""
        return next((item for item in self._order[choice] if (item, reviewer) not in self._verdicts), None)

    def decide(
        self,
        item: str,
        reviewer: str,
        decision: Decision,
        spans: Sequence[Span] = (),
        *,
        choice: Choice,
    ) -> Verdict:
        """Keep a verdict.

        Args:
            item: of the document.
            reviewer: name.
            decision: about it.
            spans: the right ones, where it is mended.
            choice: how the item was picked.

        Raises:
            OnomaError: if item or decision are not known, the reviewer has no name, or a span is not in the text.
        """
        document = self._documents.get(item)
        if document is None:
            raise OnomaError(f"no item {item!r} in this review")
        if not reviewer.strip():
            raise OnomaError("a verdict needs the reviewer's name")
        if decision not in get_args(Decision) or choice not in get_args(Choice):
            raise OnomaError(f"no decision {decision!r} of a {choice!r} item")
        kept = {"accept": document.spans, "mend": document.with_spans(spans).spans, "reject": ()}[decision]
        verdict = Verdict(item, reviewer.strip(), decision, tuple(kept), choice, time.time())
        with self._lock:
            self._append(verdict)
            self._verdicts[verdict.item, verdict.reviewer] = verdict
        return verdict

    def quality(self, reviewer: str) -> Quality:
        """How good the labels are in a reviewer's eyes; items picked for being unsure do not count."""
        drawn = [verdict for verdict in self.verdicts(reviewer) if verdict.choice == "random"]
        right = sum(verdict.decision == "accept" for verdict in drawn)
        kept = [verdict for verdict in drawn if verdict.decision != "reject"]
        labelled = [self._documents[verdict.item] for verdict in kept]
        mended = [document.with_spans(verdict.spans) for document, verdict in zip(labelled, kept, strict=True)]
        agreement = measure_agreement(mended, labelled, seed=_SEED) if kept else None
        return Quality(len(drawn), right, wilson(right, len(drawn)), agreement)

    def agreement(self, first: str, second: str) -> Agreement | None:
        """How far two reviewers agree on the items that both have seen and kept; None where there are none."""
        theirs = [
            {verdict.item: verdict for verdict in self.verdicts(name) if verdict.decision != "reject"}
            for name in (first, second)
        ]
        shared = sorted(theirs[0].keys() & theirs[1].keys())
        if not shared:
            return None
        left, right = (
            [self._documents[item].with_spans(verdicts[item].spans) for item in shared] for verdicts in theirs
        )
        return measure_agreement(left, right, seed=_SEED)

    def corrected(self) -> list[Document]:
        """The documents that were reviewed and not rejected, as the last verdict on each has them."""
        last: dict[str, Verdict] = {verdict.item: verdict for verdict in self.verdicts()}
        return [
            self._documents[item].with_spans(verdict.spans)
            for item, verdict in last.items()
            if verdict.decision != "reject"
        ]

    def _append(self, verdict: Verdict) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as handle:
            handle.write(json.dumps(verdict.to_dict(), ensure_ascii=False).encode() + b"\n")
            handle.flush()
            os.fsync(handle.fileno())


def wilson(right: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (https://doi.org/10.1080/01621459.1927.10502953).

    Examples:
        >>> tuple(round(bound, 3) for bound in wilson(45, 50))
        (0.786, 0.957)
    """
    if not total:
        return 0.0, 1.0
    share, square = right / total, _Z**2 / total
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / total + square / (4 * total))
    return max(0.0, middle - half), min(1.0, middle + half)


def _sureness(document: Document) -> float:
    """The lowest score of a document's spans; one without spans has said nothing that could be unsure."""
    return min((span.sureness for span in document.spans), default=1.0)


def _read(path: Path) -> Iterator[Verdict]:
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            spans = tuple(Span(**span) for span in content.pop("spans"))
            yield Verdict(**content, spans=spans)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            if number == len(lines):
                return  # the line that was being written when the machine stopped
            raise DataError("no verdict of a review", where=f"{path}:{number}", mend="Name another file.") from error
