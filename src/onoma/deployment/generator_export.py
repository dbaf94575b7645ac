"""A generator's run as a folder of 4-bit weights that runs on a CPU without torch, checked before it is accepted."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from onoma.deployment.export import Export, Parity
from onoma.document import Document
from onoma.errors import ModelError
from onoma.evaluation.metrics import score
from onoma.extractors.base import Extractor
from onoma.extractors.generator import GeneratorExtractor, GeneratorSettings, ask_for
from onoma.files import atomic_folder, folder_size, write_text
from onoma.models.generator_card import GeneratorCard
from onoma.models.generators import base_of, load_decoder

_CHECKED = 200
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
_OPTIONS = ("algo_config=k_quant", "block_size=32", "prune_lm_head=true", "hf_token=false", "hf_remote=false")


def export_generator(
    run: Path,
    target: Path,
    documents: Sequence[Document],
    *,
    most_loss: float = 0.01,
    say: Callable[[str], None] = lambda _: None,
) -> Export:
    """Write a generator with its adapter merged, its weights in blocks of 4 bits.

    The graph is made by the builder of onnxruntime-genai (https://onnxruntime.ai/docs/genai).

    Args:
        run: a run folder of a generator.
        target: folder, new.
        documents: real text to compare export and run on; with gold spans, the F1 of both is compared too.
        most_loss: of strict F1.
        say: is told each step.

    Raises:
        ModelError: if the folder is there, is no run, the base's architecture cannot be exported, or F1 falls by more.

    Examples:
        >>> export_generator(Path("runs/open-ner"), Path("open-ner-int4"), documents).size  # doctest: +SKIP
        86000000
    """
    from onoma.models.genai_decoder import GenaiDecoder

    begun = time.monotonic()
    if not documents:
        raise ModelError("nothing to compare export and run on", mend="Give it text, at best with gold labels.")
    card = GeneratorCard.read(run)
    base = base_of(run, card)
    settings = GeneratorSettings.of(card)
    checked = list(documents[:_CHECKED])
    decoder = load_decoder(run, card, base)
    say(f"extracting from {len(checked)} documents with the run")
    expected = _asked(GeneratorExtractor(decoder, settings), checked).extract(checked)
    with atomic_folder(target) as beside, tempfile.TemporaryDirectory() as scratch:
        merged = Path(scratch) / "merged"
        decoder.model.save_pretrained(merged)
        for name in _TOKENIZER_FILES:
            if (base.folder / name).exists():
                shutil.copyfile(base.folder / name, merged / name)
        say("writing the graph")
        _build(merged, beside, Path(scratch) / "cache")
        for name in ("config.json", *_TOKENIZER_FILES):
            if (merged / name).exists():
                shutil.copyfile(merged / name, beside / name)
        dataclasses.replace(card, exported=True).write(beside)
        write_text(beside / "README.md", _readme(run.name, card))
        say("extracting with the export")
        found = _asked(GeneratorExtractor(GenaiDecoder(beside), settings), checked).extract(checked)
        parity = _compare(checked, expected, found)
        if parity.loss > most_loss:
            raise ModelError(
                f"4 bits cost {parity.loss:.4f} of strict F1 ({parity.f1_before:.4f} before)",
                where=str(run),
                mend=f"Allow it with --most-loss {parity.loss + 0.0001:.4f}, or train on more.",
            )
    pieces = decoder.vocabulary.size
    return Export(target, folder_size(target), parity, (), (pieces, pieces), time.monotonic() - begun)


def _asked(extractor: Extractor, documents: Sequence[Document]) -> Extractor:
    """Asked for the labels of the documents, where they have any."""
    labels = {span.label for document in documents for span in document.spans}
    return ask_for(extractor, labels) if labels else extractor


def _build(source: Path, target: Path, cache: Path) -> None:
    """Run the builder in a process of its own, since it prints and keeps what it loads."""
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(source), "-o", str(target)]
    command += ["-p", "int4", "-e", "cpu", "-c", str(cache), "--extra_options", *_OPTIONS]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError(
            f"onnxruntime-genai cannot build this base ({last[:200]})",
            where=str(source.name),
            mend='Install "onoma[genai]"; its documentation names the architectures that it builds.',
        )


def _compare(gold: Sequence[Document], before: Sequence[Document], after: Sequence[Document]) -> Parity:
    same = sum(_plain(one) == _plain(other) for one, other in zip(before, after, strict=True)) / len(before)
    scored: dict[str, Any] = {}
    if any(document.spans for document in gold):
        first, second = score(gold, before), score(gold, after)
        scored = {
            "f1_before": first.f1,
            "f1_after": second.f1,
            "interval_before": first.interval,
            "interval_after": second.interval,
        }
    return Parity(len(gold), None, same, **scored)


def _plain(document: Document) -> list[tuple[int, int, str]]:
    return [(span.start, span.end, span.label) for span in document.spans]


def _readme(name: str, card: GeneratorCard) -> str:
    return (
        f"# {name}, 4 bits\n\nThe generator `{name}` (on `{card.base}`) for CPUs, exported by Onoma.\n\n"
        '```python\nimport onoma\n\nonoma.load("path/of/this/folder").extract("…").spans\n```\n'
    )
