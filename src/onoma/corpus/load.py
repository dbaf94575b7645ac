"""Find a corpus by what a user types, read it, and write one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path

from onoma.corpus.corpus import Corpus
from onoma.corpus.formats import FORMATS, find_format, format_of_file, hub
from onoma.corpus.reading import Format, Options, ReadLog, losses
from onoma.document import Document
from onoma.errors import DataError, nearest

_SPLIT_NAMES = {"dev": "validation", "val": "validation", "valid": "validation", "eval": "validation"}
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_KNOWN_SPLITS = ("train", "validation", "test")


def load_corpus(
    source: str | Path,
    *,
    format: str | None = None,
    language: str = "",
    options: Options | None = None,
    log: ReadLog | None = None,
) -> Corpus:
    """Read a corpus.

    Args:
        source: a file, a folder with a file (or sub-folder) a split, ``hub:REPO[@REVISION][:CONFIG]`` for a
            Hugging Face dataset, or ``examples:NAME`` for the package's own sentences.
        format: name of the format, where the file name does not tell (see :data:`onoma.corpus.formats.FORMATS`).
        language: BCP 47 code for documents that state none.
        options: reader options of the format, such as ``{"tag_column": 3}`` for CoNLL columns.
        log: collects skipped and mended rows, and says whether a bad row stops the reading.

    Raises:
        DataError: if the source is not there, is empty or has a bad row (unless the log says skip).

    Examples:
        >>> load_corpus("examples:as")["train"][0].language  # doctest: +SKIP
        'as'
    """
    log = log or ReadLog()
    options = dict(options or {})
    name = str(source)
    if name.startswith("hub:"):
        parts: Mapping[str, Iterable[Document]] = hub.read_hub(name.removeprefix("hub:"), log, options)
    else:
        path = local_path(name)
        if hub.is_saved_dataset(path):
            parts = hub.read_saved(path, log, options)
        else:
            parts = _read_path(path, find_format(format) if format else None, log, options)
    return Corpus.from_documents(
        {split: _with_language(documents, language) for split, documents in parts.items()}, log
    )


def local_path(source: str) -> Path:
    """Where a corpus lies that is no dataset on the hub.

    Args:
        source: a path, or ``examples:NAME``.

    Raises:
        DataError: if nothing is there.
    """
    path = _examples_folder(source.removeprefix("examples:")) if source.startswith("examples:") else Path(source)
    if not path.exists():
        raise DataError(
            "no such file or folder", where=source, mend="A corpus is a path, hub:REPO[:CONFIG] or examples:NAME."
        )
    return path


def save_corpus(corpus: Mapping[str, Iterable[Document]], target: Path, *, format: str | None = None) -> Counter[str]:
    """Write a corpus, and count what the format could not carry.

    Args:
        corpus: documents by split name.
        target: a file for one split, or a folder that gets a file a split.
        format: name of the format; else told by the target's ending.

    Returns:
        Counts by what was lost, such as ``{"scores": 12}``.

    Raises:
        DataError: if the format is unknown, or several splits are to go into one file.
    """
    kind = find_format(format) if format else format_of_file(target)
    if kind is None:
        raise DataError(f"the ending of {target.name!r} tells no format", mend=f"Say one of: {', '.join(FORMATS)}.")
    lost: Counter[str] = Counter()

    def counted(documents: Iterable[Document]) -> Iterator[Document]:
        for document in documents:
            lost.update(losses(document, kind.carries))
            yield document

    as_file = bool(kind.suffixes) and target.name.endswith(kind.suffixes)
    if as_file and len(corpus) > 1:
        raise DataError(
            f"{len(corpus)} splits do not go into one file",
            where=str(target),
            mend="Name a folder, or choose a split with --split.",
        )
    for name, documents in corpus.items():
        path = target if as_file else target / (name + (kind.suffixes[0] if kind.suffixes else ""))
        kind.write(counted(documents), path)
    return lost


def _read_path(path: Path, kind: Format | None, log: ReadLog, options: Options) -> dict[str, Iterable[Document]]:
    files = sorted(_files_of(path, kind))
    if not files:
        raise DataError("no file in it has a known format", where=str(path), mend=f"Known: {', '.join(FORMATS)}.")
    by_split: dict[str, list[tuple[Path, Format]]] = {}
    for file, found in files:
        stem = re.sub(r"\..*$", "", file.name) if file.is_file() else file.name
        split = _split_name(stem)
        if file == path and split not in _KNOWN_SPLITS:
            split = "train"
        by_split.setdefault(split, []).append((file, found))
    order = sorted(by_split, key=lambda name: (_KNOWN_SPLITS.index(name) if name in _KNOWN_SPLITS else 3, name))
    return {split: _read_files(by_split[split], log, options) for split in order}


def _files_of(path: Path, kind: Format | None) -> list[tuple[Path, Format]]:
    """Files (or brat folders) below ``path`` that hold a split each, with their formats."""
    brat = FORMATS["brat"]
    if path.is_file():
        found = kind or format_of_file(path)
        if found is None:
            raise DataError("the file name tells no format", where=str(path), mend=f"Say one of: {', '.join(FORMATS)}.")
        return [(path, found)]
    if kind in (None, brat) and any(path.glob("*.ann")):
        return [(path, brat)]
    result = []
    for child in sorted(path.iterdir()):
        if child.is_dir() and kind in (None, brat) and any(child.glob("*.ann")):
            result.append((child, brat))
        elif child.is_file():
            found = format_of_file(child) if child.suffix != ".json" or _is_list(child) else None
            if found is not None and (kind is None or child.name.endswith(kind.suffixes)):
                result.append((child, kind or found))
    return result


def _is_list(path: Path) -> bool:
    """True for the JSON files that may hold documents; a table is a manifest, a card or a configuration."""
    with path.open("rb") as handle:
        return handle.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _read_files(files: list[tuple[Path, Format]], log: ReadLog, options: Options) -> Iterator[Document]:
    for path, kind in files:
        unknown = set(options) - set(kind.options)
        if unknown:
            name = sorted(unknown)[0]
            raise DataError(f"the format {kind.name} has no option {name!r}", mend=nearest(name, kind.options))
        count = 0
        for document in kind.read(path, log, options):
            count += 1
            yield document
        if count == 0 and not log.skipped:
            raise DataError("the file holds no document", where=str(path))


def _split_name(stem: str) -> str:
    name = _SHARD.sub("", stem)
    return _SPLIT_NAMES.get(name, name)


def _with_language(documents: Iterable[Document], language: str) -> Iterator[Document]:
    for document in documents:
        if language and not document.language:
            yield Document(document.text, document.spans, document.tokens, document.id, language, document.meta)
        else:
            yield document


def _examples_folder(name: str) -> Path:
    root = Path(str(resources.files("onoma") / "examples"))
    known = sorted(child.name for child in root.iterdir() if child.is_dir() and not child.name.startswith("_"))
    if name not in known:
        raise DataError(f"no examples {name!r}", mend=nearest(name, known))
    return root / name
