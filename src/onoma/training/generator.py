"""Trains a generator through TRL's ``SFTTrainer``: loss on answers alone, examples packed, none sees another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from rich.console import Console
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from onoma.document import Document
from onoma.errors import RecipeError
from onoma.evaluation.metrics import score
from onoma.extractors.generator import GeneratorExtractor, GeneratorSettings, ask_for
from onoma.models.bases import Base
from onoma.models.packed_attention import packed
from onoma.models.torch_decoder import TorchDecoder
from onoma.models.vocabulary import Vocabulary
from onoma.training import processes
from onoma.training.conversations import Example
from onoma.training.features import IGNORED
from onoma.training.learning import Outcome
from onoma.training.loop import Loop
from onoma.training.precision import choose_precision
from onoma.training.recipe import Training


def train_generator(
    model: Any,
    examples: Sequence[Example],
    validation: Sequence[Sequence[Document]],
    base: Base,
    vocabulary: Vocabulary,
    settings: GeneratorSettings,
    training: Training,
    *,
    seed: int,
    folder: Path,
    title: str,
    console: Console,
) -> Outcome:
    """Train a decoder in place; with checkpoints in ``folder`` it goes on from the last.

    Args:
        model: from :func:`onoma.models.adapters.attach`.
        examples: prompts with answers; several fill a row of ``batch_pieces``, and none sees another.
        validation: gold documents that select the weights, a list for each label set; none keeps the last.
        base: of the model.
        vocabulary: of the base.
        settings: how validation is asked.
        training: the stage's settings.
        seed: of the shuffling and dropout.
        folder: for checkpoints and ``training_log.jsonl``.
        title: shown on the bar.
        console: where progress goes.

    Raises:
        RecipeError: if an example does not fit into a row.
    """
    longest = max(map(len, examples))
    if longest > training.batch_pieces:
        raise RecipeError(
            f"the longest prompt with its answer has {longest} pieces",
            where=f"training.batch_pieces={training.batch_pieces}",
            mend=f"Set training.batch_pieces to {longest} or more, or generator.window to less.",
        )
    loop = Loop(training, folder, validated=bool(validation), title=title, console=console)
    model.to(processes.device())
    precision = processes.agree(choose_precision(training.precision, model, _sample(examples, training.batch_pieces)))
    arguments = SFTConfig(
        **loop.arguments(precision, seed),
        max_length=training.batch_pieces,
        packing=True,
        packing_strategy="bfd",
        per_device_train_batch_size=1,
        gradient_checkpointing=training.gradient_checkpointing,
        optim="adamw_torch_fused",
    )
    rows = [to_row(example) for example in examples]
    trainer = _GeneratorTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        # The trainer wants to see an evaluation set; ours is scored as documents, in `evaluate` below.
        eval_dataset=Dataset.from_list(rows[:1]) if validation else None,
        processing_class=AutoTokenizer.from_pretrained(base.folder),
        callbacks=loop.callbacks,
        validation=validation,
        vocabulary=vocabulary,
        settings=settings,
    )
    with packed(model):
        loop.run(trainer)
    return loop.outcome(trainer, model, precision)


class _GeneratorTrainer(SFTTrainer):
    """The stock loop with our measure of progress, and logits of answers alone."""

    def __init__(
        self,
        *,
        validation: Sequence[Sequence[Document]],
        vocabulary: Vocabulary,
        settings: GeneratorSettings,
        **trainer: Any,
    ) -> None:
        super().__init__(**trainer)
        self._validation = validation
        self._vocabulary = vocabulary
        self._settings = settings

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        loss, outputs = answer_loss(model, inputs, num_items_in_batch)
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        model: Any = self.model
        model.eval()
        extractor = GeneratorExtractor(TorchDecoder(model, self._vocabulary), self._settings)
        gold = [document for part in self._validation for document in part]
        found: list[Document] = []
        for part in self._validation:
            found += ask_for(extractor, {span.label for document in part for span in document.spans}).extract(part)
        scores = score(gold, found)
        metrics = {
            "eval_f1": scores.f1,
            "eval_precision": scores.micro.precision,
            "eval_recall": scores.micro.recall,
            "eval_predicted": scores.micro.predicted,
        }
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def to_row(example: Example) -> dict[str, list[int]]:
    """What TRL packs: an example's pieces, and which of them are learned.

    Examples:
        >>> to_row(Example((5, 6), (7, 2)))
        {'input_ids': [5, 6, 7, 2], 'labels': [-100, -100, 7, 2]}
    """
    return {
        "input_ids": [*example.prompt, *example.answer],
        "labels": [IGNORED] * len(example.prompt) + list(example.answer),
    }


def answer_loss(model: Any, row: dict[str, Any], pieces: torch.Tensor | int | None) -> tuple[torch.Tensor, Any]:
    """Cross-entropy of a row's answers, and the model's outputs; logits are made for the answers' pieces alone.

    The stock loss makes them for prompts too on a CPU, and entropies for the log.

    Args:
        model: a causal language model.
        row: what the model takes, in a batch of one row, and ``labels``.
        pieces: by how many the sum is divided; None takes the row's own.
    """
    labels = row["labels"][0, 1:]
    learned = (labels != IGNORED).nonzero().flatten()
    inputs = {name: value for name, value in row.items() if name != "labels"}
    outputs = model(**inputs, use_cache=False, logits_to_keep=learned)
    total = cross_entropy(outputs.logits[0].float(), labels[learned], reduction="sum")
    return total / (len(learned) if pieces is None else pieces), outputs


def _sample(examples: Sequence[Example], pieces: int) -> dict[str, torch.Tensor]:
    """A row of a usual length, to measure with."""
    ids = [piece for example in examples[:pieces] for piece in (*example.prompt, *example.answer)][:pieces]
    return {"input_ids": torch.tensor([ids], device=processes.device())}
