"""Entities of whole corpora: shard by shard, on any workers, resumable, with the same bytes whoever did the work."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from onoma.corpus.formats import parquet
from onoma.document import Document
from onoma.errors import DataError, OnomaError
from onoma.extractors.base import Extractor, blocks_of
from onoma.extractors.load import asked_for, load
from onoma.files import locked, read_json, sha256, write_json
from onoma.scale.shards import SHARD_BYTES, Shard, cut, read_shard
from onoma.scale.workers import Workers

MANIFEST = "manifest.json"
_WORK = ".work"


def extract_corpus(
    extractor: str,
    sources: Sequence[Path],
    target: Path,
    workers: Workers,
    *,
    base: str | None = None,
    labels: str | None = None,
    size: int = SHARD_BYTES,
    watch: Callable[[int, int, int], None] = lambda *_: None,
) -> dict[str, Any]:
    """Find entities in corpora, into a folder of Parquet files that is a corpus again.

    A shard is done when its marker is written, after its file; both are whole or absent. So whatever is killed, workers
    or this process, the same call goes on with the shards that are missing: nothing is lost and nothing stands there
    twice. Documents keep their order, and shards are cut and worked on in the same way by one worker or many, so the
    files are the same to the byte on one kind of machine.

    Args:
        extractor: what :func:`onoma.load` takes; each worker loads it once.
        sources: files and folders, see :func:`onoma.scale.shards.cut`; all workers can read them.
        target: folder that all workers can write to.
        workers: who does it.
        base: where a run's base lies now.
        labels: to ask a generator for, see :func:`onoma.extractors.load.asked_for`.
        size: bytes of text in a shard.
        watch: is told shards done, shards in all, and documents so far.

    Returns:
        The manifest: documents, characters, entities by label, and the files with their checksums.

    Raises:
        DataError: if a source cannot be read, or the folder holds something else.

    Examples:
        >>> extract_corpus("runs/it", [Path("raw")], Path("entities"), LocalWorkers(2))  # doctest: +SKIP
        {'documents': 200000, 'labels': {'OS': 5120, 'SOFTWARE': 90233}, ...}
    """
    shards = cut(sources, size)
    if not shards:
        raise DataError("there is no text", where=", ".join(map(str, sources)))
    job = _fingerprint(extractor, shards, base, labels, size)
    with locked(target):
        manifest = _finished(target, job)
        if manifest is None:
            work = target / _WORK / job[:16]
            work.mkdir(parents=True, exist_ok=True)
            missing = [shard for shard in shards if not _is_done(shard, len(shards), target, work)]
            done, documents = len(shards) - len(missing), 0
            watch(done, len(shards), documents)
            make = partial(_make, extractor, base, labels, target.absolute(), work.absolute(), len(shards))
            for count in workers.map(make, missing) if missing else ():
                done, documents = done + 1, documents + count
                watch(done, len(shards), documents)
            manifest = {"job": job, **_totals([read_json(work / _marker(shard)) for shard in shards])}
            write_json(target / MANIFEST, manifest)
            shutil.rmtree(target / _WORK)
    return manifest


def extract_stream(extractor: str, documents: Iterable[Document], workers: Workers) -> Iterator[Document]:
    """Find entities in documents that this process holds; workers get them in blocks, answers keep the order.

    Args:
        extractor: what :func:`onoma.load` takes; each worker loads it once.
        documents: any number.
        workers: who does it.
    """
    return itertools.chain.from_iterable(workers.map(partial(_block_maker, extractor), blocks_of(documents)))


def _block_maker(extractor: str) -> Callable[[Sequence[Document]], list[Document]]:
    return load(extractor).extract_block


def _finished(target: Path, job: str) -> dict[str, Any] | None:
    """The manifest of a folder in which this job is finished; None where it is under way or not begun."""
    if (target / MANIFEST).exists():
        manifest: dict[str, Any] = read_json(target / MANIFEST)
        if manifest.get("job") == job:
            return manifest
        raise DataError("holds another extraction", where=str(target), mend="Name another folder, or remove this one.")
    if target.exists() and not (target / _WORK / job[:16]).exists() and any(target.iterdir()):
        raise DataError("the folder holds something else", where=str(target), mend="Name another folder.")
    return None


def _make(
    extractor: str, base: str | None, labels: str | None, target: Path, work: Path, total: int
) -> Callable[[Shard], int]:
    loaded = load(extractor, base=base)
    return partial(_extract, asked_for(loaded, labels) if labels else loaded, target, work, total)


def _extract(extractor: Extractor, target: Path, work: Path, total: int, shard: Shard) -> int:
    """Do one shard; says how many documents it has."""
    counts: Counter[str] = Counter()
    labels: Counter[str] = Counter()

    def counted(documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            counts["documents"] += 1
            counts["characters"] += len(document.text)
            labels.update(span.label for span in document.spans)
            yield document

    path = target / _name(shard, total)
    parquet.write(counted(extractor.extract(document for document in read_shard(shard))), path)
    if not counts["documents"]:
        path.unlink()
    file = {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256(path)} if counts["documents"] else None
    write_json(work / _marker(shard), {**counts, "labels": dict(sorted(labels.items())), "file": file})
    return counts["documents"]


def _is_done(shard: Shard, total: int, target: Path, work: Path) -> bool:
    """Whether a shard's marker is there, and its file as the marker says."""
    try:
        file = read_json(work / _marker(shard))["file"]
        return file is None or (target / _name(shard, total)).stat().st_size == file["bytes"]
    except (OnomaError, OSError):
        return False


def _totals(markers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    labels: Counter[str] = Counter()
    for marker in markers:
        labels.update(marker["labels"])
    return {
        "documents": sum(marker.get("documents", 0) for marker in markers),
        "characters": sum(marker.get("characters", 0) for marker in markers),
        "labels": dict(sorted(labels.items())),
        "files": {marker["file"]["name"]: marker["file"]["sha256"] for marker in markers if marker["file"]},
    }


def _fingerprint(extractor: str, shards: Sequence[Shard], base: str | None, labels: str | None, size: int) -> str:
    """What the result depends on: the extractor's files, and the texts' by name, size and time of last change."""
    path = Path(extractor)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    texts = list(dict.fromkeys(shard.path for shard in shards))
    known = {
        "extractor": sha256(*files) if path.exists() else extractor,
        "base": base,
        "labels": labels,
        "size": size,
        "sources": [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in texts],
    }
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def _name(shard: Shard, total: int) -> str:
    return f"train-{shard.number:05}-of-{total:05}.parquet"


def _marker(shard: Shard) -> str:
    return f"{shard.number:05}.json"
