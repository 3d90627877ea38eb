from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QItemSelectionModel, Qt
from qtpy.QtGui import QGuiApplication

from napari_metime.gui.views.tables import (
    FIRST,
    FURTHER_REGION_COLUMNS,
    REGION_COLUMNS,
    association_columns,
    region_columns,
    shown_regions,
)
from napari_metime.gui.widgets.frame_table import FrameView
from napari_metime.gui.widgets.searching import TableSearch
from napari_metime.section import NicheResult

SELECT_ROW = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows


@pytest.fixture
def regions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "region_id": ["1", "rest"],
            "grade": ["desert", ""],
            "area_um2": [250_000.0, 3_000_000.0],
            "n_effector": [22, 20_000],
            "expected_effector": [65.26, 20_000.0],
            "n_cells": [1234, 20_000],
            "rate_ratio": [0.123456, np.nan],
            "rate_ratio_low": [0.1, np.nan],
            "rate_ratio_high": [0.2, np.nan],
            "log2fc_L-Lactate": [-0.5, np.nan],
            "log2fc_low_L-Lactate": [-0.7, np.nan],
            "log2fc_high_L-Lactate": [-0.3, np.nan],
        }
    )


def texts(view: FrameView, row: int) -> dict[str, str]:
    model = view.frame_model
    names = [model.headerData(i, Qt.Orientation.Horizontal) for i in range(model.columnCount())]
    return {name: model.data(model.index(row, i)) for i, name in enumerate(names)}


def test_regions_are_shown_with_units_and_sensible_digits(qtbot, regions):
    view = FrameView()
    qtbot.addWidget(view)
    view.show_frame(regions, region_columns(regions), 1)
    shown = texts(view, 0)
    assert (shown["Area\n(mm²)"], shown["Cells"]) == ("0.25", "1,234")
    assert shown["Effectors\n/ expected †"] == "22 / 65"
    assert shown["Rate ratio\n(95 % interval) †"] == "0.12 (0.10–0.20)"
    assert shown["L-Lactate\n(log₂ change)"] == "−0.50 (−0.70 to −0.30)"
    assert texts(view, 1)["Rate ratio\n(95 % interval) †"] == "–"


def test_the_domain_has_the_grade_of_the_section_and_the_rest_no_expected_effectors(qtbot, regions):
    """The grade is said once: regions.csv has no word for inflamed, and the report and summary.csv say it."""
    view = FrameView()
    qtbot.addWidget(view)
    whole = regions.assign(kind=["niche", "domain"], grade=["desert", "undetermined"])
    summary = pd.DataFrame({"grade": ["inflamed"]})
    shown = shown_regions(NicheResult(None, whole, whole, whole, whole, summary=summary))
    view.show_frame(shown, region_columns(shown), 1)
    told = [(texts(view, row)["Grade"], texts(view, row)["Effectors\n/ expected †"]) for row in (0, 1)]
    assert told == [("desert", "22 / 65"), ("inflamed", "20,000 / –")]
    assert whole["grade"].tolist() == ["desert", "undetermined"]


def test_what_a_niche_has_no_value_of_is_told_in_words_and_the_rest_has_a_dash(qtbot, regions):
    view = FrameView()
    qtbot.addWidget(view)
    unmeasured = regions.assign(**{"log2fc_L-Lactate": np.nan})
    view.show_frame(unmeasured, region_columns(unmeasured), 1)
    assert [texts(view, row)["L-Lactate\n(log₂ change)"] for row in (0, 1)] == ["not measurable", "–"]


def test_what_a_reader_asks_first_fits_a_narrow_dock(qtbot, regions):
    """560 pixels are what the lower dock has of a window of 1280."""
    view = FrameView()
    qtbot.addWidget(view)
    whole = regions.assign(p_region=[0.001, np.nan], grade=["undetermined", ""])
    view.show_frame(whole, region_columns(whole), 1)
    first = [view.columnWidth(i) for i in range(FIRST)]
    assert sum(first) <= 520  # with a scroll bar beside them
    metrics = view.fontMetrics()
    assert first[4] >= metrics.horizontalAdvance("0.12 (0.10–0.20)")


def test_what_regions_were_chosen_by_is_marked_in_the_header(regions):
    known = {"p_region": [0.001, np.nan], "stability": [0.8, np.nan], "suppressed": ["true", None]}
    table = regions.assign(**known, called_share=np.nan)
    headers = {column.key: column for column in region_columns(table)}
    for key in ("suppressed", "rate_ratio", "p_region"):
        assert headers[key].header.endswith(" †")
        assert headers[key].help.endswith("do not test it again.")
    for key in ("area_um2", "n_cells", "log2fc_L-Lactate"):
        assert "†" not in headers[key].header
    assert "called_share" not in headers  # nothing was redrawn


def test_a_click_on_a_sorted_table_chooses_the_right_row(qtbot):
    view = FrameView()
    qtbot.addWidget(view)
    view.show_frame(pd.DataFrame({"region_id": ["1", "2", "3"], "n_cells": [10, 9, 100]}), REGION_COLUMNS)
    view.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    chosen = []
    view.row_chosen.connect(chosen.append)
    view.clicked.emit(view.model().index(0, 0))
    assert chosen == [1]
    view.select(2)
    assert [index.row() for index in view.selectionModel().selectedRows()] == [2]


@pytest.mark.parametrize("dtype", [float, object])
def test_a_gap_sorts_behind_every_number_whichever_way(qtbot, dtype):
    view = FrameView()
    qtbot.addWidget(view)
    ratios = pd.Series([10.0, np.nan, 9.0, np.nan, 100.0, -1.0], dtype=dtype)
    view.show_frame(pd.DataFrame({"rate_ratio": ratios}), REGION_COLUMNS)
    for order, wanted in (
        (Qt.SortOrder.DescendingOrder, ["100", "10", "9.00", "−1.0", "–", "–"]),
        (Qt.SortOrder.AscendingOrder, ["−1.0", "9.00", "10", "100", "–", "–"]),
    ):
        view.sortByColumn(0, order)
        model = view.model()
        assert [model.data(model.index(i, 0)) for i in range(6)] == wanted


def test_what_sums_up_stays_last_however_is_sorted_and_numbers_sort_as_numbers(qtbot):
    view = FrameView()
    qtbot.addWidget(view)
    frame = pd.DataFrame({"region_id": ["1", "2", "10", "rest", "domain"], "area_um2": [5e4, 9e5, 1e5, 3e6, 1e4]})
    view.show_frame(frame, REGION_COLUMNS, 2)
    model = view.model()
    for column, order, wanted in (
        (0, Qt.SortOrder.DescendingOrder, ["10", "2", "1"]),
        (0, Qt.SortOrder.AscendingOrder, ["1", "2", "10"]),
        (1, Qt.SortOrder.DescendingOrder, ["2", "10", "1"]),
        (1, Qt.SortOrder.AscendingOrder, ["1", "10", "2"]),
    ):
        view.sortByColumn(column, order)
        assert [model.index(i, 0).data() for i in range(5)] == [*wanted, "rest", "domain"]
    italic = [model.index(i, 0).data(Qt.ItemDataRole.FontRole) for i in range(5)]
    assert [font is not None and font.italic() for font in italic] == [False, False, False, True, True]


CHOSEN = pd.DataFrame(
    {
        "region_id": ["1", "2", "rest"],
        "kind": ["niche", "niche", "rest"],
        "grade": ["desert", "=1+1", ""],
        "area_um2": [1e5 / 3, 250_000.0, np.nan],
        "rate_ratio": [0.123456789, 0.5, np.nan],
        "rate_ratio_low": [0.1, 0.4, np.nan],
        "rate_ratio_high": [0.2, 0.6, np.nan],
    }
)


@pytest.fixture
def chosen(qtbot) -> FrameView:
    view = FrameView()
    qtbot.addWidget(view)
    view.show_frame(CHOSEN, region_columns(CHOSEN))
    return view


def clipboard() -> str:
    return QGuiApplication.clipboard().text()


def test_copied_rows_are_a_table_with_full_precision_that_runs_nothing(chosen, qtbot):
    chosen.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    chosen.setFocus()
    chosen.selectRow(1)
    chosen.selectionModel().select(chosen.shown.index(2, 0), SELECT_ROW)
    qtbot.keyClick(chosen, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard() == (
        "region_id\tgrade\tarea_um2\trate_ratio\trate_ratio_low\trate_ratio_high\n"
        "2\t'=1+1\t250000.0\t0.5\t0.4\t0.6\n"
        "1\tdesert\t33333.333333333336\t0.123456789\t0.1\t0.2\n"
    )


def test_a_search_and_a_kind_of_rows_leave_what_fits_and_only_that_is_copied(qtbot, chosen):
    search = TableSearch(chosen, "Find", only=("only niches", "kind", "niche"))
    qtbot.addWidget(search)
    search.only.setChecked(True)
    assert chosen.shown.rowCount() == 2
    search.field.setText("DESERT 0.12")
    assert [chosen.shown.index(i, 0).data() for i in range(chosen.shown.rowCount())] == ["1"]
    search.copy.click()
    assert clipboard().count("\n") == 2
    chosen.select_where("region_id", "2")  # is filtered away
    assert not chosen.selectionModel().hasSelection()
    qtbot.keyClick(search.field, Qt.Key.Key_Escape)
    assert chosen.shown.rowCount() == 2


def test_the_arrow_goes_from_the_field_into_the_table(qtbot, chosen):
    search = TableSearch(chosen, "Find", only=("only niches", "kind", "niche"))
    qtbot.addWidget(search)
    seen: list[int] = []
    chosen.row_current.connect(seen.append)
    qtbot.keyClick(search.field, Qt.Key.Key_Down)
    qtbot.keyClick(chosen, Qt.Key.Key_Down)
    assert seen == [0, 1]


def test_every_column_says_what_it_means(regions):
    assert all(column.help for column in (*region_columns(regions), *FURTHER_REGION_COLUMNS, *association_columns({})))
    renamed = regions.rename(columns=lambda name: name.replace("L-Lactate", "kyn_trp"))
    names = {column.key: column.header for column in region_columns(renamed)}
    assert names["log2fc_kyn_trp"] == "Kynurenine / tryptophan\n(log₂ change)"
    scored = regions.rename(columns=lambda name: name.replace("L-Lactate", "axis:arginine"))
    names = {column.key: column.header for column in region_columns(scored)}
    assert names["log2fc_axis:arginine"] == "Arginine axis\n(difference of z)"


def test_a_column_is_brought_forward_and_the_next_one_takes_its_place(chosen):
    def order() -> list[str]:
        header, columns = chosen.horizontalHeader(), chosen.frame_model.columns
        return [columns[header.logicalIndex(i)].key for i in range(len(columns))]

    own = order()
    chosen.bring_forward("rate_ratio", 1)
    assert order()[:3] == ["region_id", "rate_ratio", "grade"]
    chosen.bring_forward("area_um2", 1)
    assert order()[:3] == ["region_id", "area_um2", "grade"]
    chosen.bring_forward("log2fc_nothing", 1)
    assert order() == own
