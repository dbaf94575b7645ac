"""Label Studio's JSON export, full or minimal (https://labelstud.io/guide/export).

Its page counts offsets in UTF-16 code units, some importers in code points; a span that states its text tells which.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from onoma.corpus.reading import Format, Options, ReadLog, check_text
from onoma.document import Document, Span
from onoma.errors import DataError
from onoma.files import atomic_file

OPTIONS = {"text": "name of the text among a task's data (default: text, else the only string)"}


def read(path: Path, log: ReadLog, options: Options) -> Iterator[Document]:
    """Yield a document a task. Of several annotations of a task the first that was not cancelled counts."""
    try:
        tasks = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # also numbers too long, and lists in lists without end
        raise DataError(f"not JSON ({error})", where=str(path)) from error
    if not isinstance(tasks, list):
        raise DataError("not a list of tasks", where=str(path), mend="Export the project as JSON.")
    for number, task in enumerate(tasks, start=1):
        try:
            yield _read_task(task, options, log)
        except DataError as error:
            log.bad_row(error, f"{path}: task {number}")
        except (AttributeError, IndexError, KeyError, TypeError):  # a table where a list is, and the like
            log.bad_row(DataError("not a task as Label Studio exports it"), f"{path}: task {number}")


def write(documents: Iterable[Document], path: Path) -> None:
    """Write tasks that Label Studio imports, gold as annotations and scored spans as predictions."""
    with atomic_file(path) as beside, beside.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write("[")
        for number, document in enumerate(documents, start=1):
            check_text(document)
            handle.write(",\n" if number > 1 else "\n")
            json.dump(_write_task(document, number), handle, ensure_ascii=False)
        handle.write("\n]\n")


def _read_task(task: Any, options: Options, log: ReadLog) -> Document:
    if not isinstance(task, Mapping):
        raise DataError("not a task")
    data = task.get("data", task)
    text = data.get(options.get("text", "text"))
    if not isinstance(text, str):
        strings = [value for value in data.values() if isinstance(value, str)]
        if len(strings) != 1 or "text" in options:
            raise DataError("the task has no text", mend="Tell its name with --option text=....")
        text = strings[0]
    annotations = [item for item in task.get("annotations") or [] if not item.get("was_cancelled")]
    if len(annotations) > 1:
        log.mended["further annotations of a task left out"] += len(annotations) - 1
    results = (annotations or task.get("predictions") or [{}])[0].get("result") or []
    spans = []
    for result in (*results, *({"value": value} for value in task.get("label") or [] if isinstance(value, Mapping))):
        value = result.get("value") or {}
        labels = value.get("labels")
        if not labels or "start" not in value:
            log.mended["results other than labelled spans left out"] += 1
            continue
        start, end = _code_points(text, value)
        spans.append(Span(start, end, labels[0], result.get("score")))
    meta = data.get("meta") if isinstance(data.get("meta"), Mapping) else {}
    return Document(
        text,
        spans=tuple(spans),
        id=str(data.get("id") or ""),
        language=str(data.get("language") or ""),
        meta=meta or {},
    )


def _code_points(text: str, value: Mapping[str, Any]) -> tuple[int, int]:
    start, end = value["start"], value["end"]
    if type(start) is not int or type(end) is not int:
        raise DataError(f"start {start!r} and end {end!r} are not whole numbers")
    stated = value.get("text")
    units = _from_utf16(text, start, end)
    if stated is None or (units is not None and text[slice(*units)] == stated):
        if units is None:
            raise DataError(f"the span {start}–{end} ends outside the text")
        return units
    if text[start:end] == stated:
        return start, end
    raise DataError(f"the text at {start}–{end} is not {stated!r}", mend="Export the project again.")


def _from_utf16(text: str, start: int, end: int) -> tuple[int, int] | None:
    units = text.encode("utf-16-le", "surrogatepass")
    if not 0 <= start <= end <= len(units) // 2:
        return None
    try:
        return len(units[: 2 * start].decode("utf-16-le")), len(units[: 2 * end].decode("utf-16-le"))
    except UnicodeDecodeError:
        return None


def _write_task(document: Document, number: int) -> dict[str, Any]:
    def units(position: int) -> int:
        return len(document.text[:position].encode("utf-16-le")) // 2

    results = []
    for index, span in enumerate(document.spans, start=1):
        result: dict[str, Any] = {
            "id": f"{number}-{index}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": units(span.start),
                "end": units(span.end),
                "text": document.surface(span),
                "labels": [span.label],
            },
        }
        if span.score is not None:
            result["score"] = span.score
        results.append(result)
    rest = {"id": document.id, "language": document.language, "meta": dict(document.meta)}
    data = {"text": document.text} | {name: value for name, value in rest.items() if value}
    scored = any(span.score is not None for span in document.spans)
    return {"data": data, "predictions" if scored else "annotations": [{"result": results}]}


FORMAT = Format(
    name="label-studio",
    suffixes=(".json",),
    carries=frozenset({"spacing", "scores", "ids", "languages", "meta", "overlaps"}),
    read=read,
    write=write,
    options=OPTIONS,
)
