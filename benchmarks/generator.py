"""Answers held to a grammar: what a format can say and costs, what the grammar and four bits are worth, a step's time.

Writes its parts of results.md; without RUN the first part alone:

python benchmarks/generator.py ../shared/data [RUN CORPUS [EXPORT]]
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher
from results import table, write_section
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling
from trl.trainer.utils import add_fused_lm_head

import onoma
from onoma.corpus import load_corpus
from onoma.document import Document
from onoma.extractors.codecs import CODECS
from onoma.extractors.generator import GeneratorExtractor, GeneratorSettings, ask_for
from onoma.extractors.grammar import make_grammar
from onoma.models.adapters import AdapterSettings, attach
from onoma.models.bases import resolve_base
from onoma.models.generators import new_decoder
from onoma.models.packed_attention import packed
from onoma.models.torch_decoder import TorchDecoder
from onoma.models.vocabulary import Vocabulary
from onoma.training.conversations import Example, make_conversations
from onoma.training.features import IGNORED
from onoma.training.generator import answer_loss, to_row
from onoma.training.recipe import Generator

BASE = "bundled:smollm2-135m"
LANGUAGES = ("as", "bn", "de", "en", "es", "hi", "bh", "sa")


def main() -> None:
    """Measure, and write the sections."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", type=Path)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("corpus", nargs="?")
    parser.add_argument("export", nargs="?", type=Path)
    parser.add_argument("--sentences", type=int, default=300)
    parser.add_argument("--wild", type=int, default=0, help="sentences for a model of random weights")
    parser.add_argument("--steps", type=int, default=0, help="training steps, ours and the stock one's in turns")
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    if wanted.run is None:
        measure_formats(wanted.corpora)
        if wanted.wild:
            measure_untrained(wanted.corpora, wanted.wild)
        if wanted.steps:
            measure_steps(wanted.corpora, wanted.steps)
    else:
        measure_run(wanted.run, wanted.corpus, wanted.export, wanted.sentences, wanted.rounds)


def measure_formats(folder: Path) -> None:
    """Round trips, sizes and grammars of every format on every corpus; no model is asked."""
    vocabulary = Vocabulary(resolve_base(BASE).folder)
    corpora = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name != "raw_it"]
    counted: dict[str, dict[str, float]] = {
        name: dict.fromkeys(("all", "said", "fits", "pieces", "ms"), 0.0) for name in CODECS
    }
    total = every = 0
    for path in corpora:
        corpus = load_corpus(str(path))
        labels = sorted({label for split in corpus.values() for label in split.label_counts})
        documents = [document for split in corpus.values() for document in split if document.spans]
        every += len(documents)
        for name, codec in CODECS.items():
            counted[name]["all"] += sum(map(codec.expresses, documents))
        documents = random.Random(13).sample(documents, min(len(documents), 300))
        total += len(documents)
        for document, (name, codec) in itertools.product(documents, CODECS.items()):
            answer = vocabulary.pieces(codec.render(document))
            said = codec.expresses(document)
            begun = time.perf_counter()
            matcher = LLMatcher(vocabulary.guide, make_grammar(name, document.text, document.words(), labels))
            counted[name]["ms"] += 1000 * (time.perf_counter() - begun)
            fits = matcher.try_consume_tokens(answer) == len(answer) and matcher.is_accepting()
            counted[name]["said"] += said
            counted[name]["fits"] += said and fits
            counted[name]["pieces"] += len(answer)
    rows = [
        (
            name,
            f"{own['all'] / every:.2%}",
            f"{own['fits'] / own['said']:.2%}",
            f"{own['pieces'] / total:.1f}",
            f"{own['ms'] / total:.2f} ms",
        )
        for name, own in counted.items()
    ]
    columns = ("format", "sentences whose spans come back", "of these, fit the grammar", "pieces", "grammar made in")
    write_section(
        "Formats of a generator",
        "python benchmarks/generator.py CORPORA",
        [
            f"All {every:,} labelled sentences of {len(corpora)} corpora; grammars, and the pieces of {BASE}, on "
            f"{total:,}, at most 300 of each. No model is asked.",
            "",
            *table(columns, rows),
        ],
    )


def measure_untrained(folder: Path, count: int) -> None:
    """What a model of random weights writes under a grammar."""
    texts = []
    for language in LANGUAGES:
        corpus = load_corpus(str(folder / f"wikiann_{language}"))
        own = [document for split in corpus.values() for document in split]
        texts += random.Random(13).sample(own, min(len(own), count // len(LANGUAGES)))
    decoder = random_decoder()
    rows = []
    for name, codec in CODECS.items():
        extractor = GeneratorExtractor(decoder, GeneratorSettings(codec, ("person", "location", "organisation")))
        begun = time.perf_counter()
        found = extractor.extract(texts)
        seconds = time.perf_counter() - begun
        effort = extractor.effort
        rows.append(
            (
                name,
                f"{1 - effort.findings.invalid / effort.texts:.2%}",
                f"{effort.findings.statuses['unmatched']}",
                f"{effort.cut_off}",
                f"{sum(len(document.spans) for document in found):,}",
                f"{seconds:.0f} s",
            )
        )
    write_section(
        "An untrained generator under a grammar",
        f"python benchmarks/generator.py CORPORA --wild {count}",
        [
            f"Two layers of random weights with the vocabulary of {BASE}; {len(texts):,} sentences of WikiANN in "
            f"{len(LANGUAGES)} languages.",
            "",
            *table(("format", "valid", "surfaces not in the text", "cut off", "entities written", "time"), rows),
        ],
    )


def random_decoder() -> TorchDecoder:
    """Two layers that nobody trained."""
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = resolve_base(BASE).folder
    sizes = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4}
    torch.manual_seed(13)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, **sizes, **layers))
    return TorchDecoder(model.eval(), Vocabulary(folder))


def measure_steps(folder: Path, rounds: int) -> None:
    """Forward and backward passes of a packed row: as TRL makes them by default, and as Onoma does; in turns."""
    base = resolve_base(BASE)
    vocabulary = Vocabulary(base.folder)
    sentences = list(load_corpus(str(folder / "wikineural_en"))["train"])
    examples = make_conversations(sentences, vocabulary, Generator(codec="json-list"), random.Random(13)).examples
    decoder = new_decoder(base)
    add_fused_lm_head(decoder, outputs=("entropy", "is_top1"))
    model = attach(decoder, AdapterSettings(), "CAUSAL_LM")

    def stock(row: dict[str, torch.Tensor]) -> torch.Tensor:
        return model(**row, fused_lm_head=True).loss

    def own(row: dict[str, torch.Tensor]) -> torch.Tensor:
        with packed(model):
            return answer_loss(model, row, None)[0]

    rows = []
    for pieces in (768, 2048):
        row = pack(examples, pieces)
        times: dict[Callable[..., torch.Tensor], list[float]] = {stock: [], own: []}
        losses = {}
        for turn, loss in itertools.product(range(rounds + 1), times):
            begun = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16):
                losses[loss] = loss(row)
            losses[loss].backward()
            if turn:
                times[loss].append(time.perf_counter() - begun)
        before, after = (statistics.median(seconds) for seconds in times.values())
        share = (row["labels"] != IGNORED).float().mean()
        held = len(row["cu_seq_lens_q"]) - 1
        same = f"{losses[stock]:.3f}, {losses[own]:.3f}"
        rows.append(
            (f"{row['labels'].numel():,}", f"{held}", f"{share:.0%}", f"{before:.2f} s", f"{after:.2f} s", same)
        )
    write_section(
        "A generator's training step",
        f"python benchmarks/generator.py CORPORA --steps {rounds}",
        [
            f"{BASE}, LoRA of rank 16, bfloat16 autocast; WikiNEuRal English; medians of {rounds} passes in turns.",
            "",
            *table(("pieces of a row", "examples", "of them answers", "TRL's", "ours", "losses"), rows),
        ],
    )


def pack(examples: Sequence[Example], pieces: int) -> dict[str, torch.Tensor]:
    """The first examples that fit, one after the other."""
    sizes = list(itertools.accumulate(map(len, examples)))
    held = examples[: bisect.bisect_right(sizes, pieces)]
    row: dict[str, torch.Tensor] = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)(
        [to_row(example) for example in held]
    )
    return row


def measure_run(run: Path, corpus: str, export: Path | None, sentences: int, rounds: int) -> None:
    """Grounded against free, one by one against batches, torch against four bits; in turns, on the same sentences."""
    gold = load_corpus(corpus)
    documents = [document for document in gold["test"] if document.words()][:sentences]
    labels = {label for split in gold.values() for label in split.label_counts}
    loaded: Any = ask_for(onoma.load(run), labels)
    one: Any = GeneratorExtractor(
        TorchDecoder(loaded.decoder.model, loaded.decoder.vocabulary, budget=1), loaded.settings
    )
    systems: dict[str, Any] = {
        "torch fp32, free": loaded.with_settings(grounded=False),
        "torch fp32, grounded": loaded,
        "torch fp32, free, one by one": one.with_settings(grounded=False),
        "torch fp32, grounded, one by one": one,
    }
    if export is not None:
        systems["four bits, grounded, one by one"] = ask_for(onoma.load(export), labels)
    times: dict[str, list[float]] = {name: [] for name in systems}
    for _, (name, system) in itertools.product(range(rounds), systems.items()):
        system.effort.__init__()
        begun = time.perf_counter()
        system.extract(documents)
        times[name].append(time.perf_counter() - begun)
    read = sum(len(one.decoder.vocabulary.pieces(document.text)) for document in documents)
    rows = []
    for name, system in systems.items():
        seconds, effort = statistics.median(times[name]), system.effort
        found = system.extract(documents)
        grounded = sum(effort.findings.statuses.values()) - effort.findings.statuses["unmatched"]
        rows.append(
            (
                name,
                f"{len(documents) / seconds:.1f}",
                f"{512 * seconds / read:.1f} s",
                f"{effort.pieces / seconds:.0f}",
                f"{effort.pieces / max(1, effort.steps):.2f}",
                f"{sum(len(document.spans) for document in found) / seconds:.2f}",
                f"{effort.findings.invalid / effort.texts:.2%}",
                f"{1 - grounded / max(1, sum(effort.findings.statuses.values())):.2%}",
                f"{f1(documents, found):.4f}",
            )
        )
    columns = ("system", "sentences/s", "512 pieces of text", "pieces/s", "pieces a step", "entities/s")
    columns += ("faulty", "not in the text", "F1")
    share = grammar_seconds(one, documents) / statistics.median(times["torch fp32, grounded, one by one"])
    lines = [
        f"{len(documents)} sentences; medians of {rounds} rounds in turns.",
        "",
        *table(columns, rows),
        "",
        f"Grammars and masks took {share:.1%} of the time of grounded extraction one by one.",
    ]
    write_section(
        f"Generator, {Path(corpus).name}",
        f"python benchmarks/generator.py CORPORA RUN {Path(corpus).name} EXPORT",
        lines,
    )


def grammar_seconds(extractor: GeneratorExtractor, documents: Sequence[Document]) -> float:
    """Time that grammars, masks and forced pieces take while the right answers of documents are written."""
    vocabulary, settings = extractor.decoder.vocabulary, extractor.settings
    logits = np.zeros(vocabulary.size, np.float32)
    answers = [vocabulary.pieces(settings.codec.render(document)) for document in extractor.extract(documents)]
    begun = time.perf_counter()
    for document, answer in zip(documents, answers, strict=True):
        grammar = make_grammar(settings.codec.name, document.text, document.words(), settings.labels)
        matcher = LLMatcher(vocabulary.guide, grammar)
        while not matcher.is_stopped() and answer:
            forced = matcher.compute_ff_tokens() or answer[:1]
            mask = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little")
            logits[~mask[: len(logits)].astype(bool)] = 0
            if matcher.try_consume_tokens(forced) != len(forced):
                break
            answer = answer[len(forced) :]
    return time.perf_counter() - begun


def f1(gold: Sequence[Document], found: Sequence[Document]) -> float:
    """Strict entity F1."""
    from onoma.evaluation.metrics import score

    return score(gold, found).f1


if __name__ == "__main__":
    main()
