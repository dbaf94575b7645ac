from collections.abc import Sequence

from onoma.document import Document, Span
from onoma.extractors.base import Extractor
from onoma.extractors.passages import PassageExtractor


class AfterUse(Extractor):
    """Finds what is alone on a line, if the text says "use" anywhere before."""

    labels = ("X",)

    def extract_block(self, documents: Sequence[Document]) -> list[Document]:
        return [
            document.with_spans(
                [
                    Span(start, start + len(line), "X", 0.9)
                    for line in document.text.split("\n")
                    if (start := document.text.index(line)) and " " not in line and "use" in document.text[:start]
                ]
            )
            for document in documents
        ]


def test_sentences_are_found_in_the_light_of_their_neighbours():
    sentences = [Document("we use", id="1"), Document("Redis", id="2"), Document("it is good", id="3")]
    assert not any(found.spans for found in AfterUse().extract(sentences))
    found = PassageExtractor(AfterUse(), words=5).extract(sentences)
    assert [document.id for document in found] == ["1", "2", "3"]
    assert [document.spans for document in found] == [(), (Span(0, 5, "X", 0.9),), ()]
    assert PassageExtractor(AfterUse(), words=5).labels == ("X",)
    assert not any(found.spans for found in PassageExtractor(AfterUse(), words=2).extract(sentences))
