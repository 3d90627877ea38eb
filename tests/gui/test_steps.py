"""The steps by their buttons, on a viewer without a window."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from napari_metime import pipeline
from napari_metime.cli import main
from napari_metime.gui import layers
from napari_metime.gui.session import STEPS
from napari_metime.recipe import load_recipe
from napari_metime.section import Tissue

TABLES = ("regions.csv", "associations.csv", "gradients.csv", "cells.csv", "channels.csv")


def tables(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


@pytest.fixture
def opened(dock, recipe_path, settle):
    dock.bench.open_recipe(recipe_path)
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


def test_a_painted_mask_is_written_and_run_again(opened, click, settle, tmp_path):
    opened.bench.run_all()
    settle_all(opened, settle)
    layer = layers.find(opened.bench.viewer, "tissue")
    inside = np.argwhere(layer.data > 0)[0]
    layer.data_setitem((inside[:1], inside[1:]), 0)
    assert opened.session.value("tissue").method == "painted"
    assert {s for s in STEPS if opened.session.state(s) == "stale"} == {"metabolites", "niches"}
    click(opened, "metabolites", "niches")
    opened.session.folder = tmp_path / "painted"
    click(opened, "export")
    assert load_recipe(tmp_path / "painted" / "recipe.yaml").tissue.method.endswith("tissue.ome.tif")
    assert main(["run", str(tmp_path / "painted" / "recipe.yaml"), "--out", str(tmp_path / "again")]) == 0
    assert tables(tmp_path / "again") == tables(tmp_path / "painted")


def settle_all(dock, settle):
    while dock.session.running is not None:
        settle(dock)


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


def write_bad(folder: Path, kind: str, recipe_path: Path) -> Path:
    path = folder / f"{kind}.imzML"
    text = (recipe_path.parent / "section.imzML").read_bytes()
    ibd = (recipe_path.parent / "section.ibd").read_bytes()
    path.write_bytes({"empty": b"", "not_xml": b"hello"}.get(kind, text))
    if kind != "no_ibd":
        path.with_suffix(".ibd").write_bytes(ibd[: len(ibd) // 2] if kind == "truncated" else ibd)
    return path


@pytest.mark.parametrize("kind", ["no_ibd", "truncated", "empty", "not_xml"])
def test_a_bad_file_is_told_in_its_step_in_the_words_of_the_command_line(
    dock, settle, tmp_path, recipe_path, capsys, kind
):
    path = write_bad(tmp_path, kind, recipe_path)
    dock.bench.open_path(path)
    settle(dock)
    assert main(["info", str(path)]) == 2
    assert f"error: {dock.session.error('data')}\n" == capsys.readouterr().err
    assert dock.panels["data"].error.text() == f"✕ {dock.session.error('data')}"
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


def slow(started: threading.Event, release: threading.Event):
    def find_tissue(dataset, tissue, *, seed, on_progress):
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
        dock.bench.open_path(path)
    settle(dock)
    dock.bench.open_path(recipe.ims.path.with_suffix(".ibd"))
    assert dock.session.running is None
    assert [layer.name for layer in dock.bench.viewer.layers] == ["TIC"]


def test_an_ibd_without_its_imzml_says_what_to_do(dock, tmp_path):
    (tmp_path / "alone.ibd").write_bytes(b"")
    dock.bench.open_path(tmp_path / "alone.ibd")
    assert dock.session.error("data").startswith("expected alone.imzML beside alone.ibd, found none")
