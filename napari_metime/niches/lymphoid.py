"""Tertiary lymphoid structures: where B cells lie densely, with T cells among them.

They hold effectors that fight nothing there: left in the domain, they make all else look cold. There is no standard
for them; every number here is our default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay, KDTree

from napari_metime.recipe import LymphoidRecipe
from napari_metime.section import CellTable, Grid

REACH_UM = 50.0
"""B cells within this distance of each other belong together (DBSCAN's eps). Our default, no standard."""
MIN_NEIGHBORS = 10
"""B cells within ``REACH_UM`` (itself among them) that make one dense: 1,270 per mm². Our default, no standard."""
MIN_CONTRAST = 3.0
"""So many times the B cells that the tissue's mean density puts there: B cells everywhere are no structure. Ours."""
MIN_B_CELLS = 50
MIN_T_CELLS = 20
"""Fewest B and T cells of a structure. Our defaults, no standard."""

LYMPHOID_COLUMNS = ("structure", "centroid_x_um", "centroid_y_um", "area_um2", "n_b", "n_t")
_B_NAME = re.compile(r"(?<![a-z0-9])b[-_ ]?(?:cells?|lymph\w*)(?![a-z])|^b$|cd20(?!\d)|cd19(?!\d)|cd79|ms4a1")
_T_NAME = re.compile(
    r"(?<![a-z0-9])t[-_ ]?(?:cells?|lymph\w*|regs?|helper)(?![a-z])|^t$|treg|foxp3|cd[348](?!\d)"
)
_ABSENT = re.compile(r"[a-z]+\d+[a-z]?(?:-(?![a-z])|[-_ ]?neg(?:ative)?\b)|\bnon[-_ ]?[a-z]+[-_ ]?(?:cells?)?")


def lymphoid_types(types: Iterable[str], named: LymphoidRecipe) -> tuple[frozenset[str], frozenset[str]]:
    """Return which cell types are B and T cells: those that are named, or else those whose name says so.

    A name that says both, or that a marker is absent (CD20-), counts for what it is left with.
    """
    present = sorted(set(types))
    b = set(named.b) or {name for name in present if _says(_B_NAME, name)}
    t = set(named.t) or {name for name in present if _says(_T_NAME, name) and name not in b}
    return frozenset(b), frozenset(t)


def find_lymphoid(
    grid: Grid, tissue: NDArray[np.bool_], cells: CellTable, named: LymphoidRecipe | None = None
) -> tuple[NDArray[np.int32], pd.DataFrame]:
    """Find lymphoid structures: at least 50 B cells that lie densely, with at least 20 T cells among them.

    B cells with ten of their kind within 50 µm, and three times what the tissue's mean density puts there, are dense;
    dense ones within 50 µm of each other are one structure (DBSCAN; Ester et al. 1996, KDD 96:226). It is what lies
    within 50 µm of them: T cells are counted there. A hull in its place would take in the tumour that a bent structure
    surrounds.

    Parameters
    ----------
    tissue : ndarray of shape (rows, cols), bool
    cells : CellTable in section µm
    named : the B and T types; None = recognised by their names

    Returns
    -------
    labels : ndarray of shape (rows, cols), int32: 0, or the structure's number; the larger in B cells first
    table : a row per structure, with LYMPHOID_COLUMNS
    """
    b_types, t_types = lymphoid_types(cells.type, named or LymphoidRecipe())
    pixel = grid.pixel_of(cells.x, cells.y)
    here = pixel >= 0
    here[here] = tissue.ravel()[pixel[here]]
    b, t = (_places(cells, here, types) for types in (b_types, t_types))
    tissue_um2 = float(tissue.sum()) * grid.pixel_area_um2
    usual = MIN_CONTRAST * np.pi * REACH_UM**2 * len(b) / max(tissue_um2, grid.pixel_area_um2)
    dense, number = _dense(b, max(float(MIN_NEIGHBORS), usual))
    if not dense.size:
        return np.zeros(grid.shape, np.int32), pd.DataFrame(columns=list(LYMPHOID_COLUMNS))
    tree = KDTree(dense)
    n_found = int(number.max()) + 1
    n_b, n_t = (np.bincount(_owner(tree, number, places), minlength=n_found + 1)[1:] for places in (b, t))
    order = np.argsort(-n_b, kind="stable")
    order = order[(n_b[order] >= MIN_B_CELLS) & (n_t[order] >= MIN_T_CELLS)]
    renumbered = np.zeros(n_found + 1, dtype=np.int32)
    renumbered[order + 1] = np.arange(1, order.size + 1)
    labels = np.zeros(grid.shape, np.int32)
    row, col = np.nonzero(tissue)
    height, width = grid.spacing_um
    labels[row, col] = renumbered[_owner(tree, number, np.stack([col * width, row * height], axis=1))]
    center = [dense[number == k].mean(axis=0) for k in order]
    table = {
        "structure": np.arange(1, order.size + 1),
        "centroid_x_um": [x for x, _ in center],
        "centroid_y_um": [y for _, y in center],
        "area_um2": np.bincount(labels.ravel(), minlength=order.size + 1)[1:] * grid.pixel_area_um2,
        "n_b": n_b[order],
        "n_t": n_t[order],
    }
    return labels, pd.DataFrame(table, columns=list(LYMPHOID_COLUMNS))


def _says(pattern: re.Pattern[str], name: str) -> bool:
    return pattern.search(_ABSENT.sub(" ", str(name).lower())) is not None


def _places(cells: CellTable, here: NDArray[np.bool_], types: frozenset[str]) -> NDArray[np.float64]:
    """(x, y) of the cells of some types, of those that are ``here``, shape (n, 2)."""
    of_type = here & np.array([name in types for name in cells.type], dtype=bool)
    return np.stack([cells.x[of_type], cells.y[of_type]], axis=1)


def _dense(places: NDArray[np.float64], min_neighbors: float) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the dense places and the cluster of each, from 0."""
    if len(places) < MIN_B_CELLS:
        return np.empty((0, 2)), np.empty(0, np.intp)
    n_near = KDTree(places).query_ball_point(places, REACH_UM, return_length=True, workers=2)
    dense = np.unique(places[n_near >= min_neighbors], axis=0)
    if len(dense) < 4:
        return np.empty((0, 2)), np.empty(0, np.intp)
    # The shortest tree through all places runs along Delaunay edges: these alone join what any pair would join, and
    # there are three times as many as places, not the square. QJ: places on a line have no triangles otherwise.
    corners = Delaunay(dense, qhull_options="QJ Pp").simplices
    one, other = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]).T
    close = ((dense[one] - dense[other]) ** 2).sum(axis=1) <= REACH_UM**2
    pairs = coo_array((np.ones(close.sum()), (one[close], other[close])), shape=(len(dense), len(dense)))
    return dense, connected_components(pairs, directed=False)[1].astype(np.intp)


def _owner(tree: KDTree, number: NDArray[np.intp], places: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the cluster of the nearest dense place, counted from 1; 0 where none is within reach."""
    distance, nearest = tree.query(places, distance_upper_bound=REACH_UM, workers=2)
    owner = np.zeros(len(places), dtype=np.intp)
    within = np.isfinite(distance)
    owner[within] = number[nearest[within]] + 1
    return owner
