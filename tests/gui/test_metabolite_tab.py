"""The Metabolites tab on hand-made channels, on a viewer without a window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication

from napari_metime import pipeline
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.channel_look import look_of, rgba_of, unit_of
from napari_metime.gui.layers.thumbnails import SIZE, draw
from napari_metime.gui.running.words import in_one_line, in_sentences
from napari_metime.gui.state.made import Opened
from napari_metime.gui.views.evidence_words import axis_sentences
from napari_metime.gui.views.lower_dock import LowerDock
from napari_metime.gui.views.metabolite_model import COLUMNS, ENTRY_ROLE
from napari_metime.gui.views.metabolite_rows import axis_groups
from napari_metime.gui.views.metabolite_tab import NO_FILE, NO_MATCH, NO_PANEL, NOT_MEASURED
from napari_metime.ims import pixel_vectors
from napari_metime.section import Channel, ChannelSet, Tissue

MEMBERS = [  # channel, axis, verdict, m/z, coverage
    ("Glucose", "lactate_glycolysis", "not seen", 179.0561, 0.02),
    ("L-Lactate", "lactate_glycolysis", "seen", 89.0244, 0.9),
    ("Pyruvate", "lactate_glycolysis", "doubtful", 87.0088, 0.5),
    ("L-Tryptophan", "trp_kyn", "cannot be seen here", 203.0826, np.nan),
    ("Citrate", "TCA", "seen", 191.0197, 0.95),
]


def made_of(channels: ChannelSet) -> ChannelSet:
    """Dress measured channels with verdicts, a ratio and two axes."""
    image = channels.channels[0].image
    rng = np.random.default_rng(0)
    ions = [Channel(name, "ion", (image + i).astype(np.float32)) for i, name in enumerate(("L-Lactate", "Citrate"))]
    log2 = rng.normal(1.0, 1.0, image.shape).astype(np.float32)
    log2[0, 0] = np.nan
    table = pd.DataFrame(MEMBERS, columns=["channel", "axis", "verdict", "mz", "coverage"])
    table["detected"], table["adduct"], table["conflicts"] = table["verdict"] == "seen", "[M-H]-", ""
    table["formula"] = ["C6H12O6", "C3H6O3", "C3H4O3", "C11H12N2O2", "C6H8O7"]
    table["reason"] = ["too weak", "", "no isotope", "the file is negative", ""]
    axes = pd.DataFrame(
        {
            "axis": ["lactate_glycolysis", "trp_kyn", "TCA"],
            "channel": ["axis:lactate_glycolysis", "", ""],
            "status": ["scored", "not_scored", "single_ion"],
            "reason": ["", "this file can show none of its 1 member", "Citrate (single ion): the only seen one"],
            "members": [("L-Lactate", "Pyruvate", "Glucose"), (), ("Citrate",)],
        }
    )
    ratios = pd.DataFrame(
        {
            "ratio": ["kyn_trp", "lactate_pyruvate"],
            "axis": ["trp_kyn", "lactate_glycolysis"],
            "status": ["not_measurable", "measured"],
            "reason": ["L-Tryptophan is not seen", ""],
            "definition": ["L-Kynurenine / L-Tryptophan", "L-Lactate / Pyruvate"],
        }
    )
    ratio, axis = Channel("lactate_pyruvate", "ratio", log2), Channel("axis:lactate_glycolysis", "axis", log2 - 1)
    more = Channel("mz:100.0000", "ion", np.zeros_like(image))
    return replace(channels, channels=(*ions, more, ratio, axis), table=table, axes=axes, ratios=ratios)


@pytest.fixture(scope="module")
def found(recipe) -> tuple[Opened, Tissue, ChannelSet]:
    """What the first three steps find, the third with the members above."""
    dataset = pipeline.open_and_calibrate(recipe.ims)[0]
    tissue = pipeline.find_tissue(dataset, recipe.tissue, seed=0)
    tic = pixel_vectors(dataset).tic.astype(np.float32)
    return Opened(dataset, tic), tissue, made_of(ChannelSet((Channel("x", "ion", tic),), pd.DataFrame(), tic))


@pytest.fixture
def measured(dock, recipe, found):
    """A dock in which the first three steps are done."""
    dock.session.load(recipe)
    for step, value in zip(("data", "tissue", "metabolites"), found, strict=True):
        dock.session.finish(dock.session.begin(step), value)
        layers.show(dock.bench.viewer, dock.session, step)
    return dock


@pytest.fixture
def lower(measured, qtbot):
    widget = LowerDock(measured.bench)
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def tab(lower):
    return lower.metabolites


def listed(tab) -> dict[str, list[str]]:
    """Titles by axis, as they are shown."""
    model = tab.table.shown
    axes = [model.index(i, 0) for i in range(model.rowCount())]
    return {
        axis.data(ENTRY_ROLE).row["axis"]: [model.index(j, 0, axis).data() for j in range(model.rowCount(axis))]
        for axis in axes
    }


def index_of(tab, title: str):
    model = tab.table.shown
    for i in range(model.rowCount()):
        axis = model.index(i, 0)
        for index in (axis, *(model.index(j, 0, axis) for j in range(model.rowCount(axis)))):
            if index.data().startswith(title):
                return index
    raise AssertionError(f"no row {title}")


def press(tab, title: str) -> None:
    index = index_of(tab, title)
    tab.table.setCurrentIndex(index)
    tab.table.clicked.emit(index)


def shown(tab) -> list[str]:
    viewer = tab._bench.viewer
    return [x.metadata["channel"] for x in viewer.layers if x.visible and x.metadata.get(layers.KEY) == "channel"]


def test_each_axis_lists_what_is_seen_first_and_its_ratios(tab):
    assert listed(tab) == {
        "lactate_glycolysis": ["L-Lactate", "Pyruvate", "Lactate / pyruvate", "Glucose"],
        "trp_kyn": ["Kynurenine / tryptophan", "L-Tryptophan"],
        "TCA": ["Citrate"],
        "": ["m/z 100.0000"],
    }


def test_headings_say_the_state_of_the_axis_and_fold_where_nothing_is_seen(tab):
    headings = [tab.table.shown.index(i, 0) for i in range(4)]
    assert [(index.data(), index.siblingAtColumn(1).data()) for index in headings] == [
        ("Lactate and glycolysis", "scored, 3 members"),
        ("Tryptophan and kynurenine", "not scored"),
        ("TCA cycle", "single ion"),
        ("Further m/z and images", "–"),
    ]
    whys = [index.siblingAtColumn(len(COLUMNS) - 1).data() for index in headings]
    assert whys[1:3] == ["this file can show none of its 1 member", "Citrate (single ion): the only seen one"]
    assert [tab.table.isExpanded(index) for index in headings] == [True, False, True, True]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("c3h6o3 [m-h]-", {"L-Lactate"}),
        ("lact", {"L-Lactate", "Pyruvate", "Lactate / pyruvate", "Glucose"}),  # the axis is called so too
        ("tca", {"Citrate"}),
        ("203.08", {"L-Tryptophan"}),
        ("doubtful", {"Pyruvate"}),
        ("l-kynurenine", {"Kynurenine / tryptophan"}),  # by what it is made of
        ("scored", set()),
        ("LACTATE seen", {"L-Lactate", "Glucose"}),  # every word, anywhere
    ],
)
def test_the_field_searches_names_axes_mz_and_verdicts(tab, text, wanted):
    tab.field.setText(text)
    assert {title for titles in listed(tab).values() for title in titles} == wanted
    tab.field.clear()
    assert sum(map(len, listed(tab).values())) == 8


def test_the_verdicts_carry_their_counts_and_filter(tab):
    texts = [chip.text() for chip in tab.chips.values()]
    assert texts == ["seen 2", "doubtful 1", "not seen 1", "cannot be seen here 1"]
    tab.chips["doubtful"].click()
    tab.chips["cannot be seen here"].click()
    assert listed(tab) == {"lactate_glycolysis": ["Pyruvate"], "trp_kyn": ["L-Tryptophan"]}
    assert tab.table.isExpanded(tab.table.shown.index(1, 0))  # what was asked for is in sight


def test_the_verdict_stands_as_a_word_and_a_sign(tab):
    index = index_of(tab, "Pyruvate").siblingAtColumn(1)
    assert index.data() == "doubtful"
    assert not index.data(Qt.ItemDataRole.DecorationRole).isNull()


def test_sorting_goes_within_an_axis_and_unknown_numbers_stand_last(tab):
    coverage = [column.header for column in COLUMNS].index("On tissue")
    tab.table.sortByColumn(coverage, Qt.SortOrder.DescendingOrder)
    assert listed(tab)["lactate_glycolysis"] == ["L-Lactate", "Pyruvate", "Glucose", "Lactate / pyruvate"]
    assert list(listed(tab)) == ["lactate_glycolysis", "trp_kyn", "TCA", ""]
    tab.table.sortByColumn(coverage, Qt.SortOrder.AscendingOrder)
    assert listed(tab)["lactate_glycolysis"] == ["Glucose", "Pyruvate", "L-Lactate", "Lactate / pyruvate"]
    assert list(listed(tab)) == ["lactate_glycolysis", "trp_kyn", "TCA", ""]


@pytest.mark.parametrize(
    ("title", "channel", "name"),
    [
        ("L-Lactate", "L-Lactate", "L-Lactate (intensity at median TIC)"),
        ("Lactate / pyruvate", "lactate_pyruvate", "Lactate / pyruvate (log₂ ratio)"),
        ("Lactate and glycolysis", "axis:lactate_glycolysis", "Lactate and glycolysis axis (z)"),
    ],
)
def test_a_click_shows_one_layer_with_its_unit_and_a_second_one_no_other(tab, title, channel, name):
    press(tab, title)
    viewer = tab._bench.viewer
    layer = layers.find(viewer, "channel", channel)
    assert (layer.name, layer.colorbar.visible, layer.name_overlay.visible) == (name, True, True)
    layer.visible = False
    press(tab, title)
    assert layers.find(viewer, "channel", channel) is layer
    assert layer.visible
    assert sum(x.metadata.get(layers.KEY) == "channel" for x in viewer.layers) == 1


def test_ratios_and_axes_diverge_from_zero_and_show_nothing_where_they_have_nothing(tab):
    press(tab, "Lactate / pyruvate")
    layer = layers.find(tab._bench.viewer, "channel", "lactate_pyruvate")
    low, high = layer.contrast_limits
    assert low == -high
    inside = layer.data[tab._session.value("tissue").mask]
    assert high == pytest.approx(np.abs(np.nanpercentile(inside, (5, 95))).max())
    assert layer.colormap.map(np.array([np.nan]))[0, 3] == 0
    assert np.allclose(layer.colormap.map(np.array([0.5]))[0, :3], 245 / 255, atol=0.01)
    assert not layers.find(tab._bench.viewer, "tic").visible  # else its grey is taken for zero


def test_a_row_without_an_image_says_why_and_leaves_what_is_in_sight(tab):
    press(tab, "Citrate")
    press(tab, "L-Tryptophan")
    assert shown(tab) == ["Citrate"]
    text = tab.details.label.text()
    assert "– cannot be seen here, so there is no image" in text
    assert "The file is negative." in text
    press(tab, "Kynurenine / tryptophan")
    assert "L-Tryptophan is not seen." in tab.details.label.text()
    assert shown(tab) == ["Citrate"]


def test_details_go_with_the_row_that_a_search_takes_away(tab):
    press(tab, "Citrate")
    assert "Citrate" in tab.details.label.text()
    tab.field.setText("no such metabolite")
    assert "Citrate" not in tab.details.label.text()


def test_hovering_tells_the_same_as_the_details(tab):
    index = index_of(tab, "Pyruvate")
    tab.table.setCurrentIndex(index)
    for text in (index.data(Qt.ItemDataRole.ToolTipRole), tab.details.label.text()):
        assert "? doubtful" in text
        assert "No isotope." in text


def test_keys_go_from_the_field_through_the_table_and_enter_shows(tab, qtbot):
    tab.field.setText("lact")
    qtbot.keyClick(tab.field, Qt.Key.Key_Down)
    assert tab.table.currentIndex().data() == "L-Lactate"
    assert shown(tab) == []
    qtbot.keyClick(tab.table, Qt.Key.Key_Down)
    assert tab.table.currentIndex().data() == "Pyruvate"
    qtbot.keyClick(tab.table, Qt.Key.Key_Up)
    qtbot.keyClick(tab.table, Qt.Key.Key_Return)
    assert shown(tab) == ["L-Lactate"]
    qtbot.keyClick(tab.field, Qt.Key.Key_Escape)
    assert tab.field.text() == ""


def test_a_heading_without_a_score_folds_by_a_click(tab):
    press(tab, "Tryptophan and kynurenine")
    assert tab.table.isExpanded(index_of(tab, "Tryptophan and kynurenine"))
    press(tab, "Tryptophan and kynurenine")
    assert not tab.table.isExpanded(index_of(tab, "Tryptophan and kynurenine"))


def test_what_cannot_be_listed_is_told_instead(dock, recipe_path, settle, click, qtbot):
    lower = LowerDock(dock.bench)
    qtbot.addWidget(lower)
    tab = lower.metabolites
    assert (tab.words.text(), tab.field.isEnabled()) == (NO_FILE, False)
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    lower.finish()
    assert (tab.words.text(), tab.field.isEnabled()) == (NOT_MEASURED, True)
    dock.session.put("channels", "panel", None)
    dock.session.put("channels", "mz", ())
    click(dock, "tissue", "metabolites")
    lower.finish()
    assert tab.words.text() == NO_PANEL
    dock.session.put("channels", "panel", "builtin")
    click(dock, "metabolites")
    lower.finish()
    assert not tab.table.is_empty
    tab.field.setText("no such thing")
    assert tab.table.is_empty
    assert tab.words.text() == NO_MATCH


def test_the_image_of_a_row_comes_once_the_keyboard_stays_there(tab, qtbot):
    chosen: list[str] = []
    tab.channel_chosen.connect(chosen.append)
    tab.field.setText("Citrate")  # what a search leaves is nobody's choice
    tab.select("Citrate")
    assert not tab._stay.isActive()
    tab.field.clear()
    tab.table.select_first()
    first = tab.table.currentIndex().data(ENTRY_ROLE)
    assert chosen == []  # on the way nothing is shown
    qtbot.waitUntil(lambda: chosen == [first.channel])


def test_pictures_are_made_when_they_are_asked_for_and_not_before(tab, qtbot):
    thumbnails = tab.table.thumbnails
    tab.table.thumbnails.restart(thumbnails._channels, thumbnails._inside)
    assert thumbnails._pictures == {}
    made = []
    thumbnails.made.connect(made.append)
    index_of(tab, "Citrate").data(Qt.ItemDataRole.DecorationRole)
    qtbot.waitUntil(lambda: made == ["Citrate"])
    picture = index_of(tab, "Citrate").data(Qt.ItemDataRole.DecorationRole).pixmap(SIZE)
    assert picture.size() == SIZE


def test_a_picture_has_the_colours_of_the_layer():
    image = np.full((26, 40), 1.0, dtype=np.float32)
    image[:, 20:] = -1.0
    image[0] = np.nan
    channel, inside = Channel("r", "ratio", image), np.ones(image.shape, dtype=bool)
    picture = draw(channel, inside).toImage()
    for (row, col), wanted in {(13, 30): "#0072b2", (13, 5): "#d55e00"}.items():
        assert picture.pixelColor(col, row).name() == wanted
    assert picture.pixelColor(5, 0).alpha() == 0
    assert (rgba_of(image, look_of(channel, inside))[0] == 0).all()


def test_a_large_image_is_thinned_out_and_keeps_its_form():
    image = np.zeros((1200, 600), dtype=np.float32)
    image[:600] = 1.0
    picture = draw(Channel("x", "ion", image), np.ones(image.shape, dtype=bool))
    assert picture.size() == SIZE
    alpha = [picture.toImage().pixelColor(col, 13).alpha() for col in range(SIZE.width())]
    assert sum(a == 255 for a in alpha) == SIZE.height() // 2  # half as wide as high


def test_the_third_step_says_what_was_seen_and_scored(measured):
    value = measured.session.value("metabolites")
    assert in_one_line(value) == "2 of 5 seen · 1 axis scored"
    scored = "Metabolic axes with a score: Lactate and glycolysis."
    others = "The Metabolites tab says why the others have no score."
    assert in_sentences(value) == (f"{scored} {others}", "Beside the panel: 1 image.")
    unscored = replace(value, axes=value.axes.assign(status="not_scored"))
    assert in_one_line(unscored).endswith(" · no axis scored")
    none = "No metabolic axis can be scored from this file; the Metabolites tab says why."
    assert in_sentences(unscored)[0] == none


def test_an_image_beside_the_panel_is_listed_with_its_unit_but_is_no_member(measured):
    value = measured.session.value("metabolites")
    copper = Channel("Cu", "image", value.tic, "ug/g")
    row = {"channel": "Cu", "axis": "", "mz": np.nan, "verdict": "seen", "detected": True, "coverage": 1.0}
    table = pd.concat([value.table, pd.DataFrame([row])], ignore_index=True)
    more = replace(value, table=table, channels=(*value.channels, copper))
    assert in_one_line(more).startswith("2 of 5 seen")
    assert "Beside the panel: 2 images." in in_sentences(more)
    entry = next(entry for entry in axis_groups(more)[-1].entries if entry.title == "Cu")
    assert (entry.kind, entry.verdict, entry.channel) == ("image", "seen", "Cu")
    assert unit_of(copper, "tic") == "ug/g"


def test_an_old_table_without_verdicts_is_listed_as_well(measured):
    table = pd.DataFrame({"channel": ["A", "B"], "mz": [1.0, 2.0], "detected": [True, False]})
    channels = replace(measured.session.value("metabolites"), channels=(), table=table)
    channels = replace(channels, axes=pd.DataFrame(), ratios=pd.DataFrame())
    (group,) = axis_groups(channels)
    assert [(entry.title, entry.verdict) for entry in group.entries] == [("A", "seen"), ("B", "not seen")]


def test_an_m_over_z_says_where_it_has_no_intensity_and_has_no_verdict(tab):
    (entry,) = tab.table.entries.groups[-1].entries
    assert (entry.title, entry.verdict, entry.about) == ("m/z 100.0000", "", ("No intensity within the tolerance.",))
    assert index_of(tab, "m/z 100").siblingAtColumn(1).data() == "–"


def test_what_is_measured_anew_takes_the_place_of_the_layer(tab):
    press(tab, "Citrate")
    viewer, session = tab._bench.viewer, tab._session
    former = layers.find(viewer, "channel", "Citrate")
    value = session.value("metabolites")
    again = tuple(replace(channel, image=2 * channel.image) for channel in value.channels)
    session._done["metabolites"] = replace(session._done["metabolites"], value=replace(value, channels=again))
    layers.show(viewer, session, "metabolites")
    layer = layers.find(viewer, "channel", "Citrate")
    assert isinstance(layer, Image)
    assert layer is not former
    assert layer.visible


@pytest.mark.parametrize(
    ("text", "mz", "told"),
    [
        ("C3H6O3 [M-H]-", 89.0244, "Shown: C3H6O3 [M-H]-, m/z 89.0244"),
        ("lactate", 89.0244, "Shown: L-Lactate [M-H]-, m/z 89.0244"),
        ("89.0244", 89.0244, "Shown: m/z 89.0244"),
    ],
)
def test_enter_shows_the_ion_of_a_formula_a_name_or_an_mz(tab, qtbot, text, mz, told):
    tab.field.setText(text)
    with qtbot.waitSignal(tab._bench.ions.landed, timeout=20_000):
        qtbot.keyClick(tab.field, Qt.Key.Key_Return)
    assert tab.answer.text() == told
    assert tab._bench.ions.window.mz == pytest.approx(mz, abs=0.0002)
    layer = layers.find(tab._bench.viewer, "ion", "one")
    assert layer.visible
    assert layer.colorbar.visible
    named = told.removeprefix("Shown: ").removesuffix(", m/z 89.0244") + " " if "," in told else ""
    assert layer.name == f"{named}m/z 89.0244 (intensity at median TIC)"
    assert shown(tab) == []
    assert tab.table.currentIndex().data() == "L-Lactate"  # what is known of it stands beside the table
    press(tab, "L-Lactate")
    assert not layer.visible


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("C3H6O3 [M-Q]-", "expected an adduct among"),
        ("C3H6O3 [M+H]+", "expected an adduct of a negative file, found [M+H]+"),
        ("unobtainium", "expected a name of the panel, a formula with an adduct such as C3H6O3 [M-H]-, or an m/z"),
        ("5000.5", "found m/z 5000.5000; ask for another ion"),
    ],
)
def test_what_is_no_ion_of_this_file_is_told_below_the_field(tab, qtbot, text, told):
    tab.field.setText(text)
    qtbot.keyClick(tab.field, Qt.Key.Key_Return)
    assert tab.answer.text().startswith("✕ expected")
    assert told in tab.answer.text()
    assert tab.answer.property("look") == "error"
    assert tab._bench.ions.window is None
    tab.field.setText("")
    assert tab.answer.text() == ""


@pytest.mark.parametrize("text", ["7.00", "9.02"])  # parts of the m/z of pyruvate and of lactate
def test_an_mz_out_of_range_is_no_part_of_that_of_a_row(tab, qtbot, text):
    tab.field.setText(text)
    assert not tab.table.is_empty
    qtbot.keyClick(tab.field, Qt.Key.Key_Return)
    assert tab.answer.text().startswith("✕ expected an m/z")
    assert shown(tab) == []


def test_an_ion_that_is_nowhere_is_told(tab, qtbot):
    tab.field.setText("600.1")
    with qtbot.waitSignal(tab._bench.ions.landed, timeout=20_000):
        qtbot.keyClick(tab.field, Qt.Key.Key_Return)
    assert tab.answer.text() == "In no pixel: m/z 600.1000 ± 5 ppm"


def test_measuring_again_leaves_a_typed_ion_in_sight(tab, qtbot):
    press(tab, "Citrate")
    tab.field.setText("89.0244")
    with qtbot.waitSignal(tab._bench.ions.landed, timeout=20_000):
        qtbot.keyClick(tab.field, Qt.Key.Key_Return)
    layers.show(tab._bench.viewer, tab._session, "metabolites")
    assert layers.find(tab._bench.viewer, "ion", "one").visible
    assert not layers.find(tab._bench.viewer, "channel", "Citrate").visible


def test_enter_shows_the_row_of_a_ratio_by_its_name(tab, qtbot):
    tab.field.setText("lactate_pyruvate")
    qtbot.keyClick(tab.field, Qt.Key.Key_Return)
    assert shown(tab) == ["lactate_pyruvate"]
    assert tab.answer.text() == ""


def test_before_there_is_a_table_the_names_of_the_panel_are_offered(dock, recipe, found, qtbot):
    dock.session.load(recipe)
    dock.session.finish(dock.session.begin("data"), found[0])
    lower = LowerDock(dock.bench)
    qtbot.addWidget(lower)
    tab, completer = lower.metabolites, lower.metabolites.field.completer()
    completer.setCompletionPrefix("kynuren")
    offered = [completer.completionModel().index(i, 0).data() for i in range(completer.completionCount())]
    assert "L-Kynurenine" in offered
    tab.field.setText("L-Lactate")
    with qtbot.waitSignal(tab._bench.ions.landed, timeout=20_000):
        tab.field.returnPressed.emit()
    assert layers.find(dock.bench.viewer, "ion", "one") is not None


def test_a_further_panel_and_metaspace_results_are_settings_of_the_third_step(dock):
    (form,) = dock.panels["metabolites"].forms[1:]
    assert set(form.editors) == {("channels", "extend"), ("channels", "metaspace")}


def test_rows_are_copied_with_every_number_that_is_known(tab, qtbot):
    press(tab, "L-Lactate")
    qtbot.keyClick(tab.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    head, row = (line.split("\t") for line in QGuiApplication.clipboard().text().splitlines())
    copied = dict(zip(head, row, strict=True))
    known = tab.table.currentIndex().data(ENTRY_ROLE).row
    assert (copied["name"], copied["channel"]) == ("L-Lactate", "L-Lactate")
    assert float(copied["coverage"]) == known["coverage"]
    tab.copy.click()
    assert len(QGuiApplication.clipboard().text().splitlines()) == 1 + sum(len(names) for names in listed(tab).values())


def test_the_heading_of_an_axis_that_shows_nothing_says_why_itself():
    row = {"status": "not_scored", "reason": "this file can show none of its 3 members; channels.csv says why of each"}
    reasons = ["positive mode only", "outside the m/z range", "positive mode only"]
    assert axis_sentences(row, reasons) == [
        "This file can show none of its 3 members.",
        "2 members: Positive mode only.",
        "1 member: Outside the m/z range.",
    ]
