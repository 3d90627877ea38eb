"""One niche and one channel are in hand, wherever they were chosen, and everything points at them."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF, Qt

from napari_metime import pipeline
from napari_metime.gui.dock import StepperDock
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.cell_layers import OUTSIDE_OPACITY
from napari_metime.gui.views.lower_dock import LATER, LowerDock
from napari_metime.gui.views.metabolite_model import ENTRY_ROLE

CHANNEL = "L-Lactate"


@pytest.fixture
def lower(dock: StepperDock, recipe, result, qtbot) -> LowerDock:
    dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    lower = LowerDock(dock.bench)
    qtbot.addWidget(lower)
    lower.resize(700, 320)
    lower.show()
    return lower


class Click:
    """What pyqtgraph hands over for a left click at a place of a plot."""

    def __init__(self, plot, x: float, y: float) -> None:
        self._place = plot.getPlotItem().getViewBox().mapViewToScene(QPointF(x, y))

    def button(self) -> Qt.MouseButton:
        return Qt.MouseButton.LeftButton

    def scenePos(self) -> QPointF:
        return self._place

    def isAccepted(self) -> bool:
        return False

    def double(self) -> bool:
        return False


def place_in_niche(lower: LowerDock) -> tuple[float, float]:
    labels = lower.session.value("niches").map.labels
    height, width = lower.session.value("data").dataset.grid.spacing_um
    row, col = np.argwhere(labels == 1)[0]
    return float(row * height), float(col * width)


def by_canvas(lower: LowerDock) -> None:
    lower.pick(*place_in_niche(lower))


def by_row(lower: LowerDock) -> None:
    lower.niches.table.clicked.emit(lower.niches.table.model().index(0, 0))


def by_curve(lower: LowerDock) -> None:
    lower.tabs.setCurrentWidget(lower._pages["Gradient"])
    curve = lower.gradients._curves[0]
    i = int(np.flatnonzero(np.isfinite(curve.value))[0])
    lower.gradients._on_click(Click(lower.gradients.plot, curve.at_um[i], curve.value[i]))


def by_number(lower: LowerDock) -> None:
    layer = layers.find(lower.bench.viewer, "niche numbers")
    layer.selected_data = set()
    layer.selected_data = {0}


def by_cell(lower: LowerDock) -> None:
    layer, cells = layers.find(lower.bench.viewer, "cells"), lower.session.value("niches").cells
    wanted = cells.loc[cells["region_id"] == 1, "cell_id"].iloc[0]
    layer.selected_data = set(np.flatnonzero(layer.features["cell_id"] == wanted).tolist())


def rows_of(view) -> list[int]:
    return [index.row() for index in view.selectionModel().selectedRows()]


def test_a_niche_chosen_anywhere_is_in_hand_everywhere(lower, qtbot, monkeypatch):
    monkeypatch.setattr(layers, "fly_to_niche", lambda *_: None)  # there is no canvas here
    selection, told = lower.bench.selection, []
    selection.niche_changed.connect(told.append)
    for choose in (by_canvas, by_row, by_curve, by_number, by_cell):
        choose(lower)
        assert told == [1], choose.__name__
        assert rows_of(lower.niches.table) == [0]
        assert lower.gradients._niche == "1"
        assert layers.find(lower.bench.viewer, "niches").metadata["selected"] == 1
        assert "iche 1" in lower.reading.text()
        if choose is not by_canvas:  # that shows the spectrum of the pixel
            qtbot.waitUntil(lambda: lower.bench.spectra.overlay_title.startswith("niche 1 · "))
        lower.bench.spectra.clear_overlay()
        selection.choose_niche(0)
        assert rows_of(lower.niches.table) == []
        told.clear()


def test_the_number_of_the_niche_in_hand_shows_its_spectrum_once_more(lower, qtbot):
    by_canvas(lower)
    lower.bench.spectra.clear_overlay()
    by_number(lower)
    qtbot.waitUntil(lambda: lower.bench.spectra.overlay_title.startswith("niche 1 · "))


def test_the_box_of_the_m_z_follows_the_channel_in_hand(lower):
    bar, selection = lower.spectrum.bar, lower.bench.selection
    selection.choose_channel(CHANNEL)
    assert bar.mz.value() == pytest.approx(selection.mz_of(CHANNEL), abs=1e-4)
    assert bar.slider.value() > 0
    selection.choose_channel("kyn_trp")  # a ratio has none, and no ion is in sight
    assert bar.mz.text() == "choose"


def test_a_place_outside_every_niche_leaves_none_in_hand(lower):
    by_number(lower)
    labels = lower.session.value("niches").map.labels
    height, width = lower.session.value("data").dataset.grid.spacing_um
    row, col = np.argwhere(labels == 0)[0]
    lower.pick(row * height, col * width)
    assert lower.bench.selection.niche == 0
    assert rows_of(lower.niches.table) == []
    lower.bench.selection.choose_niche(77)
    assert lower.bench.selection.niche == 0


def test_the_cells_of_the_niche_in_hand_stand_out_and_over_a_map_the_many_make_room(lower):
    viewer, found = lower.bench.viewer, lower.session.value("niches")
    layer, role = layers.find(viewer, "cells"), layers.find(viewer, "cells").features["role"].astype(str)
    few = role.isin(["effector", "suppressor"]).to_numpy()
    before = layer.metadata["colours"][:, 3]
    assert layers.find(viewer, "coldness").visible
    assert np.allclose(layer.face_color[:, 3], np.where(few, before, 0))
    by_number(lower)
    inside = layer.features["cell_id"].isin(found.cells.loc[found.cells["region_id"] == 1, "cell_id"]).to_numpy()
    assert inside.sum() == found.regions["n_cells"].iloc[0]
    assert np.allclose(layer.face_color[:, 3], np.where(inside, before, np.where(few, OUTSIDE_OPACITY * before, 0)))
    lower.bench.selection.choose_niche(0)
    layers.find(viewer, "coldness").visible = False  # as by the eye in napari's list
    assert np.allclose(layer.face_color[:, 3], before)


def test_a_program_that_ends_with_its_window_open_ends_without_an_error(lower, qapp):
    """Qt then takes the timer away before the selection is told to close."""
    timer = lower.bench.selection._look
    timer.deleteLater()
    qapp.sendPostedEvents(timer, QEvent.Type.DeferredDelete)
    lower.bench.selection.close()


def by_metabolite(lower: LowerDock) -> None:
    lower.metabolites.table.clicked.emit(index_of(lower))


def by_point(lower: LowerDock) -> None:
    points = lower.associations.volcano.points
    points.sigClicked.emit(points, [p for p in points.points() if p.data()["channel"] == CHANNEL], None)


def by_bar(lower: LowerDock) -> None:
    lower.associations.bars._on_row(lower.associations.bars.names.index(CHANNEL))


def by_chooser(lower: LowerDock) -> None:
    at = lower.gradients.choice.findData(f"mean_{CHANNEL}")
    lower.gradients.choice.setCurrentIndex(at)
    lower.gradients.choice.activated.emit(at)


def by_tick(lower: LowerDock) -> None:
    lower.spectrum.plot.channel_chosen.emit(CHANNEL)


def by_peak(lower: LowerDock) -> None:
    lower.spectrum.plot.mz_chosen.emit(lower.bench.selection.mz_of(CHANNEL) * (1 + 1e-6))


def by_layer(lower: LowerDock) -> None:
    viewer = lower.bench.viewer
    layers.show_channel(viewer, lower.session, CHANNEL)
    viewer.layers.selection.active = layers.find(viewer, "channel", CHANNEL)


def index_of(lower: LowerDock):
    table = lower.metabolites.table
    return table.shown.mapFromSource(table.entries.index_of(CHANNEL))


def test_a_channel_chosen_anywhere_is_in_hand_everywhere(lower, qtbot):
    viewer, selection, told = lower.bench.viewer, lower.bench.selection, []
    selection.channel_changed.connect(told.append)
    for choose in (by_metabolite, by_point, by_bar, by_chooser, by_tick, by_layer, by_peak):
        choose(lower)
        qtbot.waitUntil(lambda: selection.channel == CHANNEL)
        qtbot.wait(20)  # what napari tells of its layers comes a turn later
        assert told == [CHANNEL], choose.__name__
        assert lower.metabolites.table.currentIndex().data(ENTRY_ROLE).channel == CHANNEL
        (row,) = rows_of(lower.associations.table)
        assert lower.associations.table.shown.index(row, 0).data() == CHANNEL
        assert lower.gradients.choice.currentData() == f"mean_{CHANNEL}"
        assert lower.spectrum.plot._chosen == (CHANNEL, selection.mz_of(CHANNEL))
        assert len(lower.associations.volcano.ring.points()) == 1
        if choose is not by_peak:  # a peak has the image of its own ion
            shown = layers.find(viewer, "channel", CHANNEL)
            assert shown.visible
            assert viewer.layers.selection.active is shown
            viewer.layers.remove(shown)
        selection.choose_channel("")
        assert not lower.metabolites.table.selectionModel().hasSelection()
        qtbot.wait(20)
        told.clear()


def test_an_ion_that_no_channel_is_of_leaves_none_in_hand(lower):
    by_tick(lower)
    low, high = lower.session.value("data").dataset.mz_range
    lower.bench.ions.show((low + high) / 2 + 0.4321)
    assert lower.bench.selection.channel == ""
    assert not lower.metabolites.table.selectionModel().hasSelection()
    assert rows_of(lower.associations.table) == []
    assert lower.spectrum.plot._chosen is None


def test_a_tool_in_the_hand_stays_there(lower):
    viewer = lower.bench.viewer
    painted = layers.find(viewer, "tissue")
    layers.start_painting(viewer, painted, "paint")
    by_tick(lower)
    assert viewer.layers.selection.active is painted


def test_a_dock_that_is_opened_again_points_at_what_is_in_hand(lower, qtbot):
    by_tick(lower)
    by_number(lower)
    again = LowerDock(lower.bench)
    qtbot.addWidget(again)
    assert rows_of(again.niches.table) == [0]
    assert again.metabolites.table.currentIndex().data(ENTRY_ROLE).channel == CHANNEL


def test_tabs_that_nobody_looks_at_are_filled_by_and_by(lower, qtbot):
    again = LowerDock(lower.bench)
    qtbot.addWidget(again)
    assert not any(map(again._is_filled, LATER))
    qtbot.waitUntil(lambda: all(map(again._is_filled, LATER)))
    assert again.tabs.currentWidget() is again._pages["Niches"]
    assert again._pages["Niches"].currentWidget() is again.niches
    again.bench.clear()  # words stand there at once
    assert again._pages["Niches"].currentWidget() is not again._views["Niches"]


def test_a_tab_that_is_looked_at_is_filled_at_once(lower, qtbot):
    again = LowerDock(lower.bench)
    qtbot.addWidget(again)
    again.tabs.setCurrentWidget(again._pages["Gradient"])
    assert [name for name in LATER if again._is_filled(name)] == ["Gradient"]
    assert len(again.gradients._curves) == 1


def test_another_section_lets_go_of_both(lower):
    by_tick(lower)
    by_number(lower)
    lower.bench.clear()
    assert (lower.bench.selection.niche, lower.bench.selection.channel) == (0, "")
