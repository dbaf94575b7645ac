"""Several processes that train one run, as ``accelerate launch`` starts them: the first writes, the others wait."""

from __future__ import annotations

from typing import Any


def is_first() -> bool:
    """True in the process that writes files and talks; always, where there is only one."""
    return bool(_state().is_main_process)


def wait() -> None:
    """Wait until all processes have come here."""
    _state().wait_for_everyone()


def device() -> Any:
    """The device of this process."""
    return _state().device


def agree(value: Any) -> Any:
    """The first process's value, in all of them."""
    from accelerate.utils import broadcast_object_list

    values = [value]
    broadcast_object_list(values)
    return values[0]


def _state() -> Any:
    import torch
    from accelerate import PartialState

    # Made anew each time, since the Trainer throws the shared state away; the process group itself stays.
    return PartialState(cpu=not torch.cuda.is_available())
