"""What a stage knows of the model it trains, whichever kind that is: a tagger or a generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from onoma.extractors.base import Extractor
from onoma.models.adapters import AdapterSettings
from onoma.models.bases import Base
from onoma.training.data import StageData
from onoma.training.precision import Precision
from onoma.training.recipe import Recipe, Stage

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Outcome:
    """How a training went.

    Args:
        steps: optimiser steps taken.
        best_step: step of the weights that were kept.
        validation_f1: strict F1 of these on validation, or None without validation.
        seconds: wall time, over all resumed parts.
        precision: number format used.
        trainable: number of trained parameters.
        silent: True if the kept weights found no entity at all on validation.
    """

    steps: int
    best_step: int
    validation_f1: float | None
    seconds: float
    precision: Precision
    trainable: int
    silent: bool


class Card(Protocol):
    """What a run says of itself."""

    def write(self, folder: Path) -> None:
        """Write ``onoma.json`` into a folder."""


@dataclass(frozen=True)
class Learned:
    """A trained model.

    Args:
        model: for :func:`onoma.models.adapters.save_model`.
        card: of the run.
        outcome: how it went.
        report: further entries of the stage's report.
    """

    model: Any
    card: Card
    outcome: Outcome
    report: dict[str, Any] = field(default_factory=dict)


class Learner(Protocol):
    """A stage's data, ready for the model."""

    @property
    def pieces(self) -> int:
        """Pieces of the training data."""

    def learn(self, checkpoints: Path) -> Learned:
        """Train; goes on from the last checkpoint in the folder."""


@dataclass(frozen=True)
class Work:
    """What a stage finds when its turn comes.

    Args:
        recipe: being carried out.
        base: its base.
        labels: of the run.
        done: folders of the stages before, by name.
        labeller: gives the extractor of a name.
        console: where progress goes.
    """

    recipe: Recipe
    base: Base
    labels: tuple[str, ...]
    done: Mapping[str, Path]
    labeller: Callable[[str], Extractor]
    console: Console

    def start(self, stage: Stage) -> Path:
        """Folder of the weights that a stage carries on."""
        return self.done.get(stage.start or "") or Path(stage.start or "")

    def adapter(self, pieces: tuple[int, ...] = ()) -> AdapterSettings:
        """What is trained on top of the base, and which pieces' embeddings."""
        return AdapterSettings(**self.recipe.adapter.model_dump(exclude={"letters"}), pieces=pieces)


MakeLearner = Callable[[Work, Stage, StageData], Learner]
