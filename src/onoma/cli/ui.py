"""`onoma ui`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from onoma.cli import show
from onoma.cli.serve import is_loopback, named, run_server
from onoma.errors import OnomaError

_PASSWORD = "ONOMA_PASSWORD"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples:\n\n  onoma ui runs/assamese runs/it --runs runs\n\n"
        "  onoma ui --review data/labelled.parquet --verdicts review.jsonl --journal journal.sqlite"
    )(ui)


@show.command
def ui(
    extractors: Annotated[
        list[str] | None, typer.Argument(help="Runs, exports, rules to try; NAME=PATH gives a name.")
    ] = None,
    runs: Annotated[Path | None, typer.Option(help="Folder of finished runs to look at.")] = None,
    review: Annotated[str | None, typer.Option(help="Labelled corpus to check.")] = None,
    split: Annotated[str, typer.Option(help="Split of it.")] = "train",
    verdicts: Annotated[Path, typer.Option(help="File that verdicts are kept in.")] = Path("review.jsonl"),
    journal: Annotated[Path | None, typer.Option(help="Journal of a labelling to watch.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8401,
) -> None:
    """Open a page to try extractors, look at runs, check labels and watch a labelling. The service is there too."""
    password = os.environ.get(_PASSWORD)
    if not is_loopback(host) and not password:
        raise OnomaError(
            f"everyone who reaches {host} could use the page",
            mend=f"Set the variable {_PASSWORD} to what the user onoma is to give, or listen on 127.0.0.1.",
        )
    if not extractors and runs is None and review is None and journal is None:
        raise OnomaError("there is nothing to show", mend="Name a run, or give --runs, --review or --journal.")
    if runs is not None and not runs.is_dir():
        raise OnomaError("no such folder", where=str(runs), mend="Name the folder that holds runs.")
    from onoma.annotation.review import Review
    from onoma.corpus import load_corpus
    from onoma.serving.api import create_app
    from onoma.serving.engines import Engines
    from onoma.serving.web.page import Shown, mount_page

    checked = Review(list(load_corpus(review)[split]), verdicts) if review is not None else None
    engines = Engines()
    with show.without_collection():
        for name, path in named(extractors or []).items():
            engines.add(name, path)
    app = mount_page(create_app(engines), Shown(engines, runs, checked, journal), password=password)
    run_server(app, host, port, "the page is at", grace=5)
