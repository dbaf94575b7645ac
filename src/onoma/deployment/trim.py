"""A tokenizer with the pieces that some text needs, and little else; a base's word embeddings shrink with it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onoma.alignment import WordEncoder
from onoma.annotation.harvest.languages import script_share
from onoma.errors import ModelError
from onoma.files import write_text

_WORD_START = "▁Ġ"


@dataclass(frozen=True)
class Trimmed:
    """A smaller vocabulary.

    Args:
        kept: old ids, rising; the place of one in this list is its new id.
        before: pieces of the old vocabulary.
    """

    kept: list[int]
    before: int


def trim_tokenizer(source: Path, target: Path, words: Iterable[str], *, always: Collection[str] = ()) -> Trimmed:
    """Write a ``tokenizer.json`` that knows the pieces of these words, all single characters and all special tokens.

    On these words it gives the same pieces as the old one: a unigram model's best path and a longest match stay what
    they are when pieces that neither uses are taken away, and a BPE's merges are kept with all that they build on. The
    idea is that of Abdaoui et al. 2020 (https://aclanthology.org/2020.sustainlp-1.16).

    Args:
        source: the old ``tokenizer.json``.
        target: the new one.
        words: as :class:`onoma.alignment.WordEncoder` encodes them.
        always: pieces that are kept besides.

    Raises:
        ModelError: if the tokenizer is of a kind that cannot be trimmed.
    """
    content = json.loads(source.read_text(encoding="utf-8"))
    kind = content["model"].get("type") or ("Unigram" if "unk_id" in content["model"] else "")
    if kind not in ("Unigram", "WordPiece", "BPE"):
        raise ModelError(f"a tokenizer of kind {kind or 'unknown'!r} cannot be trimmed", where=str(source))
    vocabulary = _vocabulary(content["model"])
    wanted = {piece for piece in vocabulary if _is_character(piece)}
    wanted |= {token["content"] for token in content["added_tokens"]} | {*always}
    wanted |= _pieces_of(source, words, vocabulary)
    if kind == "BPE":
        wanted = _with_parts(wanted, content["model"]["merges"])
    ids = {number for piece, number in vocabulary.items() if piece in wanted}
    ids |= {int(token["id"]) for token in content["added_tokens"]}
    if kind == "Unigram":
        ids.add(int(content["model"]["unk_id"]))
    kept = sorted(ids)
    new = {old: number for number, old in enumerate(kept)}
    _shrink(content, kind, new)
    write_text(target, json.dumps(content, ensure_ascii=False))
    return Trimmed(kept, max([*vocabulary.values(), *(int(token["id"]) for token in content["added_tokens"])]) + 1)


def script_pieces(source: Path, languages: Collection[str]) -> set[str]:
    """Pieces of a ``tokenizer.json`` whose letters are all of the scripts that these languages are written in."""
    if not languages:
        return set()
    vocabulary = _vocabulary(json.loads(source.read_text(encoding="utf-8"))["model"])
    return {piece for piece in vocabulary if any(script_share(piece, language) == 1.0 for language in languages)}


def different_words(old: WordEncoder, new: WordEncoder, kept: Sequence[int], words: Iterable[str]) -> list[str]:
    """The words that the smaller tokenizer cuts otherwise than the old one."""
    listed = list(words)
    pairs = zip(listed, old.encode(listed), new.encode(listed), strict=True)
    return [word for word, before, after in pairs if before != tuple(kept[number] for number in after)]


def _vocabulary(model: dict[str, Any]) -> dict[str, int]:
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        return {piece: int(number) for piece, number in vocabulary.items()}
    return {piece: number for number, (piece, _) in enumerate(vocabulary)}


def _pieces_of(source: Path, words: Iterable[str], vocabulary: dict[str, int]) -> set[str]:
    encoder = WordEncoder.from_folder(source.parent)
    names = {number: piece for piece, number in vocabulary.items()}
    used = {number for pieces in encoder.encode(list(dict.fromkeys(words))) for number in pieces}
    return {names[number] for number in used if number in names}


def _is_character(piece: str) -> bool:
    return len(piece.removeprefix("##").lstrip(_WORD_START)) <= 1


def _with_parts(wanted: set[str], merges: Sequence[Any]) -> set[str]:
    """Pieces with all the pieces that they are merged from."""
    made: dict[str, tuple[str, str]] = {}
    for merge in merges:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        made.setdefault(left + right, (left, right))
    left_over = list(wanted)
    while left_over:
        for part in made.get(left_over.pop(), ()):
            if part not in wanted:
                wanted.add(part)
                left_over.append(part)
    return wanted


def _shrink(content: dict[str, Any], kind: str, new: dict[int, int]) -> None:
    model = content["model"]
    if kind == "Unigram":
        model["vocab"] = [entry for number, entry in enumerate(model["vocab"]) if number in new]
        model["unk_id"] = new[int(model["unk_id"])]
    else:
        model["vocab"] = {piece: new[number] for piece, number in model["vocab"].items() if number in new}
    if kind == "BPE":
        pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
        known = model["vocab"]
        model["merges"] = [
            merge
            for merge, (left, right) in zip(model["merges"], pairs, strict=True)
            if left in known and right in known and left + right in known
        ]
    for token in content["added_tokens"]:
        token["id"] = new[int(token["id"])]
    content["truncation"] = content["padding"] = None
    _renumber(content["post_processor"], new)


def _renumber(processor: dict[str, Any] | None, new: dict[int, int]) -> None:
    """Put new ids into what surrounds the text with special tokens."""
    if processor is None:
        return
    for special in (processor.get("special_tokens") or {}).values():
        special["ids"] = [new[int(number)] for number in special["ids"]]
    for name in ("sep", "cls"):
        if name in processor:
            token, number = processor[name]
            processor[name] = [token, new[int(number)]]
    for inner in processor.get("processors") or ():
        _renumber(inner, new)
