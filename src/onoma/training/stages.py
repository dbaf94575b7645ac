"""A recipe, stage by stage: each starts from a clean base, carries weights on, and leaves a loadable folder."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console

from onoma.annotation.gazetteer import harvest_names
from onoma.document import Document
from onoma.errors import RecipeError
from onoma.extractors.base import Extractor
from onoma.extractors.load import load
from onoma.files import atomic_folder, link_folder, locked, move_folder, read_json, sha256, write_json, write_text
from onoma.models.adapters import save_model
from onoma.models.bases import Base, resolve_base
from onoma.training import processes
from onoma.training.card import model_card
from onoma.training.data import Corpora, StageData, label_set, load_corpora, stage_data
from onoma.training.environment import environment
from onoma.training.labelling import label_texts
from onoma.training.learning import Learner, Work
from onoma.training.recipe import Recipe, Stage, load_recipe, names_of
from onoma.training.scoring import Scorer
from onoma.training.tagger_stage import TaggerLearner


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
    recipe: Recipe,
    *,
    runs: Path = Path("runs"),
    overwrite: bool = False,
    store: Path | None = None,
    console: Console | None = None,
) -> Run:
    """Carry out a recipe and leave a run folder.

    What was finished before an interrupt is kept: the same call goes on with the stage, and in the stage with the
    checkpoint, that stood last. The folder ``runs/NAME`` appears only when everything is done. Where it is there
    already and nothing but the recipe's ``robustness`` is new, that is measured and nothing is trained.

    Args:
        recipe: from :func:`onoma.training.recipe.load_recipe`.
        runs: folder that holds runs.
        overwrite: replace a run of that name that another recipe made.
        store: folder of finished stages, by what they depend on; recipes that share it train a common stage once.
        console: where progress goes; standard error if None.

    Raises:
        OnomaError: for anything in recipe, data or models that a user can mend.

    Examples:
        >>> run = train(load_recipe(Path("recipes/assamese.yaml")))  # doctest: +SKIP
        >>> run.metrics["stages"][-1]["test"]["as"]["all"]["micro"]["f1"]  # doctest: +SKIP
        0.82
    """
    console = (console or Console(stderr=True)) if processes.is_first() else Console(quiet=True)
    target = runs / recipe.name
    if target.exists() and not overwrite:
        made_by = _recipe_of(target)
        processes.wait()
        if made_by != recipe:
            if not (made_by and _trains_alike(made_by, recipe) and any(target.glob("*.safetensors"))):
                raise RecipeError(
                    f"there is a run {recipe.name!r} that another recipe made",
                    where=str(target),
                    mend="Choose another name with --set name=..., or replace it with --overwrite.",
                )
            if processes.is_first():
                with locked(target):
                    _measure_robustness(target, recipe, console)
            processes.wait()
        return Run(target, read_json(target / "metrics.json"), fresh=False)
    processes.wait()
    with locked(target) if processes.is_first() else contextlib.nullcontext():
        base = resolve_base(recipe.base)
        corpora = load_corpora(recipe, console)
        folder = runs / f"{recipe.name}.partial"
        work = _Work(recipe, base, corpora, label_set(recipe, corpora.by_name), folder, store, console)
        for number, stage in enumerate(recipe.stages, start=1):
            work.carry_out(stage, number)
        if processes.is_first():
            work.finish(target)
        processes.wait()
    return Run(target, read_json(target / "metrics.json"))


_MATTERING = {"rewrite", "mark_casing", "layers", "generator"}
"""Keys at the top of a recipe that a stage's result depends on, besides those that are named one by one."""


class _Work:
    """A recipe being carried out in a folder of its own, which becomes the run when it is whole."""

    def __init__(
        self,
        recipe: Recipe,
        base: Base,
        corpora: Corpora,
        labels: tuple[str, ...],
        folder: Path,
        store: Path | None,
        console: Console,
    ) -> None:
        self.recipe = recipe
        self.base = base
        self.corpora = corpora.by_name
        self.relabelled = corpora.relabelled
        self.labels = labels
        self.folder = folder
        self.store = store
        self.console = console
        self.done: dict[str, Path] = {}
        self.keys: dict[str, str] = {}
        self.reports: list[dict[str, Any]] = []
        self.scorer = Scorer(recipe, self.corpora, labels)

    def carry_out(self, stage: Stage, number: int) -> None:
        """Train and score a stage, unless its finished folder is there."""
        data = stage_data(self.recipe, stage, self.corpora, self.labels)
        self.scorer.learned(data)
        folder = self.folder / "stages" / f"{number}-{stage.name}"
        key = self._key(stage, data)
        if not _has_key(folder / "stage.json", key):
            stored = self.store / key[:16] if self.store else None
            # Another run may be training this very stage for the same store.
            with locked(stored, wait=True) if stored and processes.is_first() else contextlib.nullcontext():
                if stored is None or not _has_key(stored / "stage.json", key):
                    self._train(stage, data, folder, key)
                    source, target = folder, stored
                else:
                    self.console.print(f"  stage {stage.name}: trained before", highlight=False)
                    source, target = stored, folder
                if target is not None and processes.is_first():
                    link_folder(source, target)
        processes.wait()
        self.done[stage.name], self.keys[stage.name] = folder, key
        report = read_json(folder / "metrics.json")
        self.reports.append(report)
        for name, scores in report["test"].items():
            low, high = scores["all"]["interval"]
            f1, unseen = scores["all"]["micro"]["f1"], scores["unseen"]["micro"]["f1"]
            self.console.print(
                f"    {self.recipe.score_on} {name}: strict F1 {f1:.3f} [{low:.3f}, {high:.3f}], unseen {unseen:.3f}",
                markup=False,
                highlight=False,
            )

    def finish(self, target: Path) -> None:
        """Put the last stage's files and the records of the whole beside each other, and give the run its name."""
        last = self.done[self.recipe.stages[-1].name]
        for file in last.iterdir():
            if file.name not in {"stage.json", "metrics.json"}:
                shutil.copyfile(file, self.folder / file.name)
        sizes = {
            name: {split: len(documents) for split, documents in corpus.items()}
            for name, corpus in self.corpora.items()
        }
        metrics = {
            "name": self.recipe.name,
            "seed": self.recipe.seed,
            "base": self.recipe.base,
            "labels": list(self.labels),
            "corpora": sizes,
            "relabelled": self.relabelled,
            "score_on": self.recipe.score_on,
            "stages": self.reports,
            "robustness": _robustness(self.recipe, self.scorer, last),
        }
        write_json(self.folder / "metrics.json", metrics)
        write_text(self.folder / "recipe.yaml", self.recipe.to_yaml())
        write_json(self.folder / "environment.json", environment())
        write_text(self.folder / "README.md", model_card(self.recipe, self.base, metrics))
        move_folder(self.folder, target)
        # The last stage is the run itself; its folder was kept so long that a kill could not lose it.
        shutil.rmtree(target / last.relative_to(self.folder))

    def _key(self, stage: Stage, data: StageData) -> str:
        """Hash of all that a stage's result depends on; a new option that is not used does not change it."""
        content: list[Any] = [
            stage.model_dump(mode="json", exclude_defaults=True),
            self.recipe.training_of(stage).model_dump(mode="json", exclude_defaults=True),
            self.recipe.adapter.model_dump(mode="json", exclude_defaults=True),
            self.recipe.seed,
            self.recipe.evaluate,
            self.recipe.score_on,
            self.recipe.model_dump(mode="json", exclude_defaults=True, include=_MATTERING),
            self.labels,
            self.recipe.base,
            self.base.checksum,
            self.keys.get(stage.start or "", stage.start),
            *(f"{name} by {words}" for name in self.recipe.evaluate if (words := self.recipe.data.corpora[name].join)),
            *(self._labeller_key(name) for mix in stage.train for name in mix.labels_from),
            *(self._labeller_key(name) for name in (stage.distill.teachers if stage.distill else ())),
            metadata.version("onoma"),
        ]
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
        digest.update(_digest((*data.training_documents, *data.validation)).encode())
        return digest.hexdigest()

    def _labeller_key(self, name: str) -> str:
        if name in self.keys:
            return self.keys[name]
        if names_of(name):
            return _digest(self.corpora[str(names_of(name))]["train"])
        path = Path(name)
        return sha256(*(sorted(path.glob("*.safetensors")) if path.is_dir() else [path])) if path.exists() else name

    def _train(self, stage: Stage, data: StageData, folder: Path, key: str) -> None:
        from transformers import set_seed

        data, weak = self._label(data, stage)
        work = Work(self.recipe, self.base, self.labels, self.done, self._labeller, self.console)
        learner = self._learner(work, stage, data)
        repeats = f", {data.repeats} repeats dropped" if data.repeats else ""
        self.console.print(
            f"  stage {stage.name}: {len(data.training_documents)} sentences, {learner.pieces:,} pieces{repeats}",
            highlight=False,
        )
        found = {span.label for document in data.training_documents for span in document.spans}
        missing = [label for label in self.labels if label not in found]
        if missing:
            self.console.print(
                f"  [bold yellow]Stage {stage.name} has no training example of {', '.join(missing)}:[/] it learns that "
                "such names are in no entity, and may forget what an earlier stage knew of them."
            )
        checkpoints = folder.with_name(f"{folder.name}.work")
        if processes.is_first() and not _has_key(checkpoints / "key.json", key):
            shutil.rmtree(checkpoints, ignore_errors=True)
            write_json(checkpoints / "key.json", {"key": key})
        processes.wait()
        set_seed(self.recipe.seed)
        learned = learner.learn(checkpoints)
        if not processes.is_first():
            return
        with atomic_folder(folder, replace=True) as beside:
            save_model(learned.model, beside, self.base)
            learned.card.write(beside)
            shutil.copyfile(checkpoints / "training_log.jsonl", beside / "training_log.jsonl")
            size = sum(file.stat().st_size for file in beside.glob("*.safetensors"))
            report = {
                "stage": stage.name,
                "seed": self.recipe.seed,
                "start": stage.start,
                "sentences": {mix.corpus: len(part) for mix, part in zip(stage.train, data.train, strict=True)},
                "repeats_dropped": data.repeats,
                "oversampled": data.oversampled,
                "weak": weak,
                "validation_sentences": len(data.validation),
                "pieces": learner.pieces,
                "bytes": size,
                "labels_missing": missing,
                **learned.report,
                **dataclasses.asdict(learned.outcome),
                "test": self.scorer.score(load(beside, base=self.recipe.base), beside),
            }
            predicted = [scores["all"]["micro"]["predicted"] for scores in report["test"].values()]
            report["silent"] |= bool(predicted) and not any(predicted)
            write_json(beside / "metrics.json", report)
            write_json(beside / "stage.json", {"key": key})
        shutil.rmtree(checkpoints)
        if report["silent"]:
            self.console.print(
                f"  [bold yellow]Stage {stage.name} finds no entity at all.[/] Most words are in no entity, and a "
                "model can settle there: lower learning_rate, raise head_learning_rate or warmup, or train longer."
            )

    def _learner(self, work: Work, stage: Stage, data: StageData) -> Learner:
        if self.recipe.generator is None:
            return TaggerLearner(work, stage, data)
        from onoma.training.generator_stage import GeneratorLearner

        return GeneratorLearner(work, stage, data)

    def _label(self, data: StageData, stage: Stage) -> tuple[StageData, dict[str, Any]]:
        """The data with labels from elsewhere where the recipe wants these, and what came of it by corpus."""
        gold = [
            document
            for mix, part in zip(stage.train, data.train, strict=True)
            if not mix.labels_from
            for document in part
        ]
        parts = []
        reports = {}
        for mix, part in zip(stage.train, data.train, strict=True):
            if mix.labels_from:
                labellers = {name: self._labeller(name) for name in mix.labels_from}
                done = label_texts(part, labellers, mix, gold, self.recipe.seed)
                if not done.documents:
                    raise RecipeError(
                        f"{', '.join(mix.labels_from)}: no sentence of {mix.corpus!r} is labelled surely enough",
                        where=f"stage {stage.name}",
                        mend="Lower min_score, or raise ratio.",
                    )
                self.console.print(
                    f"  corpus {mix.corpus}: {len(done.documents)} of {len(part)} sentences get labels from "
                    f"{', '.join(mix.labels_from)}",
                    markup=False,
                    highlight=False,
                )
                reports[mix.corpus] = done.report
                part = done.documents
            parts.append(part)
        return dataclasses.replace(data, train=parts), reports

    def _labeller(self, name: str) -> Extractor:
        if name in self.done:
            return load(self.done[name], base=self.recipe.base)
        corpus = names_of(name)
        return harvest_names(self.corpora[corpus]["train"]) if corpus else load(name)


def _recipe_of(run: Path) -> Recipe | None:
    """The recipe that made a run; None if it is no recipe any more."""
    with contextlib.suppress(RecipeError):
        return load_recipe(run / "recipe.yaml")
    return None


def _trains_alike(first: Recipe, second: Recipe) -> bool:
    """Whether two recipes differ in nothing but what is measured on the finished weights."""
    return first.model_copy(update={"robustness": second.robustness}) == second


def _measure_robustness(run: Path, recipe: Recipe, console: Console) -> None:
    """Bring a finished run's robustness up to a recipe that trains alike."""
    console.print("  trained before; its robustness is measured", highlight=False)
    corpora = load_corpora(recipe, console).by_name
    measured = _robustness(recipe, Scorer(recipe, corpora, label_set(recipe, corpora)), run)
    write_json(run / "metrics.json", {**read_json(run / "metrics.json"), "robustness": measured})
    # Last, so that an interrupt before it leads here again.
    write_text(run / "recipe.yaml", recipe.to_yaml())


def _robustness(recipe: Recipe, scorer: Scorer, folder: Path) -> dict[str, Any] | None:
    return scorer.robustness(load(folder, base=recipe.base)) if recipe.robustness else None


def _digest(documents: Iterable[Document]) -> str:
    digest = hashlib.sha256()
    for document in documents:
        digest.update(json.dumps(document.to_dict()).encode())
    return digest.hexdigest()


def _has_key(path: Path, key: str) -> bool:
    return path.exists() and bool(read_json(path)["key"] == key)
