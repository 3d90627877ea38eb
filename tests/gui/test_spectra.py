"""Spectra on demand, on a viewer without a window."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_metime import pipeline
from napari_metime.errors import ImzMLError
from napari_metime.gui.state.regions import region_mask, region_names
from napari_metime.gui.views import spectra as spectra_module
from napari_metime.ims.mean_spectrum import mean_spectrum


@pytest.fixture
def opened(dock, recipe_path, settle, qtbot):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    qtbot.waitUntil(lambda: dock.bench.spectra.mean.mz.size > 0, timeout=20_000)
    return dock


def test_opening_makes_the_mean_spectrum_with_its_peaks(opened):
    spectra, dataset = opened.bench.spectra, opened.session.value("data").dataset
    found = mean_spectrum(dataset)
    assert np.array_equal(spectra.mean.mz, found.mz)
    assert np.array_equal(spectra.mean.intensity, found.mean)
    assert spectra.mean_title.startswith(f"mean of {found.n_pixels:,} pixels")
    assert 0 < spectra.peaks.mz.size <= found.mz.size
    assert np.isin(spectra.peaks.intensity, found.mean).all()


def test_a_pixel_lies_over_the_mean(opened):
    spectra, dataset = opened.bench.spectra, opened.session.value("data").dataset
    spectra.show_pixel(10, 12)
    mz, intensity = pipeline.pixel_spectrum(dataset, 10, 12)
    assert np.array_equal(spectra.overlay.mz, mz)
    assert np.array_equal(spectra.overlay.intensity, intensity)
    assert spectra.overlay_title == f"pixel row 10, column 12 · {mz.size:,} points"
    spectra.clear_overlay()
    assert spectra.overlay.mz.size == 0


def test_a_region_lies_over_the_mean(opened, click, qtbot):
    click(opened, "tissue")
    spectra, mask = opened.bench.spectra, opened.session.value("tissue").mask
    spectra.show_region("tissue", region_mask(opened.session, "tissue"))
    qtbot.waitUntil(lambda: spectra.overlay.mz.size > 0)
    found = mean_spectrum(opened.session.value("data").dataset, mask=mask)
    assert np.array_equal(spectra.overlay.intensity, found.mean)
    assert spectra.overlay_title == f"tissue · {int(mask.sum()):,} pixels"


def test_a_pixel_clicked_while_a_region_is_read_stays(opened, click, qtbot, monkeypatch):
    started, release = threading.Event(), threading.Event()

    def slow(dataset, *, mask, on_progress):
        started.set()
        assert release.wait(10)
        return mean_spectrum(dataset, mask=mask)

    monkeypatch.setattr(spectra_module, "mean_spectrum", slow)
    spectra = opened.bench.spectra
    spectra.show_region("all of it", opened.session.value("data").dataset.measured)
    assert started.wait(5)
    spectra.show_pixel(3, 3)
    release.set()
    qtbot.wait(100)
    assert spectra.overlay_title.startswith("pixel row 3, column 3")


def test_regions_are_the_tissue_the_niches_and_their_rest(opened, settle):
    assert region_names(opened.session) == ()
    assert region_mask(opened.session, "tissue") is None
    opened.bench.run_all()
    while opened.session.running is not None:
        settle(opened)
    names, found = region_names(opened.session), opened.session.value("niches").map
    masks = {name: region_mask(opened.session, name) for name in names}
    niches = [f"niche {label}" for label in range(1, found.n_niches + 1)]
    assert names == ("tissue", "off tissue", *niches, "the rest of the domain")
    for label, name in enumerate(niches, start=1):
        assert np.array_equal(masks[name], found.labels == label)
    assert np.array_equal(masks["tissue"] | masks["off tissue"], opened.session.value("data").dataset.measured)
    assert not (masks["the rest of the domain"] & (found.labels > 0)).any()


def test_a_file_that_has_changed_meanwhile_is_told(opened, monkeypatch):
    def gone(*_):
        raise ImzMLError("expected the file as it was")

    monkeypatch.setattr(pipeline, "pixel_spectrum", gone)
    opened.bench.spectra.show_pixel(3, 3)
    assert opened.bench.spectra.problem == "expected the file as it was"
    assert opened.bench.spectra.overlay.mz.size == 0


def test_the_mean_of_a_former_file_is_dropped(opened, qtbot, monkeypatch):
    started, release = threading.Event(), threading.Event()

    def slow(dataset, *, on_progress):
        started.set()
        assert release.wait(10)
        return mean_spectrum(dataset)

    monkeypatch.setattr(spectra_module, "mean_spectrum", slow)
    spectra = opened.bench.spectra
    spectra.take_mean(opened.session.value("data"))
    assert started.wait(5)
    spectra.restart()
    release.set()
    qtbot.wait(100)
    assert spectra.mean.mz.size == 0


def test_what_closing_has_stopped_is_made_when_it_is_looked_at_again(opened, qtbot):
    spectra = opened.bench.spectra
    spectra.take_mean(opened.session.value("data"))
    opened.bench.close()
    assert spectra.mean.mz.size == 0
    spectra.resume()
    qtbot.waitUntil(lambda: spectra.mean.mz.size > 0)
