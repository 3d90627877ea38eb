"""Ion images against numbers known by hand and against pyimzML's own spectra."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyimzml.ImzMLParser import ImzMLParser
from pyimzml.ImzMLWriter import ImzMLWriter

from napari_metime.errors import ImzMLError
from napari_metime.ims import extract_ions, feature_images, open_imzml, read_spectrum, total_ion_image

Spectra = list[tuple[tuple[int, int], list[float], list[float]]]


def write(folder: Path, spectra: Spectra, mode: str = "processed") -> Path:
    with ImzMLWriter(str(folder / "s.imzML"), mode=mode) as writer:
        for place, mz, intensity in spectra:
            writer.addSpectrum(np.array(mz), np.array(intensity), place)
    return folder / "s.imzML"


def summed_by_pyimzml(path: Path, mz: float, tolerance: float) -> np.ndarray:
    """Sum, one by one in file order, what pyimzML's getspectrum reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyimzML warns about misnamed terms
        parser = ImzMLParser(str(path))
    with parser:
        places = np.array(parser.coordinates)[:, :2]
        left, top = places.min(axis=0)
        image = np.full((places[:, 1].max() - top + 1, places[:, 0].max() - left + 1), np.nan)
        for i, (x, y) in enumerate(places):
            axis, intensity = (np.asarray(a, dtype=float) for a in parser.getspectrum(i))
            total = 0.0
            for value in intensity[(axis >= mz - tolerance) & (axis <= mz + tolerance)]:
                total += value
            image[y - top, x - left] = np.nansum([image[y - top, x - left], total])
    return image.astype(np.float32)


def test_both_ends_of_the_window_count(tmp_path: Path) -> None:
    path = write(tmp_path, [((1, 1), [99.0, 100.0, 101.0, 102.0], [1, 2, 4, 8]), ((3, 1), [50.0], [16])])
    image = extract_ions(open_imzml(path), np.array([100.0]), tolerance_da=1.0).images[0]
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, np.array([[7, np.nan, 0]], np.float32))


def test_windows_may_overlap_and_come_in_any_order(tmp_path: Path) -> None:
    path = write(tmp_path, [((1, 1), [100.0, 200.0, 300.0], [1, 2, 4])])
    found = extract_ions(open_imzml(path), np.array([300.0, 100.0, 200.0, 250.0]), tolerance_da=100.0)
    assert found.images[:, 0, 0].tolist() == [6, 3, 7, 6]
    assert found.mean_mz[1] == pytest.approx((100 + 2 * 200) / 3, rel=1e-12)


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_an_axis_that_descends_or_repeats_is_read_right(tmp_path: Path, mode: str) -> None:
    axis = [300.0, 100.0, 100.0, 200.0]
    path = write(tmp_path, [((x, 1), axis, [1, 2, 4, 8.0 * x]) for x in (1, 2)], mode)
    image = extract_ions(open_imzml(path), np.array([100.0]), tolerance_ppm=5).images[0]
    assert image.tolist() == [[6, 6]]


@pytest.mark.parametrize(
    ("normalize", "f"),
    [("tic", [6.0, 12.0, 60.0]), ("rms", [14 / 3, 56 / 3, 1400 / 3]), ("median", [2.0, 4.0, 20.0])],
)
def test_normalisation_multiplies_by_the_median_over_the_pixel(tmp_path: Path, normalize: str, f: list[float]) -> None:
    scales = (1, 2, 10)
    path = write(
        tmp_path, [((k + 1, 1), [100.0, 200.0, 300.0], [1.0 * s, 2.0 * s, 3.0 * s]) for k, s in enumerate(scales)]
    )
    factor = np.sqrt(f) if normalize == "rms" else np.array(f)
    found = extract_ions(open_imzml(path), np.array([100.0]), tolerance_da=1, normalize=normalize)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.images[0, 0], np.array(scales) * np.median(factor) / factor, rtol=1e-6)


def test_the_median_is_taken_over_the_reference_and_an_empty_spectrum_is_nan(tmp_path: Path) -> None:
    path = write(tmp_path, [((k + 1, 1), [100.0, 200.0], [v, v]) for k, v in enumerate([1.0, 3.0, 0.0])])
    mask = np.array([[False, True, True]])
    found = extract_ions(
        open_imzml(path), np.array([100.0]), tolerance_da=1, normalize="tic", reference_mask=mask
    ).images[0, 0]
    # Median over the reference: (6 + 0) / 2 = 3; images 1 * 3 / 2 and 3 * 3 / 6.
    np.testing.assert_allclose(found[:2], [1.5, 1.5])
    assert np.isnan(found[2])


def test_a_nan_intensity_spoils_its_own_pixel_only(tmp_path: Path) -> None:
    path = write(tmp_path, [((k + 1, 1), [100.0, 200.0], [v, 1.0]) for k, v in enumerate([1.0, np.nan, 3.0])])
    for normalize in ("none", "tic", "rms", "median"):
        image = extract_ions(open_imzml(path), np.array([100.0]), tolerance_da=1, normalize=normalize).images[0, 0]
        assert np.isfinite(image).tolist() == [True, False, True], normalize


def test_the_mean_mz_is_that_of_the_reference(tmp_path: Path) -> None:
    path = write(tmp_path, [((1, 1), [100.0], [1.0]), ((2, 1), [100.5], [99.0])])
    dataset, inside = open_imzml(path), np.array([[True, False]])
    found = extract_ions(dataset, np.array([100.0]), tolerance_da=1, reference_mask=inside)
    assert found.mean_mz[0] == 100.0
    assert found.images[0].tolist() == [[1.0, 99.0]]


def test_spectra_of_one_pixel_are_summed_before_normalising(tmp_path: Path) -> None:
    path = write(tmp_path, [((1, 1), [100.0], [1.0]), ((1, 1), [100.0, 150.0], [2.0, 9.0]), ((2, 1), [100.0], [5.0])])
    dataset = open_imzml(path)
    assert total_ion_image(dataset).tolist() == [[12.0, 5.0]]
    median = extract_ions(dataset, np.array([100.0]), tolerance_da=1, normalize="median").images[0, 0]
    # Medians 2 (of 1, 2, 9) and 5; their median is 3.5.
    np.testing.assert_allclose(median, [3 * 3.5 / 2, 3.5], rtol=1e-6)


def test_a_spectrum_is_read_in_ascending_order(tmp_path: Path) -> None:
    path = write(tmp_path, [((1, 1), [300.0, 100.0], [1.0, 2.0]), ((3, 1), [1.0], [1.0])])
    mz, intensity = read_spectrum(open_imzml(path), 0, 0)
    assert (mz.tolist(), intensity.tolist()) == ([100.0, 300.0], [2.0, 1.0])
    assert read_spectrum(open_imzml(path), 0, 1)[0].size == 0


def test_feature_images_start_with_the_total_and_follow_the_strongest_peaks(tmp_path: Path) -> None:
    path = write(tmp_path, [((1, 1), [100.0, 200.0], [1.0, 5.0]), ((2, 1), [100.0, 200.0], [2.0, 0.0])])
    assert feature_images(open_imzml(path))[:, 0].tolist() == [[6, 2], [1, 2], [5, 0]]


@pytest.mark.parametrize("tolerances", [{}, {"tolerance_ppm": 5, "tolerance_da": 1}, {"tolerance_ppm": -1}])
def test_a_tolerance_must_be_one_positive_number(tmp_path: Path, tolerances: dict[str, float]) -> None:
    dataset = open_imzml(write(tmp_path, [((1, 1), [100.0], [1.0])]))
    with pytest.raises(ImzMLError, match="m/z tolerance"):
        extract_ions(dataset, np.array([100.0]), **tolerances)


spectra = st.lists(
    st.lists(st.tuples(st.integers(1000, 1020), st.floats(0, 1e6, width=32)), max_size=12), min_size=1, max_size=6
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=spectra, centre=st.integers(1000, 1020), half=st.integers(1, 6))
def test_random_files_equal_the_sum_of_pyimzml_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, points: list[list[tuple[int, float]]], centre: int, half: int
) -> None:
    folder = tmp_path_factory.mktemp("random")
    filled = [p or [(1000, 0.0)] for p in points]
    path = write(folder, [((i + 1, 1), [m / 10 for m, _ in p], [v for _, v in p]) for i, p in enumerate(filled)])
    got = extract_ions(open_imzml(path), np.array([centre / 10]), tolerance_da=half / 10).images[0]
    np.testing.assert_array_equal(got, summed_by_pyimzml(path, centre / 10, half / 10))


def test_every_real_file_equals_the_sum_of_pyimzml_to_the_bit(metime_data: Path) -> None:
    paths = sorted(p for p in (metime_data / "imzml").rglob("*") if p.suffix.lower() == ".imzml")
    assert len(paths) >= 14
    for path in paths:
        dataset = open_imzml(path)
        row, col = int(dataset.row[0]), int(dataset.col[0])
        axis, intensity = read_spectrum(dataset, row, col)
        mz = float(axis[np.argmax(intensity)])
        got = extract_ions(dataset, np.array([mz]), tolerance_ppm=300).images[0]
        np.testing.assert_array_equal(got, summed_by_pyimzml(path, mz, mz * 300 * 1e-6), err_msg=path.name)
        assert np.nansum(got) > 0
