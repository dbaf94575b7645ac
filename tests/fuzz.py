"""Coverage-guided fuzzing with atheris (https://github.com/google/atheris); `make fuzz` runs every target.

A target takes bytes. What it may raise is an OnomaError; anything else is a find, and so is what takes over 10 s.

python tests/fuzz.py codecs -max_total_time=1800
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris
from starlette.testclient import TestClient

with atheris.instrument_imports(include=["onoma"]):
    from onoma.alignment import WordEncoder
    from onoma.annotation.harvest.clean import clean_text, cut_text
    from onoma.annotation.harvest.markup import plain_text
    from onoma.corpus.formats import FORMATS
    from onoma.corpus.reading import ReadLog
    from onoma.document import Document, Span
    from onoma.errors import OnomaError
    from onoma.extractors.codecs import CODECS
    from onoma.serving.api import create_app
    from onoma.serving.engines import Engines
    from onoma.tagging import spans_from_words, spans_to_words
    from onoma.words import on_word_boundaries, word_offsets

from conftest import make_tokenizer  # it imports from onoma, which would then not be instrumented

SCRATCH = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
READABLE = [kind for kind in FORMATS.values() if ".parquet" not in kind.suffixes and kind.suffixes]
BY_NAME = sorted(CODECS)


def readers(data: bytes) -> None:
    """Files of every format that is text, and of binary ones where their libraries say what is wrong."""
    if not data:
        return
    kind = READABLE[data[0] % len(READABLE)]
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder, contextlib.suppress(OnomaError):
        path = Path(folder) / f"train{kind.suffixes[0]}"
        path.write_bytes(data[1:])
        for document in kind.read(path, ReadLog(on_error="skip"), {}):
            check(document)


def codecs(data: bytes) -> None:
    """Answers of language models about a text, and texts with spans there and back."""
    made = atheris.FuzzedDataProvider(data)
    codec = CODECS[made.PickValueInList(BY_NAME)]
    text = made.ConsumeUnicodeNoSurrogates(made.ConsumeIntInRange(0, 60))
    spans = []
    for _ in range(made.ConsumeIntInRange(0, 4)):
        start = made.ConsumeIntInRange(0, len(text))
        end = made.ConsumeIntInRange(start, len(text))
        if start < end:
            spans.append(Span(start, end, made.PickValueInList(["A", "B c", "D|]"])))
    with contextlib.suppress(OnomaError):
        document = Document(text, tuple(dict.fromkeys(spans)))
        rendered = codec.render(document)
        codec.expresses(document)
        codec.decode(rendered, text)
    answer = made.ConsumeUnicode(made.remaining_bytes())
    for span in codec.decode(answer, text):
        assert 0 <= span.start < span.end <= len(text)


def alignment(data: bytes) -> None:
    """Words of any text, their pieces, and spans put on words and back."""
    text = data.decode("utf-8", "replace")
    words = word_offsets(text)
    assert all(start < end for start, end in words)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(words))
    assert all(on_word_boundaries(text, start, end) for start, end in words)
    pieces = encoder().encode([text[start:end] for start, end in words])
    assert len(pieces) == len(words)
    assert all(pieces)
    with contextlib.suppress(OnomaError):
        document = Document(text, [Span(start, end, "X") for start, end in words[::2]])
        view = spans_to_words(document)
        assert spans_from_words(view.spans, words) == list(document.spans)


def markup(data: bytes) -> None:
    """Texts with markup, made plain and cut."""
    if not data:
        return
    kind = ("html", "markdown", "wikitext", "plain")[data[0] % 4]
    text = clean_text(plain_text(data[1:].decode("utf-8", "replace"), kind))
    parts = cut_text(text, 5)
    assert "".join("".join(parts).split()) == "".join(text.split()) or not word_offsets(text)


def api(data: bytes) -> None:
    """Bodies of requests."""
    answer = client().post("/v1/extract", content=data, headers={"content-type": "application/json"})
    assert answer.status_code < 500, answer.text
    if answer.status_code == 200:
        for document in answer.json().get("documents") or ():
            assert isinstance(document["entities"], list)
    with contextlib.suppress(ValueError, TypeError):
        given = json.loads(data)
        text = json.dumps({"texts": [str(given)]})
        assert client().post("/v1/extract", content=text).status_code in {200, 413, 422}


def check(document: Document) -> None:
    """A document's promises."""
    assert all(0 <= span.start < span.end <= len(document.text) for span in document.spans)
    assert all(0 <= start < end <= len(document.text) for start, end in document.tokens or ())


@functools.cache
def encoder() -> WordEncoder:
    """A small tokenizer."""
    return WordEncoder(make_tokenizer("unigram"))


@functools.cache
def client() -> TestClient:
    """A client of a service."""
    engines = Engines()
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.yaml"
        rules.write_text("gazetteers: {LOC: [Rome, গুৱাহাটী]}\n")
        engines.add("rules", rules)
    return TestClient(create_app(engines))


def seeds(name: str) -> list[bytes]:
    """Inputs to begin with, where nothing would be found from nothing."""
    document = Document("Ann Lee went to Rome.", [Span(0, 7, "PER"), Span(16, 20, "LOC")], id="1", language="en")
    if name == "readers":
        found = []
        for number, kind in enumerate(READABLE):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"train{kind.suffixes[0]}"
                kind.write([document, document], path)
                if path.is_file():
                    found.append(bytes([number]) + path.read_bytes())
        return found
    if name == "api":
        return [
            b'{"texts": ["in Rome"], "format": "conll"}',
            b'{"documents": [{"text": "a b", "tokens": [[0, 1], [2, 3]]}]}',
        ]
    if name == "markup":
        return [b"\x00<p>a <b>b</b></p>", b"\x01# a\n* [b](c) `d`", b"\x02== a ==\n[[b|c]] {{d}} ''e''"]
    return [document.text.encode(), "অসমীয়া ভাষা। ❤️Rome".encode()]


TARGETS: dict[str, Callable[[bytes], None]] = {
    "readers": readers,
    "codecs": codecs,
    "alignment": alignment,
    "markup": markup,
    "api": api,
}

if __name__ == "__main__":
    name = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as begin:
        for number, content in enumerate(seeds(name)):
            (Path(begin) / str(number)).write_bytes(content)
        atheris.Setup([*sys.argv, "-timeout=10", "-max_len=4096", begin], TARGETS[name])
        atheris.Fuzz()
