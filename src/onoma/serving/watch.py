"""What happens around every request: an id, a bound on its size, a line in the log, a count in the metrics.

No line of the log and no name in the metrics ever holds text that was sent.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("onoma.serving")
_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")


class Metrics:
    """What a service counts, for Prometheus.

    Attributes:
        registry: of all of them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("onoma_requests", "Requests answered", ["route", "status"], registry=self.registry)
        self.seconds = Histogram("onoma_request_seconds", "Time to the answer", ["route"], registry=self.registry)
        self.documents = Counter("onoma_documents", "Documents read", ["adapter"], registry=self.registry)
        self.characters = Counter("onoma_characters", "Characters read", ["adapter"], registry=self.registry)
        self.entities = Counter("onoma_entities", "Entities found", ["adapter", "label"], registry=self.registry)
        self.waiting = Gauge("onoma_waiting_characters", "Characters in the queue", registry=self.registry)
        self.adapters = Gauge("onoma_adapters", "Extractors offered", registry=self.registry)


class Watch:
    """Middleware around an application.

    Args:
        app: that answers.
        metrics: that it counts into.
        most_bytes: of a request's body.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, most_bytes: int) -> None:
        self._app = app
        self._metrics = metrics
        self._most = most_bytes
        self._too_large = HTTPException(413, f"a request may have {most_bytes} bytes at most. Send less at once.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        begun = time.monotonic()
        status = 0
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise self._too_large
            return message

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
            await send(message)

        stated = headers.get(b"content-length", b"0")
        try:
            if stated.isdigit() and int(stated) > self._most:
                await JSONResponse({"error": self._too_large.detail}, 413)(scope, receive, noted)
            else:
                await self._app(scope, bounded, noted)
        finally:
            self._note(scope, request_id, status, time.monotonic() - begun, received)

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float, received: int) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        line: dict[str, Any] = {
            "request": request_id,
            "method": scope["method"] if scope["method"].isalpha() else "other",
            "route": route,
            "status": status,
            "seconds": round(seconds, 4),
            "bytes": received,
            **scope["state"].get("note", {}),
        }
        LOG.info(json.dumps(line))
