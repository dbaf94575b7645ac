"""Scores of a recipe's stages on its test corpora, and the record that comparisons read."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onoma.corpus import Corpus, save_corpus
from onoma.document import Document, iterate_surfaces
from onoma.evaluation.evaluate import evaluate, sentence_key
from onoma.evaluation.robustness import curves_to_dict, measure_robustness
from onoma.extractors.base import Extractor
from onoma.extractors.generator import ask_for
from onoma.extractors.passages import PassageExtractor
from onoma.training.data import StageData, only_labels
from onoma.training.recipe import Recipe, Robustness

_ROBUSTNESS_SEED = 13
"""The same for all runs, so that all are measured on the same harm."""


class Scorer:
    """Scores stages, and remembers what they learned from.

    Args:
        recipe: says which corpora and which split.
        corpora: by name.
        labels: of the run; gold spans of others do not count.
    """

    def __init__(self, recipe: Recipe, corpora: Mapping[str, Corpus], labels: tuple[str, ...]) -> None:
        self._recipe = recipe
        self._corpora = corpora
        self._labels = labels
        self._seen: set[str] = set()
        self._names: Counter[tuple[str, str]] = Counter()

    def learned(self, data: StageData) -> None:
        """Note what a stage learned from, to score the rest apart."""
        self._seen |= data.sentences
        for document in data.training_documents:
            self._names.update(iterate_surfaces(document))

    def score(self, extractor: Extractor, folder: Path) -> dict[str, Any]:
        """Score on every evaluated corpus, and write ``predictions.parquet`` with all that a comparison has to know."""
        scores = {}
        predicted: list[Document] = []
        for name in self._recipe.evaluate:
            gold = self._gold(name)
            asked = self._in_context(ask_for(extractor, self._labels_of(name)), name)
            found = evaluate(asked, gold, seen=self._seen, seed=self._recipe.seed)
            predicted += [
                dataclasses.replace(answer, meta={**answer.meta, **self._record(name, document)})
                for document, answer in zip(gold, found.predicted, strict=True)
            ]
            scores[name] = found.to_dict()
        save_corpus({"predictions": predicted}, folder / "predictions.parquet")
        return scores

    def robustness(self, extractor: Extractor) -> dict[str, Any]:
        """Scores on text that comes to harm, as the recipe wants them."""
        wanted = self._recipe.robustness or Robustness()
        name = wanted.corpus or self._recipe.evaluate[0]
        documents = self._gold(name)[: wanted.limit]
        curves = measure_robustness(
            self._in_context(extractor, name),
            documents,
            seed=_ROBUSTNESS_SEED,
            strengths=wanted.strengths,
            kinds=wanted.kinds,
        )
        return {"corpus": name, "sentences": len(documents), "curves": curves_to_dict(curves)}

    def _in_context(self, extractor: Extractor, name: str) -> Extractor:
        """An extractor that reads a corpus as the recipe says."""
        words = self._recipe.data.corpora[name].join
        return PassageExtractor(extractor, words) if words else extractor

    def _labels_of(self, name: str) -> set[str]:
        """Labels of a corpus, of which a generator need not have learned any."""
        return {label for split in self._corpora[name].values() for label in split.label_counts}

    def _gold(self, name: str) -> list[Document]:
        if self._recipe.generator:
            return list(self._corpora[name][self._recipe.score_on])
        return [only_labels(document, self._labels) for document in self._corpora[name][self._recipe.score_on]]

    def _record(self, corpus: str, gold: Document) -> dict[str, Any]:
        return {
            "corpus": corpus,
            "gold": [[span.start, span.end, span.label] for span in gold.spans],
            "known": [self._names[gold.surface(span), span.label] for span in gold.spans],
            "seen": sentence_key(gold) in self._seen,
        }
