"""Projects in the window: saved, opened, kept by themselves, and gone on with after a kill."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_metime import pipeline
from napari_metime.errors import OutputError
from napari_metime.gui.arriving.recent import MAX_FILES, note_recent, recent_files
from napari_metime.gui.dock import StepperDock
from napari_metime.gui.layers import layers
from napari_metime.gui.projects import autosave, projects
from napari_metime.gui.projects.autosave import drop_oldest, latest_autosave, unfinished_folder
from napari_metime.gui.projects.keeping import KINDS
from napari_metime.gui.state.chain import STEPS
from napari_metime.gui.state.in_sight import InHand
from napari_metime.gui.views.lower_dock import LowerDock
from napari_metime.ims import extract_ions
from napari_metime.project import HEAD, Project, load_project, read_head, save_project


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, as what other tests kept must not be found, and little patience."""
    import platformdirs

    monkeypatch.setattr(projects, "INTERVAL_MS", 20)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache"


@pytest.fixture
def kept(qtbot):
    """Wait until all that changed is kept."""

    def wait(dock: StepperDock) -> None:
        due, runner = dock.bench.projects._due, dock.bench.projects._runner
        qtbot.waitUntil(lambda: not due.isActive() and not runner.is_working, timeout=20_000)

    return wait


@pytest.fixture
def another(qtbot):
    """Another window, as after a new start."""
    docks, viewers = [], []  # nobody else holds a viewer

    def make() -> StepperDock:
        viewers.append(ViewerModel())
        docks.append(StepperDock(viewers[-1]))
        qtbot.addWidget(docks[-1])
        return docks[-1]

    yield make
    for dock in docks:
        dock.bench.close()


@pytest.fixture
def worked_on(outlined, click) -> StepperDock:
    """A section with all steps done up to the alignment."""
    click(outlined, "metabolites", "cells", "align")
    return outlined


def _states(dock: StepperDock) -> list[str]:
    return [dock.session.state(step) for step in STEPS]


def _layers(dock: StepperDock) -> dict[str, tuple[str, object, bool]]:
    return {
        layer.name: (type(layer).__name__, np.asarray(layer.data).shape, layer.visible)
        for layer in dock.bench.viewer.layers
    }


def test_a_saved_project_shows_everything_at_once(worked_on, another, settle, qtbot, tmp_path):
    for name in ("L-Lactate", "Citrate"):
        layers.show_channel(worked_on.bench.viewer, worked_on.session, name)
    layers.find(worked_on.bench.viewer, "channel", "L-Lactate").visible = False
    layers.find(worked_on.bench.viewer, "cells").visible = True
    with qtbot.waitSignal(worked_on.bench.projects.saved) as told:
        worked_on.bench.save_project(tmp_path / "mine")
    assert told.args == [tmp_path / "mine"]
    assert worked_on.session.project == tmp_path / "mine"
    dock = another()
    dock.bench.arrivals.open_any(tmp_path / "mine" / HEAD)
    settle(dock)
    assert _states(dock) == _states(worked_on)
    assert _layers(dock) == _layers(worked_on)
    assert dock.session.project == tmp_path / "mine"
    assert recent_files()[0] == tmp_path / "mine"


def test_a_finished_project_comes_back_with_niche_channel_tab_and_the_step_that_is_next(
    dock, recipe, result, another, settle, qtbot, tmp_path
):
    dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    lower = LowerDock(dock.bench)
    qtbot.addWidget(lower)
    dock.bench.selection.choose_channel("L-Lactate")
    dock.bench.selection.choose_niche(1)
    lower.tabs.setCurrentWidget(lower._pages["Gradient"])
    with qtbot.waitSignal(dock.bench.projects.saved):
        dock.bench.save_project(tmp_path / "mine")
    fresh, used = another(), another()
    before = LowerDock(used.bench)
    qtbot.addWidget(before)
    for each in (fresh, used):
        each.bench.open_project(tmp_path / "mine")
        settle(each)
        assert each.panels["export"].is_open
        assert each.bench.selection.hand == InHand(1, "L-Lactate", "Gradient")
        assert layers.find(each.bench.viewer, "niches").metadata["selected"] == 1
    after = LowerDock(fresh.bench)  # it comes after the project where the window had none
    qtbot.addWidget(after)
    for lower in (before, after):
        assert lower.tabs.tabText(lower.tabs.currentIndex()) == "Gradient"
        assert lower.gradients._niche == "1"
    used.bench.selection.take_up(InHand(99, "of another section", "of another version"))
    assert (used.bench.selection.niche, used.bench.selection.channel) == (0, "L-Lactate")
    assert before.tabs.tabText(before.tabs.currentIndex()) == "Gradient"


def _ions(dock: StepperDock) -> dict[str, np.ndarray]:
    shown = (layer for layer in dock.bench.viewer.layers if layer.metadata[layers.KEY] in ("ion", "kept"))
    return {f"{layer.metadata['channel']} {layer.name}": layer.data for layer in shown}


def test_ions_neighbours_contrast_and_the_camera_come_back_as_they_were(
    outlined, another, settle, qtbot, tmp_path, recipe_path
):
    for ending in ("imzML", "ibd"):
        shutil.copy(recipe_path.with_name(f"section.{ending}"), tmp_path / f"beside.{ending}")
    outlined.bench.neighbours.open(tmp_path / "beside.imzML")
    ions, viewer = outlined.bench.ions, outlined.bench.viewer
    spectrum = pipeline.pixel_spectrum(outlined.session.value("data").dataset, 12, 12)
    one, red, green = spectrum[0][np.argsort(spectrum[1])[::-1][:3]].tolist()
    for slot, mz in (("one", one), ("red", red), ("green", green)):
        ions.choose(slot)
        ions.set_tolerance(20.0, "ppm")
        with qtbot.waitSignal(ions.landed, check_params_cb=lambda landed, slot=slot: landed == slot, timeout=20_000):
            ions.show(mz, "Mine")
        if slot == "red":
            ions.keep()
    qtbot.waitUntil(lambda: layers.find(viewer, "neighbour") is not None, timeout=20_000)
    layer = layers.find(viewer, "ion", "green")
    layer.contrast_limits = (0.0, 0.5 * np.nanmax(layer.data))
    layers.find(viewer, "kept").visible = False
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0.0, 321.0, 654.0), 2.5
    with qtbot.waitSignal(outlined.bench.projects.saved):
        outlined.bench.save_project(tmp_path / "mine")
    dock = another()
    dock.bench.open_project(tmp_path / "mine")
    settle(dock)
    qtbot.waitUntil(lambda: len(dock.bench.viewer.layers) == len(viewer.layers), timeout=20_000)
    qtbot.waitUntil(lambda: _layers(dock) == _layers(outlined), timeout=5_000)
    assert dock.bench.ions.shown == ions.shown
    assert ions.shown.target == "green"
    assert [window.mz for window in ions.shown.pinned] == [red]
    assert len(_ions(dock)) == len(_ions(outlined)) == 3  # red makes room where it is kept
    for name, image in _ions(outlined).items():
        np.testing.assert_array_equal(_ions(dock)[name], image)
    assert layers.find(dock.bench.viewer, "ion", "green").contrast_limits == layer.contrast_limits
    camera = dock.bench.viewer.scene.camera
    assert (tuple(camera.center), camera.zoom) == ((0.0, 321.0, 654.0), pytest.approx(2.5))


def test_who_chose_to_see_something_else_meanwhile_is_left_alone(
    outlined, another, settle, qtbot, tmp_path, monkeypatch
):
    ions = outlined.bench.ions
    with qtbot.waitSignal(ions.landed, timeout=20_000):
        ions.show(89.0244)
    with qtbot.waitSignal(outlined.bench.projects.saved):
        outlined.bench.save_project(tmp_path / "mine")
    free = threading.Event()
    monkeypatch.setattr("napari_metime.gui.running.ions.extract_ions", _once(free))
    dock = another()
    dock.bench.open_project(tmp_path / "mine")
    settle(dock)
    camera = dock.bench.viewer.scene.camera
    camera.center, camera.zoom = (0.0, 100.0, 100.0), 5.0
    layers.find(dock.bench.viewer, "tissue outline").visible = False
    free.set()
    qtbot.waitUntil(lambda: layers.find(dock.bench.viewer, "ion", "one") is not None, timeout=20_000)
    qtbot.wait(50)
    assert layers.find(dock.bench.viewer, "ion", "one").visible
    assert not layers.find(dock.bench.viewer, "tissue outline").visible
    assert (tuple(camera.center), camera.zoom) == ((0.0, 100.0, 100.0), 5.0)


def _once(free: threading.Event) -> Callable[..., Any]:
    """Return what extracts ions once it may."""

    def wait(*what: Any, **how: Any) -> Any:
        assert free.wait(30)
        return extract_ions(*what, **how)

    return wait


def test_who_only_looks_at_a_project_changes_nothing_in_it_and_who_works_on_it_leaves_the_view(
    outlined, another, settle, qtbot, tmp_path, kept
):
    with qtbot.waitSignal(outlined.bench.projects.saved):
        outlined.bench.save_project(tmp_path / "mine")
    first = (tmp_path / "mine" / HEAD).read_bytes()
    dock = another()
    dock.bench.open_project(tmp_path / "mine")
    settle(dock)
    dock.bench.viewer.scene.camera.zoom = 7.0
    dock.bench.close()
    assert (tmp_path / "mine" / HEAD).read_bytes() == first
    kept(outlined)
    layers.find(outlined.bench.viewer, "tic").visible = False
    outlined.bench.viewer.scene.camera.center = (0.0, 12.0, 34.0)
    outlined.bench.viewer.layers.clear()  # as napari does when it closes
    outlined.bench.close()
    seen = load_project(tmp_path / "mine", KINDS).state.attributes["in_sight"]
    assert seen.camera.centre_um == (12.0, 34.0)
    assert [look.is_visible for look in seen.layers if look.kind == "tic"] == [False]


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_save_of_a_former_section_that_fails_is_not_told_of_the_one_that_is_open(
    outlined, kept, monkeypatch, qtbot, tmp_path, recipe_path, settle, by_hand
):
    going, free = threading.Event(), threading.Event()

    def full(*what: Any, **how: Any) -> Path:
        if going.is_set():
            return save_project(*what, **how)
        going.set()
        assert free.wait(30)
        raise OutputError("expected room for the project, found the disk full; free some")

    kept(outlined)
    other = tmp_path / "other"
    other.mkdir()
    for ending in ("imzML", "ibd"):
        shutil.copy(recipe_path.with_name(f"section.{ending}"), other / f"other.{ending}")
    bench, session = outlined.bench, outlined.session
    monkeypatch.setattr(projects, "save_project", full)
    session.put("niches", "alpha", 0.01)
    if by_hand:
        bench.save_project(tmp_path / "mine")
    qtbot.waitUntil(going.is_set, timeout=5000)
    bench.arrivals.open_path(other / "other.imzML")
    settle(outlined)
    assert session.get("ims", "path") == other / "other.imzML"
    if by_hand:
        bench.save_project(tmp_path / "theirs")  # waits for its turn, and for the rescue of what was to be in the first
    free.set()
    qtbot.waitUntil(lambda: any("disk full" in line for line in session.log), timeout=5000)
    kept(outlined)
    assert (session.unkept, session.project) == ("", tmp_path / "theirs" if by_hand else None)
    assert any("the former section was not kept by itself" in line for line in session.log) != by_hand
    if by_hand:
        assert "simulated-0, which was open before, is not saved: " in session.error("data")
        kept_work = [read_head(folder) for folder in unfinished_folder().iterdir()]
        (former,) = (head.folder for head in kept_work if head.steps[-1] == "tissue found")
        assert load_project(former, KINDS).state.attributes["values"]["niches"]["alpha"] == 0.01
    else:
        assert session.error("data") == ""
    assert latest_autosave() is not None


def test_each_step_is_kept_and_can_be_gone_on_with(worked_on, another, settle, kept):
    kept(worked_on)
    found = latest_autosave()
    assert found is not None
    assert found.section == worked_on.session.get("section", "id")
    assert found.steps[-1] == "cells aligned"
    dock = another()
    dock.bench.open_project(found.path)
    settle(dock)
    assert _states(dock) == _states(worked_on)
    assert dock.session.project is None


def test_a_change_by_hand_is_kept(outlined, kept):
    kept(outlined)
    mask = outlined.session.value("tissue").mask.copy()
    mask[:5] = False
    outlined.session.paint_tissue(mask)
    kept(outlined)
    found = load_project(latest_autosave().path, KINDS)
    np.testing.assert_array_equal(found.state.attributes["outlined"].whole.mask, mask)


def test_only_what_changed_is_written_again(worked_on, kept):
    kept(worked_on)
    parts = latest_autosave().path / "parts"
    before = {file.name: file.stat().st_mtime_ns for file in parts.iterdir()}
    worked_on.session.put("niches", "alpha", 0.01)
    kept(worked_on)
    after = {file.name: file.stat().st_mtime_ns for file in parts.iterdir()}
    assert [name.partition("-")[0] for name in after if before.get(name) != after[name]] == ["state"]


def test_a_saved_project_is_kept_where_it_is(worked_on, qtbot, kept, tmp_path):
    kept(worked_on)
    assert latest_autosave() is not None
    with qtbot.waitSignal(worked_on.bench.projects.saved):
        worked_on.bench.save_project(tmp_path / "mine")
    assert latest_autosave() is None
    worked_on.session.put("niches", "alpha", 0.01)
    kept(worked_on)
    assert latest_autosave() is None
    assert load_project(tmp_path / "mine", KINDS).state.attributes["values"]["niches"]["alpha"] == 0.01


def test_a_bench_that_closes_keeps_what_has_changed(outlined):
    outlined.session.put("niches", "alpha", 0.01)
    outlined.bench.close()
    assert load_project(latest_autosave().path, KINDS).state.attributes["values"]["niches"]["alpha"] == 0.01


def test_nothing_is_kept_without_a_section(dock, kept):
    dock.session.put("niches", "alpha", 0.01)
    kept(dock)
    assert latest_autosave() is None


def test_a_disk_that_takes_nothing_is_told_once_in_the_log_and_nowhere_else(outlined, kept, monkeypatch, asked):
    def full(*_: object, **__: object) -> None:
        raise OutputError("expected to write the project, found: No space left on device; free some")

    kept(outlined)
    with monkeypatch.context() as disk:
        disk.setattr(projects, "save_project", full)
        for alpha in (0.01, 0.02):
            outlined.session.put("niches", "alpha", alpha)
            kept(outlined)
    assert sum("not kept by itself" in line for line in outlined.session.log) == 1
    assert [outlined.session.error(step) for step in STEPS] == [""] * len(STEPS)
    assert asked == []


def test_kept_work_that_is_damaged_stays_and_the_next_goes_elsewhere(outlined, kept):
    kept(outlined)
    folder = latest_autosave().path
    (folder / HEAD).write_text("{")
    assert latest_autosave() is None
    for alpha in (0.01, 0.02):
        outlined.session.put("niches", "alpha", alpha)
        kept(outlined)
    assert latest_autosave().path != folder
    assert latest_autosave().steps == ("section opened", "tissue found")
    assert (folder / HEAD).read_text() == "{"
    old = time.time() - 2 * autosave.UNREADABLE_S
    os.utime(folder / HEAD, (old, old))
    drop_oldest()
    assert not folder.exists()
    assert latest_autosave() is not None


def test_opening_a_section_again_leaves_its_unfinished_work(worked_on, another, settle, kept, recipe_path):
    kept(worked_on)
    found = latest_autosave()
    dock = another()
    dock.bench.arrivals.open_path(recipe_path.with_name("section.imzML"))
    settle(dock)
    kept(dock)
    assert latest_autosave() == found
    assert load_project(found.path, KINDS).head.steps[-1] == "cells aligned"


def test_what_another_window_saved_since_is_told_and_stays(outlined, another, settle, kept, qtbot, tmp_path, click):
    with qtbot.waitSignal(outlined.bench.projects.saved):
        outlined.bench.save_project(tmp_path / "mine")
    dock = another()
    dock.bench.open_project(tmp_path / "mine")
    settle(dock)
    click(outlined, "metabolites")
    kept(outlined)
    dock.session.put("niches", "alpha", 0.01)
    kept(dock)
    assert "another window has saved" in dock.session.error("data")
    assert dock.session.unkept
    assert read_head(tmp_path / "mine").steps[-1] == "metabolites measured"
    with qtbot.waitSignal(dock.bench.projects.saved):
        dock.bench.save_project(tmp_path / "theirs")
    assert (dock.session.unkept, dock.session.project) == ("", tmp_path / "theirs")


def test_what_a_full_disk_did_not_take_is_kept_at_the_end(outlined, kept, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OutputError("expected to write the project, found: No space left on device; free some")

    kept(outlined)
    with monkeypatch.context() as disk:
        disk.setattr(projects, "save_project", full)
        outlined.session.put("niches", "alpha", 0.01)
        kept(outlined)
    outlined.bench.close()
    assert load_project(latest_autosave().path, KINDS).state.attributes["values"]["niches"]["alpha"] == 0.01


def test_a_section_makes_way_without_waiting_for_a_slow_disk(outlined, kept, monkeypatch, qtbot):
    going, free = threading.Event(), threading.Event()

    def slow(*what, **how):
        going.set()
        assert free.wait(30)
        return save_project(*what, **how)

    kept(outlined)
    monkeypatch.setattr(projects, "save_project", slow)
    outlined.session.put("niches", "alpha", 0.01)
    qtbot.waitUntil(going.is_set, timeout=5000)
    outlined.session.put("niches", "alpha", 0.02)
    outlined.bench.projects.restart()  # would stand still for ever if it waited
    free.set()
    kept(outlined)
    outlined.bench.close()
    assert load_project(latest_autosave().path, KINDS).state.attributes["values"]["niches"]["alpha"] == 0.02


def test_a_project_that_cannot_be_saved_is_told_in_the_first_step(outlined, settle, qtbot, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").write_text("x")
    outlined.bench.save_project(tmp_path / "mine")
    qtbot.waitUntil(lambda: outlined.session.error("data") != "", timeout=5000)
    assert "choose another name" in outlined.session.error("data")
    assert outlined.session.project is None


def test_what_was_to_be_saved_and_could_not_is_kept_all_the_same(outlined, kept, qtbot, tmp_path):
    kept(outlined)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").write_text("x")
    outlined.session.put("niches", "alpha", 0.01)
    outlined.bench.save_project(tmp_path / "mine")
    qtbot.waitUntil(lambda: outlined.session.error("data") != "", timeout=5000)
    kept(outlined)
    assert load_project(latest_autosave().path, KINDS).state.attributes["values"]["niches"]["alpha"] == 0.01


def test_a_project_of_another_section_is_saved_over_only_by_a_persons_word(outlined, qtbot, tmp_path, monkeypatch):
    save_project(Project("S9", (), None, {}), tmp_path / "theirs", {})
    before = (tmp_path / "theirs" / HEAD).read_bytes()
    asked = []
    monkeypatch.setattr(outlined.bench.asking, "ask", asked.append)
    outlined.bench.save_project(tmp_path / "theirs")
    assert [question.words for question in asked] == [
        "Save over the project of S9 in theirs? All that it holds goes."
    ]  # fmt: skip
    assert (tmp_path / "theirs" / HEAD).read_bytes() == before
    for _ in range(2):  # from then on it is this window's own
        with qtbot.waitSignal(outlined.bench.projects.saved):
            asked[0].on_yes() if outlined.session.project is None else outlined.bench.save_project(tmp_path / "theirs")
    assert len(asked) == 1
    assert read_head(tmp_path / "theirs").section == outlined.session.get("section", "id")


def test_a_project_cannot_be_saved_before_there_is_a_section(dock, tmp_path):
    dock.bench.save_project(tmp_path / "mine")
    assert "open one first" in dock.session.error("data")


@pytest.mark.parametrize("content", ["", "{}", '{"napari-metime project": 99}'])
def test_a_damaged_project_is_told_and_what_is_open_stays(outlined, settle, content, tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / HEAD).write_text(content)
    before = _states(outlined)
    outlined.bench.open_project(tmp_path / "p")
    settle(outlined)
    assert outlined.session.error("data").startswith("expected ")
    assert _states(outlined) == before
    assert layers.find(outlined.bench.viewer, "tissue") is not None


def test_a_project_without_one_of_its_results_is_told_and_what_is_open_stays(outlined, settle, kept, tmp_path):
    kept(outlined)
    folder = latest_autosave().path
    next(file for file in (folder / "parts").iterdir() if not file.name.startswith("state")).write_bytes(b"")
    before = _states(outlined)
    outlined.bench.open_project(folder)
    settle(outlined)
    assert "damaged" in outlined.session.error("data")
    assert _states(outlined) == before


def test_a_missing_section_is_taken_from_where_it_is_now_with_all_that_was_made(
    recipe_path, another, settle, qtbot, tmp_path, asked
):
    home, away = tmp_path / "home", tmp_path / "away" / "deep"
    shutil.copytree(recipe_path.parent, home)
    dock = another()
    dock.bench.arrivals.open_recipe(home / "recipe.yaml")
    settle(dock)
    for step in ("tissue", "cells"):
        dock.panels[step].primary.click()
        settle(dock)
    with qtbot.waitSignal(dock.bench.projects.saved):
        dock.bench.save_project(tmp_path / "projects" / "mine")
    before = _states(dock)
    away.parent.mkdir()
    home.rename(away)
    dock = another()
    dock.bench.open_project(tmp_path / "projects" / "mine")
    settle(dock)
    assert "choose it here" in dock.session.error("data")
    assert _states(dock) == before
    dock.bench.arrivals.open_path(away / "section.imzML")
    settle(dock)
    assert asked == []
    assert _states(dock) == before
    assert dock.session.value("data").dataset.ibd_path == away / "section.ibd"
    assert dock.session.get("cells", "path") == away / "cells.csv"
    assert [dock.session.error(step) for step in STEPS] == [""] * len(STEPS)
    assert dock.session.project == tmp_path / "projects" / "mine"
    dock.panels["metabolites"].primary.click()
    settle(dock)
    assert dock.session.state("metabolites") == "done"


def test_opening_can_be_cancelled_and_what_is_open_stays(outlined, kept, monkeypatch, settle):
    kept(outlined)
    before = _states(outlined)
    outlined.bench.open_project(latest_autosave().path)
    outlined.bench.cancel()
    settle(outlined)
    assert _states(outlined) == before


def _empty(section: str, folder: Path) -> None:
    save_project(Project(section, (), None, {}), folder, {})


def test_only_the_newest_sections_are_kept(monkeypatch):
    times = iter(f"2026-01-{day:02}T00:00:00+00:00" for day in range(1, 20))
    for number in range(autosave.MAX_SECTIONS + 3):
        folder = unfinished_folder() / str(number)
        _empty(f"S{number}", folder)
        text = (folder / HEAD).read_text()
        (folder / HEAD).write_text(text.replace(read_head(folder).saved, next(times)))
    (unfinished_folder() / "of_another_program").mkdir()
    drop_oldest()
    left = sorted(folder.name for folder in unfinished_folder().iterdir())
    assert left == ["3", "4", "5", "6", "7", "of_another_program"]
    assert latest_autosave().section == "S7"
    monkeypatch.setattr(autosave, "MAX_BYTES", 1)
    drop_oldest()
    assert latest_autosave().section == "S7"
    assert not (unfinished_folder() / "6").exists()


KILLED = """
    import os, signal, sys, time
    from pathlib import Path
    from napari.components import ViewerModel
    from qtpy.QtWidgets import QApplication
    from napari_metime import pipeline
    from napari_metime.gui.projects.autosave import latest_autosave
    from napari_metime.gui.dock import StepperDock

    app, viewer = QApplication([]), ViewerModel()
    dock = StepperDock(viewer)

    def turn(until):
        end = time.monotonic() + 60
        while not until():
            assert time.monotonic() < end
            app.processEvents()
            time.sleep(0.01)

    dock.bench.arrivals.open_recipe(Path(sys.argv[1]))
    turn(lambda: dock.session.state("data") == "done")
    dock.bench.run("tissue")
    turn(lambda: dock.session.state("tissue") == "done")
    started = []
    def hang(*_, **__):
        started.append(1)
        time.sleep(60)
    pipeline.measure_channels = hang
    dock.bench.run("metabolites")
    turn(lambda: started and (latest_autosave() or None) and "tissue found" in latest_autosave().steps)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_in_the_middle_of_a_step_loses_that_step_alone(recipe_path, cache, another, settle):
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(recipe_path)],
        env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    found = latest_autosave()
    assert found.steps == ("section opened", "tissue found")
    dock = another()
    dock.bench.open_project(found.path)
    settle(dock)
    assert [dock.session.state(step) for step in ("data", "tissue", "metabolites")] == ["done", "done", "ready"]
    assert layers.find(dock.bench.viewer, "tissue") is not None


def test_recent_files_are_the_last_ones_that_are_there(tmp_path):
    files = [tmp_path / f"{number}.imzML" for number in range(MAX_FILES + 3)]
    for file in files:
        file.write_text("")
        note_recent(file)
    assert recent_files() == tuple(reversed(files[3:]))
    note_recent(files[5])
    assert recent_files()[:2] == (files[5], files[-1])
    files[5].unlink()
    assert files[5] not in recent_files()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"3", b"{}", b"[" * 1000, b"\xff", b" " * 100_000),
        b'[1, null, "relative.imzML", "/a\\u0000b", "/a\\nb"]',
    ],
)
def test_another_list_of_recent_files_counts_as_none(content, cache, tmp_path):
    file = tmp_path / "a.imzML"
    file.write_text("")
    note_recent(file)
    (cache / "napari-metime" / "recent.json").write_bytes(content)
    assert recent_files() == ()
    note_recent(file)
    assert recent_files() == (file,)


def test_what_is_opened_is_noted(outlined, recipe_path):
    assert recent_files() == (recipe_path,)
