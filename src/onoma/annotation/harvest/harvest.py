"""The harvest: sources are read, cleaned and told by language in parallel, then freed of repeats and balanced.

seed: 13
sources:
  tickets: {files: tickets/**/*.md, language: en}
  wiki: {wikipedia: [as, bn, hi], pages: 500, contact: me@example.org}
languages: {keep: [as, bn, hi, en]}
balance: {documents: 3000, temperature: 3}
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, field_validator, model_validator

from onoma.annotation.harvest import wikipedia
from onoma.annotation.harvest.blocks import Rules, cleaner
from onoma.annotation.harvest.readers import Raw, read_dataset, read_files
from onoma.annotation.harvest.select import Index, balanced, repeats, write_blocks
from onoma.annotation.harvest.sources import KINDS, Dataset, Dump, Files, Source, Synthetic, Wikipedia, kind_of
from onoma.annotation.harvest.synthetic import read_synthetic
from onoma.corpus.formats import find_format
from onoma.corpus.reading import ReadLog
from onoma.errors import DataError, nearest
from onoma.files import locked, read_json, read_table, write_json
from onoma.scale.workers import LocalWorkers, Workers
from onoma.schema import Section, apply_overrides, section_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANIFEST = "manifest.json"
DOCUMENTS = "train.parquet"
_BLOCK = 1_000_000
"""Characters that are cleaned at a time."""


class Words(Section):
    """How long documents are."""

    least: int = Field(3, ge=0, description="shorter ones are left out")
    most: int = Field(300, ge=1, description="longer ones are cut between sentences")
    pieces: int | None = Field(
        1, ge=1, description="pieces of a long document that are kept, from its beginning; null: all"
    )


class Languages(Section):
    """Which languages are wanted."""

    keep: list[str] = Field(default_factory=list, description="BCP 47 codes; none: any language")
    certain: float = Field(
        0.7, ge=0, le=1, description="a document whose language is found to be another one with this probability goes"
    )


class Balance(Section):
    """How many documents of each language are kept."""

    documents: int | None = Field(None, ge=1, description="of all languages together")
    temperature: float = Field(
        1.0, ge=1, description="a language's share is its count to the power of 1/temperature; .inf: alike"
    )
    quotas: dict[str, int] = Field(default_factory=dict, description="most documents of a language")

    @model_validator(mode="after")
    def _one(self) -> Balance:
        if self.documents is not None and self.quotas:
            raise ValueError("documents and quotas exclude each other")
        return self


class HarvestFile(Section):
    """What a harvest file says."""

    seed: int = Field(13, description="of all drawing")
    sources: dict[str, Source] = Field(min_length=1, description="by name")
    words: Words = Words()
    languages: Languages = Languages()
    duplicates: float | None = Field(
        0.8, gt=0, le=1, description="least Jaccard index of near-duplicates; null: exact ones alone"
    )
    balance: Balance = Balance()

    @field_validator("sources")
    @classmethod
    def _plain_names(cls, value: dict[str, Source]) -> dict[str, Source]:
        for name in value:
            if not re.fullmatch(r"\w[\w.-]*", name):
                raise ValueError(f"a source's name has letters, digits, dots and hyphens, not {name!r}")
        return value


@dataclass(frozen=True)
class Progress:
    """How far a source is.

    Args:
        documents: read so far.
        kept: of them.
        megabytes: of their text as it came.
    """

    documents: int
    kept: int
    megabytes: float


def load_harvest(path: Path, overrides: Iterable[str] = ()) -> HarvestFile:
    """Read a harvest file, and apply ``key.path=value`` overrides.

    Raises:
        DataError: if it is missing or a key of it is not valid.
    """
    content = read_table(path, "harvest file", DataError)
    apply_overrides(content, overrides)
    sources = content.get("sources")
    # Every kind is checked by itself, so that a wrong key is not told of against all kinds at once.
    for name, source in sources.items() if isinstance(sources, Mapping) else ():
        kind = kind_of(source) if isinstance(source, Mapping) else None
        where = f"{path}: sources.{name}"
        if kind is None:
            given = next(iter(source), "") if isinstance(source, Mapping) else str(source)
            raise DataError("a source says where its text comes from", where=where, mend=nearest(str(given), KINDS))
        try:
            kind.model_validate(source)
        except ValidationError as error:
            raise section_error(error, kind, where, DataError) from error
    try:
        return HarvestFile.model_validate(content)
    except ValidationError as error:
        raise section_error(error, HarvestFile, str(path), DataError) from error


def harvest(
    file: HarvestFile,
    target: Path,
    *,
    workers: Workers | None = None,
    watch: Callable[[str, Progress], None] = lambda *_: None,
) -> dict[str, Any]:
    """Gather raw text into ``train.parquet`` of a folder, with a manifest of what came and what was left out.

    The same file gives the same documents. Sources that were finished before an interruption are not read again, and
    memory stays flat: a few hundred bytes a document, and blocks of text.

    Args:
        file: what to gather.
        target: folder; a harvest of the same file that lies there is left as it is.
        workers: that clean; this process alone by default.
        watch: is told the progress of a source.

    Returns:
        The manifest.

    Raises:
        DataError: if a source cannot be read, or the folder holds another harvest.

    Examples:
        >>> harvest(load_harvest(Path("sources.yaml")), Path("raw"))["languages"]  # doctest: +SKIP
        {'as': {'documents': 1000, 'words': 31877}}
    """
    fingerprint = hashlib.sha256(file.model_dump_json().encode()).hexdigest()
    if (target / MANIFEST).exists():
        manifest: dict[str, Any] = read_json(target / MANIFEST)
        if manifest.get("fingerprint") == fingerprint:
            return manifest
        raise DataError("holds another harvest", where=str(target), mend="Name another folder, or remove this one.")
    with locked(target):
        return _harvest(file, target, fingerprint, workers or LocalWorkers(1), watch)


def _harvest(
    file: HarvestFile, target: Path, fingerprint: str, workers: Workers, watch: Callable[[str, Progress], None]
) -> dict[str, Any]:
    work = target / ".work" / fingerprint[:16]
    work.mkdir(parents=True, exist_ok=True)
    counts = {name: _gather(name, source, file, work, workers, watch) for name, source in file.sources.items()}
    index = Index.load([work / name for name in file.sources])
    kept = _choose(index, file, counts)
    if not kept.any():
        reasons = Counter[str]()
        for row in counts.values():
            reasons.update(row["rejected"])
        said = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        raise DataError("nothing is left of the sources", mend=f"Left out: {said or 'nothing, they are empty'}.")
    find_format("parquet").write(index.documents(kept), target / DOCUMENTS)
    manifest = _manifest(file, fingerprint, counts, index, kept)
    write_json(target / MANIFEST, manifest)
    shutil.rmtree(target / ".work")
    return manifest


def _gather(
    name: str, source: Source, file: HarvestFile, work: Path, workers: Workers, watch: Callable[[str, Progress], None]
) -> dict[str, Any]:
    """Clean one source into the work folder; says what came and what was left out."""
    done = work / name / "counts.json"
    if done.exists():
        counts: dict[str, Any] = read_json(done)
        return counts
    log = ReadLog(on_error="skip")
    rules = Rules(
        source=name,
        seed=file.seed,
        least=file.words.least,
        most=file.words.most,
        pieces=file.words.pieces,
        languages=tuple(file.languages.keep),
        certain=file.languages.certain,
    )
    read = kept = 0
    megabytes = 0.0
    rejected: Counter[str] = Counter()
    left_out = 0
    with write_blocks(work / name) as add:
        for block in workers.map(partial(cleaner, rules), _blocks(_read(source, name, file.seed, work, log))):
            add(block)
            read += block.read
            kept += len(block.records)
            megabytes += block.size / 1e6
            rejected.update(block.rejected)
            left_out += block.words_left_out
            watch(name, Progress(read, kept, megabytes))
    if log.skipped:
        rejected["unreadable"] = log.skipped
    counts = {
        "read": read + log.skipped,
        "megabytes": round(megabytes, 3),
        "rejected": dict(rejected),
        "words_left_out": left_out,
        "messages": log.messages,
    }
    write_json(done, counts)
    return counts


def _read(source: Source, name: str, seed: int, work: Path, log: ReadLog) -> Iterator[Raw]:
    match source:
        case Files():
            return read_files(source, log)
        case Dataset():
            return read_dataset(source, log)
        case Wikipedia():
            return wikipedia.read_wikipedia(source, seed, work / f"{name}.replies")
        case Dump():
            return wikipedia.read_dump(source, log)
        case Synthetic():
            return read_synthetic(source, seed)


def _blocks(raws: Iterator[Raw]) -> Iterator[list[Raw]]:
    block: list[Raw] = []
    size = 0
    for raw in raws:
        block.append(raw)
        size += len(raw.document.text) + 200
        if size > _BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _choose(index: Index, file: HarvestFile, counts: dict[str, dict[str, Any]]) -> NDArray[np.bool_]:
    """Which documents stay; the others are added to the counts of their source."""
    kept = index.all()
    for reason, dropped in repeats(index, file.duplicates):
        index.count(reason, kept & dropped, counts)
        kept &= ~dropped
    chosen = balanced(index, kept, file.balance.documents, file.balance.temperature, file.balance.quotas)
    index.count("balance", kept & ~chosen, counts)
    return chosen


def _manifest(
    file: HarvestFile, fingerprint: str, counts: dict[str, dict[str, Any]], index: Index, kept: NDArray[np.bool_]
) -> dict[str, Any]:
    sources, languages = index.totals(kept)
    return {
        "fingerprint": fingerprint,
        "harvest": file.model_dump(mode="json"),
        "documents": int(kept.sum()),
        "words": sum(row["words"] for row in languages.values()),
        "sources": {name: {**sources.get(name, {"documents": 0, "words": 0}), **row} for name, row in counts.items()},
        "languages": languages,
    }
