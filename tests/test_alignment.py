import json
from pathlib import Path

import pytest
from conftest import NASTY, make_base, texts
from hypothesis import given

from onoma.alignment import MAX_PIECES, WordEncoder
from onoma.errors import ModelError
from onoma.words import word_offsets


@pytest.fixture(scope="session", params=["unigram", "wordpiece", "bytelevel"])
def encoder(request, tmp_path_factory) -> WordEncoder:
    folder = make_base(tmp_path_factory.mktemp("tokenizers") / request.param, tokenizer=request.param)
    return WordEncoder.from_folder(folder)


@given(text=texts())
def test_every_word_has_its_own_pieces(encoder, text):
    words = [text[start:end] for start, end in word_offsets(text)]
    pieces = encoder.encode(words)
    assert len(pieces) == len(words)
    assert all(len(piece) <= MAX_PIECES for piece in pieces)
    # A word's pieces do not depend on its neighbours, nor on what was encoded before.
    assert [encoder.encode([word])[0] for word in words] == pieces


def test_pieces_are_those_of_a_pre_split_sentence(encoder):
    words = [word for text in NASTY for word in text.split()]
    together = encoder._tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
    expected = [
        tuple(i for i, word in zip(together.ids, together.word_ids, strict=True) if word == n)[:MAX_PIECES]
        for n in range(len(words))
    ]
    assert encoder.encode(words) == expected


def test_special_pieces_are_found(encoder):
    assert encoder.prefix == (0,)
    assert encoder.suffix == (2,)
    assert encoder.pad == 1
    assert encoder.unknown == 3
    assert encoder.vocabulary_size > 100


def test_pieces_are_found_by_their_letters(tmp_path):
    encoder = WordEncoder.from_folder(make_base(tmp_path / "base"))
    found = set(encoder.pieces_with("ৰ"))
    assert found
    for word in ("নগৰ", "অসম", "ৰাতি"):
        assert bool(found & set(encoder.encode([word])[0])) == ("ৰ" in word)
    assert encoder.pieces_with("") == ()
    with pytest.raises(ModelError, match="holds any of '☃'"):
        encoder.pieces_with("☃")


def test_casing_is_marked_behind_words(tmp_path):
    folder = make_base(tmp_path / "base", tokenizer="wordpiece")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"] |= {f"[unused{number}]": 90_000 + number for number in (1, 2, 3)}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    plain, marked = WordEncoder.from_folder(folder), WordEncoder.from_folder(folder, mark_casing=True)
    words = ["rome", "Rome", "UN", "McRome", "গুৱাহাটী", "\u200b"]
    added = [found[len(pieces) :] for found, pieces in zip(marked.encode(words), plain.encode(words), strict=True)]
    assert added == [(), (90_001,), (90_002,), (90_003,), (), ()]
    with pytest.raises(ModelError, match="mark_casing: this base's vocabulary has no unused pieces"):
        WordEncoder.from_folder(make_base(tmp_path / "other"), mark_casing=True)


def test_giant_words_and_surrogates_are_taken(encoder):
    giant, surrogate = encoder.encode(["a" * 1_000_000, "\ud800"])
    assert len(giant) <= MAX_PIECES
    assert encoder.encode(["\ufffd"])[0] == surrogate


def test_cache_is_bounded(encoder, monkeypatch):
    monkeypatch.setattr("onoma.alignment._CACHE_SIZE", 10)
    words = [f"w{number}" for number in range(8)]
    first = encoder.encode(words)
    encoder.encode([f"x{number}" for number in range(8)])
    assert encoder.encode(words) == first
    assert len(encoder._cache) <= 16


def test_missing_and_broken_tokenizers_are_named(tmp_path: Path):
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        WordEncoder.from_folder(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="not a tokenizer"):
        WordEncoder.from_folder(tmp_path)
