"""What an exported tagger says of itself: ``onoma.json`` beside the graph, with all that is needed to run it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from onoma.errors import ModelError, OnomaError
from onoma.files import read_json, sha256, write_json
from onoma.models.runs import CARD_NAME, FORMAT_VERSION

KIND = "onnx-tagger"
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
_MEND = "Export the run again, or copy the whole folder."
Precision = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True)
class ExportCard:
    """All that is needed to run an exported tagger the way its run does.

    Args:
        labels, window, subwords, thresholds, rewrite, mark_casing, temperature: as in the run's card.
        max_pieces: longest input of the base, special pieces included.
        precision: of the weights.
        checksum: over graph and tokenizer.
        base: of the run, as its user named it.
        method: how the base was adapted.
        threads: that were fastest where it was exported, by a short measurement; 0 leaves it to the runtime.
        budget: padded pieces of a batch, chosen likewise.
        spin: whether idle threads wait without sleeping, chosen likewise.
        parity: how the graph differs from the run, as measured before it was accepted.
    """

    labels: tuple[str, ...]
    window: int
    max_pieces: int
    precision: Precision
    checksum: str
    base: str
    method: str
    subwords: Literal["first", "mean"] = "first"
    thresholds: dict[str, float] = field(default_factory=dict)
    rewrite: tuple[str, ...] = ()
    mark_casing: bool = False
    temperature: float = 1.0
    threads: int = 0
    budget: int = 2048
    spin: bool = False
    parity: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write ``onoma.json`` into a folder."""
        write_json(folder / CARD_NAME, {"format": FORMAT_VERSION, "kind": KIND, **asdict(self)})

    @classmethod
    def read(cls, folder: Path) -> ExportCard:
        """Read ``onoma.json`` of a folder, and see that graph and tokenizer are those that it was written for.

        Raises:
            ModelError: if it is not whole, or the files beside it are others.
        """
        path = folder / CARD_NAME
        try:
            content: dict[str, Any] = dict(read_json(path))
            if content.pop("format") != FORMAT_VERSION or content.pop("kind") != KIND:
                raise ModelError("this export is of another version of Onoma", where=str(path), mend="Upgrade onoma.")
            content |= {name: tuple(content[name]) for name in ("labels", "rewrite")}
            card = cls(**content)
        except (OnomaError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"not a whole export card ({error})", where=str(path)) from error
        for name in (GRAPH, TOKENIZER):
            if not (folder / name).exists():
                raise ModelError(
                    f"no {name}", where=str(folder), mend="Export the run again, or copy the whole folder."
                )
        if checksum_of(folder) != card.checksum:
            raise ModelError(
                "graph or tokenizer are not those that the card was written for",
                where=str(folder),
                mend=_MEND,
            )
        return card


def checksum_of(folder: Path) -> str:
    """Checksum over graph and tokenizer of an export."""
    return sha256(folder / GRAPH, folder / TOKENIZER)


def kind_of(folder: Path) -> str:
    """Kind that the ``onoma.json`` of a folder states; empty where there is none."""
    path = folder / CARD_NAME
    if not path.exists():
        return ""
    try:
        return str(read_json(path).get("kind", ""))
    except (OnomaError, AttributeError):
        return ""
