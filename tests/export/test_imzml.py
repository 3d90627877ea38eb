"""A saved part is the source's own spectra, in the source's place, as pyimzML reads both."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyimzml.ImzMLParser import ImzMLParser

from napari_metime.errors import Cancelled, ImzMLError, MetimeError, OutputError, TissueError
from napari_metime.export import save_part
from napari_metime.ims import extract_ions, open_imzml
from napari_metime.ims.blocks import iterate_spectra
from napari_metime.imzml_writer import write_imzml
from napari_metime.section import Dataset

# pyimzML says so of names that writers misspell, and of the one by which alone M2aia knows the size in x.
pytestmark = pytest.mark.filterwarnings("ignore:Accession .* found with :UserWarning")

AXIS = np.array([100.0, 200.0, 300.0, 400.0])
PLACES = [(7, 11), (8, 11), (8, 11), (10, 14)]
"""(x, y): a frame that does not begin at 1, one pixel with two spectra."""
REAL = [
    "pyimzml/Example_Continuous.imzML", "pyimzml/Example_Processed.imzML", "metaspace_tiny/Untreated_3_434_tiny.imzML",
    "thyra/two_precision_terms.imzML", "thyra/unit_nanometre.imzML", "galaxy/out3.imzml",
]  # fmt: skip


def _write(folder: Path, mode: str = "processed", **options: object) -> Dataset:
    rng = np.random.default_rng(1)
    dtype = np.dtype(str(options.get("intensity_dtype", "<f4")))
    step = 0 if mode == "continuous" else 1e-4
    spectra = [(AXIS * (1 + step * k), rng.integers(1, 100, 4).astype(dtype)) for k in range(4)]
    stated = {"polarity": "negative", "pixel_size_um": (30.0, 12.5), "uuid": UUID(int=7)}
    write_imzml(folder / "a.imzML", spectra, PLACES, mode=mode, **stated | options)
    return open_imzml(folder / "a.imzML")


def _save(dataset: Dataset, path: Path, **options: object) -> Path:
    return save_part(dataset, path, iterate_spectra, **options)


def _read(path: Path) -> list[tuple[tuple[int, int], bytes, bytes]]:
    """Return place, m/z and intensities of every spectrum as pyimzML reads them, to the bit."""
    with ImzMLParser(str(path)) as parser:
        spectra = [parser.getspectrum(i) for i in range(len(parser.coordinates))]
        return [(c[:2], *(a.tobytes() for a in s)) for c, s in zip(parser.coordinates, spectra, strict=True)]


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("mode", [None, "processed"])
def test_the_whole_of_a_real_file_is_that_file(metime_data: Path, tmp_path: Path, name: str, mode: str | None) -> None:
    source = metime_data / "imzml" / name
    saved = _save(open_imzml(source), tmp_path / "x.imzML", mode=mode)
    assert _read(saved) == _read(source)


@pytest.mark.parametrize("mode", ["continuous", "processed"])
@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<i4", "<i8"])
def test_a_mask_keeps_its_spectra_in_their_place(tmp_path: Path, mode: str, dtype: str) -> None:
    dataset = _write(tmp_path, mode, intensity_dtype=dtype)
    mask = np.zeros(dataset.grid.shape, dtype=bool)
    mask[0, 1] = mask[2, 2] = True
    saved = _save(dataset, tmp_path / "x.imzML", mask=mask)
    assert _read(saved) == _read(dataset.path)[1:3]
    again = open_imzml(saved)
    assert (again.mode, again.intensity_dtype) == (mode, np.dtype(dtype))
    assert (again.grid.origin, again.grid.pixel_size_um) == ((11, 8), (30.0, 12.5))


def test_a_part_of_the_file_is_saved_as_it_was_opened(tmp_path: Path) -> None:
    dataset = _write(tmp_path)
    part = open_imzml(dataset.path, part=(3, 3, 3, 3))
    assert _read(_save(part, tmp_path / "x.imzML")) == _read(dataset.path)[3:]


@pytest.mark.parametrize("polarity", ["positive", "negative", "mixed", "unknown"])
@pytest.mark.parametrize("spectrum_type", ["centroid", "profile", "unknown"])
def test_what_the_source_says_of_itself_is_kept(tmp_path: Path, polarity: str, spectrum_type: str) -> None:
    stated = {"polarity": polarity, "spectrum_type": spectrum_type, "pixel_size_um": None, "offset_um": (1500.5, 20.0)}
    dataset = _write(tmp_path, **stated)
    again = open_imzml(_save(dataset, tmp_path / "x.imzML"))
    assert (again.polarity, again.spectrum_type, again.grid.pixel_size_um) == (polarity, spectrum_type, None)
    assert again.stage_offset_um == (1500.5, 20.0)
    assert again.uuid != dataset.uuid


@pytest.mark.parametrize("scale", [None, 1 + 1e-4 * np.arange(4)], ids=["as it is", "recalibrated"])
def test_windows_keep_the_points_inside_with_both_ends(tmp_path: Path, scale: NDArray[np.float64] | None) -> None:
    dataset = replace(_write(tmp_path), mz_scale=scale)
    saved = _save(dataset, tmp_path / "x.imzML", mz=np.array([300.0, 100.0]), tolerance_ppm=100.0)
    with ImzMLParser(str(saved)) as found, ImzMLParser(str(dataset.path)) as source:
        for i in range(4):
            mz, intensity = source.getspectrum(i)
            half = np.array([100.0, 300.0]) * 100.0 * 1e-6
            s = 1.0 if scale is None else scale[i]
            low, high = (np.array([100.0, 300.0]) - half) * s, (np.array([100.0, 300.0]) + half) * s
            inside = ((mz[:, None] >= low) & (mz[:, None] <= high)).any(axis=1)
            assert inside.tolist() == ([True, False, True, False] if scale is not None or i < 2 else [False] * 4)
            np.testing.assert_array_equal(found.getspectrum(i), (mz[inside], intensity[inside].astype(float)))


def test_windows_of_a_continuous_file_leave_one_axis(tmp_path: Path) -> None:
    dataset = _write(tmp_path, "continuous")
    saved = _save(dataset, tmp_path / "x.imzML", mz=np.array([400.0, 200.0]), tolerance_ppm=5.0)
    again = open_imzml(saved)
    assert (again.mode, again.mz_range) == ("continuous", (200.0, 400.0))
    assert saved.with_suffix(".ibd").stat().st_size == 16 + 2 * 8 + 4 * 2 * 4


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1, 200_000), st.lists(st.floats(50, 500), min_size=1, max_size=8))
def test_sums_on_one_axis_are_the_ion_images_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, seed: int, tolerance_ppm: float, mz: list[float]
) -> None:
    folder, rng = tmp_path_factory.mktemp("sums"), np.random.default_rng(seed)
    lengths = rng.integers(1, 30, 6)
    spectra = [(rng.uniform(50, 500, n), rng.lognormal(0, 5, n).astype(np.float32)) for n in lengths]
    places = [(x + 3, y + 2) for x in range(3) for y in range(2)]
    write_imzml(
        folder / "a.imzML", spectra, places, mode="processed", polarity="negative", pixel_size_um=None, uuid=UUID(int=1)
    )  # fmt: skip
    dataset = open_imzml(folder / "a.imzML")
    channels = np.unique(mz)
    options = {"mz": channels, "tolerance_ppm": tolerance_ppm}
    saved = _save(dataset, folder / "x.imzML", mode="continuous", **options)
    images = extract_ions(dataset, channels, tolerance_ppm=tolerance_ppm).images
    with ImzMLParser(str(saved)) as parser:
        for i, (x, y, _) in enumerate(parser.coordinates):
            found_mz, found = parser.getspectrum(i)
            np.testing.assert_array_equal(found_mz, channels)
            assert found.tobytes() == images[:, y - 2, x - 3].tobytes()
    assert open_imzml(saved).spectrum_type == "centroid"


def test_compressed_arrays_and_large_integers_are_kept_to_the_bit(tmp_path: Path) -> None:
    big = np.array([2**53 + 1, 2**62 + 1, 3, 4])
    dataset = _write(tmp_path, intensity_dtype="<i8")
    mz, values = zlib.compress(AXIS.astype("<f4").tobytes()), zlib.compress(big.astype("<i8").tobytes())
    dataset.ibd_path.write_bytes(mz + values)
    status, n = dataset.ibd_path.stat(), np.ones(4, dtype=np.int64)
    packed = replace(
        dataset, mz_dtype=np.dtype("<f4"), mz_offset=0 * n, intensity_offset=len(mz) * n, mz_encoded=len(mz) * n,
        intensity_encoded=len(values) * n, ibd_stamp=(status.st_size, status.st_mtime_ns),
    )  # fmt: skip
    with ImzMLParser(str(_save(packed, tmp_path / "x.imzML"))) as parser:
        found_mz, found = parser.getspectrum(3)
    assert (found_mz.dtype, found.tolist()) == (np.float32, big.tolist())


@pytest.mark.parametrize(("small", "letter"), [("<f2", "f"), ("<i1", "i"), ("<i2", "i")])
def test_types_that_few_programs_read_are_written_wider_with_the_same_values(
    tmp_path: Path, small: str, letter: str
) -> None:
    dataset, values = _write(tmp_path), np.array([1, -2, 3, 100], small)
    dataset.ibd_path.write_bytes(AXIS.astype("<f8").tobytes() + values.tobytes())
    status, n = dataset.ibd_path.stat(), np.ones(4, dtype=np.int64)
    narrow = replace(
        dataset, intensity_dtype=np.dtype(small), mz_offset=0 * n, intensity_offset=32 * n,
        ibd_stamp=(status.st_size, status.st_mtime_ns),
    )  # fmt: skip
    with ImzMLParser(str(_save(narrow, tmp_path / "x.imzML"))) as parser:
        assert parser.intensityPrecision == letter
        np.testing.assert_array_equal(parser.getspectrum(2), (AXIS, values.astype(float)))


def test_the_same_part_gives_the_same_bytes_and_another_part_another_name(tmp_path: Path) -> None:
    dataset = _write(tmp_path)
    saved = [_save(dataset, tmp_path / f"{name}.imzML") for name in "xy"]
    assert saved[0].read_bytes() == saved[1].read_bytes()
    first, mask = open_imzml(saved[0]), dataset.measured
    mask[0, 0] = False
    assert open_imzml(_save(dataset, saved[1], mask=mask)).uuid != first.uuid
    windows = {"mz": AXIS, "tolerance_ppm": 1e5}
    assert open_imzml(_save(dataset, saved[1], **windows)).uuid != first.uuid


def _none_here(shape: tuple[int, int]) -> NDArray[np.bool_]:
    return np.zeros(shape, dtype=bool)


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("x.imzML", {"mode": "continuous"}, ImzMLError, "one m/z axis"),
        ("x.imzML", {"mz": AXIS}, ImzMLError, "give both or none"),
        ("x.imzML", {"mz": AXIS[:0], "tolerance_ppm": 5.0}, ImzMLError, "m/z above 0"),
        ("x.imzML", {"mz": np.array([np.nan]), "tolerance_ppm": 5.0}, ImzMLError, "m/z above 0"),
        ("x.imzML", {"mz": AXIS, "tolerance_ppm": 0.0}, ImzMLError, "tolerance above 0"),
        ("x.imzML", {"mz": np.array([250.0]), "tolerance_ppm": 5.0}, ImzMLError, "found none"),
        ("x.imzML", {"mask": _none_here((4, 4))}, TissueError, "inside the mask"),
        ("x.imzML", {"mask": _none_here((3, 4))}, TissueError, r"shape \(4, 4\)"),
        ("x.mzML", {}, OutputError, r"named .imzML"),
        ("a.imzML", {}, OutputError, "that of the source"),
        ("a.imzml", {}, OutputError, "that of the source"),
        ("b.imzML", {}, OutputError, r"found b\.IBD"),
        ("no/x.imzML", {}, OutputError, "expected to write"),
    ],
)
def test_what_cannot_be_saved_is_one_line_and_leaves_nothing(
    tmp_path: Path, name: str, options: dict[str, object], error: type[MetimeError], words: str
) -> None:
    dataset = _write(tmp_path)
    (tmp_path / "b.IBD").touch()
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(error, match=words) as refusal:
        _save(dataset, tmp_path / name, **options)
    assert "\n" not in str(refusal.value)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_recalibration_by_pixel_leaves_no_common_axis(tmp_path: Path) -> None:
    dataset = replace(_write(tmp_path, "continuous"), mz_scale=np.array([1.0, 1.0, 1.0, 1.001]))
    with pytest.raises(ImzMLError, match="found another at x=10, y=14; write in processed mode"):
        _save(dataset, tmp_path / "x.imzML", mz=AXIS, tolerance_ppm=10.0)


def test_cancelling_leaves_the_earlier_pair(tmp_path: Path) -> None:
    dataset = _write(tmp_path)
    saved = _save(dataset, tmp_path / "x.imzML")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def cancel(fraction: float, text: str) -> None:
        if fraction == 1.0:
            raise Cancelled(text)

    with pytest.raises(Cancelled):
        _save(dataset, saved, mode="processed", mask=dataset.measured, on_progress=cancel)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_an_error_of_the_source_leaves_nothing(tmp_path: Path) -> None:
    def broken(dataset: Dataset, spectra: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.float64], ...]]:
        yield from list(iterate_spectra(dataset, spectra[:1]))
        raise ImzMLError("cut short")

    with pytest.raises(ImzMLError, match="cut short"):
        save_part(_write(tmp_path), tmp_path / "x.imzML", broken)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ibd", "a.imzML"]
