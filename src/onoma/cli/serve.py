"""`onoma serve` and `onoma keys`."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onoma.cli import show
from onoma.errors import OnomaError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from onoma.serving.engines import Engines
    from onoma.serving.replicas import ReplicatedEngines


class Role(StrEnum):
    """What a key allows."""

    user = "user"
    admin = "admin"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog="Examples:\n\n  onoma serve runs/assamese runs/it\n\n"
        "  onoma serve as=runs/assamese it=it-int8 --host 0.0.0.0 --keys keys.yaml --runs runs"
    )(serve)
    app.command(epilog="Example:\n\n  onoma keys keys.yaml search-team")(keys)


@show.command
def serve(
    extractors: Annotated[list[str], typer.Argument(help="Runs, exports, rules; NAME=PATH gives a name.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8400,
    key_file: Annotated[Path | None, typer.Option("--keys", help="Keys of those who may use it.")] = None,
    runs: Annotated[Path | None, typer.Option(help="Folder whose runs admins may load.")] = None,
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds that a request may take.")] = 30.0,
    memory: Annotated[int, typer.Option(min=1, help="Megabytes of adapters in memory, for each base.")] = 512,
    engine: Annotated[show.Engine, show.EngineOption] = show.Engine.local,
    replicas: Annotated[int, typer.Option(min=1, help="Processes that extract, with --engine ray.")] = 1,
    address: Annotated[str | None, show.AddressOption] = None,
) -> None:
    """Serve extractors over HTTP; adapters of one base share its batches. Its description is at /docs."""
    if key_file is None and not is_loopback(host):
        raise OnomaError(
            f"everyone who reaches {host} could use it",
            mend="Make a key with `onoma keys keys.yaml NAME` and give --keys keys.yaml, or listen on 127.0.0.1.",
        )
    if engine is show.Engine.local and (replicas > 1 or address is not None):
        raise OnomaError("only Ray has replicas", where="--replicas, --address", mend="Add --engine ray.")
    from onoma.serving.api import ServiceSettings, create_app
    from onoma.serving.keys import Keys

    known = Keys.read(key_file) if key_file else None
    console = show.err()
    with _engines(engine, replicas, address, memory * 1024 * 1024) as engines:
        with show.without_collection():
            for name, path in named(extractors).items():
                served = engines.add(name, path)
                console.print(f"[bold]{name}[/]: {served.kind}, {', '.join(served.labels) or 'any label'}")
        app = create_app(engines, ServiceSettings(deadline=deadline, runs=runs), known)
        run_server(app, host, port, "described at /docs, listening on", grace=int(deadline) + 1)


def _engines(
    engine: show.Engine, count: int, address: str | None, memory: int
) -> AbstractContextManager[Engines | ReplicatedEngines]:
    if engine is show.Engine.ray:
        from onoma.serving.replicas import open_replicas

        return open_replicas(count, address, memory=memory)
    from onoma.serving.engines import Engines

    return nullcontext(Engines(memory=memory))


def run_server(app: FastAPI, host: str, port: int, words: str, *, grace: int) -> None:
    """Serve an application until the process is told to end; what was accepted is answered first.

    Args:
        app: to serve.
        host: address to listen on.
        port: to listen on; 0 takes a free one.
        words: said before the address.
        grace: seconds that open requests get at the end.
    """
    import logging
    import sys

    import uvicorn

    from onoma.serving.watch import LOG

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=grace
    )
    listening = config.bind_socket()
    show.err().print(f"{words} http://{host}:{listening.getsockname()[1]}", soft_wrap=True)
    uvicorn.Server(config).run([listening])


@show.command
def keys(
    file: Annotated[Path, typer.Argument(help="The file of keys; made if it is missing.")],
    name: Annotated[str, typer.Argument(help="Who the key is for; an older key of that name ends.")],
    role: Annotated[Role, typer.Option(help="An admin may load and unload adapters.")] = Role.user,
) -> None:
    """Make an API key. It is shown once; the file holds its hash."""
    from onoma.serving.keys import new_key

    typer.echo(new_key(file, name, role.value))


def named(arguments: Sequence[str]) -> dict[str, Path]:
    """Paths by the names that requests will use."""
    found: dict[str, Path] = {}
    for argument in arguments:
        name, given, rest = argument.partition("=")
        path = Path(rest if given and "/" not in name else argument)
        name = name if given and "/" not in name else path.name if path.is_dir() else path.stem
        if name in found:
            raise OnomaError(f"two extractors are named {name!r}", mend="Give them names: NAME=PATH.")
        found[name] = path
    return found


def is_loopback(host: str) -> bool:
    """True for an address that only this machine reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
