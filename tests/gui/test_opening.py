"""Another file over a section that is being worked on: refused, asked for, or for another step."""

from __future__ import annotations

import shutil

import pytest

from napari_metime.gui import hooks
from napari_metime.gui.arriving.asking import Asking
from napari_metime.gui.arriving.dropping import target_of
from napari_metime.gui.layers import layers
from napari_metime.gui.running.words import in_one_line
from napari_metime.gui.state.chain import STEPS
from napari_metime.gui.state.made import Aligned
from napari_metime.gui.state.ways import NOTHING_YET
from napari_metime.gui.views.lower_dock import LowerDock
from napari_metime.pipeline import align_cells, read_cells
from napari_metime.recipe import load_recipe


@pytest.fixture
def worked_on(dock, recipe_path, settle, click):
    """A section with tissue, metabolites and cells."""
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    click(dock, "tissue", "metabolites", "cells")
    return dock


@pytest.fixture
def other(recipe, tmp_path):
    """A good file of another section."""
    for ending in (".imzML", ".ibd"):
        shutil.copy(recipe.ims.path.with_suffix(ending), tmp_path / f"other{ending}")
    return tmp_path / "other.imzML"


def everything(dock):
    """What a wrong file must not change, by identity of the results."""
    session = dock.session
    return session.values, [session.value(step) for step in STEPS], list(dock.bench.viewer.layers)


def write_wrong(kind, folder, recipe):
    if kind == "picture":
        path = folder / "picture.png"
        path.write_bytes(b"\x89PNG")
        return path
    path = folder / f"{kind}.imzML"
    if kind == "missing":
        return path
    path.write_bytes(b"hello" if kind == "no XML" else recipe.ims.path.read_bytes())
    ibd = recipe.ims.path.with_suffix(".ibd").read_bytes()
    if kind != "alone":
        path.with_suffix(".ibd").write_bytes(ibd[: len(ibd) // 2] if kind == "short" else ibd)
    return path


@pytest.mark.parametrize("kind", ["picture", "missing", "no XML", "alone", "short"])
def test_a_wrong_file_is_told_in_step_1_and_the_section_stays_whole(worked_on, kind, tmp_path, recipe, settle, asked):
    before = everything(worked_on)
    worked_on.open_step("cells")
    worked_on.take_file(write_wrong(kind, tmp_path, recipe))
    settle(worked_on)
    if kind == "picture":  # which is for no step, and so opens none
        assert "found picture.png" in worked_on.bench.asking.notice
        assert worked_on.session.error("data") == ""
    else:
        assert worked_on.session.error("data").startswith(("expected", f"{kind}.imzML: expected"))
    assert worked_on.panels["cells" if kind == "picture" else "data"].is_open
    assert everything(worked_on) == before
    assert worked_on.session.state("cells") == "done"
    assert bool(asked) == (kind in ("no XML", "short"))  # what is seen at once is not asked about


def test_an_alignment_by_nothing_says_what_to_do_and_cells_in_um_are_offered_as_they_are(worked_on, settle):
    panel, empty = worked_on.panels["align"], {"landmarks": None, "transform": "similarity"}
    worked_on.session.put("align", "", empty)
    worked_on.bench.run("align")
    assert worked_on.session.error("align") == NOTHING_YET["landmarks"]
    assert panel.error.text() == f"✕ {NOTHING_YET['landmarks']}"
    assert panel.already.isHidden() == (worked_on.session.value("cells").unit != "um")
    panel.already.click()
    assert worked_on.session.get("align") == "none"
    assert worked_on.session.error("align") == ""
    assert panel.already.isHidden()


def test_a_recipe_of_a_missing_file_leaves_the_section_whole(worked_on, tmp_path, recipe_path, settle):
    before = everything(worked_on)
    text = recipe_path.read_text().replace("section.imzML", "gone.imzML")
    (tmp_path / "gone.yaml").write_text(text)
    worked_on.take_file(tmp_path / "gone.yaml")
    settle(worked_on)
    assert "gone.imzML" in worked_on.session.error("data")
    assert everything(worked_on) == before


def test_a_good_file_is_asked_for_once_and_no_keeps_everything(worked_on, other, monkeypatch, settle):
    asked, before = [], everything(worked_on)

    def refuse(_, question):
        asked.append(question.words)
        question.on_no()

    monkeypatch.setattr(Asking, "ask", refuse)
    for path in (other, other.with_suffix(".ibd")):
        worked_on.take_file(path)
    settle(worked_on)
    assert len(asked) == 1
    assert "the tissue, the metabolites and the cells" in asked[0]
    assert everything(worked_on) == before
    assert worked_on.bench.neighbours.paths == []


def test_yes_goes_over_to_the_other_file_which_starts_empty(worked_on, other, asked, settle):
    for path in (other, other.with_suffix(".ibd")):
        worked_on.take_file(path)
    settle(worked_on)
    assert len(asked) == 1
    assert worked_on.session.get("ims", "path") == other
    assert [worked_on.session.value(step) is not None for step in STEPS] == [True] + 6 * [False]
    assert [layer.name for layer in worked_on.bench.viewer.layers] == ["TIC"]


def test_nothing_is_asked_where_nothing_would_be_lost(dock, recipe, other, asked, settle, qtbot):
    dock.bench.arrivals.open_path(recipe.ims.path)
    settle(dock)
    qtbot.waitUntil(lambda: not dock.bench.arrivals._drop.isActive())
    dock.bench.arrivals.open_path(other)
    settle(dock)
    assert dock.session.get("ims", "path") == other
    assert asked == []


def test_cells_and_microscopy_that_came_first_stay_with_the_section_unasked(dock, recipe, asked, settle, click, qtbot):
    dock.take_file(recipe.cells.path)
    settle(dock)
    dock.session.put("cells", "unit", "px")
    dock.session.put("cells", "pixel_size_um", recipe.cells.pixel_size_um or 0.5)  # or the image waits for its scale
    click(dock, "cells")
    image = recipe.ims.path.with_name("microscopy.ome.tif")
    dock.take_file(image)
    qtbot.waitUntil(lambda: dock.bench.microscope.image is not None, timeout=20_000)
    dock.take_file(recipe.ims.path)
    settle(dock)
    qtbot.waitUntil(lambda: layers.find(dock.bench.viewer, "microscopy") is not None, timeout=20_000)
    assert dock.session.is_current("cells")
    assert dock.session.state("align") == "ready"
    assert asked == []


def test_further_files_of_a_drop_lie_beside_the_new_section(worked_on, other, settle, qtbot):
    third = other.with_name("third.imzML")
    for ending in (".imzML", ".ibd"):
        shutil.copy(other.with_suffix(ending), third.with_suffix(ending))
    for path in (other, third):
        worked_on.take_file(path)
    settle(worked_on)
    qtbot.waitUntil(lambda: layers.find(worked_on.bench.viewer, "neighbour") is not None, timeout=20_000)
    assert [layer.name for layer in worked_on.bench.viewer.layers] == ["TIC", "TIC third"]


def test_landmarks_go_to_step_5_from_any_way_of_aligning(worked_on, recipe, settle):
    path, before = recipe.align.landmarks, worked_on.session.get("cells")
    assert target_of(path, wants_cells=True) == "landmarks"
    assert target_of(recipe.cells.path, wants_cells=True) == "cells"
    worked_on.session.put("align", "", {"matrix": None, "extra_error_um": 20.0})
    worked_on.take_file(path)
    settle(worked_on)
    assert worked_on.panels["align"].is_open
    assert worked_on.session.get("align", "landmarks") == path
    assert worked_on.session.get("align", "extra_error_um") == 20.0
    assert len(worked_on.session.pairs.placed) == len(path.read_text().splitlines()) - 1
    assert worked_on.session.get("cells") == before
    assert worked_on.session.state("cells") == "done"


def test_napari_hands_landmarks_over_only_where_there_is_a_window(recipe, monkeypatch):
    monkeypatch.setattr("napari.current_viewer", lambda: None)
    assert hooks.get_cells_reader(str(recipe.align.landmarks)) is None
    monkeypatch.setattr("napari.current_viewer", object)
    assert hooks.get_cells_reader(str(recipe.align.landmarks)) is hooks.read_cells


def test_an_imzml_where_cells_are_wanted_is_sent_to_step_1(dock, recipe, other, settle):
    dock.bench.arrivals.open_path(recipe.ims.path)
    settle(dock)
    dock.open_step("cells")
    dock.take_file(other)
    settle(dock)
    assert "this is an imzML; open it in step 1" in dock.session.error("cells")
    assert dock.session.get("ims", "path") == recipe.ims.path


def test_an_error_is_scrolled_into_sight(worked_on, qtbot):
    worked_on.resize(340, 420)
    worked_on.show()
    worked_on.open_step("data")
    worked_on._scroll.verticalScrollBar().setValue(0)
    worked_on.session.refuse("cells", "expected something else; do it")
    label, scroll = worked_on.panels["cells"].error, worked_on._scroll
    seen = scroll.viewport().rect()
    qtbot.waitUntil(
        lambda: seen.contains(label.mapTo(scroll.viewport(), label.rect().center())), timeout=2000
    )
    assert worked_on.panels["cells"].is_open


def test_the_lower_dock_forgets_the_former_section_and_stale_rows_do_no_harm(worked_on, other, settle, qtbot):
    lower = LowerDock(worked_on.bench)
    qtbot.addWidget(lower)
    assert not lower.metabolites.table.is_empty
    shown = lower.metabolites.table.entries.groups[0].entries[0].title
    worked_on.bench.arrivals.open_path(other)
    settle(worked_on)
    assert lower.metabolites.table.is_empty
    assert lower.niches.table.frame_model.rowCount() == 0
    lower.metabolites.select(shown)  # a row of the former section is nowhere
    layers.show_channel(worked_on.bench.viewer, worked_on.session, "L-Lactate")
    assert [layer.name for layer in worked_on.bench.viewer.layers] == ["TIC"]


def test_two_landmarks_have_an_unknown_error_and_more_a_short_one_with_its_unit(recipe_path, tmp_path):
    recipe = load_recipe(recipe_path)
    lines = recipe.align.landmarks.read_text().splitlines()
    (tmp_path / "two.csv").write_text("\n".join(lines[:3]) + "\n")
    table = read_cells(recipe.cells)
    texts = []
    for path in (recipe.align.landmarks, tmp_path / "two.csv"):
        align = recipe.align.model_copy(update={"landmarks": path})
        placed = align_cells(table, pixel_size_um=recipe.cells.pixel_size_um, align=align)
        texts.append(in_one_line(Aligned.of(table, *placed)))
    known, unknown = texts
    assert known.split(" · ")[0].startswith("off by ")
    assert known.split(" · ")[0].endswith(" µm")
    assert unknown == "error unknown · similarity (scaled)"
