"""What a run says of itself: ``onoma.json`` beside the weights, in every folder that can be loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from onoma.errors import ModelError, OnomaError
from onoma.files import read_json, write_json

CARD_NAME = "onoma.json"
FORMAT_VERSION = 1
Method = Literal["lora", "dora", "rslora", "full"]


@dataclass(frozen=True)
class RunCard:
    """All that is needed to use a run's weights the way they were trained.

    Args:
        labels: entity types in the order of the head's outputs.
        method: how the base was adapted; ``"full"`` runs carry the whole model.
        base: name of the base as the user gave it.
        base_revision: commit on the hub, or None.
        base_checksum: over the base's weights.
        tokenizer_checksum: over the base's ``tokenizer.json``.
        window: pieces of a usual window.
        subwords: ``"first"`` or ``"mean"``: how a word's logits come from its pieces.
        thresholds: least span score of each label.
        rewrite: names of :data:`onoma.scripts.REWRITINGS`.
        mark_casing: whether words are followed by marks of their casing.
        layers: how many of the base's layers it keeps, or None for all.
        temperature: that makes scores mean what they say, see :mod:`onoma.evaluation.calibration`.
    """

    labels: tuple[str, ...]
    method: Method
    base: str
    base_revision: str | None
    base_checksum: str
    tokenizer_checksum: str
    window: int
    subwords: Literal["first", "mean"] = "first"
    thresholds: dict[str, float] = field(default_factory=dict)
    rewrite: tuple[str, ...] = ()
    mark_casing: bool = False
    layers: int | None = None
    temperature: float = 1.0

    def write(self, folder: Path) -> None:
        """Write ``onoma.json`` into a folder."""
        write_json(folder / CARD_NAME, {"format": FORMAT_VERSION, "kind": "tagger", **asdict(self)})

    @classmethod
    def read(cls, folder: Path) -> RunCard:
        """Read ``onoma.json`` of a folder.

        Raises:
            ModelError: if the folder is no run, or one of a newer Onoma.
        """
        path = folder / CARD_NAME
        if not path.exists():
            raise ModelError(
                f"no {CARD_NAME}: this is not a run", where=str(folder), mend="Name a folder that `onoma train` left."
            )
        try:
            content: dict[str, Any] = dict(read_json(path))
            version, kind = content.pop("format"), content.pop("kind")
            if kind != "tagger":
                raise ModelError(f"this is the folder of a {kind}, and a tagger's run is needed", where=str(path))
            if version != FORMAT_VERSION:
                raise ModelError("this run is of another version of Onoma", where=str(path), mend="Upgrade onoma.")
            content |= {name: tuple(content[name]) for name in ("labels", "rewrite")}
            return cls(**content)
        except (OnomaError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"not a whole run card ({error})", where=str(path)) from error
