"""Checkpoints that the Trainer leaves in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from onoma.errors import OnomaError
from onoma.files import read_json
from onoma.training import processes


def list_checkpoints(folder: Path) -> list[Path]:
    """Folders of checkpoints, the oldest first, whole or not."""
    return sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))


def last_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint that is whole; what a kill or a full disk cut short is removed, so that training can go on.

    The Trainer writes ``trainer_state.json`` after everything else.
    """
    for path in reversed(list_checkpoints(folder)):
        try:
            read_json(path / "trainer_state.json")
        except OnomaError:
            if processes.is_first():
                shutil.rmtree(path)
        else:
            return path
    return None
