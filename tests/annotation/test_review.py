import json

import pytest

from onoma.annotation.review import Review, item_of, wilson
from onoma.document import Document, Span
from onoma.errors import DataError, OnomaError

DOCUMENTS = [
    Document("Ann is in Rome.", (Span(0, 3, "PER", 0.9), Span(10, 14, "LOC", 0.4))),
    Document("Oslo is cold.", (Span(0, 4, "PER", 0.7),)),
    Document("Nothing here."),
    Document("Bob left.", (Span(0, 3, "PER"),)),
]
ITEMS = [item_of(document) for document in DOCUMENTS]


@pytest.fixture
def review(tmp_path):
    return Review(DOCUMENTS, tmp_path / "verdicts" / "review.jsonl")


def test_the_unsure_come_first_and_the_drawn_come_in_a_fixed_order(review, tmp_path):
    assert review.next_item("mira", "unsure") == ITEMS[0]
    drawn = []
    while (item := review.next_item("mira", "random")) is not None:
        drawn.append(item)
        review.decide(item, "mira", "accept", choice="random")
    assert sorted(drawn) == sorted(ITEMS)
    assert Review(DOCUMENTS, tmp_path / "other.jsonl").next_item("tara", "random") == drawn[0]
    assert review.next_item("mira", "unsure") is None
    assert review.next_item("tara", "unsure") == ITEMS[0]


def test_verdicts_outlive_the_process_and_the_last_counts(review, tmp_path):
    review.decide(ITEMS[1], "mira", "accept", choice="random")
    review.decide(ITEMS[1], "mira", "mend", [Span(0, 4, "LOC")], choice="random")
    again = Review(DOCUMENTS, tmp_path / "verdicts" / "review.jsonl")
    assert again.verdicts() == review.verdicts()
    assert [verdict.decision for verdict in again.verdicts()] == ["mend"]
    assert again.corrected() == [DOCUMENTS[1].with_spans([Span(0, 4, "LOC")])]


def test_a_line_that_broke_off_is_no_loss_and_other_files_are_refused(review, tmp_path):
    review.decide(ITEMS[1], "mira", "reject", choice="random")
    path = tmp_path / "verdicts" / "review.jsonl"
    path.write_bytes(path.read_bytes() + b'{"item": "x", "rev')
    assert len(Review(DOCUMENTS, path).verdicts()) == 1
    path.write_text('{"text": "a corpus"}\n{"text": "of lines"}\n')
    with pytest.raises(DataError, match=r"review\.jsonl:1: no verdict of a review"):
        Review(DOCUMENTS, path)


def test_quality_counts_only_what_was_drawn_at_random(review):
    review.decide(ITEMS[0], "mira", "mend", [Span(0, 3, "PER")], choice="unsure")
    assert review.quality("mira").reviewed == 0
    assert review.quality("mira").agreement is None
    for item, decision in ((ITEMS[1], "mend"), (ITEMS[2], "accept"), (ITEMS[3], "accept")):
        review.decide(item, "mira", decision, [Span(0, 4, "LOC")], choice="random")
    quality = review.quality("mira")
    assert (quality.reviewed, quality.right) == (3, 2)
    assert quality.interval == wilson(2, 3)
    assert quality.agreement.f1 == pytest.approx(0.5)


def test_reviewers_are_compared_on_what_both_have_seen(review):
    review.decide(ITEMS[0], "mira", "accept", choice="random")
    assert review.agreement("mira", "tara") is None
    review.decide(ITEMS[0], "tara", "accept", choice="unsure")
    assert review.agreement("mira", "tara").kappa == 1.0
    review.decide(ITEMS[1], "mira", "accept", choice="random")
    review.decide(ITEMS[1], "tara", "mend", [Span(0, 4, "LOC")], choice="random")
    assert 0 < review.agreement("mira", "tara").kappa < 1
    assert review.reviewers == ("mira", "tara")
    assert review.labels == ("LOC", "PER")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"item": "none"}, "no item 'none'"),
        ({"reviewer": " "}, "needs the reviewer's name"),
        ({"decision": "maybe"}, "no decision 'maybe'"),
        ({"spans": [Span(0, 99, "LOC")], "decision": "mend"}, "99"),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_kept(review, change, message):
    call = {"item": ITEMS[1], "reviewer": "mira", "decision": "accept", "choice": "random"} | change
    with pytest.raises(OnomaError, match=message):
        review.decide(**call)
    assert review.verdicts() == []


def test_labels_made_anew_are_reviewed_anew(review, tmp_path):
    review.decide(ITEMS[1], "mira", "accept", choice="random")
    relabelled = [DOCUMENTS[1].with_spans([Span(0, 4, "LOC")])]
    again = Review(relabelled, tmp_path / "verdicts" / "review.jsonl")
    assert again.next_item("mira", "random") == item_of(relabelled[0])
    assert again.verdicts() == []


def test_the_file_can_be_read_by_others(review, tmp_path):
    review.decide(ITEMS[1], "mira", "accept", choice="unsure")
    (line,) = (tmp_path / "verdicts" / "review.jsonl").read_text().splitlines()
    assert json.loads(line)["spans"] == [{"start": 0, "end": 4, "label": "PER", "score": 0.7}]


def test_intervals_of_nothing_say_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == pytest.approx(1.0)
