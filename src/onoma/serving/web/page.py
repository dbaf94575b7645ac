"""The page as a whole, mounted in the service's application."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI

from onoma.annotation.review import Review
from onoma.serving.engines import Engines

if TYPE_CHECKING:
    import gradio as gr

EXAMPLE = "After the update to Ubuntu 22.04, java.lang.NullPointerException is thrown when Eclipse starts in Guwahati."


@dataclass(frozen=True)
class Shown:
    """What the page shows.

    Args:
        engines: extractors for the first tab; without any it is left out.
        runs: folder of finished runs, or None.
        review: of labelled documents, or None.
        journal: of a labelling, or None.
        example: text that stands in the first tab.
    """

    engines: Engines
    runs: Path | None = None
    review: Review | None = None
    journal: Path | None = None
    example: str = EXAMPLE


def build_page(shown: Shown) -> gr.Blocks:
    """The page with a tab for each thing that there is."""
    # Set before the import: nothing of a user's work is told to anyone.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio as gr

    from onoma.serving.web import extracting, reviewing, showing, watching

    page: gr.Blocks
    with gr.Blocks(title="Onoma", analytics_enabled=False) as page:
        gr.Markdown("## Onoma")
        with gr.Tabs():
            if shown.engines.served:
                with gr.Tab("Extract", id="extract"):
                    extracting.build(page, shown.engines, shown.example)
            if shown.runs is not None:
                with gr.Tab("Runs", id="runs"):
                    showing.build(page, shown.runs)
            if shown.review is not None:
                with gr.Tab("Review", id="review"):
                    reviewing.build(page, shown.review)
            if shown.journal is not None:
                with gr.Tab("Journal", id="journal"):
                    watching.build(page, shown.journal)
    return page


def mount_page(app: FastAPI, shown: Shown, *, password: str | None = None) -> FastAPI:
    """Put the page at the root of an application, whose other routes stay.

    Args:
        app: of :func:`onoma.serving.api.create_app`.
        shown: what the page shows.
        password: that the user ``onoma`` has to give; None lets everyone in.

    Examples:
        >>> mount_page(create_app(engines), Shown(engines, runs=Path("runs")))  # doctest: +SKIP
    """
    page = build_page(shown)
    import gradio as gr

    from onoma.serving.web.markup import CSS

    theme = gr.themes.Soft(
        primary_hue="blue",
        # Fonts that every machine has: the page asks no other host for anything.
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme,
        css=CSS,
        auth=None if password is None else ("onoma", password),
        show_error=False,
        ssr_mode=False,
        footer_links=[],
    )
    return mounted
