"""Step 7: what stands in the folder is told before, the methods text is copied, and provenance can be read."""

from __future__ import annotations

import gc
import json
import os
import weakref
from datetime import datetime

import pytest
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication

from napari_metime import pipeline
from napari_metime.export.methods import methods_text
from napari_metime.gui.panels.export import ExportPanel, what_it_replaces


@pytest.fixture
def filled(dock, recipe, result, tmp_path):
    """A finished run that has not been written yet."""
    dock.bench.fill(recipe, result, pipeline.read_cells(recipe.cells))
    dock.session.folder = tmp_path / "results"
    dock.session.changed.emit("export")
    dock.panels["export"].set_open(True)
    return dock


def test_what_stands_in_the_folder_is_told_before(tmp_path):
    folder = tmp_path / "results"
    assert what_it_replaces(folder) == ""
    folder.mkdir()
    assert what_it_replaces(folder) == ""
    (folder / "notes.txt").write_text("mine")
    assert what_it_replaces(folder) == "Other files are there already; choose another folder."
    path = folder / "provenance.json"
    path.write_text(json.dumps({"written_by": "napari-metime"}))
    when = datetime(2025, 11, 7, 14, 2).timestamp()
    os.utime(path, (when, when))
    assert what_it_replaces(folder) == "Replaces the results of 7 Nov 14:02 that stand there."
    path.write_text(json.dumps({"written_by": "somebody else"}))
    assert what_it_replaces(folder).startswith("Other files")


def test_the_panel_tells_what_it_would_replace_and_offers_what_it_wrote(filled, click, monkeypatch):
    panel = filled.panels["export"]
    assert panel.replaces.isHidden()
    assert panel.opening.isHidden()
    click(filled, "export")
    assert panel.replaces.isHidden()  # what this session has just written is no surprise
    assert what_it_replaces(filled.session.value("export")).startswith("Replaces the results of ")
    assert not panel.opening.isHidden()
    assert not panel.open_report.isHidden()
    asked = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: asked.append(url.toLocalFile()))
    panel.open_folder.click()
    panel.open_report.click()
    folder = filled.session.value("export")
    assert asked == [str(folder), str(folder / "report.html")]


def test_the_methods_text_is_that_of_the_run(filled, recipe, result):
    filled.panels["export"].methods.click()
    copied = QApplication.clipboard().text()
    assert copied == methods_text(filled.session.recipe(), filled.session.section_result())
    assert copied.split("\n\n")[0] == methods_text(recipe, result).split("\n\n")[0]
    assert "Copied: " in filled.panels["export"].copied.text()


def test_the_methods_text_does_not_tell_settings_that_made_nothing(filled):
    panel = filled.panels["export"]
    QApplication.clipboard().setText("before")
    filled.session.put("ims", "tolerance_ppm", 20.0)
    assert not panel.methods.isEnabled()
    panel.copy_methods_text()
    assert QApplication.clipboard().text() == "before"
    assert "up to date" in filled.session.error("export")


def test_without_niches_there_is_neither_methods_text_nor_provenance(outlined):
    panel = outlined.panels["export"]
    assert panel.for_paper.isHidden()
    assert panel.provenance_fold.isHidden()
    QApplication.clipboard().setText("before")
    panel.copy_methods_text()
    assert QApplication.clipboard().text() == "before"


def test_provenance_is_read_from_the_session_and_then_from_what_was_written(filled, click):
    panel = filled.panels["export"]
    assert panel.provenance.toPlainText() == ""
    panel.provenance_fold.head.setChecked(True)
    for words in ("section simulated-0", "Seed 0", "numpy ", "The checksums of the inputs are made on export."):
        assert words in panel.provenance.toPlainText()
    click(filled, "export")
    told = json.loads((filled.session.value("export") / "provenance.json").read_text(encoding="utf-8"))
    for row in told["inputs"]:
        assert row["path"] in panel.provenance.toPlainText()
        assert row["sha256"] in panel.provenance.toPlainText()


def test_provenance_of_results_that_were_not_written_yet_is_theirs(filled, click):
    panel = filled.panels["export"]
    panel.provenance_fold.head.setChecked(True)
    click(filled, "export")
    written = panel.provenance.toPlainText()
    assert "The checksums of the inputs are made on export." not in written
    filled.session.put("niches", "alpha", 0.04)
    click(filled, "niches")
    assert not filled.session.is_current("export")
    assert "The checksums of the inputs are made on export." in panel.provenance.toPlainText()
    filled.session.put("niches", "alpha", 0.05)
    click(filled, "niches")
    click(filled, "export")
    assert "The checksums of the inputs are made on export." not in panel.provenance.toPlainText()


def test_a_closed_panel_is_told_nothing_of_what_was_saved(filled, qtbot, tmp_path):
    bench = filled.bench
    panel = ExportPanel(bench)
    qtbot.addWidget(panel)
    bench.saved.emit(tmp_path / "part.imzML")
    assert panel.saved.text() == f"Written to {tmp_path / 'part.imzML'}"
    reference = weakref.ref(panel)
    with qtbot.waitSignal(panel.destroyed):
        panel.deleteLater()
    del panel
    gc.collect()
    assert reference() is None
    bench.saved.emit(tmp_path / "other.imzML")


def test_saving_a_part_is_folded_away_until_it_is_asked_for(filled):
    panel = filled.panels["export"]
    assert panel.saving.isHidden()
    panel.part_fold.head.setChecked(True)
    filled.session.changed.emit("export")
    assert not panel.saving.isHidden()
