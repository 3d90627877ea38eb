"""TIC, root mean square and median of each pixel against numpy and plain sums; the factors made of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_metime.ims import extract_ions, normalization, pixel_vectors, scale_factors
from napari_metime.ims.blocks import file_stamp
from napari_metime.section import Dataset

MakeDataset = Callable[..., Dataset]


def age(dataset: Dataset) -> Dataset:
    """Let the file be a minute old, as the cache asks for."""
    return dated(dataset, dataset.ibd_stamp[1] - 60_000_000_000)


def dated(dataset: Dataset, moment_ns: int) -> Dataset:
    os.utime(dataset.ibd_path, ns=(moment_ns, moment_ns))
    return replace(dataset, ibd_stamp=file_stamp(dataset.ibd_path.stat()))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("mode", ["processed", "continuous"])
@pytest.mark.parametrize("intensity_dtype", ["<f4", "<f8", "<i4", "<i8"])
def test_every_pixel_is_measured_over_all_its_points(
    make_dataset: MakeDataset, mode: str, intensity_dtype: str, compressed: bool
) -> None:
    random = np.random.default_rng(0)
    spectra = []
    for _ in range(90):
        n = 41 if mode == "continuous" else int(random.integers(0, 70))
        place = (int(random.integers(5)), int(random.integers(7)))
        spectra.append((place, np.arange(n) + 100.0, random.integers(-50, 1000, n).astype(intensity_dtype)))
    dataset = make_dataset(spectra, mode=mode, intensity_dtype=intensity_dtype, compressed=compressed, first_byte=21)
    found = pixel_vectors(dataset)
    assert found.tic.shape == dataset.grid.shape
    assert found.tic.dtype == found.rms.dtype == found.median.dtype == np.float64
    for row, col in np.ndindex(*dataset.grid.shape):
        parts = [values.astype(float) for place, _, values in spectra if place == (row, col)]
        measured = (found.tic[row, col], found.rms[row, col], found.median[row, col])
        if not parts:
            assert np.isnan(measured).all()
            continue
        values = np.concatenate(parts)
        assert measured[0] == sum(values.tolist())
        assert measured[1] == pytest.approx(np.sqrt(np.mean(values**2)) if values.size else 0.0, rel=1e-12)
        assert measured[2] == (np.median(values) if values.size else 0.0)


def test_the_sum_is_that_of_the_file_order(make_dataset: MakeDataset) -> None:
    values = np.array([1e16, 1.0, -1e16, 1.0])
    assert pixel_vectors(make_dataset([((0, 0), [1.0, 2.0, 3.0, 4.0], values)], intensity_dtype="<f8")).tic[0, 0] == 1.0


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), width=st.sampled_from([32, 64]))
def test_the_median_of_any_numbers_is_numpys(make_dataset: MakeDataset, data: st.DataObject, width: int) -> None:
    numbers = st.floats(width=width, allow_nan=False)
    few = st.lists(st.sampled_from(data.draw(st.lists(numbers, min_size=1, max_size=3))), min_size=1, max_size=40)
    values = np.array(data.draw(few | st.lists(numbers, min_size=1, max_size=40)), dtype=f"<f{width // 8}")
    dataset = make_dataset([((0, 0), np.arange(values.size) + 1.0, values)], intensity_dtype=values.dtype.str)
    with np.errstate(all="ignore"):
        expected = np.median(values.astype(float))
    np.testing.assert_array_equal(pixel_vectors(dataset).median[0, 0], expected)


def test_a_nan_intensity_makes_its_own_pixel_unknown(make_dataset: MakeDataset) -> None:
    dataset = make_dataset([((0, k), [100.0, 200.0], [v, 1.0]) for k, v in enumerate([1.0, np.nan, 3.0])])
    found = pixel_vectors(dataset)
    for vector in (found.tic, found.rms, found.median):
        assert np.isfinite(vector[0]).tolist() == [True, False, True]


def test_a_files_vectors_are_measured_once(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    spectra = [((0, k), [100.0, 200.0], [k + 1.0, 5.0]) for k in range(4)]
    dataset = age(make_dataset(spectra))
    first = pixel_vectors(dataset)
    with monkeypatch.context() as patch:
        patch.setattr(normalization, "map_blocks", lambda *_, **__: pytest.fail("the file was read again"))
        again = pixel_vectors(dataset)
    for name in ("tic", "rms", "median"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    part = replace(dataset, **{
        name: getattr(dataset, name)[2:]
        for name in ("row", "col", "mz_offset", "mz_length", "intensity_offset", "intensity_length", "ascending")
    })  # fmt: skip
    np.testing.assert_array_equal(pixel_vectors(part).tic, [[np.nan, np.nan, 8.0, 9.0]])


def test_a_changed_file_is_measured_anew(make_dataset: MakeDataset) -> None:
    dataset = age(make_dataset([((0, 0), [100.0], [7.0])]))
    assert pixel_vectors(dataset).tic[0, 0] == 7.0
    raw, now = dataset.ibd_path.read_bytes(), time.time_ns()
    for value in (9.0, 11.0):  # so young a file may change again within one tick of its time: nothing of it is kept
        dataset.ibd_path.write_bytes(raw[:-4] + np.float32(value).tobytes())
        assert pixel_vectors(dated(dataset, now)).tic[0, 0] == value


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no time of the last change that programs cannot set")
def test_a_file_changed_under_its_old_time_is_measured_anew(make_dataset: MakeDataset) -> None:
    dataset = age(make_dataset([((0, 0), [100.0], [7.0])]))
    assert pixel_vectors(dataset).tic[0, 0] == 7.0
    time.sleep(0.02)  # longer than a tick of the clock of files
    dataset.ibd_path.write_bytes(dataset.ibd_path.read_bytes()[:-4] + np.float32(9.0).tobytes())
    assert pixel_vectors(dated(dataset, dataset.ibd_stamp[1])).tic[0, 0] == 9.0


def test_factors_are_the_median_over_the_pixels_own_value() -> None:
    f = np.array([[2.0, 4.0, 20.0], [0.0, np.nan, -1.0]])
    everywhere = scale_factors(f, np.array([[True, True, True], [False, True, False]]))
    np.testing.assert_array_equal(everywhere, [[2.0, 1.0, 0.2], [np.nan, np.nan, np.nan]])
    # The median over the mask: (4 + 0) / 2.
    np.testing.assert_array_equal(
        scale_factors(f, np.array([[False, True, False], [True, False, False]]))[0], [1.0, 0.5, 0.1]
    )
    assert np.isnan(scale_factors(f, np.zeros(f.shape, bool))).all()


def test_an_infinite_value_counts_for_no_median() -> None:
    factors = scale_factors(np.array([[1.0, 3.0, np.inf]]), np.ones((1, 3), bool))
    np.testing.assert_array_equal(factors, [[2.0, 2 / 3, 0.0]])


@pytest.mark.parametrize(
    ("name", "f"), [("tic", [6, 12, 60]), ("rms", [14 / 3, 56 / 3, 1400 / 3]), ("median", [2, 4, 20])]
)
def test_normalised_images_are_what_the_formula_says(make_dataset: MakeDataset, name: str, f: list[float]) -> None:
    scales = np.array([1.0, 2.0, 10.0])
    dataset = make_dataset([((0, k), [100.0, 200.0, 300.0], s * np.array([1, 2, 3])) for k, s in enumerate(scales)])
    known = np.sqrt(f) if name == "rms" else np.array(f)
    factors = scale_factors(getattr(pixel_vectors(dataset), name), dataset.measured)
    found = extract_ions(dataset, np.array([100.0]), tolerance_da=1, factors=factors)
    np.testing.assert_allclose(found.images[0, 0], scales * np.median(known) / known, rtol=1e-6)
