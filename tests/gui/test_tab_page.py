"""The tabs of the lower dock: words before there is anything, a mark where it is out of date, rows in hand."""

from __future__ import annotations

import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_metime import pipeline
from napari_metime.gui.layers import layers
from napari_metime.gui.views.lower_dock import LowerDock
from napari_metime.gui.views.niche_tab import NicheTab
from napari_metime.gui.views.tab_page import EMPTY, STEP_OF_TAB, TabPage, out_of_date_in_words

NICHES = pd.DataFrame(
    {"region_id": ["1", "2", "rest", "domain"], "kind": ["niche", "niche", "rest", "domain"], "n_cells": [9, 8, 70, 87]}
)


@pytest.fixture
def lower(dock, recipe, result, qtbot) -> LowerDock:
    dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    lower = LowerDock(dock.bench)
    qtbot.addWidget(lower)
    return lower


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_tab_says_in_a_sentence_what_comes_with_which_step(qtbot, name):
    page = TabPage(name)
    qtbot.addWidget(page)
    words = page.currentWidget()
    assert isinstance(words, QLabel)
    assert words.text().endswith(".")
    number = {"data": 1, "metabolites": 3, "niches": 6}[STEP_OF_TAB[name]]
    assert f"step {number}" in words.text()
    assert (words.property("look"), words.alignment()) == ("dim", Qt.AlignmentFlag.AlignCenter)


def test_a_result_that_is_out_of_date_says_why_and_stays(lower):
    session, pages = lower.session, lower._pages
    n_rows = lower.niches.table.shown.rowCount()
    assert all(page.stale.text() == "" for page in pages.values())
    before = session.get("niches", "radius_um")
    session.put("niches", "radius_um", 234)
    words = "Out of date: made before Window radius (step 6) was changed; run Niches again."
    told = {name: page.stale.text() for name, page in pages.items()}
    of_niches = {"Niches": words, "Gradient": words, "Association": words}
    assert told == {"Spectrum": "", "Calibration": "", "Metabolites": ""} | of_niches
    assert pages["Niches"].stale.toolTip() == words
    assert pages["Niches"].currentWidget() is lower.niches
    assert lower.niches.table.shown.rowCount() == n_rows
    ticket = session.begin("niches")  # what stands there is as old while it is made anew
    assert pages["Niches"].stale.text() == "Out of date: made before the change; Niches is being run again."
    session.stop(ticket)
    session.put("niches", "radius_um", before)
    assert all(page.stale.text() == "" for page in pages.values())


def test_a_step_that_another_one_has_made_stale_names_that_one(lower):
    lower.session.put("cells", "roles", {"effector": ("CD8",)})
    assert out_of_date_in_words(lower.session, "niches") == (  # the root, not Align, which stands between
        "Out of date: made before Cells (step 4) changed; press Run all."
    )
    lower.session.put("tissue", "method", "otsu")
    assert out_of_date_in_words(lower.session, "tissue").endswith("; run Tissue again.")
    assert out_of_date_in_words(lower.session, "metabolites") == (
        "Out of date: made before Tissue (step 2) changed; press Run all."
    )


def test_the_arrows_take_a_niche_in_hand_and_the_mouse_is_told_of_one(lower, qtbot, monkeypatch):
    flown: list[object] = []
    monkeypatch.setattr(layers, "fly_to_niche", lambda *at: flown.append(at))
    table = lower.niches.table
    qtbot.keyClick(table, Qt.Key.Key_Down)  # into the table
    table.setCurrentIndex(table.shown.index(0, 0))
    assert lower.bench.selection.niche == 1
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert lower.bench.selection.niche == 0
    assert flown == []
    assert [index.data() for index in table.selectionModel().selectedRows()] == ["rest"]
    lower.say("nothing")
    marked: list[int] = []
    monkeypatch.setattr(layers, "mark_niche", lambda _, label: marked.append(label))
    table.row_hovered.emit(0)
    assert lower.reading.text().startswith("Niche 1 (")
    qtbot.waitUntil(lambda: marked == [1])
    table.row_hovered.emit(-1)
    qtbot.waitUntil(lambda: marked == [1, 0])


@pytest.fixture
def niche_tab(qtbot) -> NicheTab:
    tab = NicheTab()
    qtbot.addWidget(tab)
    tab.show_regions(NICHES)
    return tab


def test_a_search_chooses_no_niche_and_gives_the_row_in_hand_back(niche_tab):
    chosen: list[int] = []
    niche_tab.niche_current.connect(chosen.append)
    niche_tab.select(2)
    chosen.clear()
    niche_tab.search.field.setText("70")  # the rest alone
    assert [niche_tab.table.shown.index(i, 0).data() for i in range(niche_tab.table.shown.rowCount())] == ["rest"]
    niche_tab.search.field.setText("")
    assert set(chosen) <= {2}
    assert [index.data() for index in niche_tab.table.selectionModel().selectedRows()] == ["2"]


def test_the_channel_in_hand_stands_whole_behind_what_is_asked_for_first_and_the_rest_behind_a_box(lower):
    tab = lower.niches
    lower.bench.selection.choose_channel("L-Lactate")
    table = tab.table

    def shown() -> list[str]:
        return [c.key for i, c in enumerate(table.frame_model.columns) if not table.isColumnHidden(i)]

    for width, first in ((560, {"region_id", "grade", "rate_ratio", "p_region"}), (900, {"area_um2", "n_effector"})):
        table.resize(width, 200)
        tab._choose_columns()
        assert {*first, "log2fc_L-Lactate"} <= set(shown())
        assert sum(table.columnWidth(i) for i in range(len(table.frame_model.columns))) <= width
        assert not [key for key in shown() if "log2fc" in key and key != "log2fc_L-Lactate"]
    tab.more.setChecked(True)
    assert len(shown()) == len(table.frame_model.columns)


def test_where_no_niche_was_found_words_say_so_above_the_rest(niche_tab):
    assert niche_tab.words.isHidden()
    niche_tab.show_regions(NICHES[2:])
    assert not niche_tab.words.isHidden()
    assert niche_tab.table.shown.rowCount() == 2
