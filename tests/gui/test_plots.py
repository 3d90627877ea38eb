"""Plots tell what is below the mouse, and are saved from their buttons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPointF
from qtpy.QtWidgets import QFileDialog

from napari_metime import pipeline
from napari_metime.gui.views.gradient_plot import NICHE_BORDER, TUMOUR_MARGIN, GradientPlot
from napari_metime.gui.views.lower_dock import LowerDock
from napari_metime.gui.views.naming import freest_corner
from napari_metime.gui.views.plots import new_plot
from napari_metime.gui.views.spectrum_plot import SpectrumPlot
from napari_metime.gui.views.sticks import Sticks


def scene_place(plot, x: float, y: float) -> QPointF:
    return plot.getPlotItem().getViewBox().mapViewToScene(QPointF(x, y))


@pytest.fixture
def gradients(qtbot) -> GradientPlot:
    plot = GradientPlot()
    qtbot.addWidget(plot)
    frame = pd.DataFrame(
        {
            "region_id": ["1", "1", "2", "2"],
            "band_low_um": [-50.0, 0.0, -50.0, 0.0],
            "band_high_um": [0.0, 50.0, 0.0, 50.0],
            "density_effector_per_mm2": [10.0, 200.0, 400.0, np.nan],
            "density_effector_per_mm2_low": [5.0, 150.0, 350.0, np.nan],
            "density_effector_per_mm2_high": [15.0, 250.0, np.nan, np.nan],
            "mean_kyn_trp": [1.0, 2.0, 3.0, 4.0],
            "mean_kyn_trp_low": [0.0, 1.0, 2.0, 3.0],
            "mean_kyn_trp_high": [2.0, 3.0, 4.0, 5.0],
        }
    )
    plot.resize(640, 280)
    plot.show()
    plot.show_gradients(frame, {"1": "desert", "2": "excluded"}, pd.DataFrame(), {"kyn_trp": "log₂ ratio"})
    qtbot.waitUntil(lambda: plot.plot.getPlotItem().getViewBox().width() > 300)
    return plot


def test_a_point_of_a_curve_is_told_with_value_limits_and_distance(gradients):
    told: list[str] = []
    gradients.told.connect(told.append)
    gradients._on_moved(scene_place(gradients.plot, 25.0, 200.0))
    gradients._on_moved(scene_place(gradients.plot, -25.0, 400.0))
    gradients._on_moved(scene_place(gradients.plot, 0.0, 300.0))  # far from every point
    assert told == [
        "25 µm outside the border of niche 1: Effectors per mm²: 200 (150 to 250)",
        "25 µm inside the border of niche 2: Effectors per mm²: 400",
        "",
    ]


def test_channels_are_named_for_a_reader_with_their_unit(gradients):
    assert gradients.choice.itemText(1) == "Kynurenine / tryptophan (log₂ ratio)"
    gradients.show_channel("kyn_trp")
    plot = gradients.shown_plot()
    assert plot.table["mean_kyn_trp"].tolist() == [1.0, 2.0, 3.0, 4.0]
    gradients.border.setCurrentText(TUMOUR_MARGIN)  # of which there are no bands
    assert gradients.shown_plot() is None
    gradients.save.click()  # so nothing is asked


def test_the_border_of_a_niche_is_shown_once_there_is_one_and_all_tissue_has_its_own(gradients):
    frames, grades = gradients._frames, gradients._grades
    margin = frames[NICHE_BORDER].assign(region_id="domain")
    gradients.show_gradients(pd.DataFrame(), {}, margin, domain="tissue")
    assert gradients.border.currentText() == "tissue border"
    axis = gradients.plot.getPlotItem().getAxis("bottom")
    assert axis.labelText == "distance from the tissue border (µm), negative inside"
    gradients.show_gradients(frames[NICHE_BORDER], grades, margin)
    assert gradients.border.currentText() == NICHE_BORDER
    gradients.border.setCurrentText(TUMOUR_MARGIN)
    gradients.mark_niche(2)
    assert gradients.border.currentText() == NICHE_BORDER


def test_a_legend_stands_where_it_covers_least(gradients):
    along = np.linspace(0, 1, 50)
    corners = {name: freest_corner(np.column_stack([along, y]), (0.3, 0.3)) for name, y in (
        ("rises", 1 - along), ("falls", along), ("high", 0 * along), ("rises and stays", np.maximum(1 - 3 * along, 0)),
    )}  # fmt: skip
    assert corners == {"rises": (1, 1), "falls": (1, 0), "high": (1, 1), "rises and stays": (1, 1)}
    gradients.mark_niche(1)
    assert gradients._legend.isVisible()


def test_the_other_curves_fade_while_a_niche_is_in_hand(gradients):
    gradients.mark_niche(2)
    opaque = [item.opts["pen"].color().alpha() for item in gradients.plot.plotItem.listDataItems() if item.name()]
    widths = [item.opts["pen"].widthF() for item in gradients.plot.plotItem.listDataItems() if item.name()]
    assert 128 < opaque[0] < opaque[1] == 255  # fainter, but still to be read
    assert widths[0] < widths[1]


def test_of_many_niches_the_legend_names_each_grade_and_the_one_in_hand(gradients):
    rows = gradients._frames[NICHE_BORDER]
    frame = pd.concat([rows[rows["region_id"] == "1"].assign(region_id=str(i + 1)) for i in range(40)])
    gradients.show_gradients(frame, {str(i + 1): "desert" if i % 4 else "mixed" for i in range(40)}, pd.DataFrame())
    gradients.mark_niche(7)
    named = [item.name() for item in gradients.plot.plotItem.listDataItems() if item.name()]
    assert named == ["10 mixed", "29 desert", "Niche 7 (desert)"]
    assert len(gradients._curves) == 40


def test_a_stick_is_told_with_its_intensities(qtbot):
    plot = SpectrumPlot()
    qtbot.addWidget(plot)
    plot.resize(600, 200)
    plot.show()
    plot.show_mean(Sticks.of(np.array([100.0, 200.0]), np.array([5.0, 80.0])), Sticks.of(np.empty(0), np.empty(0)))
    plot.mark_ions({"kyn_trp": 200.0003}, 5.0)
    plot.show_overlay(Sticks.of(np.array([200.0]), np.array([1234.5])))
    qtbot.waitUntil(lambda: plot.view.width() > 400)
    told: list[str] = []
    plot.told.connect(told.append)
    plot._on_moved(scene_place(plot.plot, 200.0, 1.0))
    plot._on_moved(scene_place(plot.plot, 150.0, 1.0))
    words = "Kynurenine / tryptophan, m/z 200.0000: intensity 1,234 (here), 80.0 (mean of the section)"
    assert told == [f"{words}; click to show where it is", ""]


def test_axes_have_a_true_minus(qtbot):
    plot = new_plot("x", "y", name="A plot")
    qtbot.addWidget(plot)
    assert plot.getPlotItem().getAxis("left").tickStrings([-1.0, 0.0], 1.0, 1.0) == ["−1", "0"]
    assert plot.accessibleName() == "A plot"


@pytest.fixture
def lower(dock, recipe, result, qtbot) -> LowerDock:
    dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    lower = LowerDock(dock.bench)
    qtbot.addWidget(lower)
    return lower


def test_each_plot_is_saved_and_told_where_to_and_why_not(lower, result, qtbot, tmp_path, monkeypatch):
    answers: list[tuple[str, str]] = []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: answers.pop())

    def save(view, path, chosen: str = "PNG (*.png)") -> None:
        answers.append((str(path), chosen))
        view.save.click()
        qtbot.waitUntil(lambda: not lower._saver._latest.is_working, timeout=20_000)

    save(lower.gradients, tmp_path / "a.csv")
    key = lower.gradients.choice.currentData()
    written = pd.read_csv(tmp_path / "a.csv")
    assert np.allclose(written[key], result.niches.gradients[key], equal_nan=True)
    assert lower.reading.text() == f"Written to {tmp_path / 'a.csv'}"
    save(lower.associations, tmp_path / "volcano", "SVG (*.svg)")  # the ending is that of the chosen kind
    assert (tmp_path / "volcano.svg").read_text().startswith("<?xml")
    lower.associations.plot.setCurrentIndex(1)
    save(lower.associations, tmp_path / "bars.csv")
    names = [name for name in lower.associations.bars.names if name]
    assert pd.read_csv(tmp_path / "bars.csv")["channel"].tolist() == names
    qtbot.waitUntil(lambda: lower.bench.spectra.mean.mz.size > 0)
    save(lower.spectrum, tmp_path / "nowhere" / "s.png")
    assert lower.reading.text().startswith("✕ expected")
    answers.append(("", ""))
    lower.spectrum.save.click()  # given up
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "bars.csv", "volcano.svg"]


def test_every_control_has_a_name_and_no_tab_is_cut_off(lower):
    lower.finish()
    for kind in ("QLineEdit", "QComboBox", "QTableView", "QTreeView", "QPlainTextEdit", "QAbstractSpinBox"):
        for widget in lower.findChildren(getattr(__import__("qtpy.QtWidgets", fromlist=[kind]), kind)):
            if not widget.objectName().startswith("qt_"):
                assert widget.accessibleName(), widget
    assert lower.minimumSizeHint().width() <= 560
    assert [lower.tabs.tabText(i) for i in range(lower.tabs.count())] == [
        "Spectrum", "Calibration", "Metabolites", "Niches", "Gradient", "Association", "Log",
    ]  # fmt: skip
