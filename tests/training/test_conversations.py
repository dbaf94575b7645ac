import random

import pytest

from onoma.document import Document, Span
from onoma.models.vocabulary import Vocabulary
from onoma.training.conversations import make_conversations
from onoma.training.recipe import Generator

TEXT = "Ann is in Rome."
DOCUMENTS = [Document(TEXT, (Span(0, 3, "person"), Span(10, 14, "place"))), Document("Nobody."), Document("")]


@pytest.fixture(scope="module")
def vocabulary(tiny_decoder):
    return Vocabulary(tiny_decoder)


def written(vocabulary, example):
    return vocabulary.text(example.prompt), vocabulary.text(example.answer[:-1])


def test_a_closed_prompt_names_the_labels_and_an_open_one_does_not(vocabulary):
    settings = Generator(open=0, drop=0, definitions={"place": "cities"})
    made = make_conversations(DOCUMENTS, vocabulary, settings, random.Random(1))
    assert len(made.examples) == 2
    prompt, answer = written(vocabulary, made.examples[0])
    assert "Types: person; place (cities)\n" in prompt or "Types: place (cities); person\n" in prompt
    assert prompt.endswith(f"Text: {TEXT}\nEntities: ")
    assert answer == '[["Ann", "person"], ["Rome", "place"]]'
    assert made.examples[0].answer[-1] == vocabulary.end
    assert written(vocabulary, made.examples[1])[1] == "[]"
    opened = make_conversations(DOCUMENTS, vocabulary, Generator(open=1), random.Random(1))
    assert opened.open == 2
    assert "Types: any\n" in written(vocabulary, opened.examples[0])[0]


def test_labels_that_are_left_out_take_their_spans_along(vocabulary):
    made = make_conversations(DOCUMENTS[:1] * 50, vocabulary, Generator(open=0, drop=0.5), random.Random(1))
    answers = {
        tuple(label in prompt.split("Text:")[0] for label in ("person", "place")): answer
        for prompt, answer in (written(vocabulary, example) for example in made.examples)
    }
    assert answers == {
        (True, True): '[["Ann", "person"], ["Rome", "place"]]',
        (True, False): '[["Ann", "person"]]',
        (False, True): '[["Rome", "place"]]',
    }


def test_spans_across_a_cut_are_counted(vocabulary):
    long = Document("word " * 40, (Span(0, 199, "everything"),))
    made = make_conversations([long], vocabulary, Generator(window=16, open=0), random.Random(1))
    assert len(made.examples) > 2
    assert made.lost == 1
