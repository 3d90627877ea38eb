"""Volcano, ranked bars and table of the associations point at each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_metime.gui.views.association_plots import MAX_LABEL, axis_colours
from napari_metime.gui.views.associations import AssociationView
from napari_metime.gui.views.tables import ASSOCIATION_COLUMNS, association_frame

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
    return view


def selected(view: AssociationView) -> list[str]:
    rows = [view.table.model().mapToSource(index).row() for index in view.table.selectionModel().selectedRows()]
    return view.table.frame_model.frame["channel"].iloc[rows].tolist()


def test_tested_channels_come_first_and_the_others_say_why_not(view):
    frame = view.table.frame_model.frame
    assert frame["channel"].tolist() == ["L-Lactate", "axis:lactate_glycolysis", "ATP", "kyn_trp", "PC 36:4", "Fe"]
    assert frame["r_interval"].iloc[0] == "+0.16 to +0.74"  # tanh(0.5493 -+ 0.3920)
    model = view.table.frame_model
    keys = [column.key for column in ASSOCIATION_COLUMNS if column.key in frame]
    assert model.data(model.index(4, keys.index("reason"))) == "<b>too</b> few independent values"
    assert view.amount.text() == "4 channels tested · 1 not testable · 1 not measured"


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
    assert view.bars.names == ["", "L-Lactate", "axis:lactate_glycolysis"]
    assert view.table.frame_model.frame["channel"].tolist() == ["L-Lactate", "axis:lactate_glycolysis"]
    view.select("ATP")
    assert selected(view) == []


def test_nothing_is_left_of_a_former_section(view):
    view.show_associations(pd.DataFrame(), pd.DataFrame())
    assert view.table.frame_model.rowCount() == 0
    assert view.bars.names == []
    assert len(view.volcano.points.points()) == 0


def test_more_axes_than_colours_and_long_names_are_drawn(qtbot, associations):
    rows = [associations.iloc[2].to_dict() | {"channel": f"axis:{'x' * 40}{i}"} for i in range(12)]
    frame = association_frame(pd.DataFrame(rows), CHANNELS)
    assert len(axis_colours(frame)) == 7
    view = AssociationView()
    qtbot.addWidget(view)
    view.show_associations(pd.DataFrame(rows), CHANNELS)
    ticks = view.bars.plot.plotItem.getAxis("left")._tickLevels[0]
    assert all(len(words) <= MAX_LABEL + 2 for _, words in ticks)
