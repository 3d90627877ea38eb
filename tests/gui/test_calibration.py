"""Recalibration by the first step, and what it shows."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime import pipeline
from napari_metime.gui.views.calibration import CalibrationView
from napari_metime.gui.views.lower_dock import LowerDock
from napari_metime.ims import Recalibration


@pytest.fixture
def found() -> Recalibration:
    nan = float("nan")
    return Recalibration(
        np.array([200.0, 300.0, 400.0]), np.array([3.0, 3.5, 4.0]), np.array([nan, 3.6, 3.4]),
        np.array([nan, 0.1, -0.1]), "row", "a note",
    )  # fmt: skip


def cells(view, row: int) -> list[str]:
    model = view.table.model()
    return [model.data(model.index(row, i)) for i in range(model.columnCount())]


def test_what_was_found_stands_above_what_was_not(qtbot, found):
    view = CalibrationView()
    qtbot.addWidget(view)
    view.show_recalibration(found)
    assert [cells(view, i) for i in range(3)] == [
        ["300.0000", "3.6", "0.10"],
        ["400.0000", "3.4", "−0.10"],
        ["200.0000", "–", "–"],
    ]
    assert view.note.text() == "a note"
    x, y = view._shift.getData()
    assert (x.tolist(), y.tolist()) == ([0, 1, 2], [3.0, 3.5, 4.0])


@pytest.fixture
def opened(dock, recipe_path, settle):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    return dock


def test_the_first_step_corrects_and_tells(opened, click, qtbot):
    lower = LowerDock(opened.bench)
    qtbot.addWidget(lower)
    assert not lower.calibration.isVisibleTo(lower._pages["Calibration"])  # words
    dataset = opened.session.value("data").dataset
    mz, intensity = pipeline.pixel_spectrum(dataset, 12, 12)
    locks = tuple(float(round(m, 4)) for m in np.sort(mz[np.argsort(intensity)[::-1][:8]]))
    rows = opened.panels["data"].forms[1]
    assert rows.editors["ims", "lock_mz"].widget().isHidden()
    opened.session.put("ims", "recalibrate", "file")
    assert not rows.editors["ims", "lock_mz"].widget().isHidden()
    opened.session.put("ims", "lock_mz", locks)
    assert opened.session.state("data") == "stale"
    click(opened, "data")
    made = opened.session.value("data").recalibration
    assert made.lock_mz.tolist() == list(locks)
    assert opened.session.value("data").dataset.mz_scale is not None
    assert made.note.rstrip(".") in opened.panels["data"].result.text()
    assert lower.calibration.isVisibleTo(lower._pages["Calibration"])
    assert lower.calibration.table.model().rowCount() == len(locks)
    opened.session.put("ims", "recalibrate", "none")
    click(opened, "data")
    assert not lower.calibration.isVisibleTo(lower._pages["Calibration"])


@pytest.mark.parametrize(("key", "value"), [("plane", 7), ("lock_mz", (-1.0,))])
def test_a_wrong_setting_of_the_first_step_is_told(opened, settle, key, value):
    opened.session.put("ims", "recalibrate", "file")
    opened.session.put("ims", key, value)
    opened.panels["data"].primary.click()
    settle(opened)
    assert opened.session.error("data")


def test_each_normalisation_asks_for_what_it_needs(opened):
    form = opened.panels["metabolites"].forms[0]

    def shown() -> list[str]:
        keys = ("reference_mz", "normalize_table")
        return [key for key in keys if not form.editors["ims", key].widget().isHidden()]

    assert shown() == []
    opened.session.put("ims", "normalize", "reference")
    assert shown() == ["reference_mz"]
    opened.session.put("ims", "normalize", "table")
    assert shown() == ["normalize_table"]
