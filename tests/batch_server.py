"""The files and batches of the OpenAI protocol on loopback, with faults on order.

Every answer holds a hash of its question, so that a wrong pair shows.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from openai_server import completion
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def echo(text: str) -> str:
    """The answer to a question."""
    return json.dumps([[hashlib.sha256(text.encode()).hexdigest(), "X"]])


@dataclass
class BatchFaults:
    """Chances of what goes wrong.

    Args:
        refuse: of a call: status 429, every other time with Retry-After.
        error: of a call: status 500 before anything is done.
        late_error: of a call: status 500 after it is done.
        drop: of a call: the connection closes in the middle of the reply.
        truncate: of a file: it comes cut off, at the end of a line or inside of one.
        invalid: of a batch: its validation fails.
        expire: of a batch: a part is answered, the rest not, half of that with a line in the error file.
        item_error: of a request: a line in the error file.
        missing: of a request: no line anywhere.
        malformed: of a request: an answer without choices.
        doubled: of a request: another line with the same id and another answer.
        stranger: of a request: a line with an id that nobody sent.
    """

    refuse: float = 0.0
    error: float = 0.0
    late_error: float = 0.0
    drop: float = 0.0
    truncate: float = 0.0
    invalid: float = 0.0
    expire: float = 0.0
    item_error: float = 0.0
    missing: float = 0.0
    malformed: float = 0.0
    doubled: float = 0.0
    stranger: float = 0.0


@dataclass
class BatchServer:
    """What the server is to do, and what it has seen.

    Args:
        faults: what goes wrong.
        most_requests: in a file; more are refused with status 400.
        most_queued: requests in all batches at a time; more fail with ``token_limit_exceeded``.
        seconds: that a batch takes.
        seed: of the faults.
    """

    faults: BatchFaults = field(default_factory=BatchFaults)
    most_requests: int = 50_000
    most_queued: int | None = None
    seconds: float = 0.0
    seed: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        self._lock = threading.Lock()

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/v1/files", self._upload, methods=["POST"]),
                Route("/v1/files/{name}/content", self._download),
                Route("/v1/batches", self._create, methods=["POST"]),
                Route("/v1/batches", self._list),
                Route("/v1/batches/{name}", self._retrieve),
                Route("/v1/batches/{name}/cancel", self._cancel, methods=["POST"]),
            ]
        )

    async def _upload(self, request: Request) -> Response:
        body = await request.body()
        boundary = request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
        part = next(part for part in body.split(b"--" + boundary) if b'name="file"' in part)
        content = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        return self._faulty(lambda: self._keep_file(content))

    def _keep_file(self, content: bytes) -> dict[str, Any]:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return {
            "id": name,
            "object": "file",
            "bytes": len(content),
            "created_at": 0,
            "filename": "requests.jsonl",
            "purpose": "batch",
            "status": "processed",
        }

    async def _download(self, request: Request) -> Response:
        content = self.files[request.path_params["name"]]
        reply = self._faulty(dict)
        if reply.status_code != 200 or ("content-length" in reply.headers and reply.body[:1] != b"{"):
            return reply
        if len(content) > 3 and self._draw.random() < self.faults.truncate:
            self.seen["truncate"] += 1
            content = content[: len(content) // 2 - 1]
        return Response(content, media_type="application/octet-stream")

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        lines = [json.loads(line) for line in self.files[body["input_file_id"]].splitlines()]
        assert body["endpoint"] == "/v1/chat/completions"
        assert len({line["custom_id"] for line in lines}) == len(lines)
        if len(lines) > self.most_requests:
            self.seen["oversized"] += 1
            return JSONResponse({"error": {"message": "too many requests", "code": "too_many"}}, 400)
        return self._faulty(lambda: self._start(body, lines))

    def _start(self, body: dict[str, Any], lines: list[dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            name = f"batch_{len(self.batches)}"
            queued = sum(len(batch["lines"]) for batch in self.batches.values() if batch["status"] == "in_progress")
            code = ""
            if self.most_queued is not None and queued + len(lines) > self.most_queued:
                code = "token_limit_exceeded"
            elif self._draw.random() < self.faults.invalid:
                code = "invalid_request"
            self.seen[code or "started"] += 1
            self.batches[name] = {
                "body": body,
                "lines": lines,
                "status": "failed" if code else "in_progress",
                "code": code,
                "begun": time.monotonic(),
                "out": None,
                "errors": None,
                "answered": 0,
            }
            return self._shown(name)

    async def _list(self, request: Request) -> Response:
        names = list(self.batches)[::-1]
        after = request.query_params.get("after")
        names = names[names.index(after) + 1 :] if after else names
        size = int(request.query_params.get("limit", 20))
        data = [self._shown(name) for name in names[:size]]
        more = len(names) > size
        return self._faulty(lambda: {"object": "list", "data": data, "has_more": more})

    async def _retrieve(self, request: Request) -> Response:
        name = request.path_params["name"]
        with self._lock:
            batch = self.batches[name]
            if batch["status"] in ("in_progress", "cancelling") and time.monotonic() - batch["begun"] >= self.seconds:
                self._work(name, batch)
        return self._faulty(lambda: self._shown(name))

    async def _cancel(self, request: Request) -> Response:
        batch = self.batches[request.path_params["name"]]
        if batch["status"] == "in_progress":
            batch["status"] = "cancelling"
        return self._faulty(lambda: self._shown(request.path_params["name"]))

    def _work(self, name: str, batch: dict[str, Any]) -> None:
        lines = list(batch["lines"])
        self._draw.shuffle(lines)
        rest: list[dict[str, Any]] = []
        if batch["status"] == "cancelling":
            lines, rest, status = lines[: len(lines) // 3], [], "cancelled"
        elif self._draw.random() < self.faults.expire:
            self.seen["expire"] += 1
            half = self._draw.randint(0, len(lines) - 1)
            lines, rest, status = lines[:half], lines[half:], "expired"
        else:
            status = "completed"
        out: list[dict[str, Any]] = []
        errors = [self._failure(line, "batch_expired") for line in rest[::2]]
        for line in lines:
            self._answer(batch, line, out, errors)
        for kind, found in (("out", out), ("errors", errors)):
            if found:
                file = "".join(json.dumps(line) + "\n" for line in found).encode()
                batch[kind] = f"file-{len(self.files)}"
                self.files[batch[kind]] = file
        batch["status"] = status

    def _answer(
        self, batch: dict[str, Any], line: dict[str, Any], out: list[dict[str, Any]], errors: list[dict[str, Any]]
    ) -> None:
        text = line["body"]["messages"][-1]["content"]
        fault = self._roll("item_error", "missing", "malformed", "doubled", "stranger")
        if fault == "item_error":
            errors.append(self._failure(line, "server_error"))
        elif fault == "malformed":
            out.append(self._line(line["custom_id"], {"object": "chat.completion"}))
            batch["answered"] += 1
        elif fault != "missing":
            self.paid[text] += 1
            batch["answered"] += 1
            reply = completion("m", echo(text))
            out.append(self._line(line["custom_id"], reply))
            if fault == "doubled":
                out.append(self._line(line["custom_id"], completion("m", echo("something else"))))
            if fault == "stranger":
                out.append(self._line(hashlib.sha256(text.encode()).hexdigest(), reply))

    @staticmethod
    def _line(name: str, body: dict[str, Any]) -> dict[str, Any]:
        response = {"status_code": 200, "request_id": "r", "body": body}
        return {"id": "batch_req", "custom_id": name, "response": response, "error": None}

    @staticmethod
    def _failure(line: dict[str, Any], code: str) -> dict[str, Any]:
        error = {"code": code, "message": "it went wrong"}
        return {"id": "batch_req", "custom_id": line["custom_id"], "response": None, "error": error}

    def _roll(self, *names: str) -> str | None:
        roll = self._draw.random()
        for name in names:
            roll -= getattr(self.faults, name)
            if roll < 0:
                self.seen[name] += 1
                return name
        return None

    def _faulty(self, work: Any) -> Response:
        """The result of some work, or what went wrong before it or after."""
        fault = self._roll("refuse", "error", "late_error", "drop")
        if fault == "refuse":
            headers = {"retry-after": "0"} if self.seen["refuse"] % 2 else {}
            return JSONResponse({"error": {"message": "slow down"}}, 429, headers=headers)
        if fault == "error":
            return JSONResponse({"error": {"message": "something broke"}}, 500)
        made = work()
        if fault == "late_error":
            return JSONResponse({"error": {"message": "something broke"}}, 500)
        if fault == "drop":
            return Response(b"[", headers={"content-length": "500"}, media_type="application/json")
        return JSONResponse(made)

    def _shown(self, name: str) -> dict[str, Any]:
        batch = self.batches[name]
        errors = [{"code": batch["code"], "message": "no room"}] if batch["code"] else []
        return {
            "id": name,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": batch["body"]["input_file_id"],
            "completion_window": "24h",
            "created_at": 0,
            "status": batch["status"],
            "errors": {"object": "list", "data": errors} if errors else None,
            "output_file_id": batch["out"],
            "error_file_id": batch["errors"],
            "metadata": batch["body"].get("metadata"),
            "request_counts": {"total": len(batch["lines"]), "completed": batch["answered"], "failed": 0},
        }
