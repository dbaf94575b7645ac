"""Words in, subword pieces out, with nothing to align afterwards.

Each word is encoded on its own, as a word of a pre-split sentence, so the pieces of a word are known by
construction: a tokenizer may normalise (NFKC), drop or merge characters as it likes, and a prediction still
belongs to exact code-point offsets of the original text. It also makes raw text look to the model as the
word-split corpora that it learned from, and lets repeated words be encoded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from onoma.errors import ModelError
from onoma.scripts import rewriting
from onoma.words import casing_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_PIECES = 64
"""Pieces of one word that a model gets to see. A word's tag is read off its first piece or pieces, so the rest
of a 10,000-letter "word" would only crowd out its neighbours; no character of the text is lost by it."""

_MAX_CHARACTERS = 1024
_CACHE_SIZE = 200_000


class WordEncoder:
    """Encodes words to piece ids with a fast tokenizer; remembers what it has encoded.

    Args:
        tokenizer: a ``tokenizers.Tokenizer``; its truncation and padding are switched off.
        rewrite: names of :data:`onoma.scripts.REWRITINGS`, done to each word before the tokenizer sees it.
        mark_casing: put an unused piece of the vocabulary behind words in title, upper or mixed case, so that a base
            without casing sees it.

    Raises:
        ModelError: if casing is to be marked, and the vocabulary has no unused pieces.

    Attributes:
        prefix, suffix: ids that open and close every input, such as ``<s>`` and ``</s>``.
        pad: id that fills up a batch.
        unknown: id that stands for what the vocabulary lacks, or None.

    Examples:
        >>> encoder = WordEncoder.from_folder(Path("base"))  # doctest: +SKIP
        >>> encoder.encode(["অসমীয়া", "ভাষা"])  # doctest: +SKIP
        [(30, 4821), (977,)]
    """

    def __init__(self, tokenizer: Tokenizer, rewrite: Sequence[str] = (), *, mark_casing: bool = False) -> None:
        from tokenizers import pre_tokenizers

        tokenizer.no_truncation()
        tokenizer.no_padding()
        if isinstance(tokenizer.pre_tokenizer, pre_tokenizers.ByteLevel):
            # RoBERTa's vocabulary marks a word by the space before it; pre-split words have none.
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        self._tokenizer = tokenizer
        self._table = rewriting(rewrite)
        self._marks = _casing_marks(tokenizer) if mark_casing else {}
        self._cache: dict[str, tuple[int, ...]] = {}
        self.prefix, self.suffix = _special_ids(tokenizer)
        self.pad = _first_id(tokenizer, "<pad>", "[PAD]", "<|endoftext|>", "</s>") or 0
        self.unknown = _first_id(tokenizer, "<unk>", "[UNK]")

    @classmethod
    def from_folder(cls, folder: Path, rewrite: Sequence[str] = (), *, mark_casing: bool = False) -> WordEncoder:
        """Read ``tokenizer.json`` of a model folder; the other arguments are those of the class.

        Raises:
            ModelError: if the folder has none, or it cannot be read.
        """
        from tokenizers import Tokenizer

        path = folder / "tokenizer.json"
        if not path.exists():
            raise ModelError(
                "no tokenizer.json",
                where=str(folder),
                mend="Save the tokenizer once with AutoTokenizer.from_pretrained(...).save_pretrained(folder).",
            )
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception
            raise ModelError(f"not a tokenizer ({error})", where=str(path)) from error
        return cls(tokenizer, rewrite, mark_casing=mark_casing)

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, special ones included."""
        return int(self._tokenizer.get_vocab_size())

    def pieces_with(self, letters: str) -> tuple[int, ...]:
        """Ids, rising, of the pieces that hold any of these letters; none for no letters.

        Raises:
            ModelError: if no piece holds one.
        """
        wanted = set(letters)
        found = sorted(number for piece, number in self._tokenizer.get_vocab().items() if wanted & set(piece))
        if letters and not found:
            raise ModelError(f"no piece of this base's vocabulary holds any of {letters!r}", where="adapter.letters")
        return tuple(found)

    def rewritten(self, words: Iterable[str]) -> list[str]:
        """Words as the tokenizer sees them."""
        return [_readable(word.translate(self._table)) for word in words]

    def encode(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Ids of each word's pieces; empty for a word of which the tokenizer leaves nothing.

        Shapes: one tuple a word, each at most :data:`MAX_PIECES` long, and one more for a mark of casing.
        """
        cache = self._cache
        missing = [word for word in dict.fromkeys(words) if word not in cache]
        if missing:
            if len(cache) + len(missing) > _CACHE_SIZE:
                cache.clear()
                missing = list(dict.fromkeys(words))
            batch = [[word] for word in self.rewritten(missing)]
            encodings = self._tokenizer.encode_batch_fast(batch, is_pretokenized=True, add_special_tokens=False)
            for word, encoding in zip(missing, encodings, strict=True):
                ids = encoding.ids[:MAX_PIECES]
                mark = self._marks.get(casing_of(word)) if ids else None
                cache[word] = tuple(ids) if mark is None else (*ids, mark)
        return [cache[word] for word in words]


def _casing_marks(tokenizer: Tokenizer) -> dict[str, int]:
    marks = {}
    for number, casing in enumerate(("title", "upper", "mixed"), start=1):
        found = tokenizer.token_to_id(f"[unused{number}]")
        if found is None:
            raise ModelError(
                "this base's vocabulary has no unused pieces to mark casing with",
                where="mark_casing",
                mend="Leave it out; a base that is not uncased sees casing anyway.",
            )
        marks[casing] = int(found)
    return marks


def _readable(word: str) -> str:
    """What a tokenizer can take: lone surrogates stand as U+FFFD, and giant words are cut."""
    return word[:_MAX_CHARACTERS].encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _special_ids(tokenizer: Tokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    full = tokenizer.encode("a", add_special_tokens=True).ids
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return tuple(full[:start]), tuple(full[start + len(bare) :])
    raise ModelError("the tokenizer's special tokens do not surround the text", mend="Use another base.")


def _first_id(tokenizer: Tokenizer, *names: str) -> int | None:
    found = (tokenizer.token_to_id(name) for name in names)
    return next((int(number) for number in found if number is not None), None)
