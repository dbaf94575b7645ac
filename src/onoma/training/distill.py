"""What teachers say of each word, for a student to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from onoma.document import Document
from onoma.errors import RecipeError, nearest
from onoma.extractors.base import Extractor
from onoma.extractors.decoding import Floats
from onoma.extractors.tagger import TaggerExtractor


def teach(teachers: Mapping[str, Extractor], documents: Sequence[Document], tags: Sequence[str]) -> list[Floats]:
    """Log-probabilities of tags for each word, of several teachers the log of their mean probability.

    Words carry the answers, so teachers and student may cut words into different pieces.

    Args:
        teachers: taggers by name.
        documents: texts.
        tags: of the student, whose order the answers follow.

    Returns:
        One array of shape ``(words, tags)`` a document.

    Raises:
        RecipeError: if a teacher is no tagger, or does not know a tag.
    """
    means: list[Floats] = [np.zeros((len(document.words()), len(tags)), np.float32) for document in documents]
    for name, teacher in teachers.items():
        if not isinstance(teacher, TaggerExtractor):
            raise RecipeError("this teacher is no tagger, so it has no probabilities to learn from", where=name)
        known = teacher.settings.tags.tags
        for tag in tags:
            if tag not in known:
                raise RecipeError(
                    f"this teacher does not know the label {tag.partition('-')[2]!r}",
                    where=name,
                    mend=nearest(tag.partition("-")[2], teacher.labels),
                )
        order = [known.index(tag) for tag in tags]
        for mean, scores in zip(means, teacher.score_words(documents), strict=True):
            mean += np.exp(scores[:, order]) / len(teachers)
    with np.errstate(divide="ignore"):
        return [np.log(mean) for mean in means]
