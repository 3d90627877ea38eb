"""What lies below the mouse, in words: the place, the value of what is in sight with its unit, niche, region, cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from numpy.typing import NDArray

from napari_metime.export.words import count, is_known, number
from napari_metime.gui.layers.channel_look import unit_of
from napari_metime.gui.layers.frame import KEY
from napari_metime.gui.state.made import Opened
from napari_metime.gui.state.session import Session
from napari_metime.section import ChannelSet, NicheResult, Tissue, label_of

ROLE_NAMES = {"effector": "effector", "suppressor": "suppressor", "tumor": "tumour", "other": "other"}
VALUED = {
    "coldness": ("coldness", "log₂", "not assessable"),
    "membership": ("probability of a cold region", "", "not assessable"),
    "p_local": ("local p", "−log₁₀", "not assessable"),
    "q_local": ("local q", "−log₁₀", "not assessable"),
    "normalization": ("normalisation factor", "", "not measured"),
}
"""Of the maps: what a value is, its unit, and what it means that there is none."""


def pixel_at(session: Session, y_um: float, x_um: float) -> tuple[int, int] | None:
    """Return row and column of the pixel at a place of the section; None beside the grid."""
    opened: Opened | None = session.value("data")
    if opened is None or not np.isfinite([y_um, x_um]).all():
        return None
    grid = opened.dataset.grid
    flat = int(grid.pixel_of(np.array([x_um]), np.array([y_um]))[0])
    return None if flat < 0 else divmod(flat, grid.shape[1])


def place_words(session: Session, viewer: ViewerModel, ions: Any, y_um: float, x_um: float) -> str:
    """Say what is at a place of the section; empty beside the grid.

    Parameters
    ----------
    ions : the ions in sight, by which their layers are named
    """
    pixel = pixel_at(session, y_um, x_um)
    if pixel is None:
        return ""
    row, col = pixel
    values = ", ".join(_values(session, viewer, ions, row, col))
    place = f"x {x_um:,.0f} µm, y {y_um:,.0f} µm (pixel row {row}, column {col})"
    # What was asked for comes first: the line may be narrow, and napari tells the place as well.
    return "; ".join(text for text in (values, *_regions(session, row, col), place) if text)


def cell_at(session: Session, y_um: float, x_um: float, reach_um: float) -> int | None:
    """Return the row of cells.csv of the cell nearest to a place; None where none is within reach."""
    found: NicheResult | None = session.value("niches") if session.is_current("niches") else None
    if found is None or found.cells.empty:
        return None
    away_um = np.hypot(found.cells["x_um"].to_numpy(float) - x_um, found.cells["y_um"].to_numpy(float) - y_um)
    nearest = int(np.argmin(away_um))
    return nearest if away_um[nearest] <= reach_um else None


def cell_words(session: Session, row: int) -> str:
    """Say type, role and niche of a cell, and how far it is from the border of the nearest niche."""
    found: NicheResult = session.value("niches")
    cell = found.cells.iloc[row]
    kind = str(cell["type"])
    kind = kind if kind.lower().endswith(("cell", "cells")) else f"{kind} cell"
    parts = [f"{kind} ({ROLE_NAMES.get(cell['role'], cell['role'])})"]
    away = border_um(found.map.labels, session.value("data").dataset.grid.spacing_um, cell["y_um"], cell["x_um"])
    if away is not None:
        label, distance_um = away
        where = f"in niche {label}" if distance_um < 0 else f"outside niche {label}"
        parts.append(f"{where}, {number(abs(distance_um))} µm from its border")
    return ", ".join([*parts, str(cell["cell_id"])])


def border_um(
    labels: NDArray[np.integer[Any]], spacing_um: tuple[float, float], y_um: float, x_um: float
) -> tuple[int, float] | None:
    """Return the nearest niche and the distance to its border in µm, negative inside; None where there is no niche.

    Parameters
    ----------
    labels : shape (rows, cols); 0 is no niche
    spacing_um : height and width of a pixel, the centre of pixel (0, 0) being the origin

    Notes
    -----
    The border is that of the pixels: the distance is to the edge of the nearest pixel that is of the niche, or not.
    """
    place, spacing = np.array([y_um, x_um]), np.asarray(spacing_um)
    at = np.clip(np.rint(place / spacing).astype(int), 0, np.array(labels.shape) - 1)
    own = int(labels[tuple(at)])
    padded = np.pad(labels, 1)  # beside the grid there is no niche
    others = np.argwhere(padded != own if own else padded > 0) - 1
    if not len(others):
        return None
    beyond = np.maximum(np.abs(others * spacing - place) - spacing / 2, 0.0)
    away = np.hypot(*beyond.T)
    nearest = int(np.argmin(away))
    return (own, -float(away[nearest])) if own else (int(labels[tuple(others[nearest])]), float(away[nearest]))


def niche_words(session: Session, label: int) -> str:
    """Say what a niche is and how many cells it holds; empty where there is no such niche."""
    found: NicheResult | None = session.value("niches")
    if found is None or not 0 < label <= found.map.n_niches:
        return ""
    row = found.regions.iloc[[label - 1]].to_dict("records")[0]
    effectors = f"{count(row['n_effector'])} effectors where {number(row['expected_effector'])} were expected"
    return f"Niche {label} ({row['grade']}): {count(row['n_cells'])} cells, {effectors}"


def _values(session: Session, viewer: ViewerModel, ions: Any, row: int, col: int) -> list[str]:
    """Return the values of what is in sight: of the images that cover each other the uppermost, of colours each."""
    colours: list[str] = []
    for layer in reversed(viewer.layers):
        kind, key = layer.metadata.get(KEY), layer.metadata.get("channel", "")
        if not layer.visible or not isinstance(layer, Image) or layer.data.ndim != 2:
            continue
        if not (row < layer.data.shape[0] and col < layer.data.shape[1]) or kind == "neighbour":
            continue
        value = float(layer.data[row, col])
        if kind == "channel":
            return [*colours, _channel_value(session, str(key), value)]
        if kind == "ion" and key in ions.windows:
            window = ions.windows[key]
            named = "" if window.label == "ion" else f"{window.label} "
            text = _with_unit(f"{named}m/z {window.mz:.4f}", value, layer.metadata["unit"], "not measured")
            if key == "one":
                return [*colours, text]
            colours.append(text)
        elif kind == "kept":
            colours.append(_with_unit(label_of(str(key)), value, layer.metadata["unit"], "not measured"))
        elif kind in VALUED:
            name, unit, none = VALUED[kind]
            if kind != "coldness" or np.isfinite(value):
                return [*colours, _with_unit(name, value, unit, none)]
        elif kind == "tic":
            return colours or [_with_unit("TIC", value, "intensity", "not measured")]
    return colours


def _channel_value(session: Session, name: str, value: float) -> str:
    channels: ChannelSet = session.value("metabolites")
    channel = next((each for each in channels.channels if each.name == name), None)
    unit = "" if channel is None else unit_of(channel, session.made_with("metabolites", "ims", "normalize"))
    return _with_unit(label_of(name), value, unit, "no value")


def _with_unit(name: str, value: float, unit: str, missing: str) -> str:
    if not is_known(value):
        return f"{name} {missing}"
    written = number(value, 3) if 1e-3 <= abs(value) < 1e6 or value == 0 else f"{value:.2e}".replace("-", "−")
    return f"{name} {written}" + (f" ({unit})" if unit else "")


def _regions(session: Session, row: int, col: int) -> list[str]:
    found: NicheResult | None = session.value("niches") if session.is_current("niches") else None
    tissue: Tissue | None = session.value("tissue") if session.is_current("tissue") else None
    told = []
    if found is not None:
        label = int(found.map.labels[row, col])
        if label:
            told.append(f"niche {label}")
        elif found.map.domain[row, col] and not found.map.assessable[row, col]:
            told.append("not assessable")
    if tissue is not None and not tissue.mask[row, col]:
        told.append("off the tissue")
    elif tissue is not None and tissue.regions is not None:
        name = tissue.regions.names.get(int(tissue.regions.labels[row, col]))
        if name:
            told.append(f"tissue region {name}")
    return told
