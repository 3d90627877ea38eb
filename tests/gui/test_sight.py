"""One map is in sight at a time; what a person does to the layers breaks nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_metime import pipeline
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.frame import KEY
from napari_metime.gui.layers.sight import MAPS, bring_into_sight
from napari_metime.gui.state.chain import STEPS
from napari_metime.gui.state.session import Session
from napari_metime.section import TissueRegions

ION, RATIO, AXIS = "L-Lactate", "lactate_pyruvate", "axis:lactate_glycolysis"
OUTLINES = ("tissue outline", "niches", "niche numbers", "cells")


@pytest.fixture(scope="module")
def filled(recipe):
    """What a run finds, with a ratio and a score beside its ions."""
    result = pipeline.run(recipe)
    (lactate,) = (channel for channel in result.channels.channels if channel.name == ION)
    log2 = np.log2(lactate.image + 1) - 2
    ratio = replace(lactate, name=RATIO, kind="ratio", image=log2)
    more = (ratio, replace(ratio, name=AXIS, kind="axis", image=-log2))
    ions = tuple(channel for channel in result.channels.channels if channel.kind == "ion")
    return replace(result, channels=replace(result.channels, channels=(*ions, *more)))


@pytest.fixture
def session(recipe, filled) -> Session:
    session = Session()
    session.fill(recipe, filled, pipeline.read_cells(recipe.cells))
    return session


def maps(viewer) -> list[str]:
    """The maps in sight, by channel or kind."""
    shown = [layer.metadata for layer in viewer.layers if layer.visible and layer.metadata.get(KEY) in MAPS]
    return [about.get("channel", about[KEY]) for about in shown if about[KEY] != "not assessable"]


def active(viewer) -> dict:
    return viewer.layers.selection.active.metadata


def tic(viewer):
    return layers.find(viewer, "tic")


def test_one_map_is_in_sight_and_it_is_the_active_layer(viewer, session):
    assert maps(viewer) == ["coldness"]
    assert active(viewer)[KEY] == "coldness"
    for name in (ION, RATIO, AXIS, ION):
        layers.show_channel(viewer, session, name)
        assert maps(viewer) == [name]
        assert active(viewer)["channel"] == name
        assert all(layers.find(viewer, kind).visible for kind in OUTLINES)
    bring_into_sight(viewer, layers.find(viewer, "coldness"), has_gaps=True)
    assert maps(viewer) == ["coldness"]


def test_a_niche_result_hides_an_ion_once_and_leaves_later_choices(session):
    viewer = ViewerModel()
    for step in STEPS[:-2]:
        layers.show(viewer, session, step)
    layers.show_channel(viewer, session, ION)
    layers.show(viewer, session, "niches")
    assert maps(viewer) == ["coldness"]
    layers.show_channel(viewer, session, ION)
    layers.show(viewer, session, "niches")
    assert maps(viewer) == [ION]


def test_a_brush_in_hand_stays_in_hand(viewer, session):
    canvas = layers.find(viewer, "tissue")
    layers.start_painting(viewer, canvas, "paint")
    layers.show_channel(viewer, session, ION)
    assert viewer.layers.selection.active is canvas
    assert (canvas.visible, str(canvas.mode)) == (True, "paint")
    canvas.mode = "pan_zoom"
    assert not canvas.visible  # then the outline says it


def test_the_picture_below_makes_way_for_a_map_with_gaps_and_comes_back(viewer, session):
    layers.show_channel(viewer, session, ION)
    assert tic(viewer).visible
    layers.show_channel(viewer, session, RATIO)
    assert not tic(viewer).visible
    layers.show(viewer, session, "data")  # made anew meanwhile
    layers.show_channel(viewer, session, ION)
    assert tic(viewer).visible
    tic(viewer).visible = False  # by a person
    layers.show_channel(viewer, session, RATIO)
    layers.show_channel(viewer, session, ION)
    assert not tic(viewer).visible


def test_what_cannot_be_assessed_comes_and_goes_with_the_maps_of_niches(session, recipe, filled):
    found = filled.niches.map
    half = found.assessable.copy()
    half[:, : half.shape[1] // 2] = False
    told = replace(filled, niches=replace(filled.niches, map=replace(found, assessable=half)))
    session.fill(recipe, told, pipeline.read_cells(recipe.cells))
    viewer = ViewerModel()
    for step in STEPS:
        layers.show(viewer, session, step)
    grey = layers.find(viewer, "not assessable")
    assert grey.visible
    layers.show_channel(viewer, session, ION)
    assert not grey.visible
    bring_into_sight(viewer, layers.find(viewer, "p_local"), has_gaps=True)
    assert grey.visible
    assert maps(viewer) == ["p_local"]
    layers.remove(viewer, "not assessable")  # as where all could be assessed before
    layers.show_channel(viewer, session, ION)
    layers.show(viewer, session, "niches")
    assert not layers.find(viewer, "not assessable").visible
    assert maps(viewer) == [ION]


def test_every_map_has_a_bar_a_title_and_opaque_colours(viewer, session):
    for name in (ION, RATIO, AXIS):
        layers.show_channel(viewer, session, name)
    of = {layer.metadata.get("channel", layer.metadata[KEY]): layer for layer in viewer.layers}
    titles = {
        ION: "L-Lactate (intensity at median TIC)",
        RATIO: "Lactate / pyruvate (log₂ ratio)",
        AXIS: "Lactate and glycolysis axis (z)",
        "coldness": "coldness (log₂ ratio)",
        "p_local": "local p (−log₁₀)",
        "q_local": "local q (−log₁₀)",
        "membership": "probability of a cold region",
    }
    for key, title in titles.items():
        layer = of[key]
        assert (layer.name, layer.colorbar.visible, layer.name_overlay.visible) == (title, True, True)
        assert (layer.colormap.colors[:, 3] == 1).all()  # or the colours were not those of the bar
        assert layer.colormap.map(np.array([np.nan]))[0, 3] == 0


def test_a_ratio_is_symmetric_about_zero_and_shown_on_the_tissue_only(viewer, session):
    layers.show_channel(viewer, session, RATIO)
    layer, mask = layers.find(viewer, "channel", RATIO), session.value("tissue").mask
    low, high = layer.contrast_limits
    assert low == -high
    assert np.isnan(layer.data[~mask]).all()
    channel = next(c for c in session.value("metabolites").channels if c.name == RATIO)
    assert np.array_equal(layer.data[mask], channel.image[mask], equal_nan=True)
    assert not mask.all()


def test_an_image_of_nothing_says_so_in_place_of_a_colour_bar(viewer, session):
    value = session.value("metabolites")
    empty = replace(value.channels[0], name="mz:100.0000", image=np.zeros_like(value.channels[0].image))
    done = session._done["metabolites"]
    session._done["metabolites"] = replace(done, value=replace(value, channels=(*value.channels, empty)))
    layers.show_channel(viewer, session, "mz:100.0000")
    layer = layers.find(viewer, "channel", "mz:100.0000")
    assert layer.name == "m/z 100.0000: not found in any pixel"
    assert not layer.colorbar.visible
    assert layer.name_overlay.visible


def test_a_name_by_hand_stays_and_the_layer_is_still_ours(viewer, session):
    layers.show_channel(viewer, session, ION)
    layers.find(viewer, "channel", ION).name = "my lactate"
    layers.find(viewer, "coldness").name = "where it is cold"
    before = len(viewer.layers)
    for step in STEPS:
        layers.show(viewer, session, step)
    layers.show_channel(viewer, session, ION)
    assert len(viewer.layers) == before
    assert layers.find(viewer, "coldness").name == "where it is cold"
    assert layers.find(viewer, "channel", ION).name == "my lactate"


@pytest.mark.parametrize("kinds", [("coldness", "channel"), ("niches", "tic", "landmarks"), layers.ORDER])
def test_a_layer_that_a_person_removed_is_missed_by_nothing(viewer, session, kinds):
    mine = viewer.add_image(np.zeros((3, 3)), name="mine")
    layers.show_channel(viewer, session, ION)
    for kind in kinds:
        layers.remove(viewer, kind)
    layers.mark_niche(viewer, 1)
    layers.fly_to_niche(viewer, (100.0, 100.0), 50.0)
    layers.follow_theme(viewer)
    layers.recolour_cells(viewer, session)
    layers.show_channel(viewer, session, RATIO)
    assert maps(viewer) == [RATIO]
    for step in STEPS:
        layers.show(viewer, session, step)
    layers.show_channel(viewer, session, ION)
    assert maps(viewer) == [ION]
    assert mine in viewer.layers
    assert mine.visible


def test_regions_are_seen_over_the_tic(viewer, session):
    labels = session.value("tissue").mask.astype(np.int32)
    labels[:, : labels.shape[1] // 2] *= 2
    layers.show_channel(viewer, session, RATIO)
    placed = layers.on_grid(session.value("data").dataset.grid)
    layer = layers.region_layer(TissueRegions(labels, {1: "right", 2: "left"}, "", pd.DataFrame()), placed)
    layers.put(viewer, layer)
    bring_into_sight(viewer, layer)
    assert maps(viewer) == ["tissue regions"]
    assert tic(viewer).visible


def test_layers_of_the_user_keep_their_place_and_their_look(viewer, session):
    mine = viewer.add_image(np.ones((3, 3)), name="coldness", colormap="red")
    seen = (mine.visible, mine.opacity, tuple(mine.contrast_limits))
    for name in (ION, RATIO):
        layers.show_channel(viewer, session, name)
    bring_into_sight(viewer, layers.find(viewer, "coldness"), has_gaps=True)
    assert (mine.visible, mine.opacity, tuple(mine.contrast_limits)) == seen
    assert mine.colormap.name == "red"
    assert isinstance(layers.find(viewer, "coldness"), Image)
