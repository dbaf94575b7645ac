import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from onoma.training import callbacks
from onoma.training.callbacks import FewerSaves


def saved(last, epochs, monkeypatch, seconds=0.0):
    """Epochs after which a checkpoint is written."""
    clock = [0.0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: clock[0])
    callback = FewerSaves(last)
    found = []
    arguments = TrainingArguments(use_cpu=True)
    for epoch in range(1, epochs + 1):
        clock[0] += seconds
        state = TrainerState(epoch=float(epoch), num_train_epochs=epochs)
        control = TrainerControl(should_save=True)
        callback.on_epoch_end(arguments, state, control)
        if control.should_save:
            found.append(epoch)
            callback.on_save(arguments, state, control)
    return found


@pytest.mark.parametrize(("last", "expected"), [(1, [6]), (3, [4, 5, 6]), (9, [1, 2, 3, 4, 5, 6])])
def test_the_last_epochs_are_kept(last, expected, monkeypatch):
    assert saved(last, 6, monkeypatch) == expected


def test_no_more_than_a_minute_goes_unsaved(monkeypatch):
    assert saved(1, 6, monkeypatch, seconds=25) == [3, 6]
