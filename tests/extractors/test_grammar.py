import random

import numpy as np
import pytest
from conftest import SHARED, documents, needs_shared, texts
from hypothesis import example, given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher

from onoma.corpus import load_corpus
from onoma.document import Document, Span
from onoma.errors import OnomaError
from onoma.extractors.codecs import CODECS
from onoma.extractors.grammar import make_grammar
from onoma.models.vocabulary import Vocabulary
from onoma.words import on_word_boundaries, word_offsets

LABELS = ["PER", "LOC", "ORG", "creative-work"]


@pytest.fixture(scope="module")
def vocabulary(tiny_decoder):
    return Vocabulary(tiny_decoder)


def accepts(vocabulary, grammar, answer):
    matcher = LLMatcher(vocabulary.guide, grammar, log_level=0)
    assert not matcher.get_error()
    pieces = vocabulary.pieces(answer)
    return matcher.try_consume_tokens(pieces) == len(pieces) and matcher.is_accepting()


def wander(vocabulary, grammar, generator):
    """An answer that chance writes under a grammar."""
    matcher = LLMatcher(vocabulary.guide, grammar, log_level=0)
    assert not matcher.get_error()
    pieces = []
    while not matcher.is_stopped():
        allowed = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little")
        piece = int(generator.choice(np.flatnonzero(allowed)))
        matcher.consume_token(piece)
        if piece != vocabulary.end:
            pieces.append(piece)
    return vocabulary.text(pieces)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@settings(max_examples=40)
@given(document=documents(on_words=True))
@example(document=Document("¡ ¡ \x80\x30", (Span(0, 3, "PER"),)))
def test_what_a_codec_writes_fits_its_grammar(vocabulary, codec, document):
    if not codec.expresses(document):
        return
    grammar = make_grammar(codec.name, document.text, document.words(), LABELS)
    assert accepts(vocabulary, grammar, codec.render(document))


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@settings(max_examples=25)
@given(text=texts(), seed=st.integers(0, 1000), closed=st.booleans())
def test_whatever_is_written_is_whole_and_stands_in_the_text(vocabulary, codec, text, seed, closed):
    grammar = make_grammar(codec.name, text, word_offsets(text), LABELS if closed else None)
    answer = wander(vocabulary, grammar, random.Random(seed))
    parsed = codec.parse(answer)
    assert not parsed.faults
    for found in codec.place(parsed.mentions, text):
        assert found.status in {"exact", "ambiguous"}
        assert text[found.span.start : found.span.end] == found.mention.surface
        assert on_word_boundaries(text, found.span.start, found.span.end)
        assert not closed or found.span.label in LABELS


@pytest.mark.parametrize(
    "answer",
    [
        '[["Ro", "LOC"]]',  # a part of a word
        '[["Rome ", "LOC"]]',
        '[["Oslo", "LOC"]]',
        '[["Rome", "PLACE"]]',
        '[["fell", "LOC"], ["Rome", "LOC"]]',  # backwards
        '[["Rome", "LOC"], ["Rome", "LOC"]]',  # twice where it stands once
        '[["Rome fell", "LOC"], ["fell", "LOC"]]',  # the same words twice
    ],
)
def test_what_is_not_in_the_text_cannot_be_written(vocabulary, answer):
    text = "Rome fell."
    grammar = make_grammar("json-list", text, word_offsets(text), ["LOC"])
    assert accepts(vocabulary, grammar, '[["Rome", "LOC"], ["fell.", "LOC"]]')
    assert not accepts(vocabulary, grammar, answer)


def test_a_map_lists_types_only_where_a_surface_comes_again(vocabulary):
    once, twice = "Rome fell.", "Rome fell. Rome rose."
    answer = '{"Rome": ["LOC", "ORG"]}'
    assert not accepts(vocabulary, make_grammar("json-map", once, word_offsets(once), ["LOC", "ORG"]), answer)
    assert accepts(vocabulary, make_grammar("json-map", twice, word_offsets(twice), ["LOC", "ORG"]), answer)


@pytest.mark.parametrize(
    ("answer", "fits"),
    [
        ('{"New York": ["LOC", "ORG"], "Old York": "LOC"}', True),
        ('{"Old York": ["LOC", "ORG"]}', False),  # stands once, though its last word comes again
        ('{"York": ["LOC", "ORG", "LOC"]}', True),
        ('{"York": ["LOC", "ORG", "LOC", "LOC"]}', False),
        ('{"York": "LOC", "York": "ORG"}', False),  # a key twice
        ('{"New": "LOC", "York": "LOC"}', True),
        ('{"Old": "LOC", "York": "LOC"}', False),  # not at the first of its places
    ],
)
def test_a_map_takes_no_more_types_than_there_are_places(vocabulary, answer, fits):
    text = "New York, Old York, New York"
    grammar = make_grammar("json-map", text, word_offsets(text), ["LOC", "ORG"])
    assert accepts(vocabulary, grammar, answer) == fits


def test_a_codec_without_grammar_is_named(vocabulary):
    with pytest.raises(OnomaError, match="no grammar for the codec 'xml'"):
        make_grammar("xml", "Rome", [(0, 4)])


@needs_shared
@pytest.mark.integration
@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_the_gold_of_every_shared_corpus_fits(vocabulary, codec):
    expressed = 0
    rejected: list[Document] = []
    for folder in sorted(path for path in SHARED.iterdir() if path.is_dir() and path.name != "raw_it"):
        corpus = load_corpus(str(folder))
        labels = sorted({label for split in corpus.values() for label in split.label_counts})
        for document in [document for split in corpus.values() for document in split if document.spans][:150]:
            if codec.expresses(document):
                expressed += 1
                grammar = make_grammar(codec.name, document.text, document.words(), labels)
                if not accepts(vocabulary, grammar, codec.render(document)):
                    rejected.append(document)
    assert expressed > 3000
    # Only where the text has one sequence of signs cut into words in two ways.
    assert len(rejected) <= expressed / 500
