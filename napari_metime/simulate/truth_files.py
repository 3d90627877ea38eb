"""Write what was planted: masks, niches, transform, metabolites, every parameter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_metime.section import Alignment
from napari_metime.simulate.peaks import LIPID_MZ, MATRIX_PEAKS
from napari_metime.simulate.plan import CELL_TYPES
from napari_metime.simulate.text import write_json, write_table
from napari_metime.simulate.truth import SectionTruth

FORMAT = "napari-metime simulated section"
VERSION = 1
POLYGON_CORNERS = 72


def write_truth(folder: Path, truth: SectionTruth, alignment: Alignment) -> None:
    """Write the files of the truth folder, except its cells."""
    images = {"niches": truth.niche_labels, "tissue": truth.tissue, "bed": truth.bed}
    for name, image in images.items():
        values = image if image.dtype == np.int32 else image.astype(np.uint8)
        tifffile.imwrite(folder / f"{name}.tif", values, compression="zlib", metadata=None, software=False)
    write_json(folder / "niches.geojson", _geojson(truth))
    write_json(
        folder / "transform.json",
        {"from": "cells.csv, microscope px (x, y, 1)", "to": "section um", "matrix": alignment.matrix.tolist()},
    )
    write_table(
        folder / "metabolites.csv",
        ("name", "mz", "niche_log2", "confounded_with_tumor_density", "tumor_log2"),
        (
            (m.name, f"{m.mz:.4f}", f"{m.niche_log2:g}", "yes" if m.tumor_log2 else "no", f"{m.tumor_log2:g}")
            for m in truth.plan.metabolites
        ),
    )


def summary(truth: SectionTruth) -> dict[str, Any]:
    """Return the content of truth.json."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "parameters": truth.plan.written(),
        "frame": "section um, (x, y), origin at the centre of grid pixel (0, 0)",
        "shape": list(truth.grid.shape),
        "n_cells": {name: int(np.sum(truth.type == name)) for name in CELL_TYPES.values()},
        "niches": [niche.written() for niche in truth.anatomy.niches],
        "dense_nest": truth.anatomy.nest,
        **({"lymphoid": truth.anatomy.lymphoid} if truth.anatomy.lymphoid else {}),
        "matrix_mz": [peak[0] for peak in MATRIX_PEAKS],
        "lipid_mz": list(LIPID_MZ),
    }


def _geojson(truth: SectionTruth) -> dict[str, Any]:
    features = []
    for number, niche in enumerate(truth.anatomy.niches, start=1):
        corners = niche.shape.corners_um(POLYGON_CORNERS) + np.array([niche.x_um, niche.y_um])
        ring = [[round(float(x), 3), round(float(y), 3)] for x, y in corners]
        features.append(
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
                "properties": {"niche": number, **niche.written()},
            }
        )
    return {"type": "FeatureCollection", "features": features}
