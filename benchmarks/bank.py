"""Throughput of batches that mix adapters: the bank, one merged adapter, and PEFT's ``adapter_names``.

Writes its part of results.md:

python benchmarks/bank.py runs/assamese ../shared/data/stackoverflow --adapters 64
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import PeftModel
from results import table, write_section

from onoma.alignment import WordEncoder
from onoma.corpus import load_corpus
from onoma.extractors.batching import budget_batches
from onoma.extractors.tagger import TaggerSettings, encode_windows, pad
from onoma.models.adapters import new_classifier
from onoma.models.bank import AdapterBank
from onoma.models.bases import resolve_base
from onoma.models.merging import load_merged
from onoma.models.runs import CARD_NAME, RunCard
from onoma.models.torch_logits import TorchLogits

BUDGET = 2048


def main() -> None:
    """Measure all three in turns and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("corpus")
    parser.add_argument("--adapters", type=int, default=64)
    parser.add_argument("--sentences", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    card = RunCard.read(wanted.run)
    base = resolve_base(card.base, revision=card.base_revision)
    settings = TaggerSettings.of(card, base.max_pieces)
    encoder = WordEncoder.from_folder(base.folder, card.rewrite, mark_casing=card.mark_casing)
    documents = list(itertools.islice(load_corpus(wanted.corpus)["test"], wanted.sentences))
    rows = [window.ids for document in documents for window in encode_windows(document, encoder, settings)]
    draw = np.random.default_rng(1)
    batches = []
    for batch in budget_batches([len(row) for row in rows], BUDGET):
        ids, mask = pad([rows[index] for index in batch], encoder.pad)
        batches.append((ids, mask, [f"a{number}" for number in draw.integers(0, wanted.adapters, len(batch))]))

    bank = AdapterBank(base)
    begun = time.perf_counter()
    for number in range(wanted.adapters):
        bank.add(f"a{number}", wanted.run)
    loading = (time.perf_counter() - begun) / wanted.adapters
    tags = settings.tags.tags
    merged = TorchLogits(load_merged(wanted.run, card, base, tags))
    peft: Any = PeftModel.from_pretrained(new_classifier(base, tags), wanted.run, adapter_name="a0")
    for number in range(1, wanted.adapters):
        peft.load_adapter(wanted.run, adapter_name=f"a{number}")
    peft.eval()

    def by_peft(ids: Any, mask: Any, names: list[str]) -> Any:
        with torch.inference_mode():
            return peft(
                input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask), adapter_names=names
            ).logits.numpy()

    systems: dict[str, Callable[[Any, Any, list[str]], Any]] = {
        "one merged adapter": lambda ids, mask, _: merged(ids, mask),
        f"bank of {wanted.adapters}, rows mixed": bank.logits,
        f"PEFT with {wanted.adapters}, adapter_names": by_peft,
    }
    ids, mask, names = batches[0]
    gap = float(np.abs(np.stack(bank.logits(ids, mask, names)) - merged(ids, mask)).max())
    times: dict[str, list[float]] = {name: [] for name in systems}
    for number in range(wanted.rounds + 1):
        for name, run in systems.items():
            begun = time.perf_counter()
            for batch in batches:
                run(*batch)
            if number:  # the first round warms up
                times[name].append(time.perf_counter() - begun)
    reference = statistics.median(times["one merged adapter"])
    size = sum(path.stat().st_size for path in wanted.run.glob("adapter*")) / 1e6
    lines = [
        (
            name,
            f"{len(documents) / statistics.median(found):.1f}",
            f"{len(documents) / max(found):.1f} – {len(documents) / min(found):.1f}",
            f"{reference / statistics.median(found):.2f}",
        )
        for name, found in times.items()
    ]
    write_section(
        f"Batches that mix adapters, {Path(wanted.corpus).name}",
        f"python benchmarks/bank.py RUN {Path(wanted.corpus).name} --adapters {wanted.adapters}",
        [
            f"{card.base}, {card.method}, torch {torch.__version__}, {torch.get_num_threads()} threads, "
            f"{len(documents)} sentences in {len(batches)} batches, the same for all; medians of {wanted.rounds} "
            "rounds in turns.",
            "",
            *table(("system", "sentences/s", "lowest – highest", "share of one merged adapter"), lines),
            "",
            f"Logits of the bank and of the merged adapter differ by {gap:.1e} at most. An adapter of {size:.1f} MB is "
            f"put into the bank in {loading * 1000:.0f} ms ({CARD_NAME} and checksums included).",
        ],
    )


if __name__ == "__main__":
    main()
