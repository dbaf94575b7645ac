"""A study: one recipe, named variants of it, several seeds, one comparison."""

from __future__ import annotations

import contextlib
import copy
import itertools
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator
from rich.console import Console

from onoma.errors import RecipeError, nearest
from onoma.evaluation.charts import Curve
from onoma.evaluation.compare import Comparison, RunResult, compare, read_run
from onoma.evaluation.report import write_report
from onoma.files import locked, read_table
from onoma.models.adapters import MODEL_WEIGHTS
from onoma.schema import Section, apply_overrides, override, section_error
from onoma.training import processes
from onoma.training.data import check_corpora
from onoma.training.recipe import NAME_PATTERN, Recipe, parse_recipe
from onoma.training.stages import train
from onoma.training.together import train_together

_RUN = re.compile(r"\{run:(?P<name>[^}]+)\}")
_VALUE = re.compile(r"\{value:(?P<name>[^}]+)\}")
_RUNS = re.compile(r"\{runs:(?P<name>[^}]+)\}")


class Variant(Section):
    """One system of a study.

    In ``set``, a value ``{value:NAME}`` is one of the study's ``values``; ``{run:NAME}`` is the run folder of another
    variant with the same seed, such as a teacher, and a list's item ``{runs:NAME}`` becomes those of all its seeds.
    """

    about: str = Field("", description="one line for the report")
    set: dict[str, Any] = Field(default_factory=dict, description="changes to the recipe, by key path")
    seeds: tuple[int, ...] | None = Field(None, min_length=1, description="default: the study's")


class StudyFile(Section):
    """What a study file says."""

    name: str = Field(pattern=NAME_PATTERN, description="name of the study and of its folder")
    recipe: str = Field(description="the base recipe, a path relative to this file")
    seeds: tuple[int, ...] = Field((13,), min_length=1, description="each variant is trained once with each")
    corpus: str | None = Field(None, description="test corpus of the main table; default: the recipe's first")
    reference: str | None = Field(None, description="variant that the others are tested against; default: the first")
    values: dict[str, Any] = Field(
        default_factory=dict, description="by name, for `{value:NAME}`; a profile may differ"
    )
    variants: dict[str, Variant] = Field(min_length=1, description="by name")
    curves: dict[str, dict[float, str]] = Field(
        default_factory=dict, description="charts by title: a variant for each value of x"
    )

    @model_validator(mode="after")
    def _names_fit(self) -> StudyFile:
        for name in (
            self.reference or next(iter(self.variants)),
            *(v for c in self.curves.values() for v in c.values()),
        ):
            if name not in self.variants:
                raise ValueError(f"no variant {name!r}. {nearest(name, self.variants)}")
        return self


@dataclass(frozen=True)
class Study:
    """A study with every recipe made and checked.

    Args:
        file: what the study file says.
        recipes: by variant, one a seed.
        folder: of the study's runs and report.
        needs: by run, the runs that it learns from.
    """

    file: StudyFile
    recipes: Mapping[str, Sequence[Recipe]]
    folder: Path
    needs: Mapping[str, Sequence[str]]


def load_study(
    path: Path, *, runs: Path = Path("runs"), profile: Path | None = None, overrides: Sequence[str] = ()
) -> Study:
    """Read a study and make all its recipes, so that a mistake in the last of them shows before the first is trained.

    Args:
        path: the study file.
        runs: folder that gets the study's folder.
        profile: a YAML file of recipe keys that all variants share here, such as the base and where the data lies; its
            key ``values`` replaces those of the study.
        overrides: ``key.path=value`` for all variants; they win over the profile, and a variant's own keys over both.

    Raises:
        RecipeError: if a file is missing, or a key or value of it is not valid.
    """
    content = read_table(path, "study", RecipeError)
    try:
        file = StudyFile.model_validate(content)
    except ValidationError as error:
        raise section_error(error, StudyFile, str(path)) from error
    base = read_table(path.parent / file.recipe, "recipe", RecipeError)
    if profile is not None:
        shared = read_table(profile, "profile", RecipeError)
        file = _with_values(file, shared.pop("values", {}), str(profile))
        for key, value in _leaves(shared):
            override(base, key, value)
    apply_overrides(base, overrides)
    recipes: dict[str, list[Recipe]] = {}
    needs: dict[str, list[str]] = {}
    folder = runs / file.name
    for name, variant in file.variants.items():
        where = f"{path}: variants.{name}"
        for seed in variant.seeds or file.seeds:
            changed = copy.deepcopy(base)
            run = _run_name(name, seed)
            needs[run] = []
            for key, value in variant.set.items():
                override(changed, key, _filled(value, file, name, seed, folder, needs[run], where))
            recipes.setdefault(name, []).append(parse_recipe(changed | {"name": run, "seed": seed}, where=where))
    return Study(file, recipes, folder, needs)


def _with_values(file: StudyFile, values: Any, where: str) -> StudyFile:
    if not isinstance(values, Mapping):
        raise RecipeError("values is a table", where=where)
    for name in values:
        if name not in file.values:
            raise RecipeError(f"the study has no value {name!r}", where=where, mend=nearest(str(name), file.values))
    return file.model_copy(update={"values": {**file.values, **values}})


def _run_name(variant: str, seed: int) -> str:
    return f"{variant}-seed{seed}"


def _filled(value: Any, file: StudyFile, variant: str, seed: int, folder: Path, needs: list[str], where: str) -> Any:
    """A variant's value with the folders of other variants' runs in it; what it needs is put into ``needs``."""

    def fill(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [filled for item in value for filled in (every(item) if isinstance(item, str) else [fill(item)])]
        if not isinstance(value, str):
            return value
        if found := _VALUE.fullmatch(value):
            if found["name"] not in file.values:
                raise RecipeError(f"no value {found['name']!r}", where=where, mend=nearest(found["name"], file.values))
            return file.values[found["name"]]
        return _RUN.sub(lambda found: folder_of(found["name"], seed), value)

    def every(item: str) -> list[str]:
        found = _RUNS.fullmatch(item)
        if not found:
            return [fill(item)]
        seeds = file.variants[check(found["name"])].seeds or file.seeds
        return [folder_of(found["name"], seed) for seed in seeds]

    def folder_of(name: str, seed: int) -> str:
        check(name)
        needs.append(_run_name(name, seed))
        return str(folder / needs[-1])

    def check(name: str) -> str:
        earlier = list(itertools.takewhile(lambda other: other != variant, file.variants))
        if name not in earlier:
            raise RecipeError(f"no earlier variant {name!r}", where=where, mend=nearest(name, earlier))
        return name

    return fill(value)


def run_study(study: Study, *, only: Sequence[str] = (), jobs: int = 1, console: Console | None = None) -> Comparison:
    """Train what is missing, compare everything, and write ``report.md``, ``report.html`` and ``comparison.json``.

    Runs go by seed, so that a study cut short has all variants of its first seeds, but for those that another one
    learns from, which come before it. A stage that several variants share is trained once. The weights of fully
    fine-tuned variants are dropped when nothing else needs them, since each is as large as the base; their predictions
    stay.

    Args:
        study: from :func:`load_study`.
        only: variants to train; the others are compared where they are finished.
        jobs: runs that are trained at the same time, each in a process of its own.
        console: where progress goes; standard error if None.

    Returns:
        The comparison of all that is finished.

    Raises:
        OnomaError: for anything in recipes, data or models that a user can mend.
    """
    console = (console or Console(stderr=True)) if processes.is_first() else Console(quiet=True)
    for name in only:
        if name not in study.recipes:
            raise RecipeError(f"no variant {name!r}", mend=nearest(name, study.recipes))
    with locked(study.folder) if processes.is_first() else contextlib.nullcontext():
        return _run(study, only, jobs, console)


def _run(study: Study, only: Sequence[str], jobs: int, console: Console) -> Comparison:
    store = study.folder / "stages"
    wanted = _in_order(study, only)
    # A path that is wrong in one variant should not stop the study hours later.
    for recipe in wanted:
        check_corpora(recipe)
    if jobs > 1:
        coming = {recipe.name for recipe in wanted}
        for name in train_together(wanted, study.needs, jobs=jobs, runs=study.folder, store=store):
            coming.remove(name)
            done = len(wanted) - len(coming)
            console.print(f"[bold]{study.file.name}[/] {done}/{len(wanted)} done: {name}", highlight=False)
            _drop_weights(study, coming)
    else:
        for number, recipe in enumerate(wanted, start=1):
            console.print(f"[bold]{study.file.name}[/] {number}/{len(wanted)}: {recipe.name}", highlight=False)
            train(recipe, runs=study.folder, store=store, console=console)
            if processes.is_first():
                _drop_weights(study, {other.name for other in wanted[number:]})
    if processes.is_first():
        for weights in store.glob(f"*/{MODEL_WEIGHTS}"):
            shutil.rmtree(weights.parent)
    return summarize(study)


def _in_order(study: Study, only: Sequence[str]) -> list[Recipe]:
    """The recipes to train, by seed, each after what it learns from."""
    everything = {recipe.name: recipe for recipes in study.recipes.values() for recipe in recipes}
    chosen = [
        (number, recipe.name)
        for name, recipes in study.recipes.items()
        if not only or name in only
        for number, recipe in enumerate(recipes)
    ]
    order: dict[str, None] = {}

    def add(run: str) -> None:
        for other in study.needs[run]:
            add(other)
        order[run] = None

    for _, run in sorted(chosen, key=lambda item: item[0]):
        add(run)
    return [everything[run] for run in order]


def _drop_weights(study: Study, coming: Collection[str]) -> None:
    """Remove the weights of finished full fine-tunings that no coming run learns from."""
    needed = {run for other in coming for run in study.needs[other]}
    for recipes in study.recipes.values():
        for recipe in recipes:
            if recipe.adapter.method == "full" and recipe.name not in needed:
                for weights in (study.folder / recipe.name).rglob(MODEL_WEIGHTS):
                    weights.unlink()


def summarize(study: Study) -> Comparison:
    """Compare the finished runs of a study and write its report.

    Raises:
        DataError: if no run of the reference is finished.
    """
    folder = study.folder
    finished: dict[str, list[RunResult]] = {}
    for name, recipes in study.recipes.items():
        done = [folder / recipe.name for recipe in recipes if (folder / recipe.name / "metrics.json").exists()]
        if done:
            finished[name] = [read_run(run) for run in done]
    reference = study.file.reference or next(iter(study.recipes))
    comparison = compare(finished, corpus=study.file.corpus, reference=reference)
    curves = [
        Curve(title, {x: name for x, name in points.items() if name in finished})
        for title, points in study.file.curves.items()
    ]
    about = {name: variant.about for name, variant in study.file.variants.items()}
    write_report(comparison, folder, title=study.file.name, about=about, curves=curves)
    return comparison


def _leaves(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """``{"data": {"source": "x"}}`` → ``[("data.source", "x")]``."""
    leaves: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            leaves += _leaves(value, f"{prefix}{key}.")
        else:
            leaves.append((f"{prefix}{key}", value))
    return leaves
