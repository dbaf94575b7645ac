"""What is seen and kept while training goes on."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from onoma.training import processes
from onoma.training.checkpoints import last_checkpoint

_PLAIN_SECONDS = 10.0
_UNSAVED_SECONDS = 60.0


class ProgressBar(TrainerCallback):
    """A bar with rate, loss, best F1 and remaining time; on a pipe, a line every ten seconds.

    Args:
        title: what is being trained.
        console: where to.
    """

    def __init__(self, title: str, console: Console) -> None:
        self._title = title
        self._console = console
        self._loss = ""
        self._f1 = ""
        self._printed = self._started = 0.0
        self._first_step = 0
        self._task: TaskID | None = None
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the bar, at the step a resumed training stands at."""
        self._started = self._printed = time.monotonic()
        self._first_step = state.global_step
        if self._console.is_terminal:
            self._progress.start()
            self._task = self._progress.add_task(
                self._title, total=state.max_steps, completed=state.global_step, note=""
            )

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move the bar."""
        now = time.monotonic()
        rate = (state.global_step - self._first_step) / max(now - self._started, 1e-9)
        note = f"{rate:.1f} steps/s{self._loss}{self._f1}"
        if self._task is not None:
            self._progress.update(self._task, completed=state.global_step, note=note)
        elif now - self._printed >= _PLAIN_SECONDS:
            self._printed = now
            left = (state.max_steps - state.global_step) / rate
            self._console.print(
                f"  {self._title}: step {state.global_step}/{state.max_steps}, {note}, {left:.0f} s left",
                highlight=False,
            )

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        """Remember what to show."""
        if logs and "loss" in logs:
            self._loss = f", loss {logs['loss']:.3f}"
        if logs and "eval_f1" in logs:
            self._f1 = f", F1 {logs['eval_f1']:.3f}"

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Take the bar away."""
        self.close()

    def close(self) -> None:
        """Take the bar away; also after an interrupt."""
        if self._task is not None:
            self._progress.stop()


class LogFile(TrainerCallback):
    """Appends every logged value to a JSON Lines file as it comes.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        """Write a line."""
        if not state.is_world_process_zero:
            return
        with self._path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({"step": state.global_step, **(logs or {})}) + "\n")


class FewerSaves(TrainerCallback):
    """Leaves out checkpoints that nobody will read; a training that is killed loses a minute or an epoch at most.

    A short epoch on few sentences may take less time than to write a whole model down.

    Args:
        last: epochs at the end whose checkpoints are needed.
    """

    def __init__(self, last: int) -> None:
        self._last = last
        self._saved = time.monotonic()

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Take the order to save back."""
        due = processes.agree(time.monotonic() - self._saved > _UNSAVED_SECONDS)
        if state.num_train_epochs - (state.epoch or 0) >= self._last and not due:
            control.should_save = False

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Remember when it was."""
        self._saved = time.monotonic()


def seconds_before(folder: Path) -> float:
    """Wall time of the parts of a resumed training, up to its last checkpoint."""
    last = last_checkpoint(folder)
    if last is None:
        return 0.0
    with contextlib.suppress(OSError):
        born = min(path.stat().st_mtime for path in folder.iterdir())
        return max(0.0, (last / "trainer_state.json").stat().st_mtime - born)
    return 0.0


def printer() -> type:
    """The Trainer's own callback that prints every log as a dict; training has better ways to show progress."""
    from transformers.trainer_callback import PrinterCallback

    return PrinterCallback
