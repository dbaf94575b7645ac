"""Adapter training against the stock recipe: transformers' Trainer and PEFT on padded batches of 16, as in ``run_ner``.

Writes its part of results.md:

python benchmarks/training.py ../shared/data/wikiann_hi --sentences 3000 --epochs 3
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peft import LoraConfig, TaskType, get_peft_model
from results import table, write_section
from rich.console import Console
from torch.utils.data import Dataset
from transformers import (
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)

import onoma
from onoma.alignment import WordEncoder
from onoma.corpus import load_corpus
from onoma.corpus.formats import jsonl
from onoma.document import Document
from onoma.evaluation.evaluate import evaluate
from onoma.extractors.decoding import TagSet
from onoma.extractors.tagger import TaggerExtractor, TaggerSettings
from onoma.models.adapters import new_classifier
from onoma.models.bases import resolve_base
from onoma.models.torch_logits import TorchLogits
from onoma.tagging import spans_to_words, write_tags
from onoma.training.recipe import parse_recipe
from onoma.training.stages import train

RATE = 1e-3
BATCH_PIECES = 128


def main() -> None:
    """Train both in turns, score both, write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus")
    parser.add_argument("--base", default="bundled:multilingual-e5-small")
    parser.add_argument("--sentences", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    wanted = parser.parse_args()
    corpus = load_corpus(wanted.corpus)
    gold = list(corpus["validation"])
    documents = [document for document in corpus["train"] if document.words()]
    documents = random.Random(13).sample(documents, min(wanted.sentences, len(documents)))
    figures: dict[str, list[tuple[float, float]]] = {"stock": [], "onoma": []}
    for seed in wanted.seeds:
        with tempfile.TemporaryDirectory() as scratch:
            figures["onoma"].append(ours(wanted, corpus.labels, documents, gold, seed, Path(scratch)))
            figures["stock"].append(stock(wanted, corpus.labels, documents, gold, seed, Path(scratch)))
        print(figures)
    base = resolve_base(wanted.base)
    encoder = WordEncoder.from_folder(base.folder)
    pieces = sum(len(piece) for document in documents for piece in encoder.encode(document.word_texts()))
    slow = statistics.median(seconds for seconds, _ in figures["stock"])
    rows = [
        (
            name,
            f"{statistics.median(seconds for seconds, _ in found):.0f}",
            f"{pieces * wanted.epochs / statistics.median(seconds for seconds, _ in found):,.0f}",
            f"{slow / statistics.median(seconds for seconds, _ in found):.2f} ×",
            ", ".join(f"{f1:.3f}" for _, f1 in found),
        )
        for name, found in figures.items()
    ]
    write_section(
        f"Training, {Path(wanted.corpus).name}",
        f"python benchmarks/training.py {Path(wanted.corpus).name} --sentences {wanted.sentences} "
        f"--epochs {wanted.epochs}",
        [
            f"LoRA of rank 16 on all linear layers of {wanted.base}, learning rate {RATE:g}, the same sentences; "
            "stock: transformers' Trainer, PEFT and a collator that pads batches of 16 to their longest row; onoma: "
            f"batches of {BATCH_PIECES} pieces. Seeds in turns, medians of the seconds; pieces are those of the "
            "text, without padding.",
            "",
            *table(("system", "seconds", "pieces/s", "ratio", "validation F1 by seed"), rows),
        ],
    )


def ours(
    wanted: Any, labels: Sequence[str], documents: list[Document], gold: list[Document], seed: int, folder: Path
) -> tuple[float, float]:
    """Seconds and F1 of a recipe."""
    data = folder / "sentences"
    data.mkdir()
    jsonl.write(documents, data / "train.jsonl")
    recipe = parse_recipe(
        {
            "name": "ours",
            "base": wanted.base,
            "seed": seed,
            "labels": list(labels),
            "data": {"corpora": {"c": {"source": str(data)}}},
            "training": {
                "learning_rate": RATE,
                "epochs": wanted.epochs,
                "select": "last",
                "batch_pieces": BATCH_PIECES,
            },
            "stages": [{"name": "one", "train": ["c"]}],
        }
    )
    run = train(recipe, runs=folder, console=Console(quiet=True))
    return run.metrics["stages"][0]["seconds"], evaluate(onoma.load(run.folder), gold).all.f1


class Rows(Dataset[Any]):
    """Rows as run_ner makes them."""

    def __init__(self, documents: Sequence[Document], tokenizer: Any, tags: TagSet) -> None:
        numbers = {tag: number for number, tag in enumerate(tags.tags)}
        self.rows = []
        for document in documents:
            words = document.word_texts()
            encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=512)
            names = write_tags(spans_to_words(document).spans, len(words))
            targets, last = [], None
            for word in encoded.word_ids():
                targets.append(-100 if word is None or word == last else numbers[names[word]])
                last = word
            self.rows.append({"input_ids": encoded["input_ids"], "labels": targets})

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return self.rows[index]


def stock(
    wanted: Any, labels: Sequence[str], documents: list[Document], gold: list[Document], seed: int, folder: Path
) -> tuple[float, float]:
    """Seconds and F1 of the Trainer as it comes."""
    base = resolve_base(wanted.base)
    settings = TaggerSettings(tuple(labels), base.max_pieces, window=base.max_pieces)
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    rows = Rows(documents, tokenizer, settings.tags)
    set_seed(seed)
    adapter = LoraConfig(
        task_type=TaskType.TOKEN_CLS, r=16, lora_alpha=32, target_modules="all-linear", exclude_modules=["classifier"]
    )
    model: Any = get_peft_model(new_classifier(base, settings.tags.tags), adapter)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(folder / "stock"),
            num_train_epochs=wanted.epochs,
            per_device_train_batch_size=16,
            learning_rate=RATE,
            use_cpu=True,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=seed,
        ),
        train_dataset=rows,
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )
    begun = time.monotonic()
    trainer.train()
    seconds = time.monotonic() - begun
    extractor = TaggerExtractor(TorchLogits(model.eval()), WordEncoder.from_folder(base.folder), settings)
    return seconds, evaluate(extractor, gold).all.f1


if __name__ == "__main__":
    main()
