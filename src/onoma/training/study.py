"""A study: one recipe, named variants of it, several seeds, one comparison."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator
from rich.console import Console

from onoma.errors import RecipeError, nearest
from onoma.evaluation.compare import Comparison, RunResult, compare, read_run
from onoma.evaluation.report import Curve, write_report
from onoma.files import read_table
from onoma.models.adapters import MODEL_WEIGHTS
from onoma.training import processes
from onoma.training.recipe import (
    NAME_PATTERN,
    Recipe,
    Section,
    override,
    parse_override,
    parse_recipe,
    section_error,
)
from onoma.training.stages import train


class Variant(Section):
    """One system of a study."""

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
    """

    file: StudyFile
    recipes: Mapping[str, Sequence[Recipe]]


def load_study(path: Path, *, profile: Path | None = None, overrides: Sequence[str] = ()) -> Study:
    """Read a study and make all its recipes, so that a mistake in the last of them shows before the first is trained.

    Args:
        path: the study file.
        profile: a YAML file of recipe keys that all variants share here, such as the base and where the data lies.
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
        for key, value in _leaves(read_table(profile, "profile", RecipeError)):
            override(base, key, value)
    for item in overrides:
        override(base, *parse_override(item))
    recipes: dict[str, list[Recipe]] = {}
    for name, variant in file.variants.items():
        for seed in variant.seeds or file.seeds:
            changed = copy.deepcopy(base)
            for key, value in variant.set.items():
                override(changed, key, value)
            changed |= {"name": f"{name}-seed{seed}", "seed": seed}
            recipes.setdefault(name, []).append(parse_recipe(changed, where=f"{path}: variants.{name}"))
    return Study(file, recipes)


def run_study(
    study: Study, *, runs: Path = Path("runs"), only: Sequence[str] = (), console: Console | None = None
) -> Comparison:
    """Train what is missing, compare everything, and write ``report.md``, ``report.html`` and ``comparison.json``.

    Runs go by seed, so that a study cut short has all variants of its first seeds. A stage that several variants
    share is trained once. The weights of fully fine-tuned variants are dropped when they are scored, since each is as
    large as the base; their predictions stay.

    Args:
        study: from :func:`load_study`.
        runs: folder that gets the study's folder.
        only: variants to train; the others are compared where they are finished.
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
    folder = runs / study.file.name
    store = folder / "stages"
    chosen = [
        (number, recipe)
        for name, recipes in study.recipes.items()
        if not only or name in only
        for number, recipe in enumerate(recipes)
    ]
    wanted = [recipe for _, recipe in sorted(chosen, key=lambda item: item[0])]
    for number, recipe in enumerate(wanted, start=1):
        console.print(f"[bold]{study.file.name}[/] {number}/{len(wanted)}: {recipe.name}", highlight=False)
        train(recipe, runs=folder, store=store, console=console)
        if processes.is_first() and recipe.adapter.method == "full":
            for weights in (folder / recipe.name).rglob(MODEL_WEIGHTS):
                weights.unlink()
    if processes.is_first():
        for weights in store.glob(f"*/{MODEL_WEIGHTS}"):
            shutil.rmtree(weights.parent)
    return summarize(study, runs=runs)


def summarize(study: Study, *, runs: Path = Path("runs")) -> Comparison:
    """Compare the finished runs of a study and write its report.

    Raises:
        DataError: if no run of the reference is finished.
    """
    folder = runs / study.file.name
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
