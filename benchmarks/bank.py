"""Throughput of batches that mix adapters: the bank, one merged adapter, and PEFT's ``adapter_names``; writes bank.md.

python benchmarks/bank.py runs/assamese --adapters 64
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel

from onoma.models.adapters import load_merged, new_classifier
from onoma.models.bank import AdapterBank
from onoma.models.bases import resolve_base
from onoma.models.runs import CARD_NAME, RunCard
from onoma.models.torch_logits import TorchLogits


def main() -> None:
    """Measure all three in turns and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--adapters", type=int, default=64)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--pieces", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=9)
    wanted = parser.parse_args()
    card = RunCard.read(wanted.run)
    base = resolve_base(card.base, revision=card.base_revision)
    tags = ["O", *(f"{prefix}-{label}" for label in card.labels for prefix in "BI")]
    draw = np.random.default_rng(1)
    ids = draw.integers(10, 5000, (wanted.rows, wanted.pieces))
    mask = np.ones_like(ids)
    names = [f"a{number % wanted.adapters}" for number in draw.permutation(wanted.rows)]

    bank = AdapterBank(base)
    begun = time.perf_counter()
    for number in range(wanted.adapters):
        bank.add(f"a{number}", wanted.run)
    loading = (time.perf_counter() - begun) / wanted.adapters
    merged = TorchLogits(load_merged(wanted.run, card, base, tags))
    peft: Any = PeftModel.from_pretrained(new_classifier(base, tags), wanted.run, adapter_name="a0")
    for number in range(1, wanted.adapters):
        peft.load_adapter(wanted.run, adapter_name=f"a{number}")
    peft.eval()

    def by_peft() -> np.ndarray[Any, Any]:
        with torch.inference_mode():
            return np.asarray(
                peft(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask), adapter_names=names).logits
            )

    systems: dict[str, Callable[[], Any]] = {
        "one merged adapter": lambda: merged(ids, mask),
        f"bank of {wanted.adapters}, rows mixed": lambda: bank.logits(ids, mask, names),
        f"PEFT with {wanted.adapters}, adapter_names": by_peft,
    }
    expected = merged(ids, mask)
    gap = max(float(np.abs(np.stack(bank.logits(ids, mask, names)) - expected).max()), 0.0)
    times: dict[str, list[float]] = {name: [] for name in systems}
    for number in range(wanted.rounds + 1):
        for name, run in systems.items():
            begun = time.perf_counter()
            run()
            if number:  # the first round warms up
                times[name].append(time.perf_counter() - begun)
    reference = statistics.median(times["one merged adapter"])
    size = sum(path.stat().st_size for path in wanted.run.glob("adapter*")) / 1e6
    lines = [
        "# Batches that mix adapters, measured",
        "",
        f"`python benchmarks/bank.py RUN --adapters {wanted.adapters} --rows {wanted.rows} --pieces {wanted.pieces}` "
        f"on {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}, Python "
        f"{platform.python_version()}; {card.base}, {card.method}; medians of {wanted.rounds} rounds in turns.",
        "",
        "| system | seconds a batch | lowest – highest | throughput, share of one merged adapter |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {statistics.median(found):.3f} | {min(found):.3f} – {max(found):.3f} "
            f"| {reference / statistics.median(found):.2f} |"
            for name, found in times.items()
        ),
        "",
        f"Logits of the bank and of the merged adapter differ by {gap:.1e} at most. An adapter of {size:.1f} MB is put "
        f"into the bank in {loading * 1000:.0f} ms ({CARD_NAME} and checksums included).",
    ]
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
