"""Training text without gold labels: what other extractors say of it, voted on, and no more of it than wanted."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onoma.annotation.weak import join_answers
from onoma.corpus.sample import cap_labels
from onoma.document import Document
from onoma.extractors.base import Extractor
from onoma.training.recipe import Mix


@dataclass(frozen=True)
class Labelled:
    """Documents with labels that are no gold.

    Args:
        documents: spans carry scores, which weigh in the loss.
        report: JSON-ready counts, and each labeller's :class:`onoma.annotation.weak.SourceReport` where several voted.
    """

    documents: list[Document]
    report: dict[str, Any]


def label_texts(
    texts: Sequence[Document], labellers: Mapping[str, Extractor], mix: Mix, gold: Sequence[Document], seed: int
) -> Labelled:
    """Label texts as a recipe's mix says.

    A sentence with a span scored below ``mix.min_score`` is left out whole, since one wrong name teaches more than the
    rest of its sentence; one in which nothing is found is kept.

    Args:
        texts: without spans.
        labellers: by name; one is believed, several vote.
        mix: its ``vote``, ``min_score`` and ``ratio`` count.
        gold: the stage's other documents, of which ``ratio`` is a multiple.
        seed: of the draw where there is more than ``ratio`` allows.
    """
    answers = {name: labeller.extract(texts) for name, labeller in labellers.items()}
    labelled, sources = join_answers(answers, labellers, mix.vote)
    sure = [document for document in labelled if all((span.score or 0.0) >= mix.min_score for span in document.spans)]
    kept = sure if mix.ratio is None else _capped(sure, mix.ratio, gold, seed)
    counts = Counter(span.label for document in kept for span in document.spans)
    return Labelled(
        kept,
        {
            "texts": len(texts),
            "sure": len(sure),
            "kept": len(kept),
            "entities": dict(sorted(counts.items())),
            "sources": {name: dataclasses.asdict(report) for name, report in sources.items()},
        },
    )


def _capped(documents: Sequence[Document], ratio: float, gold: Sequence[Document], seed: int) -> list[Document]:
    counts = Counter(span.label for document in gold for span in document.spans)
    limits = {label: int(ratio * count) for label, count in counts.items()}
    empty = int(ratio * sum(not document.spans for document in gold))
    return cap_labels(random.Random(seed).sample(documents, len(documents)), limits, empty)
