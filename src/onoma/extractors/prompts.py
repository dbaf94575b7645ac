"""What a language model is told: the task, examples, the text; and the schema that its answer is held to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from onoma.document import Document, Span
from onoma.extractors.codecs import Codec
from onoma.extractors.endpoint_file import EndpointFile, LabelNote

_FORMATS = {
    "json-map": "a JSON object that maps each entity, exactly as it stands in the text, to its type",
    "json-list": 'a JSON list of pairs ["entity exactly as it stands in the text", "TYPE"] in the order of the text',
    "json-objects": (
        'a JSON object {"entities": [{"text": "entity exactly as it stands in the text", "type": "TYPE"}]}, '
        "entities in the order of the text"
    ),
    "inline": "the text itself, unchanged but for each entity written as [entity|TYPE]",
}


def task_messages(file: EndpointFile, codec: Codec, text: str, examples: Iterable[Document]) -> list[dict[str, str]]:
    """The task, labelled examples as earlier turns, and the text."""
    task = [
        "Find the named entities in the text that the user gives.",
        f"The types are:\n{_types(file.labels)}"
        if file.labels
        else "Give each a short type of your choice, in capitals.",
        file.instructions,
        f"Answer with {_FORMATS[file.codec]}. Answer with nothing else.",
    ]
    turns = [{"role": "system", "content": "\n\n".join(filter(None, task))}]
    for example in examples:
        turns.append({"role": "user", "content": example.text})
        turns.append({"role": "assistant", "content": codec.render(example)})
    return [*turns, {"role": "user", "content": text}]


def check_messages(file: EndpointFile, text: str, spans: Sequence[Span]) -> list[dict[str, str]]:
    """The question which entities of a text are right."""
    types = f" The types are:\n{_types(file.labels)}\n" if file.labels else ""
    found = "\n".join(
        f"{number}. {text[span.start : span.end]} ({span.label})" for number, span in enumerate(spans, start=1)
    )
    task = (
        f"Somebody marked named entities in a text.{types} Say which of them are entities of the type that is given, "
        "with right boundaries. Answer with a JSON list of their numbers, such as [1, 3]. Answer with nothing else."
    )
    return [
        {"role": "system", "content": task},
        {"role": "user", "content": f"Text:\n{text}\n\nMarked:\n{found}"},
    ]


def answer_schema(labels: Iterable[str]) -> dict[str, Any]:
    """JSON schema of an answer in the codec ``json-objects``, in the strict form that OpenAI asks for."""
    names = list(labels)
    entity = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "type": {"type": "string", **({"enum": names} if names else {})}},
        "required": ["text", "type"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"entities": {"type": "array", "items": entity}},
        "required": ["entities"],
        "additionalProperties": False,
    }


def _types(labels: Mapping[str, LabelNote]) -> str:
    return "\n".join(f"- {name}{_note(note)}" for name, note in labels.items())


def _note(note: LabelNote) -> str:
    parts = [
        note.about,
        f"examples: {', '.join(note.examples)}" if note.examples else "",
        f"not: {', '.join(note.avoid)}" if note.avoid else "",
    ]
    said = "; ".join(filter(None, parts))
    return f": {said}" if said else ""
