"""The steps by their buttons, on a viewer without a window."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_metime import pipeline
from napari_metime.cli import main
from napari_metime.gui.layers import layers
from napari_metime.gui.running.control_words import error_in_words
from napari_metime.gui.state.chain import STEPS
from napari_metime.gui.state.regions import region_mask
from napari_metime.recipe import Recipe, load_recipe
from napari_metime.section import Tissue

TABLES = ("regions.csv", "associations.csv", "gradients.csv", "cells.csv", "channels.csv")


def tables(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


@pytest.fixture
def opened(dock, recipe_path, settle):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    return dock


def test_all_steps_by_their_buttons_write_what_run_writes(opened, click, tmp_path, recipe_path):
    click(opened, "tissue", "metabolites", "cells", "align", "niches")
    opened.session.folder = tmp_path / "by_window"
    click(opened, "export")
    assert main(["run", str(recipe_path), "--out", str(tmp_path / "by_run")]) == 0
    assert tables(tmp_path / "by_window") == tables(tmp_path / "by_run")
    assert main(["run", str(tmp_path / "by_window" / "recipe.yaml"), "--out", str(tmp_path / "again")]) == 0
    assert tables(tmp_path / "again") == tables(tmp_path / "by_window")


def test_a_painted_mask_is_written_and_run_again(opened, click, settle, qtbot, tmp_path):
    opened.bench.run_all()
    settle_all(opened, settle)
    layer = layers.find(opened.bench.viewer, "tissue")
    brush(layer, 0)
    polygon(layer)
    qtbot.waitUntil(lambda: opened.session.value("tissue").method == "painted", timeout=2000)
    assert {s for s in STEPS if opened.session.state(s) == "stale"} == {"metabolites", "niches"}
    click(opened, "metabolites", "niches")
    opened.session.folder = tmp_path / "painted"
    click(opened, "export")
    assert load_recipe(tmp_path / "painted" / "recipe.yaml").tissue.method.endswith("tissue.ome.tif")
    assert main(["run", str(tmp_path / "painted" / "recipe.yaml"), "--out", str(tmp_path / "again")]) == 0
    assert tables(tmp_path / "again") == tables(tmp_path / "painted")
    written = tifffile.imread(tmp_path / "again" / "tissue.ome.tif")
    assert np.array_equal(written > 0, layer.data > 0)


def brush(layer, label: int) -> None:
    """Drag a brush over the middle of the layer."""
    layer.brush_size = 3
    row, col = (n // 2 for n in layer.data.shape)
    with layer.block_history():
        layer.paint((row, col), label)
        layer.paint((row, col + 2), label)


def polygon(layer) -> None:
    row, col = (n // 2 for n in layer.data.shape)
    layer.paint_polygon([(row - 3, col - 6), (row - 3, col + 6), (row + 5, col)], 0)


def test_the_session_has_the_mask_on_the_screen_after_every_edit(opened, click, qtbot):
    opened.session.put("tissue", "method", "none")
    click(opened, "tissue")
    layer, masks = layers.find(opened.bench.viewer, "tissue"), []
    opened.bench.painting.start("tissue")  # in sight only while a tool is in the hand
    for edit in (lambda: brush(layer, 0), lambda: polygon(layer), layer.undo, layer.redo, layer.undo, layer.undo):
        edit()
        qtbot.waitUntil(lambda: np.array_equal(opened.session.value("tissue").mask, layer.data > 0), timeout=2000)
        masks.append(int((layer.data > 0).sum()))
    start = layer.data.size
    assert start > masks[0] > masks[1]
    assert masks[2:] == [masks[0], masks[1], masks[0], start]


def test_a_run_takes_what_was_undone_on_a_hidden_layer(opened, click, settle):
    opened.session.put("tissue", "method", "none")
    click(opened, "tissue")
    layer = layers.find(opened.bench.viewer, "tissue")
    brush(layer, 0)
    click(opened, "metabolites")
    layer.visible = False
    layer.undo()
    click(opened, "metabolites")
    assert opened.session.value("tissue").mask.all()
    assert opened.session.state("metabolites") == "done"


def test_what_is_painted_where_nothing_was_measured_is_wiped_and_changes_nothing(opened, click, qtbot):
    rows, cols = opened.session.value("data").dataset.grid.shape
    opened.session.put("ims", "part", (1, 0, rows - 1, cols - 1))
    opened.session.put("tissue", "method", "none")
    click(opened, "data", "tissue")
    layer, before = layers.find(opened.bench.viewer, "tissue"), opened.session.value("tissue")
    layer.data_setitem((np.array([0]), np.array([0])), 1)
    qtbot.waitUntil(lambda: layer.data[0, 0] == 0, timeout=2000)
    assert opened.session.value("tissue") is before


def test_reading_a_part_and_the_whole_again_is_no_painting(opened, click):
    opened.session.put("tissue", "method", "none")
    click(opened, "tissue")
    for part in ((0, 0, 5, 5), None):
        opened.session.put("ims", "part", part)
        click(opened, "data")
        opened.bench.painting.take()
    assert opened.session.value("tissue").method == "none"
    assert opened.session.state("tissue") == "stale"


def test_an_empty_painted_mask_is_told_and_nothing_runs_on_the_former_one(opened, click, settle):
    opened.session.put("tissue", "method", "none")
    click(opened, "tissue")
    layer = layers.find(opened.bench.viewer, "tissue")
    layer.data_setitem(np.nonzero(layer.data), 0)
    opened.bench.run("metabolites")
    settle(opened)
    assert opened.session.error("tissue").startswith("expected tissue pixels")
    assert opened.session.value("metabolites") is None


def test_painting_while_all_steps_run_drops_the_result_and_the_queue(opened, monkeypatch, qtbot, settle):
    started, release = threading.Event(), threading.Event()
    measure = pipeline.measure_channels

    def wait(*arguments, **named):
        started.set()
        assert release.wait(10)
        return measure(*arguments, **named)

    monkeypatch.setattr(pipeline, "measure_channels", wait)
    opened.bench.run_all()
    qtbot.waitUntil(started.is_set)
    brush(layers.find(opened.bench.viewer, "tissue"), 0)
    qtbot.waitUntil(lambda: opened.session.value("tissue").method == "painted")
    release.set()
    settle(opened)
    assert opened.session.value("metabolites") is None
    assert opened.session.log[-1].endswith("  metabolites: dropped: what it was made of has changed")
    opened.panels["metabolites"].primary.click()
    settle_all(opened, settle)
    assert opened.session.state("metabolites") == "done"
    assert opened.session.value("cells") is None


def test_cancelling_a_run_whose_input_has_changed_ends_the_queue(opened, monkeypatch, qtbot, settle, click):
    started = threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "measure_channels", lambda *_, on_progress, **__: wait_for_stop(started, on_progress))
        opened.bench.run_all()
        qtbot.waitUntil(started.is_set)
        brush(layers.find(opened.bench.viewer, "tissue"), 0)
        qtbot.waitUntil(lambda: opened.session.value("tissue").method == "painted")
        opened.bench.cancel()
    click(opened, "metabolites")
    assert opened.session.running is None
    assert opened.session.value("cells") is None


def wait_for_stop(started: threading.Event, on_progress) -> None:
    while True:
        on_progress(0.5, "half way")
        started.set()


def test_what_is_doubtful_about_an_alignment_stands_in_its_step_alone(opened, click, monkeypatch):
    align = pipeline.align_cells

    def doubtful(table, **named):
        cells, alignment = align(table, **named)
        return replace(cells, warnings=(*table.warnings, "far off")), alignment

    monkeypatch.setattr(pipeline, "align_cells", doubtful)
    read = pipeline.read_cells
    monkeypatch.setattr(pipeline, "read_cells", lambda cells: replace(read(cells), warnings=("a gap",)))
    click(opened, "cells")
    assert opened.panels["cells"].unseen.text() == "They are shown once aligned (step 5)."
    click(opened, "align")
    assert opened.panels["cells"].unseen.text() == ""
    assert opened.panels["cells"].warnings.text() == "! a gap"
    assert opened.panels["align"].warnings.text() == "! far off"


def settle_all(dock, settle):
    while dock.session.running is not None:
        settle(dock)


def test_an_emptied_section_name_is_the_name_of_the_file(opened, qtbot):
    line = opened.panels["data"].forms[0].editors["section", "id"].line
    folder = opened.session.get("ims", "path").parent.name
    for typed, name in (("", "section"), ("S7", "S7")):
        line.clear()
        line.textEdited.emit("")
        qtbot.keyClicks(line, typed)
        assert line.text() == typed
        assert opened.session.get("section", "id") == name
        assert opened.panels["export"].folder.text() == str(Path(folder, f"{name}_results"))


def test_run_all_does_every_step_up_to_the_niches(opened, settle):
    opened.bench.run_all()
    settle_all(opened, settle)
    assert [opened.session.state(step) for step in STEPS] == ["done"] * 6 + ["ready"]


def test_a_finished_run_is_shown_as_done_and_can_be_exported(dock, recipe, click, tmp_path):
    result = pipeline.run(recipe)
    dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    assert [dock.session.state(step) for step in STEPS] == ["done"] * 6 + ["ready"]
    dock.session.folder = tmp_path / "results"
    click(dock, "export")
    assert (tmp_path / "results" / "regions.csv").is_file()
    told = json.loads((tmp_path / "results" / "provenance.json").read_text())
    assert (told["started"], told["seconds"]) == (result.started, dict(result.seconds))


@pytest.fixture
def second_part(tmp_path, recipe) -> Recipe:
    """A recipe of the right half of the section, which a gap of 100 columns makes a part."""

    def move(found: re.Match[str]) -> str:
        return f'{found[1]}{int(found[2]) + 100 * (int(found[2]) > 15)}"'

    text = re.sub(r'(name="position x" value=")(\d+)"', move, recipe.ims.path.read_text(encoding="utf-8"))
    text = re.sub(r'(name="max count of pixels x" value=")(\d+)"', move, text)
    path = tmp_path / "parts.imzML"
    path.write_text(text, encoding="utf-8")
    path.with_suffix(".ibd").write_bytes(recipe.ims.path.with_suffix(".ibd").read_bytes())
    return recipe.model_copy(update={"ims": recipe.ims.model_copy(update={"path": path, "part": "part2"})})


def test_a_recipe_of_one_part_offers_the_others(dock, second_part, settle, click):
    dock.bench.arrivals.load(second_part)
    dock.bench.run("data")
    settle(dock)
    assert dock.session.value("data").parts == ("part1", "part2")
    box = dock.panels["data"].forms[0].editors["ims", "part"].widget()
    assert [box.itemText(i) for i in range(box.count())] == ["the whole file", "part1", "part2"]
    n_pixels = []
    for part in ("part1", "part2", None):
        dock.session.put("ims", "part", part)
        click(dock, "data")
        n_pixels.append(int(dock.session.value("data").dataset.measured.sum()))
    assert n_pixels[0] + n_pixels[1] == n_pixels[2]


def test_a_recipe_for_each_part_opens_the_whole_file_and_offers_them(dock, second_part, settle):
    each = second_part.model_copy(update={"ims": second_part.ims.model_copy(update={"part": "each"})})
    dock.bench.arrivals.load(each)
    dock.bench.run("data")
    settle(dock)
    assert dock.session.error("data") == ""
    assert dock.session.get("ims", "part") is None
    assert dock.session.value("data").parts == ("part1", "part2")
    assert "step 1 offers the parts" in dock.session.log[0]


def test_the_parts_of_a_file_can_be_compared_and_saved(dock, second_part, settle):
    dock.bench.arrivals.load(second_part.model_copy(update={"ims": second_part.ims.model_copy(update={"part": None})}))
    dock.bench.run("data")
    settle(dock)
    measured = dock.session.value("data").dataset.measured
    masks = [region_mask(dock.session, name) for name in ("part1", "part2")]
    assert np.array_equal(masks[0] ^ masks[1], measured)
    box = dock.panels["export"].saving.pixels
    assert [box.itemText(i) for i in range(box.count())] == ["all", "part1", "part2"]


def write_bad(folder: Path, kind: str, recipe_path: Path) -> Path:
    path = folder / f"{kind}.imzML"
    text = (recipe_path.parent / "section.imzML").read_bytes()
    ibd = (recipe_path.parent / "section.ibd").read_bytes()
    path.write_bytes({"empty": b"", "not_xml": b"hello"}.get(kind, text))
    if kind != "no_ibd":
        path.with_suffix(".ibd").write_bytes(ibd[: len(ibd) // 2] if kind == "truncated" else ibd)
    return path


@pytest.mark.parametrize("kind", ["no_ibd", "truncated", "empty", "not_xml"])
def test_a_bad_file_is_told_in_its_step_as_on_the_command_line_but_by_the_names_of_the_controls(
    dock, settle, tmp_path, recipe_path, capsys, kind
):
    path = write_bad(tmp_path, kind, recipe_path)
    dock.bench.arrivals.open_path(path)
    settle(dock)
    assert main(["info", str(path)]) == 2
    assert f"error: {dock.session.error('data')}\n" == capsys.readouterr().err
    assert dock.panels["data"].error.text() == f"✕ {error_in_words(dock.session.error('data'), 1)}"
    assert "recipe" not in dock.panels["data"].error.text()
    assert "--" not in dock.panels["data"].error.text()
    assert dock.session.state("data") == "ready"
    assert len(dock.bench.viewer.layers) == 0


def test_an_error_goes_when_the_step_is_run_again(opened, click, settle):
    opened.session.put("tissue", "method", "/no/such/mask.tif")
    opened.panels["tissue"].primary.click()
    settle(opened)
    assert "mask.tif" in opened.panels["tissue"].error.text()
    opened.session.put("tissue", "method", "none")
    click(opened, "tissue")
    assert opened.panels["tissue"].error.text() == ""


def test_cell_types_are_listed_with_proposed_roles_to_confirm(dock, settle, recipe):
    dock.bench.look_at_cells(recipe.cells.path)
    settle(dock)
    types = dock.panels["cells"].types()
    assert {name: role for name, (_, role) in types.items()}["CD8"] == "effector"
    assert sum(n for n, _ in types.values()) == pipeline.read_cells(recipe.cells).n_cells
    dock.panels["cells"]._on_role("Treg", "other")
    assert "Treg" not in dock.session.get("cells", "roles").get("suppressor", ())


@pytest.fixture
def odd_table(tmp_path) -> Path:
    """A table whose column of types no one would recognise."""
    path = tmp_path / "odd.csv"
    path.write_text("x_um,y_um,Hue\n1,2,CD8\n3,4,Tumor\n5,6,Tumor\n")
    return path


def name_the_type_column(panel, qtbot, name: str) -> None:
    line = panel.columns.editors["type"].line
    line.clear()
    qtbot.keyClicks(line, name)
    line.editingFinished.emit()


def test_a_table_is_looked_at_again_once_its_type_column_is_named(dock, settle, qtbot, odd_table):
    dock.bench.look_at_cells(odd_table)
    settle(dock)
    panel = dock.panels["cells"]
    assert "known for type: choose it" in panel.columns.question.text()
    name_the_type_column(panel, qtbot, "Hue")
    settle(dock)
    assert panel.types() == {"CD8": (1, "effector"), "Tumor": (2, "tumor")}
    assert panel.error.text() == ""
    panel._on_role("Tumor", "other")
    name_the_type_column(panel, qtbot, "Hue")  # typed anew, but the same: what was confirmed stands
    settle(dock)
    assert panel.types()["Tumor"] == (2, "other")


def test_the_same_table_chosen_again_is_looked_at_again(dock, settle, odd_table, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(odd_table), ""))
    browse = next(b for b in dock.panels["cells"].file.widget().findChildren(QPushButton))
    browse.click()
    settle(dock)
    assert dock.session.cell_types == {}
    odd_table.write_text(odd_table.read_text().replace("Hue", "Cell type"))
    browse.click()
    settle(dock)
    assert dock.session.cell_types == {"Tumor": 2, "CD8": 1}


def test_another_table_leaves_no_types_of_the_former(dock, settle, recipe, odd_table):
    for path in (recipe.cells.path, odd_table):
        dock.bench.look_at_cells(path)
        settle(dock)
    assert dock.panels["cells"].types() == {}


def test_a_cell_table_cannot_be_chosen_while_something_runs(opened, monkeypatch, qtbot, recipe, settle):
    started, release = threading.Event(), threading.Event()
    monkeypatch.setattr(pipeline, "find_tissue", slow(started, release))
    opened.panels["tissue"].primary.click()
    qtbot.waitUntil(started.is_set)
    assert not opened.panels["cells"].file.widget().isEnabled()
    opened.bench.look_at_cells(recipe.cells.path)
    assert opened.session.running == "tissue"
    release.set()
    settle(opened)
    assert opened.session.value("tissue").note == "came too late"
    assert opened.panels["cells"].file.widget().isEnabled()


def slow(started: threading.Event, release: threading.Event):
    def find_tissue(dataset, tissue, *, on_progress, **_):
        started.set()
        while not release.wait(0.01):
            on_progress(0.5, "half way")
        return Tissue(dataset.measured, "late", "came too late")

    return find_tissue


def test_cancel_leaves_the_step_as_it_was(opened, monkeypatch, qtbot):
    started = threading.Event()
    monkeypatch.setattr(pipeline, "find_tissue", slow(started, threading.Event()))
    panel = opened.panels["tissue"]
    panel.primary.click()
    qtbot.waitUntil(lambda: panel.bar.text().startswith("50 %"))
    assert opened.session.state("tissue") == "running"
    assert not panel.progress_row.isHidden()
    panel.cancel.click()
    assert opened.session.state("tissue") == "ready"
    assert opened.session.value("tissue") is None
    opened.bench.close()
    assert not [t for t in threading.enumerate() if t.name == "napari-metime step"]


def test_a_result_that_came_too_late_is_dropped(opened, monkeypatch, settle, qtbot):
    started, release = threading.Event(), threading.Event()
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "find_tissue", slow(started, release))
        opened.panels["tissue"].primary.click()
        assert started.wait(5)
    opened.session.put("tissue", "method", "none")
    opened.bench.run("tissue")
    release.set()
    settle(opened)
    qtbot.wait(50)
    assert opened.session.value("tissue").method == "none"


def test_an_unforeseen_error_is_not_swallowed(opened, monkeypatch, settle):
    seen = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: seen.append(arguments.exc_type))
    monkeypatch.setattr(pipeline, "find_tissue", lambda *_, **__: 1 / 0)
    opened.panels["tissue"].primary.click()
    settle(opened)
    assert seen == [ZeroDivisionError]
    assert "unforeseen" in opened.panels["tissue"].error.text()


def test_either_file_or_both_give_one_dataset(dock, settle, recipe):
    for path in (recipe.ims.path, recipe.ims.path.with_suffix(".ibd"), recipe.ims.path):
        dock.bench.arrivals.open_path(path)
    settle(dock)
    dock.bench.arrivals.open_path(recipe.ims.path.with_suffix(".ibd"))
    assert dock.session.running is None
    assert [layer.name for layer in dock.bench.viewer.layers] == ["TIC"]


def test_an_ibd_without_its_imzml_says_what_to_do(dock, tmp_path):
    (tmp_path / "alone.ibd").write_bytes(b"")
    dock.bench.arrivals.open_path(tmp_path / "alone.ibd")
    assert dock.session.error("data").startswith("expected alone.imzML beside alone.ibd, found none")
