"""The recipe that a session begins with."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from napari_metime.recipe import Recipe


def default_values() -> dict[str, Any]:
    """Return the defaults of a recipe, None where a value must be given."""
    values: dict[str, Any] = {}
    for name, field in Recipe.model_fields.items():
        model = getattr(field.annotation, "model_fields", None)
        if model is None:
            values[name] = field.default
        else:
            values[name] = {key: None if f.is_required() else _plain(f.default) for key, f in model.items()}
    values["cells"]["roles"] = {}
    values["align"] = {"landmarks": None, "transform": "similarity"}  # cells seldom lie in section µm from the start
    values["section"]["id"] = ""
    return values


def _plain(default: Any) -> Any:
    """Return a default as a loaded recipe has it."""
    return default.model_dump() if isinstance(default, BaseModel) else default
