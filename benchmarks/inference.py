"""What a user would otherwise run: ``transformers``' pipeline on the same weights, against ours in torch and ONNX.

Writes its part of results.md; the run is exported in fp32 and int8 first:

python benchmarks/inference.py runs/it ../shared/data/stackoverflow --labels recipes/it-domain/labels.yaml
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from results import table, write_section
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

import onoma
from onoma.corpus import load_corpus
from onoma.corpus.relabel import read_label_map, relabel
from onoma.deployment.benchmark import Speed, time_systems
from onoma.deployment.export import export
from onoma.deployment.limits import gemm_peak, work_per_piece
from onoma.document import Document
from onoma.evaluation.metrics import score
from onoma.extractors.tagger import TaggerExtractor
from onoma.models.bases import Base, resolve_base
from onoma.models.merging import load_merged
from onoma.models.runs import RunCard

BATCHES = (1, 4, 8, 16, 32, 64)
LATENCY_PIECES = 128


def main() -> None:
    """Export, check, measure in turns, write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("corpus")
    parser.add_argument("--labels", type=Path, help="label map of the corpus")
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    gold = load_corpus(wanted.corpus)
    if wanted.labels:
        gold = relabel(gold, read_label_map(wanted.labels)).corpus
    documents = list(itertools.islice(gold["test"], wanted.limit))
    long = long_documents(documents)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for precision in ("fp32", "int8"):
            export(wanted.run, folder / precision, list(gold["validation"])[:1000], precision=precision)
        peer = Pipeline(wanted.run, folder / "hf")
        peer.choose_batch(documents[:200])
        ours: dict[str, TaggerExtractor] = {
            "onoma, torch fp32": onoma.load(wanted.run),  # type: ignore[dict-item]
            "onoma, ONNX fp32": onoma.load(folder / "fp32"),  # type: ignore[dict-item]
            "onoma, ONNX int8": onoma.load(folder / "int8"),  # type: ignore[dict-item]
        }
        name = f"transformers pipeline, batches of {peer.batch}"
        extract: dict[str, Callable[[Any], Any]] = {key: extractor.extract for key, extractor in ours.items()}
        speeds = time_systems({name: peer, **extract}, documents, rounds=wanted.rounds, say=print)
        long_speeds = time_systems({name: peer.long, **extract}, long, rounds=max(1, wanted.rounds // 2))
        same = peer.same_tags(ours["onoma, ONNX fp32"], documents)
        latency = latencies({name: peer.one, **extract}, text_of_pieces(ours["onoma, torch fp32"], documents))
        lines = [
            f"{RunCard.read(wanted.run).base}, {len(documents)} sentences, torch {torch.__version__}; medians of "
            f"{wanted.rounds} rounds in turns. Long documents are the same sentences, {len(long)} texts of "
            f"{sum(len(text.words()) for text in long) // len(long)} words on average; the pipeline reads them with a "
            "stride.",
            "",
            *rows(name, speeds, long_speeds, ours, documents, latency),
            "",
            f"{same:.2%} of the words get the same tag from the pipeline and from ONNX fp32, before paths are made "
            "legal. Limit: real pieces × the weights' operations ÷ time ÷ the fastest matrix product measured in that "
            "precision.",
        ]
    write_section(
        f"Inference, {Path(wanted.corpus).name}",
        f"python benchmarks/inference.py RUN {Path(wanted.corpus).name} --limit {wanted.limit} "
        f"--rounds {wanted.rounds}",
        lines,
    )


def rows(
    peer: str,
    speeds: dict[str, Speed],
    long_speeds: dict[str, Speed],
    ours: dict[str, TaggerExtractor],
    documents: Sequence[Document],
    latency: dict[str, float],
) -> list[str]:
    """The table."""
    found = []
    peaks = {"onoma, torch fp32": gemm_peak("fp32"), "onoma, ONNX int8": gemm_peak("int8")}
    peaks["onoma, ONNX fp32"] = peaks["onoma, torch fp32"]
    for name, speed in speeds.items():
        f1 = share = "–"
        if name in ours:
            extractor = ours[name]
            f1 = f"{score(documents, extractor.extract(documents)).f1:.4f}"
            pieces = sum(len(window.ids) for document in documents for window in extractor.read(document).windows)
            work = pieces * work_per_piece(extractor) / statistics.median(speed.seconds)
            share = f"{work / peaks[name]:.0%}"
        low, high = speed.spread
        found.append(
            (
                name,
                f"{speed.sentences:.1f}",
                f"{low:.1f} – {high:.1f}",
                f"{speed.sentences / speeds[peer].sentences:.2f} ×",
                f"{long_speeds[name].words / long_speeds[peer].words:.2f} ×",
                f"{1000 * latency[name]:.1f}",
                share,
                f1,
            )
        )
    columns = (
        "system",
        "sentences/s",
        "range",
        "ratio",
        "long texts",
        "ms for 128 pieces",
        "of the limit",
        "strict F1",
    )
    return table(columns, found)


def long_documents(documents: Sequence[Document]) -> list[Document]:
    """A hundred sentences a text."""
    return [
        Document("\n".join(document.text for document in documents[start : start + 100]))
        for start in range(0, len(documents), 100)
    ]


def text_of_pieces(extractor: TaggerExtractor, documents: Sequence[Document]) -> str:
    """Words of the documents that come to as many pieces as latency is measured on."""
    words = [word for document in documents for word in document.word_texts()]
    size = 1
    while sum(len(window.ids) for window in extractor.read(Document(" ".join(words[:size]))).windows) < LATENCY_PIECES:
        size += 1
    return " ".join(words[:size])


def latencies(systems: dict[str, Callable[[str], Any]], text: str) -> dict[str, float]:
    """Median seconds for one text, in turns."""
    times: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(5):
        for name, one in systems.items():
            # In blocks: threads of one runtime that still spin would slow the other's first calls down.
            for number in range(15):
                begun = time.perf_counter()
                one(text)
                if number >= 5:
                    times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(found) for name, found in times.items()}


class Pipeline:
    """The peer: the run merged into an ordinary checkpoint, in the pipeline that the documentation shows."""

    def __init__(self, run: Path, folder: Path) -> None:
        card = RunCard.read(run)
        base = Base(str(run), run) if card.method == "full" else resolve_base(card.base)
        self.tags = ["O", *(f"{prefix}-{label}" for label in card.labels for prefix in "BI")]
        load_merged(run, card, base, self.tags).save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(base.folder)
        model = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32)
        self.batch = 1
        self._words = pipeline("token-classification", model=model, tokenizer=tokenizer, device="cpu")
        self._merged = pipeline(
            "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="first", device="cpu"
        )
        self._long = pipeline(
            "token-classification",
            model=model,
            tokenizer=AutoTokenizer.from_pretrained(base.folder, model_max_length=min(512, base.max_pieces)),
            aggregation_strategy="first",
            stride=64,
            device="cpu",
        )

    def __call__(self, documents: Sequence[Document]) -> Any:
        """Entities of each text."""
        return self._merged([document.text for document in documents], batch_size=self.batch)

    def one(self, text: str) -> Any:
        """Entities of one text by itself."""
        return self._merged(text)

    def long(self, documents: Sequence[Document]) -> Any:
        """Texts longer than the model reads."""
        return self._long([document.text for document in documents], batch_size=self.batch)

    def choose_batch(self, documents: Sequence[Document]) -> None:
        """Keep the batch size that is fastest."""
        seconds = {}
        for size in BATCHES:
            self.batch = size
            self(documents[:16])
            begun = time.perf_counter()
            self(documents)
            seconds[size] = time.perf_counter() - begun
        self.batch = min(seconds, key=lambda size: seconds[size])
        print({size: round(second, 2) for size, second in seconds.items()})

    def same_tags(self, other: TaggerExtractor, documents: Sequence[Document]) -> float:
        """Share of words whose best tag is the same, where both are given the same words."""
        same = total = 0
        for document, scores in zip(documents, other.score_words(documents), strict=True):
            words = document.word_texts()
            (found,) = self._words([words], is_split_into_words=True, delimiter=" ", ignore_labels=[])
            firsts = {item["start"]: item["entity"] for item in reversed(found)}
            place = 0
            for word, row in zip(words, scores, strict=True):
                if place in firsts:
                    total += 1
                    same += self.tags[int(row.argmax())] == firsts[place]
                place += len(word) + 1
        return same / total


if __name__ == "__main__":
    main()
