"""The corpora of a recipe, and what of them each stage learns from."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from onoma.corpus import Corpus, ReadLog, load_corpus
from onoma.corpus.augment import collect_mentions, replace_mentions
from onoma.corpus.load import local_path
from onoma.corpus.passages import Passage, join, joined
from onoma.corpus.relabel import read_label_map, relabel
from onoma.corpus.sample import oversample
from onoma.corpus.statistics import describe
from onoma.document import Document
from onoma.errors import DataError, RecipeError, nearest
from onoma.evaluation.evaluate import sentence_key
from onoma.training.recipe import Recipe, Stage, names_of


@dataclass(frozen=True)
class StageData:
    """Gold documents of a stage, with the spans of the run's labels alone.

    Args:
        train: a list a corpus, in the order of the stage's ``train``; without spans where an earlier stage is to label.
        validation_parts: documents that select the weights, a list a corpus.
        repeats: training documents that deduplication took away.
        sentences: :func:`onoma.evaluation.evaluate.sentence_key` of all that training sees, also inside of passages.
        oversampled: statistics before and after, by corpus.
    """

    train: list[list[Document]]
    validation_parts: list[list[Document]]
    repeats: int
    sentences: frozenset[str]
    oversampled: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def validation(self) -> list[Document]:
        """Documents that select the weights, of all corpora."""
        return [document for part in self.validation_parts for document in part]

    @property
    def training_documents(self) -> list[Document]:
        """Training documents of all corpora, one after the other."""
        return [document for part in self.train for document in part]


@dataclass(frozen=True)
class Corpora:
    """The corpora of a recipe.

    Args:
        by_name: corpora as stages and evaluation name them.
        relabelled: what label maps did, by corpus: see :class:`onoma.corpus.relabel.Relabelled`.
    """

    by_name: dict[str, Corpus]
    relabelled: dict[str, dict[str, Any]]


def load_corpora(recipe: Recipe, console: Console) -> Corpora:
    """Read the corpora that stages or evaluation name, and say what is in them.

    Raises:
        DataError: if one cannot be read, or its label map does not fit it.
    """
    corpora = {}
    relabelled = {}
    for name in _used(recipe):
        source = recipe.data.corpora[name]
        log = ReadLog(on_error=recipe.data.on_error)
        corpora[name] = load_corpus(
            recipe.data.address(name),
            format=source.format,
            language=recipe.data.language(name),
            options=source.options,
            log=log,
        )
        if source.labels is not None:
            done = relabel(corpora[name], read_label_map(source.labels))
            corpora[name], relabelled[name] = done.corpus, done.to_dict()
        if source.min_words > 1:
            corpora[name] = _longer(corpora[name], source.min_words)
        for split in sorted(_splits(recipe, name) - set(corpora[name])):
            raise DataError(
                f"the corpus {name!r} has no split {split!r}",
                where=recipe.data.address(name),
                mend=f"It has: {', '.join(corpora[name])}. A stage says which: {{corpus: {name}, split: ...}}.",
            )
        sizes = ", ".join(f"{split} {len(documents)}" for split, documents in corpora[name].items())
        console.print(f"  corpus {name}: {sizes}", highlight=False)
        if log.skipped:
            console.print(f"    {log.skipped} bad rows skipped, the first: {log.messages[0]}", markup=False)
        for what, count in log.mended.items():
            console.print(f"    mended: {what}: {count}", markup=False)
        for split, after in relabelled.get(name, {}).get("after", {}).items():
            before = relabelled[name]["before"][split]
            console.print(
                f"    {split}: {sum(before.values())} entities with {len(before)} labels, now "
                + ", ".join(f"{label} {count}" for label, count in after.items()),
                markup=False,
                highlight=False,
            )
    return Corpora(corpora, relabelled)


def check_corpora(recipe: Recipe) -> None:
    """Refuse a recipe whose corpora or label maps are not there, before anything is read or trained.

    Raises:
        DataError: that names recipe, corpus and path.
    """
    for name in _used(recipe):
        source, address = recipe.data.corpora[name], recipe.data.address(name)
        try:
            if not address.startswith("hub:"):
                local_path(address)
            if source.labels is not None:
                read_label_map(source.labels)
        except DataError as error:
            raise DataError(
                error.what, where=f"{recipe.name}: corpus {name}: {error.where}", mend=error.mend
            ) from error


def _used(recipe: Recipe) -> list[str]:
    """Corpora that stages or evaluation name, in the recipe's order."""
    mixes = [mix for stage in recipe.stages for mix in stage.train]
    used = {name for mix in mixes for name in (mix.corpus, *mix.names, *filter(None, map(names_of, mix.labels_from)))}
    used |= {name for stage in recipe.stages for name in stage.validation} | set(recipe.evaluate)
    return [name for name in recipe.data.corpora if name in used]


def _splits(recipe: Recipe, name: str) -> set[str]:
    """Splits of a corpus that the recipe reads."""
    splits = {mix.split for stage in recipe.stages for mix in stage.train if mix.corpus == name}
    mixes = [mix for stage in recipe.stages for mix in stage.train]
    if any(name in mix.names or name in map(names_of, mix.labels_from) for mix in mixes):
        splits.add("train")
    if any(name in stage.validation for stage in recipe.stages):
        splits.add("validation")
    return splits | ({"test", recipe.score_on} if name in recipe.evaluate else set())


def _longer(corpus: Corpus, words: int) -> Corpus:
    return Corpus(
        {
            name: split.select(row for row, document in enumerate(split) if len(document.words()) >= words)
            for name, split in corpus.items()
        }
    )


def label_set(recipe: Recipe, corpora: Mapping[str, Corpus]) -> tuple[str, ...]:
    """The labels of the run: as the recipe says, or all that its training data has, sorted.

    Raises:
        RecipeError: if no training corpus has a label that the recipe names, or any label at all.
    """
    found = {
        label
        for stage in recipe.stages
        for mix in stage.train
        if not (mix.labels_from or mix.unlabelled)
        for label in corpora[mix.corpus][mix.split].label_counts
    }
    if not found:
        raise RecipeError("no training corpus has a labelled span", mend="Check the corpora with `onoma check`.")
    for label in recipe.labels or ():
        if label not in found:
            raise RecipeError(f"no training corpus has the label {label!r}", where="labels", mend=nearest(label, found))
    return recipe.labels or tuple(sorted(found))


def only_labels(document: Document, labels: Sequence[str]) -> Document:
    """The document with the spans of these labels alone."""
    return document.with_spans([span for span in document.spans if span.label in labels])


def stage_data(recipe: Recipe, stage: Stage, corpora: Mapping[str, Corpus], labels: Sequence[str]) -> StageData:
    """Choose a stage's documents.

    Raises:
        RecipeError: if nothing of a corpus is left to train on.
    """
    generator = random.Random(recipe.seed)
    validation = [document for name in stage.validation for document in corpora[name]["validation"]]
    scored = [corpora[name][split] for name in recipe.evaluate for split in {"test", recipe.score_on}]
    held_out = {sentence_key(document) for documents in (validation, *scored) for document in documents}
    taken = set(held_out) if stage.deduplicate else set()
    parts = []
    oversampled: dict[str, dict[str, Any]] = {}
    sentences: set[str] = set()
    repeats = 0
    for mix in stage.train:
        documents = [document for document in corpora[mix.corpus][mix.split] if document.words()]
        if stage.deduplicates(mix.corpus):
            fresh = {sentence_key(document): document for document in reversed(documents)}
            kept = [document for key, document in reversed(fresh.items()) if key not in taken]
            taken |= set(fresh)
            repeats += len(documents) - len(kept)
            documents = kept
        words = recipe.data.corpora[mix.corpus].join
        passages = list(join(documents, words)) if words else [Passage((document,)) for document in documents]
        if mix.limit is not None:
            passages = generator.sample(passages, min(mix.limit, len(passages)))
        if not passages:
            raise RecipeError(
                f"no sentence of the corpus {mix.corpus!r} ({mix.split}) is left to train on",
                where=f"stage {stage.name}",
                mend="Look at it with `onoma check`.",
            )
        kept = [
            only_labels(passage.document, () if mix.labels_from or mix.unlabelled else labels) for passage in passages
        ]
        sentences |= {sentence_key(part) for passage in passages for part in passage.parts}
        if mix.oversample is not None:
            before = describe(kept).to_dict()
            kept = oversample(kept, mix.oversample.factor, mix.oversample.boost, generator)
            oversampled[mix.corpus] = {"before": before, "after": describe(kept).to_dict()}
        if mix.copies:
            named = [document for name in mix.names for document in corpora[name]["train"]] or kept
            mentions = collect_mentions(only_labels(document, labels) for document in named)
            copies = [replace_mentions(document, mentions, generator) for _ in range(mix.copies) for document in kept]
            copies = [document for document in copies if sentence_key(document) not in held_out]
            sentences |= set(map(sentence_key, copies))
            kept += copies
        parts.append(kept)
    selecting = [_gold(recipe, corpora, name, "validation", labels) for name in stage.validation]
    return StageData(parts, selecting, repeats, frozenset(sentences), oversampled)


def _gold(
    recipe: Recipe, corpora: Mapping[str, Corpus], name: str, split: str, labels: Sequence[str]
) -> list[Document]:
    """A corpus's documents as they are read, with the spans of these labels."""
    documents = [only_labels(document, labels) for document in corpora[name][split]]
    return joined(documents, recipe.data.corpora[name].join)


def validation_documents(recipe: Recipe, split: str = "validation") -> list[Document]:
    """The documents that a recipe's last stage is validated on, or else those of what it is evaluated on.

    Raises:
        DataError: if a corpus cannot be read or has no such split.
    """
    names = recipe.stages[-1].validation or recipe.evaluate
    corpora = load_corpora(recipe, Console(quiet=True)).by_name
    labels = label_set(recipe, corpora)
    return [document for name in names for document in _gold(recipe, corpora, name, split, labels)]
