"""How scores fall when text comes to harm."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onoma.document import Document, iterate_surfaces
from onoma.evaluation.edits import apply_edits
from onoma.evaluation.evaluate import evaluate
from onoma.evaluation.perturbations import PERTURBATIONS, STRENGTHS, Names
from onoma.extractors.base import Extractor


@dataclass(frozen=True)
class Point:
    """Strict F1 at one strength.

    Args:
        strength: share of words touched; 0 is the text as it is.
        f1: strict F1.
        interval: bootstrap 95 % interval.
    """

    strength: float
    f1: float
    interval: tuple[float, float]


Curves = dict[str, list[Point]]
"""Points by perturbation, from strength 0 up."""


def perturb(documents: Sequence[Document], kind: str, strength: float, seed: int, names: Names) -> list[Document]:
    """Documents under one perturbation; the same for the same seed, whoever is measured on them.

    Args:
        documents: with gold spans.
        kind: a key of :data:`onoma.evaluation.perturbations.PERTURBATIONS`.
        strength: 0 to 1.
        seed: of the draws; each document has its own.
        names: surfaces by label, for ``other names``.
    """
    change = PERTURBATIONS[kind]
    return [
        apply_edits(document, change(document, strength, random.Random(f"{seed} {kind} {strength} {number}"), names))
        for number, document in enumerate(documents)
    ]


def measure_robustness(
    extractor: Extractor,
    documents: Sequence[Document],
    *,
    seed: int = 13,
    strengths: Sequence[float] = STRENGTHS,
    kinds: Sequence[str] = tuple(PERTURBATIONS),
    names: Names | None = None,
) -> Curves:
    """Score an extractor on documents that come to harm.

    Args:
        extractor: any.
        documents: with gold spans.
        seed: of the perturbations and the bootstrap.
        strengths: rising, above 0.
        kinds: keys of :data:`onoma.evaluation.perturbations.PERTURBATIONS`.
        names: surfaces by label, for ``other names``; those of ``documents`` if None.
    """
    names = collect_names(documents) if names is None else names
    clean = evaluate(extractor, documents, seed=seed).all
    curves: Curves = {}
    for kind in kinds:
        points = [Point(0.0, clean.f1, clean.interval)]
        for strength in strengths:
            found = evaluate(extractor, perturb(documents, kind, strength, seed, names), seed=seed).all
            points.append(Point(strength, found.f1, found.interval))
        curves[kind] = points
    return curves


def collect_names(documents: Sequence[Document]) -> dict[str, list[str]]:
    """Surfaces of gold spans by label, each once."""
    found: dict[str, dict[str, None]] = {}
    for document in documents:
        for surface, label in iterate_surfaces(document):
            found.setdefault(label, {})[surface] = None
    return {label: list(names) for label, names in found.items()}


def curves_to_dict(curves: Mapping[str, Sequence[Point]]) -> dict[str, list[dict[str, Any]]]:
    """JSON-ready form."""
    return {
        kind: [{"strength": point.strength, "f1": point.f1, "interval": list(point.interval)} for point in points]
        for kind, points in curves.items()
    }
