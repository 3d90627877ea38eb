from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtWidgets import QLabel

from napari_metime import pipeline
from napari_metime.export.colours import ROLE_COLOURS
from napari_metime.export.images import coldness_limits
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.cell_layers import DRAWN
from napari_metime.gui.layers.legend import Legend
from napari_metime.gui.layers.niche_layers import LEAST_P, NICHE_KINDS, as_bytes, niche_layers
from napari_metime.gui.state.session import Session
from napari_metime.section import Alignment


@pytest.fixture(scope="module")
def session(recipe) -> Session:
    session = Session()
    session.fill(recipe, pipeline.run(recipe), pipeline.read_cells(recipe.cells))
    return session


def test_every_layer_is_in_um_with_named_axes(viewer, session):
    layers.show_channel(viewer, session, "L-Lactate")
    for layer in viewer.layers:
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
        assert layer.axis_labels == ("y", "x")


def test_layers_keep_one_order_from_bottom_to_top(viewer, session):
    layers.show_channel(viewer, session, "L-Lactate")
    layers.show(viewer, session, "data")
    kinds = [layer.metadata[layers.KEY] for layer in viewer.layers]
    assert list(dict.fromkeys(kinds)) == [kind for kind in layers.ORDER if kind in kinds]
    assert {"tic", "channel", "coldness", "tissue", "niches", "cells"} <= set(kinds)


def test_the_centre_of_the_first_pixel_is_the_origin(viewer, session):
    height, width = session.value("data").dataset.grid.spacing_um
    tic = layers.find(viewer, "tic")
    assert tic.world_to_data((0, 0)) == pytest.approx((0, 0))
    assert tic.world_to_data((2 * height, 3 * width)) == pytest.approx((2, 3))


@pytest.mark.parametrize(("theme", "canvas"), [("dark", 0.0), ("light", 1.0)])
def test_the_outline_of_the_tissue_is_seen_in_both_themes(viewer, theme, canvas):
    """WCAG's contrast of greys: 3 against the canvas, and 2 against the total ion current at its middle."""
    outline, tic = layers.find(viewer, "tissue outline"), layers.find(viewer, "tic")
    viewer.theme = theme
    layers.follow_theme(viewer)
    red, green, blue, opaque = outline.edge_color[-1]
    assert red == green == blue
    assert (opaque, outline.opacity, outline.visible) == (1, 1, True)
    assert not layers.find(viewer, "tissue").visible  # its pixels hide the map below
    middle = tic.colormap.map(np.array([0.5]))[0, 0]
    for ground, least in ((canvas, 3.0), (middle, 2.0)):
        light, dark = sorted((luminance(red), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least


def luminance(grey: float) -> float:
    return grey / 12.92 if grey <= 0.04045 else ((grey + 0.055) / 1.055) ** 2.4


def test_the_total_ion_current_looks_alike_on_every_canvas(viewer):
    """Were it translucent, a light canvas would shine through, and pale cells on it be lost."""
    tic = layers.find(viewer, "tic")
    assert tic.opacity == 1
    assert np.allclose(tic.colormap.map(np.array([0.0, 1.0])), [[0, 0, 0, 1], [0.6, 0.6, 0.6, 1]])


def test_a_layer_of_the_user_is_never_replaced(session):
    viewer = ViewerModel()
    mine = viewer.add_labels(np.ones((4, 4), int), name="tissue")
    layers.show(viewer, session, "tissue")
    layers.show(viewer, session, "tissue")
    assert mine in viewer.layers
    assert mine.name == "tissue"
    assert sum(isinstance(layer, Labels) for layer in viewer.layers) == 2


def test_a_result_shown_again_replaces_its_own_layer_and_keeps_it_hidden(viewer, session):
    before = len(viewer.layers)
    layers.find(viewer, "cells").visible = False
    layers.show(viewer, session, "align")
    assert len(viewer.layers) == before
    assert not layers.find(viewer, "cells").visible


def test_each_cell_has_the_colour_of_its_role(viewer, session):
    layer = layers.find(viewer, "cells")
    assert len(layer.data) == session.value("align").cells.n_cells
    for role, colour in ROLE_COLOURS.items():
        shown = layer.face_color[(layer.features["role"] == role).to_numpy()]
        assert np.allclose(shown[:, :3] * 255, list(bytes.fromhex(colour[1:])))


def test_effectors_are_drawn_over_the_others(viewer):
    roles = layers.find(viewer, "cells").features["role"].astype(str).tolist()
    assert roles == sorted(roles, key=DRAWN.index)


def test_cells_without_landmarks_are_shown_without_a_layer_of_landmarks(viewer, session):
    assert layers.find(viewer, "landmarks") is not None
    aligned = session.value("align")
    plain = SimpleNamespace(
        value=lambda step: replace(aligned, alignment=Alignment(np.eye(3), "none")), colour_by="role", cell_types={}
    )
    layers.show(viewer, plain, "align")
    assert layers.find(viewer, "landmarks") is None
    assert len(layers.find(viewer, "cells").data) == aligned.cells.n_cells


def test_niches_are_outlined_and_numbered_as_in_the_table(viewer, session):
    niches, numbers = layers.find(viewer, "niches"), layers.find(viewer, "niche numbers")
    expected = list(range(1, session.value("niches").map.n_niches + 1))
    assert np.unique(niches.metadata["label"]).tolist() == expected
    assert numbers.features["index"].tolist() == expected
    assert numbers.text.values.tolist() == [str(label) for label in expected]


@pytest.mark.parametrize(("largest", "type_"), [(0, np.uint8), (255, np.uint8), (256, np.int32)])
def test_labels_are_bytes_where_that_loses_none_and_a_stroke_changes_no_result(largest, type_):
    labels = np.array([[0, largest]], dtype=np.int32)
    shown = as_bytes(labels)
    assert shown.dtype == type_
    assert np.array_equal(shown, labels)
    shown[0, 0] = 1
    assert labels[0, 0] == 0


def test_what_was_found_lies_in_layers_to_switch(viewer, session):
    """Only coldness, with the grey of what cannot be said, and the niches are in sight at first."""
    found, of = session.value("niches").map, {layer.metadata[layers.KEY]: layer for layer in viewer.layers}
    maps = [kind for kind in NICHE_KINDS if kind in of]
    assert {"coldness", "p_local", "q_local", "membership", "niches"} <= set(maps)
    assert [kind for kind in maps if of[kind].visible and kind != "not assessable"] == [
        "coldness",
        "domain outline",
        "niches",
        "niche numbers",
    ]
    assert [of[kind].name for kind in ("p_local", "q_local")] == ["local p (−log₁₀)", "local q (−log₁₀)"]
    assert all(of[kind].thumbnail[..., :3].any() for kind in maps)  # of those that were never in sight, too
    assert of["coldness"].contrast_limits == list(coldness_limits(found.coldness))
    known = np.isfinite(found.p_local)
    assert np.allclose(10.0 ** -of["p_local"].data[known], np.maximum(found.p_local[known], LEAST_P), rtol=1e-4)
    assert np.isnan(of["p_local"].data[~found.assessable]).all()
    assert of["membership"].contrast_limits == [0, 1]


def test_grey_is_where_nothing_can_be_said_and_structures_have_layers(session):
    result = session.value("niches")
    half = result.map.assessable.copy()
    half[:, : half.shape[1] // 2] = False
    ring = np.zeros_like(result.map.labels)
    ring[2:5, 2:5] = 1
    found = replace(result.map, assessable=half, lymphoid=ring, hot_labels=2 * ring, membership=None)
    told = replace(result, map=found)
    placed = layers.on_grid(session.value("data").dataset.grid)
    of = {layer.metadata[layers.KEY]: layer for layer in niche_layers(told, session.value("tissue").mask, placed)}
    assert np.array_equal(of["not assessable"].data > 0, result.map.domain & ~half)
    height, width = placed["scale"]
    ends = of["lymphoid structures"].metadata["lines"].reshape(-1, 2) / (height, width)
    assert (ends.min(), ends.max()) == (1.5, 4.5)  # pixels 2 to 4, from edge to edge
    assert np.unique(of["inflamed regions"].metadata["label"]).tolist() == [2]
    assert not of["lymphoid structures"].visible
    assert "membership" not in of
    ends = of["domain outline"].metadata["lines"].reshape(-1, 2) / (height, width)
    rows, cols = np.nonzero(result.map.domain)
    assert (ends.min(axis=0) + 0.5).tolist() == [rows.min(), cols.min()]
    assert (ends.max(axis=0) - 0.5).tolist() == [rows.max(), cols.max()]
    of_all = niche_layers(told, result.map.domain, placed)
    assert "domain outline" not in {layer.metadata[layers.KEY] for layer in of_all}  # that of the tissue says it


def test_the_legend_names_what_is_in_sight_and_nothing_else(qapp, viewer, session):
    legend = Legend(session, viewer.layers)
    assert not legend.coldness.isHidden()
    assert not legend.roles["effector"].isHidden()
    assert legend.lymphoid.isHidden()  # there are none
    assert not legend.domain.isHidden()
    assert legend.domain.findChild(QLabel).text() == "tumour bed (searched)"
    layers.dress_cells(viewer)  # as the canvas does while a map is in sight
    legend.refresh()
    assert [role for role, line in legend.roles.items() if not line.isHidden()] == ["effector", "suppressor"]
    layers.mark_niche(viewer, 1)  # all cells of a niche in hand are drawn
    legend.refresh()
    assert not legend.roles["tumor"].isHidden()
    viewer.layers.insert(0, Labels(np.ones((3, 3), np.uint8), metadata={layers.KEY: "lymphoid structures"}))
    for kind in ("cells", "coldness", "niches"):
        layers.find(viewer, kind).visible = False
    legend.refresh()
    assert not legend.lymphoid.isHidden()
    hidden = (legend.coldness, legend.not_assessable, *legend.roles.values(), *legend.grades.values())
    assert all(line.isHidden() for line in hidden if line is not legend.not_assessable)


def test_contrast_ignores_what_is_off_tissue_and_nan():
    image = np.linspace(0, 100, 101, dtype=np.float32).reshape(1, -1)
    inside = np.ones(image.shape, bool)
    assert layers.contrast_limits(image, inside) == pytest.approx((1, 99))
    image[0, 50], inside[0, 51:] = np.nan, False
    assert layers.contrast_limits(image, inside)[1] < 50
    assert layers.contrast_limits(np.zeros((2, 2), np.float32), np.ones((2, 2), bool)) == (0.0, 1.0)


def test_showing_a_channel_hides_what_would_cover_it(viewer, session):
    names = [channel.name for channel in session.value("metabolites").channels[:2]]
    for name in names:
        layers.show_channel(viewer, session, name)
    visible = [layer.name for layer in viewer.layers if isinstance(layer, Image) and layer.visible]
    assert visible == ["TIC", f"{names[1]} (intensity at median TIC)"]


def test_clear_removes_ours_only(viewer):
    mine = viewer.add_image(np.zeros((3, 3)))
    layers.clear(viewer)
    assert list(viewer.layers) == [mine]
