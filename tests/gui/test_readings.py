"""What the line below the tabs says of the place below the mouse: the numbers of the results themselves."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import Point, box

from napari_metime import pipeline
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.mouse import on_move
from napari_metime.gui.readings import border_um, cell_at, cell_words, niche_words, place_words
from napari_metime.gui.views.lower_dock import HINT, LowerDock

LABELS = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 2]])


@pytest.mark.parametrize(
    ("y_um", "x_um", "label", "distance_um"),
    [
        (20.0, 60.0, 1, -10.0),  # the centre of row 1: half a row from the edge above
        (40.0, 95.0, 1, -5.0),  # row 2, column 2: the left edge of column 3, which is of another niche, lies at 100
        (0.0, 40.0, 1, 10.0),
        (0.0, 0.0, 1, np.hypot(10.0, 20.0)),  # to the corner at y 10, x 20
        (40.0, 120.0, 2, -10.0),  # row 2 ends at 50: beside the grid is no niche
    ],
)
def test_the_distance_to_a_border_is_that_to_the_edge_of_its_pixels(y_um, x_um, label, distance_um):
    found = border_um(LABELS, (20.0, 40.0), y_um, x_um)
    assert found == (label, pytest.approx(distance_um))


def test_the_distance_to_a_border_is_the_one_between_polygons():
    rng = np.random.default_rng(4)
    spacing = (20.0, 40.0)
    pixels = [
        (int(label), box((c - 0.5) * 40, (r - 0.5) * 20, (c + 0.5) * 40, (r + 0.5) * 20))
        for (r, c), label in np.ndenumerate(LABELS)
    ]
    for _ in range(50):
        y, x = rng.uniform(-10, 50), rng.uniform(-20, 140)
        at = Point(x, y)
        own = next((label for label, shape in pixels if label and shape.contains(at)), 0)
        label, distance = border_um(LABELS, spacing, y, x)
        if own:
            edge = min(box(-20, -10, 140, 50).exterior.distance(at), *(s.distance(at) for n, s in pixels if n != own))
            assert (label, distance) == (own, pytest.approx(-edge))
        else:
            assert distance == pytest.approx(min(shape.distance(at) for n, shape in pixels if n))


def test_without_a_niche_there_is_no_distance():
    assert border_um(np.zeros((3, 3), dtype=int), (1.0, 1.0), 0.0, 0.0) is None


@pytest.fixture
def filled(dock, recipe, result):
    dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    return dock


def words_at(dock, row: int, col: int) -> str:
    height, width = dock.session.value("data").dataset.grid.spacing_um
    return place_words(dock.session, dock.bench.viewer, dock.bench.ions, row * height, col * width)


def test_a_place_is_told_with_value_unit_niche_and_pixel(filled, result):
    row, col = (int(each) for each in np.argwhere(result.niches.map.labels == 1)[3])
    height, width = result.dataset.grid.spacing_um
    place = f"x {col * width:,.0f} µm, y {row * height:,.0f} µm (pixel row {row}, column {col})"
    coldness = result.niches.map.coldness[row, col]
    assert words_at(filled, row, col) == f"coldness {coldness:.3g} (log₂); niche 1; {place}".replace("-", "−")
    layers.show_channel(filled.bench.viewer, filled.session, "L-Lactate")
    value = next(c for c in result.channels.channels if c.name == "L-Lactate").image[row, col]
    told = words_at(filled, row, col)
    assert told.endswith(f"; niche 1; {place}")
    assert told.startswith("L-Lactate ")
    assert float(told.split()[1].replace(",", "")) == pytest.approx(value, rel=0.005, abs=0.5)
    assert "(intensity at median TIC)" in told
    layers.show_channel(filled.bench.viewer, filled.session, "kyn_trp")
    assert words_at(filled, row, col).startswith("Kynurenine / tryptophan ")


def test_beside_the_tissue_and_beside_the_grid(filled, result):
    row, col = (int(each) for each in np.argwhere(~result.tissue.mask)[0])
    told = words_at(filled, row, col)
    assert "off the tissue; x " in told
    for layer in filled.bench.viewer.layers:
        layer.visible = layer.name == "TIC"
    tic = float(result.channels.tic[row, col])
    told = words_at(filled, row, col)
    assert told.startswith("TIC ")
    assert float(told.split()[1].replace(",", "")) == pytest.approx(tic, rel=0.005, abs=0.5)
    assert words_at(filled, -5, 0) == ""
    assert words_at(filled, 10_000, 0) == ""


def test_ions_are_told_by_their_m_z(filled, qtbot):
    ions = filled.bench.ions
    mz = float(np.mean(filled.session.value("data").dataset.mz_range))  # of no channel
    with qtbot.waitSignal(ions.landed, timeout=20_000):
        ions.show(mz)
    assert words_at(filled, 12, 14).startswith(f"m/z {mz:.4f} ")
    ions.choose("red")
    qtbot.waitUntil(lambda: layers.find(filled.bench.viewer, "ion", "red") is not None)
    ions.choose("green")
    with qtbot.waitSignal(ions.landed, timeout=20_000):
        ions.show(mz + 1)
    told = words_at(filled, 12, 14)
    assert f"m/z {mz:.4f} " in told
    assert f"m/z {mz + 1:.4f} " in told


def test_an_ion_keeps_the_unit_that_it_was_made_in(filled, qtbot):
    ions, viewer = filled.bench.ions, filled.bench.viewer
    filled.session.put("ims", "normalize", "none")
    for slot in ("red", "green"):
        ions.choose(slot)
        with qtbot.waitSignal(ions.landed, timeout=20_000):
            ions.show(89.0244)
    ions.keep()
    with qtbot.waitSignal(ions.landed, timeout=20_000):
        filled.session.put("ims", "normalize", "tic")
    names = [layer.name for layer in viewer.layers if layer.metadata.get(layers.KEY) in ("kept", "ion")]
    assert sorted(names) == ["kept m/z 89.0244 (intensity)", "red: m/z 89.0244 (intensity at median TIC)"]
    kept, red = words_at(filled, 12, 14).split("; ")[0].split(", ")
    assert kept.endswith(" (intensity)")
    assert red.endswith(" (intensity at median TIC)")


def test_a_cell_is_told_by_type_role_and_distance(filled, result):
    cells = result.niches.cells
    row = int(np.flatnonzero(cells["region_id"].eq(1).fillna(False) & (cells["role"] == "tumor"))[0])
    cell = cells.iloc[row]
    assert cell_at(filled.session, cell["y_um"] + 0.01, cell["x_um"], 1.0) == row
    assert cell_at(filled.session, -1e6, 0.0, 50.0) is None
    words = cell_words(filled.session, row)
    assert words.startswith(f"{cell['type']} cell (tumour), in niche 1, ")
    assert words.endswith(f" µm from its border, {cell['cell_id']}")


def test_a_niche_is_told_with_its_cells(filled, result):
    n_cells, n_effector = (int(result.niches.regions.loc[0, key]) for key in ("n_cells", "n_effector"))
    words = niche_words(filled.session, 1)
    assert f": {n_cells:,} cells, {n_effector:,} effectors where " in words
    assert niche_words(filled.session, 9) == ""


class Moved:
    """What napari hands over for a mouse that moves."""

    is_dragging = False

    def __init__(self, y_um: float, x_um: float) -> None:
        self.position = (y_um, x_um)


def test_moving_over_the_canvas_fills_the_line_and_a_closed_dock_hears_no_more(filled, qtbot):
    lower = LowerDock(filled.bench)
    qtbot.addWidget(lower)
    assert lower.reading.text() == HINT or lower.reading.text()
    (function,) = filled.bench.viewer.mouse_move_callbacks
    function(filled.bench.viewer, Moved(300.0, 500.0))
    assert lower.reading.text() == words_at(filled, 6, 10)
    function(filled.bench.viewer, Moved(-1e5, 0.0))  # beside the section: what was said stays
    assert lower.reading.text() == words_at(filled, 6, 10)
    lower._closing.run()
    assert filled.bench.viewer.mouse_move_callbacks == []
    assert function.func is on_move


def test_a_clicked_cell_is_told_while_the_mouse_is_at_it(filled, qtbot, result):
    lower = LowerDock(filled.bench)
    qtbot.addWidget(lower)
    cell = result.niches.cells.iloc[100]
    filled.bench.viewer.scene.camera.zoom = 20.0  # 7 screen pixels are 0.35 µm: only this cell
    lower.pick(cell["y_um"], cell["x_um"])
    words = cell_words(filled.session, 100)
    assert lower.reading.text().startswith(f"{words} · ")
    lower.read(cell["y_um"] + 0.2, cell["x_um"])
    assert lower.reading.text().startswith(f"{words} · ")
    lower.read(cell["y_um"] + 60.0, cell["x_um"])
    assert words not in lower.reading.text()
