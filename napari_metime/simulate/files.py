"""Write a simulated section: what an instrument would give, the truth beside it, and a recipe for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import yaml
from numpy.typing import NDArray

from napari_metime.errors import OutputError
from napari_metime.imzml_writer import write_imzml
from napari_metime.replacing import scratch_beside
from napari_metime.section import Alignment, Progress, no_progress
from napari_metime.simulate.microscope import (
    CHANNELS,
    draw_landmarks,
    microscope_to_section,
    render_microscopy,
    write_ome_tiff,
)
from napari_metime.simulate.plan import CELL_TYPES, EFFECTOR, SectionPlan
from napari_metime.simulate.spectra import simulate_spectra
from napari_metime.simulate.text import write_json, write_table, write_text
from napari_metime.simulate.truth import SectionTruth, random_parts, simulate_truth
from napari_metime.simulate.truth_files import FORMAT, summary, write_truth

MAX_TRUTH_BYTES = 1_000_000


def simulate_section(folder: Path, plan: SectionPlan, *, on_progress: Progress = no_progress) -> Path:
    """Write a section with known truth to ``folder`` and return the path of its recipe.

    The section is written beside ``folder`` and moved into place at the end. An earlier section of
    ours in ``folder`` is replaced; whatever else lies there stays.

    Raises
    ------
    RecipeError
        The niches do not fit into the tumour bed.
    OutputError
        ``folder`` holds something else, or cannot be written.
    """
    folder = Path(folder).expanduser().resolve()
    on_progress(0.0, "drawing the section")
    truth = simulate_truth(plan)
    with scratch_beside(folder, make_parents=True) as scratch:
        _check_ours(folder)
        new = scratch / "new"
        new.mkdir()
        _write_section(new, truth, on_progress)
        _put_in_place(new, folder)
    on_progress(1.0, "section written")
    return folder / "recipe.yaml"


def _check_ours(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputError(f"expected a folder, found the file {folder}; choose another name")
    if any(folder.iterdir()) and not _is_our_truth(folder / "truth.json"):
        raise OutputError(
            f"expected an empty folder or a simulated section, found other files in {folder}; choose another folder"
        )


def _is_our_truth(path: Path) -> bool:
    try:
        if path.stat().st_size > MAX_TRUTH_BYTES:
            return False
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and values.get("format") == FORMAT


def _put_in_place(new: Path, folder: Path) -> None:
    if not folder.exists():
        new.rename(folder)
        return
    # truth.json sorts last: it stands for a whole section.
    for source in sorted(path for path in new.rglob("*") if path.is_file()):
        target = folder / source.relative_to(new)
        target.parent.mkdir(exist_ok=True)
        source.replace(target)


def _write_section(folder: Path, truth: SectionTruth, on_progress: Progress) -> None:
    plan, rng = truth.plan, random_parts(truth.plan)
    alignment = Alignment(microscope_to_section(plan), "matrix")
    on_progress(0.1, "drawing the spectra")
    spectra = simulate_spectra(truth, rng["ions"])
    on_progress(0.4, "writing the imzML")
    parameters = json.dumps(plan.written(), sort_keys=True)
    write_imzml(
        folder / "section.imzML",
        spectra,
        [(x + 1, y + 1) for y, x in np.ndindex(truth.grid.shape)],
        mode=plan.mode,
        polarity="negative",
        pixel_size_um=truth.grid.spacing_um,
        uuid=uuid5(NAMESPACE_URL, f"{FORMAT} {parameters}"),
    )
    on_progress(0.6, "writing the microscopy")
    image, factor = render_microscopy(truth, alignment, rng["microscopy"])
    write_ome_tiff(
        folder / "microscopy.ome.tif", image, pixel_um=factor * plan.microscope_pixel_size_um, channels=tuple(CHANNELS)
    )
    on_progress(0.8, "writing cells and truth")
    _write_landmarks(folder / "landmarks.csv", draw_landmarks(truth, alignment, rng["landmarks"]))
    (folder / "truth").mkdir()
    _write_cells(folder, truth, alignment)
    write_truth(folder / "truth", truth, alignment)
    write_text(folder / "recipe.yaml", yaml.safe_dump(_recipe(plan), sort_keys=False, default_flow_style=None))
    write_json(folder / "truth.json", summary(truth))


def _write_cells(folder: Path, truth: SectionTruth, alignment: Alignment) -> None:
    """Write the cells as the microscope sees them, and where they truly are."""
    x, y = (np.round(axis, 3) for axis in alignment.to_source(truth.x_um, truth.y_um))
    x_um, y_um = alignment.to_section(x, y)
    ids = [f"cell-{number:06d}" for number in range(1, x.size + 1)]
    rows = zip(ids, truth.type, x, y, strict=True)
    write_table(
        folder / "cells.csv",
        ("Object ID", "Class", "Centroid X px", "Centroid Y px"),
        ((i, t, f"{a:.3f}", f"{b:.3f}") for i, t, a, b in rows),
    )
    true_rows = zip(ids, x_um, y_um, truth.type, truth.niche, strict=True)
    write_table(
        folder / "truth" / "cells_um.csv",
        ("cell_id", "x_um", "y_um", "type", "niche"),
        ((i, f"{a:.6f}", f"{b:.6f}", t, n) for i, a, b, t, n in true_rows),
    )


def _write_landmarks(path: Path, landmarks: NDArray[np.float64]) -> None:
    write_table(
        path,
        ("source_x", "source_y", "target_x_um", "target_y_um"),
        ([f"{value:.2f}" for value in landmark] for landmark in landmarks),
    )


def _recipe(plan: SectionPlan) -> dict[str, Any]:
    return {
        "metime": 1,
        "section": {"id": f"simulated-{plan.seed}"},
        "seed": plan.seed,
        "ims": {"path": "section.imzML"},
        "cells": {
            "path": "cells.csv",
            "x": "Centroid X px",
            "y": "Centroid Y px",
            "type": "Class",
            "unit": "px",
            "pixel_size_um": plan.microscope_pixel_size_um,
            "roles": {
                "effector": [EFFECTOR],
                "suppressor": [CELL_TYPES["treg"], CELL_TYPES["macrophage_m2"]],
                "tumor": [CELL_TYPES["tumor"]],
            },
        },
        "align": {"landmarks": "landmarks.csv", "transform": "similarity"},
    }
