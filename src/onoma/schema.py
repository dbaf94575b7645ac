"""YAML files with checked keys: an unknown key is an error that names the nearest known one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from onoma.errors import OnomaError, RecipeError, nearest


class Section(BaseModel):
    """A part of a YAML file: unknown keys are errors, and nothing changes after the check."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def section_error(
    error: ValidationError, model: type[Section], where: str, kind: type[OnomaError] = RecipeError
) -> OnomaError:
    """What pydantic found first, in our words; an unknown key comes with the nearest that the model has there."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        key = str(first["loc"][-1])
        return kind(f"unknown key {place!r}", where=where, mend=nearest(key, _keys_at(model, first["loc"][:-1])))
    message = first["msg"].removeprefix("Value error, ")
    return kind(f"{place}: {message}" if place else message, where=where)


def _keys_at(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """Keys that a model allows at a place."""
    for part in path:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        for candidate in _models_in(model.model_fields[part].annotation):
            model = candidate
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) is None:
        return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
    return [model for inner in get_args(annotation) for model in _models_in(inner)]
