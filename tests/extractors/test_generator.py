import dataclasses

import pytest
from conftest import documents, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from onoma.document import Document
from onoma.errors import ModelError
from onoma.extractors.codecs import CODECS, find_codec
from onoma.extractors.generator import GeneratorExtractor, GeneratorSettings, cut_parts
from onoma.models.bases import Base
from onoma.models.generators import new_decoder
from onoma.models.torch_decoder import TorchDecoder
from onoma.models.vocabulary import Vocabulary
from onoma.words import on_word_boundaries


@pytest.fixture(scope="module")
def decoder(tiny_decoder):
    return TorchDecoder(new_decoder(Base("tiny", tiny_decoder)).eval(), Vocabulary(tiny_decoder))


@pytest.fixture(scope="module")
def extractor(decoder):
    return GeneratorExtractor(decoder, GeneratorSettings(find_codec("json-list"), ("PER", "LOC"), window=48))


@pytest.mark.parametrize("codec", CODECS)
def test_an_untrained_model_writes_nothing_that_is_not_there(decoder, codec):
    extractor = GeneratorExtractor(decoder, GeneratorSettings(find_codec(codec), ("PER", "LOC"), window=48))
    read = [Document(text) for text in ("Ann is in Rome. Rome fell.", "গুৱাহাটী এখন মহানগৰ।", "", " ", 'a "b" [c|d]\\')]
    found = extractor.extract(read)
    assert extractor.effort.findings.invalid == extractor.effort.cut_off == 0
    assert any(document.spans for document in found)
    for document in found:
        ends = [0, *(span.end for span in document.spans)]
        for span, free in zip(document.spans, ends, strict=False):
            assert free <= span.start < span.end <= len(document.text)
            assert on_word_boundaries(document.text, span.start, span.end)
            assert span.label in {"PER", "LOC"}
            assert 0 < span.score <= 1


def test_a_block_finds_what_each_text_would_alone(extractor):
    read = ["Ann is in Rome.", "Ubuntu 22.04 throws", "গুৱাহাটী এখন মহানগৰ।", "Rome and Oslo. " * 30]
    together = extractor.extract(read)
    for text, document in zip(read, together, strict=True):
        alone = extractor.extract(text)
        assert [dataclasses.replace(span, score=None) for span in alone.spans] == [
            dataclasses.replace(span, score=None) for span in document.spans
        ]


@settings(max_examples=30)
@given(document=documents(on_words=True), window=st.integers(4, 60))
def test_parts_cover_a_document(extractor, document, window):
    parts = cut_parts(document, extractor.decoder.vocabulary, window)
    kept = []
    for part in parts:
        assert document.text[part.start : part.start + len(part.document.text)] == part.document.text
        for span in part.document.spans:
            assert document.text[span.start + part.start : span.end + part.start] == part.document.surface(span)
        first, last = part.keep
        kept += [word for word in document.words() if first <= word[0] < last]
    assert kept == list(document.words())


@settings(max_examples=10)
@given(text=texts())
def test_labels_can_be_asked_for_or_left_open(extractor, text):
    assert {span.label for span in extractor.with_labels(["river"]).extract(text).spans} <= {"river"}
    assert all(span.label for span in extractor.with_labels(None).extract(text).spans)


def test_thresholds_leave_out_what_is_unsure(extractor):
    read = ["Ann is in Rome.", "Ubuntu 22.04 throws", "গুৱাহাটী এখন মহানগৰ।", "Rome and Oslo. " * 30]
    assert any(document.spans for document in extractor.extract(read))
    strict = extractor.with_settings(thresholds={"PER": 1.01, "LOC": 1.01})
    assert not any(document.spans for document in strict.extract(read))


def test_without_grammar_faults_are_counted(extractor):
    free = extractor.with_settings(grounded=False)
    free.extract(["Ann is in Rome."] * 2)
    assert free.effort.texts == 2
    assert free.effort.findings.invalid == 2
    assert set(free.effort.to_dict()) >= {"steps", "invalid", "statuses"}


def test_a_window_that_leaves_no_room_is_refused(decoder):
    with pytest.raises(ModelError, match="do not fit"):
        GeneratorExtractor(decoder, GeneratorSettings(find_codec("json-list"), None, window=1000))
