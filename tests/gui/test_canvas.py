"""What lies on the canvas can be read: outlines, numbers, what is out of date, and the section in the free part."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from napari.components import ViewerModel

from napari_metime import pipeline
from napari_metime.export.colours import GRADE_COLOURS, ROLE_COLOURS
from napari_metime.export.polygons import mask_outline
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.canvas import Canvas
from napari_metime.gui.layers.outlines import (
    BADGE_PX,
    DIGIT_PX,
    FADED,
    STRIPE_PX,
    _luminance,
    badges,
    casing_of,
    follow_zoom,
    mark,
    outline_layer,
    pixel_edges,
    stripes,
)
from napari_metime.gui.state.chain import STEPS
from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.colours import LYMPHOID_COLOUR, TISSUE_COLOURS
from napari_metime.section import Grid


@pytest.fixture
def session(recipe, result) -> Session:
    session = Session()
    session.fill(recipe, result, pipeline.read_cells(recipe.cells))
    return session


@pytest.fixture
def watched(session) -> tuple[ViewerModel, Canvas]:
    """All of a run in a viewer whose canvas is looked after."""
    viewer = ViewerModel()
    canvas = Canvas(session, lambda: viewer)
    for step in STEPS:
        layers.show(viewer, session, step)
    return viewer, canvas


@pytest.mark.parametrize("seed", range(3))
def test_edges_are_the_outline_that_is_exported(seed):
    mask = np.random.default_rng(seed).random((9, 12)) < 0.6
    lines = shapely.union_all(shapely.linestrings(pixel_edges(mask)[..., ::-1]))
    boundary = shapely.boundary(mask_outline(mask, Grid(mask.shape, (1, 1), (1.0, 1.0))))
    assert shapely.equals(lines, boundary)


@pytest.mark.parametrize("apart", [0.0, 0.5])
def test_stripes_make_one_line_on_its_casing_with_square_corners(apart):
    """A line of 1 + 2 apart stripes, half a stripe of casing on either side, all around a square."""
    mask, width = np.ones((10, 10), dtype=bool), 0.4
    lines = pixel_edges(mask)
    made = stripes(lines, np.full(len(lines), apart), width).reshape(2, -1, 2, 2)
    square = shapely.box(-0.5, -0.5, 9.5, 9.5).exterior
    for vectors, reach in zip(made, (apart + 1, apart + 0.5), strict=True):
        ends = np.stack([vectors[:, 0], vectors[:, 0] + vectors[:, 1]], axis=1)
        drawn = shapely.union_all(shapely.buffer(shapely.linestrings(ends), width / 2, cap_style="flat"))
        ring = square.buffer(width * reach, join_style="mitre")
        below_the_line = square.buffer(width * apart, join_style="mitre") if reach == apart + 1 else shapely.Point()
        assert shapely.area(drawn.difference(ring)) < 1e-9
        assert shapely.area(ring.difference(drawn).difference(below_the_line)) < 1e-9


def test_a_selected_outline_is_wider_the_others_are_seen_and_all_keep_their_width_on_the_screen():
    masks = {1: np.eye(4, dtype=bool), 2: np.zeros((4, 4), dtype=bool)}
    masks[2][0, 3] = True
    layer = outline_layer("niches", masks, {1: "#0072B2", 2: "#F0E442"}, (50.0, 25.0))
    for zoom in (0.02, 3.0):
        follow_zoom(layer, zoom)
        assert layer.edge_width * zoom == pytest.approx(STRIPE_PX)
    mark(layer, 2)
    label = np.tile(layer.metadata["label"], 4).reshape(4, -1)
    alpha = layer.edge_color[:, 3].reshape(4, -1)
    assert (alpha[:, label[0] == 2] == 1).all()
    assert alpha[:, label[0] == 1].max(axis=1) == pytest.approx([FADED, FADED, 0, FADED])
    first, second = layer.data.reshape(4, -1, 2, 2)[2:, :, 0]
    away_px = np.abs(first - second).max(axis=1) * 3.0
    assert np.allclose(away_px, np.where(label[0] == 2, STRIPE_PX, 0))


@pytest.mark.parametrize(
    "colour", [*GRADE_COLOURS.values(), LYMPHOID_COLOUR, ROLE_COLOURS["effector"], *TISSUE_COLOURS.values()]
)
def test_every_line_is_told_from_its_casing(colour):
    """WCAG's contrast of what is no text: 3."""
    dark, bright = sorted((_luminance(colour), _luminance(casing_of(colour))))
    assert (bright + 0.05) / (dark + 0.05) >= 3


def test_numbers_of_two_digits_have_larger_discs_and_keep_them_at_every_zoom():
    masks = {label: np.eye(3, dtype=bool) for label in (9, 10, 100)}
    layer = badges("niche numbers", masks, dict.fromkeys(masks, "#0072B2"), (50.0, 50.0))
    for zoom in (0.02, 3.0):
        follow_zoom(layer, zoom)
        assert (layer.size * zoom).tolist() == pytest.approx([BADGE_PX + more * DIGIT_PX for more in range(3)])


def test_outlines_and_numbers_have_pictures_in_their_colour_that_napari_does_not_blacken():
    masks, blue = {1: np.eye(3, dtype=bool)}, [0, 0x72, 0xB2]
    for layer in (make("niches", masks, {1: "#0072B2"}, (50.0, 50.0)) for make in (outline_layer, badges)):
        follow_zoom(layer, 3.0)
        layer.refresh()
        seen = layer.thumbnail[..., :3].reshape(-1, 3)
        assert seen[seen.any(axis=1)].tolist() == [blue] * int(seen.any(axis=1).sum()) != []


def test_a_region_of_nothing_has_no_lines_and_can_be_marked():
    layer = outline_layer("niches", {}, {}, (50.0, 50.0))
    mark(layer, 1)
    follow_zoom(layer, 2.0)
    assert len(layer.data) == 0


def test_what_is_out_of_date_says_so_on_the_canvas_and_in_the_list(watched, session):
    viewer, _ = watched
    cold, tissue = layers.find(viewer, "coldness"), layers.find(viewer, "tissue outline")
    layers.find(viewer, "p_local").name = "mine"
    former = session.get("niches", "radius_um")
    session.put("niches", "radius_um", 170.0)
    assert cold.name == "coldness (log₂ ratio) (out of date)"
    assert cold.name_overlay.visible  # which shows the name of the layer
    assert layers.find(viewer, "p_local").name == "mine (out of date)"
    assert tissue.name == "tissue outline"
    layers.show(viewer, session, "niches")  # made anew of the same: as where a project is opened
    assert layers.find(viewer, "coldness").name == "coldness (log₂ ratio) (out of date)"
    session.put("niches", "radius_um", former)
    assert layers.find(viewer, "coldness").name == "coldness (log₂ ratio)"
    assert layers.find(viewer, "p_local").name == "mine"


def test_an_image_that_reaches_further_is_in_sight_too_unless_it_is_hidden(watched, session):
    viewer, _ = watched
    viewer.canvas.size = (430, 590)
    layers.fit_section(viewer, session)
    alone = viewer.scene.camera.zoom
    image = viewer.add_image(np.zeros((9, 9)), scale=(2000.0, 2000.0), metadata={layers.KEY: "microscopy"})
    layers.fit_section(viewer, session)
    center, zoom = np.array(viewer.scene.camera.center[1:]), viewer.scene.camera.zoom
    low_um, high_um = image.extent.world
    assert (center - np.array([430, 590]) / 2 / zoom <= low_um).all()
    assert (center + np.array([430, 590]) / 2 / zoom >= high_um).all()
    image.visible = False
    layers.fit_section(viewer, session)
    viewer.layers.remove(image)
    assert viewer.scene.camera.zoom == alone


@pytest.mark.parametrize("size", [(430, 590), (900, 1600), (300, 2000)])
def test_the_section_fills_what_title_and_bars_leave_free(watched, session, size):
    viewer, _ = watched
    viewer.canvas.size = size
    layers.fit_section(viewer, session)
    camera, spacing_um = viewer.scene.camera, np.array(session.value("data").dataset.grid.spacing_um)
    pixels = np.argwhere(session.value("tissue").mask)
    ends_um = np.array([(pixels.min(axis=0) - 0.5) * spacing_um, (pixels.max(axis=0) + 0.5) * spacing_um])
    low_px, high_px = (ends_um - camera.center[-2:]) * camera.zoom + np.array(size) / 2
    (top, left), (bottom, right) = layers.BARS_PX
    margins = np.concatenate([low_px - (top, left), np.array(size) - high_px - (bottom, right)])
    assert margins.min() == pytest.approx(0, abs=1e-6)
    assert margins[0] == pytest.approx(margins[2])
    assert margins[1] == pytest.approx(margins[3])


def test_texts_over_a_picture_stand_on_the_canvas_of_the_theme(watched):
    viewer, _ = watched
    for theme, ground in (("light", 1.0), ("dark", 0.0)):
        viewer.theme = theme
        for overlay in (
            viewer.canvas.overlays.scale_bar,
            layers.find(viewer, "coldness").colorbar,
            layers.find(viewer, "coldness").name_overlay,
        ):
            assert overlay.box_color.tolist() == [ground, ground, ground, 1]
