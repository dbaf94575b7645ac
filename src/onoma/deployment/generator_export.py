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
from onoma.deployment.low_rank import BLOCK, linear_layers, write_difference
from onoma.document import Document
from onoma.errors import ModelError
from onoma.evaluation.metrics import score
from onoma.extractors.base import Extractor
from onoma.extractors.generator import GeneratorExtractor, GeneratorSettings, ask_for
from onoma.files import atomic_folder, folder_size, write_text
from onoma.models.bases import Base
from onoma.models.generator_card import GeneratorCard
from onoma.models.generators import base_of, load_decoder, new_decoder
from onoma.models.merging import read_config

_CHECKED = 500
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
_GRAPH = "model.onnx"
_DIFFERENCE = "difference"
_OPTIONS = (
    *("algo_config=rtn", "is_symmetric=false", f"block_size={BLOCK}", "matmul_mixed_precision=last_matmul:int8"),
    *("prune_lm_head=true", "hf_token=false", "hf_remote=false"),
)


def export_generator(
    run: Path,
    target: Path,
    documents: Sequence[Document],
    *,
    most_loss: float = 0.01,
    say: Callable[[str], None] = lambda _: None,
) -> Export:
    """Write a generator in blocks of 4 bits, with thin matrices of 8 bits beside them for its adapter.

    See :mod:`onoma.deployment.low_rank` for these. The graph is made by the builder of onnxruntime-genai
    (https://onnxruntime.ai/docs/genai).

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
        126000000
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
        say("rounding to 4 bits")
        source, layers = _prepare(run, card, base, decoder.model, Path(scratch))
        say("writing the graph")
        _build(source, layers, Path(scratch) / "graph", Path(scratch))
        _quantize_rest(Path(scratch) / "graph", beside)
        for name in ("config.json", *_TOKENIZER_FILES):
            if (source / name).exists():
                shutil.copyfile(source / name, beside / name)
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


def _prepare(run: Path, card: GeneratorCard, base: Base, model: Any, scratch: Path) -> tuple[Path, Sequence[str]]:
    """Split a merged model into one whose linear layers are the base's, for the builder, and the difference.

    Returns:
        The folder of the first, and the names of its layers.
    """
    import torch

    merged = linear_layers(model)
    clean = linear_layers(new_decoder(base))
    rank = 0 if card.method == "full" else int(read_config(run)["r"])
    write_difference(clean, merged, scratch / _DIFFERENCE, rank)
    with torch.no_grad():
        for name, layer in merged.items():
            layer.weight.copy_(clean[name].weight)
    source = scratch / "base"
    model.save_pretrained(source)
    for name in _TOKENIZER_FILES:
        if (base.folder / name).exists():
            shutil.copyfile(base.folder / name, source / name)
    return source, list(merged)


def _build(source: Path, layers: Sequence[str], target: Path, scratch: Path) -> None:
    """Have the builder write the graph; not in this process, since it prints and keeps what it loads."""
    # The builder's names of the nodes; it would round them to four bits too.
    thin = [
        f"/{layer.replace('.self_attn.', '.attn.').replace('.', '/').replace('/layers/', '/layers.')}/{side}/MatMul"
        for layer in layers
        for side in ("lora_A", "lora_B")
    ]
    options = [*_OPTIONS, f"adapter_path={scratch / _DIFFERENCE}", f"nodes_to_exclude={','.join(thin)}"]
    command = ["onnxruntime_genai.models.builder", "-i", str(source), "-o", str(target)]
    command += ["-p", "int4", "-e", "cpu", "-c", str(scratch / "cache"), "--extra_options", *options]
    if message := _run(command):
        raise ModelError(
            f"onnxruntime-genai cannot build this base ({message})",
            where=str(source.name),
            mend='Install "onoma[genai]"; its documentation names the architectures that it builds.',
        )


def _quantize_rest(source: Path, target: Path) -> None:
    """Put the thin matrices into 8 bits; the graph, and what lies beside it, goes from a folder to another."""
    for file in source.iterdir():
        if not file.name.startswith(_GRAPH):
            shutil.copyfile(file, target / file.name)
    command = ["onnxruntime.quantization.matmul_nbits_quantizer", "--input_model", str(source / _GRAPH)]
    command += ["--output_model", str(target / _GRAPH), "--bits", "8", "--block_size", str(BLOCK)]
    if message := _run([*command, "--symmetric", "True", "--accuracy_level", "4"]):
        raise ModelError(f"onnxruntime cannot put the graph into 8 bits ({message})", where=str(target))


def _run(module: Sequence[str]) -> str:
    """Run a module in a process of its own; gives the last line of what went wrong, nothing if all went well."""
    command = [sys.executable, "-m", *module]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or ["no message"])[-1][:200]


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
