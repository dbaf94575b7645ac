"""What the libraries underneath would say on people's screens."""

from __future__ import annotations

import logging
import os
import sys
import warnings


def silence() -> None:
    """Keep warnings and progress bars that tell a user nothing off the screen, in this process and what it starts."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "0" if sys.stderr.isatty() else "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"(torch|peft|transformers|accelerate)\b")
    logging.getLogger("torch").setLevel(logging.ERROR)
    # On CPUs it warns of a faster product that it would fetch from a hub.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
