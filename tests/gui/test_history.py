"""What a person did by hand is taken back and made again, change by change."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from napari_metime.gui.layers import layers
from napari_metime.gui.projects.keeping import KINDS, keep, restore
from napari_metime.gui.state.history import MAX_CHANGES, Change, History
from napari_metime.gui.state.pairs import Pairs
from napari_metime.gui.state.session import Session
from napari_metime.project import load_project, save_project


def _change(words: str, what: str = "roles") -> Change:
    return Change(words, what, {}, {})


def test_changes_go_back_and_forth_in_their_order():
    first, second = _change("a"), _change("b")
    history = History().after(first).after(second)
    assert history.last() is second
    back = history.back(second)
    assert (back.last(), back.next()) == (first, second)
    assert back.again(second).past == history.past


def test_a_new_change_forgets_what_was_taken_back_of_the_same_thing_only():
    role, pair = _change("a", "roles"), _change("b", "pairs")
    history = History().after(role).after(pair).back(pair).back(role)
    assert history.after(_change("c", "roles")).undone == (pair,)


def test_the_changes_of_one_thing_go_back_by_themselves():
    first, role, second = _change("a", "pairs"), _change("b", "roles"), _change("c", "pairs")
    history = History().after(first).after(role).after(second)
    history = history.back(history.last("pairs"))
    history = history.back(history.last("pairs"))
    assert history.past == (role,)
    assert history.next("pairs") is first
    assert history.next("roles") is None


def test_the_oldest_changes_go_where_there_are_too_many():
    history = History()
    for number in range(MAX_CHANGES + 5):
        history = history.after(_change(str(number)))
    assert [history.past[0].words, len(history.past)] == ["5", MAX_CHANGES]


@pytest.fixture
def measured(outlined, click):
    """A section whose tissue is all that was measured, with metabolites measured on it."""
    outlined.session.put("tissue", "method", "none")
    click(outlined, "tissue", "metabolites")
    outlined.session.history = History()
    return outlined


def _paint(dock, rows: slice, value: int = 0) -> None:
    layer = layers.find(dock.bench.viewer, "tissue")
    inside = np.zeros(layer.data.shape, dtype=bool)
    inside[rows] = True
    layer.data_setitem(np.nonzero(inside), value)
    dock.bench.painting.take()


def _shown(dock) -> np.ndarray:
    return layers.find(dock.bench.viewer, "tissue").data > 0


def test_painting_is_taken_back_on_the_canvas_and_what_followed_is_done_again(measured):
    session, before = measured.session, measured.session.value("tissue")
    _paint(measured, slice(0, 3))
    assert session.can_undo == "painting the tissue"
    assert session.state("metabolites") == "stale"
    measured.bench.undo()
    assert session.value("tissue") is before
    assert session.state("metabolites") == "done"
    np.testing.assert_array_equal(_shown(measured), before.mask)
    assert (session.can_undo, session.can_redo) == ("", "painting the tissue")
    measured.bench.redo()
    assert not session.value("tissue").mask[:3].any()
    assert not _shown(measured)[:3].any()
    assert session.state("metabolites") == "stale"


def test_a_stroke_that_napari_takes_back_is_taken_back_here_too(measured, qtbot):
    session, layer = measured.session, layers.find(measured.bench.viewer, "tissue")
    measured.bench.painting.start("tissue")  # which shows it: napari tells nothing of a layer that is switched off
    _paint(measured, slice(0, 3))
    _paint(measured, slice(3, 5))
    layer.undo()
    qtbot.waitUntil(lambda: len(session.history.past) == 1, timeout=2000)
    layer.undo()
    qtbot.waitUntil(lambda: not session.history.past, timeout=2000)
    assert session.state("metabolites") == "done"
    layer.redo()
    qtbot.waitUntil(lambda: len(session.history.past) == 1, timeout=2000)
    assert session.can_redo == "painting the tissue"
    assert not session.value("tissue").mask[:3].any()


def test_painting_before_there_was_any_tissue_is_taken_back_to_none(dock, recipe_path, settle):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    session = dock.session
    session.paint_tissue(session.value("data").dataset.measured)
    assert session.state("tissue") == "done"
    session.undo()
    assert (session.value("tissue"), session.state("tissue")) == (None, "ready")
    session.redo()
    assert session.state("tissue") == "done"


def test_what_is_left_out_is_taken_back_with_its_setting(measured):
    session = measured.session
    mask = np.zeros(session.value("tissue").mask.shape, dtype=bool)
    mask[5:9, 5:9] = True
    session.leave_out(mask)
    layers.show_left_out(measured.bench.viewer, session)
    assert session.has_drawn_left_out
    measured.bench.undo()
    assert not session.has_drawn_left_out
    assert session.value("tissue").mask.all()
    assert not layers.find(measured.bench.viewer, "left out").data.any()
    measured.bench.redo()
    np.testing.assert_array_equal(layers.find(measured.bench.viewer, "left out").data > 0, mask)


def test_tissue_found_anew_gives_the_painted_one_back_with_the_settings_it_had(measured, click):
    session = measured.session
    _paint(measured, slice(0, 3))
    painted = session.value("tissue")
    session.put("tissue", "method", "otsu")
    click(measured, "tissue")
    measured.bench.undo()
    assert session.value("tissue") is painted
    assert session.get("tissue", "method") == "none"
    assert session.state("tissue") == "done"
    np.testing.assert_array_equal(_shown(measured), painted.mask)


def test_a_setting_that_was_chosen_since_stays(measured):
    session = measured.session
    _paint(measured, slice(0, 3))
    session.put("tissue", "method", "otsu")
    measured.bench.undo()
    assert session.get("tissue", "method") == "otsu"
    assert session.state("tissue") == "stale"
    session.put("tissue", "method", "none")
    assert session.state("metabolites") == "done"


def test_data_that_are_read_anew_leave_no_painting_to_take_back(measured, click):
    _paint(measured, slice(0, 3))
    measured.session.put("ims", "part", (0, 0, 10, 10))
    click(measured, "data")
    assert measured.session.can_undo == ""


def test_the_name_of_a_region_is_taken_back_and_nothing_goes_stale_after_reopening_too(measured, settle, tmp_path):
    session = measured.session
    measured.bench.attempt("tissue", "regions", {**session.get("tissue", "regions"), "method": "kmeans", "n": 2})
    settle(measured)
    measured.panels["metabolites"].primary.click()
    settle(measured)
    session.history = History()
    session.name_region(1, "tumour")
    assert session.can_undo == "the name of region 1"
    assert session.state("metabolites") == "done"
    measured.bench.undo()
    assert session.value("tissue").regions.names[1] == "1"
    assert (session.state("tissue"), session.state("metabolites")) == ("done", "done")
    measured.bench.redo()
    assert session.value("tissue").regions.names[1] == "tumour"
    assert (session.state("tissue"), session.state("metabolites")) == ("done", "done")
    loaded, again = load_project(save_project(keep(session), tmp_path / "p", KINDS), KINDS), Session()
    restore(again, loaded.state, loaded.inputs)
    assert again.can_undo == "the name of region 1"
    again.undo()
    assert again.value("tissue").regions.names[1] == "1"
    assert (again.state("tissue"), again.state("metabolites")) == ("done", "done")


def test_a_role_is_taken_back(measured, settle, click):
    click(measured, "cells")
    session, before = measured.session, measured.session.get("cells", "roles")
    name = before["effector"][0]
    measured.panels["cells"]._on_role(name, "other")
    assert session.can_undo == f"role of {name}"
    assert session.state("cells") == "stale"
    measured.bench.undo()
    assert session.get("cells", "roles") == before
    assert session.state("cells") == "done"


def test_roles_of_another_table_cannot_be_taken_back(measured):
    measured.session.assign_roles({"effector": ("CD8",)}, "role of CD8")
    measured.session.forget_cells()
    assert measured.session.can_undo == ""


def test_roles_of_another_column_cannot_be_taken_back(dock, recipe_path, settle, click, tmp_path):
    shutil.copytree(recipe_path.parent, tmp_path / "s")
    cells = pd.read_csv(tmp_path / "s" / "cells.csv")
    cells.assign(Other="type " + cells["Class"]).to_csv(tmp_path / "s" / "cells.csv", index=False)
    dock.bench.arrivals.open_recipe(tmp_path / "s" / recipe_path.name)
    settle(dock)
    click(dock, "cells")
    panel, session = dock.panels["cells"], dock.session
    panel._on_role("B cell", "suppressor")
    assert session.can_undo == "role of B cell"
    panel._on_column("type", "Other")
    settle(dock)
    proposed = session.get("cells", "roles")
    assert all(name.startswith("type ") for names in proposed.values() for name in names)
    assert session.can_undo == ""
    dock.bench.undo()
    assert session.get("cells", "roles") == proposed
    panel.primary.click()
    settle(dock)
    assert session.state("cells") == "done"


def test_landmarks_of_a_file_are_those_of_the_file_again(measured):
    session = measured.session
    path, pairs = session.pairs_from, session.pairs
    assert path is not None
    session.set_pairs(pairs.without(0))
    assert session.has_placed
    measured.bench.undo()
    assert (session.pairs, session.pairs_from) == (pairs, path)
    assert session.get("align", "landmarks") == path
    assert not session.has_placed
    measured.bench.redo()
    assert session.pairs.placed == pairs.placed[1:]
    assert session.has_placed


def test_a_half_that_waits_is_no_change(measured):
    measured.session.set_pairs(Pairs((), (1.0, 2.0)) if not measured.session.pairs.placed else measured.session.pairs)
    measured.session.set_pairs(measured.session.pairs.on_section(1.0, 2.0))
    assert measured.session.can_undo == ""


def test_nothing_happens_where_there_is_nothing_to_take_back(dock):
    dock.bench.undo()
    dock.bench.redo()
    assert dock.session.log == []
