from __future__ import annotations

import pytest

from napari_metime.gui.state.session import Session
from napari_metime.gui.widgets.forms import Form, Row
from napari_metime.recipe import ImsRecipe, NichesRecipe


def form(qtbot, *rows: Row) -> tuple[Session, Form]:
    session = Session()
    made = Form(session, rows)
    qtbot.addWidget(made)
    return session, made


def test_range_default_and_help_are_those_of_the_recipe(qtbot):
    _, made = form(qtbot, Row("niches", "n_permutations", "Random shuffles"))
    box = made.editors["niches", "n_permutations"].widget()
    assert (box.minimum(), box.maximum(), box.value()) == (19, 100_000, 999)
    assert box.toolTip() == f"{NichesRecipe.model_fields['n_permutations'].description}. At first: 999."


def test_the_help_tells_what_a_setting_is_at_first_in_the_words_of_its_control(qtbot):
    rows = (
        Row("ims", "tolerance_ppm", "Tolerance"),
        Row("niches", "domain", "Look in", choices=[("tumour bed", "tumor_bed")]),
        Row("niches", "inflamed", "Inflamed too"),
        Row("ims", "pixel_size_um", "Pixel size"),
    )
    _, made = form(qtbot, *rows)
    told = [editor.widget().toolTip().partition("At first: ")[2] for editor in made.editors.values()]
    assert told == ["5 ppm.", "tumour bed.", "off.", ""]


def test_a_form_says_its_values_in_a_few_words(qtbot):
    rows = (
        Row("niches", "domain", "Look in", choices=[("tumour bed", "tumor_bed")]),
        Row("niches", "radius_um", "Window radius", empty="auto", says="window {}"),
        Row("niches", "n_permutations", "Random shuffles", says="{} shuffles"),
        Row("niches", "alpha", "Error rate", says=""),
    )
    session, made = form(qtbot, *rows)
    assert made.in_words() == ["tumour bed", "window auto", "999 shuffles"]
    session.put("niches", "radius_um", 150.0)
    made.refresh()
    assert made.in_words()[1] == "window 150 µm"


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


@pytest.mark.parametrize(
    ("section", "key", "value", "text"),
    [
        ("niches", "alpha", 0.0005, "0.0005"),
        ("niches", "max_rate_ratio", 0.123456789, "0.123456789"),
        ("ims", "tolerance_ppm", 0.0004, "0.0004 ppm"),
        ("ims", "tolerance_ppm", 10_000.0, "10000 ppm"),
        ("seed", "", 2**32 - 1, "4294967295"),
    ],
)
def test_a_number_is_shown_as_it_stands_in_the_recipe(qtbot, section, key, value, text):
    session, made = form(qtbot, Row(section, key, "Number"))
    session.put(section, key, value)
    made.refresh()
    box = made.editors[section, key].widget()
    assert (box.text(), box.value()) == (text, value)
    assert session.get(section, key) == value


@pytest.mark.parametrize(
    ("section", "key"),
    [("niches", "alpha"), ("niches", "max_rate_ratio"), ("niches", "n_permutations"), ("ims", "tolerance_ppm")],
)
def test_both_ends_of_a_range_are_taken_by_the_recipe(qtbot, section, key):
    session, made = form(qtbot, Row(section, key, "Number"))
    session.put("ims", "path", "section.imzML")
    box = made.editors[section, key].widget()
    for end in (box.minimum(), box.maximum()):
        box.setValue(end)
        assert getattr(session.part(section), key) == end


def test_a_step_changes_the_second_digit_and_a_typed_number_is_taken(qtbot):
    session, made = form(qtbot, Row("niches", "alpha", "Error rate"), Row("seed", "", "Seed"))
    box = made.editors["niches", "alpha"].widget()
    box.stepUp()
    assert session.get("niches", "alpha") == pytest.approx(0.051, abs=1e-12)
    box.selectAll()
    qtbot.keyClicks(box, "0.00025")
    assert session.get("niches", "alpha") == 0.00025
    made.editors["seed", ""].widget().setValue(3_000_000_000)
    assert repr(session.get("seed")) == "3000000000"
