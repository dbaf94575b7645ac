"""What trainings of taggers and generators have in common: the Trainer's arguments, its run, and what came of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from transformers import EarlyStoppingCallback

from onoma.training.callbacks import FewerSaves, LogFile, ProgressBar, printer, seconds_before
from onoma.training.checkpoints import last_checkpoint
from onoma.training.learning import Outcome
from onoma.training.precision import Precision
from onoma.training.recipe import Training


class Loop:
    """A training that is about to run, or goes on.

    Args:
        training: the stage's settings.
        folder: for checkpoints and ``training_log.jsonl``.
        validated: whether there is validation data.
        title: shown on the bar.
        console: where progress goes.

    Attributes:
        selecting: True if validation selects the weights.
        callbacks: for the Trainer.
    """

    def __init__(self, training: Training, folder: Path, *, validated: bool, title: str, console: Console) -> None:
        self._training = training
        self._folder = folder
        self._validated = validated
        self._begun = time.monotonic()
        self._earlier = seconds_before(folder)
        self._bar = ProgressBar(title, console)
        self.selecting = validated and training.select == "best"
        self.callbacks = [self._bar, LogFile(folder / "training_log.jsonl")]

    def arguments(self, precision: Precision, seed: int) -> dict[str, Any]:
        """Arguments that are the same for every kind of model."""
        training, selecting = self._training, self.selecting
        return {
            "output_dir": str(self._folder),
            "num_train_epochs": training.epochs,
            "max_steps": training.max_steps or -1,
            "learning_rate": training.learning_rate,
            "lr_scheduler_type": training.schedule if training.schedule != "constant" else "constant_with_warmup",
            "warmup_steps": training.warmup,
            "weight_decay": training.weight_decay,
            "max_grad_norm": training.max_grad_norm,
            "gradient_accumulation_steps": training.accumulate,
            "bf16": precision == "bf16",
            "fp16": precision == "fp16",
            "use_cpu": not torch.cuda.is_available(),
            "eval_strategy": "epoch" if self._validated else "no",
            "save_strategy": "epoch",
            "save_total_limit": 2 if selecting else self._kept,
            "load_best_model_at_end": selecting,
            "metric_for_best_model": "f1" if selecting else None,
            "greater_is_better": True if selecting else None,
            "logging_steps": 10,
            "disable_tqdm": True,
            "report_to": [],
            "seed": seed,
            "data_seed": seed,
        }

    def run(self, trainer: Any) -> None:
        """Train, from the last checkpoint where there is one."""
        trainer.pop_callback(printer())
        if not self.selecting:
            trainer.add_callback(FewerSaves(self._kept))
        if self._training.patience and self.selecting:
            trainer.add_callback(EarlyStoppingCallback(early_stopping_patience=self._training.patience))
        try:
            trainer.train(resume_from_checkpoint=str(last) if (last := last_checkpoint(self._folder)) else None)
        finally:
            self._bar.close()

    def outcome(self, trainer: Any, model: Any, precision: Precision) -> Outcome:
        """How it went."""
        state = trainer.state
        best = state.best_global_step if self.selecting and state.best_global_step else state.global_step
        # The last of a step's entries counts: averaged and blended weights are scored after the step's own.
        scored: dict[str, Any] = next(
            (entry for entry in reversed(state.log_history) if entry.get("step") == best and "eval_f1" in entry), {}
        )
        return Outcome(
            steps=state.global_step,
            best_step=best,
            validation_f1=scored.get("eval_f1"),
            seconds=self._earlier + time.monotonic() - self._begun,
            precision=precision,
            trainable=sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
            silent=scored.get("eval_predicted") == 0,
        )

    @property
    def _kept(self) -> int:
        """Checkpoints that are needed at the end."""
        return self._training.average if self._training.select == "average" else 1
