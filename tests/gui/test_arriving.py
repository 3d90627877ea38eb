"""What comes into the window: told by its content, asked for where it takes another's place, told where it fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from napari_metime.gui.arriving import incoming
from napari_metime.gui.arriving.asking import Asking
from napari_metime.gui.arriving.dropping import target_of, unknown_in_words
from napari_metime.gui.arriving.incoming import are_ours
from napari_metime.gui.arriving.recent import recent_files
from napari_metime.gui.panels.cells import unknown_in_words as unknown_types
from napari_metime.gui.projects.keeping import KINDS, check, keep
from napari_metime.project import pack, unpack

OWN = "pos_h;pos_v;population\n1,5;2;CD8\n3,5;4;B12\n5,5;6;B12\n"
KNOWN = "x_um,y_um,class\n1,2,CD8\n3,4,Treg\n"


@pytest.mark.parametrize(
    ("name", "text", "target"),
    [
        ("a.csv", KNOWN, "cells"),
        ("a.csv", OWN, "cells"),
        ("a.txt", OWN, "cells"),
        ("a.csv", "", "cells"),  # told in step 4
        ("a.csv", "source_x,source_y,target_x_um,target_y_um\n1,2,3,4\n", "landmarks"),
        ("a.csv", "formula,adduct,mz,fdr\nC3H6O3,M-H,89.02,0.1\n", "annotations"),
        ("a.csv", "name,formula,axis\nL-Lactate,C3H6O3,lactate\n", "panel"),
        ("a.csv", "1,0,5\n0,1,7\n0,0,1\n", "transform"),
        ("a.txt", "1.0,\t0.0,\t5.0,\n0.0,\t1.0,\t7.0\n", "transform"),
        ("a.tfm", "#Insight Transform File V1.0\n", "transform"),
        ("a.json", '{"matrix": [[1, 0, 5], [0, 1, 7], [0, 0, 1]]}', "transform"),
        ("a.json", '{"type": "FeatureCollection", "features": []}', "cells"),
        ("a.json", '{"name": "settings"}', None),
        ("a.csv", "item,price\nbread,1\n", None),
        ("a.txt", "Dear all,\nsee the attached file.\n", None),
        ("a.tfm", "hello", None),
        ("a.xlsx", "PK", "cells"),
        ("a.docx", "PK", None),
        ("a", "PK", None),
    ],
)
def test_what_a_file_is_for_is_told_by_its_content(tmp_path, name, text, target):
    (tmp_path / name).write_text(text)
    assert target_of(tmp_path / name, wants_cells=False) == target


def test_a_folder_is_for_something_only_where_it_is_a_store(tmp_path):
    assert target_of(tmp_path, wants_cells=False) is None
    (tmp_path / ".zgroup").write_text("{}")
    assert target_of(tmp_path, wants_cells=False) == "microscopy"
    (tmp_path / "obs").mkdir()
    assert target_of(tmp_path, wants_cells=False) == "cells"


def test_what_nothing_opens_says_what_can_be_opened(dock, tmp_path, monkeypatch):
    path = tmp_path / "prices.csv"
    path.write_text("item,price\nbread,1\n")
    (tmp_path / "notes.docx").write_bytes(b"PK")
    words = unknown_in_words([path, tmp_path / "notes.docx", tmp_path / "gone.docx", tmp_path])
    for part in ("imzML with its .ibd", "transforms", "prices.csv (a table without numbers in two columns",
                 "notes.docx", "gone.docx (which is not there)", "drop the files in it"):  # fmt: skip
        assert part in words
    dock.open_step("tissue")
    dock.take_files([tmp_path / "notes.docx"])
    assert dock.bench.asking.notice == unknown_in_words([tmp_path / "notes.docx"])
    assert not dock.head.question.isHidden()
    assert dock.session.error("data") == ""  # a file that is for no step changes none
    assert dock.panels["tissue"].is_open
    assert are_ours([path], dock.session)  # a table is told in words, by napari in a traceback
    photo = tmp_path / "photo.png"
    monkeypatch.setattr(incoming, "_has_reader", lambda path: path == photo)
    assert not are_ours([photo], dock.session)
    assert not are_ours([photo, tmp_path / "notes.docx"], dock.session)
    own = tmp_path / "own.csv"
    own.write_text(OWN)
    assert are_ours([own], dock.session)
    own.write_text(KNOWN)
    dock.take_files([own])
    assert dock.head.question.isHidden()


@pytest.fixture
def lab1(dock, settle, tmp_path) -> Path:
    """A table that is there, with a role that a person gave."""
    path = tmp_path / "lab1.csv"
    path.write_text(KNOWN)
    dock.take_files([path])
    settle(dock)
    dock.panels["cells"]._on_role("Treg", "effector")
    return path


def write_own(folder: Path) -> Path:
    (folder / "lab2.csv").write_text(OWN)
    return folder / "lab2.csv"


def test_another_table_is_asked_for_and_no_keeps_all(dock, lab1, tmp_path, settle, monkeypatch):
    asked, before = [], dock.session.values

    def refuse(_, question):
        asked.append(question.words)
        question.on_no()

    monkeypatch.setattr(Asking, "ask", refuse)
    dock.take_files([write_own(tmp_path)])
    settle(dock)
    assert asked == ["Read lab2.csv in place of lab1.csv? Its roles go. Undo brings it back."]
    assert dock.bench.viewer.status == ""  # nothing was taken
    assert not any("lab2.csv" in line for line in dock.session.log)
    assert dock.session.values == before
    dock.take_files([lab1])  # the same again asks nothing and keeps what a person said
    settle(dock)
    assert len(asked) == 1
    assert dock.session.values == before


def test_a_table_that_took_anothers_place_can_be_taken_back(dock, lab1, tmp_path, settle, asked):
    before = dock.session.get("cells")
    path = write_own(tmp_path)
    dock.take_files([path])
    settle(dock)
    assert len(asked) == 1
    assert dock.session.get("cells", "path") == path
    assert dock.session.get("cells", "roles") == {}
    assert dock.session.can_undo == "reading lab2.csv"
    kept = unpack(pack(keep(dock.session).state, KINDS), KINDS)
    check(kept)  # and so it can in a project that is opened again
    assert kept.attributes["history"].past[-1].before == before
    assert any("lab2.csv: taken as cells (step 4)" in line for line in dock.session.log)
    assert dock.panels["cells"].header.state.text() == "? choose columns"
    dock.bench.undo()
    settle(dock)
    assert dock.session.get("cells") == before
    assert dock.panels["cells"].types()["Treg"] == (1, "effector")
    dock.bench.redo()
    settle(dock)
    assert dock.session.get("cells", "path") == path


def test_what_was_read_of_another_table_does_not_stand_below_the_error_of_this_one(dock, lab1, tmp_path, settle, click):
    click(dock, "cells")
    panel = dock.panels["cells"]
    assert not panel.result.isHidden()
    (tmp_path / "empty.csv").write_text("")
    dock.take_files([tmp_path / "empty.csv"])
    settle(dock)
    assert not panel.error.isHidden()
    assert not panel.answer.isHidden()
    assert panel.result.isHidden()
    assert panel.notes.isHidden()
    assert panel.header.line.text() == "empty.csv: not read yet"
    assert panel.columns_fold.isHidden()
    dock.take_files([lab1])
    settle(dock)
    assert not panel.columns_fold.isHidden()


def test_the_step_of_the_file_that_failed_stands_open_and_the_others_are_in(dock, recipe_path, tmp_path, qtbot):
    for name in ("section.imzML", "section.ibd", "landmarks.csv"):
        shutil.copy(recipe_path.with_name(name), tmp_path / name)
    (tmp_path / "bad.csv").write_text("x_um,y_um,class\n1,2,CD8\n3,4\n")
    (tmp_path / "notes.docx").write_bytes(b"PK")
    names = ("landmarks.csv", "notes.docx", "bad.csv", "section.imzML")
    dock.take_files([tmp_path / name for name in names])
    qtbot.waitUntil(lambda: dock.bench.asking.notice != "", timeout=60_000)
    assert dock.session.error("cells").startswith("bad.csv: expected 3 fields in every row")
    assert "notes.docx" in dock.bench.asking.notice
    assert dock.session.error("data") == ""
    assert dock.panels["cells"].is_open
    assert dock.session.get("align", "landmarks") == tmp_path / "landmarks.csv"
    assert dock.session.value("data") is not None


def test_a_transform_goes_to_step_5_and_metabolites_to_step_3(dock, tmp_path):
    matrix, panel = tmp_path / "m.txt", tmp_path / "p.csv"
    matrix.write_text("1,0,5\n0,1,7\n0,0,1\n")
    panel.write_text("name,formula,axis\nL-Lactate,C3H6O3,lactate\n")
    dock.take_files([matrix])
    assert dock.session.get("align", "path") == matrix
    assert dock.panels["align"].is_open
    assert dock.bench.viewer.status == "m.txt: taken as a transform (step 5)"
    dock.take_files([panel])
    assert dock.session.get("channels", "extend") == panel
    assert dock.panels["metabolites"].is_open


def test_only_what_opened_is_listed_as_opened_last(dock, recipe_path, tmp_path, settle):
    (tmp_path / "broken.imzML").write_text("no XML")
    (tmp_path / "broken.ibd").write_bytes(b"0" * 16)
    dock.take_files([tmp_path / "broken.imzML"])
    settle(dock)
    assert dock.session.error("data") != ""
    assert tmp_path / "broken.imzML" not in recent_files()
    dock.take_files([recipe_path])
    settle(dock)
    assert recent_files()[0] == recipe_path


def test_the_sample_is_called_so_and_not_by_the_name_of_its_file(dock, recipe_path, settle, click, asked, monkeypatch):
    monkeypatch.setattr("napari_metime.gui.arriving.arrivals.sample_recipe", lambda on_progress: recipe_path)
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    click(dock, "tissue")
    dock.bench.arrivals.open_sample()
    settle(dock)
    assert asked[0].startswith("Open the sample section in place of ")


def test_the_columns_of_an_unknown_table_are_chosen_beside_its_first_rows(dock, tmp_path, settle):
    panel = dock.panels["cells"]
    dock.take_files([write_own(tmp_path)])
    settle(dock)
    block = panel.columns
    assert panel.columns_fold.head.isChecked()
    assert "x, y and type" in block.question.text()
    assert dock.session.error("cells") == ""  # it only wants a choice
    assert panel.header.state.text() == "? choose columns"
    assert not panel.primary.isEnabled()
    assert panel.note.isHidden()  # nothing was recognised
    assert [block.rows.horizontalHeaderItem(i).text() for i in range(3)] == ["pos_h", "pos_v", "population"]
    assert block.rows.item(0, 2).text() == "CD8"
    assert panel.unit.box.currentText() == "not known yet"
    for key, column in (("x", "pos_h"), ("y", "pos_v"), ("type", "population")):
        box = block.editors[key].box
        assert box.itemText(0) == "please choose…"
        box.setCurrentIndex(box.findText(column))
        box.activated.emit(box.currentIndex())
        settle(dock)
    assert block.question.isHidden()
    assert panel.header.state.text() == "? choose the unit"
    assert panel.unit.box.currentText() == "not known: choose"
    assert block.rows.horizontalHeaderItem(2).text() == "type = population"
    assert list(panel.types()) == ["B12", "CD8"]
    assert panel.unknown.text() == unknown_types(["B12"])
    panel._on_role("B12", "tumor")
    assert panel.unknown.isHidden()
    panel._on_unit("um")
    settle(dock)
    assert panel.note.text().startswith("Taken as: ")
    assert panel.forms[0].isHidden()  # no pixels to be asked for


def test_a_column_that_a_recipe_names_is_shown_and_can_be_typed(dock, tmp_path, settle):
    dock.session.put("cells", "type", "population")
    editor = dock.panels["cells"].columns.editors["type"]
    assert editor.line.text() == "population"
    assert editor.in_words() == "population"
    dock.session.put("cells", "type", None)
    dock.bench.look_at_cells(write_own(tmp_path))
    settle(dock)
    editor.line.setText("popul")
    editor.line.setModified(True)
    editor.show(None)  # the session has told something meanwhile
    assert editor.line.text() == "popul"
    editor.line.editingFinished.emit()
    settle(dock)
    assert "nearest are 'population'" in dock.session.error("cells")


@pytest.mark.parametrize(
    ("header", "told"),
    [("x_um,y_um", "µm, from 'x_um'"), ("x_mm,y_mm", "mm, from 'x_mm'"), ("Centroid X px,Centroid Y px", "px, from")],
)
def test_the_unit_says_what_was_found(dock, tmp_path, settle, header, told):
    path = tmp_path / "cells.csv"
    path.write_text(f"{header},Class\n1,2,CD8\n")
    dock.take_files([path])
    settle(dock)
    assert dock.panels["cells"].unit.box.currentText().startswith(told)
    assert "Recognised" in dock.panels["cells"].note.text()
