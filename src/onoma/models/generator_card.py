"""What a generator's run says of itself: ``onoma.json`` beside its adapter, or beside its 4-bit export."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from onoma.errors import ModelError, OnomaError
from onoma.files import read_json, write_json
from onoma.models.runs import CARD_NAME, FORMAT_VERSION, Method

KIND = "generator"
EXPORT_KIND = "genai-generator"


@dataclass(frozen=True)
class GeneratorCard:
    """All that is needed to use a generator the way it was trained.

    Args:
        labels: entity types that it was trained on.
        method: how the base was adapted; ``"full"`` runs carry the whole model.
        base: name of the base as the user gave it.
        base_revision: commit on the hub, or None.
        base_checksum: over the base's weights.
        tokenizer_checksum: over the base's ``tokenizer.json``.
        codec: format of its answers.
        instructions: version of the prompt, see :mod:`onoma.extractors.instructions`.
        window: pieces of text read at a time.
        definitions: what labels mean, where that is said.
        thresholds: least span score of each label.
        exported: True for a 4-bit export.
    """

    labels: tuple[str, ...]
    method: Method
    base: str
    base_revision: str | None
    base_checksum: str
    tokenizer_checksum: str
    codec: str
    instructions: int
    window: int
    definitions: dict[str, str] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)
    exported: bool = False

    def write(self, folder: Path) -> None:
        """Write ``onoma.json`` into a folder."""
        content = asdict(self)
        kind = EXPORT_KIND if content.pop("exported") else KIND
        write_json(folder / CARD_NAME, {"format": FORMAT_VERSION, "kind": kind, **content})

    @classmethod
    def read(cls, folder: Path) -> GeneratorCard:
        """Read ``onoma.json`` of a folder.

        Raises:
            ModelError: if it is no generator's, not whole, or of a newer Onoma.
        """
        path = folder / CARD_NAME
        try:
            content: dict[str, Any] = dict(read_json(path))
            version, kind = content.pop("format"), content.pop("kind")
            if version != FORMAT_VERSION or kind not in {KIND, EXPORT_KIND}:
                raise ModelError("no generator of this version of Onoma", where=str(path), mend="Upgrade onoma.")
            content["labels"] = tuple(content["labels"])
            return cls(**content, exported=kind == EXPORT_KIND)
        except (OnomaError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"not a whole run card ({error})", where=str(path)) from error
