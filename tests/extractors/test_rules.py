import pytest
from conftest import texts
from hypothesis import given

from onoma.document import Document
from onoma.errors import DataError
from onoma.extractors import Extractor
from onoma.extractors.load import load
from onoma.extractors.rules import RulesExtractor


def found(rules, text):
    document = rules.extract(text)
    return [(document.surface(span), span.label) for span in document.spans]


def test_names_match_on_indic_word_boundaries_in_any_composition():
    rules = RulesExtractor({"LOC": ["অসম", "\u09df"], "PER": ["রায়"]})
    assert found(rules, "অসমৰ অসম।") == [("অসম", "LOC")]
    assert found(rules, "\u09af\u09bc") == [("\u09af\u09bc", "LOC")]
    assert found(rules, "রা\u09df, রা\u09af\u09bc") == [("রা\u09df", "PER"), ("রা\u09af\u09bc", "PER")]


def test_the_longest_match_wins_then_the_earliest_rule():
    rules = RulesExtractor({"LOC": ["York", "New York"], "ORG": ["York", "York City"]})
    assert found(rules, "New York, York, York City") == [("New York", "LOC"), ("York", "LOC"), ("York City", "ORG")]


def test_case_and_signs():
    rules = RulesExtractor({"SOFT": ["C#", "node.js", "Straße"]}, ignore_case=True)
    assert found(rules, "c# NODE.JS node.jsx STRASSE") == [("c#", "SOFT"), ("NODE.JS", "SOFT"), ("STRASSE", "SOFT")]


def test_patterns_and_surrogates_and_blank_names():
    rules = RulesExtractor({"X": ["", " "]}, {"V": r"\d+(\.\d+)+|z*"})
    assert rules.labels == ("V",)
    assert found(rules, "\ud800 3.4 😀 1.2.3") == [("3.4", "V"), ("1.2.3", "V")]
    assert found(RulesExtractor({"X": ["Rome"]}), "\ud800Rome Rome") == [("Rome", "X"), ("Rome", "X")]


@given(texts())
def test_spans_are_exact_on_any_text(text):
    rules = RulesExtractor({"A": ["ভাষা", "été", "node.js", "a"]}, {"N": r"\d"}, ignore_case=True)
    document = rules.extract(text)
    assert document.text == text
    last = 0
    for span in document.spans:
        assert last <= span.start
        last = span.end


def test_extract_answers_in_kind():
    rules = RulesExtractor({"LOC": ["Rome"]})
    assert isinstance(rules, Extractor)
    assert isinstance(rules.extract("Rome"), Document)
    assert [document.text for document in rules.extract(["Rome", Document("x", id="7")])] == ["Rome", "x"]
    stream = rules.extract(text for text in ("Rome " * 50_000, "b"))
    assert iter(stream) is stream
    assert [len(document.spans) for document in stream] == [50_000, 0]


RULES = """
gazetteers:
  LOC: [Rome]
  ORG: {file: names.txt}
patterns:
  VERSION: '\\d+\\.\\d+'
ignore_case: true
"""


def test_rules_file(write):
    write("names.txt", "\ufeffUnited Nations\n\nACME\n")
    rules = load(write("rules.yaml", RULES))
    assert rules.labels == ("LOC", "ORG", "VERSION")
    assert found(rules, "acme in rome 2.0") == [("acme", "ORG"), ("rome", "LOC"), ("2.0", "VERSION")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a rules file is a table of keys"),
        ("patern: {}", "unknown key 'patern'. Did you mean 'patterns'"),
        ("gazetteers: [a]", "gazetteers is not a table"),
        ("gazetteers: {LOC: Rome}", "the names of LOC are neither a list nor"),
        ("gazetteers: {LOC: {file: gone.txt}}", "the names of LOC cannot be read"),
        ("patterns: {V: '('}", "the pattern of V does not compile"),
        ("patterns: {V: 3}", "the pattern of V is not text"),
        ("a: [", "not YAML"),
    ],
)
def test_bad_rules_are_named(write, text, message):
    with pytest.raises(DataError, match=message) as error:
        RulesExtractor.from_file(write("rules.yaml", text))
    assert "rules.yaml" in str(error.value)
    with pytest.raises(DataError, match="no such rules file"):
        RulesExtractor.from_file(write("x", "").with_name("gone.yaml"))


def test_runaway_patterns_are_stopped(monkeypatch):
    monkeypatch.setattr("onoma.extractors.rules._PATTERN_SECONDS", 0.2)
    rules = RulesExtractor(patterns={"BAD": r"(?:x|xx)+[yw]"})
    with pytest.raises(DataError, match="the pattern of BAD took over"):
        rules.extract("x" * 60 + "zy")
