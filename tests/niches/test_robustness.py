from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_metime.niches.robustness import niche_cover, niche_dice, redraw_types, with_robustness
from napari_metime.section import CellTable, NicheMap

ROW = np.array([[1, 1, 1, 1, 0, 0, 2, 2, 0, 0]], dtype=np.int32)


def cells_of(roles: list[str], probability: np.ndarray) -> CellTable:
    n = len(roles)
    names = np.arange(n).astype(str).astype(object)
    place = np.arange(n, dtype=float)
    return CellTable(
        names, place, place, names, np.array(roles, dtype=object), "um", type_probability=probability
    )


def map_of(labels: np.ndarray, radius_um: float = 90.0) -> NicheMap:
    n, where = int(labels.max()), np.ones(labels.shape, bool)
    nothing = np.zeros(labels.shape, np.float32)
    return NicheMap(where, where, nothing, nothing, labels, np.full(n, 0.01), radius_um, "")


def test_dice_is_of_the_niche_and_all_that_it_touches() -> None:
    other = np.array([[0, 5, 5, 5, 5, 0, 0, 0, 3, 3]], dtype=np.int32)
    # 3 in common of 4 and 4; the second is not found again, its neighbour does not count
    assert niche_dice(ROW, other, 2).tolist() == [2 * 3 / 8, 0.0]
    # Two pieces are one niche together.
    pieces = np.array([[1, 1, 0, 2, 0, 0, 4, 4, 4, 0]], dtype=np.int32)
    assert niche_dice(ROW, pieces, 2).tolist() == [2 * 3 / 7, 2 * 2 / 5]
    assert niche_dice(ROW, ROW, 2).tolist() == [1.0, 1.0]
    assert niche_dice(ROW, np.zeros_like(ROW), 2).tolist() == [0.0, 0.0]


def test_cover_is_the_share_of_the_niche_that_is_called_again() -> None:
    other = np.array([[0, 5, 5, 5, 5, 5, 7, 7, 7, 7]], dtype=np.int32)
    assert niche_cover(ROW, other, 2).tolist() == [0.75, 1.0]
    assert niche_cover(ROW, np.zeros_like(ROW), 2).tolist() == [0.0, 0.0]


def test_the_niches_are_searched_again_and_counted() -> None:
    given = cells_of(["effector"], np.empty(0))
    redrawn = tuple(replace(given, note=str(k)) for k in range(4))
    asked = []
    half = np.array([[1, 1, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=np.int32)

    def search(cells: CellTable, radius_um: float) -> NicheMap:
        asked.append((cells.note, radius_um))
        labels = {("", 60.0): half, ("", 135.0): ROW, ("0", 90.0): half, ("1", 90.0): ROW, ("2", 90.0): ROW * 0}
        return map_of(labels.get((cells.note, radius_um), np.where(ROW == 2, 1, 0)).astype(np.int32))

    told: list[float] = []
    found = with_robustness(map_of(ROW), given, search, redrawn, on_progress=lambda done, _: told.append(done))
    assert [(note, round(radius_um, 9)) for note, radius_um in asked] == [
        ("", 60.0), ("", 135.0), ("0", 90.0), ("1", 90.0), ("2", 90.0), ("3", 90.0)
    ]  # fmt: skip
    assert found.stability.tolist() == [2 * 2 / 6, 0.0]  # the lesser of the two windows
    assert found.called_share.tolist() == [0.5, 0.5]  # half of the first niche is just enough
    assert told == [i / 6 for i in range(6)]  # each says what is done next


def test_nothing_is_said_of_errors_that_nobody_knows() -> None:
    given = cells_of(["effector"], np.empty(0))
    found = with_robustness(map_of(ROW), given, lambda cells, radius_um: map_of(ROW))
    assert found.stability.tolist() == [1.0, 1.0]
    assert np.isnan(found.called_share).all()


def test_without_a_niche_nothing_is_searched_again() -> None:
    given = cells_of(["effector"], np.empty(0))

    def search(cells: CellTable, radius_um: float) -> NicheMap:
        raise AssertionError("searched")

    nothing = map_of(np.zeros_like(ROW))
    assert with_robustness(nothing, given, search, (given,)) is nothing


@pytest.mark.parametrize("probability", [np.ones(6), np.full(6, np.nan), np.empty(0)])
def test_certain_or_unknown_types_stay(probability: np.ndarray) -> None:
    cells = cells_of(["effector", "tumor", "other", "tumor", "suppressor", "tumor"], probability)
    assert redraw_types(cells, np.random.default_rng(0)).role.tolist() == cells.role.tolist()


def test_types_are_drawn_anew_as_often_as_they_are_wrong() -> None:
    n = 20_000
    roles = ["effector"] * (n // 4) + ["tumor"] * (3 * n // 4)
    cells = cells_of(roles, np.full(n, 0.6))
    drawn = redraw_types(cells, np.random.default_rng(0))
    # 0.4 are drawn anew, a quarter of these stays an effector: 0.6 + 0.4 / 4.
    still = (drawn.role[: n // 4] == "effector").mean()
    assert still == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / (n / 4)))
    assert (drawn.role == "effector").mean() == pytest.approx(0.25, abs=0.01)
    assert cells.role.tolist() == roles  # the given table is as it was
