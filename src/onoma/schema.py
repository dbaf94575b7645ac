"""YAML files with checked keys: an unknown key is an error that names the nearest known one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, get_args, get_origin

import yaml
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


def apply_overrides(content: dict[str, Any], overrides: Iterable[str]) -> None:
    """Apply ``key.path=value`` texts, as given with ``--set``, to a file's content.

    Raises:
        RecipeError: for a text that is none, or whose path leads nowhere.

    Examples:
        >>> content = {"adapter": {"rank": 8}}
        >>> apply_overrides(content, ["adapter.rank=4"])
        >>> content
        {'adapter': {'rank': 4}}
    """
    for item in overrides:
        override(content, *parse_override(item))


def parse_override(text: str) -> tuple[str, Any]:
    """``"adapter.rank=4"`` → ``("adapter.rank", 4)``; the value is YAML.

    Raises:
        RecipeError: for text without an equals sign, or a value that is not YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RecipeError(f"not an override: {text!r}", mend="Write --set key.path=value.")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"the value of --set {key} is not YAML: {value!r}") from error


def override(content: dict[str, Any], key: str, value: Any) -> None:
    """Set ``key.path`` of a file's content; items of lists go by their name or number.

    Raises:
        RecipeError: if the path leads nowhere.
    """
    *path, last = key.split(".")
    place: Any = content
    for part in path:
        if isinstance(place, list):
            place = _item(place, part, key)
        else:
            if place.get(part) is None:
                place[part] = {}
            place = place[part]
        if not isinstance(place, dict | list):
            raise RecipeError(f"--set {key}: {part!r} has no keys below it")
    if isinstance(place, list):
        place[place.index(_item(place, last, key))] = value
    else:
        place[last] = value


def _item(items: list[Any], part: str, key: str) -> Any:
    """An item of a list by its number or, for stages, by its name."""
    for item in items:
        if isinstance(item, dict) and item.get("name") == part:
            return item
    if part.isdigit() and int(part) < len(items):
        return items[int(part)]
    names = [str(item["name"]) for item in items if isinstance(item, dict) and "name" in item]
    raise RecipeError(f"--set {key}: no item {part!r}", mend=nearest(part, names))
