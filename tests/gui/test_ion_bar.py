"""The controls above the spectrum, on a viewer without a window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metime import pipeline
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.ion_bar import SLIDER_STEPS, IonBar


@pytest.fixture
def dataset(dock, recipe_path, settle):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    return dock.session.value("data").dataset


@pytest.fixture
def bar(dock, qtbot, dataset) -> IonBar:
    bar = IonBar(dock.bench.ions, dock.session)
    qtbot.addWidget(bar)
    dock.bench.ions.changed.connect(bar.refresh)
    return bar


def strongest(dataset) -> float:
    mz, intensity = pipeline.pixel_spectrum(dataset, 12, 12)
    return float(mz[intensity.argmax()])


def test_nothing_can_be_chosen_before_a_file_is_open(dock, qtbot):
    bar = IonBar(dock.bench.ions, dock.session)
    qtbot.addWidget(bar)
    assert not bar.isEnabled()


def test_the_number_covers_the_file_and_steps_by_a_window(bar, dock, dataset):
    assert (bar.mz.minimum(), bar.mz.maximum()) == pytest.approx(dataset.mz_range, abs=1e-4)
    assert bar.mz.text() == "choose"
    bar.mz.setValue(500.0)
    assert bar.mz.singleStep() == pytest.approx(2 * 500.0 * 5e-6)
    bar.mz.stepUp()
    assert dock.bench.ions.window.mz == pytest.approx(500.005, abs=1e-4)


def test_a_chosen_number_shows_its_ion(bar, dock, dataset, qtbot):
    with qtbot.waitSignal(dock.bench.ions.landed, timeout=240_000):
        bar.mz.setValue(strongest(dataset))
    assert np.nanmax(layers.find(dock.bench.viewer, "ion", "one").data) > 0


def test_slider_and_number_follow_each_other(bar, dock, dataset):
    low, high = dataset.mz_range
    bar.slider.setValue(SLIDER_STEPS // 4)
    assert bar.mz.value() == pytest.approx(low + (high - low) / 4, abs=1e-4)
    bar.mz.setValue((low + high) / 2)
    assert bar.slider.value() == SLIDER_STEPS // 2
    assert dock.bench.ions.window.mz == pytest.approx((low + high) / 2, abs=1e-4)


def test_the_tolerance_is_the_recipes_until_another_is_chosen(bar, dock):
    assert (bar.tolerance.value(), bar.unit.currentText()) == (5.0, "ppm")
    dock.session.put("ims", "tolerance_ppm", 8.0)
    bar.refresh()
    assert bar.tolerance.value() == 8.0
    bar.tolerance.setValue(20.0)
    dock.session.put("ims", "tolerance_ppm", 3.0)
    bar.refresh()
    assert bar.tolerance.value() == 20.0
    assert dock.session.get("ims", "tolerance_ppm") == 3.0


def test_another_unit_keeps_the_width(bar, dock):
    bar.mz.setValue(400.0)
    bar.tolerance.setValue(50.0)
    bar.unit.setCurrentText("Da")
    bar.unit.activated.emit(1)
    assert (bar.tolerance.value(), dock.bench.ions.window.half) == (0.02, 0.02)
    bar.unit.setCurrentText("ppm")
    bar.unit.activated.emit(0)
    assert bar.tolerance.value() == pytest.approx(50.0)


def test_chips_say_what_each_colour_shows(bar, dock, dataset):
    ions = dock.bench.ions
    bar.chips["red"].button.click()
    ions.show(500.12345)
    assert bar.chips["red"].button.text() == "500.123"
    assert not bar.chips["red"].clear.isHidden()
    assert bar.chips["green"].button.text() == "green"
    bar.chips["green"].button.click()
    assert bar.chips["green"].button.isChecked()
    assert not bar.chips["red"].button.isChecked()
    bar.chips["red"].clear.click()
    assert bar.chips["red"].button.text() == "red"
    assert bar.chips["red"].clear.isHidden()


def test_adding_says_that_it_is_added(bar, dock):
    assert not bar.add.isEnabled()
    bar.mz.setValue(500.0)
    bar.add.click()
    assert dock.session.get("channels", "mz") == (500.0,)
    assert (bar.add.text(), bar.add.isEnabled()) == ("In step 3", False)
