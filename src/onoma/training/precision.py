"""Which number format to train in: measured on the device at hand, not assumed."""

from __future__ import annotations

import statistics
import time
from typing import Any, Literal

Precision = Literal["fp32", "bf16", "fp16"]
_REPEATS = 3
_WORTH_IT = 0.95


def choose_precision(wanted: Literal["auto", "fp32", "bf16", "fp16"], model: Any, batch: dict[str, Any]) -> Precision:
    """The precision to train in.

    On a GPU ``auto`` means bf16 where the hardware has it, else fp16. On a CPU it times forward and backward passes of
    a real batch in fp32 and under bf16 autocast, interleaved, and takes the faster median.

    Args:
        wanted: ``"auto"`` or a choice.
        model: the classifier, on its device.
        batch: inputs of a usual size.
    """
    import torch

    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    model.train()
    times: dict[bool, list[float]] = {False: [], True: []}
    for repeat in range(_REPEATS + 1):
        for cast in (False, True):
            start = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=cast):
                loss = model(**batch).logits.float().square().mean()
            loss.backward()
            model.zero_grad(set_to_none=True)
            if repeat:  # the first pass warms up caches and thread pools
                times[cast].append(time.perf_counter() - start)
    return "bf16" if statistics.median(times[True]) < _WORTH_IT * statistics.median(times[False]) else "fp32"
