"""What a run was made with."""

from __future__ import annotations

import contextlib
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

_RECORDED = ("onoma", "torch", "transformers", "peft", "accelerate", "tokenizers", "numpy")


def environment() -> dict[str, Any]:
    """Versions of Python and of the packages that decide a result, and the machine."""
    import torch

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(0) if torch.cuda.is_available() else _processor(),
        "threads": torch.get_num_threads(),
        "packages": {name: metadata.version(name) for name in _RECORDED},
    }


def _processor() -> str:
    """Name of the processor, where Linux tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return f"{platform.machine()}, {os.cpu_count()} cores"
