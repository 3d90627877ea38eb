"""Before there is a section, and files that come together: by a drop on any part of the window, or by a choice."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QPushButton, QWidget

from napari_metime.gui import commands, palette
from napari_metime.gui.arriving.asking import Asking, Question
from napari_metime.gui.arriving.incoming import are_ours, in_turn
from napari_metime.gui.panels import start_block
from napari_metime.gui.projects.autosave import Unfinished
from napari_metime.gui.running.words import look_of, needs_in_words, stale_in_words
from napari_metime.gui.state.chain import STEPS

ALL = ("microscopy.ome.tif", "landmarks.csv", "cells.csv", "section.imzML", "section.ibd", "notes.docx")


@pytest.fixture
def files(recipe_path, tmp_path):
    """The files of a section, and one that is of no use, in the worst order."""
    for name in ALL[:-1]:
        shutil.copy(recipe_path.with_name(name), tmp_path / name)
    (tmp_path / "notes.docx").write_bytes(b"PK")
    return [tmp_path / name for name in ALL]


class Canvas(QWidget):
    """Takes drops as napari's does."""

    def dragEnterEvent(self, event):
        event.acceptProposedAction()


def drop(widget: QWidget, paths, modifiers=Qt.KeyboardModifier.NoModifier) -> bool:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy = Qt.DropAction.CopyAction
    QApplication.sendEvent(widget, QDragEnterEvent(QPoint(5, 5), copy, mime, Qt.MouseButton.LeftButton, modifiers))
    event = QDropEvent(QPointF(5, 5), copy, mime, Qt.MouseButton.LeftButton, modifiers)
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_files_come_in_the_order_in_which_they_need_each_other(files):
    known, unknown = in_turn(files)
    assert [target for target, _ in known] == ["data", "data", "cells", "microscopy", "landmarks"]
    assert unknown == [files[-1]]


def test_all_files_at_once_go_to_their_steps_and_the_unknown_one_is_told(dock, files, settle, click, qtbot):
    assert drop(dock, files)
    qtbot.waitUntil(lambda: dock.bench.asking.notice != "", timeout=60_000)
    session, (image, landmarks, cells, section, _, notes) = dock.session, files
    assert session.get("ims", "path") == section
    assert session.get("cells", "path") == cells
    assert session.get("microscopy", "path") == image
    assert session.get("align", "landmarks") == landmarks
    assert notes.name in dock.head.question.words.text()
    assert "Expected a file that this window opens" in dock.head.question.words.text()
    assert session.error("data") == ""
    assert session.get("cells", "roles")["effector"]
    click(dock, "tissue", "metabolites", "cells", "align")
    assert session.state("niches") == "ready"


def test_a_recipe_keeps_its_own_settings_of_the_files_that_come_with_it(dock, recipe_path, recipe, settle, qtbot):
    dock.take_files([recipe.cells.path, recipe.ims.path, recipe_path])
    settle(dock)
    qtbot.waitUntil(lambda: not dock.incoming._waiting and dock.session.running is None, timeout=60_000)
    assert dock.session.recipe() == recipe
    assert dock.open_panel is dock.panels["tissue"]


@pytest.mark.parametrize(
    ("name", "with_section", "ours"),
    [
        ("section.imzML", False, True),
        ("cells.csv", False, True),
        ("landmarks.csv", False, True),
        ("microscopy.ome.tif", False, False),
        ("microscopy.ome.tif", True, True),
        ("notes.docx", True, True),
    ],
)
def test_what_is_dropped_on_the_canvas_stays_naparis_unless_it_is_ours(dock, files, name, with_section, ours):
    if with_section:
        dock.session.put("ims", "path", files[3])
    assert are_ours([files[ALL.index(name)]], dock.session) is ours


def test_a_drop_on_the_canvas_is_taken_and_with_shift_or_alt_left_to_napari(dock, files, qtbot):
    canvas, taken = Canvas(), []
    qtbot.addWidget(canvas)
    canvas.setAcceptDrops(True)
    dock.drops.watch(canvas)
    dock.take_files = taken.extend
    drop(canvas, files[2:4], Qt.KeyboardModifier.AltModifier)
    drop(canvas, files[:1])  # an image alone
    assert taken == []
    assert drop(canvas, files[2:4])
    assert taken == files[2:4]


def test_before_a_section_the_dock_says_what_it_does_and_offers_what_was_there(dock, monkeypatch, tmp_path):
    paths = tuple(tmp_path / f"former & {n}.imzML" for n in range(6))
    found = Unfinished("S7", datetime.now(UTC), tmp_path / "kept", ("tissue found",))
    monkeypatch.setattr(start_block, "recent_files", lambda: paths)
    monkeypatch.setattr(start_block, "latest_autosave", lambda: found)
    opened, gone_on = [], []
    monkeypatch.setattr(dock.bench.arrivals, "open_any", opened.append)
    monkeypatch.setattr(dock.bench, "open_project", gone_on.append)
    dock.refresh("all")
    start = dock.panels["data"].start
    assert "immune-cold niches" in dock.head.what.text()
    assert not start.go_on.isHidden()
    assert start.go_on.accessibleName() == "Go on with S7"
    assert "tissue found" in start.go_on.toolTip()
    start.go_on.click()
    assert gone_on == [found.path]
    links = [each for each in start.recent.findChildren(QPushButton) if not each.isHidden()]
    assert [each.toolTip() for each in links] == [str(path) for path in paths[: start_block.MAX_RECENT]]
    links[1].click()
    assert opened == [paths[1]]


def test_once_there_is_a_section_the_first_minute_is_over(outlined):
    assert outlined.head.what.isHidden()
    assert outlined.panels["data"].start.recent.isHidden()
    assert outlined.panels["data"].choose.text() == "Open another…"


def test_each_step_says_what_it_needs_and_waits_for(dock):
    assert "Needs a section. Waits for step 1." in dock.panels["tissue"].about.text()
    assert needs_in_words(dock.session, "niches") == (
        "Needs the tissue, the metabolites and the alignment. Waits for steps 2, 3 and 5."
    )
    assert ".ibd beside it" in dock.panels["data"].about.text()
    dock.panels["align"].go_to.click()
    assert dock.open_panel is dock.panels["data"]


def test_a_question_stands_in_the_dock_and_nothing_waits_for_it(dock, monkeypatch):
    monkeypatch.undo()  # here questions are asked
    answers = []
    asking = dock.bench.asking
    for word in ("first", "second"):
        yes, no = (lambda w=word: answers.append((w, "yes"))), (lambda w=word: answers.append((w, "no")))
        asking.ask(Question(f"{word}?", "Open it", "Keep this one", yes, no))
    strip = dock.head.question
    assert answers == [("first", "no")]
    assert not strip.isHidden()
    assert (strip.words.text(), strip.yes.text(), strip.no.text()) == (
        "second? The question before this one was taken as answered by “Keep this one”.",
        "Open it",
        "Keep this one",
    )
    strip.yes.click()
    assert answers == [("first", "no"), ("second", "yes")]
    assert strip.isHidden()
    assert Asking().question is None
    asking.tell("expected a file, found none")
    assert (strip.words.text(), strip.yes.text()) == ("Expected a file, found none", "OK")
    assert strip.no.isHidden()
    asking.ask(Question("third?", "Open it", "Keep this one", lambda: None))
    assert not strip.no.isHidden()
    strip.no.click()
    strip.yes.click()  # the notice stands again once the question is answered
    assert strip.isHidden()
    assert asking.notice == ""


def test_the_menu_offers_what_can_be_done_now(dock, outlined):
    head = outlined.head
    head.fill_menu()
    on = {action.text(): action.isEnabled() for action in head.menu.actions() if action.text()}
    assert on["Open…"]
    assert on["Save project…"]
    assert on["Close section"]
    assert not on["Copy methods text"]
    assert not on["Save as…"]
    outlined.session.assign_roles({"effector": ("CD8 T",)}, "role of CD8 T")
    head.fill_menu()
    assert "Undo: role of CD8 T" in [action.text() for action in head.menu.actions()]


def test_closing_the_section_leaves_the_first_minute_and_no_layer(outlined, asked):
    commands.close_section(outlined)
    assert len(asked) == 1
    assert "No project of it was saved" in asked[0]
    assert len(outlined.bench.viewer.layers) == 0
    assert [outlined.session.value(step) for step in STEPS] == [None] * 7
    assert not outlined.head.what.isHidden()


def test_methods_text_goes_to_the_clipboard_once_there_are_niches(outlined, click):
    commands.copy_methods_text(outlined)
    assert "do steps 1 to 6 first" in outlined.session.error("export")
    click(outlined, "metabolites", "cells", "align", "niches")
    commands.copy_methods_text(outlined)
    assert "napari-metime" in QApplication.clipboard().text()


def test_an_error_goes_with_its_cause(outlined):
    session, panel = outlined.session, outlined.panels["tissue"]
    session.put("tissue", "method", "/nowhere/mask.tif")
    panel.primary.click()
    outlined.bench.run("tissue")
    session.refuse("tissue", "expected a mask, found none; choose another")
    assert "Expected a mask" in panel.error.text()
    session.put("tissue", "method", "otsu")
    assert session.error("tissue") == ""
    assert panel.error.isHidden()


def test_the_head_of_a_step_tells_an_error_and_a_warning(outlined):
    session, header = outlined.session, outlined.panels["tissue"].header
    assert (header.state.text(), header.state.property("state")) == ("✓ done", "done")
    session.refuse("tissue", "expected a mask, found none; choose another")
    assert (header.state.text(), header.state.property("state")) == ("✕ error", "failed")
    session.put("tissue", "method", "otsu")
    assert header.state.text() == "! out of date"
    warned = replace(session.value("data").dataset, warnings=("the file is odd",))
    assert look_of(session, "data") == "done"
    session.finish(session.begin("data"), replace(session.value("data"), dataset=warned))
    assert look_of(session, "data") == "warned"
    assert "see warning" in outlined.panels["data"].header.state.text()


def test_all_steps_at_once_end_where_the_niches_stand(outlined, settle):
    outlined.open_step("data")
    outlined.bench.run_all()
    settle(outlined)
    assert outlined.session.is_current("niches")
    assert outlined.panels["niches"].is_open


def test_what_is_out_of_date_says_which_setting_changed(outlined, click):
    session = outlined.session
    click(outlined, "metabolites")
    session.put("ims", "tolerance_ppm", 12.0)
    assert stale_in_words(session, "metabolites") == "Made before Tolerance (step 3) was changed; run it again."
    assert stale_in_words(session, "tissue") == ""
    session.put("channels", "mz", (89.0244,))
    assert "Further m/z (step 3) and Tolerance (step 3) were changed" in stale_in_words(session, "metabolites")


def test_every_command_of_the_palette_is_one_of_ours():
    from npe2 import PluginManifest

    import napari_metime

    manifest = PluginManifest.from_file(f"{napari_metime.__path__[0]}/napari.yaml")
    named = {command.python_name.rpartition(":")[2] for command in manifest.contributions.commands}
    made = {name for name, each in vars(palette).items() if callable(each) and each.__module__ == palette.__name__}
    assert {name for name in made if not name.startswith("_")} <= named
    readers = {reader.command for reader in manifest.contributions.readers}
    for command in manifest.contributions.commands:
        assert (command.enablement is not None) == (command.id in readers)  # napari calls those, not a person
