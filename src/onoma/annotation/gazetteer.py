"""Word lists harvested from labelled text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from onoma.document import Document
from onoma.evaluation.robustness import collect_names
from onoma.extractors.rules import RulesExtractor


def harvest_names(documents: Sequence[Document], min_precision: float = 0.5) -> RulesExtractor:
    """Rules that know the names of labelled documents.

    A name that is more often no entity of that label in these documents is left out, such as "it" from "It" the film.

    Args:
        documents: with gold spans.
        min_precision: least share of a name's matches that are gold.
    """
    names = collect_names(documents)
    matched: Counter[tuple[str, str]] = Counter()
    right: Counter[tuple[str, str]] = Counter()
    for document, found in zip(documents, RulesExtractor(names).extract(documents), strict=True):
        gold = {(span.start, span.end, span.label) for span in document.spans}
        for span in found.spans:
            name = (span.label, document.surface(span))
            matched[name] += 1
            right[name] += (span.start, span.end, span.label) in gold
    return RulesExtractor(
        {
            label: [name for name in known if right[label, name] >= min_precision * max(1, matched[label, name])]
            for label, known in names.items()
        }
    )
