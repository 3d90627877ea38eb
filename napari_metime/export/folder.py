"""The results folder: whether it may be written."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_metime.errors import MetimeError, OutputError
from napari_metime.export.strict_json import read_small_json
from napari_metime.recipe import Recipe, input_files
from napari_metime.replacing import cannot_write

WRITTEN_BY = "napari-metime"
PROVENANCE_NAME = "provenance.json"
MAX_PROVENANCE_BYTES = 10_000_000


def check_output_folder(out: Path, recipe: Recipe, *, recipe_path: Path | None = None) -> None:
    """Refuse a folder that must not be replaced, or that cannot be written.

    Parameters
    ----------
    out : Path
        Where the results shall go. It may be absent, empty, or results that we wrote.
    recipe : Recipe
        Its input files must not lie in ``out``.
    recipe_path : Path, optional
        The file that the recipe came from: an input like the others.

    Raises
    ------
    OutputError
        In one line: what stands there, and what to do.
    """
    try:
        _refuse_what_stands_there(out, [*input_files(recipe), *([recipe_path] if recipe_path else [])])
        with tempfile.TemporaryDirectory(prefix=".metime.", dir=_nearest_folder(out.resolve().parent)):
            pass
    except MetimeError:
        raise
    except OSError as error:
        raise cannot_write(out, error) from error


def _refuse_what_stands_there(out: Path, inputs: list[Path]) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError(f"expected a folder for the results, found the file {out}; name another folder")
    for path in inputs:
        if _lies_in(path, out):
            raise OutputError(
                f"expected a folder that holds none of the inputs, found {path.name} in {out}; name another folder"
            )
    if any(out.iterdir()) and written_at(out) is None:
        raise OutputError(
            f"expected a new or empty folder, or results of {WRITTEN_BY}, found other files in {out}; "
            "name another folder"
        )


def _lies_in(path: Path, folder: Path) -> bool:
    # The file itself and, for a link, the link: both would go with the folder.
    places = {path.resolve().parent, path.parent.resolve()}
    above = {parent for place in places for parent in (place, *place.parents)}
    return any(parent.exists() and parent.samefile(folder) for parent in above)


def written_at(folder: Path) -> datetime | None:
    """Return when the results in a folder were written, in local time; None where they are none of ours."""
    if read_provenance(folder) is None:
        return None
    return datetime.fromtimestamp((folder / PROVENANCE_NAME).stat().st_mtime).astimezone()


def read_provenance(folder: Path) -> dict[str, Any] | None:
    """Return what stands in the provenance.json of results that we wrote; None where there is none of ours."""
    values = read_small_json(folder / PROVENANCE_NAME, MAX_PROVENANCE_BYTES)
    return values if isinstance(values, dict) and values.get("written_by") == WRITTEN_BY else None


def _nearest_folder(folder: Path) -> Path:
    return next(f for f in (folder, *folder.parents) if f.exists())
