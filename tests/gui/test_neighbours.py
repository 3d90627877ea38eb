"""Several imzML of one slide, on a viewer without a window."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_metime.gui.layers import layers
from napari_metime.gui.layers.neighbours import stage_shift_um
from napari_metime.recipe import Recipe
from napari_metime.section import Grid


def copy(recipe: Recipe, path: Path, *, offset_um: tuple[float, float] | None = None) -> Path:
    """Copy the section, with the place (y, x) on the slide where its upper left corner is said to lie."""
    text = recipe.ims.path.read_text(encoding="utf-8")
    if offset_um is not None:
        terms = "".join(
            f'<cvParam cvRef="IMS" accession="IMS:{accession}" name="absolute position offset {axis}" value="{value}" '
            'unitCvRef="UO" unitAccession="UO:0000017" unitName="micrometer"/>'
            for accession, axis, value in (("1000054", "y", offset_um[0]), ("1000053", "x", offset_um[1]))
        )
        text, n = re.subn(r"(<scanSettings [^>]*>)", lambda found: found[1] + terms, text)
        assert n == 1
    path.write_text(text, encoding="utf-8")
    path.with_suffix(".ibd").write_bytes(recipe.ims.path.with_suffix(".ibd").read_bytes())
    return path


@pytest.fixture
def open_all(dock, settle, qtbot):
    def open_paths(*paths: Path) -> None:
        for path in paths:
            dock.bench.arrivals.open_path(path)
        settle(dock)
        neighbours = len(paths) - 1
        qtbot.waitUntil(lambda: len(shown(dock)) == neighbours, timeout=20_000)

    return open_paths


def shown(dock):
    return [layer for layer in dock.bench.viewer.layers if layer.metadata[layers.KEY] == "neighbour"]


def test_the_first_of_several_is_the_section_and_the_others_lie_where_the_stage_stood(dock, open_all, tmp_path, recipe):
    first = copy(recipe, tmp_path / "a.imzML", offset_um=(1000.0, 500.0))
    open_all(first, copy(recipe, tmp_path / "b.imzML", offset_um=(-2000.0, 6500.5)))
    assert dock.session.get("ims", "path") == first
    assert dock.session.state("data") == "done"
    (layer,) = shown(dock)
    assert layer.name == "TIC b"
    assert tuple(layer.translate) == (-3000.0, 6000.5)
    assert np.array_equal(layer.data, layers.find(dock.bench.viewer, "tic").data, equal_nan=True)
    assert dock.session.log[-1].endswith("  b.imzML: shown by its stage offset")


def test_without_stage_offsets_they_stand_side_by_side_and_it_is_told(dock, open_all, tmp_path, recipe):
    open_all(*(copy(recipe, tmp_path / f"{name}.imzML") for name in "abc"))
    boxes = [layer.extent.world for layer in (layers.find(dock.bench.viewer, "tic"), *shown(dock))]
    for left, right in pairwise(boxes):
        assert left[1, 1] < right[0, 1]
        assert left[0, 0] == right[0, 0]
    assert sum("its place on the slide is not known" in line for line in dock.session.log) == 2


def test_a_file_opened_later_takes_the_place_of_the_former(dock, open_all, tmp_path, recipe, settle, qtbot):
    open_all(copy(recipe, tmp_path / "a.imzML"), copy(recipe, tmp_path / "b.imzML"))
    qtbot.waitUntil(lambda: not dock.bench.arrivals._drop.isActive())
    dock.bench.arrivals.open_path(copy(recipe, tmp_path / "c.imzML"))
    settle(dock)
    assert dock.session.get("ims", "path") == tmp_path / "c.imzML"
    assert shown(dock) == []


def test_both_files_of_several_pairs_give_one_layer_each(dock, open_all, tmp_path, recipe):
    paths = [copy(recipe, tmp_path / f"{name}.imzML") for name in "ab"]
    for path in paths:
        dock.bench.arrivals.open_path(path.with_suffix(".ibd"))
    open_all(*paths)
    assert [layer.name for layer in dock.bench.viewer.layers] == ["TIC", "TIC b"]


def test_a_bad_neighbour_is_told_and_the_next_is_shown(dock, tmp_path, recipe, settle, qtbot):
    good = [copy(recipe, tmp_path / f"{name}.imzML") for name in "ac"]
    bad = tmp_path / "b.imzML"
    bad.write_text("no XML")
    bad.with_suffix(".ibd").write_bytes(b"")
    for path in (good[0], bad, good[1]):
        dock.bench.arrivals.open_path(path)
    settle(dock)
    qtbot.waitUntil(lambda: len(shown(dock)) == 1, timeout=20_000)
    assert [layer.name for layer in shown(dock)] == ["TIC c"]
    assert any("  b.imzML: expected" in line for line in dock.session.log)
    assert dock.session.error("data") == ""


@pytest.mark.parametrize(
    ("origin", "offset_um", "wanted"),
    [((1, 1), (5.0, 35.0), (0.0, 30.0)), ((11, 1), (5.0, 5.0), (500.0, 0.0)), ((1, 1), None, None)],
)
def test_the_shift_is_that_of_the_first_pixels(origin, offset_um, wanted):
    grid = Grid((4, 4), (1, 1), (50.0, 25.0))
    first = SimpleNamespace(grid=grid, stage_offset_um=(5.0, 5.0))
    other = SimpleNamespace(grid=replace(grid, origin=origin), stage_offset_um=offset_um)
    assert stage_shift_um(first, other) == wanted


def test_offsets_of_nought_are_what_writers_put_where_they_do_not_know():
    file = SimpleNamespace(grid=Grid((4, 4), (1, 1), (50.0, 25.0)), stage_offset_um=(0.0, 0.0))
    assert stage_shift_um(file, file) is None
