import json

import pytest
from conftest import texts
from hypothesis import example, given

from onoma.errors import ModelError
from onoma.models.vocabulary import Vocabulary
from onoma.words import word_offsets


@pytest.fixture(scope="module")
def vocabulary(tiny_decoder):
    return Vocabulary(tiny_decoder)


@given(text=texts())
def test_text_comes_back(vocabulary, text):
    assert vocabulary.text(vocabulary.pieces(text)) == text


@given(text=texts())
@example(text="\x80")
def test_every_piece_belongs_to_a_word(vocabulary, text):
    words = word_offsets(text)
    sizes = vocabulary.sizes(text, words)
    assert len(sizes) == len(words)
    assert all(size >= 1 for size in sizes)
    assert sum(sizes) >= len(vocabulary.pieces(text)) or not words


def test_no_end_is_said(tiny_decoder, tmp_path):
    (tmp_path / "tokenizer.json").write_text((tiny_decoder / "tokenizer.json").read_text())
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="no piece of this base ends a text"):
        Vocabulary(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": [2, 3]}))
    assert Vocabulary(tmp_path).end == 2


def test_no_tokenizer_is_said(tmp_path):
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        Vocabulary(tmp_path)
