"""Areas that a person leaves out of the tissue: drawn, erased, saved beside the recipe, and run again."""

from __future__ import annotations

import numpy as np

from napari_metime import pipeline
from napari_metime.export.placed_landmarks import LEFT_OUT
from napari_metime.gui.layers import layers
from napari_metime.ims import read_area
from napari_metime.recipe import load_recipe

HOLE = [[8, 8], [8, 14], [14, 14], [14, 8]]


def drawn(dock):
    return layers.find(dock.bench.viewer, "left out")


def draw(dock, qtbot, label=1) -> np.ndarray:
    """Draw the hole, or erase it, and wait until the session has it."""
    dock.panels["tissue"].draw.click()
    drawn(dock).paint_polygon(HOLE, label)
    qtbot.waitUntil(lambda: np.array_equal(dock.session.left_out_mask, drawn(dock).data > 0), timeout=2000)
    return drawn(dock).data > 0


def test_the_tool_puts_a_polygon_into_the_hand_and_says_how(outlined):
    panel = outlined.panels["tissue"]
    assert drawn(outlined) is None
    assert panel.how.isHidden()
    panel.draw.click()
    assert str(drawn(outlined).mode) == "polygon"
    assert "double click" in panel.how.text()
    assert panel.amount.isHidden()
    assert (panel.draw.text(), panel.draw.property("look")) == ("Done leaving out", "primary")
    panel.draw.click()
    assert str(drawn(outlined).mode) == "pan_zoom"
    assert panel.how.isHidden()
    assert (panel.draw.text(), panel.draw.property("look")) == ("Leave out areas", "link")
    panel.paint.click()
    assert panel.paint.text() == "Done painting"
    layers.find(outlined.bench.viewer, "tissue").mode = "pan_zoom"  # by napari's own button
    assert panel.paint.text() == "Repaint by hand"


def test_what_is_drawn_is_taken_out_at_once_and_told_in_mm2(outlined, qtbot):
    before = outlined.session.value("tissue").mask
    hole = draw(outlined, qtbot)
    tissue = outlined.session.value("tissue")
    assert hole.sum() > 20
    assert np.array_equal(tissue.mask, before & ~hole)
    assert np.array_equal(tissue.left_out[0].mask, hole)
    assert np.array_equal(layers.find(outlined.bench.viewer, "tissue").data > 0, tissue.mask)
    assert outlined.session.get("tissue", "exclude") == LEFT_OUT
    share = 100 * (before & hole).sum() / before.sum()
    assert f"{share:.1f} % of the tissue" in outlined.panels["tissue"].amount.text()
    assert outlined.session.state("tissue") == "done"
    assert not outlined.legend.left_out.isHidden()


def test_erasing_and_undoing_give_the_tissue_back(outlined, qtbot):
    before = outlined.session.value("tissue").mask
    draw(outlined, qtbot)
    drawn(outlined).undo()
    qtbot.waitUntil(lambda: np.array_equal(outlined.session.value("tissue").mask, before), timeout=2000)
    draw(outlined, qtbot)
    outlined.panels["tissue"].clear.click()
    assert outlined.legend.left_out.isHidden()
    assert np.array_equal(outlined.session.value("tissue").mask, before)
    assert outlined.session.value("tissue").left_out == ()
    assert outlined.session.get("tissue", "exclude") is None


def test_finding_the_tissue_again_keeps_what_was_drawn(outlined, qtbot, click):
    hole = draw(outlined, qtbot)
    outlined.session.put("tissue", "method", "none")
    click(outlined, "tissue")
    measured = outlined.session.value("data").dataset.measured
    assert np.array_equal(outlined.session.value("tissue").mask, measured & ~hole)
    assert np.array_equal(drawn(outlined).data > 0, hole)


def test_painting_tissue_beside_a_hole_keeps_the_hole(outlined, qtbot):
    hole = draw(outlined, qtbot)
    layer = layers.find(outlined.bench.viewer, "tissue")
    layer.data_setitem(np.nonzero(np.ones_like(hole)), 1)
    qtbot.waitUntil(lambda: outlined.session.value("tissue").method == "painted", timeout=2000)
    measured = outlined.session.value("data").dataset.measured
    assert np.array_equal(outlined.session.value("tissue").mask, measured & ~hole)
    assert np.array_equal(layer.data > 0, measured & ~hole)


def test_leaving_everything_out_is_told_and_nothing_is_lost(outlined, settle):
    before = outlined.session.value("tissue")
    outlined.panels["tissue"].draw.click()
    drawn(outlined).data_setitem(np.nonzero(np.ones_like(before.mask)), 1)
    outlined.bench.run("metabolites")
    settle(outlined)
    assert "covers all of it" in outlined.session.error("tissue")
    assert outlined.session.value("tissue") is before


def test_an_export_keeps_it_beside_its_recipe_and_runs_again(outlined, qtbot, click, tmp_path):
    hole = draw(outlined, qtbot)
    click(outlined, "metabolites", "cells", "align", "niches")
    reasons = [part.reason for part in outlined.session.value("niches").left_out]
    assert "left out by hand (left_out.ome.tif)" in reasons
    assert not outlined.session.value("niches").map.domain[hole].any()
    outlined.session.folder = tmp_path / "results"
    click(outlined, "export")
    again = load_recipe(tmp_path / "results" / "recipe.yaml")
    assert again.tissue.exclude == (tmp_path / "results" / LEFT_OUT).resolve()
    dataset = pipeline.open_dataset(again.ims)
    assert np.array_equal(read_area(again.tissue.exclude, dataset.grid), hole)
    tissue = pipeline.find_tissue(dataset, again.tissue, seed=again.seed)
    assert np.array_equal(tissue.mask, outlined.session.value("tissue").mask)
    assert tissue.left_out[0].reason == reasons[0]


def test_another_section_starts_with_nothing_left_out(outlined, qtbot, recipe_path, settle, click):
    draw(outlined, qtbot)
    outlined.bench.arrivals.open_recipe(recipe_path)
    settle(outlined)
    click(outlined, "tissue")
    assert drawn(outlined) is None
    assert not outlined.session.left_out_mask.any()
