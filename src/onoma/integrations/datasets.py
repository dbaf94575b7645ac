"""A function for ``datasets.Dataset.map``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from onoma.extractors.base import Extractor


def map_entities(
    extractor: Extractor, *, column: str = "text", into: str = "entities"
) -> Callable[[Mapping[str, list[Any]]], dict[str, list[Any]]]:
    """A function that adds a column of entities to batches of rows.

    Args:
        extractor: that finds them.
        column: of text.
        into: the new column; each row has a list of ``{"start", "end", "label", "score"}``.

    Examples:
        >>> dataset.map(map_entities(onoma.load("runs/it")), batched=True, batch_size=256)  # doctest: +SKIP
    """

    def add(batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        found = extractor.extract([str(text) for text in batch[column]])
        return {
            into: [
                [
                    {
                        "start": span.start,
                        "end": span.end,
                        "label": span.label,
                        "score": span.sureness,
                    }
                    for span in document.spans
                ]
                for document in found
            ]
        }

    return add
