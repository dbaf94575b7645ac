"""`onoma doctor`."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from typing import Annotated, Any

import typer

from onoma import __version__
from onoma.cli import show

_PACKAGES = ("torch", "transformers", "peft", "accelerate", "datasets", "tokenizers", "pyarrow", "spacy")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


@show.command
def doctor(as_json: Annotated[bool, show.JsonOption] = False) -> None:
    """Say what Onoma finds on this machine: packages, device, number formats, bases, cache."""
    from onoma.files import cache_folder
    from onoma.models.bases import list_bases

    found: dict[str, Any] = {
        "onoma": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "cache": str(cache_folder()),
        "bases": {base.name: base.state for base in list_bases()},
    }
    if found["packages"]["torch"]:
        import torch

        cuda = torch.cuda.is_available()
        found["device"] = torch.cuda.get_device_name(0) if cuda else "cpu"
        found["threads"] = torch.get_num_threads()
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    console = show.out()
    rows = [(key, value) for key, value in found.items() if not isinstance(value, dict)]
    rows += [(name, version or "not installed") for name, version in found["packages"].items()]
    rows += list(found["bases"].items())
    console.print(show.table("This machine", ("what", "found"), rows))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
