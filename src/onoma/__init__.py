"""Onoma: named-entity recognition with small adapters, for people who have few labels or none.

Three nouns (`Document`, `Corpus`, `Extractor`) and what is done with them. Heavy libraries are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onoma.document import Document, Span

if TYPE_CHECKING:
    from onoma.corpus import Corpus
    from onoma.corpus.load import load_corpus, save_corpus
    from onoma.evaluation.evaluate import evaluate
    from onoma.extractors.base import Extractor
    from onoma.extractors.load import load
    from onoma.models.hub import push_to_hub
    from onoma.training.recipe import load_recipe
    from onoma.training.stages import train

__version__ = "0.1.0"

_WHERE = {
    "Corpus": "onoma.corpus",
    "Extractor": "onoma.extractors.base",
    "evaluate": "onoma.evaluation.evaluate",
    "load": "onoma.extractors.load",
    "load_corpus": "onoma.corpus.load",
    "load_recipe": "onoma.training.recipe",
    "push_to_hub": "onoma.models.hub",
    "save_corpus": "onoma.corpus.load",
    "train": "onoma.training.stages",
}

__all__ = [
    "Corpus",
    "Document",
    "Extractor",
    "Span",
    "evaluate",
    "load",
    "load_corpus",
    "load_recipe",
    "push_to_hub",
    "save_corpus",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'onoma' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
