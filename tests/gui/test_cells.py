"""The cells of the window: what a table was recognised as, its unit, its roles, and their colours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_metime.gui.layers.cell_layers import (
    CELL_OPACITIES,
    MAX_DRAWN,
    cells_layer,
    drawn_rows,
    recolour,
    regions_of,
)
from napari_metime.gui.layers.frame import KEY
from napari_metime.gui.layers.layers import find
from napari_metime.gui.panels.cells import FILES, zarr_of
from napari_metime.gui.widgets.colours import OTHER_TYPES_COLOUR, TYPE_COLOURS
from napari_metime.gui.widgets.role_table import RoleTable, roles_in_words
from napari_metime.section import CellTable


def table_of(n: int, n_types: int = 3) -> CellTable:
    number = np.arange(n)
    roles = np.array(["effector", "suppressor", "tumor", "other"], dtype=object)[number % 4]
    types = np.array([f"type {i}" for i in range(n_types)], dtype=object)[number % n_types]
    place = np.column_stack([number % 100, number // 100]).astype(float)
    return CellTable(number.astype(str).astype(object), place[:, 0], place[:, 1], types, roles, "um")


def rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def test_colours_follow_the_type_and_the_rare_types_share_a_grey():
    types = [f"type {i}" for i in range(9)]
    layer = cells_layer(table_of(900, 9), "type", types)
    for name, colour in zip(types, (*TYPE_COLOURS, OTHER_TYPES_COLOUR, OTHER_TYPES_COLOUR), strict=True):
        here = (layer.features["type"] == name).to_numpy()
        assert np.allclose(layer.face_color[here][:, :3], rgb(colour), atol=1e-6)
        assert np.array_equal(layer.border_color[here], layer.face_color[here])


def test_recolouring_to_roles_and_back_gives_the_same_colours():
    types = [f"type {i}" for i in range(3)]
    layer = cells_layer(table_of(400), "role", types)
    before = layer.face_color.copy()
    for role, opacity in CELL_OPACITIES.items():
        assert np.allclose(layer.face_color[(layer.features["role"] == role).to_numpy()][:, 3], opacity)
    recolour(layer, "type", types)
    assert not np.array_equal(layer.face_color, before)
    recolour(layer, "role", types)
    assert np.array_equal(layer.face_color, before)


def test_every_cell_keeps_its_own_features_and_place():
    cells = table_of(1000)
    layer = cells_layer(cells, "role", ())
    index = layer.features["cell_id"].astype(int).to_numpy()
    assert np.array_equal(np.sort(index), np.arange(1000))
    assert np.array_equal(layer.data, np.column_stack([cells.y, cells.x])[index])
    assert layer.features["type"].tolist() == cells.type[index].tolist()
    assert layer.features["role"].tolist() == cells.role[index].tolist()


def test_of_very_many_cells_a_random_part_is_drawn_and_it_says_so():
    n = 4 * MAX_DRAWN
    layer = cells_layer(table_of(n), "role", ())
    assert layer.metadata[KEY] == "cells"
    assert layer.name == f"cells (showing {MAX_DRAWN:,} of {n:,})"
    assert layer.name_overlay.visible
    rows = layer.metadata["rows"]
    assert len(set(rows.tolist())) == len(layer.data) == MAX_DRAWN
    assert np.array_equal(layer.features["cell_id"].astype(int), rows)
    assert np.array_equal(rows, cells_layer(table_of(n), "role", ()).metadata["rows"])
    assert not cells_layer(table_of(100), "role", ()).name_overlay.visible


def test_niches_of_other_cells_mark_none():
    layer = cells_layer(table_of(400), "role", ())
    region = pd.array([1, None, 2, 0] * 100, dtype="Int64")
    cells = pd.DataFrame({"cell_id": table_of(400).cell_id, "region_id": region})
    expected = np.array([1, 0, 2, 0] * 100)[layer.metadata["rows"]]
    assert np.array_equal(regions_of(layer, cells), expected)
    for others in (cells.iloc[:200], cells.iloc[::-1], pd.concat([cells.iloc[1:], cells.iloc[:1]])):
        assert regions_of(layer, others) is None


@pytest.mark.parametrize(("n_first", "n_kept"), [(10, 10), (MAX_DRAWN, MAX_DRAWN // 2), (3 * MAX_DRAWN, MAX_DRAWN - 9)])
def test_the_rare_effectors_are_drawn_before_the_rest(n_first, n_kept):
    rank = np.repeat([0, 3], [9 if n_first > MAX_DRAWN else 2 * MAX_DRAWN, n_first])
    drawn = rank[drawn_rows(rank)]
    assert (len(drawn), int((drawn == 3).sum())) == (MAX_DRAWN, n_kept)
    assert (np.diff(drawn) >= 0).all()  # later points lie over earlier ones


def test_switching_to_types_recolours_the_cells_and_the_legend(dock, recipe_path, settle, click):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    click(dock, "cells", "align")
    layer, before = find(dock.bench.viewer, "cells"), find(dock.bench.viewer, "cells").face_color.copy()
    assert not dock.legend.roles["effector"].isHidden()
    box = dock.panels["cells"].colour.box
    box.setCurrentIndex(1)
    box.activated.emit(1)
    assert dock.session.colour_by == "type"
    assert find(dock.bench.viewer, "cells") is layer
    assert not np.array_equal(layer.face_color, before)
    assert all(line.isHidden() for line in dock.legend.roles.values())
    assert not dock.legend.types.isHidden()
    assert [words for words, _ in dock.legend.types._shown] == list(dock.session.cell_types)[: len(TYPE_COLOURS)]


@pytest.fixture
def without_unit(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("x,y,class\n1,2,CD8\n3,4,Tumor\n5,6,\n")
    return path


def test_an_unknown_unit_is_asked_for_and_nothing_is_read_before(dock, settle, without_unit, click):
    panel = dock.panels["cells"]
    dock.bench.look_at_cells(without_unit)
    settle(dock)
    assert panel.unit.box.currentText() == "not known: choose"
    assert "not guessed" in panel.question.text()
    assert not panel.primary.isEnabled()
    assert panel.error.text() == ""
    panel._on_role("Tumor", "other")
    panel._on_unit("um")
    settle(dock)
    assert panel.question.isHidden()
    assert "3 cells" in panel.note.text()
    assert panel.types()["Tumor"] == (1, "other")
    click(dock, "cells")
    assert dock.session.value("cells").unit == "um"


def test_a_known_unit_is_not_asked_for_and_the_format_is_told(dock, settle, recipe):
    panel = dock.panels["cells"]
    dock.bench.look_at_cells(recipe.cells.path)
    settle(dock)
    assert panel.question.isHidden()
    assert panel.note.text().startswith("Recognised: ")
    assert "px" in panel.note.text()
    assert panel.primary.isEnabled()


def test_untyped_cells_stand_as_other_in_table_and_sum(dock, settle, without_unit):
    dock.bench.look_at_cells(without_unit)
    settle(dock)
    panel = dock.panels["cells"]
    assert panel.types()["unassigned"] == (1, "other")
    assert panel.sums.text() == "3 cells count as 1 effector, 0 suppressor, 1 tumour and 1 other."


def test_a_wrong_file_after_a_right_one_leaves_nothing_of_it(dock, settle, recipe, tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    for path in (recipe.cells.path, wrong):
        dock.bench.look_at_cells(path)
        settle(dock)
    panel = dock.panels["cells"]
    assert "No column has a name that is known for x, y and type" in panel.columns.question.text()
    assert panel.note.isHidden()
    assert panel.sums.isHidden()
    assert panel.table.isHidden()


def test_a_type_is_found_among_sixty(qtbot):
    chosen = []
    table = RoleTable(lambda name, role: chosen.append((name, role)))
    qtbot.addWidget(table)
    types = {f"type {i}": (60 - i, "other") for i in range(59)} | {"CD8+ PD1+": (3, "effector")}
    table.show_types(types)
    assert table.table.rowCount() == 60
    assert not table.search.isHidden()
    table.search.setText("pd1 cd8")
    assert [line for line in range(60) if not table.table.isRowHidden(line)] == [59]
    box = table.table.cellWidget(59, 2)
    box.activated.emit(1)
    assert chosen == [("CD8+ PD1+", "suppressor")]
    table.search.clear()
    assert not any(table.table.isRowHidden(line) for line in range(60))


def test_few_types_need_no_search(qtbot):
    table = RoleTable(lambda name, role: None)
    qtbot.addWidget(table)
    table.show_types({"CD8": (2, "effector")})
    assert table.search.isHidden()


def test_the_roles_are_summed_only_where_counts_are_known():
    assert roles_in_words({"CD8": (None, "effector")}) == ""


def test_a_file_within_a_zarr_stands_for_it(tmp_path):
    inside = tmp_path / "cells.zarr" / "tables" / "zarr.json"
    assert zarr_of(inside) == tmp_path / "cells.zarr"
    assert zarr_of(tmp_path / "cells.csv") == tmp_path / "cells.csv"
    for ending in ("csv", "tsv", "txt", "geojson", "h5ad", "zarr", "parquet", "tif"):
        assert f"*.{ending} " in FILES


def test_a_table_of_marker_calls_gets_types_by_proposed_gates(dock, settle, tmp_path):
    table = tmp_path / "calls.csv"
    table.write_text("x_um,y_um,CD3,CD8,PanCK\n1,2,1,1,0\n3,4,0,0,1\n5,6,0,0,1\n7,8,1,0,0\n")
    panel = dock.panels["cells"]
    dock.bench.look_at_cells(table)
    settle(dock)
    assert panel.types() == {"Tumor": (2, "tumor"), "CD8 T": (1, "effector"), "T cell": (1, "other")}
    assert "CD8 T: CD3+ CD8+" in panel.gates.text()
    assert dock.session.get("cells", "gates")["CD8 T"] == ("CD3+", "CD8+")


def test_another_table_starts_without_the_columns_of_the_former(dock, settle, recipe, without_unit):
    dock.bench.look_at_cells(without_unit)
    settle(dock)
    dock.session.put("cells", "x", "x")
    dock.panels["cells"]._on_unit("um")
    settle(dock)
    dock.bench.look_at_cells(recipe.cells.path)
    settle(dock)
    assert dock.session.get("cells", "x") is None
    assert dock.session.get("cells", "unit") is None
    assert dock.session.error("cells") == ""
    assert "CD8" in dock.panels["cells"].types()


def test_before_a_file_the_step_teaches_and_its_button_chooses_one(dock, settle, recipe, monkeypatch):
    panel = dock.panels["cells"]
    assert not panel.teaches.isHidden()
    assert panel.unit_row.isHidden()
    assert panel.primary.text() == "Choose cells…"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    panel.primary.click()
    assert dock.session.get("cells", "path") is None
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(recipe.cells.path), ""))
    panel.primary.click()
    settle(dock)
    assert panel.teaches.isHidden()
    assert panel.primary.text() == "Read cells"


def test_why_a_role_is_proposed_stands_with_its_box(dock, settle, recipe):
    dock.bench.look_at_cells(recipe.cells.path)
    settle(dock)
    table = dock.panels["cells"].table.table
    line = next(i for i in range(table.rowCount()) if table.item(i, 0).text() == "CD8")
    assert "cd8" in table.cellWidget(line, 2).toolTip().casefold()


def test_reading_an_unreadable_file_repeats_what_is_wrong_with_it_until_it_is_mended(dock, settle, tmp_path):
    path, panel = tmp_path / "cells.csv", dock.panels["cells"]
    path.write_bytes(b"\x89PNG\0\0")
    dock.bench.look_at_cells(path)
    settle(dock)
    refused = panel.error.text()
    assert "cells.csv" in refused
    panel.primary.click()
    settle(dock)
    assert panel.error.text() == refused
    path.write_text("x_um,y_um,class\n1,2,CD8\n")
    panel.primary.click()
    settle(dock)
    assert panel.error.isHidden()
    assert panel.types() == {"CD8": (1, "effector")}


def test_without_an_effector_the_window_asks_for_one_in_its_own_words(dock, settle, recipe):
    panel = dock.panels["cells"]
    dock.bench.look_at_cells(recipe.cells.path)
    settle(dock)
    for name in panel.types():
        panel._on_role(name, "other")
    panel.primary.click()
    assert panel.error.text() == "✕ Choose at least one type that counts as effector."
    panel._on_role("CD8", "effector")
    assert panel.error.isHidden()
