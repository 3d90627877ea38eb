"""Every parameter of a run once: range, unit and help. The window's forms and saved runs read it from here."""

from __future__ import annotations

import difflib
import os
import reprlib
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from napari_metime.errors import MissingFileError, RecipeError

MAX_RECIPE_BYTES = 1_000_000
MAX_MZ = 1_000_000.0
RoleKey = Literal["effector", "suppressor", "tumor"]
POSITIVE = Annotated[float, Field(gt=0, allow_inf_nan=False)]
MZ = Annotated[float, Field(gt=0, le=MAX_MZ)]
ROLE_KEYS: tuple[RoleKey, ...] = ("effector", "suppressor", "tumor")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SectionRecipe(_Part):
    """Who and where: copied into every table."""

    id: str = Field(min_length=1, max_length=120, description="Name of the section; tables and folders carry it")
    patient: str | None = Field(None, description="Patient, the unit of a cohort")
    site: str | None = Field(None, description="Organ or site")
    timepoint: str | None = Field(None, description="Time of sampling")

    @field_validator("id", "patient", "site", "timepoint", mode="before")
    @classmethod
    def _numbers_are_names(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("id")
    @classmethod
    def _id_is_a_file_name(cls, value: str) -> str:
        if value in (".", "..") or any(c in '/\\:*?"<>|' or ord(c) < 32 for c in value):
            raise ValueError('must be usable as a folder name (none of / \\ : * ? " < > |)')
        return value


class ImsRecipe(_Part):
    """The imaging mass spectrometry file."""

    path: Path = Field(description="The .imzML; its .ibd lies beside it")
    pixel_size_um: POSITIVE | tuple[POSITIVE, POSITIVE] | None = Field(
        None, description="Pixel size in µm, one number or [y, x]; empty = the file's own"
    )
    polarity: Literal["positive", "negative"] | None = Field(None, description="Polarity; empty = the file's own")
    tolerance_ppm: POSITIVE = Field(5.0, le=10_000, description="Half width of the m/z window in ppm")
    normalize: Literal["none", "tic", "rms", "median", "reference", "table"] = Field(
        "tic", description="Per-pixel normalisation"
    )
    reference_mz: MZ | None = Field(None, description="m/z of the ion that normalize: reference divides by")
    normalize_table: Path | None = Field(
        None, description="Table of x, y (the file's own coordinates) and value that normalize: table divides by"
    )
    recalibrate: Literal["none", "file", "row"] = Field(
        "none", description="Correct the m/z shift: once for the file, or for each pixel row"
    )
    lock_mz: tuple[MZ, ...] = Field((), description="m/z that must be there, for recalibrate; empty = the panel's ions")
    part: str | tuple[int, int, int, int] | None = Field(
        None,
        description="One part of a file with several sections: its name, or [row_min, col_min, row_max, col_max]; "
        "each = one run a part",
    )
    plane: int | None = Field(None, description="z of the plane to take where a file has several; empty = the lowest")
    skip_broken: bool = Field(False, description="Where the .ibd is cut short, open the spectra that it still holds")

    @model_validator(mode="after")
    def _normalization_has_its_source(self) -> ImsRecipe:
        if self.normalize == "reference" and self.reference_mz is None:
            raise ValueError("normalize: reference needs reference_mz, the m/z of the ion to divide by")
        if self.normalize == "table" and self.normalize_table is None:
            raise ValueError("normalize: table needs normalize_table, a table of x, y and value")
        return self


class TissueRecipe(_Part):
    """Which pixels are tissue."""

    method: str = Field(
        "auto", min_length=1, description="auto, otsu, clusters, none, or the path of a mask image on the grid"
    )


class ChannelsRecipe(_Part):
    """Which images to measure."""

    panel: str | None = Field("builtin", description="builtin, the path of a panel table, or empty for none")
    mz: tuple[MZ, ...] = Field((), description="Further m/z values")
    images: tuple[Path, ...] = Field((), description="Single-channel images on the grid (TIFF or .npy)")
    min_members: int = Field(3, ge=1, description="Fewest measured members of an axis for an axis score")


class CellsRecipe(_Part):
    """The cell table and what its types count as."""

    path: Path = Field(description="Cell table (CSV or TSV)")
    x: str | None = Field(None, description="Column of x; empty = recognised")
    y: str | None = Field(None, description="Column of y; empty = recognised")
    type: str | None = Field(None, description="Column of the cell type; empty = recognised")
    unit: Literal["px", "um"] | None = Field(None, description="Unit of x and y; empty = as the header says")
    pixel_size_um: POSITIVE | None = Field(None, description="µm per microscope pixel, for px without a fitted scale")
    roles: dict[RoleKey, tuple[str, ...]] = Field(
        description="Cell types that count as effector, suppressor and tumor; all others count as other"
    )

    @field_validator("roles", mode="before")
    @classmethod
    def _one_type_is_a_list(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {role: (types if isinstance(types, list | tuple) else [types]) for role, types in value.items()}
        return value

    @field_validator("roles")
    @classmethod
    def _each_type_once(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        seen: dict[str, str] = {}
        for role, types in value.items():
            for name in types:
                if name in seen and seen[name] != role:
                    raise ValueError(f"type {name!r} is listed as {seen[name]} and as {role}; keep one")
                seen[name] = role
        if not value.get("effector"):
            raise ValueError("must list at least one effector type, for example {effector: [CD8]}")
        return value


class AlignRecipe(_Part):
    """How the cells come into the section frame."""

    landmarks: Path | None = Field(None, description="landmarks.csv: source_x, source_y, target_x_um, target_y_um")
    transform: Literal["rigid", "similarity", "affine"] = Field("similarity", description="What the landmarks fit")
    matrix: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]] | None = Field(
        None, description="3 x 3 on (x, y, 1), from the cell table's own unit to section µm"
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> AlignRecipe:
        if (self.landmarks is None) == (self.matrix is None):
            raise ValueError("must have either landmarks or matrix (or write align: none)")
        if self.matrix is not None:
            (a, b, _), (d, e, _), last = self.matrix
            if not all(abs(v) <= 1e9 for row in self.matrix for v in row) or tuple(last) != (0, 0, 1):
                raise ValueError("matrix must be finite (up to 1e9) with the last row [0, 0, 1]")
            if abs(a * e - b * d) < 1e-12:
                raise ValueError("matrix must be invertible")
        return self


class NichesRecipe(_Part):
    """Where to look for niches and how sure to be."""

    domain: str = Field(
        "tumor_bed", min_length=1, description="tumor_bed, tissue, or the path of a mask image or GeoJSON polygons (µm)"
    )
    radius_um: Literal["auto"] | POSITIVE = Field("auto", description="Window radius in µm; auto = from the effectors")
    n_permutations: int = Field(999, ge=19, le=100_000, description="Random labellings")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="Family-wise error over the section")
    max_rate_ratio: float = Field(
        0.5, gt=0, lt=1, description="Largest effector rate against the rest that counts as cold"
    )


class AssociationsRecipe(_Part):
    """What is removed before a channel is compared with coldness."""

    covariates: tuple[Literal["tumor_fraction", "cell_density"], ...] = Field(
        ("tumor_fraction", "cell_density"), description="Covariates"
    )


class ExportRecipe(_Part):
    """What is written beside the tables."""

    report: bool = Field(True, description="Write report.html")


class Recipe(_Part):
    """One run, whole. Paths are absolute once loaded."""

    metime: Literal[1] = Field(1, description="Version of this format")
    section: SectionRecipe
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of every random draw")
    ims: ImsRecipe
    tissue: TissueRecipe = TissueRecipe()
    channels: ChannelsRecipe = ChannelsRecipe()
    cells: CellsRecipe
    align: AlignRecipe | Literal["none"] = "none"
    niches: NichesRecipe = NichesRecipe()
    associations: AssociationsRecipe = AssociationsRecipe()
    export: ExportRecipe = ExportRecipe()


_WORDS_THAT_ARE_NOT_PATHS = {
    ("tissue", "method"): {"auto", "otsu", "clusters", "none"},
    ("channels", "panel"): {"builtin"},
    ("niches", "domain"): {"tumor_bed", "tissue"},
}
_PATHS = (
    ("ims", "path"),
    ("ims", "normalize_table"),
    ("tissue", "method"),
    ("channels", "panel"),
    ("channels", "images"),
    ("cells", "path"),
    ("align", "landmarks"),
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
        raise RecipeError(f"{name}: {_describe(error)}") from error


def parse_part(section: str, values: Any) -> Any:
    """Check one section of a recipe by itself, in the words of a whole one; the window goes step by step."""
    field = Recipe.model_fields[section]
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, field])  # type: ignore[arg-type]
        return adapter.validate_python(values)
    except ValidationError as error:
        raise RecipeError(_describe(error, inside=(section,))) from error


def dump_recipe(recipe: Recipe, *, folder: Path) -> str:
    """Write a recipe as YAML with every default filled in, its paths relative to ``folder``."""
    values = recipe.model_dump(mode="json")
    if isinstance(values["align"], dict):
        unused = ("matrix",) if values["align"]["matrix"] is None else ("landmarks", "transform")
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
    return bool(value) and value not in _WORDS_THAT_ARE_NOT_PATHS.get((section, key), set())


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
            part[key] = [change(v) if isinstance(v, str) else v for v in value]
    return changed


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


def _describe(error: ValidationError, *, inside: tuple[str, ...] = ()) -> str:
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
        model = AlignRecipe if key == "align" else cast("type[BaseModel]", model.model_fields[key].annotation)
    return list(model.model_fields)


_KEYS = frozenset(ROLE_KEYS).union(
    Recipe.model_fields, *(part.model_fields for part in (
        SectionRecipe, ImsRecipe, TissueRecipe, ChannelsRecipe, CellsRecipe, AlignRecipe, NichesRecipe,
        AssociationsRecipe, ExportRecipe,
    )),
)  # fmt: skip
