"""Trains a tagger through transformers' ``Trainer``: token-budget batches, selection by strict entity F1, resume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainingArguments

from onoma.alignment import WordEncoder
from onoma.document import Document
from onoma.evaluation.evaluate import evaluate
from onoma.extractors.tagger import TaggerExtractor, TaggerSettings, pad
from onoma.models.adapters import average_weights, blend_weights, trained_weights
from onoma.models.torch_logits import TorchLogits
from onoma.training import processes
from onoma.training.checkpoints import list_checkpoints
from onoma.training.dora import quicken_dora
from onoma.training.dropout import quicken_dropout
from onoma.training.features import IGNORED, EpochBatches, Features, Row
from onoma.training.learning import Outcome
from onoma.training.loop import Loop
from onoma.training.precision import choose_precision
from onoma.training.recipe import Distillation, Training


def train_tagger(
    model: Any,
    features: Features,
    groups: Sequence[Sequence[int]],
    shares: Sequence[int],
    weights: npt.NDArray[np.float64],
    validation: Sequence[Document],
    encoder: WordEncoder,
    settings: TaggerSettings,
    training: Training,
    distillation: Distillation | None = None,
    *,
    blend: float = 1.0,
    seed: int,
    folder: Path,
    title: str,
    console: Console,
) -> Outcome:
    """Train a classifier in place; with checkpoints in ``folder`` it goes on from the last.

    Args:
        model: from :func:`onoma.models.adapters.attach`.
        features: training rows.
        groups: rows of each corpus.
        shares: rows of each corpus an epoch.
        weights: how often to draw each row, in proportion.
        validation: gold documents that select the weights; none keeps the last.
        encoder: of the base.
        settings: label set and windows.
        training: the stage's settings.
        distillation: how the teachers' answers in ``features`` count.
        blend: share of the trained weights in the result; the rest are the weights that the model has now (WiSE-FT,
            https://arxiv.org/abs/2109.01903).
        seed: of the shuffling and dropout.
        folder: for checkpoints and ``training_log.jsonl``.
        title: shown on the bar.
        console: where progress goes.
    """
    loop = Loop(training, folder, validated=bool(validation), title=title, console=console)
    if training.freeze_embeddings:
        model.get_input_embeddings().requires_grad_(False)
    before = trained_weights(model)
    sample = _collate([features[index] for index in _usual_rows(features, training.batch_pieces)], encoder.pad)
    model.to(processes.device())
    quicken_dropout(model)
    quicken_dora(model)
    precision = processes.agree(choose_precision(training.precision, model, _inputs(sample)))
    arguments = TrainingArguments(
        **loop.arguments(precision, seed),
        activation_checkpointing=training.gradient_checkpointing,
        tf32=True if torch.cuda.is_available() else None,
        remove_unused_columns=False,
    )
    trainer = _TaggerTrainer(
        model=model,
        args=arguments,
        train_dataset=_Rows(features),
        data_collator=lambda rows: _collate(rows * 2 if training.consistency else rows, encoder.pad),
        # Ours is called in `compute_loss` below; that there is one has the Trainer count a step's labelled pieces.
        compute_loss_func=(loss := _Loss(training, settings, distillation)),
        loss=loss,
        callbacks=loop.callbacks,
        features=features,
        groups=groups,
        shares=shares,
        weights=weights,
        validation=validation,
        encoder=encoder,
        settings=settings,
        training=training,
    )
    loop.run(trainer)
    if training.select == "average":
        average_weights(model, list_checkpoints(folder))
    if blend < 1:
        blend_weights(model, before, blend)
    if validation and (training.select == "average" or blend < 1):
        trainer.evaluate()
    return loop.outcome(trainer, model, precision)


class _Rows(Dataset[Any]):
    """Features as a torch dataset."""

    def __init__(self, features: Features) -> None:
        self._features = features

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, index: int) -> Any:
        return self._features[index]


class _Loader(DataLoader[Any]):
    """Tells its batch sampler the epoch, which torch's own does not."""

    def set_epoch(self, epoch: int) -> None:
        self.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]


class _TaggerTrainer(Trainer):
    """The stock loop with our batches, our optimiser groups and our measure of progress."""

    def __init__(
        self,
        *,
        features: Features,
        groups: Sequence[Sequence[int]],
        shares: Sequence[int],
        weights: npt.NDArray[np.float64],
        validation: Sequence[Document],
        encoder: WordEncoder,
        settings: TaggerSettings,
        training: Training,
        loss: _Loss,
        **trainer: Any,
    ) -> None:
        # The Trainer wants to see an evaluation set; ours is scored as documents, in `evaluate` below.
        super().__init__(eval_dataset=trainer["train_dataset"] if validation else None, **trainer)
        self._features = features
        self._groups = groups
        self._shares = shares
        self._weights = weights
        self._validation = validation
        self._encoder = encoder
        self._settings = settings
        self._training = training
        self._loss = loss

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        targets = inputs["labels"]
        outputs = model(**_inputs(inputs))
        loss = self._loss(outputs["logits"].float(), targets, inputs["weights"], inputs.get("soft"))
        if num_items_in_batch is None:
            loss = loss / (targets != IGNORED).sum()
        else:
            # The count is over all processes, and the gradients are their mean.
            loss = loss / num_items_in_batch * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def get_train_dataloader(self) -> DataLoader[Any]:
        sampler = EpochBatches(
            self._features.lengths,
            [np.asarray(group) for group in self._groups],
            self._shares,
            self._weights,
            budget=self._training.batch_pieces,
            seed=self.args.seed,
            rank=self.args.process_index,
            world=self.args.world_size,
        )
        return _Loader(_Rows(self._features), batch_sampler=sampler, collate_fn=self.data_collator)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        if self.optimizer is None:
            module: Any = self.model if model is None else model
            groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
            for name, parameter in module.named_parameters():
                if parameter.requires_grad:
                    groups.setdefault((self._rate(name), parameter.ndim > 1), []).append(parameter)
            self.optimizer = torch.optim.AdamW(
                [
                    # Biases and layer norms are not decayed, as usual.
                    {"params": parameters, "lr": rate, "weight_decay": self._training.weight_decay if matrix else 0.0}
                    for (rate, matrix), parameters in groups.items()
                ],
                # One pass over the numbers of a parameter instead of ten.
                fused=True,
            )
        return self.optimizer

    def _rate(self, name: str) -> float:
        """Learning rate of a parameter; B matrices may learn faster (LoRA+, https://arxiv.org/abs/2402.12354)."""
        rate = self._training.learning_rate
        if "classifier" in name or "score" in name:
            return self._training.head_learning_rate or rate
        return rate * self._training.lora_plus if "lora_B" in name else rate

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        model: Any = self.model
        model.eval()
        cast = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.args.mixed_precision or "")
        extractor = TaggerExtractor(TorchLogits(model, cast), self._encoder, self._settings)
        found = evaluate(extractor, self._validation).all
        metrics = {
            "eval_f1": found.f1,
            "eval_precision": found.micro.precision,
            "eval_recall": found.micro.recall,
            "eval_predicted": found.micro.predicted,
        }
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class _Loss:
    """Cross-entropy over labelled pieces, with label smoothing and the weights of classes and pieces.

    With a distillation, a share of it is the divergence from the teachers' probabilities at its temperature.
    With ``consistency`` each batch holds its rows twice, and the two answers, under different dropout, are drawn
    together (R-Drop, https://arxiv.org/abs/2106.14448).
    """

    def __init__(self, training: Training, settings: TaggerSettings, distillation: Distillation | None) -> None:
        weights = training.class_weights
        tags = settings.tags.tags
        self._weights = (
            torch.tensor([weights.get(tag.partition("-")[2] or tag, 1.0) for tag in tags]) if weights else None
        )
        self._smoothing = training.label_smoothing
        self._consistency = training.consistency
        self._distillation = distillation

    def __call__(
        self, logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, soft: torch.Tensor | None
    ) -> torch.Tensor:
        """Sum over the labelled pieces of a batch."""
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1),
            targets.flatten(),
            weight=self._weights.to(logits.device) if self._weights is not None else None,
            ignore_index=IGNORED,
            label_smoothing=self._smoothing,
            reduction="none",
        )
        loss = losses @ weights.flatten()
        if self._distillation is not None and soft is not None:
            heat, share = self._distillation.temperature, self._distillation.weight
            labelled = targets != IGNORED
            teachers = (soft[labelled] / heat).log_softmax(-1)
            student = (logits[labelled] / heat).log_softmax(-1)
            # Gradients of softened targets shrink by the square of the temperature.
            loss = (1 - share) * loss + share * heat**2 * (teachers.exp() * (teachers - student)).sum()
        if self._consistency:
            loss = loss + self._consistency * _divergence(logits, targets != IGNORED)
        return loss


def _divergence(logits: torch.Tensor, labelled: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence, both ways, between the first and the second half of a batch; a sum over pieces."""
    first, second = (half[mask].log_softmax(-1) for half, mask in zip(logits.chunk(2), labelled.chunk(2), strict=True))
    return ((first.exp() - second.exp()) * (first - second)).sum()


def _collate(rows: Sequence[Row], padding: int) -> dict[str, torch.Tensor]:
    ids, mask = pad([row.ids for row in rows], padding)
    targets, _ = pad([row.targets for row in rows], IGNORED)
    weights = np.zeros(ids.shape, np.float32)
    for number, row in enumerate(rows):
        weights[number, : len(row.weights)] = row.weights
    batch = {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(mask),
        "labels": torch.from_numpy(targets),
        "weights": torch.from_numpy(weights),
    }
    if rows[0].soft is not None:
        soft = np.zeros((*ids.shape, rows[0].soft.shape[1]), np.float32)
        for number, row in enumerate(rows):
            soft[number, : len(row.ids)] = row.soft
        batch["soft"] = torch.from_numpy(soft)
    return batch


def _inputs(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The part of a batch that the model sees."""
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


def _usual_rows(features: Features, budget: int) -> list[int]:
    """Rows of about the middle length that fill a batch, to measure with."""
    order = sorted(range(len(features)), key=lambda index: features.lengths[index])
    middle = len(order) // 2
    count = max(1, budget // max(1, int(features.lengths[order[middle]])))
    return order[max(0, middle - count // 2) :][:count]
