"""What a step says, and where: its answer first once it is done, its settings first while it is not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from qtpy.QtCore import QPoint

from napari_metime import pipeline
from napari_metime.gui.running import words
from napari_metime.gui.running.words import cancelled_in_words, in_sentences
from napari_metime.gui.widgets.lines import PathLine


@pytest.fixture
def done(outlined):
    outlined.resize(400, 700)
    outlined.show()
    outlined.open_step("tissue")
    return outlined


def order(panel) -> list[str]:
    """Name the parts of a body from top to bottom, as they stand on the screen."""
    panel.body.layout().activate()
    parts = {"answer": panel.answer, "button": panel.primary, "settings": panel.settings}
    seen = {name: part.mapTo(panel, QPoint(0, 0)).y() for name, part in parts.items() if part.isVisible()}
    return sorted(seen, key=seen.__getitem__)


def test_the_answer_comes_first_once_a_step_is_done_and_its_settings_fold_into_a_line(done):
    panel = done.panels["tissue"]
    assert order(panel) == ["answer", "button", "settings"]
    assert panel.settings.said.text() == "method: automatic · nothing left out"
    method = panel.forms[0].editors["tissue", "method"].box
    assert not method.isVisible()
    panel.settings.change.click()
    assert method.isVisible()


def test_nothing_moves_while_a_setting_is_changed_and_all_of_it_folds_once_it_is_run(done, click):
    panel = done.panels["tissue"]
    panel.settings.change.click()
    done.session.put("tissue", "method", "otsu")
    assert done.session.state("tissue") == "stale"
    assert order(panel) == ["answer", "button", "settings"]
    assert panel.stale.text() == "Made before Method was changed; run it again."
    click(done, "tissue")
    assert not panel.settings.is_changing
    assert panel.settings.said.text().startswith("method: by total ion current")


def test_a_step_that_went_out_of_date_shows_its_settings_first(done):
    panel = done.panels["tissue"]
    done.session.put("tissue", "method", "otsu")
    assert order(panel) == ["settings", "button", "answer"]
    assert panel.result.text().startswith("Before the change:\n")
    assert panel.result.property("look") == "dim"
    assert not panel.about.isHidden()


def test_an_error_stands_below_the_head_and_at_its_field(done, settle):
    panel = done.panels["tissue"]
    done.session.refuse("tissue", "tissue.method: should be one of those known; found none")
    settle(done)
    assert panel.error.isVisible()
    assert panel.body.layout().itemAt(0).widget() is panel.error
    seen = done._scroll.viewport().rect()
    assert seen.contains(panel.error.mapTo(done._scroll.viewport(), panel.error.rect().bottomLeft()))
    field = panel.forms[0].editors["tissue", "method"].box
    assert field.property("wrong") is True
    done.session.put("tissue", "method", "otsu")
    assert field.property("wrong") is False


def test_of_many_niches_three_are_told_and_the_rest_counted(result, monkeypatch):
    monkeypatch.setattr(words, "niche_sentences", lambda _: ["a", "b", "c", "d", "e"])
    assert in_sentences(result.niches) == ("a", "b", "c", "2 more in the Niches tab.")
    monkeypatch.setattr(words, "niche_sentences", lambda _: ["a", "b", "c"])
    assert in_sentences(result.niches) == ("a", "b", "c")


def test_a_step_without_a_button_does_not_say_what_the_button_would_do(done):
    assert done.session.would_go_stale("data") == ("tissue",)
    assert done.panels["data"].effect.isHidden()
    assert done.panels["tissue"].effect.isHidden()  # nothing stands on it yet


def test_a_cancelled_step_says_that_nothing_was_changed(done, monkeypatch, qtbot):
    panel, going = done.panels["tissue"], threading.Event()

    def slow(*_, on_progress, **__):
        going.set()
        while True:
            on_progress(0.5, "looking")

    monkeypatch.setattr(pipeline, "find_tissue", slow)
    panel.primary.click()
    assert going.wait(10)
    assert not done.head.cancel.isVisible()
    done.open_step("cells")
    assert done.head.cancel.isVisible()
    done.head.cancel.click()
    assert panel.cancelled.text() == "Cancelled; nothing was changed. The former result stands."
    assert cancelled_in_words(done.session, "metabolites") == "Cancelled; nothing was changed."
    qtbot.waitUntil(lambda: not done.bench._runner.is_working, timeout=10_000)


def test_a_path_is_shown_by_the_name_of_the_file_and_kept_whole(qtbot):
    line = PathLine()
    qtbot.addWidget(line)
    path = Path("/a/very/long/way/to/the/folder/of/the/cells_of_the_section.csv")
    line.setText(str(path))
    assert line.text() == str(path)
    assert line.said(500) == "cells_of_the_section.csv"
    assert line.said(60).endswith("sv")
    assert "…" in line.said(60)
