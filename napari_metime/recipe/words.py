"""What is wrong with a recipe, in one line that names the key."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from napari_metime.recipe.image import ImageRecipe
from napari_metime.recipe.parts import ROLE_KEYS, Recipe, RefineRecipe, RegionsRecipe


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
    shown = f"{reprlib.repr(first['input']):.60}" if not isinstance(first["input"], dict) else "that"
    return f"{key}: {' or '.join(messages)}; found {shown}"


def _is_unknown_key(problem: Any) -> bool:
    return problem["type"] == "extra_forbidden" or "[key]" in problem["loc"]


def _place(problem: Any) -> list[str]:
    """Where a problem lies, as the user wrote it: without the names of the forms that a value may have."""
    place = [p for p in problem["loc"] if p != "[key]"]
    if not place:  # of a section as a whole, checked by itself
        return []
    inner = [str(p) for p in place[:-1] if isinstance(p, int) or p in _KEYS]
    last = place[-1:] if _is_unknown_key(problem) or isinstance(place[-1], int) or place[-1] in _KEYS else []
    return [*inner, *map(str, last)]


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


_PARTS = [part for section in Recipe.model_fields.values() for part in _models_of(section.annotation)]
_NESTED: tuple[type[BaseModel], ...] = (Recipe, RefineRecipe, RegionsRecipe, ImageRecipe)
_KEYS = frozenset(ROLE_KEYS).union(*(p.model_fields for p in (*_NESTED, *_PARTS)))
