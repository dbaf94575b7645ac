"""A recipe, stage by stage: each starts from a clean base, carries weights on, and leaves a folder that can be loaded."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import random
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console

from onoma.alignment import WordEncoder
from onoma.corpus import Corpus, ReadLog, load_corpus, save_corpus
from onoma.document import Document
from onoma.errors import OnomaError, RecipeError, nearest
from onoma.evaluation.evaluate import evaluate, sentence_key
from onoma.extractors.load import load
from onoma.extractors.tagger import TaggerSettings
from onoma.files import atomic_folder, move_folder, read_json, write_json, write_text
from onoma.models.bases import Base, resolve_base
from onoma.models.runs import RunCard
from onoma.training.recipe import Recipe, Stage

MINIMUM_WINDOW = 128
_RECORDED = ("onoma", "torch", "transformers", "peft", "accelerate", "tokenizers", "numpy")


@dataclass(frozen=True)
class Run:
    """A finished run.

    Args:
        folder: loadable with :func:`onoma.load`.
        metrics: contents of ``metrics.json``.
        fresh: False if the folder was there already, made by the same recipe.
    """

    folder: Path
    metrics: dict[str, Any]
    fresh: bool = True


def train(
    recipe: Recipe, *, runs: Path = Path("runs"), overwrite: bool = False, console: Console | None = None
) -> Run:
    """Carry out a recipe and leave a run folder.

    What was finished before an interrupt is kept: the same call goes on with the stage, and in the stage with the
    checkpoint, that stood last. The folder ``runs/NAME`` appears only when everything is done.

    Args:
        recipe: from :func:`onoma.training.recipe.load_recipe`.
        runs: folder that holds runs.
        overwrite: replace a run of that name that another recipe made.
        console: where progress goes; standard error if None.

    Raises:
        OnomaError: for anything in recipe, data or models that a user can mend.

    Example:
        >>> run = train(load_recipe(Path("recipes/assamese.yaml")))  # doctest: +SKIP
        >>> run.metrics["stages"][-1]["test"]["as"]["all"]["micro"]["f1"]  # doctest: +SKIP
        0.79
    """
    console = console or Console(stderr=True)
    target = runs / recipe.name
    if target.exists() and not overwrite:
        if (target / "recipe.yaml").exists() and (target / "recipe.yaml").read_text(encoding="utf-8") == recipe.to_yaml():
            return Run(target, read_json(target / "metrics.json"), fresh=False)
        raise RecipeError(
            f"there is a run {recipe.name!r} that another recipe made",
            where=str(target),
            mend="Choose another name with --set name=..., or replace it with --overwrite.",
        )
    base = resolve_base(recipe.base)
    corpora = _load_corpora(recipe, console)
    labels = _labels(recipe, corpora)
    partial = runs / f"{recipe.name}.partial"
    done: dict[str, Path] = {}
    keys: dict[str, str] = {}
    reports = []
    seen: set[str] = set()
    for number, stage in enumerate(recipe.stages, start=1):
        data = _stage_data(recipe, stage, corpora)
        seen |= {sentence_key(document) for documents in data.train for document in documents}
        folder = partial / "stages" / f"{number}-{stage.name}"
        key = _stage_key(recipe, stage, base, data, labels, keys)
        if not _is_done(folder, key):
            _train_stage(recipe, stage, base, labels, data, done, folder, key, seen, corpora, console)
        done[stage.name], keys[stage.name] = folder, key
        report = read_json(folder / "metrics.json")
        reports.append(report)
        _say_scores(report, console)
    _finish(recipe, base, labels, reports, done, partial, target, corpora)
    return Run(target, read_json(target / "metrics.json"))


@dataclass(frozen=True)
class _StageData:
    """Documents of a stage, a list a corpus, with what deduplication took away."""

    train: list[list[Document]]
    validation: list[Document]
    dropped: int


def _load_corpora(recipe: Recipe, console: Console) -> dict[str, Corpus]:
    used = {mix.corpus for stage in recipe.stages for mix in stage.train}
    used |= {name for stage in recipe.stages for name in stage.validation} | set(recipe.evaluate)
    corpora = {}
    for name, source in recipe.data.corpora.items():
        if name not in used:
            continue
        log = ReadLog(on_error=recipe.data.on_error)
        language = name if source.language is None and len(name) <= 3 else source.language or ""
        corpora[name] = load_corpus(
            recipe.data.address(name), format=source.format, language=language, options=source.options, log=log
        )
        sizes = ", ".join(f"{split} {len(documents)}" for split, documents in corpora[name].items())
        console.print(f"  corpus {name}: {sizes}", highlight=False)
        if log.skipped:
            console.print(f"    {log.skipped} bad rows skipped, the first: {log.messages[0]}", highlight=False)
        for what, count in log.mended.items():
            console.print(f"    mended: {what}: {count}", highlight=False)
    return corpora


def _labels(recipe: Recipe, corpora: dict[str, Corpus]) -> tuple[str, ...]:
    """The label set of the run: as the recipe says, or all labels that its training data has."""
    found: dict[str, str] = {}
    for stage in recipe.stages:
        for mix in stage.train:
            for label in corpora[mix.corpus][mix.split].label_counts:
                found.setdefault(label, f"{mix.corpus} ({mix.split})")
    if recipe.labels is None:
        if not found:
            raise RecipeError("no training corpus has a labelled span", mend="Check the corpora with `onoma check`.")
        return tuple(sorted(found))
    for label in recipe.labels:
        if label not in found:
            raise RecipeError(f"no training corpus has the label {label!r}", where="labels", mend=nearest(label, found))
    return recipe.labels


def _stage_data(recipe: Recipe, stage: Stage, corpora: dict[str, Corpus]) -> _StageData:
    generator = random.Random(recipe.seed)
    held_out = [
        document
        for names, split in ((stage.validation, "validation"), (recipe.evaluate, "test"))
        for name in names
        for document in corpora[name][split]
    ]
    taken = {sentence_key(document) for document in held_out} if stage.deduplicate else set()
    parts = []
    dropped = 0
    for mix in stage.train:
        documents = [document for document in corpora[mix.corpus][mix.split] if document.words()]
        if stage.deduplicate:
            unique = []
            for document in documents:
                key = sentence_key(document)
                if key not in taken:
                    taken.add(key)
                    unique.append(document)
            dropped += len(documents) - len(unique)
            documents = unique
        if mix.limit is not None:
            documents = generator.sample(documents, min(mix.limit, len(documents)))
        if not documents:
            raise RecipeError(
                f"no sentence of {mix.corpus!r} is left to train on", where=f"stage {stage.name}", mend="Look with `onoma check`."
            )
        parts.append(documents)
    validation = [document for name in stage.validation for document in corpora[name]["validation"]]
    return _StageData(parts, validation, dropped)


def _stage_key(
    recipe: Recipe, stage: Stage, base: Base, data: _StageData, labels: Sequence[str], keys: dict[str, str]
) -> str:
    """Hash of all that a stage's result depends on."""
    digest = hashlib.sha256()
    content: list[Any] = [
        stage.model_dump(mode="json", exclude={"name"}),
        recipe.training_of(stage).model_dump(mode="json"),
        recipe.adapter.model_dump(mode="json"),
        recipe.seed,
        list(labels),
        list(recipe.evaluate),
        base.checksum,
        keys.get(stage.start or "", stage.start),
        metadata.version("onoma"),
    ]
    digest.update(json.dumps(content, sort_keys=True).encode())
    for document in (*(document for part in data.train for document in part), *data.validation):
        digest.update(json.dumps(document.to_dict(), ensure_ascii=True).encode())
    return digest.hexdigest()


def _is_done(folder: Path, key: str) -> bool:
    return (folder / "stage.json").exists() and bool(read_json(folder / "stage.json")["key"] == key)


def _train_stage(
    recipe: Recipe,
    stage: Stage,
    base: Base,
    labels: tuple[str, ...],
    data: _StageData,
    done: dict[str, Path],
    folder: Path,
    key: str,
    seen: set[str],
    corpora: dict[str, Corpus],
    console: Console,
) -> None:
    from transformers import set_seed

    from onoma.models.adapters import AdapterSettings, attach, carry_weights, new_classifier, save_model
    from onoma.training.features import epoch_shares, make_features
    from onoma.training.tagger import train_tagger

    training = recipe.training_of(stage)
    encoder = WordEncoder.from_folder(base.folder)
    wide = TaggerSettings(labels, base.max_pieces, window=base.max_pieces)
    kept = [[_only(document, labels) for document in part] for part in data.train]
    documents = [document for part in kept for document in part]
    features = make_features(documents, encoder, wide, training.subword_labels)
    window = max(MINIMUM_WINDOW, int(_quantile(features.lengths.tolist(), 0.99)))
    settings = dataclasses.replace(
        wide, window=min(window, base.max_pieces), subwords="mean" if training.subword_labels == "all" else "first"
    )
    groups, shares = _groups(kept, stage, encoder, wide, epoch_shares)

    work = folder.with_name(f"{folder.name}.work")
    if not _same_work(work, key):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_json(work / "key.json", {"key": key})

    set_seed(recipe.seed)
    model = attach(new_classifier(base, settings.tags.tags), AdapterSettings(**recipe.adapter.model_dump()))
    carried = None
    if stage.start is not None:
        source = done.get(stage.start) or Path(stage.start)
        earlier = RunCard.read(source)
        from onoma.models.adapters import check_base

        check_base(earlier, base, str(source))
        from onoma.extractors.decoding import TagSet

        carried = carry_weights(model, source, TagSet(earlier.labels).tags, settings.tags.tags)
    title = f"stage {stage.name}"
    console.print(
        f"  {title}: {len(documents)} sentences, {len(features.ids):,} pieces"
        + (f", {data.dropped} repeats dropped" if data.dropped else ""),
        highlight=False,
    )
    outcome = train_tagger(
        model,
        features,
        groups,
        shares,
        [_only(document, labels) for document in data.validation],
        encoder,
        settings,
        training,
        seed=recipe.seed,
        folder=work,
        title=title,
        console=console,
    )
    if outcome.silent:
        console.print(
            f"  [bold yellow]{title} finds no entity at all on its validation data.[/] Most words carry no entity, so a "
            "head can settle there: lower learning_rate, raise head_learning_rate or warmup, or train longer."
        )
    card = RunCard(
        labels=labels,
        method=recipe.adapter.method,
        base=recipe.base,
        base_revision=base.revision,
        base_checksum=base.checksum,
        tokenizer_checksum=base.tokenizer_checksum,
        window=settings.window,
        subwords=settings.subwords,
    )
    with atomic_folder(folder, replace=True) as beside:
        save_model(model, beside, base)
        card.write(beside)
        shutil.copyfile(work / "training_log.jsonl", beside / "training_log.jsonl")
        report: dict[str, Any] = {
            "stage": stage.name,
            "seed": recipe.seed,
            "start": stage.start,
            "sentences": {mix.corpus: len(part) for mix, part in zip(stage.train, data.train, strict=True)},
            "repeats_dropped": data.dropped,
            "validation_sentences": len(data.validation),
            "pieces": len(features.ids),
            "spans_lost": features.lost,
            "spans_widened": features.widened,
            "head": dataclasses.asdict(carried) if carried else None,
            **dataclasses.asdict(outcome),
        }
        report["test"] = _score_tests(beside, recipe, labels, corpora, seen)
        write_json(beside / "metrics.json", report)
        write_json(beside / "stage.json", {"key": key})
    shutil.rmtree(work)


def _groups(
    parts: list[list[Document]], stage: Stage, encoder: WordEncoder, settings: TaggerSettings, epoch_shares: Any
) -> tuple[list[range], list[int]]:
    """Rows of each corpus, and how many of them an epoch draws."""
    from onoma.extractors.tagger import encode_windows

    groups = []
    start = 0
    for part in parts:
        size = sum(len(encode_windows(document, encoder, settings, overlap=0)) for document in part)
        groups.append(range(start, start + size))
        start += size
    return groups, epoch_shares([len(group) for group in groups], [mix.weight for mix in stage.train], stage.temperature)


def _only(document: Document, labels: Sequence[str]) -> Document:
    """The document with the spans of the label set alone."""
    return document.with_spans([span for span in document.spans if span.label in labels])


def _same_work(work: Path, key: str) -> bool:
    return (work / "key.json").exists() and bool(read_json(work / "key.json")["key"] == key)


def _score_tests(
    folder: Path, recipe: Recipe, labels: Sequence[str], corpora: dict[str, Corpus], seen: set[str]
) -> dict[str, Any]:
    extractor = load(folder)
    scores = {}
    for name in recipe.evaluate:
        gold = [_only(document, labels) for document in corpora[name]["test"]]
        found = evaluate(extractor, gold, seen=seen, seed=recipe.seed)
        save_corpus({"predictions": found.predicted}, folder / f"predictions-{name}.parquet")
        scores[name] = found.to_dict()
    return scores


def _finish(
    recipe: Recipe,
    base: Base,
    labels: Sequence[str],
    reports: list[dict[str, Any]],
    done: dict[str, Path],
    partial: Path,
    target: Path,
    corpora: dict[str, Corpus],
) -> None:
    from onoma.training.card import model_card

    last = done[recipe.stages[-1].name]
    for file in last.iterdir():
        if file.name not in {"stage.json", "metrics.json"} and file.is_file():
            shutil.copyfile(file, partial / file.name)
    splits = {name: {split: len(documents) for split, documents in corpus.items()} for name, corpus in corpora.items()}
    metrics = {
        "name": recipe.name,
        "seed": recipe.seed,
        "base": recipe.base,
        "labels": list(labels),
        "corpora": splits,
        "stages": reports,
    }
    write_json(partial / "metrics.json", metrics)
    write_text(partial / "recipe.yaml", recipe.to_yaml())
    write_json(partial / "environment.json", _environment())
    write_text(partial / "README.md", model_card(recipe, base, metrics))
    move_folder(partial, target)


def _environment() -> dict[str, Any]:
    import torch

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else platform.processor() or "cpu",
        "threads": torch.get_num_threads(),
        "packages": {name: metadata.version(name) for name in _RECORDED},
    }


def _say_scores(report: dict[str, Any], console: Console) -> None:
    for name, scores in report["test"].items():
        low, high = scores["all"]["interval"]
        unseen = f", unseen {scores['unseen']['micro']['f1']:.3f}" if scores["unseen"] else ""
        console.print(
            f"    test {name}: strict F1 {scores['all']['micro']['f1']:.3f} [{low:.3f}, {high:.3f}]{unseen}", highlight=False
        )


def _quantile(values: Iterable[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


__all__ = ["OnomaError", "Run", "train"]
