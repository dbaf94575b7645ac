import pytest
from conftest import texts
from hypothesis import given

from onoma.alignment import WordEncoder
from onoma.errors import RecipeError
from onoma.scripts import REWRITINGS, rewriting


def test_letters():
    assert "নেহৰু শিৱাজী".translate(rewriting(["assamese-as-bengali"])) == "নেহরু শিবাজী"
    assert "भारत हिन्दी विश्व १२।".translate(rewriting(["devanagari-as-bengali"])) == "ভারত হিন্দী বিশ্ব ১২।"
    assert "ज़फ़र बड़ा ऑटो".translate(rewriting(["devanagari-as-bengali"])) == "জ়ফ়র বড়া ওটো"
    both = rewriting(["assamese-as-bengali", "devanagari-as-bengali"])
    assert "भ ৰ".translate(both) == "ভ র"
    with pytest.raises(
        RecipeError, match="rewrite: no rewriting 'assamese-as-bengal'. Did you mean 'assamese-as-bengali'"
    ):
        rewriting(["assamese-as-bengal"])


@given(texts())
def test_every_letter_stays_one_letter(text):
    for name in REWRITINGS:
        assert len(text.translate(rewriting([name]))) == len(text)


def test_only_the_tokenizer_sees_it(tiny_base):
    plain = WordEncoder.from_folder(tiny_base)
    rewritten = WordEncoder.from_folder(tiny_base, ["assamese-as-bengali"])
    assert rewritten.encode(["অসমৰ", "x"]) == plain.encode(["অসমর", "x"])
