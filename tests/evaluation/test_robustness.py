import random
import unicodedata

import pytest
from conftest import documents
from hypothesis import given
from hypothesis import strategies as st

from onoma.document import Document, Span, from_words
from onoma.evaluation.edits import apply_edits
from onoma.evaluation.perturbations import PERTURBATIONS
from onoma.evaluation.robustness import collect_names, curves_to_dict, measure_robustness, perturb
from onoma.extractors.rules import RulesExtractor

NAMES = {"PER": ["Ann", "Möbius"], "LOC": ["New York", "গুৱাহাটী"], "ORG": ["UN"]}
TEXT = "Ann flew from New York to Paris, and Li stayed."
GOLD = Document(TEXT, (Span(0, 3, "PER"), Span(14, 22, "LOC"), Span(26, 31, "LOC"), Span(37, 39, "PER")))


@pytest.mark.parametrize("kind", PERTURBATIONS)
@given(document=documents(on_words=True), strength=st.sampled_from([0.2, 1.0]), seed=st.integers(0, 9))
def test_no_span_is_lost_or_moved(kind, document, strength, seed):
    edits = PERTURBATIONS[kind](document, strength, random.Random(seed), NAMES)
    made = apply_edits(document, edits)
    assert [span.label for span in made.spans] == [span.label for span in document.spans]
    for old, new in zip(document.spans, made.spans, strict=True):
        surface = made.surface(new)
        assert surface, "a span of nothing"
        assert surface == surface.strip() or document.surface(old) != document.surface(old).strip()
        alone = Document(document.surface(old))
        within = [
            type(edit)(edit.start - old.start, edit.end - old.start, edit.text)
            for edit in edits
            if old.start <= edit.start
            and edit.end <= old.end
            and (edit.start < edit.end or old.start < edit.start < old.end)
        ]
        assert apply_edits(alone, within).text == surface, "the surface has its own edits and no others"
    assert made.tokens is None or all(word and not any(map(str.isspace, word)) for word in made.word_texts())


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_each_kind_changes_text_and_strength_0_does_not(kind):
    assert perturb([GOLD], kind, 0.0, 1, NAMES)[0] == GOLD
    assert perturb([GOLD], kind, 1.0, 1, NAMES)[0].text != TEXT


def test_the_same_seed_harms_alike():
    assert perturb([GOLD] * 3, "typos", 0.5, 1, NAMES) == perturb([GOLD] * 3, "typos", 0.5, 1, NAMES)
    first, second, _ = perturb([GOLD] * 3, "typos", 0.5, 1, NAMES)
    assert first != second, "each document has its own draws"


def test_what_each_kind_does():
    def made(kind, text, strength=1.0, seed=1):
        return perturb([Document(text)], kind, strength, seed, NAMES)[0].text

    assert made("casing", "IBM") in {"ibm", "Ibm"}
    assert made("casing", "অসম") == "অসম"
    assert made("punctuation", "yes !").startswith("yes")
    assert made("punctuation", "yes !")[3] in ",.;:-!?"
    assert made("scanning", "modem") in {"rnodem", "modern", "moclem", "modcm"}
    assert made("look-alikes", "Rome").encode() != b"Rome"
    assert made("mixed scripts", "दिल्ली নগৰ server 42") == "dilli nagar सेर्वेर 42"
    assert made("spacing", "I go") in {"Igo", "I g o", "Ig o"}
    (swapped,) = perturb([Document("Ann", (Span(0, 3, "LOC"),))], "other names", 1.0, 1, {"LOC": ["New York"]})
    assert swapped.surface(swapped.spans[0]) == "New York"


def test_vowel_signs_are_mistyped_for_vowel_signs():
    for seed in range(20):
        word = perturb([Document("কি")], "typos", 1.0, seed, {})[0].text
        assert unicodedata.category(word[0]) == "Lo"
        assert unicodedata.category(word[1]) in {"Mn", "Mc"}
        assert word != "কি"


def test_curves_begin_at_the_clean_score():
    rules = RulesExtractor({"PER": ["Ann", "Li"], "LOC": ["New York", "Paris"]})
    curves = measure_robustness(rules, [GOLD] * 5, strengths=(0.5, 1.0), kinds=("typos", "casing"))
    assert [point.strength for point in curves["typos"]] == [0.0, 0.5, 1.0]
    assert curves["typos"][0].f1 == 1.0
    assert curves["casing"][2].f1 < 0.2
    low, high = curves["typos"][1].interval
    assert low <= curves["typos"][1].f1 <= high
    assert curves_to_dict(curves)["casing"][0] == {"strength": 0.0, "f1": 1.0, "interval": [1.0, 1.0]}


def test_names_are_collected_by_label():
    words = from_words(["Ann", "and", "Ann"]).with_spans([Span(0, 3, "PER"), Span(8, 11, "PER")])
    assert collect_names([words]) == {"PER": ["Ann"]}
