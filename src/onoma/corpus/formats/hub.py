"""Datasets of the Hugging Face hub, and folders that ``datasets.save_to_disk`` leaves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from onoma.corpus.formats import rows
from onoma.corpus.formats.parquet import rows_tag_names
from onoma.corpus.reading import Options, ReadLog
from onoma.document import Document
from onoma.errors import DataError

if TYPE_CHECKING:
    import datasets

_ADDRESS = re.compile(r"(?P<repo>[\w.\-]+(?:/[\w.\-]+)?)(?:@(?P<revision>[\w.\-/]+))?(?::(?P<config>[\w.\-]+))?")


def read_hub(address: str, log: ReadLog, options: Options) -> dict[str, Iterable[Document]]:
    """Read ``REPO[@REVISION][:CONFIG]`` from the hub or its local cache; no dataset code is ever run.

    Raises:
        DataError: if the address is malformed or the dataset cannot be had.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise DataError(f"not a dataset address: {address!r}", mend="Write hub:REPO[@REVISION][:CONFIG].")
    from datasets import load_dataset

    repo, revision, config = match["repo"], match["revision"], match["config"]
    try:
        loaded = load_dataset(repo, config, revision=revision)
    except Exception as error:  # the loader's own errors share no base class
        raise DataError(
            f"the dataset {repo!r}{f' ({config})' if config else ''} cannot be loaded: {_first_line(error)}",
            mend="Check the name and the network, or name a local folder instead.",
        ) from error
    return {
        name: _documents(split, f"hub:{address} {name}", log, options, config or "") for name, split in loaded.items()
    }


def is_saved_dataset(path: Path) -> bool:
    """True for a folder that ``datasets.save_to_disk`` wrote."""
    return path.is_dir() and ((path / "dataset_dict.json").exists() or (path / "state.json").exists())


def read_saved(path: Path, log: ReadLog, options: Options) -> dict[str, Iterable[Document]]:
    """Read a folder that ``datasets.save_to_disk`` wrote."""
    import datasets

    try:
        loaded = datasets.load_from_disk(str(path))
    except Exception as error:
        raise DataError(f"not a whole saved dataset: {_first_line(error)}", where=str(path)) from error
    splits = loaded if isinstance(loaded, datasets.DatasetDict) else {"train": loaded}
    return {name: _documents(split, f"{path} {name}", log, options, "") for name, split in splits.items()}


def _documents(split: datasets.Dataset, place: str, log: ReadLog, options: Options, config: str) -> Iterator[Document]:
    def iterate() -> Iterator[tuple[str, rows.Row]]:
        for number, row in enumerate(split, start=1):
            # Multilingual datasets name a configuration by its language, and rows then leave it out.
            extra = {"language": config} if _LANGUAGE.fullmatch(config) and "language" not in row else {}
            yield f"{place}: row {number}", {**row, **extra}

    yield from rows.documents_from_rows(iterate, log, options, rows_tag_names(split.features))


_LANGUAGE = re.compile(r"[a-z]{2,3}")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
