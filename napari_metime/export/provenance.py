"""provenance.json: which inputs, versions, seed and times a result came from."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from napari_metime import __version__
from napari_metime.errors import MissingFileError
from napari_metime.export.folder import WRITTEN_BY
from napari_metime.export.tissue_regions import notes_of_tissue
from napari_metime.export.words import count, is_known
from napari_metime.recipe import Recipe, input_files
from napari_metime.section import Alignment, Progress, RefinedFrom, SectionResult

_PACKAGES = (
    "numpy", "scipy", "pandas", "scikit-image", "numba", "pyimzML", "tifffile", "shapely", "pydantic",
    "PyYAML", "Jinja2", "matplotlib",
)  # fmt: skip
_CHUNK_BYTES = 1 << 24


def package_versions() -> dict[str, str]:
    """Return the version of Python and of each installed package that the numbers depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def input_checksums(
    result: SectionResult, recipe: Recipe, out: Path, *, on_progress: Progress
) -> list[dict[str, object]]:
    """Return path (from ``out``), size in bytes and SHA-256 of every file that was read, the .ibd included.

    Raises
    ------
    MissingFileError
        An input is gone or cannot be read.
    """
    read = [result.dataset.ibd_path, *input_files(recipe)]
    paths = [path for path in dict.fromkeys(read) if path.parent != out]
    total = sum(_size(path) for path in paths) or 1
    done = 0
    rows: list[dict[str, object]] = []
    for path in paths:
        digest, size = hashlib.sha256(), 0
        try:
            for file in _files_of(path):
                if file != path:  # an image that is a folder of files, such as OME-Zarr: its names count too
                    digest.update(file.relative_to(path).as_posix().encode())
                for chunk in _chunks(file):
                    digest.update(chunk)
                    size += len(chunk)
                    on_progress(min((done + size) / total, 1.0), f"checksum of {path.name}")
        except OSError as error:
            raise _missing(path, error) from error
        done += size
        rows.append({"path": _from_folder(path, out), "bytes": size, "sha256": digest.hexdigest()})
    return rows


def _files_of(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def provenance(result: SectionResult, recipe: Recipe, inputs: list[dict[str, object]]) -> dict[str, object]:
    """Return the content of provenance.json."""
    grid, niches, alignment = result.dataset.grid, result.niches.map, result.alignment
    return {
        "written_by": WRITTEN_BY,
        "version": __version__,
        "section_id": recipe.section.id,
        "started": result.started,
        "seconds": dict(result.seconds),
        "seed": recipe.seed,
        "inputs": inputs,
        "changed_settings": changed_settings(recipe),
        "data": {
            "uuid": result.dataset.uuid,
            "mode": result.dataset.mode,
            "polarity": result.dataset.polarity,
            "n_spectra": result.dataset.n_spectra,
            "shape": grid.shape,
            "origin": grid.origin,
            "pixel_size_um": grid.spacing_um,
        },
        "tissue": {
            "method": result.tissue.method,
            "n_pixels": int(result.tissue.mask.sum()),
            "notes": notes_of_tissue(result),
        },
        "left_out": [
            {"reason": part.reason, "n_pixels": int(part.mask.sum()), "n_cells": part.n_cells}
            for part in result.niches.left_out
        ],
        "cells": {"note": result.cells.note, "n_cells": result.cells.n_cells},
        "microscopy": result.microscopy_note or None,
        "alignment": _alignment(alignment) | {"source_unit": result.source_unit},
        "refined_from": None if result.refined_from is None else _refined_from(result.refined_from),
        "niches": {"n_niches": niches.n_niches, "radius_um": niches.radius_um, "note": niches.note},
        "warnings": result.warnings,
        "packages": package_versions(),
        "platform": f"{platform.system()} {platform.machine()}",
    }


def changed_settings(recipe: Recipe) -> dict[str, object]:
    """Return every setting that is not its default, by its key in a recipe; inputs that have none are left out.

    Of a path only the name: where a person keeps files is nobody's business.
    """
    plain = recipe.model_dump(mode="json")
    found: dict[str, object] = {}
    for key, part in recipe:
        if key not in ("metime", "section"):
            found |= dict(_changed(key, part, type(recipe).model_fields[key], plain[key]))
    return found


def _changed(key: str, value: Any, field: FieldInfo, plain: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, BaseModel):
        for name, each in value:
            yield from _changed(f"{key}.{name}", each, type(value).model_fields[name], plain[name])
    elif not field.is_required() and value != field.get_default(call_default_factory=True):
        yield key, _name_of(value, plain)


def _name_of(value: Any, plain: Any) -> object:
    if isinstance(value, Path) or (isinstance(value, str) and os.path.isabs(value)):
        return Path(value).name
    if isinstance(value, tuple) and isinstance(plain, list):
        return [_name_of(each, written) for each, written in zip(value, plain, strict=True)]
    return plain


def provenance_in_words(facts: Mapping[str, Any]) -> str:
    """Return what provenance.json says, for a person; what is missing or odd in it is left out.

    Parameters
    ----------
    facts : as ``provenance`` makes them, or read from a file
    """
    parts = [f"{facts.get('written_by')} {facts.get('version')}, section {facts.get('section_id')}"]
    inputs, settings, warnings = (facts.get(key) for key in ("inputs", "changed_settings", "warnings"))
    rows = [row for row in inputs if isinstance(row, Mapping)] if isinstance(inputs, list) else []
    files = [f"{row.get('path')}\n{count(row.get('bytes'))} bytes, SHA-256 {row.get('sha256')}" for row in rows]
    parts.append(_block("Input files", files, "The checksums of the inputs are made on export."))
    if isinstance(settings, Mapping):
        none = "None. Every setting is the default of this version."
        lines = [f"{key}: {_plain(value)}" for key, value in settings.items()]
        parts.append(_block("Settings other than the default, by their names in recipe.yaml", lines, none))
    parts.append(_block("Made by hand", _by_hand(facts), "Nothing that changes a result."))
    told = [str(text) for text in warnings] if isinstance(warnings, list | tuple) else []
    parts.append(_block("Warnings", told, "None."))
    packages, seconds = facts.get("packages"), facts.get("seconds")
    if isinstance(packages, Mapping):
        versions = ", ".join(f"{name} {version}" for name, version in packages.items())
        parts.append(_block("Versions", [versions, str(facts.get("platform"))]))
    if isinstance(seconds, Mapping):
        took = ", ".join(f"{step} {value:.1f} s" for step, value in seconds.items() if is_known(value))
        started = f"Started {facts.get('started')}"
        parts.append(_block("Run", [f"{started}: {took}" if took else started, f"Seed {facts.get('seed')}"]))
    return "\n\n".join(parts)


def _block(title: str, lines: list[str], none: str = "") -> str:
    return "\n".join([f"— {title} —", *(lines or [none])])


def _by_hand(facts: Mapping[str, Any]) -> list[str]:
    tissue, left_out, alignment, settings = (
        facts.get(key) for key in ("tissue", "left_out", "alignment", "changed_settings")
    )
    told = []
    if isinstance(tissue, Mapping) and tissue.get("method") == "painted":
        told.append("The outline of the tissue was painted.")
    rows = left_out if isinstance(left_out, list) else []
    told += [f"Left out: {row.get('reason')}, {row.get('n_pixels')} pixels" for row in rows if isinstance(row, Mapping)]
    if isinstance(alignment, Mapping) and alignment.get("n_landmarks"):
        told.append(f"The cells were aligned by {alignment.get('n_landmarks')} pairs of landmarks.")
    if isinstance(settings, Mapping) and settings.get("tissue.regions.names"):
        told.append(f"Regions were named: {_plain(settings['tissue.regions.names'])}")
    return told


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key} = {_plain(each)}" for key, each in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)


def _alignment(alignment: Alignment) -> dict[str, object]:
    return {
        "kind": alignment.kind,
        "note": alignment.note,
        "mirrored": bool(np.linalg.det(alignment.matrix[:2, :2]) < 0),
        "n_landmarks": alignment.n_landmarks,
        "rmse_um": alignment.rmse_um,
        "target_error_um": alignment.target_error_um,
        "extra_error_um": alignment.extra_error_um,
        "error_um": alignment.error_um,
        "bound_um": alignment.bound_um,
        "residual_um": alignment.residual_um.tolist(),
        "leave_one_out_um": alignment.leave_one_out_um.tolist(),
        "matrix": alignment.matrix.tolist(),
    }


def _refined_from(refined: RefinedFrom) -> dict[str, object]:
    facts = {field.name: getattr(refined, field.name) for field in fields(refined)}
    return facts | {"rough": _alignment(refined.rough)}


def _size(path: Path) -> int:
    try:
        return sum(file.stat().st_size for file in _files_of(path))
    except OSError as error:
        raise _missing(path, error) from error


def _missing(path: Path, error: OSError) -> MissingFileError:
    return MissingFileError(f"expected the input {path} to be there still, found: {error.strerror or error}; run again")


def _from_folder(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive on Windows has no relative path
        return path.as_posix()
