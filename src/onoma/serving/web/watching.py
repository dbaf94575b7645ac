"""The tab that watches a labelling: how far it is, what it has cost, what failed."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from onoma.annotation.journal import Journal
from onoma.errors import OnomaError
from onoma.serving.web.markup import note, table

_SECONDS = 5.0


def standing(path: Path) -> str:
    """A journal's counts, costs and failures as HTML."""
    if not path.exists():
        return note(f"There is no journal {path} yet; `onoma label --journal` makes it.")
    try:
        with Journal(path) as journal:
            counts, spent, failures = journal.counts(), journal.spent(), journal.failures()
    except OnomaError as error:
        return note(str(error))
    total = sum(counts.values())
    done = counts["answered"] / total if total else 0.0
    bar = f'<progress max="1" value="{done:.4f}" style="width:100%" aria-label="answered"></progress>'
    state = table(("state", "requests"), list(counts.items()))
    cost = table(
        ("input tokens", "output tokens", "cost"), [(spent.input_tokens, spent.output_tokens, f"{spent.cost:.4f}")]
    )
    failed = table(("failure", "requests"), list(failures.items())) if failures else note("Nothing has failed.")
    return note(f"{done:.1%} of {total:,} requests are answered") + bar + state + cost + failed


def build(page: gr.Blocks, path: Path) -> None:
    """Put the tab's parts into the block that is open.

    Args:
        page: the whole page.
        path: of the journal.
    """
    shown = gr.HTML(elem_id="journal", apply_default_css=False)
    timer = gr.Timer(_SECONDS)
    gr.on(
        [page.load, timer.tick], lambda: standing(path), None, shown, show_progress="hidden", api_visibility="private"
    )
