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


def provenance_in_words(facts: Mapping[str, Any]) -> str:
    """Return what provenance.json says, for a person; what is missing or odd in it is left out.

    Parameters
    ----------
    facts : as ``provenance`` makes them, or read from a file
    """
    parts = [f"{facts.get('written_by')} {facts.get('version')}, section {facts.get('section_id')}"]
    seconds = facts.get("seconds")
    if isinstance(seconds, Mapping):
        took = ", ".join(f"{step} {value:.1f} s" for step, value in seconds.items() if is_known(value))
        parts.append(f"Started {facts.get('started')}" + (f": {took}" if took else ""))
    parts.append(f"Seed {facts.get('seed')}, {facts.get('platform')}")
    packages = facts.get("packages")
    if isinstance(packages, Mapping):
        parts.append("Versions: " + ", ".join(f"{name} {version}" for name, version in packages.items()))
    inputs = facts.get("inputs")
    rows = [row for row in inputs if isinstance(row, Mapping)] if isinstance(inputs, list) else []
    parts += [f"{row.get('path')}\n{count(row.get('bytes'))} bytes, SHA-256 {row.get('sha256')}" for row in rows]
    if not rows:
        parts.append("The checksums of the inputs are made on export.")
    warnings = facts.get("warnings")
    parts += [f"Warning: {text}" for text in warnings] if isinstance(warnings, list | tuple) else []
    return "\n\n".join(parts)


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
