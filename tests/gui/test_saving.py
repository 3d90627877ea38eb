"""Saving a part of the open file, on a viewer without a window."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog

from napari_metime import pipeline
from napari_metime.ims.blocks import read_points
from napari_metime.ims.opening import open_imzml


@pytest.fixture
def opened(dock, recipe_path, settle):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    return dock


@pytest.fixture
def answer(monkeypatch):
    """Answer the dialog that asks where to."""

    def where(path):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))

    return where


def block(dock):
    return dock.panels["export"].saving


def choose(box, value):
    box.setCurrentIndex(box.findData(value))
    assert box.currentData() == value


def test_the_tissue_is_saved_as_an_imzml_with_the_same_points(opened, click, answer, settle, tmp_path):
    opened.session.put("tissue", "method", "otsu")
    click(opened, "tissue")
    answer(tmp_path / "cropped")
    choose(block(opened).pixels, "tissue")
    block(opened).part.click()
    settle(opened)
    assert opened.session.error("export") == ""
    source, saved = opened.session.value("data").dataset, open_imzml(tmp_path / "cropped.imzML")
    mask = opened.session.value("tissue").mask
    assert saved.n_spectra == mask.sum()
    number = {saved.place(i): i for i in range(saved.n_spectra)}
    for i in np.flatnonzero(mask[source.row, source.col])[::50]:
        for ours, theirs in zip(read_points(saved, number[source.place(i)]), read_points(source, i), strict=True):
            assert np.array_equal(ours, theirs)
    assert opened.panels["export"].saved.text() == f"Written to {tmp_path / 'cropped.imzML'}"
    assert opened.session.state("export") == "todo"


def test_only_the_points_of_the_metabolites_are_saved_where_that_is_chosen(opened, click, answer, settle, tmp_path):
    opened.session.put("channels", "panel", None)
    mz, _ = pipeline.pixel_spectrum(opened.session.value("data").dataset, 12, 12)
    opened.session.put("channels", "mz", (round(float(mz[0]), 4),))
    assert block(opened).points.count() == 1
    click(opened, "tissue", "metabolites")
    choose(block(opened).points, "measured")
    answer(tmp_path / "one.imzML")
    block(opened).part.click()
    settle(opened)
    assert opened.session.error("export") == ""
    low, high = open_imzml(tmp_path / "one.imzML").mz_range
    assert abs(low / mz[0] - 1) < 7e-6
    assert abs(high / mz[0] - 1) < 7e-6


def test_ion_images_are_saved_with_names_and_pixel_size(opened, click, answer, settle, tmp_path, qtbot):
    mz, intensity = pipeline.pixel_spectrum(opened.session.value("data").dataset, 12, 12)
    assert not block(opened).images.isEnabled()
    with qtbot.waitSignal(opened.bench.ions.landed, timeout=240_000):
        opened.bench.ions.show(float(mz[intensity.argmax()]))
    click(opened, "tissue", "metabolites")
    with qtbot.waitSignal(opened.bench.ions.landed, timeout=240_000):
        opened.bench.ions.again()
    answer(tmp_path / "ions")
    block(opened).images.click()
    settle(opened)
    channels = opened.session.value("metabolites").channels
    with tifffile.TiffFile(tmp_path / "ions.ome.tif") as file:
        images, text = file.asarray(), file.ome_metadata
    assert len(images) == len(channels) + 1
    assert np.array_equal(images[0], channels[0].image, equal_nan=True)
    for name in (channels[0].name, f"mz:{mz[intensity.argmax()]:.4f}", 'PhysicalSizeX="50.0"'):
        assert name in text


def test_cancelling_leaves_no_file(opened, answer, qtbot, monkeypatch, tmp_path):
    started, save = threading.Event(), pipeline.save_part

    def slow(dataset, path, *, on_progress, **named):
        def report(fraction, text):
            started.set()
            while fraction < 1:
                on_progress(fraction, text)

        return save(dataset, path, on_progress=report, **named)

    monkeypatch.setattr(pipeline, "save_part", slow)
    answer(tmp_path / "part.imzML")
    panel = opened.panels["export"]
    block(opened).part.click()
    assert started.wait(10)
    assert not panel.progress_row.isHidden()
    panel.cancel.click()
    opened.bench.close()
    assert list(tmp_path.iterdir()) == []
    assert opened.session.running is None


def test_writing_over_the_source_is_refused_in_words(opened, answer, settle):
    answer(opened.session.get("ims", "path"))
    block(opened).part.click()
    settle(opened)
    assert opened.session.error("export").startswith("expected another place than that of the source")


def test_no_answer_saves_nothing(opened, answer):
    answer("")
    block(opened).part.click()
    assert opened.session.running is None
