"""The index against the file itself, against sums made one by one, and against damage."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_metime.errors import Cancelled, MissingFileError, OutputError
from napari_metime.ims import index_columns
from napari_metime.ims.index import Index, build_index, find_index
from napari_metime.ims.index_sort import sort_mz
from napari_metime.ims.ions import extract_ions
from napari_metime.ims.opening import open_imzml
from napari_metime.section import Dataset, Grid

Spectrum = tuple[Sequence[float], Sequence[float]]


def make(
    folder: Path,
    spectra: Sequence[Spectrum],
    places: Sequence[tuple[int, int]],
    *,
    mode: str = "processed",
    mz_dtype: str = "<f8",
    intensity_dtype: str = "<f4",
    compressed: bool = False,
    scale: NDArray[np.float64] | None = None,
) -> Dataset:
    """Write an .ibd and describe it as an opened file; places are (row, col)."""
    kinds, mz_places, intensity_places, ascending = (np.dtype(mz_dtype), np.dtype(intensity_dtype)), [], [], []
    with (folder / "s.ibd").open("wb") as file:
        file.write(bytes(range(16)))

        def put(values: Sequence[float], kind: np.dtype[np.generic]) -> tuple[int, int]:
            data = np.asarray(values).astype(kind).tobytes()
            data = zlib.compress(data) if compressed else data
            return file.tell(), file.write(data)

        for mz, intensity in spectra:
            shared = mode == "continuous" and mz_places
            mz_places.append(mz_places[0] if shared else put(mz, kinds[0]))
            intensity_places.append(put(intensity, kinds[1]))
            stored = np.asarray(mz).astype(kinds[0])
            ascending.append(not np.isnan(stored.astype(float)).any() and bool((stored[1:] >= stored[:-1]).all()))
    row, col = np.array(places, np.int32).reshape(-1, 2).T
    lengths = np.array([len(intensity) for _, intensity in spectra], np.int64)
    (mz_offset, mz_bytes), (intensity_offset, intensity_bytes) = (
        np.array(found, np.int64).reshape(-1, 2).T for found in (mz_places, intensity_places)
    )
    seen = np.concatenate([np.asarray(mz, float) for mz, _ in spectra])
    seen = seen[np.isfinite(seen) & (seen > 0)]
    status = (folder / "s.ibd").stat()
    return Dataset(
        path=folder / "s.imzML",
        ibd_path=folder / "s.ibd",
        grid=Grid((int(row.max()) + 1, int(col.max()) + 1), (0, 0), None),
        mode=mode,  # type: ignore[arg-type]
        spectrum_type="centroid",
        polarity="positive",
        uuid="1",
        mz_range=(float(seen.min()), float(seen.max())) if seen.size else (np.nan, np.nan),
        n_points=int(lengths.sum()),
        row=row,
        col=col,
        mz_offset=mz_offset,
        mz_length=lengths,
        intensity_offset=intensity_offset,
        intensity_length=lengths,
        ascending=np.array(ascending),
        mz_dtype=kinds[0],
        intensity_dtype=kinds[1],
        ibd_stamp=(status.st_size, status.st_mtime_ns),
        mz_encoded=mz_bytes if compressed else None,
        intensity_encoded=intensity_bytes if compressed else None,
        mz_scale=scale,
    )


def added_up(dataset: Dataset, spectra: Sequence[Spectrum], low: float, high: float) -> NDArray[np.float64]:
    """Sum a window point by point, in the order of the file."""
    total = np.where(dataset.measured, 0.0, np.nan)
    scale = np.ones(len(spectra)) if dataset.mz_scale is None else dataset.mz_scale
    for i, (mz, intensity) in enumerate(spectra):
        points = np.asarray(mz).astype(dataset.mz_dtype).astype(float)
        values = np.asarray(intensity).astype(dataset.intensity_dtype).astype(float)
        for point, value in zip(points, values, strict=True):
            if low * scale[i] <= point <= high * scale[i]:
                total[dataset.row[i], dataset.col[i]] += value
    return total


def indexed(dataset: Dataset, folder: Path | None = None) -> Index:
    build_index(dataset, folder=folder)
    index = find_index(dataset, folder=folder)
    assert index is not None
    return index


def images(index: Index, mz: Sequence[float], tolerance: float) -> NDArray[np.float32]:
    found = index.extract(np.array(mz) - tolerance, np.array(mz) + tolerance)
    assert found is not None
    return found[0].reshape(-1, *index.dataset.grid.shape)


@pytest.fixture
def random_file(tmp_path: Path) -> tuple[Dataset, list[Spectrum]]:
    """12 pixels, 6,000 points: several blocks of the index."""
    random = np.random.default_rng(0)
    spectra = [(np.sort(random.uniform(100, 200, 500)), random.uniform(0, 9, 500)) for _ in range(12)]
    return make(tmp_path, spectra, [divmod(i, 4) for i in range(12)]), spectra


small_buckets = mock.patch.multiple(
    index_columns, MIN_BUCKET=3, MAX_BUCKET=5, N_BUCKETS=4, DEALT_POINTS=4, TILE_SPECTRA=2
)
values = st.sampled_from([0.1, 0.2, 1.0, 3.0, -2.0, 1e16, -1e16, 0.0, np.nan, np.inf])
masses = st.sampled_from([99.9, 100.0, np.nextafter(100.0, 101), 100.1, 250.0, 0.0, -0.0, -5.0, np.nan, np.inf, 1e-300])


@st.composite
def small_files(draw: st.DrawFn) -> tuple[list[Spectrum], list[tuple[int, int]], dict[str, object]]:
    mode = draw(st.sampled_from(["processed", "continuous"]))
    kinds = {
        "mz_dtype": draw(st.sampled_from(["<f4", "<f8", "<i4"])),
        "intensity_dtype": draw(st.sampled_from(["<f4", "<f8", "<i8"])),
    }
    mass = st.integers(-3, 300).map(float) if kinds["mz_dtype"] == "<i4" else masses | st.floats(99, 101)
    value = st.integers(-(2**53), 2**53).map(float) if kinds["intensity_dtype"] == "<i8" else values
    n_spectra, n_points = draw(st.integers(1, 6)), draw(st.integers(0, 6))
    shared = draw(st.lists(mass, min_size=n_points, max_size=n_points))
    spectra: list[Spectrum] = []
    for _ in range(n_spectra):
        mz = shared if mode == "continuous" else draw(st.lists(mass, max_size=6))
        mz = sorted(mz) if draw(st.booleans()) and mode == "processed" else mz
        spectra.append((mz, draw(st.lists(value, min_size=len(mz), max_size=len(mz)))))
    places = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=n_spectra, max_size=n_spectra))
    scale = draw(st.none() | st.lists(st.sampled_from([1.0, 1.001, 0.999]), min_size=n_spectra, max_size=n_spectra))
    options = {**kinds, "mode": mode, "compressed": draw(st.booleans()), "scale": scale and np.array(scale)}
    return spectra, places, options


@settings(max_examples=100, deadline=None)
@given(
    file=small_files(),
    windows=st.lists(
        st.tuples(masses.filter(np.isfinite), st.sampled_from([1e-9, 0.1, 1.0, 300.0])), min_size=1, max_size=4
    ),
    cut=st.booleans(),
    with_factors=st.booleans(),
)
@example(  # more points than a bucket's room, and all of them within one bin of m/z
    file=(
        [([99.9, 99.9, np.nan, 99.69270315902047], [-2.0, -1e16, 0.1, 0.2]), ([], [])],
        [(0, 0), (1, 0)],
        {"mz_dtype": "<f4", "intensity_dtype": "<f4", "mode": "processed", "compressed": False, "scale": None},
    ),
    windows=[(99.9, 1e-9)],
    cut=True,
    with_factors=False,
)
def test_index_and_file_and_plain_sums_agree_to_the_bit(file, windows, cut: bool, with_factors: bool) -> None:  # type: ignore[no-untyped-def]
    spectra, places, options = file
    with tempfile.TemporaryDirectory() as folder, small_buckets if cut else nullcontext():
        dataset = make(Path(folder), spectra, places, **options)
        index = indexed(dataset, Path(folder))
        factors = np.linspace(0.5, 2.0, dataset.measured.size) if with_factors else None
        for mz, tolerance in windows:
            found = index.extract(np.array([mz - tolerance]), np.array([mz + tolerance]), factors)
            assert found is not None
            shaped = None if factors is None else factors.reshape(dataset.grid.shape)
            direct = extract_ions(dataset, np.array([mz]), tolerance_da=tolerance, factors=shaped).images[0]
            plain = added_up(dataset, spectra, mz - tolerance, mz + tolerance) * (1.0 if shaped is None else shaped)
            np.testing.assert_array_equal(found[0][0].reshape(direct.shape), plain.astype(np.float32))
            np.testing.assert_array_equal(direct, plain.astype(np.float32))


def test_both_ends_count_and_absence_is_not_zero(tmp_path: Path) -> None:
    dataset = make(tmp_path, [([99, 100, 101, 102], [1, 2, 4, 8]), ([50], [16])], [(0, 0), (0, 2)])
    image = images(indexed(dataset), [100.0], 1.0)[0]
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, [[7, np.nan, 0]])


def test_the_order_of_the_file_decides_not_that_of_mz(tmp_path: Path) -> None:
    # In file order (1e16 + 1) - 1e16 = 0, for 1 is lost; in order of m/z, (1e16 - 1e16) + 1 = 1.
    unsorted = make(tmp_path, [([100.0, 102.0, 101.0], [1e16, 1.0, -1e16])], [(0, 0)], intensity_dtype="<f8")
    assert images(indexed(unsorted), [101.0], 2.0).item() == 0.0
    shared = [([102.0], [1e16]), ([100.0], [1.0]), ([101.0], [-1e16])]
    several = make(tmp_path, shared, [(0, 0)] * 3, intensity_dtype="<f8")
    assert images(indexed(several), [101.0], 2.0).item() == 0.0


@pytest.mark.parametrize("n_odd", [0, 1, 2000])
@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_sorting_is_stable_and_exact_to_the_last_bit(n_odd: int, dtype: str) -> None:
    random = np.random.default_rng(n_odd)
    # Neighbouring numbers, which only the last bits tell apart, falling; and some far away, which take the room
    # of these bits in the sorted keys. 2,000 of them take so many moves that another sort steps in.
    close = (100.0 + np.arange(n_odd, 0, -1) * np.spacing(np.array(100.0, dtype))).astype(dtype)
    far = np.array([1e30, -5.0, -0.0, 0.0, np.inf, -np.inf, 1e-30, 150.0] * 2, dtype)
    mz = np.concatenate([far, close, random.uniform(99, 101, 3000).astype(dtype), close[:7]])
    result = np.empty_like(mz)
    order = sort_mz(mz, result)
    expected = np.argsort(mz, kind="stable")
    np.testing.assert_array_equal(order, expected)
    np.testing.assert_array_equal(result, mz[expected])


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_windows_across_blocks_buckets_and_tiles(tmp_path: Path, mode: str) -> None:
    random = np.random.default_rng(1)
    axis = random.uniform(100, 101, 300)
    spectra = [
        (axis if mode == "continuous" else np.sort(random.uniform(100, 101, 300)), random.uniform(0, 1, 300))
        for _ in range(40)
    ]
    dataset = make(tmp_path, spectra, [divmod(i, 8) for i in range(40)], mode=mode)
    with mock.patch.multiple(index_columns, MIN_BUCKET=900, DEALT_POINTS=700, TILE_SPECTRA=7):
        index = indexed(dataset)
    low, high = np.array([100.2, 99.0, 100.5, 102.0]), np.array([100.3, 102.0, 100.5004, 103.0])
    found = index.extract(low, high)
    assert found is not None
    for image, a, b in zip(found[0], low, high, strict=True):
        np.testing.assert_array_equal(image, added_up(dataset, spectra, a, b).astype(np.float32).ravel())


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_the_moments_are_those_of_the_reference_in_true_mz(tmp_path: Path, mode: str) -> None:
    spectra = [([100.0, 200.0], [1.0, 2.0]), ([100.0, 200.0], [3.0, 4.0])]
    dataset = make(tmp_path, spectra, [(0, 0), (0, 1)], mode=mode, scale=np.array([1.0, 1.25]))
    index = indexed(dataset)
    low, high = np.array([70.0]), np.array([170.0])  # on the second spectrum: 87.5 to 212.5
    inside = [None, np.array([False, True])]
    moments = [index.extract(low, high, None, mask)[1][0].tolist() for mask in inside]  # type: ignore[index]
    assert moments == [[8.0, 100 + 3 * 80 + 4 * 160], [7.0, 3 * 80 + 4 * 160]]


def test_an_index_of_the_whole_serves_a_part_but_not_the_other_way(
    random_file: tuple[Dataset, list[Spectrum]],
) -> None:
    dataset, spectra = random_file
    keep = np.arange(12) % 3 > 0
    names = ("row", "col", "mz_offset", "mz_length", "intensity_offset", "intensity_length", "ascending")
    part = replace(dataset, **{name: getattr(dataset, name)[keep] for name in names})
    kept = [spectrum for spectrum, taken in zip(spectra, keep, strict=True) if taken]
    build_index(part)
    assert find_index(dataset) is None
    build_index(dataset)
    index = find_index(part)
    assert index is not None
    expected = added_up(part, kept, 140.0, 160.0).astype(np.float32)
    np.testing.assert_array_equal(images(index, [150.0], 10.0)[0], expected)


@pytest.mark.parametrize("name", ["intensity_offset", "mz_offset"])
def test_spectra_that_lie_elsewhere_get_another_index(random_file: tuple[Dataset, list[Spectrum]], name: str) -> None:
    dataset, _ = random_file
    build_index(dataset)
    order = [1, 0, *range(2, 12)]
    assert find_index(replace(dataset, **{name: getattr(dataset, name)[order]})) is None
    assert find_index(replace(dataset, intensity_dtype=np.dtype("<i4"))) is None
    assert find_index(replace(dataset, uuid="2")) is None


def test_an_index_serves_its_own_dataset_only(random_file: tuple[Dataset, list[Spectrum]]) -> None:
    dataset, spectra = random_file
    index, scale = indexed(dataset), np.full(12, 1.01)
    assert index.serves(replace(dataset, warnings=("told",)))
    shifted = replace(dataset, mz_scale=scale)
    moved = replace(dataset, row=dataset.row[::-1].copy(), col=dataset.col[::-1].copy())
    for other in (shifted, moved):
        assert not index.serves(other)
        expected = added_up(other, spectra, 149.0, 151.0).astype(np.float32)
        found = extract_ions(other, np.array([150.0]), tolerance_da=1.0, index=index)  # an old index changes nothing
        np.testing.assert_array_equal(found.images[0], expected)
        own = find_index(other)
        assert own is not None
        np.testing.assert_array_equal(images(own, [150.0], 1.0)[0], expected)


def test_extract_ions_reads_the_file_where_the_index_is_damaged(
    random_file: tuple[Dataset, list[Spectrum]],
) -> None:
    dataset, spectra = random_file
    index = indexed(dataset)
    flip(index.folder / "intensity")
    index = find_index(dataset)
    found = extract_ions(dataset, np.array([150.0]), tolerance_da=100.0, index=index).images[0]
    np.testing.assert_array_equal(found, added_up(dataset, spectra, 50.0, 250.0).astype(np.float32))


def test_a_changed_ibd_has_no_index(random_file: tuple[Dataset, list[Spectrum]]) -> None:
    dataset, _ = random_file
    build_index(dataset)
    os.utime(dataset.ibd_path, ns=(1, dataset.ibd_stamp[1] + 1))
    assert find_index(dataset) is None
    status = dataset.ibd_path.stat()
    assert find_index(replace(dataset, ibd_stamp=(status.st_size, status.st_mtime_ns))) is None
    dataset.ibd_path.unlink()
    assert find_index(dataset) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no time of the last change that programs cannot set")
def test_an_ibd_that_was_changed_under_its_old_time_has_no_index(random_file: tuple[Dataset, list[Spectrum]]) -> None:
    dataset, spectra = random_file
    build_index(dataset)
    assert find_index(dataset) is not None
    status = dataset.ibd_path.stat()
    with dataset.ibd_path.open("r+b") as file:
        file.seek(int(dataset.intensity_offset[5]))
        file.write(np.full(500, 7, dataset.intensity_dtype).tobytes())
    os.utime(dataset.ibd_path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert dataset.ibd_path.stat().st_mtime_ns == status.st_mtime_ns
    assert find_index(dataset) is None
    spectra[5] = (spectra[5][0], np.full(500, 7.0))
    expected = added_up(dataset, spectra, 140.0, 160.0).astype(np.float32)
    np.testing.assert_array_equal(images(indexed(dataset), [150.0], 10.0)[0], expected)


def test_an_index_may_move_with_its_file_unless_that_becomes_another(
    random_file: tuple[Dataset, list[Spectrum]],
) -> None:
    dataset, _ = random_file
    build_index(dataset)
    folder = dataset.path.parent
    moved = folder.rename(folder.with_name("moved"))
    here = replace(dataset, path=moved / dataset.path.name, ibd_path=moved / dataset.ibd_path.name)
    assert find_index(here) is not None
    shutil.copytree(moved, folder)
    assert os.name == "nt" or find_index(dataset) is None  # nothing says that a copy is one; it is built anew
    assert find_index(here) is not None


def test_an_ibd_that_is_gone_is_named(random_file: tuple[Dataset, list[Spectrum]]) -> None:
    dataset, _ = random_file
    dataset.ibd_path.unlink()
    with pytest.raises(MissingFileError, match=r"expected to read .*s\.ibd"):
        build_index(dataset)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def blank(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def swap_halves(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[len(data) // 2 :] + data[: len(data) // 2])


@pytest.mark.parametrize("harm", [flip, cut, blank, swap_halves, Path.unlink])
@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_a_damaged_index_never_makes_an_image(tmp_path: Path, mode: str, harm: Callable[[Path], None]) -> None:
    random = np.random.default_rng(2)
    spectra = [(random.uniform(100, 101, 300), random.uniform(1, 2, 300)) for _ in range(16)]
    spectra = [(spectra[0][0], intensity) for _, intensity in spectra] if mode == "continuous" else spectra
    dataset = make(tmp_path, spectra, [divmod(i, 4) for i in range(16)], mode=mode)
    folder = build_index(dataset)
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    names = {path.name for path in folder.iterdir()}
    assert names >= ({"mz", "intensity", "spectrum", "position"} if mode == "processed" else {"matrix", "axis.f8"})
    for name in sorted(names - {"spectra.i8"}):  # which is read only where a part is asked for
        shutil.rmtree(folder)
        shutil.copytree(whole, folder)
        harm(folder / name)
        index = find_index(dataset)
        assert index is None or index.extract(np.array([99.0]), np.array([102.0])) is None, name
        assert find_index(dataset) is None, name
        np.testing.assert_array_equal(
            images(indexed(dataset), [100.0], 0.5)[0], added_up(dataset, spectra, 99.5, 100.5).astype(np.float32)
        )


def test_a_damaged_table_of_spectra_serves_no_part(random_file: tuple[Dataset, list[Spectrum]]) -> None:
    dataset, _ = random_file
    flip(build_index(dataset) / "spectra.i8")
    names = ("row", "col", "mz_offset", "mz_length", "intensity_offset", "intensity_length", "ascending")
    assert find_index(replace(dataset, **{name: getattr(dataset, name)[:5] for name in names})) is None


def test_a_block_outside_the_window_is_not_read(random_file: tuple[Dataset, list[Spectrum]]) -> None:
    dataset, spectra = random_file
    folder = build_index(dataset)
    data = bytearray((folder / "intensity").read_bytes())
    data[-1] ^= 1
    (folder / "intensity").write_bytes(data)
    index = find_index(dataset)
    assert index is not None
    expected = added_up(dataset, spectra, 105.0, 115.0).astype(np.float32)
    np.testing.assert_array_equal(images(index, [110.0], 5.0)[0], expected)
    assert index.extract(np.array([195.0]), np.array([205.0])) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"crc32": 0}', '{"crc32": 0, "index": []}', "[" * 60_000, '{"crc32": 1, "index": {"format": 1}}'],
)
def test_a_header_of_another_kind_is_no_index(random_file: tuple[Dataset, list[Spectrum]], text: str) -> None:
    dataset, _ = random_file
    (build_index(dataset) / "header.json").write_text(text)
    assert find_index(dataset) is None


@pytest.mark.parametrize(
    "change",
    [
        {"n_blocks": -1}, {"n_blocks": "7"}, {"n_points": 10**9}, {"n_points": None}, {"columns": [["mz", "O"]]},
        {"columns": []}, {"columns": [["../s.ibd", "<f8"]]}, {"first_mz": ""}, {"spectra": 5},
        {"spectra": "", "n_spectra": -3},
    ],
)  # fmt: skip
def test_a_header_with_other_words_opens_nothing(
    random_file: tuple[Dataset, list[Spectrum]], change: dict[str, object]
) -> None:
    dataset, _ = random_file
    path = build_index(dataset) / "header.json"
    text = json.dumps({**json.loads(path.read_text())["index"], **change}, sort_keys=True)
    path.write_text(f'{{"crc32": {zlib.crc32(text.encode())}, "index": {text}}}')
    assert find_index(dataset) is None


def test_a_spectrum_number_beyond_the_file_is_damage(tmp_path: Path) -> None:
    dataset = make(tmp_path, [([100.0], [1.0])], [(0, 0)])
    index = indexed(dataset)
    beyond = np.full_like(index.table.spectrum, 7)  # type: ignore[union-attr]
    beyond.setflags(write=False)
    forged = replace(index, table=index.table._replace(spectrum=beyond))  # type: ignore[call-arg]
    assert forged.extract(np.array([99.0]), np.array([101.0])) is None


def test_cancelling_leaves_the_folder_as_it_was(random_file: tuple[Dataset, list[Spectrum]], tmp_path: Path) -> None:
    dataset, _ = random_file
    before = sorted(tmp_path.iterdir())
    steps: list[float] = []
    with small_buckets:
        build_index(dataset, folder=tmp_path / "other", on_progress=lambda done, text: steps.append(done))
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
    shutil.rmtree(tmp_path / "other")
    for at in np.linspace(0, len(steps) - 1, 7).astype(int):
        seen: list[float] = []

        def stop(done: float, text: str, seen: list[float] = seen, at: int = int(at)) -> None:
            seen.append(done)
            if len(seen) > at and done < 1.0:
                raise Cancelled("stopped")

        with small_buckets, pytest.raises(Cancelled) if steps[at] < 1.0 else nullcontext():
            build_index(dataset, on_progress=stop)
        if steps[at] < 1.0:
            assert sorted(tmp_path.iterdir()) == before


def test_it_stands_beside_the_imzml_or_in_the_folder_named(
    random_file: tuple[Dataset, list[Spectrum]], tmp_path: Path
) -> None:
    dataset, _ = random_file
    assert build_index(dataset) == tmp_path / "s.metime-index"
    assert build_index(dataset, folder=tmp_path / "a" / "b") == tmp_path / "a" / "b" / "s.metime-index"
    assert find_index(dataset, folder=tmp_path / "a") is None
    assert find_index(dataset, folder=tmp_path / "a" / "b") is not None


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_index_is_not_replaced(
    random_file: tuple[Dataset, list[Spectrum]], tmp_path: Path, kind: str
) -> None:
    dataset, _ = random_file
    goal, notes = tmp_path / "s.metime-index", tmp_path / "notes"
    notes.mkdir()
    (notes / "mine.txt").write_text("kept")
    {
        "file": lambda: goal.write_text("kept"),
        "folder": lambda: notes.rename(goal),
        "link": lambda: goal.symlink_to(notes),
    }[kind]()
    with pytest.raises(OutputError, match="found something else; move it away"):
        build_index(dataset)
    assert goal.read_text() == "kept" if kind == "file" else (goal / "mine.txt").read_text() == "kept"


def test_a_hidden_file_of_the_file_manager_is_no_obstacle(
    random_file: tuple[Dataset, list[Spectrum]],
) -> None:
    dataset, _ = random_file
    (build_index(dataset) / ".DS_Store").touch()
    assert not (build_index(dataset) / ".DS_Store").exists()


def test_too_many_points_of_one_mz_are_refused(tmp_path: Path) -> None:
    dataset = make(tmp_path, [([100.0] * 40, [1.0] * 40), ([200.0], [1.0])], [(0, 0), (0, 1)])
    few = mock.patch.object(index_columns, "MAX_POINTS", 30)
    with small_buckets, few, pytest.raises(OutputError, match="expected at most 30 points of one m/z, found 40"):
        build_index(dataset)
    assert {path.name for path in tmp_path.iterdir()} == {"s.ibd"}


def test_a_missing_ibd_is_told_as_such(random_file: tuple[Dataset, list[Spectrum]]) -> None:
    dataset, _ = random_file
    dataset.ibd_path.unlink()
    with pytest.raises(MissingFileError, match="check that the file is still there"):
        build_index(dataset)


def test_real_files_give_the_same_bits(metime_data: Path, tmp_path: Path) -> None:
    for number, path in enumerate(sorted((metime_data / "imzml").glob("*/*.imzML"))):
        dataset = open_imzml(path)
        if dataset.n_points > 1_000_000:
            continue
        index = indexed(dataset, tmp_path / str(number))
        mz = np.linspace(*dataset.mz_range, 7)
        direct = extract_ions(dataset, mz, tolerance_da=2.0).images
        assert direct[np.isfinite(direct)].any(), path
        np.testing.assert_array_equal(images(index, mz.tolist(), 2.0), direct, err_msg=str(path))
