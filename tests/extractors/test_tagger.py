"""The tagger's own work, with a model that is a plain function: each piece votes by its id."""

import dataclasses

import numpy as np
import pytest
from conftest import texts
from hypothesis import given

from onoma.alignment import WordEncoder
from onoma.document import Document, from_words
from onoma.extractors.tagger import TaggerExtractor, TaggerSettings, encode_windows, pad

SETTINGS = TaggerSettings(("LOC", "PER"), max_pieces=96, window=80)


@pytest.fixture(scope="module")
def encoder(tiny_base):
    return WordEncoder.from_folder(tiny_base)


def by_id(ids, mask):
    """Logits that depend on the piece alone, so that windows cannot change them."""
    generator = np.random.default_rng(5)
    table = generator.normal(size=(2000, 5)) * 3
    return table[ids]


@given(text=texts())
def test_spans_are_whole_words_of_the_text(encoder, text):
    document = TaggerExtractor(by_id, encoder, SETTINGS).extract(text)
    assert document.text == text
    starts, ends = {start for start, _ in document.words()}, {end for _, end in document.words()}
    last = 0
    for span in document.spans:
        assert span.start in starts
        assert span.end in ends
        assert last <= span.start
        assert 0 < span.score <= 1
        last = span.end


@given(text=texts())
def test_windows_cover_every_word_once_and_fit(encoder, text):
    document = Document(text * 9)
    encoded = encode_windows(document, encoder, SETTINGS)
    kept = [word for item in encoded for word in range(item.window.keep_first, item.window.keep_last)]
    assert kept == list(range(len(document.words()))) or not any(encoder.encode(document.word_texts()))
    for item in encoded:
        assert len(item.ids) <= SETTINGS.max_pieces
        assert len(item.words) == item.window.last - item.window.first + 1


def test_long_text_gives_what_its_sentences_give(encoder):
    sentences = [from_words(f"{name} লিখে গুৱাহাটীত থাকে আৰু পঢ়ে".split()) for name in map(str, range(300))]
    extractor = TaggerExtractor(by_id, encoder, SETTINGS)
    joined = Document("\n".join(document.text for document in sentences))
    together = extractor.extract(joined)
    apart = extractor.extract(sentences)
    shift, expected = 0, []
    for document in apart:
        expected += [(span.start + shift, span.end + shift, span.label) for span in document.spans]
        shift += len(document.text) + 1
    assert [(span.start, span.end, span.label) for span in together.spans] == expected
    assert expected


def test_order_and_scores_do_not_depend_on_batches(encoder):
    inputs = [Document(f"{'গুৱাহাটী ' * (number % 7)}{number}") for number in range(40)]
    small = TaggerExtractor(by_id, encoder, SETTINGS, budget=16).extract(inputs)
    large = TaggerExtractor(by_id, encoder, SETTINGS, budget=4096).extract(inputs)
    assert small == large
    assert [document.text for document in small] == [document.text for document in inputs]


def test_words_that_the_tokenizer_drops_follow_their_neighbours(encoder, monkeypatch):
    def inside_or_nothing(ids, mask):
        logits = np.zeros((*ids.shape, 5))
        logits[..., 2] = 9
        logits[:, 1, 1] = 99
        return logits

    real = encoder.encode
    monkeypatch.setattr(
        encoder, "encode", lambda words: [() if w == "?" else p for w, p in zip(words, real(words), strict=True)]
    )
    document = TaggerExtractor(inside_or_nothing, encoder, SETTINGS).extract(from_words(["a", "?", "b"]))
    assert [document.surface(span) for span in document.spans] == ["a ? b"]
    alone = TaggerExtractor(inside_or_nothing, encoder, SETTINGS).extract(from_words(["?"]))
    assert alone.spans == ()


@pytest.mark.parametrize("subwords", ["first", "mean"])
def test_word_scores_are_log_probabilities(encoder, subwords):
    extractor = TaggerExtractor(by_id, encoder, dataclasses.replace(SETTINGS, subwords=subwords))
    (scores,) = extractor.score_words([Document("গুৱাহাটী অসম Guwahati internationalization")])
    assert scores.shape == (4, 5)
    assert np.exp(scores).sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_thresholds_drop_doubtful_spans(encoder):
    text = " ".join(map(str, range(60)))
    every = TaggerExtractor(by_id, encoder, SETTINGS).extract(text).spans
    strict = dataclasses.replace(SETTINGS, thresholds={"LOC": 0.95})
    kept = TaggerExtractor(by_id, encoder, strict).extract(text).spans
    assert set(kept) == {span for span in every if span.label != "LOC" or span.score >= 0.95} != set(every)


@pytest.mark.parametrize("text", ["", "   \n ", "a" * 1_000_000, "\x00", "\ud800", "ক" * 3000, "x " * 100_000])
def test_hard_texts(encoder, text):
    assert TaggerExtractor(by_id, encoder, SETTINGS).extract(text).text == text


def test_pad():
    ids, mask = pad([[5, 6], [7]], 1)
    assert ids.tolist() == [[5, 6], [7, 1]]
    assert mask.tolist() == [[1, 1], [1, 0]]


def test_a_word_longer_than_the_base_reads(encoder):
    short = TaggerSettings(("LOC", "PER"), max_pieces=20, window=20)
    text = f"গুৱাহাটী {'x' * 9000} অসম"
    document = TaggerExtractor(by_id, encoder, short).extract(text)
    assert document.text == text
    assert all(len(item.ids) <= 20 for item in encode_windows(document, encoder, short))
