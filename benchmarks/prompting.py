r"""A language model that is asked and learns nothing, behind a server of its own; beside trained runs.

Writes its part of results.md:

python benchmarks/prompting.py ../shared/data/stackoverflow recipes/it-domain/labels.yaml recipes/label-free/llm.yaml \
    [RUN ...]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from results import table, write_section

import onoma
from onoma.corpus import load_corpus, save_corpus
from onoma.corpus.relabel import read_label_map, relabel
from onoma.evaluation.metrics import score
from onoma.extractors.answers import Findings
from onoma.extractors.base import Extractor
from onoma.extractors.codecs import find_codec
from onoma.extractors.endpoint import EndpointExtractor
from onoma.extractors.endpoint_file import Examples, read_endpoint_file
from onoma.extractors.generator import GeneratorExtractor, GeneratorSettings
from onoma.models.bases import resolve_base
from onoma.models.generators import new_decoder
from onoma.models.torch_decoder import TorchDecoder
from onoma.models.vocabulary import Vocabulary

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from transformers_server import serve_base

BASE = "bundled:smollm2-135m"
SEED = 13


def main() -> None:
    """Ask about test sentences without examples and with them; then under a grammar; then the trained runs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", help="with train and test")
    parser.add_argument("labels", type=Path, help="label map of the corpus")
    parser.add_argument("endpoint", type=Path, help="endpoint file that says what the labels mean")
    parser.add_argument("runs", nargs="*", type=Path, help="trained taggers")
    parser.add_argument("--sentences", type=int, default=40)
    wanted = parser.parse_args()
    corpus = relabel(load_corpus(wanted.corpus), read_label_map(wanted.labels)).corpus
    # On a CPU a sentence takes seconds, and most of them hold nothing.
    gold = random.Random(SEED).sample([document for document in corpus["test"] if document.spans], wanted.sentences)
    texts = [document.with_spans([]) for document in gold]
    described = read_endpoint_file(wanted.endpoint)

    rows = []
    with tempfile.TemporaryDirectory() as folder, serve_base(BASE) as (url, model):
        shown = Path(folder) / "train.jsonl"
        save_corpus({"train": corpus["train"]}, shown)
        for name, examples in (
            ("asked, no examples", None),
            ("asked, the first 4 as examples", Examples(corpus=str(shown), count=4, choose="first")),
            ("asked, the nearest 4 as examples", Examples(corpus=str(shown), count=4, choose="nearest")),
        ):
            asked = described.model_copy(
                update={
                    "model": model,
                    "url": url,
                    "codec": "json-list",
                    "structured": False,
                    "examples": examples,
                    "max_tokens": 64,
                    "concurrency": 1,
                }
            )
            rows.append(measured(name, EndpointExtractor(asked), gold, texts))
    base = resolve_base(BASE)
    meanings = {name: note.about for name, note in described.labels.items()}
    settings = GeneratorSettings(find_codec("json-list"), tuple(described.labels), meanings)
    decoder = TorchDecoder(new_decoder(base).eval(), Vocabulary(base.folder))
    rows.append(measured("held to the grammar, no examples", GeneratorExtractor(decoder, settings), gold, texts))
    rows += [measured(f"trained: {run.name}", onoma.load(run), gold, texts) for run in wanted.runs]

    name = Path(wanted.corpus).name
    columns = ("system", "precision", "recall", "F1", "95 % interval", "faulty", "not in the text", "s a sentence")
    entities = sum(len(document.spans) for document in gold)
    write_section(
        f"A language model that is asked, {name}",
        f"python benchmarks/prompting.py {name} {wanted.labels.name} {wanted.endpoint.name} RUN ...",
        [
            f"{BASE} without any training, in `transformers serve`, one request at a time; {len(gold)} test sentences, "
            f"each with an entity, {entities} in all; strict. Faulty: of answers; not in the text: of names written.",
            "",
            *table(columns, rows),
        ],
    )


def measured(name: str, extractor: Extractor, gold: list[onoma.Document], texts: list[onoma.Document]) -> list[str]:
    """A row: scores, how the answers were, and what a sentence took."""
    begun = time.perf_counter()
    scores = score(gold, extractor.extract(texts), seed=SEED)
    seconds = time.perf_counter() - begun
    findings = findings_of(extractor)
    written = sum(findings.statuses.values()) if findings else 0
    micro, (low, high) = scores.micro, scores.interval
    return [
        name,
        *(f"{figure:.3f}" for figure in (micro.precision, micro.recall, micro.f1)),
        f"{low:.3f}–{high:.3f}",
        f"{findings.invalid / len(texts):.0%}" if findings else "",
        f"{findings.statuses['unmatched'] / max(1, written):.0%}" if findings else "",
        f"{seconds / len(texts):.3f}",
    ]


def findings_of(extractor: Extractor) -> Findings | None:
    """How a language model's answers were; None of a tagger."""
    if isinstance(extractor, EndpointExtractor):
        return extractor.usage.findings
    return extractor.effort.findings if isinstance(extractor, GeneratorExtractor) else None


if __name__ == "__main__":
    main()
