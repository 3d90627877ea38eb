"""The index in the background, on a viewer without a window."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from napari_metime.gui.layers import layers
from napari_metime.gui.running import indexing as indexing_module
from napari_metime.gui.running import ions as ions_module
from napari_metime.ims.index import build_index
from napari_metime.ims.ions import extract_ions
from napari_metime.recipe import load_recipe


@pytest.fixture
def opened(dock, tmp_path, recipe, settle, qtbot):
    """A file of its own, as an index is left beside it."""
    for ending in (".imzML", ".ibd"):
        source = recipe.ims.path.with_suffix(ending)
        (tmp_path / source.name).write_bytes(source.read_bytes())
    dock.bench.arrivals.open_path(tmp_path / recipe.ims.path.name)
    settle(dock)
    qtbot.waitUntil(lambda: dock.bench.indexing.state == "none")
    return dock


def block(dock):
    return dock.panels["data"].index


def index_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "napari-metime index"]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def wait_half_way(started: threading.Event):
    """Return a builder that writes something and then waits to be cancelled, as a long one would."""

    def build(dataset, *, on_progress):
        def report(fraction, text):
            started.set()
            while fraction > 0:
                on_progress(0.42, text)

        return build_index(dataset, on_progress=report)

    return build


def test_images_come_from_the_index_once_it_is_built_and_are_the_same(opened, qtbot, monkeypatch):
    indexing = opened.bench.indexing
    block(opened).start.click()
    assert indexing.state == "building"
    qtbot.waitUntil(lambda: indexing.state == "ready", timeout=240_000)
    used = []

    def noted(dataset, mz, *, index, **named):
        used.append(index)
        return extract_ions(dataset, mz, index=index, **named)

    monkeypatch.setattr(ions_module, "extract_ions", noted)
    mz = float(np.mean(opened.session.value("data").dataset.mz_range))
    opened.bench.ions.set_tolerance(10.0, "Da")
    with qtbot.waitSignal(opened.bench.ions.landed, timeout=240_000):
        opened.bench.ions.show(mz)
    assert used == [indexing.index]
    from_index = layers.find(opened.bench.viewer, "ion", "one").data
    indexing.index = None
    with qtbot.waitSignal(opened.bench.ions.landed, timeout=240_000):
        opened.bench.ions.show(mz)
    assert np.array_equal(from_index, layers.find(opened.bench.viewer, "ion", "one").data, equal_nan=True)


def test_the_words_say_what_the_state_is(opened, qtbot, monkeypatch):
    panel, started = block(opened), threading.Event()
    assert "it takes about" in panel.words.text()
    assert not panel.start.isHidden()
    with monkeypatch.context() as patched:
        patched.setattr(indexing_module, "build_index", wait_half_way(started))
        panel.start.click()
        qtbot.waitUntil(lambda: panel.bar.text() == "Indexing 42 %")
        assert panel.start.isHidden()
        panel.cancel.click()
    assert panel.bar.isHidden()
    panel.start.click()
    qtbot.waitUntil(lambda: panel.words.text().startswith("✓ Indexed"))
    assert panel.start.isHidden()


def test_cancelling_leaves_no_file_and_the_file_can_be_indexed_after_it(opened, qtbot, monkeypatch):
    folder, started = opened.session.get("ims", "path").parent, threading.Event()
    before = files(folder)
    with monkeypatch.context() as patched:
        patched.setattr(indexing_module, "build_index", wait_half_way(started))
        block(opened).start.click()
        assert started.wait(10)
        block(opened).cancel.click()
    qtbot.waitUntil(lambda: not index_threads())
    assert files(folder) == before
    assert opened.bench.indexing.state == "none"
    block(opened).start.click()
    qtbot.waitUntil(lambda: opened.bench.indexing.state == "ready", timeout=240_000)


def test_closing_in_the_middle_leaves_no_thread_and_no_file(opened, monkeypatch):
    folder, started = opened.session.get("ims", "path").parent, threading.Event()
    before = files(folder)
    monkeypatch.setattr(indexing_module, "build_index", wait_half_way(started))
    block(opened).start.click()
    assert started.wait(10)
    opened.bench.close()
    assert index_threads() == []
    assert files(folder) == before


def test_steps_run_while_it_is_indexed(opened, qtbot, monkeypatch, click):
    started = threading.Event()
    monkeypatch.setattr(indexing_module, "build_index", wait_half_way(started))
    block(opened).start.click()
    assert started.wait(10)
    click(opened, "tissue")
    assert opened.bench.indexing.state == "building"
    assert opened.session.state("tissue") == "done"


def test_reading_the_file_with_other_settings_does_not_end_the_building(opened, qtbot, monkeypatch, click):
    started, release = threading.Event(), threading.Event()

    def build(dataset, *, on_progress):
        started.set()
        assert release.wait(20)
        return build_index(dataset, on_progress=on_progress)

    monkeypatch.setattr(indexing_module, "build_index", build)
    block(opened).start.click()
    assert started.wait(10)
    opened.session.put("ims", "pixel_size_um", 20.0)
    click(opened, "data")
    assert opened.bench.indexing.state == "building"
    release.set()
    qtbot.waitUntil(lambda: opened.bench.indexing.state == "ready", timeout=240_000)
    assert opened.bench.indexing.index.dataset is opened.session.value("data").dataset


def test_an_index_that_is_there_is_found_when_the_file_is_opened(dock, opened, qtbot, recipe_path, settle):
    path = opened.session.get("ims", "path")
    build_index(opened.session.value("data").dataset)
    dock.bench.arrivals.load(load_recipe(recipe_path))
    assert dock.bench.indexing.state == "none"
    dock.bench.arrivals.open_path(path)
    settle(dock)
    qtbot.waitUntil(lambda: dock.bench.indexing.state == "ready")
    assert dock.session.log[-1].endswith(f"  index: {dock.bench.indexing.index.folder}")


def test_another_file_ends_the_building(opened, qtbot, monkeypatch, recipe_path):
    started = threading.Event()
    monkeypatch.setattr(indexing_module, "build_index", wait_half_way(started))
    block(opened).start.click()
    assert started.wait(10)
    opened.bench.arrivals.load(load_recipe(recipe_path))
    qtbot.waitUntil(lambda: not index_threads())
    assert opened.bench.indexing.state == "none"
