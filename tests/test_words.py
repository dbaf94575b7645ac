import pytest
import regex
from conftest import NASTY, texts
from hypothesis import example, given
from hypothesis import strategies as st

from onoma.words import is_word_character, line_and_sentence_starts, on_word_boundaries, word_offsets


def words(text):
    return [text[start:end] for start, end in word_offsets(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("অসমীয়া ভাষা।", ["অসমীয়া", "ভাষা", "।"]),
        ("ক্\u200cষ ক্\u200dষ", ["ক্\u200cষ", "ক্\u200dষ"]),
        ("हिन्दी, क़लम॥", ["हिन्दी", ",", "क़लम", "॥"]),
        ("C++ and C#, node.js 3.5.2!", ["C++", "and", "C#", ",", "node.js", "3.5.2", "!"]),
        ("Obama's don't ক'লে", ["Obama", "'s", "don't", "ক'লে"]),
        ("👨\u200d👩\u200d👧😀", ["👨\u200d👩\u200d👧", "😀"]),
        ("東京 ภาษา", ["東", "京", "ภ", "า", "ษ", "า"]),
        ("a\x00b\u00a0c\u200b\ufeff\r\n\t", ["a", "b", "c"]),
        ("co\u00adoperate e\u0301té", ["co\u00adoperate", "e\u0301té"]),
        ("\ud800x", ["\ud800", "x"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_words_of_many_scripts(text, expected):
    assert words(text) == expected


@given(texts())
def test_words_are_disjoint_and_leave_out_nothing_visible(text):
    position = 0
    for start, end in word_offsets(text):
        assert position <= start < end
        assert not regex.search(r"[^\s\p{Z}\p{Cc}\p{Cf}]", text[position:start])
        position = end
    assert not regex.search(r"[^\s\p{Z}\p{Cc}\p{Cf}]", text[position:])


@given(texts())
def test_no_word_ends_inside_a_grapheme_of_letters(text):
    for start, end in word_offsets(text):
        assert end == len(text) or not regex.match(r"\p{M}", text[end]) or not is_word_character(text[start])


def test_word_boundaries_hold_for_indic_suffixes():
    assert not on_word_boundaries("অসমৰ", 0, 3)
    assert on_word_boundaries("অসম।", 0, 3)
    assert on_word_boundaries("x", 0, 1)
    assert not on_word_boundaries("পা\u09bcক", 1, 4)
    assert on_word_boundaries("❤️Rome", 2, 6)
    assert on_word_boundaries("\ufffd\u032936", 2, 4)
    assert on_word_boundaries("ভা\u0eb7\u09be\u1964", 4, 5)  # a Lao sign, cut off by itself, then a letter
    assert not on_word_boundaries("e\u0301a", 2, 3)
    assert not on_word_boundaries(" \u0301a", 2, 3)
    assert not on_word_boundaries("\u0301a", 1, 2)
    assert not on_word_boundaries("☀" + "\u0301" * 100_000 + "a", 100_001, 100_002)


@given(st.one_of(texts(), st.text(), st.text("a❤☀\u0301\ufe0f\u200d\u200c\u00ad\uff9eกไ'.s7")))
def test_every_word_is_on_word_boundaries(text):
    assert all(on_word_boundaries(text, start, end) for start, end in word_offsets(text))


@example("Dr. Smith came.\nNext line. Then more", "en")
@example("অসম এখন ৰাজ্য৷ ইয়াত মানুহ আছে।", "as")
@given(texts(), texts())
def test_sentences_begin_with_a_word_and_lines_begin_sentences(text, language):
    offsets = word_offsets(text)
    lines, sentences = line_and_sentence_starts(text, offsets, language[:2])
    assert set(lines) <= set(sentences) <= set(range(len(offsets)))
    assert not offsets or lines[0] == sentences[0] == 0


def test_sentence_starts():
    text = "Dr. Smith went to Rome. He liked it.\n\nঅসম এখন ৰাজ্য৷ ইয়াত মানুহ আছে। \ud800 End"
    offsets = word_offsets(text)
    lines, sentences = line_and_sentence_starts(text, offsets, "en")
    assert [text[offsets[i][0] :][:5] for i in lines] == ["Dr. S", "অসম এ"]
    assert [text[offsets[i][0] :][:5] for i in sentences][1] == "He li"
    assert any(text[offsets[i][0] :].startswith("ইয়াত") for i in sentences)


def test_nasty_texts_are_what_they_say():
    assert any(len(regex.findall(r"\X", text)) < len(text) for text in NASTY)
