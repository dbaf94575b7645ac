"""Files of requests and of answers, as the Batch API and vLLM's ``run-batch`` read and write them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Self

from onoma.annotation.journal import Journal
from onoma.annotation.questions import Progress, Question
from onoma.errors import DataError
from onoma.extractors.answers import Answer
from onoma.files import atomic_file

Read = Callable[[dict[str, Any]], Answer]


class Spool:
    """Requests on disk, by key; those that are answered already are not among them.

    Args:
        questions: gone through once.
        path: of the API that they are for, see :data:`onoma.extractors.apis.PATHS`.
        journal: knows the answers, and gets those that are to be awaited.
    """

    def __init__(self, questions: Iterable[Question], path: str, journal: Journal) -> None:
        self._handle: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 — closed by __exit__
        self._places: dict[bytes, tuple[int, int]] = {}
        new: list[tuple[bytes, str]] = []
        place = 0
        for question in questions:
            if question.key in self._places or journal.answer(question.key) is not None:
                continue
            line = json.dumps(
                {"custom_id": question.key.hex(), "method": "POST", "url": path, "body": question.body},
                ensure_ascii=False,
            )
            encoded = line.encode() + b"\n"
            self._handle.write(encoded)
            self._places[question.key] = (place, len(encoded))
            place += len(encoded)
            new.append((question.key, question.item))
        journal.await_answers(new)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.close()

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def size(self, key: bytes) -> int:
        """Bytes of a request; 0 for one that is not here."""
        return self._places[key][1] if key in self._places else 0

    def line(self, key: bytes) -> bytes:
        """A request as a line of JSON."""
        place, size = self._places[key]
        self._handle.seek(place)
        return self._handle.read(size)


def keep_answer(
    line: dict[str, Any],
    read: Read,
    journal: Journal,
    tries: int,
    progress: Progress,
    expected: Collection[bytes] | None = None,
) -> bool:
    """Take a line of a file of answers into the journal; says whether it belongs to a question."""
    try:
        key = bytes.fromhex(str(line.get("custom_id")))
    except ValueError:
        return False
    if expected is not None and key not in expected:
        return False
    response = line.get("response") or {}
    body = response.get("body") or {}
    if response.get("status_code") == 200:
        try:
            answer = read(body)
        except ValueError as error:
            note_failure(key, "no sense", str(error), journal, tries, progress)
            return True
        if journal.record(key, "", answer):
            progress.answered += 1
            progress.tokens += answer.input_tokens + answer.output_tokens
            progress.cost += answer.cost
    else:
        said = line.get("error") or body.get("error") or {}
        kind = str(said.get("code") or f"status {response.get('status_code')}").replace(":", " ")
        note_failure(key, kind, str(said.get("message") or "no reason given"), journal, tries, progress)
    return True


def note_failure(key: bytes, kind: str, message: str, journal: Journal, tries: int, progress: Progress) -> bool:
    """Note a failed try of a request that has no answer yet; says whether there is to be another one."""
    state = journal.fail(key, kind, message, most_tries=tries)
    progress.retried += state == "waiting"
    progress.failed += state == "failed"
    return state == "waiting"


def json_lines(content: bytes) -> tuple[list[dict[str, Any]], bool]:
    """Objects of a file of JSON lines, and whether every line is one."""
    found, whole = [], True
    for raw in content.splitlines():
        if not raw.strip():
            continue
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            whole = False
            continue
        if isinstance(line, dict):
            found.append(line)
        else:
            whole = False
    return found, whole


def write_requests(questions: Iterable[Question], api_path: str, journal: Journal, path: Path) -> int:
    """Write a file of all requests that the journal has no answer to, for vLLM's ``run-batch``; says how many."""
    with Spool(questions, api_path, journal) as spool, atomic_file(path) as beside, beside.open("wb") as handle:
        for key in spool:
            handle.write(spool.line(key))
        return len(spool)


def read_answers(path: Path, read: Read, journal: Journal, tries: int) -> Progress:
    """Take the answers of a file that ``run-batch`` wrote into the journal.

    Raises:
        DataError: if it is missing or none of its lines is a request's answer.
    """
    progress = Progress()
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError("no such file of answers", where=str(path)) from error
    belonging = [keep_answer(line, read, journal, tries, progress) for line in json_lines(content)[0]]
    if not any(belonging):
        raise DataError("no answer in it", where=str(path), mend="Name the file that vllm run-batch wrote with -o.")
    return progress
