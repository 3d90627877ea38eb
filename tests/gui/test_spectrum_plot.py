from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt

from napari_metime.gui.views.spectrum_plot import HEADROOM, SpectrumPlot, Window
from napari_metime.gui.views.sticks import Sticks

MZ = np.array([100.0, 200.0, 200.3, 500.0, 900.0])
INTENSITY = np.array([5.0, 80.0, 60.0, 20.0, 1.0])
EMPTY = Sticks(np.empty(0), np.empty(0))


@pytest.fixture
def plot(qtbot) -> SpectrumPlot:
    plot = SpectrumPlot()
    qtbot.addWidget(plot)
    plot.resize(600, 200)
    plot.show()
    plot.show_mean(Sticks.of(MZ, INTENSITY), EMPTY)
    qtbot.waitUntil(lambda: plot.view.width() > 400)
    return plot


class Click:
    """What pyqtgraph hands over for a click at an m/z."""

    def __init__(self, plot: SpectrumPlot, mz: float, *, double: bool = False) -> None:
        self._place = plot.view.mapViewToScene(QPointF(mz, 1.0))
        self._double = double

    def button(self):
        return Qt.MouseButton.LeftButton

    def isAccepted(self):
        return False

    def double(self):
        return self._double

    def scenePos(self):
        return self._place


def test_the_whole_range_is_in_sight_at_first_and_the_height_follows_what_is(plot):
    (low, high), (bottom, top) = plot.view.viewRange()
    assert low < 100
    assert high > 900
    assert (bottom, top) == pytest.approx((0, 80 * HEADROOM))
    plot.view.setXRange(450, 1000, padding=0)
    assert plot.view.viewRange()[1][1] == pytest.approx(20 * HEADROOM)


def test_only_what_the_screen_can_show_is_drawn(plot):
    rng = np.random.default_rng(1)
    plot.show_mean(Sticks.of(np.sort(rng.uniform(100, 2000, 50_000)), rng.random(50_000)), EMPTY)
    x, _ = plot._mean.getData()
    assert 400 < x.size / 2 <= plot.view.width() + 1
    plot.view.setXRange(1000, 1000.5, padding=0)
    x, _ = plot._mean.getData()
    assert np.array_equal(np.unique(x), plot.mean.between(1000, 1000.5).mz)


def test_a_click_means_the_strongest_stick_within_reach(plot, qtbot):
    with qtbot.waitSignal(plot.mz_chosen, timeout=240_000) as chosen:
        plot._on_click(Click(plot, 201.0))
    assert chosen.args == [200.0]
    with qtbot.assertNotEmitted(plot.mz_chosen):
        plot._on_click(Click(plot, 350.0))


def test_a_click_means_a_peak_rather_than_a_stick(plot, qtbot):
    plot.show_mean(plot.mean, Sticks.of(np.array([200.31]), np.array([60.0])))
    with qtbot.waitSignal(plot.mz_chosen, timeout=240_000) as chosen:
        plot._on_click(Click(plot, 200.0))
    assert chosen.args == [200.31]


def test_a_double_click_shows_everything_again(plot):
    plot.view.setXRange(199, 201, padding=0)
    plot._on_click(Click(plot, 200.0, double=True))
    assert plot.view.viewRange()[0][1] > 900


def test_an_overlay_leaves_the_range_in_sight_alone(plot):
    plot.view.setXRange(150, 250, padding=0)
    plot.show_overlay(Sticks.of(np.array([210.0]), np.array([400.0])))
    assert plot.view.viewRange()[0] == pytest.approx([150, 250])
    assert plot.view.viewRange()[1][1] == pytest.approx(400 * HEADROOM)
    plot.show_overlay(EMPTY)
    assert plot.view.viewRange()[1][1] == pytest.approx(80 * HEADROOM)


def test_named_ions_stand_where_there_is_a_stick_within_the_tolerance(plot):
    plot.mark_ions({"Here": 200.0005, "Not here": 300.0}, 5.0)
    spots = plot._marks.points()
    assert [(spot.data(), spot.pos().y()) for spot in spots] == [("Here", 80.0)]


def test_windows_replace_each_other(plot):
    plot.mark_windows([Window(199.9, 200.1, "#FF0000"), Window(499.9, 500.1, "#00FF00")])
    plot.mark_windows([Window(899.9, 900.1, "#0000FF")])
    assert [region.getRegion() for region in plot._windows] == [(899.9, 900.1)]


def test_an_m_z_out_of_sight_comes_into_the_middle(plot):
    plot.view.setXRange(190, 210, padding=0)
    plot.make_visible(205.0)
    assert plot.view.viewRange()[0] == pytest.approx([190, 210])
    plot.make_visible(500.0)
    assert plot.view.viewRange()[0] == pytest.approx([490, 510])
