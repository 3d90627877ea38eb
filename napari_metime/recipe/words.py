"""What is wrong with a recipe, in one line that names the key."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from napari_metime.recipe.image import ImageRecipe
from napari_metime.recipe.parts import ROLE_KEYS, Recipe


def describe(error: ValidationError, *, inside: tuple[str, ...] = ()) -> str:
    """One line for the problem that explains most: a misspelt key also makes the right one missing."""
    problems = error.errors(include_url=False)
    first = next((p for p in problems if _is_unknown_key(p)), problems[0])
    where = [*inside, *_place(first)]
    key = ".".join(where)
    if _is_unknown_key(first):
        near = difflib.get_close_matches(where[-1], _known_keys(where[:-1]), n=1, cutoff=0.0)
        return f"expected a known key, found {key!r}; the nearest known key is {near[0]!r}"
    if first["type"] == "missing":
        wanted = f"{'.'.join(where[:-1])}: expected more values" if where[-1].isdigit() else f"expected the key {key!r}"
        return f"{wanted}, found nothing; add it"
    # A value that may have several forms fails each of them.
    messages = dict.fromkeys(_message(p) for p in problems if _place(p) == _place(first))
    # reprlib, as a few bytes of YAML can stand for a value of gigabytes.
    found = "" if isinstance(first["input"], dict) else f"; found {reprlib.repr(first['input']):.60}"
    return f"{key}: {' or '.join(messages)}{found}"


def _is_unknown_key(problem: Any) -> bool:
    return problem["type"] == "extra_forbidden" or "[key]" in problem["loc"]


def _place(problem: Any) -> list[str]:
    """Where a problem lies, as the user wrote it: without the names of the forms that a value may have."""
    place = [p for p in problem["loc"] if p != "[key]"]
    if not place:  # of a section as a whole, checked by itself
        return []
    kept = [p for i, p in enumerate(place[:-1]) if _is_written(place, i)]
    last = place[-1:] if _is_unknown_key(problem) or _is_written(place, len(place) - 1) else []
    return [p if p.isprintable() else repr(p) for p in (f"{part!s:.60}" for part in (*kept, *last))]


def _is_written(place: list[Any], i: int) -> bool:
    """Whether a part of a place stands in the recipe, and is no name of a form that its value may have."""
    return isinstance(place[i], int) or place[i] in _KEYS or (i > 0 and place[i - 1] in _MAPS)


def _message(problem: Any) -> str:
    if problem["type"] == "model_type":
        return "should have keys of its own"
    return str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ").removesuffix(".")


def _known_keys(where: list[str]) -> list[str]:
    if where == ["cells", "roles"]:
        return list(ROLE_KEYS)
    model: type[BaseModel] = Recipe
    for key in where:
        if key.isdigit():  # a place in a list, not a key
            continue
        model = next(_models_of(model.model_fields[key].annotation))
    return list(model.model_fields)


def _models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections of a recipe that a value may be: itself, or one of its forms."""
    for form in (annotation, *get_args(annotation)):
        if isinstance(form, type) and issubclass(form, BaseModel):
            yield form


def _models_in(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for inner in _models_of(field.annotation):
            yield from _models_in(inner)


_MODELS: tuple[type[BaseModel], ...] = (*_models_in(Recipe), ImageRecipe)
_FIELDS = [(name, field) for model in _MODELS for name, field in model.model_fields.items()]
_KEYS = frozenset(ROLE_KEYS).union(name for name, _ in _FIELDS)
_MAPS = frozenset(name for name, field in _FIELDS if get_origin(field.annotation) is dict)
"""Keys whose own keys a person chooses: what follows them is one."""
