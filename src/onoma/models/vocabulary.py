"""A decoder's tokenizer: text to pieces and back, and the tables that grammars need."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onoma.errors import ModelError
from onoma.files import read_json

if TYPE_CHECKING:
    from llguidance import LLTokenizer


class Vocabulary:
    """Pieces of a decoder.

    Args:
        folder: of a base or an export, with ``tokenizer.json`` and ``config.json``.

    Attributes:
        size: number of pieces.
        begin: what every sequence begins with, one piece or none.
        end: the piece that ends an answer.

    Raises:
        ModelError: if the tokenizer cannot be read, or no piece ends a text.

    Examples:
        >>> vocabulary = Vocabulary(resolve_base("bundled:smollm2-135m").folder)  # doctest: +SKIP
        >>> vocabulary.text(vocabulary.pieces("Rome"))  # doctest: +SKIP
        'Rome'
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        path = folder / "tokenizer.json"
        if not path.exists():
            raise ModelError("no tokenizer.json", where=str(folder), mend="Save the fast tokenizer beside the model.")
        self._json = path.read_text(encoding="utf-8")
        self._tokenizer: Any = Tokenizer.from_str(self._json)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.size: int = self._tokenizer.get_vocab_size()
        self.begin: tuple[int, ...] = tuple(self._tokenizer.encode("").ids)
        self.end = self._end(folder)

    def _end(self, folder: Path) -> int:
        config = folder / "tokenizer_config.json"
        stated = read_json(config).get("eos_token") if config.exists() else None
        name = stated.get("content") if isinstance(stated, dict) else stated
        number = self._tokenizer.token_to_id(name) if name else None
        if number is None:
            number = read_json(folder / "config.json").get("eos_token_id")
        number = number[0] if isinstance(number, list) else number
        if number is None:
            raise ModelError(
                "no piece of this base ends a text",
                where=str(folder),
                mend="Name its eos_token in tokenizer_config.json.",
            )
        return int(number)

    def pieces(self, text: str) -> list[int]:
        """Pieces of a text, no special ones added."""
        ids: list[int] = self._tokenizer.encode(_readable(text), add_special_tokens=False).ids
        return ids

    def bytes_of(self, piece: int) -> bytes:
        """What a piece adds to a text, which need not be whole characters."""
        own: bytes = self.guide.decode_bytes([piece])
        return own

    def text(self, pieces: Sequence[int]) -> str:
        """Text of pieces."""
        return b"".join(map(self.bytes_of, pieces)).decode("utf-8", "replace")

    def sizes(self, text: str, words: Sequence[tuple[int, int]]) -> list[int]:
        """Pieces that each word takes, with what stands between it and the next; nothing for a text without words."""
        if not words:
            return []
        starts = [start for start, _ in self._tokenizer.encode(_readable(text), add_special_tokens=False).offsets]
        sizes = [0] * len(words)
        word = 0
        for start in starts:
            while word + 1 < len(words) and start >= words[word + 1][0]:
                word += 1
            sizes[word] += 1
        return [max(1, size) for size in sizes]

    @functools.cached_property
    def guide(self) -> LLTokenizer:
        """The tables of llguidance."""
        from llguidance import LLTokenizer

        return LLTokenizer(self._json, eos_token=self.end)


def _readable(text: str) -> str:
    """A lone surrogate cannot cross into the tokenizer; the stand-ins keep every offset in place."""
    return text.encode("utf-8", "replace").decode("utf-8")
