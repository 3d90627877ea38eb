"""A recipe from a file and into one; the files that it names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import TypeAdapter, ValidationError

from napari_metime.errors import MissingFileError, RecipeError
from napari_metime.recipe.parts import Recipe
from napari_metime.recipe.words import describe

MAX_RECIPE_BYTES = 1_000_000
_OF_MICROSCOPY, _OF_REGION = "microscopy:", "region:"
_WORDS_THAT_ARE_NOT_PATHS = {
    ("tissue", "method"): {"auto", "otsu", "clusters", "cells", "none"},
    ("channels", "panel"): {"builtin"},
    ("niches", "domain"): {"tumor_bed", "tissue"},
}
_PATHS = (
    ("ims", "path"),
    ("ims", "normalize_table"),
    ("tissue", "method"),
    ("tissue", "exclude"),
    ("channels", "panel"),
    ("channels", "extend"),
    ("channels", "metaspace"),
    ("channels", "images"),
    ("cells", "path"),
    ("cells", "labels"),
    ("microscopy", "path"),
    ("align", "landmarks"),
    ("align", "path"),
    ("niches", "domain"),
)


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file; its relative paths are taken from the folder it lies in.

    Raises
    ------
    MissingFileError
        The file is not there or cannot be read.
    RecipeError
        It is not YAML, or a key or value is wrong; the message names the key and the nearest known one.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise RecipeError(f"{path.name}: expected a recipe of at most 1 MB, found {path.stat().st_size} bytes")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path.name}: expected a recipe in UTF-8, found other bytes; save it as UTF-8") from error
    except OSError as error:
        raise MissingFileError(
            f"expected a recipe at {path}, found {error.strerror or error}; check the path"
        ) from error
    try:
        values = yaml.load(text, Loader=_UniqueKeyLoader)  # a SafeLoader: builds plain values only
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise RecipeError(f"{path.name}: expected YAML, found an error{line} ({problem}); mend that line") from error
    if not isinstance(values, dict):
        raise RecipeError(
            f"{path.name}: expected keys and values, found {type(values).__name__}; see the recipe in the README"
        )
    return parse_recipe(values, folder=path.resolve().parent, name=path.name)


def parse_recipe(values: dict[str, Any], *, folder: Path, name: str = "recipe") -> Recipe:
    """Check the values of a recipe and anchor its relative paths in ``folder``."""
    if "metime" not in values:
        raise RecipeError(f"{name}: expected 'metime: 1' (the version of the format), found no such key; add it")
    try:
        return Recipe.model_validate(_map_paths(values, lambda p: _anchored(p, folder)))
    except ValidationError as error:
        raise RecipeError(f"{name}: {describe(error)}") from error


def parse_part(section: str, values: Any) -> Any:
    """Check one section of a recipe by itself, in the words of a whole one; the window goes step by step."""
    field = Recipe.model_fields[section]
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, field])  # type: ignore[arg-type]
        return adapter.validate_python(values)
    except ValidationError as error:
        raise RecipeError(describe(error, inside=(section,))) from error


def dump_recipe(recipe: Recipe, *, folder: Path) -> str:
    """Write a recipe as YAML with every default filled in, its paths relative to ``folder``."""
    values = recipe.model_dump(mode="json")
    if isinstance(values["align"], dict):
        sources = ("landmarks", "matrix", "path")
        unused = {key for key in sources if values["align"][key] is None}
        unused |= {"transform", "mirrored"} if "landmarks" in unused else set()
        unused |= {"inverse", "source_pixel_um", "target_pixel_um"} if "path" in unused else set()
        values["align"] = {k: v for k, v in values["align"].items() if k not in unused}
    values = _map_paths(values, lambda p: _relative(p, folder))
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)


def input_files(recipe: Recipe) -> tuple[Path, ...]:
    """Every file that the recipe names, once each."""
    found: dict[str, None] = {}

    def note(path: str) -> str:
        found[path] = None
        return path

    _map_paths(recipe.model_dump(mode="json"), note)
    return tuple(map(Path, found))


def is_path(section: str, key: str, value: str | None) -> bool:
    """Whether a value that may be a word or a path is a path."""
    words = _WORDS_THAT_ARE_NOT_PATHS.get((section, key))
    if not value or words is None:
        return bool(value)
    if key == "domain" and tissue_region(value) is not None:
        return False
    return value not in words and microscopy_channel(value) is None


def microscopy_channel(value: str) -> str | None:
    """Return NAME of a mask by a channel of the microscopy, ``microscopy:NAME``; None where it is something else."""
    return value.removeprefix(_OF_MICROSCOPY) if value.startswith(_OF_MICROSCOPY) else None


def tissue_region(value: str) -> str | None:
    """Return NAME of a domain that is a region of the tissue, ``region:NAME``; None where it is something else."""
    return value.removeprefix(_OF_REGION) if value.startswith(_OF_REGION) else None


def _map_paths(values: dict[str, Any], change: Any) -> dict[str, Any]:
    changed = {k: (dict(v) if isinstance(v, dict) else v) for k, v in values.items()}
    for section, key in _PATHS:
        part = changed.get(section)
        if not isinstance(part, dict):
            continue
        value = part.get(key)
        if isinstance(value, str) and is_path(section, key, value):
            part[key] = change(value)
        elif isinstance(value, list | tuple):
            part[key] = [_map_item(item, change) for item in value]
    return changed


def _map_item(item: Any, change: Any) -> Any:
    """Change a path in a list, or the one of an item with keys of its own."""
    if isinstance(item, dict) and isinstance(item.get("path"), str):
        return item | {"path": change(item["path"])}
    return change(item) if isinstance(item, str) else item


def _anchored(path: str, folder: Path) -> str:
    if "\0" in path or not path.strip():
        raise RecipeError(f"expected a path, found {path!r:.60}; mend it")
    try:
        return os.path.abspath(folder / Path(path).expanduser())
    except RuntimeError as error:  # ~name of a user that does not exist
        raise RecipeError(f"expected a path, found {path!r:.60} ({error}); write it out") from error


def _relative(path: str, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive on Windows has no relative path
        return path
