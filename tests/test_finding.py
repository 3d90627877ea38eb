"""What a section is drawn as again, to ask which niches outlive its errors."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime.finding import redrawn_cells
from napari_metime.niches import N_REDRAWN
from napari_metime.section import Alignment, CellTable

N = 500


def cells_of(probability: np.ndarray) -> CellTable:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 2000, (2, N))
    names = np.arange(N).astype(str).astype(object)
    types = np.where(np.arange(N) % 4 == 0, "CD8", "Tumor").astype(object)
    roles = np.where(types == "CD8", "effector", "tumor").astype(object)
    return CellTable(names, x, y, types, roles, "um", type_probability=probability)


def shifted_by(extra_error_um: float) -> Alignment:
    return Alignment(np.array([[2.0, 0, 30], [0, 2.0, -10], [0, 0, 1]]), "affine", extra_error_um=extra_error_um)


@pytest.mark.parametrize("alignment", [None, shifted_by(0.0)])
def test_nothing_is_redrawn_where_no_error_is_known(alignment: Alignment | None) -> None:
    assert redrawn_cells(cells_of(np.empty(0)), alignment, 0) == ()


def test_cells_move_by_about_the_stated_error() -> None:
    cells = cells_of(np.empty(0))
    moved_um = []
    for seed in range(20):
        redrawn = redrawn_cells(cells, shifted_by(40.0), seed)
        assert len(redrawn) == N_REDRAWN
        for table in redrawn:
            dx, dy = table.x - cells.x, table.y - cells.y
            assert np.ptp(dx) < 1e-6  # a stated error shifts the whole
            assert np.ptp(dy) < 1e-6
            moved_um.append(np.hypot(dx[0], dy[0]))
            assert table.role.tolist() == cells.role.tolist()
    # The root mean square of 400 draws: its s.e. is about 2.5 %.
    assert np.sqrt(np.mean(np.square(moved_um))) == pytest.approx(40.0, rel=0.1)


def test_types_are_redrawn_in_place() -> None:
    cells = cells_of(np.full(N, 0.5))
    redrawn = redrawn_cells(cells, None, 0)
    assert len(redrawn) == N_REDRAWN
    changed = [(table.role != cells.role).mean() for table in redrawn]
    # Half are drawn anew; of a quarter effectors and three quarters tumor cells 2 * 1/4 * 3/4 of these change.
    assert np.mean(changed) == pytest.approx(0.5 * 0.375, abs=0.03)
    assert len(set(changed)) > 1
    for table in redrawn:
        assert np.array_equal(table.x, cells.x)
        assert np.array_equal(table.y, cells.y)


def test_the_same_seed_draws_the_same() -> None:
    cells = cells_of(np.full(N, 0.5))
    first, second, other = (redrawn_cells(cells, shifted_by(40.0), seed) for seed in (1, 1, 2))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.x, b.x)
        assert a.role.tolist() == b.role.tolist()
    assert not np.array_equal(first[0].x, other[0].x)
