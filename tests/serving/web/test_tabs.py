"""What the tabs show, without a browser; the page itself is tested in tests/integration/test_page.py."""

import json

import pytest

from onoma.annotation.journal import Journal
from onoma.annotation.review import Review, item_of
from onoma.deployment.benchmark import Benched, Speed
from onoma.document import Document, Span
from onoma.errors import OnomaError
from onoma.evaluation.compare import compare
from onoma.extractors.answers import Answer
from onoma.serving.engines import Engines
from onoma.serving.web import extracting, figures, reviewing, showing, watching
from onoma.serving.web.page import Shown, build_page


@pytest.fixture
def engines(write):
    engines = Engines()
    engines.add("cities", write("cities.yaml", "gazetteers: {LOC: [Rome, Oslo]}\n"))
    engines.add("people", write("people.yaml", "gazetteers: {PER: [Ann], LOC: [Oslo]}\n"))
    return engines


def test_two_extractors_side_by_side(engines):
    found = extracting.find(engines, "Ann flew from Rome to Oslo.", ["cities", "people"])
    html = extracting.view(found, ["LOC", "PER"], ["LOC", "PER"], 0.0)
    assert html.count('class="differs"') == 2
    assert "cities: 2 entities, 1 of them in this one alone" in html
    only = extracting.view(found, ["LOC", "PER"], ["PER"], 0.0)
    assert only.count("<mark") == 1


def test_long_text_shows_its_windows(tiny_run):
    engines = Engines()
    engines.add("adapter", tiny_run)
    (found,) = extracting.find(engines, "গুৱাহাটী অসমৰ চহৰ। " * 40, ["adapter"])
    html = extracting.view([found], engines.find("adapter").labels, ("LOC", "ORG", "PER"), 0.0)
    assert found.cuts
    assert html.count('class="window"') == len(found.cuts)
    assert f"read in {len(found.cuts) + 1} windows" in html


def test_scores_below_the_least_are_not_shown():
    document = Document("Ann is in Rome.", (Span(0, 3, "PER", 0.2), Span(10, 14, "LOC")))
    assert extracting.filtered(document, ["PER", "LOC"], 0.5).spans == document.spans[1:]


def test_a_text_that_is_too_long_is_refused(engines):
    with pytest.raises(OnomaError, match="onoma extract"):
        extracting.find(engines, "x" * (extracting.LONGEST + 1), ["cities"])


def test_runs_are_listed_compared_and_opened(tiny_run):
    folder = tiny_run.parent
    assert showing.list_runs(folder) == ["tiny"]
    with pytest.raises(OnomaError, match="no run '../tiny'"):
        showing.load_runs(folder, ["../tiny"])
    runs = showing.load_runs(folder, ["tiny"])
    comparison = compare({"tiny": list(runs.values())})
    assert "reference" in showing.overview(comparison, runs)
    (system,) = comparison.systems
    heat = showing.heat_map(system)
    gold, row = next((gold, row) for gold, row in system.confusion.items() if row)
    predicted = next(iter(row))
    assert f'data-gold="{gold}" data-predicted="{predicted}"' in heat
    html = showing.sentences(runs["tiny"], comparison.corpus, gold, predicted)
    assert "sentences with gold" in html
    assert "<mark" in html
    for figure in (figures.with_intervals([system]), figures.by_label([system]), figures.curves(runs)):
        assert figure.to_dict()["data"]
    assert not figures.robustness([system]).data
    assert len(figures.reliability({"tiny": showing._reliability(runs["tiny"], comparison.corpus)}).data) == 2


def test_what_extractors_cost(tmp_path):
    assert showing._benched(tmp_path) == ([], "")
    speed = Speed(100.0, 900.0, (1.0, 1.1), 0.005, 0.006, 0.009)
    found = [
        Benched("it", speed, 5_300_000, 1.2, 400_000_000, 0.7),
        Benched("it-int8", speed, 40_000_000, 0.4, 9, None),
    ]
    file = tmp_path / "bench.json"
    file.write_text(json.dumps({"extractors": [one.to_dict() for one in found], "limits": {}}))
    benched, html = showing._benched(tmp_path)
    assert benched == found
    assert "<td>it</td><td>5.3</td><td>400</td><td>100.0</td><td>5.0</td>" in html
    figure = figures.costs(benched)
    assert [list(mark.x) + list(mark.y) for mark in figure.data] == [[5.3, 5.0], [40.0, 5.0]]
    file.write_text("{}")
    benched, html = showing._benched(tmp_path)
    assert not benched
    assert "not what `onoma bench` wrote" in html


def test_a_review_says_how_far_it_is(tmp_path):
    documents = [Document("Ann is in Rome.", (Span(0, 3, "PER"),)), Document("Oslo.", (Span(0, 4, "LOC"),))]
    review = Review(documents, tmp_path / "review.jsonl")
    card = reviewing.card(review, item_of(documents[0]))
    assert [label["name"] for label in card["labels"]] == ["LOC", "PER"]
    assert card["spans"] == [{"start": 0, "end": 3, "label": "PER"}]
    assert reviewing.card(review, None)["text"] == "Nothing is left to review."
    assert "0 of 2 reviewed by mira" in reviewing.standing(review, "mira")
    for name in ("mira", "tara"):
        review.decide(item_of(documents[0]), name, "accept", choice="random")
    html = reviewing.standing(review, "mira")
    assert "100.0% [20.7%, 100.0%]" in html
    assert "Cohen" in html


def test_a_journal_is_watched(tmp_path):
    path = tmp_path / "journal.sqlite"
    assert "There is no journal" in watching.standing(path)
    with Journal(path) as journal:
        journal.await_answers([(b"1" * 32, "a"), (b"2" * 32, "b")])
        journal.record(b"1" * 32, "a", Answer("[]", 10, 2, 0.5))
        journal.fail(b"2" * 32, "timeout", "slow", most_tries=1)
    html = watching.standing(path)
    assert "50.0% of 2 requests are answered" in html
    assert "0.5000" in html
    assert "timeout" in html
    path.write_text("no database")
    assert "journal" in watching.standing(path)


def test_the_page_has_a_tab_for_what_there_is(engines, tmp_path):
    def tabs(shown):
        return [block.label for block in build_page(shown).blocks.values() if type(block).__name__ == "Tab"]

    review = Review([Document("x")], tmp_path / "review.jsonl")
    assert tabs(Shown(engines)) == ["Extract"]
    everything = Shown(Engines(), runs=tmp_path, review=review, journal=tmp_path / "journal.sqlite")
    assert tabs(everything) == ["Runs", "Review", "Journal"]
