import unicodedata

import pytest
from conftest import texts
from hypothesis import given
from hypothesis import strategies as st

from onoma.annotation.harvest.clean import clean_text, cut_text
from onoma.words import word_offsets


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("\ufeffRome\u00a0is\u200b old\x00", "Rome is old"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\n\n\n\n\nb", "a\n\nb"),
        ("  a \t b  \n  c ", "a b\nc"),
        ("cafe\u0301", "café"),
        ("ক\u09cd\u200dষ", "ক\u09cd\u200dষ"),
        ("\u200dx\u200c", "x"),
        ("‘don’t’ — 5 % 😀", "‘don’t’ — 5 % 😀"),
        ("\u202bשלום\u202c", "שלום"),
        ("", ""),
    ],
)
def test_what_stays_and_what_goes(text, clean):
    assert clean_text(text) == clean


@given(texts())
def test_cleaning_twice_is_cleaning_once_and_letters_stay(text):
    made = clean_text(text)
    assert clean_text(made) == made

    def letters(of):
        return [sign for sign in unicodedata.normalize("NFC", of) if unicodedata.category(sign)[0] in "LN"]

    assert letters(made) == letters(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


@pytest.mark.parametrize(
    ("text", "language", "pieces"),
    [
        ("One two. Three four. Five six.", "en", ["One two. Three four.", "Five six."]),
        ("এক দুই তিনি। চাৰি পাঁচ ছয়৷ সাত।", "as", ["এক দুই তিনি।", "চাৰি পাঁচ ছয়৷ সাত।"]),
        ("a b c d e f g h i", "en", ["a b c d e f", "g h i"]),
        (" \n ", "en", []),
    ],
)
def test_texts_are_cut_between_sentences(text, language, pieces):
    assert cut_text(text, 6, language) == pieces


@given(texts(), st.integers(1, 8))
def test_nothing_is_lost_and_pieces_are_short(text, words):
    pieces = cut_text(text, words)
    offsets = word_offsets(text)
    whole = text[offsets[0][0] :] if offsets else ""
    assert "".join("".join(pieces).split()) == "".join(whole.split())
    # A sign that belongs to the word before it may count as two when it begins a piece.
    assert all(len(word_offsets(piece)) <= words + 1 for piece in pieces)
