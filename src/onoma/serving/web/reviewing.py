"""The tab where people check labels, with the keyboard; see :mod:`onoma.annotation.review`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from onoma.annotation.review import Choice, Review
from onoma.corpus import save_corpus
from onoma.document import Span
from onoma.errors import OnomaError
from onoma.serving.web.markup import QUIET, hue_of, note, table

_TEMPLATE = """
<div class="onoma-review" role="group" aria-label="Sentence to review">
  <div class="onoma-text" tabindex="0"></div>
  <div class="legend"></div>
  <div class="keys">select text and press a number to label it · click an entity to remove it ·
    <kbd>a</kbd> accept or save · <kbd>r</kbd> reject the text · <kbd>u</kbd> undo changes</div>
</div>
"""
_CSS = """
.onoma-review .onoma-text { border: 1px solid var(--border-color-primary); border-radius: 8px; padding: 1rem;
  font-size: 1.15rem; min-height: 4rem; }
.onoma-review .legend { display: flex; flex-wrap: wrap; gap: .5rem; margin: .8rem 0; }
.onoma-review .legend button { border: 1px solid var(--border-color-primary); border-radius: 6px; padding: .25rem .6rem;
  background: hsl(var(--hue) 80% 55% / .18); color: inherit; cursor: pointer; }
.onoma-review .keys { opacity: .7; font-size: .85rem; }
.onoma-review mark { cursor: pointer; }
"""
_JS = r"""
const text = () => element.querySelector(".onoma-text");
let spans = [], changed = false;
const item = () => props.value || {item: null, text: "", spans: [], labels: []};
const draw = () => {
  const letters = Array.from(item().text);
  const box = text(); box.replaceChildren();
  let at = 0;
  for (const span of spans.slice().sort((a, b) => a.start - b.start)) {
    if (span.start < at) continue;
    box.append(letters.slice(at, span.start).join(""));
    const mark = document.createElement("mark");
    mark.dataset.label = span.label;
    mark.style.setProperty("--hue", (item().labels.find(l => l.name === span.label) || {hue: 0}).hue);
    mark.textContent = letters.slice(span.start, span.end).join("");
    mark.addEventListener("click", () => { spans = spans.filter(s => s !== span); changed = true; draw(); });
    box.append(mark);
    at = span.end;
  }
  box.append(letters.slice(at).join(""));
  const legend = element.querySelector(".legend"); legend.replaceChildren();
  item().labels.forEach((label, number) => {
    const key = document.createElement("button");
    key.type = "button"; key.textContent = `${number + 1} ${label.name}`; key.style.setProperty("--hue", label.hue);
    key.addEventListener("mousedown", event => { event.preventDefault(); add(label.name); });
    legend.append(key);
  });
};
const reset = () => { spans = item().spans.map(s => ({...s})); changed = false; draw(); };
const selected = () => {
  const chosen = window.getSelection();
  if (!chosen.rangeCount || chosen.isCollapsed) return null;
  const range = chosen.getRangeAt(0);
  if (!text().contains(range.startContainer) || !text().contains(range.endContainer)) return null;
  const before = document.createRange();
  before.selectNodeContents(text()); before.setEnd(range.startContainer, range.startOffset);
  // Offsets count code points, as everywhere in Onoma.
  let start = Array.from(before.toString()).length, letters = Array.from(range.toString());
  let end = start + letters.length;
  while (letters.length && !letters[0].trim()) { letters.shift(); start += 1; }
  while (letters.length && !letters[letters.length - 1].trim()) { letters.pop(); end -= 1; }
  return letters.length ? {start, end} : null;
};
const add = label => {
  const place = selected();
  if (!place) return;
  spans = spans.filter(s => s.end <= place.start || s.start >= place.end);
  spans.push({...place, label}); changed = true;
  window.getSelection().removeAllRanges(); draw();
};
const say = decision => {
  if (!item().item) return;
  trigger("submit", {item: item().item, decision,
    spans: spans.map(({start, end, label}) => ({start, end, label}))});
};
const accept = () => say(changed ? "mend" : "accept");
document.addEventListener("keydown", event => {
  const typing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable=true]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !element.offsetParent) return;
  const number = parseInt(event.key, 10);
  if (number >= 1 && number <= item().labels.length) { add(item().labels[number - 1].name); event.preventDefault(); }
  else if (event.key === "a") accept();
  else if (event.key === "r") say("reject");
  else if (event.key === "u") reset();
});
watch("value", reset);
reset();
"""


def card(review: Review, item: str | None) -> dict[str, Any]:
    """What the widget shows of an item: its text, its spans, the labels with their colours."""
    labels = review.labels
    shown = [{"name": label, "hue": hue_of(label, labels)} for label in labels]
    if item is None:
        return {"item": None, "text": "Nothing is left to review.", "spans": [], "labels": []}
    document = review.documents[item]
    return {"item": item, "text": document.text, "spans": [s.to_dict() for s in document.spans], "labels": shown}


def standing(review: Review, reviewer: str) -> str:
    """How far a reviewer has come, how good the labels are, how far reviewers agree."""
    own = review.verdicts(reviewer)
    quality = review.quality(reviewer)
    low, high = quality.interval
    lines = [
        note(
            f"{len(own)} of {len(review.documents)} reviewed by {reviewer or 'nobody'}; of {quality.reviewed} drawn at "
            f"random {quality.right} are right"
            + (f": {quality.right / quality.reviewed:.1%} [{low:.1%}, {high:.1%}]" if quality.reviewed else "")
            + (f"; F1 of the labels {quality.agreement.f1:.3f}" if quality.agreement else "")
        )
    ]
    rows = []
    for other in review.reviewers:
        found = review.agreement(reviewer, other) if other != reviewer else None
        if found is not None:
            low, high = found.interval
            rows.append((other, found.documents, found.f1, f"{low:.3f}–{high:.3f}", found.kappa))
    if rows:
        lines.append(table(("agreement with", "sentences", "F1", "95 % interval", "Cohen's κ"), rows))
    return "".join(lines)


def build(page: gr.Blocks, review: Review) -> None:
    """Put the tab's parts into the block that is open.

    Args:
        page: the whole page.
        review: of what is to be checked.
    """
    with gr.Row():
        reviewer = gr.Textbox("me", label="Reviewer", elem_id="reviewer", scale=1)
        choice = gr.Radio(
            [
                ("at random (says how good the labels are)", "random"),
                ("the unsure first (best to learn from)", "unsure"),
            ],
            value="random",
            label="Next sentence",
            elem_id="choice",
            scale=3,
        )
    widget = gr.HTML(
        {"item": None, "text": "", "spans": [], "labels": []},
        html_template=_TEMPLATE,
        css_template=_CSS,
        js_on_load=_JS,
        elem_id="review",
        apply_default_css=False,
    )
    progress = gr.HTML(elem_id="standing", apply_default_css=False)
    export = gr.DownloadButton("Download the corrected corpus", size="sm", elem_id="corrected")

    def following(name: str, picked: Choice) -> tuple[dict[str, Any], str]:
        return card(review, review.next_item(name, picked)), standing(review, name)

    def decide(name: str, picked: Choice, event: gr.EventData) -> tuple[dict[str, Any], str]:
        data = event._data  # the only way that Gradio offers to what a trigger brings
        try:
            spans = [Span(int(one["start"]), int(one["end"]), str(one["label"])) for one in data["spans"]]
            review.decide(str(data["item"]), name, data["decision"], spans, choice=picked)
        except (OnomaError, KeyError, TypeError, ValueError) as error:
            raise gr.Error(str(error), print_exception=False) from error
        return following(name, picked)

    def corrected() -> str:
        path = Path(tempfile.mkdtemp(prefix="onoma-review-")) / "corrected.jsonl"
        save_corpus({"train": review.corrected()}, path)
        return str(path)

    shown = [widget, progress]
    widget.submit(decide, [reviewer, choice], shown, **QUIET)
    gr.on([reviewer.submit, choice.input], following, [reviewer, choice], shown, **QUIET)
    page.load(following, [reviewer, choice], shown, **QUIET)
    export.click(corrected, None, export, **QUIET)
