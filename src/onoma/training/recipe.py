"""The recipe: one YAML file that says data → stages → evaluation, checked before anything heavy is imported."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from onoma.errors import RecipeError, nearest
from onoma.evaluation.perturbations import PERTURBATIONS, STRENGTHS
from onoma.files import read_table
from onoma.schema import Section, apply_overrides, section_error
from onoma.scripts import rewriting

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class CorpusSource(Section):
    """Where one corpus lies, where that differs from the recipe's template."""

    source: str | None = Field(None, description="path, hub:REPO[:CONFIG] or examples:NAME; default: `data.source`")
    format: str | None = Field(None, description="format name, where the file name does not tell")
    language: str | None = Field(None, description="BCP 47 code; default: the corpus's name")
    options: dict[str, Any] = Field(default_factory=dict, description="reader options of the format")
    min_words: int = Field(1, ge=1, description="leave out shorter sentences, in all splits")
    labels: Path | None = Field(None, description="label map, see onoma.corpus.relabel")
    join: int | None = Field(
        None, ge=1, description="read sentences that follow each other together, up to this many words"
    )


class Data(Section):
    """Corpora by name."""

    source: str | None = Field(None, description="template of all corpora; `{corpus}` stands for the name")
    corpora: dict[str, CorpusSource] = Field(min_length=1, description="corpora by name; `{}` for the template's")
    on_error: Literal["stop", "skip"] = Field("stop", description="what to do at a row that cannot be read")

    @model_validator(mode="after")
    def _all_have_a_source(self) -> Data:
        for name, corpus in self.corpora.items():
            if corpus.source is None and self.source is None:
                raise ValueError(f"the corpus {name!r} has no source, and there is no data.source for all")
        return self

    def address(self, name: str) -> str:
        """Where a corpus lies."""
        own = self.corpora[name].source
        return own if own is not None else str(self.source).replace("{corpus}", name)

    def language(self, name: str) -> str:
        """Language of a corpus: as stated, or its name where that looks like a code."""
        stated = self.corpora[name].language
        return stated if stated is not None else name if re.fullmatch(r"[a-z]{2,3}", name) else ""


class Adapter(Section):
    """What is trained on top of the base."""

    method: Literal["lora", "dora", "rslora", "full"] = Field("lora", description="`full` trains the whole model")
    rank: int = Field(16, ge=1, le=1024, description="rank of the update")
    alpha: int = Field(32, ge=1, description="scale of the update")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the adapter's input")
    targets: tuple[str, ...] = Field(("all-linear",), description="`all-linear`, or names of layers")
    first_layer: int = Field(0, ge=0, description="first layer that is adapted; those below stay as they are")
    letters: str = Field("", description="letters whose pieces' word embeddings are trained and saved too")

    @field_validator("targets", mode="before")
    @classmethod
    def _one_name(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class Training(Section):
    """How a stage is trained; a stage may change any of it."""

    epochs: float = Field(3, gt=0, description="passes over the data")
    max_steps: int | None = Field(None, ge=1, description="stop after this many steps, whatever `epochs` says")
    learning_rate: float = Field(1e-3, gt=0, description="of the adapter, or of the base in full fine-tuning")
    head_learning_rate: float | None = Field(None, gt=0, description="of the head; default: `learning_rate`")
    lora_plus: float = Field(1.0, gt=0, description="rate of the adapter's B matrices as a multiple of A's (LoRA+)")
    batch_pieces: int = Field(512, ge=8, description="padded pieces of a batch")
    accumulate: int = Field(1, ge=1, description="batches a step")
    schedule: Literal["linear", "cosine", "constant"] = Field("linear", description="of the learning rate")
    warmup: float = Field(0.06, ge=0, lt=1, description="share of steps in which the rate rises")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's")
    max_grad_norm: float = Field(1.0, gt=0, description="gradients are clipped to it")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target given to all tags alike")
    consistency: float = Field(0.0, ge=0, description="weight of the divergence between two dropout passes (R-Drop)")
    class_weights: dict[str, float] = Field(default_factory=dict, description="weight in the loss by label, and of `O`")
    subword_labels: Literal["first", "all"] = Field("first", description="pieces of a word that carry its label")
    freeze_embeddings: bool = Field(False, description="in full fine-tuning, leave the word embeddings as they are")
    gradient_checkpointing: bool = Field(False, description="less memory for more time")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field("auto", description="`auto` measures what is faster")
    patience: int | None = Field(None, ge=1, description="stop after this many evaluations without a better F1")
    select: Literal["best", "last", "average"] = Field(
        "best", description="weights to keep: the best on validation, the last, or the mean over the last epochs"
    )
    average: int = Field(5, ge=2, description="epochs that `select: average` takes the mean of")

    @model_validator(mode="after")
    def _patience_has_something_to_wait_for(self) -> Training:
        if self.patience is not None and self.select != "best":
            raise ValueError("patience stops by the best weights on validation: it needs select: best")
        return self


class Oversampling(Section):
    """How often sentences with entities are repeated, see :func:`onoma.corpus.sample.oversample`."""

    factor: float = Field(1.5, ge=1, description="copies of a sentence with an entity")
    boost: float = Field(0.5, ge=0, description="share by which the rarest labels get more")


class Mix(Section):
    """One corpus in a stage's training data."""

    corpus: str = Field(description="name in `data.corpora`")
    split: str = Field("train", description="its split")
    weight: float = Field(1.0, gt=0, description="multiplies its share")
    limit: int | None = Field(None, ge=1, description="only this many sentences, drawn by seed")
    oversample: Oversampling | None = Field(None, description="repeat sentences with entities; `{}` for the defaults")
    copies: int = Field(0, ge=0, description="of each sentence, with other names of the same labels in it")
    names: tuple[str, ...] = Field((), description="corpora whose training names the copies get; default: this one")
    unlabelled: bool = Field(False, description="text for `distill` alone: its labels, if any, do not count")
    labels_from: tuple[str, ...] = Field(
        (), description="what labels these sentences anew: earlier stages, extractors, names:CORPUS; several vote"
    )
    vote: Literal["trust", "majority"] = Field(
        "trust", description="how `labels_from` agree: see onoma.annotation.weak"
    )
    min_score: float = Field(0.0, ge=0, le=1, description="leave out sentences that `labels_from` label less surely")
    ratio: float | None = Field(
        None, gt=0, description="most entities from `labels_from` of each label, as a multiple of the stage's own"
    )

    @field_validator("labels_from", mode="before")
    @classmethod
    def _one_labeller(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class Distillation(Section):
    """Learning from the answers of other taggers (Hinton et al. 2015, https://arxiv.org/abs/1503.02531)."""

    teachers: tuple[str, ...] = Field(min_length=1, description="earlier stages or run folders; of several, their mean")
    temperature: float = Field(2.0, gt=0, description="softens teachers and student alike")
    weight: float = Field(0.5, ge=0, le=1, description="share of the loss that follows the teachers, not the labels")

    @field_validator("teachers", mode="before")
    @classmethod
    def _one_teacher(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class Stage(Section):
    """One training from a clean base, with fresh or carried weights."""

    name: str = Field(pattern=NAME_PATTERN, description="name of the stage and of its folder")
    train: tuple[Mix, ...] = Field(min_length=1, description="corpora, or just their names")
    validation: tuple[str, ...] = Field((), description="corpora whose validation split selects the weights")
    start: str | None = Field(None, description="stage, or run folder, whose adapter and head are carried on")
    head: Literal["carried", "fresh"] = Field("carried", description="whether the head is carried on with the adapter")
    blend: float = Field(1.0, gt=0, le=1, description="share of the trained weights in the result, next to the start's")
    temperature: float = Field(1.0, gt=0, description="shares of corpora go as size^(1/temperature)")
    balance: float = Field(1.0, ge=1, description="labels are drawn in shares of count^(1/balance)")
    distill: Distillation | None = Field(None, description="teachers of this stage")
    deduplicate: bool | tuple[str, ...] = Field(
        False, description="keep one of each sentence (of these corpora), and drop what is in validation or tests"
    )
    training: dict[str, Any] = Field(default_factory=dict, description="changes to the recipe's `training`")

    def deduplicates(self, corpus: str) -> bool:
        """Whether repeats in a corpus are dropped."""
        return self.deduplicate if isinstance(self.deduplicate, bool) else corpus in self.deduplicate

    @field_validator("train", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        items = [value] if isinstance(value, str | Mapping) else value
        return (
            [{"corpus": item} if isinstance(item, str) else item for item in items]
            if isinstance(items, list)
            else items
        )


class Generator(Section):
    """Makes the run a generator: a decoder that writes entities as text, see :mod:`onoma.extractors.generator`."""

    codec: Literal["json-map", "json-list", "json-objects", "inline"] = Field(
        "json-list", description="format of the answers"
    )
    window: int = Field(256, ge=16, description="pieces of text read at a time")
    open: float = Field(0.2, ge=0, le=1, description="share of training prompts that let the model choose the types")
    drop: float = Field(0.1, ge=0, lt=1, description="chance of each label to be left out of a prompt, with its spans")
    definitions: dict[str, str] = Field(default_factory=dict, description="what labels mean; said in prompts")
    sample: int = Field(200, ge=1, description="validation sentences that select the weights, the first ones")
    four_bits: bool = Field(False, description="hold the base in four bits while an adapter trains on it (QLoRA)")


_TAGGERS_ALONE = {
    "recipe": ("rewrite", "mark_casing", "layers"),
    "stage": ("distill", "balance", "blend"),
    "adapter": ("letters",),
    "training": (
        "consistency",
        "class_weights",
        "subword_labels",
        "label_smoothing",
        "head_learning_rate",
        "lora_plus",
        "freeze_embeddings",
    ),
}
"""Keys that the training of a generator has no use for, by the section that they are in."""


class Robustness(Section):
    """Scores of the finished run on text that comes to harm, see :mod:`onoma.evaluation.robustness`."""

    corpus: str | None = Field(None, description="default: the first of `evaluate`")
    limit: int = Field(500, ge=1, description="sentences of it, the first ones")
    kinds: tuple[str, ...] = Field(tuple(PERTURBATIONS), description="perturbations")
    strengths: tuple[float, ...] = Field(STRENGTHS, description="shares of words that are touched")


class Recipe(Section):
    """Data, stages and evaluation of a run."""

    name: str = Field(pattern=NAME_PATTERN, description="name of the run and of its folder")
    base: str = Field(description="hub id, folder or bundled:NAME")
    seed: int = Field(13, ge=0, description="of everything that is drawn")
    labels: tuple[str, ...] | None = Field(None, description="entity types; default: those of the training data")
    layers: int | None = Field(None, ge=1, description="keep this many of the base's layers, evenly spread")
    rewrite: tuple[str, ...] = Field((), description="letters shown to the base as others: names in onoma.scripts")
    mark_casing: bool = Field(False, description="show an uncased base the casing of words, by marks behind them")
    generator: Generator | None = Field(None, description="the run is a generator; `{}` for the defaults")
    data: Data
    adapter: Adapter = Adapter()
    training: Training = Training()
    stages: tuple[Stage, ...] = Field(min_length=1)
    evaluate: tuple[str, ...] = Field((), description="corpora that are scored after each stage")
    robustness: Robustness | None = Field(None, description="measure robustness too; `{}` for the defaults")
    score_on: Literal["test", "validation"] = Field(
        "test", description="split that is scored; `validation` while settings are still being chosen"
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Recipe:
        corpora = self.data.corpora
        known: list[str] = []
        for stage in self.stages:
            if stage.name in known:
                raise ValueError(f"two stages are named {stage.name!r}")
            deduplicated = () if isinstance(stage.deduplicate, bool) else stage.deduplicate
            mixed = (name for mix in stage.train for name in (mix.corpus, *mix.names))
            for name in (*mixed, *stage.validation, *deduplicated):
                if name not in corpora:
                    raise ValueError(f"stage {stage.name!r} names the corpus {name!r}. {nearest(name, corpora)}")
            if stage.start is not None and stage.start not in known and not _is_path(stage.start):
                raise ValueError(
                    f"stage {stage.name!r} starts from {stage.start!r}, which is no earlier stage and no run folder. "
                    + nearest(stage.start, known)
                )
            for name in stage.distill.teachers if stage.distill else ():
                if name not in known and not _is_path(name):
                    raise ValueError(
                        f"stage {stage.name!r} has the teacher {name!r}, which is no earlier stage and no run folder. "
                        + nearest(name, known)
                    )
            if stage.blend < 1 and (stage.start is None or stage.head == "fresh"):
                raise ValueError(f"stage {stage.name!r} blends its weights with those of a start that it does not have")
            if any(mix.unlabelled for mix in stage.train) and not stage.distill:
                raise ValueError(f"stage {stage.name!r} has unlabelled text, but no teacher in distill")
            for name in (name for mix in stage.train for name in mix.labels_from):
                if name not in known and not _is_path(name) and names_of(name) not in corpora:
                    raise ValueError(
                        f"stage {stage.name!r} takes labels from {name!r}, which is no earlier stage, path of an "
                        f"extractor or names:CORPUS. {nearest(name, known)}"
                    )
            known.append(stage.name)
            self.training_of(stage)
        rewriting(self.rewrite)
        for name in self.evaluate:
            if name not in corpora:
                raise ValueError(f"evaluate names the corpus {name!r}. {nearest(name, corpora)}")
        if self.robustness is not None:
            if (self.robustness.corpus or next(iter(self.evaluate), None)) not in self.evaluate:
                raise ValueError("robustness is measured on a corpus that evaluate names, and this one is not")
            for kind in self.robustness.kinds:
                if kind not in PERTURBATIONS:
                    raise ValueError(f"no perturbation {kind!r}. {nearest(kind, PERTURBATIONS)}")
        return self

    @model_validator(mode="after")
    def _generators_take_it(self) -> Recipe:
        if self.generator and self.generator.four_bits and self.adapter.method == "full":
            raise ValueError("generator.four_bits: a base in four bits cannot itself be trained; choose an adapter")
        for stage in self.stages if self.generator else ():
            parts = {"recipe": self, "stage": stage, "adapter": self.adapter, "training": self.training_of(stage)}
            for part, names in _TAGGERS_ALONE.items():
                for name in names:
                    usual = type(parts[part]).model_fields[name].get_default(call_default_factory=True)
                    if getattr(parts[part], name) != usual:
                        raise ValueError(f"{name} is for taggers, and this recipe makes a generator")
            if self.training_of(stage).select == "average":
                raise ValueError("select: average is for taggers, and this recipe makes a generator")
        return self

    def training_of(self, stage: Stage) -> Training:
        """A stage's training settings: the recipe's, with the stage's changes."""
        for key in stage.training:
            if key not in Training.model_fields:
                raise ValueError(f"stage {stage.name!r}: unknown key {key!r}. {nearest(key, Training.model_fields)}")
        return Training(**{**self.training.model_dump(), **stage.training})

    def to_yaml(self) -> str:
        """The recipe in full, every default spelled out."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), allow_unicode=True, sort_keys=False)
        return text


def names_of(labeller: str) -> str | None:
    """``"names:it"`` → ``"it"``, the corpus whose training names are looked up; None for other labellers."""
    return labeller.removeprefix("names:") if labeller.startswith("names:") else None


def _is_path(name: str) -> bool:
    return "/" in name or name.endswith((".yaml", ".yml"))


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply ``key.path=value`` overrides; values are YAML.

    Relative paths in a recipe are relative to the working directory, as on the command line.

    Raises:
        RecipeError: if the file is missing, is not YAML, or a key or value is not valid; says the nearest known key.

    Examples:
        >>> load_recipe(Path("recipes/assamese.yaml"), ["base=bundled:multilingual-e5-small"])  # doctest: +SKIP
    """
    content = read_table(path, "recipe", RecipeError)
    apply_overrides(content, overrides)
    return parse_recipe(content, where=str(path))


def parse_recipe(content: Mapping[str, Any], *, where: str = "recipe") -> Recipe:
    """Check a recipe that is in memory.

    Raises:
        RecipeError: if a key or value is not valid.
    """
    try:
        return Recipe.model_validate(dict(content))
    except ValidationError as error:
        raise section_error(error, Recipe, where) from error
