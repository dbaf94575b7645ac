"""spaCy's ``DocBin``: the binary files that ``spacy train`` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from onoma.corpus.reading import Format, Options, ReadLog, check_text
from onoma.document import Document, Span
from onoma.errors import DataError
from onoma.files import atomic_file
from onoma.tagging import spans_from_words, spans_to_words
from onoma.words import word_offsets


def read(path: Path, log: ReadLog, options: Options) -> Iterator[Document]:
    """Yield the documents of a ``.spacy`` file with their ``doc.ents``."""
    import spacy
    from spacy.tokens import DocBin

    try:
        stored = DocBin().from_disk(path)
    except Exception as error:  # zlib, msgpack and spaCy each raise their own
        raise DataError(f"not a DocBin ({type(error).__name__})", where=str(path)) from error
    for doc in stored.get_docs(spacy.blank("xx").vocab):
        yield Document(
            doc.text,
            spans=tuple(Span(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents),
            # spaCy makes tokens of white space and controls too; no word is in those.
            tokens=tuple((token.idx, token.idx + len(token.text)) for token in doc if word_offsets(token.text)),
        )


def write(documents: Iterable[Document], path: Path) -> None:
    """Write documents as spaCy ``Doc`` objects; text, words and ``ents`` are exact."""
    import spacy
    from spacy.tokens import Doc, DocBin
    from spacy.util import filter_spans

    vocab = spacy.blank("xx").vocab
    stored = DocBin()
    for document in documents:
        check_text(document)
        words, spaces = _spacy_words(document)
        doc = Doc(vocab, words=words, spaces=spaces)
        inside = spans_from_words(spans_to_words(document).spans, document.words())
        ents = [doc.char_span(span.start, span.end, span.label, alignment_mode="expand") for span in inside]
        doc.ents = filter_spans([ent for ent in ents if ent is not None])
        stored.add(doc)
    with atomic_file(path) as beside:
        beside.write_bytes(stored.to_bytes())


def _spacy_words(document: Document) -> tuple[list[str], list[bool]]:
    """Words and trailing-space flags that rebuild the text; other white space becomes words, as spaCy does."""
    words: list[str] = []
    spaces: list[bool] = []
    position = 0
    text = document.text
    for start, end in (*document.words(), (len(text), len(text))):
        gap = text[position:start]
        if gap.startswith(" ") and words:
            spaces[-1] = True
            gap = gap[1:]
        for piece in (gap, text[start:end]):
            if piece:
                words.append(piece)
                spaces.append(False)
        position = end
    return words, spaces


FORMAT = Format(
    name="docbin",
    suffixes=(".spacy",),
    carries=frozenset({"spacing", "tokens"}),
    read=read,
    write=write,
)
