"""Volcano, ranked bars and table of the associations point at each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtWidgets import QLabel
from skimage.color import rgb2lab

from napari_metime.export.colours import GRADE_COLOURS, ROLE_COLOURS, rgb
from napari_metime.gui.views.association_plots import AXIS_COLOURS, MAX_LABEL, axis_colours
from napari_metime.gui.views.associations import AssociationView
from napari_metime.gui.views.naming import APART_PX, place_names
from napari_metime.gui.views.tables import association_columns, association_frame
from napari_metime.gui.views.volcano import N_NAMED
from napari_metime.gui.widgets.colours import DOMAIN_COLOUR, LYMPHOID_COLOUR

NAN = np.nan
CHANNELS = pd.DataFrame(
    {"channel": ["L-Lactate", "ATP", "PC 36:4"], "axis": ["lactate_glycolysis", "energy_adenosine", "lipid"]}
)


@pytest.fixture
def associations() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "channel": ["ATP", "PC 36:4", "L-Lactate", "axis:lactate_glycolysis", "kyn_trp", "Fe"],
            "kind": ["ion", "ion", "ion", "axis", "ratio", "ion"],
            "r_partial": [-0.2, NAN, 0.5, 0.4, 0.1, NAN],
            "q": [0.5, NAN, 0.001, 0.01, 0.9, NAN],
            "z": np.arctanh([-0.2, NAN, 0.5, 0.4, 0.1, NAN]),
            "se_z": [0.2, NAN, 0.2, 0.2, 0.2, NAN],
            "status": ["tested", "not_testable", "tested", "tested", "tested", "not_measured"],
            "reason": [None, "<b>too</b> few independent values", None, None, None, "positive mode only"],
        }
    )


@pytest.fixture
def view(qtbot, associations) -> AssociationView:
    view = AssociationView()
    qtbot.addWidget(view)
    view.show_associations(associations, CHANNELS)
    view.finish()
    return view


def selected(view: AssociationView) -> list[str]:
    rows = [view.table.model().mapToSource(index).row() for index in view.table.selectionModel().selectedRows()]
    return view.table.frame_model.frame["channel"].iloc[rows].tolist()


def test_tested_channels_come_first_and_the_others_say_why_not(view):
    frame = view.table.frame_model.frame
    assert frame["channel"].tolist() == ["L-Lactate", "axis:lactate_glycolysis", "ATP", "kyn_trp", "PC 36:4", "Fe"]
    model = view.table.frame_model
    keys = [column.key for column in association_columns({}) if column.key in frame]
    assert model.text(0, keys.index("r_low")) == "+0.16 to +0.74"  # tanh(0.5493 -+ 0.3920)
    assert [model.text(row, keys.index("r_partial")) for row in (0, 4, 5)] == ["+0.50", "not testable", "not measured"]
    assert model.data(model.index(4, keys.index("reason"))) == "<b>too</b> few independent values"
    assert view.amount.text() == "2 of 4 go with coldness (q ≤ 0.05) · 2 not tested"
    assert view.amount.toolTip().endswith("1 not testable, 1 not measured; the table says why")


def test_the_colour_of_an_axis_is_the_same_in_points_legend_and_table(view):
    tones = {p.data()["axis"]: p.brush().color().name().upper() for p in view.volcano.points.points()}
    columns = {column.key: column for column in view.table.frame_model.columns}
    assert len(set(tones.values())) == 3  # two axes, and what has none
    assert columns["channel"].colour("L-Lactate", "Lactate and glycolysis") == tones["Lactate and glycolysis"]
    words = [label.text() for label in view.legend.findChildren(QLabel)]
    kinds = "● ion   ■ ratio   ★ score"
    assert words == ["Lactate and glycolysis", "Energy and adenosine", "other axes, or none", kinds]


def test_a_row_below_the_mouse_is_told_and_one_that_the_keyboard_stays_in_is_chosen(view, qtbot):
    told, chosen = [], []
    view.told.connect(told.append)
    view.channel_chosen.connect(chosen.append)
    view.table.row_hovered.emit(4)
    assert told == ["PC 36:4: not testable, <b>too</b> few independent values"]
    view.table.row_hovered.emit(0)
    assert [tuple(point.pos()) for point in view.volcano.ring.points()] == [pytest.approx((0.5, 3.0))]
    view.table.row_hovered.emit(-1)
    assert len(view.volcano.ring.points()) == 0
    for _ in range(3):
        qtbot.keyClick(view.table, Qt.Key.Key_Down)
    assert chosen == []  # on the way nothing is shown
    qtbot.waitUntil(lambda: bool(chosen))
    assert chosen == [selected(view)[0]]


def test_a_name_takes_the_nearest_free_place_and_none_where_there_is_none():
    """A name of 20 by 10 pixels, at a point in the middle of 100 by 100: in steps of 6 up and down, or 8 beside it."""
    at, size = np.array([[50.0, 50.0]]), np.array([[20.0, 10.0]])
    own, right = np.array([[45.0, 45.0, 55.0, 55.0]]), np.array([[55.0, 0.0, 100.0, 100.0]])
    everywhere = np.array([[0.0, 0.0, 99.0, 99.0]])
    assert place_names(at, size, own, (100.0, 100.0)) == [(40.0, 33.0)]
    assert place_names(at, size, right, (100.0, 100.0)) == [(22.0, 45.0)]
    assert place_names(at, size, everywhere, (100.0, 100.0)) == [None]
    twice = place_names(np.vstack([at, at]), np.vstack([size, size]), own, (100.0, 100.0))
    assert twice == [(40.0, 33.0), (40.0, 57.0)]
    beside = place_names(np.array([[30.0, 50.0], [72.0, 50.0]]), np.array([[26.0, 10.0]] * 2), own, (100.0, 56.0))
    (left, top), (right, other) = (place for place in beside if place is not None)
    assert right - left - 26.0 >= APART_PX or abs(top - other) >= 10.0


def test_names_stand_beside_their_points_and_cover_neither_each_other_nor_a_point(qtbot, associations):
    many = pd.DataFrame([associations.iloc[2].to_dict() | {"channel": f"channel {i}", "r_partial": 0.02 * i, "q": 0.01}
                         for i in range(20)])  # fmt: skip
    view = AssociationView()
    qtbot.addWidget(view)
    view.resize(1000, 400)
    view.show()
    view.show_associations(many, CHANNELS)
    view.finish()
    view.select("channel 3")
    box = view.volcano.plot.getPlotItem().getViewBox()
    shown = [item for item in view.volcano.names if item.isVisible()]
    assert 5 <= len(shown) <= N_NAMED + 1
    assert shown[0].toPlainText() == "channel 3"
    places = [box.mapFromView(item.pos()) for item in shown]
    rects = [item.textItem.boundingRect().translated(place) for item, place in zip(shown, places, strict=True)]
    assert not any(a.intersects(b) for a, b in combinations(rects, 2))
    points = [box.mapFromView(QPointF(*at)) for at in view.volcano._at.values()]
    assert not any(rect.contains(point) for rect in rects for point in points)


def test_only_tested_channels_are_drawn(view):
    drawn = {point.data()["channel"]: (point.pos().x(), point.pos().y()) for point in view.volcano.points.points()}
    assert drawn["L-Lactate"] == pytest.approx((0.5, 3.0))  # q = 0.001
    assert set(drawn) == {"L-Lactate", "axis:lactate_glycolysis", "ATP", "kyn_trp"} == set(view.bars.names) - {""}


def test_bars_are_ranked_axis_by_axis(view):
    """The axis of the smallest q first; within it the largest r first. A line without a channel names an axis."""
    assert view.bars.names == ["", "L-Lactate", "axis:lactate_glycolysis", "", "ATP", "", "kyn_trp"]
    labels = [words for _, words in view.bars.plot.plotItem.getAxis("left")._tickLevels[0]]
    assert [labels[i] for i in (0, 3, 5)] == ["Lactate and glycolysis ▾", "Energy and adenosine ▾", "no axis ▾"]


def test_a_click_on_a_point_a_bar_or_a_row_chooses_its_channel(view):
    chosen: list[str] = []
    view.channel_chosen.connect(chosen.append)
    points = view.volcano.points
    points.sigClicked.emit(points, [p for p in points.points() if p.data()["channel"] == "ATP"], None)
    for y in (2.2, 0.0, 17.0):  # a bar, the name of an axis, nothing
        view.bars._on_row(y)
    view.table.clicked.emit(view.table.model().index(0, 0))
    assert chosen == ["ATP", "axis:lactate_glycolysis", "L-Lactate"]


def test_a_selected_row_marks_its_point_and_its_bar(view):
    view.table.selectRow(2)
    assert [tuple(point.pos()) for point in view.volcano.ring.points()] == [pytest.approx((-0.2, -np.log10(0.5)))]
    assert view.bars._band.opts["y0"] == [3.5]
    view.select("PC 36:4")
    assert selected(view) == ["PC 36:4"]
    assert len(view.volcano.ring.points()) == 0


def test_one_axis_at_a_time(view):
    view.axis.setCurrentIndex(view.axis.findData("Lactate and glycolysis"))
    view.finish()
    assert view.bars.names == ["", "L-Lactate", "axis:lactate_glycolysis"]
    assert view.table.frame_model.frame["channel"].tolist() == ["L-Lactate", "axis:lactate_glycolysis"]
    view.select("ATP")
    assert selected(view) == []


def test_nothing_is_left_of_a_former_section(view):
    view.show_associations(pd.DataFrame(), pd.DataFrame())
    view.finish()
    assert view.table.frame_model.rowCount() == 0
    assert view.bars.names == []
    assert len(view.volcano.points.points()) == 0


def test_the_colours_of_axes_are_told_from_each_other_and_from_those_of_roles_and_grades():
    """CIE's difference of colours of 1976; 2.3 is just noticeable."""
    taken = [*ROLE_COLOURS.values(), *GRADE_COLOURS.values(), DOMAIN_COLOUR, LYMPHOID_COLOUR]
    lab = {colour: rgb2lab(np.array(rgb(colour)) / 255) for colour in (*AXIS_COLOURS, *taken)}
    for i, own in enumerate(AXIS_COLOURS):
        assert min(np.linalg.norm(lab[own] - lab[other]) for other in (*AXIS_COLOURS[:i], *taken)) > 20


def test_more_axes_than_colours_and_long_names_are_drawn(qtbot, associations):
    rows = [associations.iloc[2].to_dict() | {"channel": f"axis:{'x' * 40}{i}"} for i in range(12)]
    frame = association_frame(pd.DataFrame(rows), CHANNELS)
    assert len(axis_colours(frame)) == len(AXIS_COLOURS)
    view = AssociationView()
    qtbot.addWidget(view)
    view.show_associations(pd.DataFrame(rows), CHANNELS)
    view.finish()
    ticks = view.bars.plot.plotItem.getAxis("left")._tickLevels[0]
    assert all(len(words) <= MAX_LABEL + 2 for _, words in ticks)
