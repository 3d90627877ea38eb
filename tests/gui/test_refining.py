"""Refining in the window: one button, before and after, refused in words, cancelled half-way."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_metime.alignment import Refinement
from napari_metime.alignment.pictures import Picture
from napari_metime.errors import AlignmentError
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.comparison import colours, tiles
from napari_metime.gui.running import work
from napari_metime.refining import Refined

SHIFT = np.array([[1.0, 0, 30], [0, 1, -20], [0, 0, 1]])


@pytest.fixture
def aligned(dock, recipe_path, settle, click):
    """A section with aligned cells."""
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    click(dock, "cells", "align")
    return dock


def found(dataset, *, accepted: bool) -> Refinement:
    image = np.random.default_rng(0).random(dataset.grid.shape)
    return Refinement(
        accepted,
        "the two pictures hardly overlap" if not accepted else "rigid",
        "rigid",
        SHIFT,
        None,
        0.125,
        0.25 if accepted else 0.125,
        0.01,
        4.0,
        36.0,
        Picture(image, dataset.grid.spacing_um),
        image[::-1],
        image,
    )


def stub(monkeypatch, *, accepted: bool) -> None:
    """Put a refinement with a known outcome in place of the real one."""

    def refine(dataset, tissue, cells, alignment, recipe, **_):
        better = replace(alignment, matrix=SHIFT @ alignment.matrix) if accepted else alignment
        told = () if accepted else ("The alignment was not refined: hardly overlap; the rough one is kept.",)
        return Refined(better, accepted, "The alignment was refined.", told, found(dataset, accepted=accepted))

    monkeypatch.setattr(work, "refine_alignment", refine)


def block(dock):
    return dock.panels["align"].refine


def test_the_cells_move_by_what_was_found_and_the_metric_is_told(aligned, settle, monkeypatch):
    stub(monkeypatch, accepted=True)
    before = aligned.session.value("align").cells
    block(aligned).refine.click()
    settle(aligned)
    after = aligned.session.value("align").cells
    assert np.allclose(after.x - before.x, 30)
    assert np.allclose(after.y - before.y, -20)
    assert "0.125 bits before, 0.250 after" in block(aligned).bits.text()
    assert aligned.session.get("align", "refine") == {"channel": "cells", "to": "components", "transform": "affine"}
    assert aligned.session.value("align").refined_from.after_bits == 0.25
    assert "before it was refined" in aligned.panels["align"].block.fit.text()
    block(aligned).drop.click()
    settle(aligned)
    assert np.array_equal(aligned.session.value("align").cells.x, before.x)
    assert aligned.session.get("align", "refine") is None


def test_a_refused_one_leaves_the_cells_and_says_why(aligned, settle, monkeypatch):
    stub(monkeypatch, accepted=False)
    before = aligned.session.value("align").cells
    block(aligned).refine.click()
    settle(aligned)
    assert np.array_equal(aligned.session.value("align").cells.x, before.x)
    assert block(aligned).bits.text().startswith("✕ Refused")
    assert "hardly overlap" in aligned.panels["align"].warnings.text()


def test_what_is_made_of_the_alignment_stays_done_where_a_refinement_changes_nothing(
    aligned, click, settle, monkeypatch
):
    aligned.session.put("tissue", "method", "cells")
    click(aligned, "tissue", "metabolites")
    stub(monkeypatch, accepted=False)
    for button in (block(aligned).refine, block(aligned).drop):
        button.click()
        settle(aligned)
        assert [aligned.session.state(step) for step in ("align", "tissue", "metabolites")] == ["done"] * 3
    stub(monkeypatch, accepted=True)
    block(aligned).refine.click()
    settle(aligned)
    assert [aligned.session.state(step) for step in ("align", "tissue", "metabolites")] == ["done", "stale", "stale"]


def test_an_error_is_told_and_the_alignment_stays_done(aligned, settle, monkeypatch):
    def refine(*_, **__):
        raise AlignmentError("expected SimpleITK for align.refine, found it not installed; install it")

    monkeypatch.setattr(work, "refine_alignment", refine)
    before = aligned.session.value("align")
    block(aligned).refine.click()
    settle(aligned)
    assert "SimpleITK" in aligned.panels["align"].error.text()
    assert aligned.session.value("align") is before
    assert aligned.session.state("align") == "done"
    assert aligned.session.get("align", "refine") is None


def test_cancelling_half_way_leaves_the_alignment_as_it_was(aligned, settle, monkeypatch, qtbot):
    started = threading.Event()

    def refine(*_, on_progress, **__):
        while True:
            started.set()
            on_progress(0.5, "comparing")

    monkeypatch.setattr(work, "refine_alignment", refine)
    before = aligned.session.value("align")
    block(aligned).refine.click()
    qtbot.waitUntil(started.is_set)
    aligned.panels["align"].cancel.click()
    settle(aligned)
    assert aligned.session.value("align") is before
    assert aligned.session.state("align") == "done"


def test_before_and_after_lie_on_the_ions_and_take_turns(aligned, settle, monkeypatch, qtbot):
    stub(monkeypatch, accepted=True)
    assert block(aligned).compare_row.isHidden()
    block(aligned).refine.click()
    settle(aligned)
    comparison, viewer = aligned.bench.comparison, aligned.bench.viewer
    comparison.show("tiles")
    first = layers.find(viewer, "comparison")
    assert tuple(first.scale) == aligned.session.value("data").dataset.grid.spacing_um
    block(aligned).flip.click()
    assert layers.find(viewer, "comparison").name == "ions and before"
    assert not np.array_equal(layers.find(viewer, "comparison").data, first.data)
    comparison.blink(True)
    qtbot.waitUntil(lambda: layers.find(viewer, "comparison").name == "ions and after", timeout=5000)
    comparison.show("")
    assert layers.find(viewer, "comparison") is None
    assert not comparison.is_blinking


def test_closing_the_dock_stops_the_blinking(aligned, settle, monkeypatch):
    stub(monkeypatch, accepted=True)
    block(aligned).refine.click()
    settle(aligned)
    aligned.bench.comparison.show("colours")
    aligned.bench.comparison.blink(True)
    aligned.bench.close()
    assert not aligned.bench.comparison.is_blinking


def test_two_like_images_are_white_where_bright_and_unknown_is_transparent():
    image = np.arange(64, dtype=float).reshape(8, 8)
    image[0, 0] = np.nan
    both = colours(image, image)
    assert np.array_equal(both[..., 0], both[..., 1])
    assert np.array_equal(both[0, 0], [0, 0, 0, 0])
    assert both[7, 7].tolist() == [1, 1, 1, 1]
    assert tiles(image, image)[0, 0, 3] == 0


def test_the_microscopy_can_be_what_moves(aligned, recipe, qtbot):
    aligned.take_file(recipe.ims.path.with_name("microscopy.ome.tif"))
    qtbot.waitUntil(lambda: aligned.bench.microscope.image is not None, timeout=20_000)
    words = [block(aligned).channel.box.itemText(i) for i in range(block(aligned).channel.box.count())]
    assert words == ["the cells", *aligned.bench.microscope.image.channel_names]
