"""Niches as polygons along the pixel edges, in GeoJSON that QuPath reads."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from napari_metime.export.colours import GRADE_COLOURS, grade_of, rgb
from napari_metime.export.strict_json import json_text, plain
from napari_metime.section import Grid

_NAMESPACE = uuid.UUID("0b1d0f5e-2f0c-5a3e-8d4a-7c1e9b2a4d10")
ToFrame = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Maps section (x_um, y_um) to another frame."""


def mask_outline(mask: NDArray[np.bool_], grid: Grid) -> BaseGeometry:
    """Return the pixels of a mask as one (multi)polygon in section µm, exact along the pixel edges.

    Parameters
    ----------
    mask : ndarray of shape (rows, cols), bool; holes are kept
    """
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    _, stop = np.nonzero(edges == -1)
    # Whole numbers until the end, so that neighbouring runs share their corners to the bit.
    runs = shapely.union_all(shapely.box(start, row, stop, row + 1))
    # Normalised first: a ring then starts at a true corner, and every point on a straight edge goes.
    outline = shapely.normalize(runs).simplify(0)
    height, width = grid.spacing_um
    return shapely.transform(outline, lambda at: (at - 0.5) * (width, height))


def niches_geojson(
    labels: NDArray[np.int32], grid: Grid, regions: pd.DataFrame, *, section_id: str, to_frame: ToFrame | None = None
) -> str:
    """Return the niches as a GeoJSON FeatureCollection of annotations.

    Parameters
    ----------
    labels : ndarray of shape (rows, cols), int32: 0, or the niche's number
    regions : the rows of regions.csv; each niche carries its own as properties
    to_frame : maps section µm to the frame of the polygons; None = section µm
    """
    features = []
    for row in regions[regions["kind"] == "niche"].to_dict("records"):
        outline = mask_outline(labels == int(row["region_id"]), grid)
        if to_frame is not None:
            outline = _transformed(outline, to_frame)
        features.append(_feature(outline, {str(k): plain(v) for k, v in row.items()}, section_id))
    return json_text({"type": "FeatureCollection", "features": features})


def _transformed(outline: BaseGeometry, to_frame: ToFrame) -> BaseGeometry:
    return shapely.transform(outline, lambda at: np.stack(to_frame(at[:, 0], at[:, 1]), axis=1))


def _feature(outline: BaseGeometry, row: dict[str, object], section_id: str) -> dict[str, object]:
    number, grade = row["region_id"], grade_of(row["grade"])
    numbers = {k: v for k, v in row.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, f"{section_id}/{number}")),
        # RFC 7946: the outer ring runs counterclockwise.
        "geometry": shapely.geometry.mapping(shapely.orient_polygons(outline, exterior_cw=False)),
        "properties": {
            **row,
            "objectType": "annotation",
            "name": f"Niche {number}",
            "classification": {"name": grade, "color": rgb(GRADE_COLOURS[grade])},
            "isLocked": False,
            "measurements": numbers,
        },
    }
