"""What of a cleaned harvest stays: no repeats, languages in the wanted shares."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from onoma.annotation.harvest.blocks import RECORD, Block
from onoma.corpus.dedupe import alike
from onoma.document import Document

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_LINES, _RECORDS = "documents.jsonl", "records.bin"


@contextlib.contextmanager
def write_blocks(folder: Path) -> Iterator[Callable[[Block], None]]:
    """Write blocks of a source to a folder; what an interrupted writer left there goes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LINES).open("wb") as lines, (folder / _RECORDS).open("wb") as records:
        size = 0

        def add(block: Block) -> None:
            nonlocal size
            moved = block.records.copy()  # what comes from another process may lie in memory that it shares
            moved["offset"] += size
            lines.write(block.lines)
            records.write(moved.tobytes())
            size += len(block.lines)

        yield add
        for handle in (lines, records):
            handle.flush()
            os.fsync(handle.fileno())


@dataclass(frozen=True)
class Index:
    """Documents of cleaned sources, which stay on disk.

    Args:
        folders: of the sources.
        records: of all documents, of dtype :data:`onoma.annotation.harvest.blocks.RECORD`.
        source: of each, the place of its folder.
    """

    folders: Sequence[Path]
    records: NDArray[np.void]
    source: NDArray[np.uint16]

    @classmethod
    def load(cls, folders: Sequence[Path]) -> Self:
        """The index of sources that were written."""
        import numpy as np

        parts = [np.fromfile(folder / _RECORDS, dtype=RECORD) for folder in folders]
        source = np.concatenate([np.full(len(part), number, np.uint16) for number, part in enumerate(parts)])
        return cls(folders, np.concatenate(parts), source)

    def all(self) -> NDArray[np.bool_]:
        """A mask of every document."""
        import numpy as np

        return np.ones(len(self.records), dtype=np.bool_)

    def documents(self, kept: NDArray[np.bool_]) -> Iterator[Document]:
        """The documents of a mask, read one after the other."""
        for number, folder in enumerate(self.folders):
            with (folder / _LINES).open("rb") as handle:
                for keep, line in zip(kept[self.source == number], handle, strict=True):
                    if keep:
                        yield Document.from_dict(json.loads(line))

    def count(self, reason: str, dropped: NDArray[np.bool_], counts: Mapping[str, dict[str, Any]]) -> None:
        """Add the documents of a mask to what was rejected of their sources."""
        import numpy as np

        for number, total in zip(*np.unique(self.source[dropped], return_counts=True), strict=True):
            counts[self.folders[number].name]["rejected"][reason] = int(total)

    def totals(self, kept: NDArray[np.bool_]) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
        """Documents and words of a mask by source and by language."""
        import numpy as np

        def by(keys: NDArray[Any], name: Callable[[Any], str]) -> dict[str, dict[str, int]]:
            result = {}
            for key in np.unique(keys[kept]):
                rows = kept & (keys == key)
                result[name(key)] = {"documents": int(rows.sum()), "words": int(self.records["words"][rows].sum())}
            return result

        return (
            by(self.source, lambda number: self.folders[number].name),
            by(self.records["language"], lambda code: code.decode()),
        )

    @contextlib.contextmanager
    def texts(self) -> Iterator[Callable[[int], str]]:
        """Texts by row, read from disk when asked for."""
        with contextlib.ExitStack() as stack:
            handles: list[IO[bytes]] = [stack.enter_context((folder / _LINES).open("rb")) for folder in self.folders]

            def text(row: int) -> str:
                record = self.records[row]
                line = os.pread(handles[self.source[row]].fileno(), int(record["size"]), int(record["offset"]))
                return str(json.loads(line)["text"])

            yield text


def repeats(index: Index, threshold: float | None) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Masks of the documents that repeat an earlier one: exactly, and then nearly."""
    import numpy as np

    first = np.zeros(len(index.records), dtype=np.bool_)
    first[np.unique(index.records["exact"], return_index=True)[1]] = True
    yield "duplicate", ~first
    if threshold is None:
        return
    rows = np.flatnonzero(first)
    near = np.zeros(len(index.records), dtype=np.bool_)
    with index.texts() as text:
        for group in alike(index.records["keys"][rows], lambda row: text(rows[row]), threshold=threshold):
            near[rows[group[1:]]] = True
    yield "near-duplicate", near


def balanced(
    index: Index, kept: NDArray[np.bool_], documents: int | None, temperature: float, quotas: Mapping[str, int]
) -> NDArray[np.bool_]:
    """A mask of what languages' shares leave; which documents of a language, the seed decides."""
    import numpy as np

    codes, counts = np.unique(index.records["language"][kept], return_counts=True)
    have = {code.decode(): int(count) for code, count in zip(codes, counts, strict=True)}
    if documents is None:
        wanted = {language: min(count, quotas.get(language, count)) for language, count in have.items()}
    else:
        wanted = shares(have, documents, temperature)
    chosen = np.zeros(len(kept), dtype=np.bool_)
    for language, count in wanted.items():
        rows = np.flatnonzero(kept & (index.records["language"] == language.encode()))
        chosen[rows[np.argsort(index.records["priority"][rows], kind="stable")[:count]]] = True
    return chosen


def shares(have: Mapping[str, int], wanted: int, temperature: float) -> dict[str, int]:
    """Share documents out among languages, each in proportion to its count to the power of 1/temperature.

    What a language has too little of goes to the others, in the same proportions.

    Args:
        have: documents by language.
        wanted: in all.
        temperature: 1 for the natural shares, infinite for equal ones (https://arxiv.org/abs/1907.05019).

    Examples:
        >>> shares({"as": 10, "bn": 1000, "hi": 1000}, 410, float("inf"))
        {'as': 10, 'bn': 200, 'hi': 200}
    """
    result: dict[str, int] = {}
    left = {language: count ** (1 / temperature) for language, count in sorted(have.items()) if count}
    remaining = min(wanted, sum(have.values()))
    while left:
        total = sum(left.values())
        full = [name for name, weight in left.items() if have[name] <= remaining * weight / total]
        if not full:
            break
        for name in full:
            result[name] = have[name]
            remaining -= have[name]
            del left[name]
    total = sum(left.values())
    exact = {name: remaining * weight / total for name, weight in left.items()}
    result |= {name: int(share) for name, share in exact.items()}
    # Whole documents alone: the largest fractions get what rounding down has left over.
    spare = remaining - sum(int(share) for share in exact.values())
    for name in sorted(exact, key=lambda name: (int(exact[name]) - exact[name], name))[:spare]:
        result[name] += 1
    return {name: result.get(name, 0) for name in have}
