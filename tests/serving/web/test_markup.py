from conftest import texts
from hypothesis import given

from onoma.document import Document, Span
from onoma.serving.web.markup import highlighted, hue_of, note, table
from onoma.words import word_offsets

HOSTILE = '<script>alert("x")</script>'


def visible(html):
    """The text that a reader of the page sees: without tags and with entities read."""
    import re
    from html import unescape

    return unescape(re.sub(r"<[^>]*>", "", html))


@given(text=texts())
def test_the_text_is_shown_as_it_is(text):
    words = word_offsets(text)
    document = Document(text, tuple(Span(start, end, "LOC", 0.5) for start, end in words[::2]))
    assert visible(highlighted(document, ["LOC"], cuts=[start for start, _ in words[::3]])) == text


def test_hostile_text_and_labels_stay_text():
    document = Document(HOSTILE, (Span(1, 7, '"><img onerror=x>'),))
    for html in (highlighted(document, []), note(HOSTILE), table([HOSTILE], [[HOSTILE]])):
        assert "<script" not in html
        assert "<img" not in html


def test_windows_and_differences_are_marked():
    document = Document("Ann is in Rome.", (Span(0, 3, "PER", 0.9), Span(10, 14, "LOC")))
    html = highlighted(document, ["LOC", "PER"], cuts=[7], differing=[document.spans[1]])
    assert html.count('class="window"') == 1
    assert html.count('class="differs"') == 1
    assert 'data-label="PER 0.90"' in html


def test_labels_keep_their_colours():
    assert hue_of("LOC", ["LOC", "PER"]) != hue_of("PER", ["LOC", "PER"])
    assert hue_of("unheard", ["LOC"]) == hue_of("unheard", [])


def test_of_overlapping_spans_one_is_shown():
    document = Document("New York City", (Span(0, 8, "LOC"), Span(4, 13, "LOC")))
    assert highlighted(document, ["LOC"]).count("<mark") == 1
