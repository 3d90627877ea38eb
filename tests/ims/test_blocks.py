"""The one way to walk a file: every value as written, in order, in bounded memory."""

from __future__ import annotations

import os
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest

from napari_metime.errors import Cancelled, ImzMLError, MissingFileError
from napari_metime.ims import blocks
from napari_metime.ims.blocks import Block, load_at, map_blocks, pixel_order, read_points
from napari_metime.section import Dataset

MakeDataset = Callable[..., Dataset]
AXIS = [100.0, 300.5, 200.25]
SPECTRA = [((0, 0), AXIS, [1.0, -2.0, 3.0]), ((0, 1), [7.0], [4.0]), ((1, 0), [], []), ((1, 1), AXIS, [5.0, 6.0, 7.0])]
SAME_LENGTH = [((0, i), AXIS, [i, i + 1.0, i + 2.0]) for i in range(5)]


@numba.njit
def copy_block(block, mz, intensity):  # type: ignore[no-untyped-def]
    n = 0
    for i in range(block.length.size):
        for k in range(block.length[i]):
            mz[n] = load_at(block.raw, block.mz_offset[i], k, block.mz_like)
            intensity[n] = load_at(block.raw, block.intensity_offset[i], k, block.intensity_like)
            n += 1


def points_of(block: Block) -> np.ndarray:
    points = np.empty((2, int(block.length.sum())))
    copy_block(block, *points)
    return points


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("mz_dtype", "intensity_dtype"), [("<f8", "<f4"), ("<f4", "<f8"), ("<f8", "<i4"), ("<f4", "<i8")]
)
@pytest.mark.parametrize(("mode", "spectra"), [("processed", SPECTRA), ("continuous", SAME_LENGTH)])
def test_every_value_is_read_as_written_at_any_alignment(
    make_dataset: MakeDataset, mode: str, spectra: list, mz_dtype: str, intensity_dtype: str, compressed: bool
) -> None:
    dataset = make_dataset(
        spectra, mode=mode, mz_dtype=mz_dtype, intensity_dtype=intensity_dtype, compressed=compressed, first_byte=17
    )
    mz, intensity = np.concatenate(list(map_blocks(dataset, points_of, max_points=4)), axis=1)
    assert mz.tolist() == [m for _, axis, _ in spectra for m in axis]
    assert intensity.tolist() == [v for _, _, values in spectra for v in values]
    for number, (_, axis, values) in enumerate(spectra):
        found = read_points(dataset, number)
        assert [a.dtype for a in found] == [np.float64, np.float64]
        assert [a.tolist() for a in found] == [axis, values]


def test_blocks_come_in_order_and_hold_every_spectrum_once(make_dataset: MakeDataset) -> None:
    random = np.random.default_rng(0)
    spectra = [((0, i), np.arange(n) + 1.0, np.ones(n)) for i, n in enumerate(random.integers(0, 9, 200))]
    found = list(map_blocks(make_dataset(spectra), lambda block: block, max_points=20))
    assert np.concatenate([block.spectrum for block in found]).tolist() == list(range(200))
    assert [block.first for block in found] == [0, *(block.stop for block in found[:-1])]
    assert max(int(block.length.sum()) for block in found) == 20
    assert len(found) > 10


def test_the_spectra_of_a_pixel_are_never_cut_apart(make_dataset: MakeDataset) -> None:
    columns = [0, 1, 1, 1, 1, 2, 2, 3]
    dataset = make_dataset([((0, c), [1.0, 2.0], [1.0, 1.0]) for c in columns])
    found = list(map_blocks(dataset, lambda block: block.pixel.tolist(), max_points=4))
    assert found == [[0], [1, 1, 1, 1], [2, 2], [3]]


def test_the_order_of_pixels_keeps_the_order_of_the_file_within_each(make_dataset: MakeDataset) -> None:
    columns = [2, 0, 1, 0, 2]
    dataset = make_dataset([((0, c), [1.0], [1.0]) for c in columns])
    order, chosen = pixel_order(dataset), pixel_order(dataset, np.array([[True, False, True]]))
    assert order is not None
    assert order.tolist() == [1, 3, 2, 0, 4]
    assert chosen is not None
    assert chosen.tolist() == [1, 3, 0, 4]
    alone = make_dataset([((0, c), [1.0], [1.0]) for c in (2, 0, 1)])
    assert pixel_order(alone) is None
    assert np.array_equal(pixel_order(alone, np.array([[True, False, True]])), [0, 1])


def test_chosen_spectra_are_read_in_the_order_asked_for(make_dataset: MakeDataset) -> None:
    dataset = make_dataset([((0, i), [1.0], [float(i)]) for i in range(6)])
    wanted = np.array([4, 0, 5])
    found = list(
        map_blocks(dataset, lambda block: (block.spectrum[0], points_of(block)[1, 0]), spectra=wanted, max_points=1)
    )
    assert found == [(4, 4.0), (0, 0.0), (5, 5.0)]
    assert list(map_blocks(dataset, points_of, spectra=np.empty(0, dtype=np.int64))) == []


def test_a_recalibrated_spectrum_carries_its_scale(make_dataset: MakeDataset) -> None:
    spectra = [((0, i), [1.0], [1.0]) for i in range(3)]
    scales = [
        list(map_blocks(make_dataset(spectra, mz_scale=s), lambda b: b.mz_scale.tolist())) for s in (None, [1, 2, 3])
    ]
    assert scales == [[[1.0, 1.0, 1.0]], [[1.0, 2.0, 3.0]]]


def test_progress_rises_to_one_and_can_stop_the_pass(make_dataset: MakeDataset) -> None:
    dataset = make_dataset([((0, i), [1.0], [1.0]) for i in range(50)])
    told: list[float] = []
    list(map_blocks(dataset, lambda block: None, max_points=1, on_progress=lambda done, text: told.append(done)))
    assert told == sorted(told)
    assert len(told) == 50
    assert told[-1] == 1.0
    begun: list[int] = []

    def stop(done: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        list(map_blocks(dataset, lambda block: begun.append(block.first), max_points=1, on_progress=stop))
    assert len(begun) < 50


def test_an_error_in_a_thread_reaches_the_caller(make_dataset: MakeDataset) -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_blocks(make_dataset(SPECTRA), lambda block: 1 // 0))


def test_a_file_that_changed_since_it_was_opened_is_refused(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(SPECTRA)
    with dataset.ibd_path.open("ab") as file:
        file.write(b"x")
    with pytest.raises(ImzMLError, match="found it changed; open it again"):
        list(map_blocks(dataset, points_of))
    dataset.ibd_path.unlink()
    with pytest.raises(MissingFileError, match="check that the file is still there"):
        list(map_blocks(dataset, points_of))


@pytest.mark.parametrize("name", ["mz", "intensity"])
@pytest.mark.parametrize("offset", [-8, 1 << 40, (1 << 62) + 3])
@pytest.mark.parametrize("dtypes", [("<f8", "<f4"), ("<f8", "<i4")])
def test_nothing_is_read_beyond_the_end_of_the_file(
    make_dataset: MakeDataset, name: str, offset: int, dtypes: tuple[str, str]
) -> None:
    dataset = make_dataset(SPECTRA, mz_dtype=dtypes[0], intensity_dtype=dtypes[1])
    moved = getattr(dataset, f"{name}_offset").copy()
    moved[3] = offset
    with pytest.raises(ImzMLError, match="found some beyond its end"):
        list(map_blocks(replace(dataset, **{f"{name}_offset": moved}), points_of))


def test_a_length_that_overflows_is_refused(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make_dataset(SPECTRA)
    monkeypatch.setattr(blocks, "MAX_PIXEL_POINTS", 1 << 62)
    length = dataset.intensity_length.copy()
    length[0] = 1 << 61  # times 8 bytes is 0 in 64 bits
    with pytest.raises(ImzMLError, match="found some beyond its end"):
        list(map_blocks(replace(dataset, mz_length=length, intensity_length=length), points_of))


def test_more_points_in_a_pixel_than_memory_should_bear_are_refused(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MAX_PIXEL_POINTS", 4)
    dataset = make_dataset([((0, 0), AXIS, [1.0, 2.0, 3.0])] * 2)
    with pytest.raises(ImzMLError, match="expected at most 4 points in a pixel"):
        list(map_blocks(dataset, points_of))


@pytest.mark.parametrize(("length", "found"), [(2, "more"), (4, "12")])
def test_a_compressed_array_of_another_length_is_refused(make_dataset: MakeDataset, length: int, found: str) -> None:
    dataset = make_dataset([((0, 2), [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])], compressed=True, mz_dtype="<f4")
    lengths = np.array([length])
    with pytest.raises(ImzMLError, match=rf"pixel x=3, y=1, found {found}"):
        list(map_blocks(replace(dataset, mz_length=lengths, intensity_length=lengths), points_of))


def test_a_damaged_compressed_array_is_named(make_dataset: MakeDataset) -> None:
    dataset = make_dataset([((0, 0), [1.0], [1.0]), ((0, 1), [2.0], [2.0])], compressed=True)
    raw = bytearray(dataset.ibd_path.read_bytes())
    raw[dataset.mz_offset[1]] ^= 0xFF
    dataset.ibd_path.write_bytes(raw)
    dataset = replace(dataset, ibd_stamp=blocks.file_stamp(dataset.ibd_path.stat()))
    with pytest.raises(ImzMLError, match="expected a zlib array at pixel x=2, y=1"):
        list(map_blocks(dataset, points_of))


def test_a_small_compressed_array_cannot_fill_the_memory(make_dataset: MakeDataset) -> None:
    n_points = 1 << 22
    dataset = make_dataset([((0, 0), np.ones(n_points), np.ones(n_points))], compressed=True)
    declared = replace(dataset, mz_length=np.array([2]), intensity_length=np.array([2]))
    tracemalloc.start()
    with pytest.raises(ImzMLError, match="found more"):
        list(map_blocks(declared, points_of))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < n_points


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_pass_over_a_large_file_does_not_keep_it_in_memory(make_dataset: MakeDataset) -> None:
    n_points, n_spectra = 100_000, 640
    dataset = make_dataset([((0, 0), np.arange(1.0, n_points + 1), np.ones(n_points))], mode="continuous")
    os.truncate(dataset.ibd_path, dataset.ibd_path.stat().st_size + 4 * n_points * n_spectra)  # a hole of 256 MB
    number = np.arange(n_spectra)
    large = replace(
        dataset,
        row=number.astype(np.int32),
        col=np.zeros(n_spectra, np.int32),
        grid=replace(dataset.grid, shape=(n_spectra, 1)),
        mz_offset=np.full(n_spectra, dataset.mz_offset[0]),
        mz_length=np.full(n_spectra, n_points),
        intensity_offset=dataset.intensity_offset[0] + 4 * n_points * number,
        intensity_length=np.full(n_spectra, n_points),
        ascending=np.ones(n_spectra, bool),
        ibd_stamp=blocks.file_stamp(dataset.ibd_path.stat()),
    )
    before = mapped_bytes()
    found = list(map_blocks(large, lambda block: (points_of(block)[1].sum(), mapped_bytes()), max_points=10 * n_points))
    assert sum(total for total, _ in found) == n_points
    assert max(mapped for _, mapped in found) - before < 100e6


def mapped_bytes() -> int:
    """Bytes of mapped files that are in this process's memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssFile:")[1].split()[0]) * 1024
