"""Ion images on demand, on a viewer without a window."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_metime import pipeline
from napari_metime.export.images import contrast_limits
from napari_metime.gui.layers import layers
from napari_metime.gui.layers.ion_layers import show_mode
from napari_metime.gui.running import ions as ions_module
from napari_metime.ims.ions import extract_ions
from napari_metime.ims.normalization import pixel_vectors, scale_factors


@pytest.fixture
def opened(dock, recipe_path, settle):
    dock.bench.arrivals.open_recipe(recipe_path)
    settle(dock)
    return dock


@pytest.fixture
def look(qtbot):
    """Ask for an ion and wait until it is in its layer."""

    def show(dock, mz: float) -> None:
        ions = dock.bench.ions
        with qtbot.waitSignal(ions.landed, check_params_cb=lambda slot: slot == ions.target, timeout=20_000):
            ions.show(mz)

    return show


def strongest(dock, n: int = 1) -> list[float]:
    """m/z of the strongest points of a pixel, which many pixels have."""
    mz, intensity = pipeline.pixel_spectrum(dock.session.value("data").dataset, 12, 12)
    return mz[np.argsort(intensity)[::-1][:n]].tolist()


def expected(dock, mz: float, **tolerance) -> np.ndarray:
    dataset = dock.session.value("data").dataset
    factors = scale_factors(pixel_vectors(dataset).tic, dataset.measured)
    return extract_ions(dataset, np.array([mz]), factors=factors, **tolerance).images[0]


def ion(dock, slot: str = "one"):
    return layers.find(dock.bench.viewer, "ion", slot)


def test_the_image_is_what_the_recipe_says(opened, look):
    (mz,) = strongest(opened)
    look(opened, mz)
    assert np.array_equal(ion(opened).data, expected(opened, mz, tolerance_ppm=5.0), equal_nan=True)
    assert np.nanmax(ion(opened).data) > 0
    opened.bench.ions.set_tolerance(0.2, "Da")
    look(opened, mz)
    assert np.array_equal(ion(opened).data, expected(opened, mz, tolerance_da=0.2), equal_nan=True)


def test_the_next_ion_uses_the_same_layer_with_its_own_contrast(opened, look):
    first, second = strongest(opened, 2)
    look(opened, first)
    layer, limits = ion(opened), tuple(ion(opened).contrast_limits)
    look(opened, second)
    assert ion(opened) is layer
    assert tuple(layer.contrast_limits) != limits
    measured = opened.session.value("data").dataset.measured
    assert tuple(layer.contrast_limits) == pytest.approx(contrast_limits(layer.data, measured))


def test_the_latest_request_wins(opened, qtbot, monkeypatch):
    release, seen = threading.Event(), []

    def slow(dataset, mz, **named):
        seen.append(float(mz[0]))
        while not release.wait(0.005):
            named["on_progress"](0.5, "")
        return extract_ions(dataset, mz, **named)

    monkeypatch.setattr(ions_module, "extract_ions", slow)
    landed = []
    opened.bench.ions.landed.connect(landed.append)
    wanted = strongest(opened, 6)
    for mz in wanted:
        opened.bench.ions.show(mz)
    release.set()
    qtbot.waitUntil(lambda: bool(landed), timeout=10_000)
    assert seen[-1] == wanted[-1]
    assert len(landed) == 1
    assert np.array_equal(ion(opened).data, expected(opened, wanted[-1], tolerance_ppm=5.0), equal_nan=True)


def test_an_image_of_a_file_that_is_open_no_more_is_dropped(opened, qtbot, monkeypatch, click):
    started, release = threading.Event(), threading.Event()

    def slow(dataset, mz, **named):
        started.set()
        assert release.wait(10)
        return extract_ions(dataset, mz, **named)

    with monkeypatch.context() as patched:
        patched.setattr(ions_module, "extract_ions", slow)
        opened.bench.ions.show(strongest(opened)[0])
        qtbot.waitUntil(started.is_set)
    opened.bench.ions.restart()
    release.set()
    qtbot.wait(100)
    assert ion(opened) is None


def test_a_request_for_one_colour_does_not_lose_that_for_another(opened, qtbot):
    first, second, third = strongest(opened, 3)
    for slot, mz in (("red", first), ("green", second), ("blue", third)):
        opened.bench.ions.choose(slot)
        opened.bench.ions.show(mz)
    qtbot.waitUntil(lambda: all(ion(opened, slot) is not None for slot in ("red", "green", "blue")))
    for slot, mz in (("red", first), ("green", second), ("blue", third)):
        layer = ion(opened, slot)
        assert np.array_equal(layer.data, expected(opened, mz, tolerance_ppm=5.0), equal_nan=True)
        assert (layer.colormap.name, layer.blending) == (slot, "additive")


def test_three_colours_stand_alone_and_the_one_ion_comes_back(opened, look, qtbot):
    first, second = strongest(opened, 2)
    look(opened, first)
    opened.bench.ions.choose("red")  # takes the ion in sight
    qtbot.waitUntil(lambda: ion(opened, "red") is not None)
    opened.bench.ions.choose("green")
    look(opened, second)
    viewer = opened.bench.viewer
    assert [layer.name for layer in viewer.layers if layer.visible] == [
        f"red: m/z {first:.4f} (intensity at median TIC)",
        f"green: m/z {second:.4f} (intensity at median TIC)",
    ]
    opened.bench.ions.clear("green")
    assert ion(opened, "green") is None
    opened.bench.ions.choose("one")
    shown = ["TIC", f"m/z {first:.4f} (intensity at median TIC)"]
    assert [layer.name for layer in viewer.layers if layer.visible] == shown


def test_images_made_anew_leave_what_is_in_sight(opened, look, qtbot, click):
    first, second = strongest(opened, 2)
    look(opened, first)
    opened.bench.ions.choose("red")
    look(opened, second)
    opened.bench.ions.choose("one")
    before = ion(opened, "red").data
    opened.session.put("ims", "normalize", "rms")
    qtbot.waitUntil(lambda: ion(opened, "red").data is not before)
    assert [layer.name for layer in opened.bench.viewer.layers if layer.visible] == ["TIC", ion(opened).name]
    qtbot.waitUntil(lambda: ion(opened).name == f"m/z {first:.4f} (intensity at median RMS)")


def test_a_kept_ion_stays_when_the_next_is_shown(opened, look):
    first, second = strongest(opened, 2)
    look(opened, first)
    opened.bench.ions.keep()
    look(opened, second)
    kept = layers.find(opened.bench.viewer, "kept", f"mz:{first:.4f}")
    assert (kept.name, kept.metadata["channel"]) == (
        f"kept m/z {first:.4f} (intensity at median TIC)",
        f"mz:{first:.4f}",
    )
    assert np.array_equal(kept.data, expected(opened, first, tolerance_ppm=5.0), equal_nan=True)
    opened.bench.ions.keep()
    colours = [x.colormap.name for x in opened.bench.viewer.layers if x.metadata[layers.KEY] == "kept"]
    assert len(set(colours)) == 2
    assert opened.session.get("channels", "mz") == ()


def test_keeping_one_of_the_three_frees_its_place(opened, look):
    (mz,) = strongest(opened)
    opened.bench.ions.choose("green")
    look(opened, mz)
    opened.bench.ions.keep()
    kept = layers.find(opened.bench.viewer, "kept", f"mz:{mz:.4f}")
    assert (kept.visible, kept.blending) == (True, "additive")
    assert opened.bench.viewer.layers.selection.active is kept
    assert ion(opened, "green") is None
    assert opened.bench.ions.windows == {}


def test_an_ion_joins_the_recipe_only_when_it_is_asked_to_and_once(opened, look, click):
    (mz,) = strongest(opened)
    look(opened, mz)
    for _ in range(2):
        opened.bench.ions.add_to_metabolites()
    assert opened.session.get("channels", "mz") == (round(mz, 4),)
    click(opened, "tissue", "metabolites")
    names = [channel.name for channel in opened.session.value("metabolites").channels]
    assert f"mz:{mz:.4f}" in names


def test_the_image_follows_the_normalisation_and_the_tissue(opened, look, qtbot, click):
    (mz,) = strongest(opened)
    look(opened, mz)
    plain = extract_ions(opened.session.value("data").dataset, np.array([mz]), tolerance_ppm=5.0).images[0]
    opened.session.put("ims", "normalize", "none")
    qtbot.waitUntil(lambda: np.array_equal(ion(opened).data, plain, equal_nan=True))
    opened.session.put("ims", "normalize", "tic")
    click(opened, "tissue")
    mask = opened.session.value("tissue").mask
    dataset = opened.session.value("data").dataset
    wanted = plain * scale_factors(pixel_vectors(dataset).tic, mask)
    qtbot.waitUntil(lambda: np.allclose(ion(opened).data, wanted, rtol=1e-6, equal_nan=True))


def test_an_ion_that_is_measured_already_is_shown_once(opened, look, click, qtbot):
    click(opened, "tissue", "metabolites")
    ions, viewer = opened.bench.ions, opened.bench.viewer
    stated = opened.session.value("metabolites").table.set_index("channel")["mz"]
    look(opened, float(stated["L-Lactate"]))
    assert ion(opened) is None
    assert layers.find(viewer, "channel", "L-Lactate").visible
    ions.keep()
    kept = layers.find(viewer, "kept", ions.window.name)
    assert np.array_equal(kept.data, layers.find(viewer, "channel", "L-Lactate").data, equal_nan=True)
    look(opened, float(stated["L-Lactate"]) + 0.5)
    assert ion(opened).visible
    assert not layers.find(viewer, "channel", "L-Lactate").visible


def test_an_ion_that_is_nowhere_says_so(opened, look):
    (mz,) = strongest(opened)
    look(opened, mz)
    assert ion(opened).colorbar.visible
    nowhere = opened.session.value("data").dataset.mz_range[0] + 0.003
    look(opened, nowhere)
    assert not ion(opened).data[opened.session.value("data").dataset.measured].any()
    assert ion(opened).name == f"m/z {nowhere:.4f}: not found in any pixel"
    assert not ion(opened).colorbar.visible


def test_the_scale_of_an_ion_stays_while_settings_of_the_tissue_change(opened, look, click, qtbot):
    click(opened, "tissue")
    (mz,) = strongest(opened)
    look(opened, mz)
    image, limits = ion(opened).data.copy(), list(ion(opened).contrast_limits)
    opened.session.put("tissue", "exclude", "left_out.tif")
    assert not opened.session.is_current("tissue")
    with qtbot.waitSignal(opened.bench.ions.landed, timeout=5_000):
        opened.bench.ions.again()
    assert np.array_equal(ion(opened).data, image, equal_nan=True)
    assert list(ion(opened).contrast_limits) == limits
    ion(opened).contrast_limits = (0.0, limits[1] / 2)  # by a person
    with qtbot.waitSignal(opened.bench.ions.landed, timeout=5_000):
        opened.bench.ions.again()
    assert list(ion(opened).contrast_limits) == [0.0, limits[1] / 2]


def test_what_it_divides_by_is_shown_as_an_image(opened, qtbot):
    opened.session.put("ims", "normalize", "rms")
    opened.panels["metabolites"].look.click()
    viewer = opened.bench.viewer
    qtbot.waitUntil(lambda: layers.find(viewer, "normalization") is not None)
    layer = layers.find(viewer, "normalization")
    assert layer.name == "normalisation (root mean square)"
    assert np.allclose(layer.data, pixel_vectors(opened.session.value("data").dataset).rms, equal_nan=True)


def test_a_table_that_cannot_be_read_is_told(opened, qtbot, tmp_path):
    table = tmp_path / "norm.csv"
    table.write_text("x,y,weight\n1,1,2\n")
    opened.session.put("ims", "normalize_table", table)
    opened.session.put("ims", "normalize", "table")
    with qtbot.waitSignal(opened.bench.ions.told, check_params_cb=bool, timeout=240_000) as told:
        opened.bench.ions.show(strongest(opened)[0])
    assert "norm.csv" in told.args[0]


def test_reading_again_makes_the_images_in_sight_anew(opened, look, click, qtbot):
    (mz,) = strongest(opened)
    look(opened, mz)
    opened.bench.ions.keep()
    opened.session.put("ims", "pixel_size_um", 20.0)
    click(opened, "data")
    qtbot.waitUntil(lambda: tuple(ion(opened).scale) == (20.0, 20.0))
    assert layers.find(opened.bench.viewer, "kept") is None


def test_another_file_starts_without_ions(opened, look):
    look(opened, strongest(opened)[0])
    opened.bench.arrivals.load(opened.session.recipe())
    assert opened.bench.ions.windows == {}
    assert len(opened.bench.viewer.layers) == 0


def test_layers_of_the_user_are_left_alone(opened, look):
    mine = opened.bench.viewer.add_image(np.zeros((3, 3)), units=("um", "um"))
    look(opened, strongest(opened)[0])
    show_mode(opened.bench.viewer, alone=False)
    assert mine.visible
