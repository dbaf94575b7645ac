"""Labelled parts joined into one clean corpus with splits that share nothing, and a card that says how.

parts:
  llm: {source: labelled.jsonl, labels: labels.yaml, licence: CC-BY-SA-4.0}
  teacher: {source: runs/silver.jsonl}
leakage: [data/test.conll]
gold: data/test.conll
splits: {train: 0.8, validation: 0.1, test: 0.1}
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, field_validator

from onoma.annotation.data_card import write_card
from onoma.annotation.harvest.harvest import Balance
from onoma.annotation.harvest.languages import identify
from onoma.annotation.harvest.select import shares
from onoma.corpus import load_corpus, save_corpus
from onoma.corpus.corpus import Corpus
from onoma.corpus.dedupe import alike, band_keys, normalised
from onoma.corpus.relabel import read_label_map, relabel
from onoma.corpus.sample import cap_labels
from onoma.corpus.split import split_groups
from onoma.corpus.statistics import describe
from onoma.document import Document
from onoma.errors import DataError
from onoma.evaluation.agreement import Agreement, measure_agreement
from onoma.extractors.codecs import JsonMap
from onoma.files import atomic_file, atomic_folder, read_table, write_json
from onoma.scale.workers import LocalWorkers, Workers
from onoma.schema import Section, apply_overrides, section_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANIFEST = "manifest.json"
_BLOCK = 5_000
"""Texts that a worker takes at a time."""


class Part(Section):
    """A labelled corpus that goes in."""

    source: str = Field(description="a path, hub:REPO[:CONFIG] or examples:NAME")
    split: str | None = Field(None, description="its split; all of them if left out")
    labels: Path | None = Field(None, description="a label map that it is put under")
    licence: str = Field("unknown", description="for the card")


class Filters(Section):
    """What is left out."""

    unmatched: float = Field(
        0.5, ge=0, le=1, description="documents with a larger share of mentions not found in the text"
    )
    density: float = Field(0.7, ge=0, le=1, description="documents with a larger share of words inside entities")
    contradictory: bool = Field(True, description="texts that stand there with different labels; else the first counts")
    language: float | None = Field(
        None, ge=0, le=1, description="documents found to be in another language than they say, with this probability"
    )


class LabelLimits(Section):
    """How many entities and empty documents are kept."""

    most: dict[str, int] = Field(default_factory=dict, description="entities of a label; others are not limited")
    empty: float = Field(1.0, ge=0, le=1, description="most documents without entity, as a share of those with")


class Review(Section):
    """A human check of a sample."""

    sample: int = Field(100, ge=0, description="documents that are written to review.jsonl, drawn at random")
    done: str | None = Field(None, description="the sample as people corrected it; its agreement goes into the card")


class AssembleFile(Section):
    """What an assembly file says."""

    seed: int = Field(13, description="of all drawing")
    parts: dict[str, Part] = Field(min_length=1, description="by name; of equal texts the earliest part's stays")
    filters: Filters = Filters()
    duplicates: float = Field(
        0.8, gt=0, le=1, description="least Jaccard index of texts that stay on one side of the split"
    )
    leakage: list[str] = Field(default_factory=list, description="evaluation corpora that no document may resemble")
    gold: str | None = Field(None, description="a corpus with gold labels of some of the texts, for the card")
    review: Review = Review()
    balance: Balance = Balance()
    labels: LabelLimits = LabelLimits()
    splits: dict[str, float] = Field(
        default_factory=lambda: {"train": 0.8, "validation": 0.1, "test": 0.1}, description="shares of the documents"
    )

    @field_validator("splits")
    @classmethod
    def _whole(cls, value: dict[str, float]) -> dict[str, float]:
        if abs(sum(value.values()) - 1) > 1e-6 or min(value.values(), default=0) <= 0:
            raise ValueError("shares are above 0 and add up to 1")
        return value


def load_assembly(path: Path, overrides: Iterable[str] = ()) -> AssembleFile:
    """Read an assembly file, and apply ``key.path=value`` overrides.

    Raises:
        DataError: if it is missing or a key of it is not valid.
    """
    content = read_table(path, "assembly file", DataError)
    apply_overrides(content, overrides)
    try:
        return AssembleFile.model_validate(content)
    except ValidationError as error:
        raise section_error(error, AssembleFile, str(path), DataError) from error


def assemble(
    file: AssembleFile,
    target: Path,
    *,
    workers: Workers | None = None,
    cost: Mapping[str, float] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Join labelled parts into a folder: Parquet, JSON lines, pairs of input and output, card and manifest.

    Near-duplicates stay on one side of the split; nothing resembles an evaluation corpus; whatever is left out is
    counted with its reason.

    Args:
        file: parts, filters, splits.
        target: folder; a corpus that was assembled there before is replaced.
        workers: that look for repeats; this process alone by default.
        cost: tokens and money that labelling took, for the card.
        say: is told each step.

    Returns:
        The manifest.

    Raises:
        DataError: if a part cannot be read, or nothing is left.

    Examples:
        >>> assemble(load_assembly(Path("assembly.yaml")), Path("corpus"))["splits"]["train"]  # doctest: +SKIP
        {'documents': 8034, 'LOC': 5121, 'PER': 3300}
    """
    if target.exists() and not (target / MANIFEST).exists():
        raise DataError("the folder exists and holds no corpus of ours", where=str(target), mend="Choose another name.")
    documents, counts = _read(file, say)
    say(f"{len(documents)} documents; looking for repeats")
    documents = _without_repeats(documents, file.filters.contradictory, counts)
    agreement = _agreements(file, documents)
    documents, groups = _grouped(documents, file, workers or LocalWorkers(1), counts)
    documents, groups = _balanced(documents, groups, file, counts)
    if not documents:
        raise DataError("nothing is left", mend=f"Left out: {_reasons(counts)}.")
    say(f"{len(documents)} documents; dividing them")
    features = [_features(document) for document in documents]
    rows = split_groups(groups, features, file.splits, file.seed)
    splits = {name: [documents[row] for row in own] for name, own in rows.items() if own}
    manifest = {
        "assembly": file.model_dump(mode="json"),
        "parts": counts,
        "splits": {
            name: {**describe(own).to_dict(), "languages": dict(Counter(document.language for document in own))}
            for name, own in splits.items()
        },
        "near_duplicate_groups": sum(len(group) > 1 for group in groups),
        "agreement": {name: found.to_dict() for name, found in agreement.items()},
        "cost": dict(cost or {}),
    }
    with atomic_folder(target, replace=True) as beside:
        _write(beside, splits, file, manifest)
    return manifest


def _read(file: AssembleFile, say: Callable[[str], None]) -> tuple[list[Document], dict[str, dict[str, Any]]]:
    """Documents of all parts that pass the filters, and counts by part."""
    documents: list[Document] = []
    counts: dict[str, dict[str, Any]] = {}
    for name, part in file.parts.items():
        say(f"reading {name}")
        corpus = _splits(load_corpus(part.source), part.split)
        if part.labels is not None:
            corpus = relabel(corpus, read_label_map(part.labels)).corpus
        reasons: Counter[str] = Counter()
        read = 0
        for split in corpus.values():
            for document in split:
                read += 1
                reason = _fault(document, file.filters)
                if reason:
                    reasons[reason] += 1
                    continue
                known = f"{name}/{document.id or read}"
                documents.append(replace(document, id=known, meta={**document.meta, "part": name}))
        counts[name] = {"read": read, "licence": part.licence, "rejected": dict(reasons)}
    return documents, counts


def _splits(corpus: Corpus, wanted: str | None) -> Corpus:
    return corpus if wanted is None else Corpus({wanted: corpus[wanted]}, corpus.log)


def _fault(document: Document, filters: Filters) -> str:
    """Why a document is left out by itself, or nothing."""
    words = document.words()
    if not words:
        return "empty"
    statuses = document.meta.get("mentions") or {}
    if sum(statuses.values()) and statuses.get("unmatched", 0) / sum(statuses.values()) > filters.unmatched:
        return "unmatched"
    inside = sum(any(span.start < end and start < span.end for span in document.spans) for start, end in words)
    if inside / len(words) > filters.density:
        return "density"
    if filters.language is not None and document.language:
        found, probability = identify(document.text)
        if found != document.language.partition("-")[0] and probability >= filters.language:
            return "language"
    return ""


def _without_repeats(
    documents: Sequence[Document], contradictory: bool, counts: dict[str, dict[str, Any]]
) -> list[Document]:
    """Each text once; none where its labels differ from one place to another, if contradictions are left out."""
    same: dict[str, list[Document]] = {}
    for document in documents:
        same.setdefault(normalised(document.text), []).append(document)
    kept = []
    for group in same.values():
        labelled = {tuple((document.surface(span), span.label) for span in document.spans) for document in group}
        if len(labelled) > 1 and contradictory:
            _drop(group, "contradictory", counts)
        else:
            kept.append(group[0])
            _drop(group[1:], "duplicate", counts)
    return kept


def _grouped(
    documents: Sequence[Document], file: AssembleFile, workers: Workers, counts: dict[str, dict[str, Any]]
) -> tuple[list[Document], list[list[int]]]:
    """The documents that resemble no evaluation text, and groups of near-duplicates among them."""
    held_out = [
        document.text for source in file.leakage for split in load_corpus(source).values() for document in split
    ]
    size = len(documents)
    texts = [*(document.text for document in documents), *held_out]
    groups = alike(_keys(texts, workers), texts.__getitem__, threshold=file.duplicates)
    leaking = {row for group in groups if group[-1] >= size for row in group if row < size}
    _drop([documents[row] for row in sorted(leaking)], "leaks", counts)
    place = {row: number for number, row in enumerate(row for row in range(size) if row not in leaking)}
    paired = [[place[row] for row in group] for group in groups if group[-1] < size]
    alone = set(place.values()) - {row for group in paired for row in group}
    return [documents[row] for row in place], paired + [[row] for row in sorted(alone)]


def _keys(texts: Sequence[str], workers: Workers) -> NDArray[np.uint32]:
    """Each text's :func:`onoma.corpus.dedupe.band_keys`."""
    import numpy as np

    blocks = (texts[begin : begin + _BLOCK] for begin in range(0, len(texts), _BLOCK))
    return np.concatenate([band_keys([]), *workers.map(_key_maker, blocks)])


def _key_maker() -> Callable[[Sequence[str]], NDArray[np.uint32]]:
    return band_keys


def _balanced(
    documents: list[Document], groups: list[list[int]], file: AssembleFile, counts: dict[str, dict[str, Any]]
) -> tuple[list[Document], list[list[int]]]:
    """The documents that the limits of languages and labels leave, drawn by the seed."""
    draw = random.Random(file.seed)
    order = draw.sample(range(len(documents)), len(documents))
    languages = Counter(document.language for document in documents)
    if file.balance.documents is not None:
        room = Counter(shares(languages, file.balance.documents, file.balance.temperature))
    else:
        room = Counter({name: file.balance.quotas.get(name, count) for name, count in languages.items()})
    kept = []
    for row in order:
        language = documents[row].language
        if room[language] > 0:
            room[language] -= 1
            kept.append(row)
    labels = Counter(span.label for document in documents for span in document.spans)
    limits = {name: file.labels.most.get(name, count) for name, count in labels.items()}
    with_entities = sum(bool(documents[row].spans) for row in kept)
    empty = round(file.labels.empty * with_entities)
    chosen = {id(document) for document in cap_labels([documents[row] for row in kept], limits, empty)}
    _drop([document for document in documents if id(document) not in chosen], "balance", counts)
    place = {row: number for number, row in enumerate(row for row, one in enumerate(documents) if id(one) in chosen)}
    left = [[place[row] for row in group if row in place] for group in groups]
    return [documents[row] for row in place], [group for group in left if group]


def _agreements(file: AssembleFile, documents: Sequence[Document]) -> dict[str, Agreement]:
    """How the labels agree with gold and with people, on the texts that both have."""
    found = {}
    for name, source in (("gold", file.gold), ("review", file.review.done)):
        if source is None:
            continue
        known = {normalised(document.text): document for split in load_corpus(source).values() for document in split}
        pairs = [(known[key], document) for document in documents if (key := normalised(document.text)) in known]
        # The text counts as people have it; what differs is casing and white space, so words are at the same places.
        pairs = [(first, second) for first, second in pairs if first.text == second.text]
        if pairs:
            found[name] = measure_agreement(*map(list, zip(*pairs, strict=True)), seed=file.seed)
    return found


def _features(document: Document) -> set[Hashable]:
    labels: set[Hashable] = {span.label for span in document.spans}
    return (labels or {("empty",)}) | {("language", document.language)}


def _drop(documents: Sequence[Document], reason: str, counts: dict[str, dict[str, Any]]) -> None:
    for part, number in Counter(str(document.meta["part"]) for document in documents).items():
        rejected = counts[part]["rejected"]
        rejected[reason] = rejected.get(reason, 0) + number


def _reasons(counts: Mapping[str, Mapping[str, Any]]) -> str:
    total: Counter[str] = Counter()
    for row in counts.values():
        total.update(row["rejected"])
    return ", ".join(f"{number} {reason}" for reason, number in total.most_common())


def _write(folder: Path, splits: Mapping[str, list[Document]], file: AssembleFile, manifest: dict[str, Any]) -> None:
    save_corpus(splits, folder, format="parquet")
    save_corpus(splits, folder / "jsonl", format="jsonl")
    for name, documents in splits.items():
        (folder / "pairs").mkdir(exist_ok=True)
        with atomic_file(folder / "pairs" / f"{name}.jsonl") as beside, beside.open("w", encoding="utf-8") as handle:
            handle.writelines(_pairs(documents))
    everything = [document for documents in splits.values() for document in documents]
    drawn = random.Random(file.seed).sample(everything, min(file.review.sample, len(everything)))
    if drawn:
        save_corpus({"train": drawn}, folder / "review" / "sample.jsonl")
    write_json(folder / MANIFEST, manifest)
    write_card(manifest, folder / "README.md")


def _pairs(documents: Sequence[Document]) -> Iterator[str]:
    codec = JsonMap()
    for document in documents:
        pair = {"input": document.text, "output": codec.render(document)}
        yield json.dumps(pair, ensure_ascii=False) + "\n"
