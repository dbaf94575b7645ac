"""Blocks of documents, cleaned by themselves."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from onoma.annotation.harvest.clean import clean_text, cut_text
from onoma.annotation.harvest.languages import identify, script_share
from onoma.annotation.harvest.markup import plain_text
from onoma.annotation.harvest.readers import Raw
from onoma.corpus.dedupe import BANDS, band_keys, normalised
from onoma.document import Document
from onoma.words import word_offsets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_OWN_SCRIPT = 0.5
_SAMPLE = 300
"""Characters that language and script are told from."""
RECORD = [
    ("offset", "<u8"),
    ("size", "<u4"),
    ("words", "<u4"),
    ("language", "S12"),
    ("priority", "<u8"),
    ("exact", "<u8"),
    ("keys", "<u4", BANDS),
]
"""What is known of a document without reading it; the offset is that of its line in the file beside."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is kept of a source.

    Args:
        source: its name, which goes into the ids.
        seed: of the order in which documents are chosen.
        least, most: words of a document.
        pieces: of a document that is cut, or None for all.
        languages: that are wanted, or none for any.
        certain: probability from which another language counts.
    """

    source: str
    seed: int
    least: int
    most: int
    pieces: int | None
    languages: tuple[str, ...]
    certain: float


@dataclass(frozen=True, slots=True)
class Block:
    """Cleaned documents.

    Args:
        lines: their JSON, a document a line.
        records: of dtype :data:`RECORD`, offsets counted from the block's begin.
        read: how many came.
        size: bytes of their text as it came.
        rejected: how many were left out, by reason.
        words_left_out: by cutting.
    """

    lines: bytes
    records: NDArray[np.void]
    read: int
    size: int
    rejected: Counter[str]
    words_left_out: int


def cleaner(rules: Rules) -> Callable[[list[Raw]], Block]:
    """What a worker does with each block of a source."""
    return partial(clean_block, rules=rules)


def clean_block(raws: list[Raw], rules: Rules) -> Block:
    """Take markup away, clean, cut, tell the language, and reject what is not wanted."""
    import numpy as np

    rejected: Counter[str] = Counter()
    kept: list[tuple[Document, int]] = []
    left_out = 0
    for raw in raws:
        pieces = _pieces(raw, rules)
        left_out += sum(words for _, words in pieces[rules.pieces :]) if rules.pieces else 0
        if not pieces:
            rejected["empty"] += 1
        for piece, words in pieces[: rules.pieces]:
            language, reason = ("", "short") if words < rules.least else _language(piece, rules)
            if reason:
                rejected[reason] += 1
                continue
            meta = {**piece.meta, "source": rules.source}
            kept.append((replace(piece, id=f"{rules.source}/{piece.id}", language=language, meta=meta), words))
    records = np.zeros(len(kept), dtype=RECORD)
    lines = []
    offset = 0
    for row, (document, words) in enumerate(kept):
        line = json.dumps(document.to_dict(), ensure_ascii=False).encode() + b"\n"
        records[row]["offset"], records[row]["size"], records[row]["words"] = offset, len(line), words
        records[row]["language"] = document.language.encode()[:12]
        records[row]["priority"] = _hash(f"{rules.seed} {document.id}")
        records[row]["exact"] = _hash(normalised(document.text))
        lines.append(line)
        offset += len(line)
    if kept:
        records["keys"] = band_keys([document.text for document, _ in kept])
    size = sum(len(raw.document.text.encode("utf-8", "surrogatepass")) for raw in raws)
    return Block(b"".join(lines), records, len(raws), size, rejected, left_out)


def _pieces(raw: Raw, rules: Rules) -> list[tuple[Document, int]]:
    """A document without markup and of the wanted size, or several, each with its number of words."""
    document = raw.document
    if document.spans:
        return [(document, len(document.words()))]
    text = clean_text(plain_text(document.text, raw.markup))
    words = len(word_offsets(text))
    if words <= rules.most:
        return [(replace(document, text=text), words)] if words else []
    parts = cut_text(text, rules.most, document.language)
    return [
        (replace(document, text=part, id=f"{document.id}#{number}"), len(word_offsets(part)))
        for number, part in enumerate(parts, start=1)
    ]


def _language(document: Document, rules: Rules) -> tuple[str, str]:
    """The language of a document, and why it is not wanted, if it is not."""
    sample = document.text[:_SAMPLE]
    found, probability = identify(sample)
    language = document.language or found
    if rules.languages and language.partition("-")[0] not in rules.languages:
        return language, "language"
    if document.spans:  # made up of names and numbers, of which no language can be told
        return language, ""
    if script_share(sample, language) < _OWN_SCRIPT:
        return language, "script"
    if document.language and found != language.partition("-")[0] and probability >= rules.certain:
        return language, "language"
    return language, ""


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
