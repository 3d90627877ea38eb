"""Lymphoid structures: planted ones, and what is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from napari_metime.niches import lymphoid
from napari_metime.niches.lymphoid import find_lymphoid, lymphoid_types
from napari_metime.recipe import LymphoidRecipe
from napari_metime.section import CellTable, Grid

GRID = Grid((100, 100), (1, 1), (20.0, 20.0))
TISSUE = np.ones(GRID.shape, bool)


def _table(parts: list[tuple[str, np.ndarray]]) -> CellTable:
    x, y = np.concatenate([places for _, places in parts]).T
    kinds = np.array([kind for kind, places in parts for _ in places], dtype=object)
    return CellTable(np.arange(x.size).astype(str).astype(object), x, y, kinds, np.full(x.size, "other", object), "um")


def _ball(rng: np.random.Generator, n: int, center: tuple[float, float], radius_um: float = 80.0) -> np.ndarray:
    angle, r = rng.uniform(0, 2 * np.pi, n), radius_um * np.sqrt(rng.uniform(size=n))
    return np.stack([center[0] + r * np.cos(angle), center[1] + r * np.sin(angle)], axis=1)


def _everywhere(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.uniform(0, 1980, (n, 2))


def test_planted_structures_are_found_where_they_are_and_the_larger_comes_first() -> None:
    rng = np.random.default_rng(0)
    parts = [
        ("B cell", _ball(rng, 80, (500, 600))),
        ("T cell", _ball(rng, 40, (500, 600))),
        ("CD20", _ball(rng, 150, (1400, 1300))),
        ("CD8", _ball(rng, 60, (1400, 1300))),
        ("B cell", _everywhere(rng, 100)),
        ("T cell", _everywhere(rng, 400)),
        ("Tumor", _everywhere(rng, 6000)),
    ]
    labels, table = find_lymphoid(GRID, TISSUE, _table(parts))
    assert table["structure"].tolist() == [1, 2]
    assert table["centroid_x_um"].to_numpy() == pytest.approx([1400, 500], abs=15)
    assert table["centroid_y_um"].to_numpy() == pytest.approx([1300, 600], abs=15)
    assert (labels[65, 70], labels[30, 25], labels[5, 90]) == (1, 2, 0)
    # Within 50 µm of the dense ones of a ball of 80 µm: no more than a disc of 130 µm.
    assert (table["area_um2"] < np.pi * 140**2).all()
    assert (table["area_um2"] > np.pi * 80**2).all()
    assert (table["n_b"] >= [150, 80]).all()
    assert (table["n_t"] >= [60, 40]).all()


@pytest.mark.parametrize(
    ("n_b", "n_t", "radius_um"), [(40, 60, 60.0), (150, 5, 60.0), (150, 60, 400.0)], ids=["few B", "few T", "thin"]
)
def test_what_is_too_small_without_t_cells_or_thin_is_no_structure(n_b: int, n_t: int, radius_um: float) -> None:
    rng = np.random.default_rng(1)
    center = (1000.0, 1000.0)
    cells = _table([("B cell", _ball(rng, n_b, center, radius_um)), ("T cell", _ball(rng, n_t, center, radius_um))])
    labels, table = find_lymphoid(GRID, TISSUE, cells)
    assert len(table) == 0
    assert not labels.any()


def test_b_cells_that_are_dense_everywhere_are_no_structure() -> None:
    rng = np.random.default_rng(4)
    cells = _table([("B cell", _everywhere(rng, 8000)), ("T cell", _everywhere(rng, 8000))])
    labels, _ = find_lymphoid(GRID, TISSUE, cells)
    assert not labels.any()


def test_no_structure_is_off_the_tissue() -> None:
    rng = np.random.default_rng(2)
    cells = _table([("B cell", _ball(rng, 100, (1000, 1000))), ("T cell", _ball(rng, 50, (1000, 1000)))])
    tissue = TISSUE.copy()
    tissue[:, :50] = False
    assert not find_lymphoid(GRID, tissue, cells)[0][:, :50].any()


def test_clusters_are_those_of_every_pair_within_reach() -> None:
    """The Delaunay edges against all pairs."""
    places = np.random.default_rng(3).uniform(0, 900, (700, 2))
    dense, number = lymphoid._dense(places, lymphoid.MIN_NEIGHBORS)
    of_all = np.array([len(near) for near in KDTree(places).query_ball_point(places, lymphoid.REACH_UM)])
    assert len(dense) == (of_all >= lymphoid.MIN_NEIGHBORS).sum() > 50
    pairs = KDTree(dense).sparse_distance_matrix(KDTree(dense), lymphoid.REACH_UM, output_type="coo_matrix")
    n_found, expected = connected_components(pairs, directed=False)
    assert n_found > 1
    assert len(set(zip(number, expected, strict=True))) == n_found == number.max() + 1


def test_cells_on_one_line_or_in_one_place_are_no_trouble() -> None:
    line = np.stack([np.linspace(100, 1900, 900), np.full(900, 500.0)], axis=1)
    one_place = np.full((60, 2), 700.0)
    labels, table = find_lymphoid(GRID, TISSUE, _table([("B", line), ("B", one_place), ("T", line)]))
    assert len(table) == 1
    assert labels[25, 50] == 1


@pytest.mark.parametrize(
    ("name", "is_b", "is_t"),
    [
        ("B cell", True, False), ("B-cells", True, False), ("CD20", True, False), ("CD20+", True, False),
        ("B", True, False),
        ("Immune: CD19", True, False), ("CD3+CD20-", False, True), ("T cell", False, True), ("CD8", False, True),
        ("Treg", False, True), ("CD4 T", False, True), ("Tumor", False, False), ("NK cell", False, False),
        ("CD45", False, False), ("Macrophage", False, False), ("Fibroblast", False, False), ("CD206", False, False),
        ("non-B cell", False, False), ("CD34", False, False), ("CD31", False, False), ("CD44", False, False),
    ],
)  # fmt: skip
def test_types_are_recognised_by_name(name: str, is_b: bool, is_t: bool) -> None:
    b, t = lymphoid_types([name], LymphoidRecipe())
    assert (name in b, name in t) == (is_b, is_t)


def test_named_types_stand_in_place_of_recognised_ones() -> None:
    b, t = lymphoid_types(["B cell", "x", "T cell"], LymphoidRecipe(b=("x",)))
    assert (b, t) == ({"x"}, {"T cell"})
