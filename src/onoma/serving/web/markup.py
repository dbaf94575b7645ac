"""Documents as HTML that is safe whatever the text holds, and the colours of labels."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from onoma.document import Document, Span

_HUES = (210, 28, 140, 330, 265, 50, 180, 0, 95, 300)
"""Degrees that neighbours on the list keep apart."""

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
"""How an event of the page is handled: at once, without a veil over what is shown, and not offered as an API."""

CSS = """
.onoma-text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 2.1; font-size: 1.02rem; }
.onoma-text mark { color: inherit; background: hsl(var(--hue) 80% 55% / .22); border-bottom: 2px solid
  hsl(var(--hue) 70% 48%); border-radius: 4px; padding: .12em .2em; box-decoration-break: clone; }
.onoma-text mark::after { content: attr(data-label); font-size: .66em; font-weight: 600; letter-spacing: .02em;
  margin-left: .4em; color: hsl(var(--hue) 60% 38%); vertical-align: .12em; }
.dark .onoma-text mark::after { color: hsl(var(--hue) 75% 72%); }
.onoma-text mark.differs { outline: 2px dashed hsl(var(--hue) 70% 48%); outline-offset: 2px; }
.onoma-text hr.window { display: inline-block; width: 0; height: 1.2em; margin: 0 .25em -.2em; border: 0;
  border-left: 2px dotted var(--border-color-primary); }
.onoma-note { opacity: .75; font-size: .88rem; margin: .2rem 0 .6rem; }
.onoma-table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
.onoma-table th, .onoma-table td { padding: .35rem .6rem; border-bottom: 1px solid var(--border-color-primary);
  text-align: left; }
.onoma-table td.number, .onoma-table th.number { text-align: right; }
.onoma-scroll { overflow-x: auto; }
.onoma-heat button { width: 100%; min-width: 3.2rem; padding: .4rem; border: 0; border-radius: 4px; cursor: pointer;
  color: inherit; font: inherit; background: hsl(12 85% 55% / calc(var(--share) * .85)); }
.onoma-heat button.right { background: hsl(150 60% 42% / calc(var(--share) * .75)); }
"""


def hue_of(label: str, labels: Sequence[str]) -> int:
    """Colour of a label, in degrees: by its place in the list, or by its name where it is not in it."""
    if label in labels:
        return _HUES[labels.index(label) % len(_HUES)]
    return int(hashlib.sha256(label.encode()).hexdigest()[:4], 16) % 360


def highlighted(
    document: Document, labels: Sequence[str], *, cuts: Sequence[int] = (), differing: Collection[Span] = ()
) -> str:
    """A text with its entities marked.

    Args:
        document: with spans; of two that overlap the earlier one is shown.
        labels: that colours go by.
        cuts: offsets at which a further window begins.
        differing: spans that another extractor does not have.

    Examples:
        >>> highlighted(Document("<b> Rome", (Span(4, 8, "LOC"),)), ["LOC"])
        '<div class="onoma-text">&lt;b&gt; <mark style="--hue:210" data-label="LOC" title="LOC">Rome</mark></div>'
    """
    parts = []
    position = 0
    for span in sorted(document.spans):
        if span.start < position:
            continue
        parts.append(_with_cuts(document.text, position, span.start, cuts))
        score = "" if span.score is None else f" {span.score:.2f}"
        kind = ' class="differs"' if span in differing else ""
        label = escape(span.label)
        parts.append(
            f'<mark{kind} style="--hue:{hue_of(span.label, labels)}" data-label="{label}{score}" '
            f'title="{label}{score}">{_with_cuts(document.text, span.start, span.end, cuts)}</mark>'
        )
        position = span.end
    parts.append(_with_cuts(document.text, position, len(document.text), cuts))
    return f'<div class="onoma-text">{"".join(parts)}</div>'


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; numbers stand on the right."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<div class="onoma-scroll"><table class="onoma-table"><tr>{head}</tr>{body}</table></div>'


def note(text: str) -> str:
    """A remark in small letters."""
    return f'<div class="onoma-note">{escape(text)}</div>'


def _cell(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    kind = ' class="number"' if isinstance(value, int | float) else ""
    return f"<td{kind}>{escape(text)}</td>"


def _with_cuts(text: str, start: int, end: int, cuts: Sequence[int]) -> str:
    bounds = [start, *(cut for cut in cuts if start < cut <= end), end]
    mark = '<hr class="window" title="a further window begins here">'
    return mark.join(escape(text[left:right]) for left, right in pairwise(bounds))
