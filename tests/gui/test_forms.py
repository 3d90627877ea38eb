from __future__ import annotations

from napari_metime.gui.forms import Form, Row
from napari_metime.gui.session import Session
from napari_metime.recipe import ImsRecipe, NichesRecipe


def form(qtbot, *rows: Row) -> tuple[Session, Form]:
    session = Session()
    made = Form(session, rows)
    qtbot.addWidget(made)
    return session, made


def test_range_default_and_help_are_those_of_the_recipe(qtbot):
    _, made = form(qtbot, Row("niches", "n_permutations", "Labellings"))
    box = made.editors["niches", "n_permutations"].widget()
    assert (box.minimum(), box.maximum(), box.value()) == (19, 100_000, 999)
    assert box.toolTip() == NichesRecipe.model_fields["n_permutations"].description


def test_a_unit_stands_in_the_field(qtbot):
    session, made = form(qtbot, Row("ims", "tolerance_ppm", "Tolerance"))
    box = made.editors["ims", "tolerance_ppm"].widget()
    assert box.text() == "5 ppm"
    box.setValue(12.5)
    assert session.get("ims", "tolerance_ppm") == 12.5


def test_an_emptied_field_is_the_default_again(qtbot):
    session, made = form(qtbot, Row("ims", "pixel_size_um", "Pixel", empty="as in the file"))
    line = made.editors["ims", "pixel_size_um"].line
    qtbot.keyClicks(line, "20, 25")
    assert session.get("ims", "pixel_size_um") == (20.0, 25.0)
    line.clear()
    line.textEdited.emit("")
    assert session.get("ims", "pixel_size_um") == ImsRecipe.model_fields["pixel_size_um"].default


def test_what_cannot_be_read_is_kept_as_typed_for_the_error(qtbot):
    session, made = form(qtbot, Row("channels", "mz", "m/z"))
    qtbot.keyClicks(made.editors["channels", "mz"].line, "89.0244 lactate")
    assert session.get("channels", "mz") == (89.0244, "lactate")


def test_the_form_follows_the_session(qtbot):
    session, made = form(qtbot, Row("tissue", "method", "Method", choices=[("automatic", "auto")], files="*.tif"))
    session.put("tissue", "method", "/data/mask.tif")
    made.refresh()
    box = made.editors["tissue", "method"].widget()
    assert box.currentText() == "mask.tif"
