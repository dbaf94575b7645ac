"""The tab that finds entities in a text: adapters at a touch, two side by side, filters, copies, links."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from onoma.corpus.formats.conll import word_lines
from onoma.document import Document, Span
from onoma.errors import OnomaError
from onoma.serving.engines import Engines
from onoma.serving.web.markup import highlighted, note

LONGEST = 500_000
"""Characters of a text that the page takes."""
_NONE = "none"
_SHARE = """(text, adapter, other) => {
  const link = new URL(window.location);
  for (const [name, value] of Object.entries({text, adapter, other})) link.searchParams.set(name, value ?? "");
  history.replaceState(null, "", link);
  navigator.clipboard?.writeText(link.href).catch(() => {});
}"""


@dataclasses.dataclass(frozen=True)
class Found:
    """What an extractor found, and how it read the text.

    Args:
        name: of the extractor.
        document: with all spans.
        cuts: offsets at which a further window begins.
    """

    name: str
    document: Document
    cuts: list[int]


def find(engines: Engines, text: str, names: Sequence[str]) -> list[Found]:
    """Entities of a text by each of the extractors.

    Raises:
        OnomaError: if the text is too long, or an extractor fails.
    """
    if len(text) > LONGEST:
        raise OnomaError(
            f"the text has {len(text):,} characters, and the page takes {LONGEST:,}", mend="Use `onoma extract`."
        )
    document = Document(text)
    found = []
    for name, answer in zip(names, engines.extract([document] * len(names), names), strict=True):
        if isinstance(answer, OnomaError):
            raise answer
        found.append(Found(name, answer, engines.window_starts(document, name)))
    return found


def view(found: Sequence[Found], labels: Sequence[str], chosen: Sequence[str], least: float) -> str:
    """The findings as HTML: those with a chosen label and a score of at least ``least``.

    Args:
        found: of one extractor, or of two to be compared.
        labels: of all of them, for the colours.
        chosen: labels that are shown.
        least: score; a span without one is shown.
    """
    shown = [dataclasses.replace(one, document=filtered(one.document, chosen, least)) for one in found]
    plain = [{(span.start, span.end, span.label) for span in one.document.spans} for one in shown]
    parts = []
    for number, one in enumerate(shown):
        others = set().union(*(own for other, own in enumerate(plain) if other != number))
        differing: list[Span] = []
        if len(shown) > 1:
            differing = [span for span in one.document.spans if (span.start, span.end, span.label) not in others]
        remark = f"{one.name}: {len(one.document.spans)} entities"
        if len(shown) > 1:
            remark += f", {len(differing)} of them in this one alone"
        if one.cuts:
            remark += f"; read in {len(one.cuts) + 1} windows, nothing is cut off"
        text = highlighted(one.document, labels, cuts=one.cuts, differing=differing)
        parts.append(f'<section aria-label="Entities">{note(remark)}{text}</section>')
    return "".join(parts)


def filtered(document: Document, chosen: Sequence[str], least: float) -> Document:
    """The document with the spans that are to be shown."""
    return document.with_spans([span for span in document.spans if span.label in chosen and span.sureness >= least])


def build(page: gr.Blocks, engines: Engines, example: str) -> None:
    """Put the tab's parts into the block that is open.

    Args:
        page: the whole page.
        engines: what is offered.
        example: text that stands there at first.
    """
    names = sorted(engines.served)
    state = gr.State([])
    with gr.Row():
        with gr.Column(scale=2, min_width=280):
            text = gr.Textbox(example, label="Text", lines=7, max_lines=16, elem_id="text")
            file = gr.UploadButton("Read a text file", file_types=["text"], size="sm")
            adapter = gr.Dropdown(names, value=names[0], label="Extractor", elem_id="adapter")
            other = gr.Dropdown([_NONE, *names], value=_NONE, label="Compare with", elem_id="other")
            with gr.Row():
                go = gr.Button("Find entities", variant="primary", elem_id="go")
                share = gr.Button("Copy link", size="sm", elem_id="share")
            chosen = gr.CheckboxGroup([], label="Labels", elem_id="labels")
            least = gr.Slider(0, 1, 0, step=0.01, label="Least score", elem_id="least")
        with gr.Column(scale=3, min_width=300):
            result = gr.HTML(elem_id="result", apply_default_css=False)
            with gr.Accordion("As JSON", open=False):
                as_json = gr.Code(language="json", elem_id="as-json")
            with gr.Accordion("As CoNLL", open=False):
                as_conll = gr.Code(elem_id="as-conll")

    def shown(found: list[Found], labels: list[str], picked: list[str], score: float) -> tuple[str, str, str]:
        kept = [filtered(one.document, picked, score) for one in found]
        written = json.dumps([document.to_dict() for document in kept], ensure_ascii=False, indent=2)
        return view(found, labels, picked, score), written, "\n".join(map(word_lines, kept))

    def run(words: str, name: str, second: str, score: float) -> tuple[Any, ...]:
        asked = [name] if second == _NONE else [name, second]
        try:
            found = find(engines, words, asked)
        except OnomaError as error:
            raise gr.Error(str(error), print_exception=False) from error
        labels = list(dict.fromkeys([label for one in asked for label in engines.find(one).labels]))
        labels += sorted({span.label for one in found for span in one.document.spans} - set(labels))
        return found, gr.update(choices=labels, value=labels), *shown(found, labels, labels, score)

    def again(found: list[Found], picked: list[str], score: float) -> tuple[str, str, str]:
        labels = list(dict.fromkeys(label for one in found for label in engines.find(one.name).labels))
        return shown(found, labels, picked, score)

    def opened(request: gr.Request) -> tuple[Any, ...]:
        asked = dict(request.query_params)
        words = asked.get("text", example)[:LONGEST]
        name = asked.get("adapter") if asked.get("adapter") in names else names[0]
        second = asked.get("other") if asked.get("other") in names else _NONE
        return words, name, second, *run(words, str(name), str(second), 0.0)

    def read(path: str) -> str:
        return Path(path).read_bytes().decode("utf-8-sig", "replace")[: LONGEST + 1]

    wanted = [text, adapter, other, least]
    outputs = [state, chosen, result, as_json, as_conll]
    gr.on(
        [go.click, adapter.input, other.input], run, wanted, outputs, show_progress="hidden", api_visibility="private"
    )
    gr.on(
        [chosen.input, least.release],
        again,
        [state, chosen, least],
        outputs[2:],
        show_progress="hidden",
        api_visibility="private",
    )
    file.upload(read, file, text, api_visibility="private").then(run, wanted, outputs, api_visibility="private")
    share.click(None, [text, adapter, other], None, js=_SHARE)
    page.load(opened, None, [text, adapter, other, *outputs], show_progress="hidden", api_visibility="private")
