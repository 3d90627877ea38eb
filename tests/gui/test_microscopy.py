"""The microscopy in the window: opened in the background, beside the section, then on it; its channels measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers._source import layer_source

from napari_metime.export.words import number
from napari_metime.gui.arriving.dropping import holds_cells, target_of
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.beside import is_on_section
from napari_metime.gui.layers.microscope import offered_image
from napari_metime.gui.layers.microscope_layers import MAX_LAYERS, N_VISIBLE, affine_of, look_at, microscopy_layers
from napari_metime.section import Alignment, no_progress

TURNED = Alignment(np.array([[0.4, -0.3, 20.0], [0.3, 0.4, -10.0], [0, 0, 1]]), "matrix")


@pytest.fixture
def ready(dock, recipe_path, settle, click):
    """A section and its cells, of which the recipe knows the pixel size."""
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    click(dock, "cells")
    return dock


@pytest.fixture
def image_path(recipe) -> Path:
    """The microscopy of the simulated section."""
    return recipe.ims.path.with_name("microscopy.ome.tif")


@pytest.fixture
def opened(ready, image_path, qtbot):
    ready.take_file(image_path)
    qtbot.waitUntil(lambda: ready.bench.microscope.image is not None, timeout=20_000)
    return ready


def shown(dock) -> list:
    return [layer for layer in dock.bench.viewer.layers if layer.metadata.get(layers.KEY) == "microscopy"]


def place_of(layer, row: float, col: float) -> np.ndarray:
    return np.asarray(layer.affine)[:2] @ [row, col, 1]


def test_a_pixel_lies_where_the_alignment_puts_its_centre():
    affine = affine_of(TURNED, (2.0, 3.0))
    x_um, y_um = TURNED.to_section(np.array([(7 + 0.5) * 3.0]), np.array([(4 + 0.5) * 2.0]))
    assert affine @ [4, 7, 1] == pytest.approx([y_um[0], x_um[0], 1])


def test_a_dropped_image_opens_in_step_5_beside_the_section_below_all_layers(opened):
    assert opened.panels["align"].is_open
    names = opened.bench.microscope.image.channel_names
    assert sorted(layer.name for layer in shown(opened)) == sorted(names)
    assert opened.bench.viewer.layers.index(shown(opened)[-1]) < opened.bench.viewer.layers.index("TIC")
    grid = opened.session.value("data").dataset.grid
    assert not is_on_section(grid, place_of(shown(opened)[0], 0, 0)[1])
    assert {layer.blending for layer in shown(opened)} == {"additive"}
    assert len({layer.colormap.name for layer in shown(opened)}) == len(names)
    assert {str(unit) for layer in shown(opened) for unit in layer.units} == {"micrometer"}


def test_the_image_lies_under_the_cells_beside_the_section_and_then_on_it(opened, click):
    session, microscope = opened.session, opened.bench.microscope
    cells = session.value("cells")
    opened.bench.landmarking.start()
    beside = opened.bench.landmarking._rough
    unit_y, unit_x = microscope._units
    row, col = cells.y[0] / unit_y - 0.5, cells.x[0] / unit_x - 0.5
    x_um, y_um = beside.to_section(cells.x[:1], cells.y[:1])
    assert place_of(shown(opened)[0], row, col) == pytest.approx([y_um[0], x_um[0]])
    opened.bench.landmarking.stop()
    click(opened, "align")
    aligned = session.value("align").cells
    assert place_of(shown(opened)[0], row, col) == pytest.approx([aligned.y[0], aligned.x[0]])
    assert "on the section" in microscope.in_words()
    assert not layers.find(opened.bench.viewer, "tic").visible
    opened.bench.landmarking.start()
    assert place_of(shown(opened)[0], row, col) == pytest.approx([y_um[0], x_um[0]])
    assert layers.find(opened.bench.viewer, "tic").visible


def test_an_image_that_comes_while_a_map_is_in_sight_stays_below_it_and_says_so(ready, image_path, click, qtbot):
    click(ready, "align", "tissue", "metabolites")
    layers.show_channel(ready.bench.viewer, ready.session, "L-Lactate")
    ready.session.put("microscopy", "", {"path": image_path})
    qtbot.waitUntil(lambda: bool(shown(ready)), timeout=20_000)
    assert not any(layer.visible for layer in shown(ready))
    assert "hidden" in ready.bench.microscope.in_words()
    shown(ready)[0].visible = True
    assert "in place of the total ion current" in ready.bench.microscope.in_words()


def test_a_ticked_channel_is_measured_by_its_name(opened, click):
    table = opened.panels["align"].microscopy.channels
    table.item(1, 1).setText("keratin")
    table.item(1, 0).setCheckState(table.item(1, 0).checkState().Checked)
    assert opened.session.get("microscopy", "channels") == {"keratin": 1}
    assert opened.session.waits_for("metabolites") == ("tissue", "align")
    click(opened, "align", "tissue", "metabolites", "niches")
    measured = [c.name for c in opened.session.value("metabolites").channels if not c.is_logarithmic]
    assert measured[-1] == "keratin"
    assert opened.session.section_result().microscopy_note == opened.bench.microscope.image.note


def test_running_all_aligns_first_where_a_channel_is_measured(opened, settle):
    opened.session.put("microscopy", "channels", {"keratin": 1})
    opened.bench.run_all()
    settle(opened)
    assert [opened.session.state(step) for step in ("tissue", "metabolites", "align", "niches")] == ["done"] * 4


def test_a_missing_and_a_wrong_file_are_told_and_a_right_one_mends_it(ready, image_path, tmp_path, qtbot):
    microscope, block = ready.bench.microscope, ready.panels["align"].microscopy
    wrong = tmp_path / "wrong.tif"
    wrong.write_bytes(b"no image")
    for path in (tmp_path / "none.tif", wrong):
        ready.take_file(path)
        qtbot.waitUntil(lambda: bool(microscope.problem), timeout=20_000)
        assert path.name in block.error.text()
        assert shown(ready) == []
    ready.take_file(image_path)
    qtbot.waitUntil(lambda: microscope.image is not None, timeout=20_000)
    assert block.error.isHidden()
    assert len(shown(ready)) == microscope.image.n_channels
    ready.take_file(image_path)
    assert len(shown(ready)) == microscope.image.n_channels
    ready.session.put("microscopy", "", None)
    assert shown(ready) == []


def test_cells_far_beyond_the_image_ask_for_their_pixel_size(opened):
    block = opened.panels["align"].microscopy
    assert block.question.isHidden()
    opened.session.put("cells", "pixel_size_um", None)
    assert "smaller pixels" in block.question.text()
    assert not block.cells_size.isHidden()
    assert shown(opened) == []
    assert layers.find(opened.bench.viewer, "tic").visible
    opened.session.put("cells", "pixel_size_um", 0.5)
    assert block.question.isHidden()
    assert len(shown(opened)) == opened.bench.microscope.image.n_channels


def test_a_pixel_size_that_cannot_be_is_doubted_and_corrected_in_the_window(opened, qtbot):
    microscope, block = opened.bench.microscope, opened.panels["align"].microscopy
    assert not block.image_size.isHidden()
    assert microscope.doubt() == ""
    true_um, (rows, cols) = microscope.image.pixel_size_um[0], microscope.image.shape
    for factor in (1 / 20, 20):
        opened.session.put("microscopy", "pixel_size_um", true_um * factor)
        qtbot.waitUntil(lambda: microscope.image is not None, timeout=20_000)
        assert f"{number(max(rows, cols) * true_um * factor / 1000)} mm long" in block.question.text()
        assert "Image pixel below" in block.question.text()
    line = block.image_size.editors["microscopy", "pixel_size_um"].line
    line.setText("")
    line.textEdited.emit("")
    qtbot.waitUntil(lambda: microscope.image is not None, timeout=20_000)
    assert block.question.isHidden()


def test_cells_in_um_ask_for_the_pixel_size_of_an_image_without(dock, recipe_path, settle, click, tmp_path, qtbot):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    table = tmp_path / "cells.csv"
    table.write_text("x_um,y_um,class\n10,20,CD8\n300,40,Tumor\n")
    dock.bench.look_at_cells(table)
    settle(dock)
    click(dock, "cells")
    tifffile.imwrite(tmp_path / "plain.tif", np.zeros((40, 50), np.uint8))
    dock.session.put("align", "", {"matrix": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))})
    click(dock, "align")
    panel = dock.panels["align"]
    assert panel._is_answered
    dock.take_file(tmp_path / "plain.tif")
    qtbot.waitUntil(lambda: dock.bench.microscope.image is not None, timeout=20_000)
    block = panel.microscopy
    assert not panel._is_answered  # the question is not folded away
    assert panel.header.state.text() == "? give the image's scale"
    assert "Pixel size: not in the file" in block.question.text()
    assert shown(dock) == []
    assert "Not shown until its scale is known" in block.note.text()
    dock.session.put("microscopy", "pixel_size_um", 20.0)
    qtbot.waitUntil(lambda: dock.bench.microscope.image is not None, timeout=20_000)
    assert block.question.isHidden()
    assert dock.bench.microscope._units == (20.0, 20.0)
    assert len(shown(dock)) == 1


def test_many_channels_are_few_layers_of_which_few_are_in_sight(tmp_path):
    values = np.random.default_rng(0).integers(0, 99, (MAX_LAYERS + 3, 60, 50)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "many.ome.tif", values, metadata={"axes": "CYX"})
    found = look_at(tmp_path / "many.ome.tif", None, no_progress)
    made = microscopy_layers(found, TURNED, (1.0, 1.0))
    assert found.image.n_channels == MAX_LAYERS + 3
    assert len(made) == MAX_LAYERS
    assert [layer.visible for layer in made] == [True] * N_VISIBLE + [False] * (MAX_LAYERS - N_VISIBLE)


def test_rgb_is_one_layer_in_its_own_colours(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (60, 50, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "he.tif", values, photometric="rgb")
    (layer,) = microscopy_layers(look_at(tmp_path / "he.tif", None, no_progress), TURNED, (1.0, 1.0))
    assert layer.rgb
    assert np.array_equal(np.asarray(layer.data), values)
    ViewerModel().add_layer(layer)


def test_an_image_that_napari_opened_is_offered_and_not_taken(ready, image_path, qtbot):
    viewer, block = ready.bench.viewer, ready.panels["align"].microscopy
    with layer_source(path=str(image_path)):
        layer = viewer.add_image(np.zeros((4, 5)))
    ready.refresh("all")
    assert offered_image(viewer) == image_path
    assert image_path.name in block.offer.text()
    assert ready.session.get("microscopy", "path") is None
    block.offer.click()
    qtbot.waitUntil(lambda: ready.bench.microscope.image is not None, timeout=20_000)
    assert block.offer.isHidden()
    assert layer in viewer.layers


def test_another_section_starts_without_an_image(opened, recipe_path, settle):
    opened.bench.arrivals.open_recipe(recipe_path)
    settle(opened)
    assert shown(opened) == []
    assert opened.bench.microscope.image is None


@pytest.mark.parametrize(
    ("name", "wants_cells", "target"),
    [
        ("a.yaml", False, "recipe"),
        ("a.imzML", False, "data"),
        ("a.IBD", True, "data"),
        ("a.csv", False, "cells"),
        ("a.geojson", False, "cells"),
        ("a.ome.tif", False, "microscopy"),
        ("a.tif", True, "cells"),
        ("a.zarr", True, "microscopy"),
    ],
)
def test_a_dropped_file_goes_to_its_step(tmp_path, name, wants_cells, target):
    assert target_of(tmp_path / name, wants_cells=wants_cells) == target


def test_a_spatialdata_store_goes_to_the_cells(tmp_path):
    (tmp_path / "s.zarr" / "tables").mkdir(parents=True)
    assert target_of(tmp_path / "s.zarr", wants_cells=False) == "cells"


@pytest.mark.parametrize(
    ("name", "text", "holds"),
    [
        ("cells.csv", "Centroid X px,Centroid Y px,Class\n1,2,CD8\n", True),
        ("plain.csv", "x,y,class\n1,2,CD8\n", True),
        ("points.csv", "index,axis-0,axis-1\n0,1,2\n", False),
        ("prices.csv", "item,price\na,1\n", False),
        ("a.geojson", '{"type": "FeatureCollection", "features": []}', True),
        ("a.tif", "II*\0", False),
    ],
)
def test_only_what_is_recognised_as_cells_is_read_from_the_canvas(tmp_path, name, text, holds):
    (tmp_path / name).write_text(text)
    assert holds_cells(tmp_path / name) is holds
