"""Ion images against numbers known by hand, against plain Python sums and against pyimzML's own spectra."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyimzml.ImzMLParser import ImzMLParser
from pyimzml.ImzMLWriter import ImzMLWriter

from napari_metime.errors import ImzMLError
from napari_metime.ims import blocks, extract_ions, feature_images, ions, mean_spectrum, open_imzml
from napari_metime.section import Dataset

MakeDataset = Callable[..., Dataset]
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
            total = float(np.nan_to_num(image[y - top, x - left]))
            for value in intensity[(axis >= mz - tolerance) & (axis <= mz + tolerance)]:
                total += value
            image[y - top, x - left] = total
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


def test_factors_multiply_the_sum_before_it_is_cast(tmp_path: Path) -> None:
    path = write(tmp_path, [((x, 1), [100.0], [v]) for x, v in ((1, 3.0), (2, 1e30), (3, 5.0))])
    factors = np.array([[1 / 3, 1e-30, np.nan]])
    image = extract_ions(open_imzml(path), np.array([100.0]), tolerance_da=1, factors=factors).images[0]
    np.testing.assert_array_equal(image, np.array([[3.0 * (1 / 3), 1e30 * 1e-30, np.nan]], np.float32))


def test_a_nan_intensity_spoils_its_own_pixel_only(tmp_path: Path) -> None:
    path = write(tmp_path, [((k + 1, 1), [100.0, 200.0], [v, 1.0]) for k, v in enumerate([1.0, np.nan, 3.0])])
    image = extract_ions(open_imzml(path), np.array([100.0]), tolerance_da=1).images[0, 0]
    np.testing.assert_array_equal(image, np.array([1.0, np.nan, 3.0], np.float32))


def test_the_mean_mz_is_that_of_the_reference(tmp_path: Path) -> None:
    path = write(tmp_path, [((1, 1), [100.0], [1.0]), ((2, 1), [100.5], [99.0])])
    dataset, inside = open_imzml(path), np.array([[True, False]])
    found = extract_ions(dataset, np.array([100.0]), tolerance_da=1, reference_mask=inside)
    assert found.mean_mz[0] == 100.0
    assert found.images[0].tolist() == [[1.0, 99.0]]


def summed_by_python(dataset: Dataset, spectra: Spectra, low: float, high: float) -> np.ndarray:
    """Add one by one, pixel by pixel in the order of the file, what was written."""
    totals: dict[tuple[int, int], float] = {}
    scales = np.ones(len(spectra)) if dataset.mz_scale is None else dataset.mz_scale
    for (place, axis, intensity), scale in zip(spectra, scales.tolist(), strict=True):
        total = totals.get(place, 0.0)
        for mz, value in zip(axis, intensity, strict=True):
            if low * scale <= float(dataset.mz_dtype.type(mz)) <= high * scale:
                total += float(dataset.intensity_dtype.type(value))
        totals[place] = total
    image = np.full(dataset.grid.shape, np.nan, np.float32)
    for place, total in totals.items():
        image[place] = total
    return image


def random_spectra(seed: int, *, shared: bool, ordered: bool, n_pixels: int = 40) -> Spectra:
    """Up to 50 m/z around 500 each, some twice; several spectra of some pixels, far from each other in the file."""
    random = np.random.default_rng(seed)
    spectra = []
    for _ in range(60):
        n = 30 if shared else int(random.integers(0, 50))
        mz = np.round(random.uniform(490, 510, n), 1)
        axis = spectra[0][1] if shared and spectra else (np.sort(mz) if ordered else mz).tolist()
        place = int(random.integers(n_pixels))
        spectra.append(((place // 8, place % 8), axis, random.integers(-1000, 100_000, n).tolist()))
    return spectra


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("mode", ["processed", "continuous"])
@pytest.mark.parametrize(
    ("mz_dtype", "intensity_dtype"), [("<f8", "<f4"), ("<f4", "<f8"), ("<f8", "<i4"), ("<f8", "<i8")]
)
def test_every_kind_of_file_equals_plain_sums_to_the_bit(
    make_dataset: MakeDataset,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    ordered: bool,
    compressed: bool,
    mz_dtype: str,
    intensity_dtype: str,
) -> None:
    monkeypatch.setattr(ions, "map_blocks", partial(blocks.map_blocks, max_points=100))
    spectra = random_spectra(3, shared=mode == "continuous", ordered=ordered)
    dataset = make_dataset(
        spectra, mode=mode, mz_dtype=mz_dtype, intensity_dtype=intensity_dtype, compressed=compressed, first_byte=19
    )
    centres = np.array([500.0, 493.2, 506.1, 500.1, 100.0, 499.9, 490.0, 510.0])
    images = extract_ions(dataset, centres, tolerance_da=1.3).images
    for image, centre in zip(images, centres.tolist(), strict=True):
        np.testing.assert_array_equal(image, summed_by_python(dataset, spectra, centre - 1.3, centre + 1.3))


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_a_recalibrated_spectrum_is_read_through_its_own_window(
    make_dataset: MakeDataset, mode: str, ordered: bool
) -> None:
    spectra = random_spectra(4, shared=mode == "continuous", ordered=ordered)
    scale = np.random.default_rng(0).uniform(0.999, 1.001, len(spectra))
    dataset = make_dataset(spectra, mode=mode, mz_scale=scale)
    found = extract_ions(dataset, np.array([500.0, 505.0]), tolerance_da=0.4)
    for image, centre in zip(found.images, (500.0, 505.0), strict=True):
        np.testing.assert_array_equal(image, summed_by_python(dataset, spectra, centre - 0.4, centre + 0.4))
    alone = make_dataset([((0, 0), [100.1], [3.0]), ((0, 1), [99.8], [1.0])], mz_scale=[1.001, 0.998])
    assert extract_ions(alone, np.array([100.0]), tolerance_ppm=1).mean_mz[0] == pytest.approx(100.0, rel=1e-12)


def test_a_shared_axis_of_which_a_spectrum_has_only_a_part(make_dataset: MakeDataset) -> None:
    axis = [100.0, 101.0, 102.0]
    dataset = make_dataset([((0, 0), axis, [1.0, 2.0, 4.0]), ((0, 1), axis, [8.0, 16.0])], mode="continuous")
    images = extract_ions(dataset, np.array([100.5, 102.0]), tolerance_da=0.5).images
    assert images[:, 0].tolist() == [[3.0, 24.0], [4.0, 0.0]]
    assert mean_spectrum(dataset).mean.tolist() == [4.5, 9.0, 2.0]


def test_nan_and_infinite_mz_are_in_no_window(make_dataset: MakeDataset) -> None:
    axis = [100.0, np.nan, 200.0, np.inf]
    for mode in ("processed", "continuous"):
        dataset = make_dataset([((0, 0), axis, [1.0, 2.0, 4.0, 8.0])], mode=mode)
        images = extract_ions(dataset, np.array([100.0, 150.0, 300.0]), tolerance_da=60.0).images
        assert images[:, 0, 0].tolist() == [1.0, 5.0, 0.0], mode


def test_the_number_of_threads_changes_no_bit(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ions, "map_blocks", partial(blocks.map_blocks, max_points=50))
    dataset = make_dataset(random_spectra(5, shared=False, ordered=True), intensity_dtype="<f8")
    found = []
    for n_threads in (1, 2, 7):
        monkeypatch.setattr(os, "cpu_count", lambda n=n_threads: n)
        found.append(extract_ions(dataset, np.linspace(490, 510, 30), tolerance_da=0.7))
    for other in found[1:]:
        np.testing.assert_array_equal(other.images, found[0].images)
        np.testing.assert_array_equal(other.mean_mz, found[0].mean_mz)


def test_many_windows_give_what_each_gives_alone(make_dataset: MakeDataset) -> None:
    random = np.random.default_rng(6)
    spectra = [
        ((0, i), np.sort(random.uniform(100, 110, n)), random.random(n)) for i, n in enumerate([0, 1, 400, 3, 2000])
    ]
    dataset = make_dataset(spectra)
    centres = random.uniform(99, 111, 300)
    together = extract_ions(dataset, centres, tolerance_da=0.01)
    for i, centre in enumerate(centres[:100]):
        alone = extract_ions(dataset, np.array([centre]), tolerance_da=0.01)
        np.testing.assert_array_equal(together.images[i], alone.images[0])
        np.testing.assert_array_equal(together.mean_mz[i], alone.mean_mz[0])


def test_no_window_at_all_gives_no_image(make_dataset: MakeDataset) -> None:
    found = extract_ions(make_dataset([((2, 1), [100.0], [1.0])]), np.empty(0), tolerance_ppm=5)
    assert found.images.shape == (0, 3, 2)
    assert found.mean_mz.shape == (0,)


def test_feature_images_start_with_the_total_and_follow_the_strongest_peaks(tmp_path: Path) -> None:
    path = write(tmp_path, [((1, 1), [100.0, 200.0], [1.0, 5.0]), ((2, 1), [100.0, 200.0], [2.0, 0.0])])
    assert feature_images(open_imzml(path))[:, 0].tolist() == [[6, 2], [1, 2], [5, 0]]


@pytest.mark.parametrize("tolerances", [{}, {"tolerance_ppm": 5, "tolerance_da": 1}, {"tolerance_ppm": -1}])
def test_a_tolerance_must_be_one_positive_number(tmp_path: Path, tolerances: dict[str, float]) -> None:
    dataset = open_imzml(write(tmp_path, [((1, 1), [100.0], [1.0])]))
    with pytest.raises(ImzMLError, match="m/z tolerance"):
        extract_ions(dataset, np.array([100.0]), **tolerances)


axes = st.lists(st.integers(1000, 1020), min_size=1, max_size=12)
values = st.lists(st.floats(0, 1e6, width=32), min_size=12, max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shared=axes | st.none(),
    spectra=st.lists(st.tuples(st.integers(1, 4), axes, values), min_size=1, max_size=6),
    centre=st.integers(1000, 1020),
    half=st.integers(1, 6),
)
def test_random_files_equal_the_sum_of_pyimzml_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory,
    shared: list[int] | None,
    spectra: list[tuple[int, list[int], list[float]]],
    centre: int,
    half: int,
) -> None:
    folder = tmp_path_factory.mktemp("random")
    written = [((x, 1), [m / 10 for m in shared or axis], v[: len(shared or axis)]) for x, axis, v in spectra]
    path = write(folder, written, "continuous" if shared else "processed")
    got = extract_ions(open_imzml(path), np.array([centre / 10]), tolerance_da=half / 10).images[0]
    np.testing.assert_array_equal(got, summed_by_pyimzml(path, centre / 10, half / 10))


def test_every_real_file_equals_the_sum_of_pyimzml_to_the_bit(metime_data: Path) -> None:
    paths = sorted(p for p in (metime_data / "imzml").rglob("*") if p.suffix.lower() == ".imzml")
    assert len(paths) >= 14
    for path in paths:
        dataset = open_imzml(path)
        axis, intensity = blocks.read_points(dataset, 0)
        mz = float(axis[np.argmax(intensity)])
        got = extract_ions(dataset, np.array([mz]), tolerance_ppm=300).images[0]
        np.testing.assert_array_equal(got, summed_by_pyimzml(path, mz, mz * 300 * 1e-6), err_msg=path.name)
        assert np.nansum(got) > 0
