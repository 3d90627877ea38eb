"""Setting landmarks in the window: pairs by clicks, the fit to them, and what an export keeps of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.utils.colormaps.standardize_color import transform_color
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_metime import pipeline
from napari_metime.alignment import read_landmarks
from napari_metime.export.placed_landmarks import PLACED, write_landmarks
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.beside import box_of, is_on_section, rough_placement
from napari_metime.gui.layers.landmark_layers import landmark_layers
from napari_metime.gui.state.pairs import Pairs
from napari_metime.gui.widgets.colours import LANDMARK_COLOURS
from napari_metime.recipe import load_recipe


@pytest.fixture
def ready(dock, recipe_path, settle, click):
    """A section and its cells, and no landmarks yet."""
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    click(dock, "cells")
    dock.session.put("align", "", {"landmarks": None, "transform": "similarity"})
    return dock


@pytest.fixture
def known(recipe) -> np.ndarray:
    """The landmarks of the simulated section."""
    return read_landmarks(recipe.align.landmarks)


def set_pair(dock, landmark) -> None:
    """Click on the section, then on the cells beside it."""
    landmarking = dock.bench.landmarking
    landmarking.click(landmark[3], landmark[2])
    x_um, y_um = landmarking._rough.to_section(landmark[:1], landmark[1:2])
    landmarking.click(float(y_um[0]), float(x_um[0]))


def block(dock):
    return dock.panels["align"].block


def test_clicked_pairs_align_the_cells_as_the_file_of_them_does(ready, known, click, recipe):
    block(ready).add.click()
    for landmark in known:
        set_pair(ready, landmark)
    assert np.allclose(ready.session.pairs.landmarks, known, atol=1e-6)
    click(ready, "align")
    _, expected = pipeline.align_cells(pipeline.read_cells(recipe.cells), pixel_size_um=None, align=recipe.align)
    assert np.allclose(ready.session.value("align").alignment.matrix, expected.matrix, atol=1e-6)
    assert not ready.session.is_placing
    assert layers.find(ready.bench.viewer, "cells to align") is None


def test_the_cells_lie_right_of_the_section_at_their_own_scale(ready):
    cells, grid = ready.session.value("cells"), ready.session.value("data").dataset.grid
    rough = rough_placement(box_of(cells), grid, 0.5)
    x_um, y_um = rough.to_section(cells.x, cells.y)
    assert not any(is_on_section(grid, x) for x in x_um)
    assert np.ptp(y_um) == pytest.approx(0.5 * np.ptp(cells.y))
    fitted = rough_placement(box_of(cells), grid, None)
    x_um, y_um = fitted.to_section(cells.x, cells.y)
    extent_um = np.array(grid.shape) * grid.spacing_um
    assert max(np.ptp(y_um) / extent_um[0], np.ptp(x_um) / extent_um[1]) == pytest.approx(1.0)


def test_each_pair_is_numbered_in_two_layers_that_only_clicks_can_change(ready, known):
    block(ready).add.click()
    for landmark in known[:3]:
        set_pair(ready, landmark)
    viewer = ready.bench.viewer
    section, cells = (layers.find(viewer, "landmarks", which) for which in ("section", "cells"))
    assert [section.name, cells.name] == ["landmarks section", "landmarks cells"]
    assert section.features["landmark"].tolist() == cells.features["landmark"].tolist() == [1, 2, 3]
    assert np.allclose(section.data, known[:3, [3, 2]])
    assert not section.editable
    assert not cells.editable
    assert {str(unit) for layer in (section, cells) for unit in layer.units} == {"micrometer"}


def test_a_second_click_on_the_section_moves_the_half_that_waits(ready):
    ready.bench.landmarking.start()
    ready.bench.landmarking.click(100.0, 200.0)
    ready.bench.landmarking.click(300.0, 400.0)
    assert ready.session.pairs.waiting == (400.0, 300.0)
    assert ready.session.pairs.placed == ()


def test_a_click_on_the_cells_first_sets_nothing(ready, known):
    ready.bench.landmarking.start()
    grid = ready.session.value("data").dataset.grid
    ready.bench.landmarking.click(10.0, 1.5 * grid.shape[1] * grid.spacing_um[1])
    assert ready.session.pairs == Pairs()
    assert "click the section (left) first" in block(ready).next_click.text()
    ready.bench.landmarking.click(known[0, 3], known[0, 2])
    assert "now click the same place on the cells" in block(ready).next_click.text()


def test_clicks_change_the_rings_in_place_as_new_layers_would_show_them(ready, known):
    viewer = ready.bench.viewer
    ready.bench.landmarking.start()
    first = [layers.find(viewer, "landmarks", which) for which in ("section", "cells")]
    known[4, 0] += 1000
    for landmark in known:
        set_pair(ready, landmark)
    ready.bench.landmarking.click(10.0, 20.0)
    ready.bench.landmarking.remove(0)
    now = [layers.find(viewer, "landmarks", which) for which in ("section", "cells")]
    assert all(a is b for a, b in zip(first, now, strict=True))
    pairs, stands_out = ready.session.pairs, ready.bench.landmarking.judged.stands_out
    assert stands_out.any()
    fresh = landmark_layers(
        pairs.landmarks,
        ready.bench.landmarking._rough,
        theme=viewer.theme,
        waiting=pairs.waiting,
        stands_out=stands_out,
    )
    for shown, wanted in zip(now, fresh, strict=True):
        assert np.array_equal(shown.data, wanted.data)
        assert shown.features["label"].tolist() == wanted.features["label"].tolist()
        assert shown.text.values.tolist() == wanted.text.values.tolist()
        for name in ("size", "border_width", "border_color", "face_color"):
            assert np.array_equal(getattr(shown, name), getattr(wanted, name))
        assert not shown.editable
    ready.bench.landmarking.change(Pairs())
    assert [len(layer.data) for layer in now] == [0, 0]


def test_closing_the_dock_discards_half_a_pair(ready):
    ready.bench.landmarking.start()
    ready.bench.landmarking.click(10.0, 20.0)
    ready.bench.landmarking.close()
    assert ready.session.pairs == Pairs()


@pytest.mark.parametrize("clicked", [True, False])
def test_landmarks_are_out_of_sight_once_aligned_clicked_or_from_a_file(ready, known, recipe, click, clicked):
    if clicked:
        ready.bench.landmarking.start()
        for landmark in known:
            set_pair(ready, landmark)
    else:
        ready.session.put("align", "landmarks", recipe.align.landmarks)
    click(ready, "align")
    assert not layers.find(ready.bench.viewer, "landmarks", "section").visible
    assert not layers.find(ready.bench.viewer, "landmarks", "cells").visible


def test_undo_takes_back_a_half_then_whole_pairs_then_removals(ready, known):
    block(ready).add.click()
    for landmark in known[:3]:
        set_pair(ready, landmark)
    three = ready.session.pairs.placed
    ready.bench.landmarking.click(10.0, 10.0)
    block(ready).undo.click()
    assert ready.session.pairs.waiting is None
    assert ready.session.pairs.placed == three
    ready.bench.landmarking.remove(1)
    assert ready.session.pairs.placed == (three[0], three[2])
    block(ready).undo.click()
    assert ready.session.pairs.placed == three
    block(ready).undo.click()
    assert ready.session.pairs.placed == three[:2]


def test_delete_in_the_table_leaves_the_selected_pair_out(ready, known, qtbot):
    ready.session.set_pairs(Pairs.of(known[:4]))
    table = block(ready).table
    table.selectRow(2)
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert np.allclose(ready.session.pairs.landmarks, known[[0, 1, 3]])
    assert table.rowCount() == 3


def test_the_button_of_a_row_leaves_that_pair_out(ready, known, qtbot):
    ready.session.set_pairs(Pairs.of(known[:4]))
    block(ready).table.cellWidget(0, 4).click()
    qtbot.waitUntil(lambda: len(ready.session.pairs.placed) == 3)
    assert np.allclose(ready.session.pairs.landmarks, known[1:4])


def test_the_table_and_the_line_say_how_well_the_pairs_fit(ready, known):
    ready.session.set_pairs(Pairs.of(known[:1]))
    assert "1 more pair needed" in block(ready).fit.text()
    assert not ready.panels["align"].primary.isEnabled()
    ready.session.set_pairs(Pairs.of(known))
    fit = ready.bench.landmarking.judged.alignment
    shown = [float(block(ready).table.item(i, 1).text()) for i in range(len(known))]
    assert shown == pytest.approx(fit.residual_um, rel=0.1, abs=0.5)
    assert "root mean square" in block(ready).fit.text()
    assert "leave-one-out" in block(ready).fit.text()
    assert ready.panels["align"].primary.isEnabled()


def test_an_outlier_is_marked_by_word_and_colour_in_table_and_layer(ready, known):
    known[4, 0] += 1000
    ready.bench.landmarking.start()
    ready.bench.landmarking.change(Pairs.of(known))
    assert np.flatnonzero(ready.bench.landmarking.judged.stands_out).tolist() == [4]
    table = block(ready).table
    assert [table.item(i, 3).text() for i in range(len(known))] == [""] * 4 + ["outlier"] + [""] * (len(known) - 5)
    colours = {table.item(i, 1).foreground().color().name() for i in (3, 4)}
    assert len(colours) == 2
    assert "Pair 5 does not fit" in block(ready).fit.text()
    labels = layers.find(ready.bench.viewer, "landmarks", "section").features["label"].tolist()
    assert labels[4] == "5 outlier"
    assert labels[3] == "4"


def test_mirrored_cells_are_noticed_and_fitted_mirrored_at_a_click(ready, known):
    known[:, 0] *= -1
    ready.session.set_pairs(Pairs.of(known))
    assert not block(ready).mirror.isHidden()
    assert "mirrored" in block(ready).fit.text()
    block(ready).mirror.click()
    assert ready.session.get("align", "mirrored") is True
    assert ready.bench.landmarking.judged.alignment.rmse_um < 50
    assert "turned over" in block(ready).fit.text()
    block(ready).mirror.click()
    assert ready.session.get("align", "mirrored") is False


def test_the_landmarks_of_a_recipe_are_shown_and_a_change_makes_them_its_own(ready, known, recipe):
    ready.session.put("align", "landmarks", recipe.align.landmarks)
    assert np.allclose(ready.session.pairs.landmarks, known)
    assert not ready.session.has_placed
    ready.bench.landmarking.remove(0)
    assert ready.session.has_placed
    block(ready).undo.click()
    assert ready.session.get("align", "landmarks") == recipe.align.landmarks


def opening(monkeypatch, path: Path) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))


def test_an_opened_file_replaces_the_pairs_and_one_undo_brings_them_back(ready, known, recipe, monkeypatch):
    block(ready).add.click()
    set_pair(ready, known[0])
    clicked = ready.session.pairs.placed
    opening(monkeypatch, recipe.align.landmarks)
    block(ready).open.click()
    assert np.array_equal(ready.session.pairs.landmarks, known)
    assert len(layers.find(ready.bench.viewer, "landmarks", "section").data) == len(known)
    block(ready).undo.click()
    assert ready.session.pairs.placed == clicked
    assert ready.session.has_placed
    assert len(layers.find(ready.bench.viewer, "landmarks", "section").data) == 1


def test_a_refused_file_leaves_the_pairs_and_its_error_goes_with_the_next_change(
    ready, known, recipe, monkeypatch, tmp_path
):
    ready.session.set_pairs(Pairs.of(known[:3]))
    before = ready.session.pairs
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    panel = ready.panels["align"]
    mended = (
        lambda: block(ready).open.click(),
        lambda: ready.bench.landmarking.remove(0),
        lambda: panel._on_way("matrix"),
        lambda: panel._on_way("landmarks"),
        lambda: panel._put(transform="affine"),
    )
    for mend in mended:
        opening(monkeypatch, wrong)
        block(ready).open.click()
        assert "wrong.csv" in panel.error.text()
        assert ready.session.pairs == before
        opening(monkeypatch, recipe.align.landmarks)
        mend()
        assert panel.error.isHidden()
        before = ready.session.pairs


def test_the_pairs_of_a_file_outlive_another_way_and_back(ready, known, recipe):
    ready.session.put("align", "landmarks", recipe.align.landmarks)
    for way in ("matrix", "path", "none", "landmarks"):
        ready.panels["align"]._on_way(way)
    assert np.array_equal(ready.session.pairs.landmarks, known)
    assert ready.session.get("align", "landmarks") == recipe.align.landmarks


def test_each_way_is_found_again_as_it_was_left(ready, known, tmp_path):
    panel, session = ready.panels["align"], ready.session
    session.set_pairs(Pairs.of(known))
    panel._put(transform="affine", mirrored=True)
    panel._on_way("path")
    panel._put(path=tmp_path / "a.tfm")
    panel._on_way("none")
    panel._on_way("landmarks")
    assert session.get("align") == {"landmarks": PLACED, "transform": "affine", "mirrored": True}
    panel._on_way("path")
    assert session.get("align") == {"path": tmp_path / "a.tfm"}


def test_a_field_of_a_transform_file_takes_its_old_error_away(ready, tmp_path, settle):
    panel = ready.panels["align"]
    panel._on_way("path")
    panel._put(path=tmp_path / "none.tfm")
    ready.bench.run("align")
    settle(ready)
    assert "none.tfm" in panel.error.text()
    panel.path_rows.editors["align", "inverse"].box.click()
    assert ready.session.get("align", "inverse") is True
    assert panel.error.isHidden()


def test_a_matrix_of_words_is_shown_as_it_is_and_refused(ready):
    panel = ready.panels["align"]
    panel._on_way("matrix")
    ready.session.put("align", "matrix", ((1.0, "two", 3.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    assert panel.matrix.text() == "1, two, 3, 0, 1, 0"
    ready.bench.run("align")
    assert "Matrix: should be" in panel.error.text()


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("theme", "which", "greys", "least"),
    [
        ("dark", "section", ("#000000", "#505050"), 3.5),
        ("dark", "cells", ("#000000", "#505050"), 3.5),
        ("light", "section", ("#505050", "#FFFFFF"), 2.5),  # no colour has more on both
        ("light", "cells", ("#FFFFFF", "#000000"), 3.5),
    ],
)
def test_numbers_of_landmarks_can_be_read_on_the_canvas_of_a_theme_and_on_the_ions(theme, which, greys, least):
    assert all(contrast(LANDMARK_COLOURS[theme][which], grey) >= least for grey in greys)


def test_landmarks_follow_the_theme(ready, known):
    viewer = ready.bench.viewer
    ready.bench.landmarking.start()
    set_pair(ready, known[0])
    for theme in ("light", "dark"):
        viewer.theme = theme
        for which, colour in LANDMARK_COLOURS[theme].items():
            layer = layers.find(viewer, "landmarks", which)
            assert np.allclose(layer.border_color, transform_color(colour))
            assert np.allclose(layer.text.color.constant, transform_color(colour)[0])


def test_the_pairs_of_a_file_are_shown_from_the_first_on(ready, known, qtbot):
    panel = ready.panels["align"]
    panel.open_requested.emit("align")
    ready.show()
    table = block(ready).table
    ready.session.set_pairs(Pairs.of(np.concatenate([known, known + 5])))
    assert table.verticalScrollBar().value() == 0
    ready.session.set_pairs(Pairs.of(np.concatenate([known, known + 5, known[:1] + 9])))
    assert table.verticalScrollBar().value() > 0


def test_a_missing_file_of_landmarks_is_told_in_the_step(ready, tmp_path):
    ready.session.put("align", "landmarks", tmp_path / "none.csv")
    assert "none.csv" in ready.session.error("align")
    assert ready.session.pairs.placed == ()


def test_other_landmarks_make_the_alignment_stale(ready, known, click):
    ready.session.set_pairs(Pairs.of(known))
    click(ready, "align")
    assert ready.session.state("align") == "done"
    ready.bench.landmarking.remove(0)
    assert ready.session.state("align") == "stale"
    ready.bench.landmarking.undo()
    assert ready.session.state("align") == "done"


def test_saved_pairs_are_read_back_to_the_bit(ready, known, tmp_path, monkeypatch):
    ready.session.set_pairs(Pairs.of(known / 3))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine.csv"), ""))
    block(ready).save.click()
    assert np.array_equal(read_landmarks(tmp_path / "mine.csv"), known / 3)


def test_writing_landmarks_to_no_folder_is_told(ready, known, tmp_path):
    ready.session.set_pairs(Pairs.of(known))
    ready.bench.landmarking.save(tmp_path / "no" / "folder.csv")
    assert "choose another folder" in ready.session.error("align")


def test_an_export_keeps_the_pairs_beside_its_recipe_and_runs_again(ready, known, click, tmp_path):
    ready.session.set_pairs(Pairs.of(known[:5]))
    click(ready, "tissue", "metabolites", "align", "niches")
    ready.session.folder = tmp_path / "results"
    click(ready, "export")
    again = load_recipe(tmp_path / "results" / "recipe.yaml")
    assert again.align.landmarks == (tmp_path / "results" / PLACED).resolve()
    _, alignment = pipeline.align_cells(pipeline.read_cells(again.cells), pixel_size_um=None, align=again.align)
    assert np.array_equal(alignment.matrix, ready.session.value("align").alignment.matrix)


def test_another_section_starts_without_landmarks(ready, known, recipe_path, settle):
    before = len(ready.bench.viewer.mouse_drag_callbacks)
    ready.bench.landmarking.start()
    assert len(ready.bench.viewer.mouse_drag_callbacks) == before + 1
    set_pair(ready, known[0])
    ready.open_step("align")
    ready.bench.arrivals.open_recipe(recipe_path)
    settle(ready)
    assert ready.panels["data"].is_open
    assert not ready.session.is_placing
    assert np.allclose(ready.session.pairs.landmarks, known)
    assert [layer.name for layer in ready.bench.viewer.layers] == ["TIC"]
    assert len(ready.bench.viewer.mouse_drag_callbacks) == before


def test_stopping_shows_again_what_setting_had_hidden(ready, known, click):
    ready.session.set_pairs(Pairs.of(known))
    click(ready, "align")
    viewer = ready.bench.viewer
    block(ready).add.click()
    assert not layers.find(viewer, "cells").visible
    assert layers.find(viewer, "cells to align").visible
    block(ready).add.click()
    assert layers.find(viewer, "cells").visible
    assert layers.find(viewer, "cells to align") is None
    on_cells = layers.find(viewer, "landmarks", "cells").data
    on_section = layers.find(viewer, "landmarks", "section").data
    assert np.linalg.norm(on_cells - on_section, axis=1).max() < 50


def test_pairs_cannot_be_set_before_there_are_cells(dock, recipe_path, settle):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    assert not block(dock).add.isEnabled()
    assert not block(dock).waits.isHidden()
    dock.bench.landmarking.start()
    assert not dock.session.is_placing


def test_landmarks_are_written_with_every_digit(tmp_path: Path):
    values = np.array([[1 / 3, 1e-17, 1e11, -2.5]])
    assert np.array_equal(read_landmarks(write_landmarks(values, tmp_path / "a.csv")), values)


def test_a_place_of_the_cells_is_taken_once():
    pairs = Pairs().on_section(1, 2).on_cells(3, 4).on_section(5, 6)
    assert pairs.on_cells(3, 4) is pairs


def test_pairs_that_bend_ask_for_a_thin_plate_which_follows_them(ready, click):
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(200, 2600, 5), np.linspace(200, 2200, 5)))
    bent = np.column_stack([x, y, 0.5 * x + 40 * np.sin(y / 400), 0.5 * y + 40 * np.cos(x / 400)])
    ready.session.set_pairs(Pairs.of(bent))
    assert "thin plate leaves less" in block(ready).fit.text()
    similar = ready.bench.landmarking.judged.alignment.rmse_um
    ready.session.put("align", "transform", "thin_plate")
    assert ready.bench.landmarking.judged.alignment.rmse_um < similar / 4
    click(ready, "align")
    assert ready.session.value("align").alignment.warp is not None


@pytest.mark.parametrize("kind", ["3 x 3 matrix (*.csv)", "QuPath affine (*.txt)", "ITK transform (*.tfm)"])
def test_a_saved_transform_aligns_the_cells_again(ready, known, click, tmp_path, monkeypatch, kind):
    panel = ready.panels["align"]
    assert panel.save.isHidden()
    ready.session.set_pairs(Pairs.of(known))
    click(ready, "align")
    before = ready.session.value("align").cells
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "saved"), kind))
    panel.save.click()
    panel._on_way("path")
    panel._put(path=tmp_path / "saved")
    click(ready, "align")
    after = ready.session.value("align").cells
    assert np.allclose(after.x, before.x, atol=1e-6)
    assert np.allclose(after.y, before.y, atol=1e-6)


def test_a_bend_cannot_be_saved_as_a_matrix_and_that_is_told(ready, click, tmp_path):
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(200, 2600, 5), np.linspace(200, 2200, 5)))
    bent = np.column_stack([x, y, 0.5 * x + 40 * np.sin(y / 400), 0.5 * y])
    ready.session.put("align", "transform", "thin_plate")
    ready.session.set_pairs(Pairs.of(bent))
    click(ready, "align")
    ready.bench.save_transform(tmp_path / "a.csv", "matrix_csv")
    assert "matrix can say" in ready.session.error("align")
    assert not (tmp_path / "a.csv").exists()


def test_a_serial_section_adds_the_stated_error_and_says_so(ready, known, click):
    panel = ready.panels["align"]
    ready.session.set_pairs(Pairs.of(known))
    click(ready, "align")
    alone_um = ready.session.value("align").alignment.error_um
    assert panel.extra.widget().isHidden()
    panel.serial.click()
    panel.extra.box.setValue(30.0)
    click(ready, "align")
    assert ready.session.value("align").alignment.error_um == pytest.approx(np.hypot(alone_um, 30))
    assert "serial section" in panel.result.text()
    assert "serial section" in panel.header.line.text()
    panel.serial.click()
    assert ready.session.get("align", "extra_error_um") == 0


def test_the_result_says_what_no_cell_exceeds(ready, known, click):
    ready.session.set_pairs(Pairs.of(known))
    click(ready, "align")
    assert "At 95 %, no cell is further than" in ready.panels["align"].result.text()


def test_landmarks_are_the_first_way_and_teach_before_there_is_any(dock):
    assert dock.panels["align"].way.box.currentText() == "by landmarks"
    assert "steps 1 and 4" in block(dock).waits.text()
