import pytest
from conftest import make_base

from onoma.alignment import WordEncoder
from onoma.corpus import load_corpus
from onoma.deployment.trim import different_words, script_pieces, trim_tokenizer
from onoma.errors import ModelError


@pytest.fixture(scope="module", params=["unigram", "wordpiece", "bpe"])
def base(request, tmp_path_factory):
    return make_base(tmp_path_factory.mktemp(request.param) / "base", tokenizer=request.param)


@pytest.fixture(scope="module")
def words():
    return sorted({word for document in load_corpus("examples:as")["train"] for word in document.word_texts()})


def test_known_words_are_cut_as_before_and_others_can_be_read(base, words, tmp_path):
    trimmed = trim_tokenizer(base / "tokenizer.json", tmp_path / "tokenizer.json", words)
    old, new = WordEncoder.from_folder(base), WordEncoder.from_folder(tmp_path)
    assert trimmed.before == old.vocabulary_size > new.vocabulary_size == len(trimmed.kept)
    assert different_words(old, new, trimmed.kept, words) == []
    for name in ("prefix", "suffix"):
        assert tuple(trimmed.kept[number] for number in getattr(new, name)) == getattr(old, name)
    assert trimmed.kept[new.pad] == old.pad
    assert trimmed.kept[new.unknown] == old.unknown
    strangers = ["গুৱাহাটীতহৈছিল", "Ubuntu", "दिल्ली", "漢"]
    assert all(new.encode(strangers))
    assert set(different_words(old, new, trimmed.kept, strangers)) <= set(strangers)


def test_pieces_of_scripts(base, tmp_path):
    pieces = script_pieces(base / "tokenizer.json", ["as", "en"])
    trimmed = trim_tokenizer(base / "tokenizer.json", tmp_path / "tokenizer.json", [], always=pieces)
    old, new = WordEncoder.from_folder(base), WordEncoder.from_folder(tmp_path)
    english = [word for document in load_corpus("examples:en-it")["train"] for word in document.word_texts()]
    assert different_words(old, new, trimmed.kept, english) == []
    assert script_pieces(base / "tokenizer.json", []) == set()


def test_other_tokenizers_are_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "WordLevel", "vocab": {}}, "added_tokens": []}')
    with pytest.raises(ModelError, match="of kind 'WordLevel' cannot be trimmed"):
        trim_tokenizer(tmp_path / "tokenizer.json", tmp_path / "new.json", [])
