"""Regions of the tissue in the window: found, named, merged, cancelled, dropped, and used as a domain."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd

from napari_metime import pipeline
from napari_metime.errors import TissueError
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.region_layer import KIND
from napari_metime.gui.state.regions import region_mask, region_names
from napari_metime.gui.views.region_table import NAME
from napari_metime.gui.widgets.colours import REGION_COLOURS
from napari_metime.recipe import load_recipe


def block(dock):
    return dock.panels["tissue"].regions


def shown(dock):
    return layers.find(dock.bench.viewer, KIND)


def regions(dock):
    return dock.session.value("tissue").regions


def find(dock, settle, n=2) -> None:
    """Ask for some regions by the controls of the block."""
    block(dock).number.box.setCurrentIndex(block(dock).number._values.index(n))
    block(dock).number.box.activated.emit(block(dock).number.box.currentIndex())
    block(dock).start.click()
    settle(dock)
    assert dock.session.error("tissue") == ""


def name(dock, label: int, text: str) -> None:
    block(dock).table.item(label - 1, NAME).setText(text)


def cell(dock, label: int, column: int) -> str:
    return block(dock).table.item(label - 1, column).text()


def test_before_there_is_a_tissue_the_block_says_what_it_waits_for(dock, recipe_path, settle):
    assert "find it first" in block(dock).waits.text()
    assert not block(dock).start.isEnabled()
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    block(dock).start.click()
    assert dock.session.get("tissue", "regions")["method"] == "none"
    assert not dock.panels["tissue"].fold.head.isChecked()


def test_one_button_finds_regions_and_shows_them_in_layer_table_and_recipe(outlined, settle):
    mask = outlined.session.value("tissue").mask
    find(outlined, settle)
    found = regions(outlined)
    assert outlined.session.state("tissue") == "done"
    assert np.array_equal(outlined.session.value("tissue").mask, mask)
    assert np.array_equal(shown(outlined).data, found.labels)
    assert tuple(shown(outlined).scale) == outlined.session.value("data").dataset.grid.spacing_um
    assert not shown(outlined).editable
    asked = {"method": "kmeans", "n": 2, "smoothing_um": 50.0, "names": {}}
    assert outlined.session.get("tissue", "regions") == asked
    assert block(outlined).table.rowCount() == 2
    assert cell(outlined, 1, 3) == f"{(found.labels == 1).sum():,}"
    top = found.markers[found.markers["region"] == "1"].iloc[0]
    assert cell(outlined, 1, 4) == f"{top['mz']:.4f}"
    assert "2 regions" in block(outlined).note.text()
    assert "2 regions" in outlined.panels["tissue"].header.line.text()


def test_the_window_finds_what_a_run_finds(outlined, settle):
    find(outlined, settle)
    recipe = outlined.session.recipe()
    dataset = pipeline.open_dataset(recipe.ims)
    alone = pipeline.outline_tissue(recipe, dataset, None, None)
    assert np.array_equal(alone.regions.labels, regions(outlined).labels)
    pd.testing.assert_frame_equal(alone.regions.markers, regions(outlined).markers)


def test_equal_names_merge_and_another_name_parts_them_again(outlined, settle):
    find(outlined, settle, 3)
    name(outlined, 1, "tumour")
    name(outlined, 3, "tumour")
    assert outlined.session.get("tissue", "regions")["names"] == {1: "tumour", 3: "tumour"}
    assert regions(outlined).labels_of == {"tumour": (1, 3), "2": (2,)}
    assert set(regions(outlined).markers["region"]) == {"tumour", "2"}
    colours = [shown(outlined).get_color(label).tolist() for label in (1, 2, 3)]
    assert colours[0] == colours[2] != colours[1]
    assert shown(outlined).features["region"].tolist() == ["tumour", "2", "tumour"]
    assert outlined.session.state("tissue") == "done"
    name(outlined, 3, "")
    assert outlined.session.get("tissue", "regions")["names"] == {1: "tumour"}
    assert regions(outlined).names == {1: "tumour", 2: "2", 3: "3"}
    assert cell(outlined, 3, NAME) == "3"


def test_a_name_that_cannot_be_one_is_told_and_not_taken(outlined, settle):
    find(outlined, settle)
    name(outlined, 1, "2")
    assert "must not be another number" in outlined.panels["tissue"].error.text()
    assert cell(outlined, 1, NAME) == "1"
    assert regions(outlined).names[1] == "1"


def test_a_name_that_is_being_typed_is_left_alone(outlined, settle):
    find(outlined, settle)
    table = block(outlined).table
    item = table.item(0, NAME)
    table.editItem(item)
    outlined.session.changed.emit("all")
    assert table.item(0, NAME) is item
    assert table.state() == table.State.EditingState


def test_names_stay_with_the_places_that_they_were_given_to(outlined, settle):
    find(outlined, settle, 2)
    name(outlined, 1, "tumour")
    find(outlined, settle, 2)
    assert regions(outlined).names[1] == "tumour"
    tumour = regions(outlined).labels == 1
    find(outlined, settle, 3)
    labels = regions(outlined).labels
    wanted = {n: "tumour" if tumour[labels == n].mean() > 0.5 else str(n) for n in (1, 2, 3)}
    assert regions(outlined).names == wanted
    named = {n: name for n, name in wanted.items() if name == "tumour"}
    assert outlined.session.get("tissue", "regions")["names"] == named
    assert named
    assert outlined.session.state("tissue") == "done"


def test_what_was_made_of_the_tissue_stays_done(outlined, settle, click):
    click(outlined, "metabolites")
    find(outlined, settle)
    name(outlined, 1, "tumour")
    assert outlined.session.state("metabolites") == "done"
    block(outlined).drop.click()
    settle(outlined)
    assert outlined.session.state("metabolites") == "done"
    assert regions(outlined) is None
    assert shown(outlined) is None
    assert block(outlined).table.isHidden()
    assert outlined.session.get("tissue", "regions")["method"] == "none"


def test_a_region_is_a_domain_and_another_name_makes_the_niches_stale(outlined, settle, click):
    find(outlined, settle)
    name(outlined, 1, "tumour")
    editor = outlined.panels["niches"].forms[0].editors["niches", "domain"]
    assert "region tumour" in [editor.box.itemText(i) for i in range(editor.box.count())]
    editor.box.activated.emit([editor.box.itemText(i) for i in range(editor.box.count())].index("region tumour"))
    assert outlined.session.get("niches", "domain") == "region:tumour"
    assert shown(outlined).visible
    click(outlined, "metabolites", "cells", "align", "niches")
    assert not shown(outlined).visible  # coldness is to be seen
    domain = outlined.session.value("niches").map.domain
    assert domain.any()
    assert not (domain & (regions(outlined).labels != 1)).any()
    name(outlined, 2, "tumour")
    assert outlined.session.state("niches") == "stale"
    assert outlined.session.state("metabolites") == "done"
    name(outlined, 2, "")
    assert outlined.session.state("niches") == "done"
    name(outlined, 1, "bed")
    outlined.panels["niches"].primary.click()
    settle(outlined)
    assert "found 'tumour'" in outlined.panels["niches"].error.text()


def test_names_do_not_touch_niches_that_no_region_is_the_domain_of(outlined, settle, click, tmp_path):
    find(outlined, settle)
    click(outlined, "metabolites", "cells", "align", "niches")
    outlined.session.folder = tmp_path / "results"
    click(outlined, "export")
    name(outlined, 1, "tumour")
    assert outlined.session.state("niches") == "done"
    assert outlined.session.state("export") == "stale"
    click(outlined, "export")
    assert set(pd.read_csv(tmp_path / "results" / "markers.csv", dtype={"region": str})["region"]) == {"tumour", "2"}
    assert load_recipe(tmp_path / "results" / "recipe.yaml").tissue.regions.names == {1: "tumour"}


def test_painting_drops_the_regions_and_the_block_keeps_what_was_asked(outlined, settle, qtbot):
    find(outlined, settle)
    name(outlined, 1, "tumour")
    layer = layers.find(outlined.bench.viewer, "tissue")
    layer.data_setitem(np.nonzero(np.ones_like(layer.data)), 1)
    qtbot.waitUntil(lambda: outlined.session.value("tissue").method == "painted", timeout=2000)
    assert regions(outlined) is None
    assert shown(outlined) is None
    assert outlined.session.get("tissue", "regions") == {"method": "none", "n": 2, "smoothing_um": 50.0, "names": {}}
    assert any("changed by hand" in line for line in outlined.session.log)
    find(outlined, settle)
    assert outlined.session.value("tissue").method == "painted"
    assert np.array_equal(regions(outlined).labels > 0, outlined.session.value("data").dataset.measured)


def test_regions_lie_outside_what_is_left_out(outlined, settle, qtbot):
    outlined.panels["tissue"].draw.click()
    drawn = layers.find(outlined.bench.viewer, "left out")
    drawn.paint_polygon([[8, 8], [8, 14], [14, 14], [14, 8]], 1)
    qtbot.waitUntil(lambda: outlined.session.left_out_mask.any(), timeout=2000)
    find(outlined, settle)
    assert not (regions(outlined).labels[outlined.session.left_out_mask] > 0).any()
    outlined.panels["tissue"].clear.click()
    assert regions(outlined) is None


def test_cancelling_leaves_all_as_it_was_and_a_second_click_starts_nothing(outlined, settle, monkeypatch, qtbot):
    find(outlined, settle)
    before, settings = outlined.session.value("tissue"), outlined.session.get("tissue", "regions")
    started, starts = threading.Event(), []

    def wait(*_, on_progress, **__):
        starts.append(1)
        while True:
            started.set()
            on_progress(0.5, "smoothing")

    monkeypatch.setattr(pipeline, "divide_tissue", wait)
    block(outlined).number.box.activated.emit(2)
    block(outlined).start.click()
    qtbot.waitUntil(started.is_set)
    assert not block(outlined).start.isEnabled()
    block(outlined).start.click()
    block(outlined)._on_find()
    assert starts == [1]
    outlined.panels["tissue"].cancel.click()
    settle(outlined)
    assert outlined.session.value("tissue") is before
    assert outlined.session.get("tissue", "regions") == settings
    assert outlined.session.state("tissue") == "done"


def test_an_error_is_told_and_the_former_regions_stay(outlined, settle, monkeypatch):
    find(outlined, settle)
    before = outlined.session.value("tissue")

    def fail(*_, **__):
        raise TissueError("expected peaks, found none; check the file")

    monkeypatch.setattr(pipeline, "divide_tissue", fail)
    block(outlined).start.click()
    settle(outlined)
    assert "xpected peaks" in outlined.panels["tissue"].error.text()
    assert outlined.session.value("tissue") is before
    assert outlined.session.state("tissue") == "done"


def test_one_region_is_told_as_such(outlined, settle, monkeypatch):
    find(outlined, settle, "auto")
    n = int(regions(outlined).labels.max())
    assert block(outlined).note.text().startswith("1 region, the whole tissue" if n == 1 else f"{n} regions")


def test_a_recipe_with_named_regions_opens_and_runs(dock, recipe_path, settle, click, tmp_path):
    path = recipe_path.with_name("named.yaml")
    path.write_text(recipe_path.read_text() + "tissue: {regions: {method: kmeans, n: 2, names: {2: stroma}}}\n")
    dock.bench.arrivals.open_recipe(path)
    settle(dock)
    click(dock, "tissue")
    assert regions(dock).names == {1: "1", 2: "stroma"}
    assert cell(dock, 2, NAME) == "stroma"


def test_another_section_starts_without_regions(outlined, recipe_path, settle, click):
    find(outlined, settle)
    outlined.bench.arrivals.open_recipe(recipe_path)
    settle(outlined)
    click(outlined, "tissue")
    assert regions(outlined) is None
    assert shown(outlined) is None


def test_spectra_and_pixels_of_a_region_can_be_asked_for(outlined, settle):
    find(outlined, settle)
    name(outlined, 1, "tumour")
    assert region_names(outlined.session) == ("tissue", "off tissue", "region tumour", "region 2")
    assert np.array_equal(region_mask(outlined.session, "region tumour"), regions(outlined).labels == 1)
    assert region_mask(outlined.session, "region 1") is None


def test_the_colours_are_each_their_own():
    assert len(set(REGION_COLOURS)) == 16
