"""What needs napari's real window."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.colormaps.standardize_color import transform_color
from npe2 import PluginManifest
from qtpy.QtCore import QPoint, QPointF, Qt

import napari_metime
from napari_metime import pipeline
from napari_metime.gui import hooks
from napari_metime.gui.dock import MIN_WIDTH, StepperDock, show_lower_dock, show_stepper
from napari_metime.gui.layers import layers
from napari_metime.gui.running import indexing
from napari_metime.gui.running.bench import bench_of
from napari_metime.gui.state.pairs import Pairs
from napari_metime.gui.views.gradient_plot import NICHE_BORDER, TUMOUR_MARGIN
from napari_metime.gui.views.lower_dock import LowerDock
from napari_metime.gui.views.metabolite_model import ENTRY_ROLE
from napari_metime.gui.widgets.colours import LANDMARK_COLOURS
from napari_metime.gui.widgets.style import colours_of

on_screen = pytest.mark.skipif(
    os.name == "posix" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")),
    reason="a real window needs a screen; run under Xvfb",
)


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def finished(viewer, recipe, result) -> tuple[StepperDock, LowerDock]:
    dock = show_stepper(viewer)
    dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    show_lower_dock(dock.bench)
    return dock, docks(viewer, LowerDock)[0]


def docks(viewer, kind):
    return [widget for widget in viewer.window.dock_widgets.values() if isinstance(widget, kind)]


def step_threads():
    return [thread for thread in threading.enumerate() if thread.name == "napari-metime step"]


def wait_for_cancel(started: threading.Event):
    def find_tissue(dataset, tissue, *, on_progress, **_):
        while True:
            on_progress(0.5, "half way")
            started.set()

    return find_tissue


@on_screen
def test_reading_both_files_gives_one_dataset_in_one_dock(viewer, recipe, settle, qtbot):
    for path in (recipe.ims.path, recipe.ims.path.with_suffix(".ibd")):
        reader = hooks.get_reader(str(path))
        assert reader is not None
        assert reader(str(path)) == [(None,)]
    (dock,) = docks(viewer, StepperDock)
    settle(dock)
    assert [layer.name for layer in viewer.layers] == ["TIC"]
    qtbot.waitUntil(lambda: len(docks(viewer, LowerDock)) == 1)


@on_screen
def test_the_sample_comes_with_its_settings(viewer, recipe_path, recipe, settle, monkeypatch):
    monkeypatch.setattr("napari_metime.sample.sample_recipe", lambda *, on_progress: recipe_path)
    for data, meta, kind in hooks.open_sample():
        viewer._add_layer_from_data(data, meta, kind)
    (dock,) = docks(viewer, StepperDock)
    settle(dock)
    assert [layer.name for layer in viewer.layers] == ["TIC"]
    assert dock.session.recipe() == recipe
    assert dock.session.state("cells") == "ready"


@pytest.fixture
def plugin(npe2pm):
    """The package as napari knows it, installed or not."""
    manifest = PluginManifest.from_file(Path(napari_metime.__file__).with_name("napari.yaml"))
    with npe2pm.tmp_plugin(manifest):
        yield manifest


@on_screen
def test_napari_opens_dropped_files_and_its_menu_finds_the_same_dock(viewer, plugin, recipe, settle):
    both = [str(recipe.ims.path), str(recipe.ims.path.with_suffix(".ibd"))]
    viewer.open(both, plugin=plugin.name)
    (dock,) = docks(viewer, StepperDock)
    settle(dock)
    assert [layer.name for layer in viewer.layers] == ["TIC"]
    assert viewer.window.add_plugin_dock_widget(plugin.name)[1] is dock


@on_screen
def test_closing_the_viewer_in_a_run_leaves_no_thread(viewer, recipe_path, settle, monkeypatch):
    dock, started = show_stepper(viewer), threading.Event()
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    monkeypatch.setattr(pipeline, "find_tissue", wait_for_cancel(started))
    dock.panels["tissue"].primary.click()
    assert started.wait(10)
    viewer.close()
    assert step_threads() == []


@on_screen
def test_closing_the_dock_in_a_run_stops_it_and_keeps_the_session(viewer, recipe_path, settle, monkeypatch):
    dock, started = show_stepper(viewer), threading.Event()
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    monkeypatch.setattr(pipeline, "find_tissue", wait_for_cancel(started))
    dock.panels["tissue"].primary.click()
    assert started.wait(10)
    viewer.window.remove_dock_widget(dock)
    assert step_threads() == []
    again = show_stepper(viewer)
    assert again is not dock
    assert again.session.state("data") == "done"
    assert again.session.state("tissue") == "ready"


@on_screen
def test_a_row_flies_to_its_niche_and_a_click_selects_its_row(finished, viewer):
    _, lower = finished
    row = lower.niches.table.frame_model.frame.iloc[0]
    assert row["kind"] == "niche"
    lower.niches.table.clicked.emit(lower.niches.table.model().index(0, 0))
    centre = (row["centroid_y_um"], row["centroid_x_um"])
    assert viewer.scene.camera.center[-2:] == pytest.approx(centre)
    assert layers.find(viewer, "niches").metadata["selected"] == 1
    lower.bench.selection.choose_niche(0)
    assert not lower.niches.table.selectionModel().hasSelection()
    labels = lower.session.value("niches").map.labels
    height, width = lower.session.value("data").dataset.grid.spacing_um
    y, x = np.argwhere(labels == 1)[0]
    lower.pick(y * height, x * width)
    assert [index.row() for index in lower.niches.table.selectionModel().selectedRows()] == [0]


@on_screen
def test_a_picked_pixel_shows_its_spectrum_and_its_named_ions(finished, recipe):
    _, lower = finished
    dataset = lower.session.value("data").dataset
    lower.pick(10 * dataset.grid.spacing_um[0], 12 * dataset.grid.spacing_um[1])
    mz, _ = pipeline.pixel_spectrum(dataset, 10, 12)
    assert lower.spectrum.overlay_title.text() == f"pixel row 10, column 12 · {mz.size:,} points"
    plot = lower.spectrum.plot
    plot.view.setXRange(mz[3] - 0.01, mz[5] + 0.01, padding=0)
    x, _ = plot._overlay.getData()
    assert np.array_equal(np.unique(x), mz[3:6])


@on_screen
def test_a_click_on_a_stick_shows_where_its_ion_is(finished, viewer, qtbot):
    dock, lower = finished
    qtbot.waitUntil(lambda: dock.bench.spectra.mean.mz.size > 0)
    plot, peaks = lower.spectrum.plot, dock.bench.spectra.peaks
    mz = float(peaks.mz[peaks.intensity.argmax()])
    place = plot.plot.mapFromScene(plot.view.mapViewToScene(QPointF(mz, peaks.intensity.max() / 2)))
    with qtbot.waitSignal(dock.bench.ions.landed, timeout=240_000):
        qtbot.mouseClick(plot.plot.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert dock.bench.ions.window.mz == mz
    assert lower.spectrum.bar.mz.value() == pytest.approx(mz, abs=1e-4)
    assert layers.find(viewer, "ion", "one").visible
    assert [region.getRegion() for region in plot._windows] == [pytest.approx((mz * (1 - 5e-6), mz * (1 + 5e-6)))]


@on_screen
def test_a_niche_lies_over_the_mean_by_its_row_and_by_its_number(finished, viewer, qtbot):
    dock, lower = finished
    spectra = dock.bench.spectra
    lower.niches.table.clicked.emit(lower.niches.table.model().index(0, 0))
    qtbot.waitUntil(lambda: spectra.overlay_title.startswith("niche 1 · "))
    assert lower.spectrum.compare.currentText() == "with niche 1"
    lower.spectrum.compare.setCurrentIndex(0)
    lower.spectrum.compare.activated.emit(0)
    assert spectra.overlay.mz.size == 0
    layers.find(viewer, "niche numbers").selected_data = {0}
    qtbot.waitUntil(lambda: spectra.overlay_title.startswith("niche 1 · "))


@on_screen
def test_closing_the_viewer_while_indexing_leaves_no_thread_and_no_file(viewer, recipe, settle, tmp_path, monkeypatch):
    for ending in (".imzML", ".ibd"):
        (tmp_path / f"own{ending}").write_bytes(recipe.ims.path.with_suffix(ending).read_bytes())
    dock, started = show_stepper(viewer), threading.Event()
    dock.bench.arrivals.open_path(tmp_path / "own.imzML")
    settle(dock)
    build = indexing.build_index

    def slow(dataset, *, on_progress):
        def report(fraction, text):
            started.set()
            while fraction > 0:
                on_progress(fraction, text)

        return build(dataset, on_progress=report)

    monkeypatch.setattr(indexing, "build_index", slow)
    dock.bench.indexing.build()
    assert started.wait(10)
    viewer.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("napari-metime")]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["own.ibd", "own.imzML"]


def click_canvas(viewer, qtbot, y_um: float, x_um: float) -> None:
    native, camera = viewer.window._qt_viewer.canvas.native, viewer.scene.camera
    height, width = viewer.canvas.size
    centre_y, centre_x = camera.center[-2:]
    place = QPoint(
        round(width / 2 + (x_um - centre_x) * camera.zoom), round(height / 2 + (y_um - centre_y) * camera.zoom)
    )
    qtbot.mouseMove(native, place)
    qtbot.mouseClick(native, Qt.MouseButton.LeftButton, pos=place)


@on_screen
def test_clicks_on_the_canvas_set_a_pair_and_undo_by_key_takes_it_back(finished, viewer, qtbot):
    dock, _ = finished
    landmarks = dock.session.pairs.landmarks
    dock.session.set_pairs(Pairs())
    dock.panels["align"].block.add.click()
    source, target = landmarks[0, :2], landmarks[0, 2:]
    x_um, y_um = dock.bench.landmarking._rough.to_section(source[:1], source[1:])
    click_canvas(viewer, qtbot, target[1], target[0])
    click_canvas(viewer, qtbot, y_um[0], x_um[0])
    pixel_um = 1 / viewer.scene.camera.zoom
    (pair,) = dock.session.pairs.placed
    assert pair[2:] == pytest.approx(target, abs=2 * pixel_um)
    placed = dock.bench.landmarking._rough.to_section(np.array(pair[:1]), np.array(pair[1:2]))
    assert (placed[0][0], placed[1][0]) == pytest.approx((x_um[0], y_um[0]), abs=2 * pixel_um)
    assert not any(layer.editable for layer in viewer.layers if layer.name.startswith("landmarks"))
    qtbot.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert dock.session.pairs.placed == ()


@on_screen
def test_landmarks_follow_the_theme_before_and_after_there_are_any(finished, viewer):
    dock, _ = finished
    known = dock.session.pairs.placed
    dock.panels["align"].block.add.click()
    dock.bench.landmarking.change(Pairs())
    for theme, pairs in (("light", ()), ("dark", known[:2]), ("light", known[:2]), ("dark", ())):
        viewer.theme = theme
        dock.bench.landmarking.change(Pairs(pairs))
        for which, colour in LANDMARK_COLOURS[theme].items():
            layer = layers.find(viewer, "landmarks", which)
            assert len(layer.data) == len(pairs)
            assert np.allclose(layer.border_color, transform_color(colour))


@on_screen
def test_an_outline_clicked_on_the_canvas_is_left_out(finished, viewer, qtbot):
    dock, _ = finished
    viewer.reset_view()
    dock.panels["tissue"].draw.click()
    rows, cols = dock.session.value("tissue").mask.shape
    height, width = dock.session.value("data").dataset.grid.spacing_um
    corners = [(0.3, 0.3), (0.3, 0.6), (0.6, 0.6), (0.6, 0.3)]
    for y, x in corners:
        click_canvas(viewer, qtbot, y * rows * height, x * cols * width)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.mapFromGlobal(canvas.cursor().pos()))
    qtbot.waitUntil(lambda: bool(dock.session.left_out_mask.any()), timeout=5000)
    assert dock.session.left_out_mask[int(0.45 * rows), int(0.45 * cols)]
    assert not dock.session.value("tissue").mask[int(0.45 * rows), int(0.45 * cols)]


@on_screen
def test_cells_that_napari_opens_go_to_step_4_and_add_no_layer(viewer, plugin, recipe, settle):
    viewer.open(str(recipe.cells.path), plugin=plugin.name)
    (dock,) = docks(viewer, StepperDock)
    settle(dock)
    assert dock.panels["cells"].is_open
    assert dock.session.get("cells", "path") == recipe.cells.path
    assert dock.panels["cells"].note.text().startswith("Recognised: ")
    assert len(viewer.layers) == 0


@on_screen
def test_closing_the_dock_while_pairs_are_set_leaves_no_layer_of_it(finished, viewer):
    dock, _ = finished
    dock.panels["align"].block.add.click()
    assert layers.find(viewer, "cells to align") is not None
    viewer.window.remove_dock_widget(dock)
    assert layers.find(viewer, "cells to align") is None
    assert layers.find(viewer, "cells").visible
    assert not dock.session.is_placing


@on_screen
def test_the_spectrum_and_its_controls_fit_a_small_dock(finished):
    _, lower = finished
    assert lower.minimumSizeHint().height() <= 300
    assert lower.minimumSizeHint().width() <= 560


@on_screen
def test_a_metabolite_row_shows_its_image(finished, viewer):
    _, lower = finished
    table = lower.metabolites.table
    table.select("L-Lactate")
    table.clicked.emit(table.currentIndex())
    assert layers.find(viewer, "channel", "L-Lactate").visible


@on_screen
def test_a_channel_of_the_associations_is_shown_everywhere(finished, viewer):
    _, lower = finished
    view, name = lower.associations, "L-Lactate"
    view.channel_chosen.emit(name)
    assert layers.find(viewer, "channel", name).visible
    assert not layers.find(viewer, "coldness").visible
    (index,) = view.table.selectionModel().selectedRows()
    row = view.table.model().mapToSource(index).row()
    assert view.table.frame_model.frame["channel"].iloc[row] == name
    assert lower.metabolites.table.currentIndex().data(ENTRY_ROLE).channel == name
    assert lower.gradients.choice.currentData() == f"mean_{name}"


@on_screen
def test_gradients_are_across_the_niche_or_across_the_margin(finished):
    _, lower = finished
    result = lower.session.value("niches")
    for border, frame in ((NICHE_BORDER, result.gradients), (TUMOUR_MARGIN, result.margin)):
        lower.gradients.border.setCurrentText(border)
        x, y = lower.gradients.plot.plotItem.listDataItems()[-1].getData()
        assert np.allclose(x, (frame["band_low_um"] + frame["band_high_um"]) / 2)
        assert np.allclose(y, frame[lower.gradients.choice.currentData()], equal_nan=True)


@on_screen
def test_the_dock_follows_the_theme_and_fits_a_small_window(finished, viewer, qtbot):
    dock, lower = finished
    viewer.theme = "light"
    dim = colours_of("light")["dim"]
    for label in (dock.open_panel.about, lower.reading):
        qtbot.waitUntil(lambda label=label: label.palette().color(label.foregroundRole()).name().upper() == dim)
    qtbot.waitUntil(lambda: "theme" not in lower._in_turn)
    for plot in (lower.spectrum.plot.plot, lower.calibration.plot, lower.gradients.plot):
        assert plot.backgroundBrush().color().lightness() > 200
    assert dock.minimumSizeHint().height() <= 400
    for panel in dock.panels.values():
        panel.set_open(True)
        assert panel.minimumSizeHint().width() <= MIN_WIDTH - 30


def test_without_a_window_the_reader_returns_the_total_ion_current(recipe, monkeypatch):
    monkeypatch.setattr("napari.current_viewer", lambda: None)
    ((data, meta, kind),) = hooks.read_imzml(str(recipe.ims.path.with_suffix(".ibd")))
    layer = ViewerModel()._add_layer_from_data(data, meta, kind)[0]
    assert layer.name == "TIC"
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 2


@pytest.mark.parametrize(("name", "ours"), [("a.imzML", True), ("a.IMZML", True), ("a.ibd", True), ("a.tif", False)])
def test_the_reader_takes_only_its_own_files(name, ours):
    assert (hooks.get_reader(name) is not None) is ours


def test_each_viewer_has_its_own_bench():
    one, other = ViewerModel(), ViewerModel()
    assert bench_of(one) is bench_of(one)
    assert bench_of(one) is not bench_of(other)
    assert bench_of(one).session is not bench_of(other).session
