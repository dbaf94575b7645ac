"""Pages that mkdocs builds from the code: the keys of a recipe, from the models that check it."""

from __future__ import annotations

import typing
from typing import Any

from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from onoma.extractors.endpoint_file import EndpointFile
from onoma.training.recipe import Recipe

PAGE = "reference/recipe.md"


def on_files(files: Files, config: Any) -> Files:
    """Add the generated page."""
    files.append(File.generated(config, PAGE, content=reference()))
    return files


def reference() -> str:
    """All keys of recipes and endpoint files, a table a section."""
    parts = ["# Keys of a recipe", "", "Made from the models that check recipes and endpoint files.", ""]
    for title, model in (("A recipe", Recipe), ("An endpoint file", EndpointFile)):
        parts += [f"## {title}", ""]
        for section in _sections(model):
            about = (section.__doc__ or "").strip().splitlines()[0]
            parts += [f"### {section.__name__}", "", about, "", "| key | type | default | what |", "|---|---|---|---|"]
            for name, field in section.model_fields.items():
                default = field.get_default(call_default_factory=True)
                shown = "required" if default is PydanticUndefined else f"`{_plain(default)}`"
                kind = _kind(field.annotation).replace("|", "\\|")
                parts.append(f"| `{field.alias or name}` | {kind} | {shown} | {field.description or ''} |")
            parts.append("")
    return "\n".join(parts)


def _sections(model: type[BaseModel], seen: dict[type[BaseModel], None] | None = None) -> list[type[BaseModel]]:
    found = {} if seen is None else seen
    if model not in found:
        found[model] = None
        for field in model.model_fields.values():
            for part in _models(field.annotation):
                _sections(part, found)
    return list(found)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models(part)]


def _kind(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Literal:
        return " | ".join(f"`{value}`" for value in typing.get_args(annotation))
    parts = [part for part in typing.get_args(annotation) if part is not Ellipsis]
    if parts and typing.get_origin(annotation) not in {tuple, list, dict}:
        return " | ".join(map(_kind, parts))
    name = getattr(annotation, "__name__", str(annotation))
    shown = "none" if name == "NoneType" else name
    return f"{shown} of {', '.join(map(_kind, parts))}" if parts else shown


def _plain(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "{}"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)
