"""The HTTP service: extraction, adapters, health, metrics."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException as StarletteHTTPException

from onoma import __version__
from onoma.corpus.formats.conll import word_lines
from onoma.document import Document
from onoma.errors import DataError, ModelError, OnomaError, nearest
from onoma.extractors.outputs import as_pipeline
from onoma.serving.batcher import Batcher, DeadlineError, QueueFullError
from onoma.serving.engines import Engines, Served
from onoma.serving.keys import Key, Keys
from onoma.serving.messages import (
    Adapter,
    Adapters,
    Entity,
    ExtractRequest,
    ExtractResponse,
    FoundDocument,
    LoadRequest,
    Problem,
)
from onoma.serving.watch import Metrics, Watch

if TYPE_CHECKING:
    from onoma.serving.replicas import ReplicatedBatcher, ReplicatedEngines


@dataclass(frozen=True)
class ServiceSettings:
    """Bounds of a service.

    Args:
        deadline: seconds that a request may take.
        most_bytes: of a request.
        waiting: characters that may wait for their turn.
        batch: characters that are extracted from at a time.
        runs: folder that adapters may be loaded from while the service runs; None allows none.
    """

    deadline: float = 30.0
    most_bytes: int = 8_000_000
    waiting: int = 2_000_000
    batch: int = 50_000
    runs: Path | None = None


@dataclass(frozen=True)
class _Service:
    """What the routes share; each application has its own, in its state."""

    engines: Engines | ReplicatedEngines
    batcher: Batcher | ReplicatedBatcher
    settings: ServiceSettings
    keys: Keys | None
    metrics: Metrics


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "no key, or one that is not known"},
    404: {"model": Problem, "description": "no such adapter"},
    413: {"model": Problem, "description": "the request is too large"},
    422: {"model": Problem, "description": "the request is not valid"},
    429: {"model": Problem, "description": "too much is waiting; see Retry-After"},
    503: {"model": Problem, "description": "the adapter cannot be used now"},
    504: {"model": Problem, "description": "the deadline has passed"},
}
_ADMIN_PROBLEMS: dict[int | str, dict[str, Any]] = {
    403: {"model": Problem, "description": "the key is no admin's, or nothing may be loaded"},
    **{status: _PROBLEMS[status] for status in (401, 404, 413, 422)},
}
_bearer = HTTPBearer(auto_error=False, description="a key that `onoma keys` made")
router = APIRouter()


def create_app(
    engines: Engines | ReplicatedEngines, settings: ServiceSettings | None = None, keys: Keys | None = None
) -> FastAPI:
    """The service as an ASGI application.

    Args:
        engines: with the extractors to offer.
        settings: bounds.
        keys: of those who may use it; None lets everyone extract, and nobody load.

    Examples:
        >>> uvicorn.run(create_app(engines), host="127.0.0.1")  # doctest: +SKIP
    """
    settings = settings or ServiceSettings()
    metrics = Metrics()
    batcher = engines.batcher(settings.batch, settings.waiting)
    metrics.waiting.set_function(lambda: batcher.waiting)
    metrics.adapters.set_function(lambda: len(engines.served))

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        # What was accepted is answered before the process ends.
        await asyncio.to_thread(batcher.close)

    app = FastAPI(
        title="Onoma",
        version=__version__,
        description="Named-entity recognition with small adapters.",
        lifespan=lifespan,
        license_info={"name": "Apache-2.0"},
    )
    app.state.service = _Service(engines, batcher, settings, keys, metrics)
    app.include_router(router)
    app.add_exception_handler(StarletteHTTPException, _answer_problem)
    app.add_exception_handler(OnomaError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_middleware(Watch, metrics=metrics, most_bytes=settings.most_bytes)
    return app


# Dependencies are coroutines, though they wait for nothing: FastAPI sends others to a thread and back.
async def _service(request: Request) -> _Service:
    service: _Service = request.app.state.service
    return service


Service = Annotated[_Service, Depends(_service)]


async def _caller(
    service: Service, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Key | None:
    if service.keys is None:
        return None
    key = service.keys.find(given.credentials) if given else None
    if key is None:
        raise HTTPException(401, "this service wants a key: Authorization: Bearer ...", {"WWW-Authenticate": "Bearer"})
    return key


Caller = Annotated[Key | None, Depends(_caller)]


async def _admin(caller: Caller) -> None:
    if caller is None or caller.role != "admin":
        raise HTTPException(403, "adapters are loaded and unloaded with an admin's key alone")


@router.post("/v1/extract", responses=_PROBLEMS, response_model_exclude_none=True)
async def extract(body: ExtractRequest, request: Request, service: Service, caller: Caller) -> ExtractResponse:
    """Find entities in texts."""
    served = service.engines.find(body.adapter)
    for label in body.labels or ():
        if served.labels and label not in served.labels:
            raise HTTPException(422, f"labels: {served.name!r} has no {label!r}. {nearest(label, served.labels)}")
    documents = _documents(body)
    request.state.note = {
        "adapter": served.name,
        "documents": len(documents),
        "characters": sum(len(document.text) for document in documents),
        **({"key": caller.name} if caller else {}),
    }
    found = await _find(service, documents, served)
    kept = [_filtered(document, body) for document in found]
    _count(service.metrics, served.name, kept)
    answer = ExtractResponse(adapter=served.name, request_id=request.state.request_id)
    if body.format == "pipeline":
        answer.pipeline = [as_pipeline(document) for document in kept]
    elif body.format == "conll":
        answer.conll = [word_lines(document) for document in kept]
    else:
        answer.documents = [_found(document) for document in kept]
    return answer


@router.get("/v1/adapters", responses={401: _PROBLEMS[401]})
def adapters(service: Service, _: Caller) -> Adapters:
    """What can be asked for."""
    return Adapters(adapters=[_adapter(served) for served in service.engines.served.values()])


@router.post("/v1/adapters", status_code=201, responses=_ADMIN_PROBLEMS, dependencies=[Depends(_admin)])
def load_adapter(body: LoadRequest, service: Service) -> Adapter:
    """Load a run from the service's folder of runs; one of that name is replaced."""
    root = service.settings.runs
    if root is None:
        raise HTTPException(403, "this service was started without a folder to load runs from (--runs)")
    path = (root / body.run).resolve()
    if not path.is_relative_to(root.resolve()):
        raise HTTPException(422, "run: it lies outside the service's folder of runs")
    if not path.is_dir():
        raise HTTPException(404, f"no run {body.run!r}")
    return _adapter(service.engines.add(body.name, path))


@router.delete("/v1/adapters/{name}", status_code=204, responses=_ADMIN_PROBLEMS, dependencies=[Depends(_admin)])
def unload_adapter(name: str, service: Service) -> None:
    """Stop offering an extractor."""
    service.engines.remove(name)


@router.get("/health")
def health() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok", "version": __version__}


@router.get("/ready", responses={503: {"model": Problem}})
def ready(service: Service) -> dict[str, str]:
    """Whether texts will be answered."""
    if not service.batcher.alive or not service.engines.served:
        raise HTTPException(503, "nothing is loaded, or the service is ending")
    return {"status": "ready"}


@router.get("/metrics", response_class=Response)
def metrics(service: Service) -> Response:
    """Counts for Prometheus."""
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _find(service: _Service, documents: Sequence[Document], served: Served) -> list[Document]:
    seconds = service.settings.deadline
    done = service.batcher.submit(documents, served.name, seconds=seconds)
    try:
        return await asyncio.wait_for(asyncio.wrap_future(done), seconds)
    except TimeoutError:
        raise DeadlineError from None


def _documents(body: ExtractRequest) -> list[Document]:
    if body.texts is not None:
        return [Document(text) for text in body.texts]
    documents = []
    for number, given in enumerate(body.documents or ()):
        tokens = None if given.tokens is None else tuple(given.tokens)
        try:
            documents.append(Document(given.text, tokens=tokens, id=given.id, language=given.language))
        except DataError as error:
            raise HTTPException(422, f"documents.{number}: {error}") from error
    return documents


def _filtered(document: Document, body: ExtractRequest) -> Document:
    wanted = None if body.labels is None else set(body.labels)
    return document.with_spans(
        [
            span
            for span in document.spans
            if (wanted is None or span.label in wanted) and span.sureness >= body.threshold
        ]
    )


def _count(metrics: Metrics, name: str, documents: Sequence[Document]) -> None:
    metrics.documents.labels(name).inc(len(documents))
    metrics.characters.labels(name).inc(sum(len(document.text) for document in documents))
    for document in documents:
        for span in document.spans:
            metrics.entities.labels(name, span.label).inc()


def _found(document: Document) -> FoundDocument:
    return FoundDocument(
        id=document.id,
        entities=[
            Entity(
                start=span.start,
                end=span.end,
                label=span.label,
                score=None if span.score is None else round(span.score, 6),
                surface=document.surface(span),
            )
            for span in document.spans
        ],
    )


def _adapter(served: Served) -> Adapter:
    return Adapter(name=served.name, kind=served.kind, labels=list(served.labels), base=served.base)


def _problem(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    # A key of the request stands in some messages, and need not be Unicode.
    return JSONResponse({"error": message.encode("utf-8", "replace").decode()}, status, headers)


async def _answer_problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException), "registered for it"
    return _problem(error.status_code, str(error.detail), dict(error.headers or {}))


async def _answer_error(_: Request, error: Exception) -> JSONResponse:
    if isinstance(error, QueueFullError):
        return _problem(429, str(error), {"Retry-After": f"{error.seconds:.0f}"})
    if isinstance(error, DeadlineError):
        return _problem(504, str(error))
    if isinstance(error, ModelError):
        return _problem(404, f"{error.what.rstrip('.')}. {error.mend}".strip())
    assert isinstance(error, OnomaError), "registered for it"
    return _problem(503, error.what)


async def _answer_invalid(_: Request, error: Exception) -> JSONResponse:
    """Say which keys are wrong, without the values: they are the sender's text."""
    assert isinstance(error, RequestValidationError), "registered for it"
    lines = []
    for one in error.errors()[:10]:
        place = ".".join(str(part) for part in one["loc"] if part != "body")
        lines.append(f"{place}: {one['msg']}" if place else str(one["msg"]))
    return _problem(422, "; ".join(lines) or "not a request")
