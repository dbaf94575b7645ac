from onoma.annotation.gazetteer import harvest_names
from onoma.document import Document, Span


def test_names_that_are_mostly_words_are_left_out():
    gold = [
        Document("Ann saw It", (Span(0, 3, "PER"), Span(8, 10, "FILM"))),
        Document("It rains. It pours. Ann stays.", (Span(20, 23, "PER"),)),
    ]
    names = harvest_names(gold)
    found = names.extract("It was Ann")
    assert [(found.surface(span), span.label) for span in found.spans] == [("Ann", "PER")]
    assert harvest_names(gold, min_precision=0.3).labels == ("FILM", "PER")
