"""Entities in the form that another library gives them."""

from __future__ import annotations

from typing import Any

from onoma.document import Document


def as_pipeline(document: Document) -> list[dict[str, Any]]:
    """Entities as ``transformers``' token-classification pipeline gives them when it aggregates.

    Examples:
        >>> from onoma.document import Span
        >>> as_pipeline(Document("Guwahati is busy.", (Span(0, 8, "LOC", 0.9),)))
        [{'entity_group': 'LOC', 'score': 0.9, 'word': 'Guwahati', 'start': 0, 'end': 8}]
    """
    return [
        {
            "entity_group": span.label,
            "score": span.sureness,
            "word": document.surface(span),
            "start": span.start,
            "end": span.end,
        }
        for span in document.spans
    ]
