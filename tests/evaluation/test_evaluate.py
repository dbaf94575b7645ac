from onoma.document import Document, Span, from_words
from onoma.evaluation import evaluate
from onoma.evaluation.evaluate import sentence_key
from onoma.extractors.rules import RulesExtractor

GOLD = [Document(text, (Span(0, 4, "LOC"),)) for text in ("Rome is old", "Oslo is cold", "Lima  is far")]
RULES = RulesExtractor({"LOC": ["Rome", "Lima"]})


def test_unseen_sentences_are_scored_apart():
    found = evaluate(RULES, iter(GOLD), seen={sentence_key(from_words(["Lima", "is", "far"]))})
    assert found.all.micro.recall == 2 / 3
    assert found.unseen.documents == 2
    assert found.unseen.micro.recall == 1 / 2
    assert [document.text for document in found.predicted] == [document.text for document in GOLD]
    assert found.to_dict()["unseen"]["documents"] == 2
    assert found.to_dict()["seed"] == 13


def test_without_training_data_nothing_is_unseen():
    found = evaluate(RULES, GOLD)
    assert found.unseen is None
    assert found.to_dict()["unseen"] is None
