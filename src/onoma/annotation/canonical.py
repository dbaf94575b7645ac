"""Thousands of free type names become a tidy inventory: forms folded, synonyms joined, the rest proposed by meaning.

The result is a label map (:mod:`onoma.corpus.relabel`), a file that people edit before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import regex
import yaml

from onoma.files import write_text
from onoma.models.embedding import Embed, query

_SYNONYMS = {
    "PERSON": "PER PERS PEOPLE HUMAN NAME PERSON_NAME INDIVIDUAL",
    "ORGANIZATION": "ORG ORGANISATION COMPANY INSTITUTION AGENCY CORPORATION ORGANIZATION_NAME",
    "LOCATION": "LOC PLACE GPE GEOGRAPHY LOCATION_NAME GEOGRAPHICAL_ENTITY",
    "DATE": "DAY CALENDAR_DATE",
    "TIME": "TIME_OF_DAY CLOCK_TIME",
    "MONEY": "CURRENCY PRICE AMOUNT_OF_MONEY MONETARY_VALUE",
    "NUMBER": "NUM CARDINAL QUANTITY NUMERIC",
    "EVENT": "EVT HAPPENING",
    "PRODUCT": "PROD GOOD",
    "MISCELLANEOUS": "MISC OTHER",
}
_PREFERRED = {name: target for target, names in _SYNONYMS.items() for name in names.split()}
_CAMEL = regex.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Inventory:
    """A proposal for which names are one type.

    Args:
        groups: target name, and the names that fall to it, the most frequent first.
        counts: entities by name as it came.
        dropped: names that are too rare.
    """

    groups: dict[str, list[str]]
    counts: dict[str, int]
    dropped: list[str]

    def after(self) -> dict[str, int]:
        """Entities by target name."""
        return {target: sum(self.counts[name] for name in names) for target, names in self.groups.items()}


def fold_name(name: str) -> str:
    """One form for case, spaces, hyphens, camel case and plural.

    Examples:
        >>> [fold_name(name) for name in ("programming languages", "ProgrammingLanguage", "Cities", "BUS")]
        ['PROGRAMMING_LANGUAGE', 'PROGRAMMING_LANGUAGE', 'CITY', 'BUS']
    """
    spaced = _CAMEL.sub(" ", name) if not name.isupper() else name
    words = regex.sub(r"[^\p{L}\p{M}\p{N}]+", " ", spaced).upper().split()
    return "_".join([*words[:-1], _singular(words[-1])]) if words else name


def propose(
    counts: Mapping[str, int], *, embed: Embed | None = None, least: int = 1, likeness: float = 0.9
) -> Inventory:
    """Propose an inventory for type names.

    Names of one folded form, or that a short list of synonyms joins, are one type. With an encoder, types whose names
    mean nearly the same join the most frequent of them (average linkage).

    Args:
        counts: entities by type name.
        embed: an encoder; none joins by form alone.
        least: types with fewer entities are dropped.
        likeness: least mean cosine between two types' names to join them.

    Examples:
        >>> propose({"Person": 3, "PERSONS": 1, "per": 2}).groups
        {'PERSON': ['Person', 'per', 'PERSONS']}
    """
    types: dict[str, list[str]] = {}
    for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        folded = fold_name(name)
        types.setdefault(_PREFERRED.get(folded, folded), []).append(name)
    if embed is not None and len(types) > 1:
        types = _joined(types, counts, embed, likeness)
    totals = {target: sum(counts[name] for name in names) for target, names in types.items()}
    kept = {target: types[target] for target in sorted(types, key=lambda name: (-totals[name], name))}
    dropped = [name for target, names in kept.items() if totals[target] < least for name in names]
    return Inventory(
        {target: names for target, names in kept.items() if totals[target] >= least}, dict(counts), dropped
    )


def write_inventory(inventory: Inventory, path: Path) -> None:
    """Write an inventory as a label map with counts as comments, to be read and edited."""
    lines = [f"# {len(inventory.counts)} names of types became {len(inventory.groups)}.", "map:"]
    for target, names in inventory.groups.items():
        lines.append(f"  {_quoted(target)}:  # {sum(inventory.counts[name] for name in names)}")
        lines += [f"    - {_quoted(name)}  # {inventory.counts[name]}" for name in names]
    if inventory.dropped:
        lines.append("drop:")
        lines += [f"  - {_quoted(name)}  # {inventory.counts[name]}" for name in inventory.dropped]
    write_text(path, "\n".join(lines) + "\n")


def _joined(
    types: Mapping[str, list[str]], counts: Mapping[str, int], embed: Embed, likeness: float
) -> dict[str, list[str]]:
    """Agglomerative clustering by the mean cosine between names of two clusters."""
    import numpy as np

    names = list(types)
    vectors = embed([query(name) for name in names])
    # The mean cosine between clusters is that of the means of their vectors, which add up when two join.
    sums = {number: vectors[number] for number in range(len(names))}
    members = {number: [number] for number in range(len(names))}
    while len(sums) > 1:
        keys = list(sums)
        means = np.stack([sums[key] / len(members[key]) for key in keys])
        cosines = means @ means.T
        np.fill_diagonal(cosines, -1)
        first, second = divmod(int(cosines.argmax()), len(keys))
        if cosines[first, second] < likeness:
            break
        one, other = keys[first], keys[second]
        sums[one] = sums[one] + sums.pop(other)
        members[one] += members.pop(other)
    result = {}
    for group in members.values():
        own = sorted(group, key=lambda number: (-sum(counts[name] for name in types[names[number]]), names[number]))
        together = [name for number in own for name in types[names[number]]]
        result[names[own[0]]] = sorted(together, key=lambda name: (-counts[name], name))
    return result


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("IES"):
        return f"{word[:-3]}Y"
    if len(word) > 3 and word.endswith(("SSES", "XES", "CHES", "SHES")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("S") and not word.endswith(("SS", "US", "IS")) else word


def _quoted(name: str) -> str:
    return yaml.safe_dump(name, allow_unicode=True, width=10_000, default_style='"').strip()
