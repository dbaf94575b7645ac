"""A run as a folder that runs without torch: checked against the run on real text before it is accepted."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onoma.alignment import WordEncoder
from onoma.deployment.graph import halve, products, quantize, write_graph
from onoma.deployment.trim import different_words, script_pieces, trim_tokenizer
from onoma.document import Document
from onoma.errors import ModelError
from onoma.evaluation.metrics import score
from onoma.extractors.batching import budget_batches
from onoma.extractors.tagger import TaggerExtractor, TaggerSettings, encode_windows, pad
from onoma.files import atomic_folder, folder_size, write_text
from onoma.models.bases import Base, resolve_base
from onoma.models.exports import GRAPH, TOKENIZER, ExportCard, Precision, checksum_of
from onoma.models.merging import load_merged
from onoma.models.onnx_logits import OnnxLogits
from onoma.models.runs import RunCard
from onoma.models.torch_logits import TorchLogits

_CLOSE = 1e-3
"""Largest difference of logits between torch and a graph of the same precision."""
_ALIKE = 0.999
"""Least share of documents with the same entities; two labels may be a rounding apart."""
_CHECKED = 1_000
_PROBED = 50
_TUNED = 200
_SPINNING = 1.02
"""Most that spinning threads may slow batches down."""
_BUDGETS = (512, 1024, 2048, 4096)
_PIECES_OF_CASING = ("[unused1]", "[unused2]", "[unused3]")


@dataclass(frozen=True)
class Parity:
    """How a graph differs from the run that it was made of, on the same documents.

    Args:
        documents: compared.
        largest_difference: of logits; None where these are not compared.
        same: share of documents with the same spans.
        f1_before, f1_after: strict F1 against the documents' own spans; None where they have none.
        interval_before, interval_after: their bootstrap 95 % intervals.
    """

    documents: int
    largest_difference: float | None
    same: float
    f1_before: float | None = None
    f1_after: float | None = None
    interval_before: tuple[float, float] | None = None
    interval_after: tuple[float, float] | None = None

    @property
    def loss(self) -> float:
        """F1 lost, 0 where it is not known."""
        return (self.f1_before or 0.0) - (self.f1_after or 0.0)


@dataclass(frozen=True)
class Export:
    """What an export is.

    Args:
        folder: that holds everything to run it.
        size: bytes of the folder.
        parity: with the run.
        left_out: matrix products that stayed in float32.
        pieces: of the vocabulary, before and after.
        seconds: that it took.
    """

    folder: Path
    size: int
    parity: Parity
    left_out: tuple[str, ...]
    pieces: tuple[int, int]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return asdict(self) | {"folder": str(self.folder), "loss": self.parity.loss}


def export(
    run: Path,
    target: Path,
    documents: Sequence[Document],
    *,
    precision: Precision = "fp32",
    trim: Iterable[Document] | None = None,
    languages: Sequence[str] = (),
    most_loss: float = 0.005,
    say: Callable[[str], None] = lambda _: None,
) -> Export:
    """Write a run as an ONNX graph with its tokenizer and card.

    Args:
        run: a run folder of a tagger.
        target: folder, new.
        documents: real text to compare graph and run on; with gold spans, the F1 of both is compared too.
        precision: ``int8`` leaves matrix products out, the most harmful first, until F1 falls by at most ``most_loss``.
        trim: text whose pieces the vocabulary keeps, besides single characters.
        languages: whose scripts' pieces it keeps. Without either, it keeps all pieces.
        most_loss: of strict F1.
        say: is told each step.

    Raises:
        ModelError: if the folder is there, is no run, or the graph does not do what the run does.

    Examples:
        >>> export(Path("runs/it"), Path("it-int8"), documents, precision="int8").size  # doctest: +SKIP
        23500000
    """
    begun = time.monotonic()
    if not documents:
        raise ModelError("nothing to compare the graph with the run on", mend="Give it text, at best with gold labels.")
    card = RunCard.read(run)
    base = Base(str(run), run) if card.method == "full" else resolve_base(card.base, revision=card.base_revision)
    settings = TaggerSettings.of(card, base.max_pieces)
    model: Any = load_merged(run, card, base, settings.tags.tags)
    checked = list(documents[:_CHECKED])
    encoder = WordEncoder.from_folder(base.folder, card.rewrite, mark_casing=card.mark_casing)
    before = TaggerExtractor(TorchLogits(model), encoder, settings)
    expected = before.extract(checked)
    # Beside the target, since it is as large, and a file cannot be renamed into another file system.
    scratch_name = f".{target.name}.graph."
    with (
        atomic_folder(target) as beside,
        tempfile.TemporaryDirectory(prefix=scratch_name, dir=target.parent) as scratch,
    ):
        pieces = _write_tokenizer(base, card, beside, trim, languages, model, checked, encoder)
        say(f"{pieces[1]} of {pieces[0]} pieces; writing the graph")
        plain = Path(scratch) / GRAPH
        write_graph(model, plain)
        encoder = WordEncoder.from_folder(beside, card.rewrite, mark_casing=card.mark_casing)

        def compare(path: Path) -> Parity:
            after = TaggerExtractor(OnnxLogits(path), encoder, settings)
            return _compare(model, after, encoder, settings, checked, expected)

        parity = compare(plain)
        if (parity.largest_difference or 0.0) > _CLOSE or parity.same < _ALIKE:
            raise ModelError(
                f"the graph does not do what the run does: logits differ by {parity.largest_difference:.2g}, "
                f"{parity.same:.1%} of documents have the same entities",
                where=str(run),
                mend="Please report this, with the name of the base.",
            )
        left_out: tuple[str, ...] = ()
        if precision == "fp32":
            plain.replace(beside / GRAPH)
        elif precision == "fp16":
            halve(plain, beside / GRAPH)
            parity = compare(beside / GRAPH)
        else:
            probe = _Probe(model, encoder, settings, checked, Path(scratch))
            left_out, parity = _quantized(plain, beside / GRAPH, compare, probe, most_loss, say)
        say("choosing threads and batches")
        threads, budget, spin = _tune(beside / GRAPH, encoder, settings, checked)
        export_card = ExportCard(
            labels=card.labels,
            window=card.window,
            max_pieces=base.max_pieces,
            precision=precision,
            checksum=checksum_of(beside),
            base=card.base,
            method=card.method,
            subwords=card.subwords,
            thresholds=card.thresholds,
            rewrite=card.rewrite,
            mark_casing=card.mark_casing,
            temperature=card.temperature,
            threads=threads,
            budget=budget,
            spin=spin,
            parity=asdict(parity) | {"left_out": list(left_out)},
        )
        export_card.write(beside)
        write_text(beside / "README.md", _readme(run.name, export_card))
    return Export(target, folder_size(target), parity, left_out, pieces, time.monotonic() - begun)


def _write_tokenizer(
    base: Base,
    card: RunCard,
    folder: Path,
    trim: Iterable[Document] | None,
    languages: Sequence[str],
    model: Any,
    documents: Sequence[Document],
    encoder: WordEncoder,
) -> tuple[int, int]:
    """Write the tokenizer, and shrink the model's word embeddings where it is trimmed; says pieces before and after."""
    import torch

    source = base.folder / TOKENIZER
    if trim is None and not languages:
        (folder / TOKENIZER).write_bytes(source.read_bytes())
        return encoder.vocabulary_size, encoder.vocabulary_size
    words = {word for document in (*(trim or ()), *documents) for word in document.word_texts()}
    table = encoder.rewritten(words)
    always = {*(_PIECES_OF_CASING if card.mark_casing else ()), *script_pieces(source, languages)}
    trimmed = trim_tokenizer(source, folder / TOKENIZER, table, always=always)
    smaller = WordEncoder.from_folder(folder, card.rewrite, mark_casing=card.mark_casing)
    if different := different_words(encoder, smaller, trimmed.kept, sorted(words)):
        raise ModelError(
            f"the trimmed tokenizer cuts {len(different)} words otherwise, such as {different[0]!r}",
            where=str(source),
            mend="Export without trimming, and please report this.",
        )
    old = model.get_input_embeddings().weight
    new = torch.nn.Embedding(len(trimmed.kept), old.shape[1])
    with torch.no_grad():
        new.weight.copy_(old[torch.tensor(trimmed.kept)])
    model.set_input_embeddings(new)
    return trimmed.before, len(trimmed.kept)


class _Probe:
    """Tells what each matrix product does to logits when it alone is in int8.

    It works on a graph with the few pieces that some texts need: to quantize a whole vocabulary for each product would
    take most of the time.
    """

    def __init__(
        self, model: Any, encoder: WordEncoder, settings: TaggerSettings, documents: Sequence[Document], folder: Path
    ) -> None:
        self._model = model
        self._folder = folder
        windows = [window for document in documents[:_PROBED] for window in encode_windows(document, encoder, settings)]
        batches = budget_batches([len(window.ids) for window in windows], _BUDGETS[0])
        self._batches = [pad([windows[index].ids for index in batch], encoder.pad) for batch in batches]

    def harm(self, names: Sequence[str]) -> dict[str, float]:
        """Largest change of a logit by each of these products."""
        import torch

        expected = [TorchLogits(self._model)(ids, mask) for ids, mask in self._batches]
        # The first ids stay what they are: some architectures count positions by the id of padding.
        kept = np.unique(np.concatenate([np.arange(8), *(ids.ravel() for ids, _ in self._batches)]))
        whole = self._model.get_input_embeddings()
        few = torch.nn.Embedding(len(kept), whole.weight.shape[1])
        with torch.no_grad():
            few.weight.copy_(whole.weight[torch.from_numpy(kept)])
        plain, small = self._folder / "probe.onnx", self._folder / "probe-int8.onnx"
        self._model.set_input_embeddings(few)
        try:
            write_graph(self._model, plain)
        finally:
            self._model.set_input_embeddings(whole)
        found = {}
        for name in names:
            quantize(plain, small, leave_out=[other for other in names if other != name])
            logits = OnnxLogits(small)
            found[name] = max(
                float(np.abs(logits(np.searchsorted(kept, ids), mask) - before)[mask > 0].max())
                for (ids, mask), before in zip(self._batches, expected, strict=True)
            )
        return found


def _compare(
    model: Any,
    after: TaggerExtractor,
    encoder: WordEncoder,
    settings: TaggerSettings,
    documents: Sequence[Document],
    expected: Sequence[Document],
) -> Parity:
    found = after.extract(documents)
    same = sum(one.spans == other.spans for one, other in zip(expected, found, strict=True)) / len(found)
    difference = 0.0
    torch_logits = TorchLogits(model)
    for document in documents[:50]:
        for window in encode_windows(document, encoder, settings):
            ids, mask = pad([window.ids], encoder.pad)
            gap = np.abs(torch_logits(ids, mask) - after.logits(ids, mask))
            difference = max(difference, float(gap.max()))
    if not any(document.spans for document in documents):
        return Parity(len(found), difference, same)
    one, other = score(documents, expected), score(documents, found)
    return Parity(len(found), difference, same, one.f1, other.f1, one.interval, other.interval)


def _quantized(
    plain: Path,
    target: Path,
    compare: Callable[[Path], Parity],
    probe: _Probe,
    most_loss: float,
    say: Callable[[str], None],
) -> tuple[tuple[str, ...], Parity]:
    """Write the graph in int8, leaving as many products out as the bound on F1 asks for."""
    quantize(plain, target)
    parity = compare(target)
    if parity.loss <= most_loss:
        return (), parity
    names = products(plain)
    say(f"F1 falls by {parity.loss:.4f}; looking for the products that do it, {len(names)} in all")
    harm = probe.harm(names)
    worst = sorted(names, key=lambda name: -harm[name])
    count = 1
    while count <= len(worst):
        quantize(plain, target, leave_out=worst[:count])
        parity = compare(target)
        if parity.loss <= most_loss:
            return tuple(worst[:count]), parity
        count *= 2
    raise ModelError(
        f"in int8 F1 falls by {parity.loss:.4f}, whatever is left out",
        mend="Allow more with --most-loss, or export fp32.",
    )


def _tune(
    graph: Path, encoder: WordEncoder, settings: TaggerSettings, documents: Sequence[Document]
) -> tuple[int, int, bool]:
    """Threads and budget that were fastest on some of the documents, each tried twice, the better time counting.

    Threads spin while they wait, since that answers single texts sooner, unless it slows batches down.
    """
    sample = documents[:_TUNED]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def seconds(threads: int, budget: int, spin: bool, tries: int) -> float:
        extractor = TaggerExtractor(OnnxLogits(graph, threads, spin=spin), encoder, settings, budget=budget)
        return min(_timed(extractor, sample) for _ in range(tries))

    choices = [(threads, budget) for threads in sorted({1, max(1, cores // 2), cores}) for budget in _BUDGETS]
    threads, budget = min(choices, key=lambda choice: seconds(choice[0], choice[1], False, 2))
    spin = seconds(threads, budget, True, 4) <= _SPINNING * seconds(threads, budget, False, 4)
    return threads, budget, spin


def _timed(extractor: TaggerExtractor, documents: Sequence[Document]) -> float:
    begun = time.perf_counter()
    extractor.extract(documents)
    return time.perf_counter() - begun


def _readme(name: str, card: ExportCard) -> str:
    parity = card.parity
    f1 = ""
    if parity.get("f1_after") is not None:
        f1 = (
            f" Strict F1 on {parity['documents']} documents: {parity['f1_before']:.4f} before, "
            f"{parity['f1_after']:.4f} after."
        )
    return (
        f"# {name}, {card.precision}\n\n"
        f"A named-entity tagger ({', '.join(card.labels)}) made with Onoma: {card.base}, {card.method}, as an ONNX "
        "graph.\n"
        f"{parity['same']:.1%} of the documents that it was checked on have the same entities as before.{f1}\n\n"
        "```python\nimport onoma  # pip install onoma[onnx]; torch is not needed\n\n"
        'onoma.load("this folder").extract("some text")\n```\n'
    )
