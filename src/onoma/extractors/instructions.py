"""What a generator is told before it writes: the task, the types that it may use, the text.

Training and extraction share it. A generator knows its prompt by heart, so the wording has a version that is kept in
the run: a new wording is a new version beside the old ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

VERSION = 1


def task(labels: Sequence[str] | None, definitions: Mapping[str, str] | None = None) -> str:
    r"""The part of a prompt that is the same for all texts.

    Args:
        labels: the only types there are, in this order; None lets the model choose.
        definitions: what some of them mean.

    Examples:
        >>> task(["person", "place"], {"place": "cities, rivers"})
        'Find the entities.\nTypes: person; place (cities, rivers)\n'
    """
    meanings = definitions or {}
    names = "any" if labels is None else "; ".join(_with_meaning(label, meanings.get(label, "")) for label in labels)
    return f"Find the entities.\nTypes: {names}\n"


def question(text: str) -> str:
    r"""The part of a prompt that holds the text; the answer follows it.

    Examples:
        >>> question("Rome fell.")
        'Text: Rome fell.\nEntities: '
    """
    return f"Text: {text}\nEntities: "


def _with_meaning(label: str, meaning: str) -> str:
    return f"{label} ({meaning})" if meaning else label
