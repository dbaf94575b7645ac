"""A recognizer for Microsoft Presidio, which finds and hides personal data (https://microsoft.github.io/presidio)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult

from onoma.extractors.load import load

ENTITIES: Mapping[str, str] = {"PER": "PERSON", "LOC": "LOCATION", "ORG": "ORGANIZATION"}
"""Presidio's names of common types; others keep theirs."""
_NAME = "OnomaRecognizer"


class OnomaRecognizer(EntityRecognizer):
    """Presidio's interface to an extractor.

    Args:
        model: anything that :func:`onoma.load` takes.
        language: that Presidio asks it for.
        entities: Presidio's name of each label.

    Examples:
        >>> registry.add_recognizer(OnomaRecognizer("runs/assamese", language="as"))  # doctest: +SKIP
    """

    def __init__(self, model: str | Path, *, language: str = "en", entities: Mapping[str, str] = ENTITIES) -> None:
        self._extractor = load(model)
        self._names = {label: entities.get(label, label) for label in self._extractor.labels}
        super().__init__(supported_entities=sorted(set(self._names.values())), supported_language=language, name=_NAME)

    def load(self) -> None:
        """Nothing is left to load."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """Entities of the wanted kinds."""
        document = self._extractor.extract(text)
        return [
            RecognizerResult(
                entity_type=self._names.get(span.label, span.label),
                start=span.start,
                end=span.end,
                score=span.sureness,
                analysis_explanation=AnalysisExplanation(recognizer=_NAME, original_score=span.sureness),
            )
            for span in document.spans
            if not entities or self._names.get(span.label, span.label) in entities
        ]
