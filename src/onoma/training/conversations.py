"""Documents as what a generator learns from: a prompt, and the answer that follows it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from onoma.document import Document
from onoma.extractors.codecs import Codec, find_codec
from onoma.extractors.generator import cut_parts
from onoma.extractors.instructions import question, task
from onoma.models.vocabulary import Vocabulary
from onoma.training.recipe import Generator


@dataclass(frozen=True)
class Example:
    """A prompt with its answer.

    Args:
        prompt: pieces.
        answer: pieces, with the one that ends it.
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


@dataclass(frozen=True)
class Conversations:
    """Examples, and what became of the spans.

    Args:
        examples: one for each part of a document.
        lost: spans that the format cannot carry, or that lie across two parts.
        open: examples whose prompt lets the model choose the types.
    """

    examples: list[Example]
    lost: int
    open: int


def make_conversations(
    documents: Sequence[Document], vocabulary: Vocabulary, settings: Generator, generator: random.Random
) -> Conversations:
    """Examples of the documents of one corpus.

    A prompt names the corpus's labels in random order, some left out together with their spans, or lets the model
    choose. Sainz et al. 2024 (https://arxiv.org/abs/2310.03668) say why labels are to be dropped and shuffled. Labels
    that a sentence has no entity of, and sentences without any, are what teaches it to find nothing.

    Args:
        documents: with the labels of this corpus alone.
        vocabulary: of the base.
        settings: of the recipe.
        generator: draws.
    """
    codec = find_codec(settings.codec)
    labels = sorted({span.label for document in documents for span in document.spans})
    examples = []
    lost = opened = 0
    for document in documents:
        parts = cut_parts(document, vocabulary, settings.window)
        for part in parts:
            asked = None if generator.random() < settings.open else _some(labels, settings.drop, generator)
            opened += asked is None
            kept = [span for span in part.document.spans if asked is None or span.label in asked]
            answer = codec.render(part.document.with_spans(kept))
            examples.append(_example(part.document.text, asked, answer, vocabulary, settings))
        lost += _lost(document, [part.document for part in parts], codec)
    return Conversations(examples, lost, opened)


def _some(labels: Sequence[str], drop: float, generator: random.Random) -> tuple[str, ...]:
    kept = [label for label in labels if generator.random() >= drop] or list(labels)
    generator.shuffle(kept)
    return tuple(kept)


def _example(
    text: str, labels: Sequence[str] | None, answer: str, vocabulary: Vocabulary, settings: Generator
) -> Example:
    first = vocabulary.pieces(task(labels, settings.definitions))
    prompt = (*vocabulary.begin, *first, *vocabulary.pieces(question(text)))
    return Example(prompt, (*vocabulary.pieces(answer), vocabulary.end))


def _lost(document: Document, parts: Iterable[Document], codec: Codec) -> int:
    """Spans that no part's answer gives back."""
    plain = {(span.label, document.surface(span)) for span in document.spans}
    found = {(span.label, part.surface(span)) for part in parts for span in codec.decode(codec.render(part), part.text)}
    return len(plain - found)
