from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_metime.gui.tables import REGION_COLUMNS, FrameView, region_columns, region_frame


@pytest.fixture
def regions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "region_id": ["1", "rest"],
            "grade": ["desert", ""],
            "area_um2": [250_000.0, 3_000_000.0],
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
    view.show_frame(region_frame(regions), region_columns(regions))
    shown = texts(view, 0)
    assert (shown["Area (mm²)"], shown["Cells"], shown["Rate ratio †"]) == ("0.25", "1,234", "0.12")
    assert (shown["95 % interval"], shown["log₂ L-Lactate"]) == ("0.10 to 0.20", "−0.50")
    assert texts(view, 1)["Rate ratio †"] == "–"


def test_what_regions_were_chosen_by_is_marked_in_the_header(regions):
    known = {"p_region": [0.001, np.nan], "stability": [0.8, np.nan], "suppressed": ["true", None]}
    table = regions.assign(**known, called_share=np.nan)
    headers = {column.key: column for column in region_columns(table)}
    for key in ("suppressed", "rate_ratio", "p_region", "stability"):
        assert headers[key].header.endswith(" †")
        assert headers[key].help.endswith("do not test it again.")
    for key in ("area_um2", "n_cells", "log2fc_L-Lactate"):
        assert "†" not in headers[key].header
    assert "called_share" not in headers  # nothing was redrawn


def test_a_click_on_a_sorted_table_chooses_the_right_row(qtbot):
    view = FrameView(sortable=True)
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
def test_a_gap_sorts_below_every_number(qtbot, dtype):
    view = FrameView(sortable=True)
    qtbot.addWidget(view)
    ratios = pd.Series([10.0, np.nan, 9.0, np.nan, 100.0, -1.0], dtype=dtype)
    view.show_frame(pd.DataFrame({"rate_ratio": ratios}), REGION_COLUMNS)
    for order, wanted in (
        (Qt.SortOrder.DescendingOrder, ["100", "10", "9.0", "−1.0", "–", "–"]),
        (Qt.SortOrder.AscendingOrder, ["–", "–", "−1.0", "9.0", "10", "100"]),
    ):
        view.sortByColumn(0, order)
        model = view.model()
        assert [model.data(model.index(i, 0)) for i in range(6)] == wanted
