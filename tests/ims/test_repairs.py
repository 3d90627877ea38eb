"""What writers get wrong: put right where the files prove it, left or refused where they do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_metime.errors import ImzMLError
from napari_metime.ims import open_imzml, repairs, scanning, terms
from napari_metime.ims.blocks import read_points
from napari_metime.ims.repairs import lay_out_repaired
from napari_metime.ims.scanning import Scan

AXIS = np.array([100.0, 200.0, 300.0])
TOLD_WRAP = "The offsets were kept in 32 bits, too few for this .ibd; what they lost was added."
TOLD_RAW = "The file calls arrays compressed that are not; they were read as they are."
OFFSET = '(external offset" value=")(-?[0-9]+)'


def sparse(path: Path, gap: int) -> Path:
    """Move each spectrum of a small file ``gap`` bytes on from the one before: holes, which take no room."""
    raw, text = path.with_suffix(".ibd").read_bytes(), path.read_text().split("<spectrum ")
    with path.with_suffix(".ibd").open("wb") as file:
        file.write(raw[:16])
        for i, part in enumerate(text[1:]):
            fields = [int(n) for n in re.findall('external [a-z ]*(?:offset|encoded length)" value="([0-9]+)', part)]
            for offset, size in zip(fields[::2], fields[1::2], strict=True):
                file.seek(offset + i * gap)
                file.write(raw[offset : offset + size])
            text[i + 1] = re.sub(OFFSET, lambda m, i=i: f"{m[1]}{int(m[2]) + i * gap}", part)
    path.write_text("<spectrum ".join(text))
    return path


def wrap(path: Path) -> Path:
    """Keep the offsets in 32 bits with a sign."""

    def cut(found: re.Match[str]) -> str:
        value = int(found[2]) % 2**32
        return f"{found[1]}{value - 2**32 if value >= 2**31 else value}"

    path.write_text(re.sub(OFFSET, cut, path.read_text()))
    return path


@pytest.fixture
def large(wild: Any) -> Iterator[Callable[..., Path]]:
    """Make a file of 12 spectra with holes between them."""
    paths = []

    def make(gap: int, **options: Any) -> Path:
        pixels = wild.pixels([(x, y) for y in (1, 2) for x in range(1, 7)])
        if options.get("shared_axis"):
            pixels = [type(p)(p.place, AXIS, (AXIS * i).astype("<f4")) for i, p in enumerate(pixels)]
        paths.append(sparse(wild(pixels, **options), gap))
        return paths[-1]

    yield make
    for path in paths:
        path.with_suffix(".ibd").unlink()


@pytest.mark.parametrize("gap", [1 << 30, 300 << 20])
@pytest.mark.parametrize("options", [{}, {"compressed": (False, True)}, {"shared_axis": True}])
def test_offsets_that_wrapped_at_32_bits_are_unwrapped(
    large: Callable[..., Path], gap: int, options: dict[str, Any]
) -> None:
    path = large(gap, **options)
    true = open_imzml(path)
    wrapped = open_imzml(wrap(path))
    assert true.warnings == ()
    assert wrapped.warnings == (TOLD_WRAP,)
    assert wrapped.mz_offset.tolist() == true.mz_offset.tolist()
    assert wrapped.intensity_offset.tolist() == true.intensity_offset.tolist()
    assert read_points(wrapped, 11)[0].tolist() == read_points(true, 11)[0].tolist()


@pytest.mark.parametrize("signed", [True, False])
def test_offsets_of_a_full_ibd_are_unwrapped_with_and_without_a_sign(signed: bool) -> None:
    length = 100_000_000  # 1.2 GB a spectrum
    mz = 16 + np.arange(12) * length * 12
    written = np.stack([mz, mz + length * 8], axis=1) % 2**32
    written = np.where(signed & (written >= 2**31), written - 2**32, written)
    number, flag = np.zeros((12, scanning.N_NUMBERS), np.int64), np.zeros((12, scanning.N_FLAGS), np.uint16)
    number[:, [terms.OFFSET, terms.OFFSET + 3]] = written
    number[:, [terms.LENGTH, terms.LENGTH + 3]] = length
    flag[:, scanning.FOUND], flag[:, scanning.ROLES] = 0b11011011, terms.MZ | terms.INTENSITY
    flag[:, scanning.MZ_FORMAT], flag[:, scanning.INTENSITY_FORMAT] = terms.FLOAT64, terms.FLOAT32
    size = 16 + 12 * length * 12
    layout = lay_out_repaired(Scan(number, flag), "s.imzML", Path("s.ibd"), size)
    assert layout.warnings == (TOLD_WRAP,)
    assert layout.mz.offset.tolist() == mz.tolist()
    assert int(layout.intensity.end[-1]) == size


@pytest.mark.parametrize("spectrum", [2, 6, 12])
@pytest.mark.parametrize("which", [0, 1])
def test_a_stray_negative_offset_is_refused_however_large_the_ibd(
    large: Callable[..., Path], spectrum: int, which: int
) -> None:
    path = large(1 << 30)
    parts = path.read_text().split("<spectrum ")
    found = list(re.finditer(OFFSET, parts[spectrum]))[which]
    parts[spectrum] = parts[spectrum][: found.start(2)] + "-5" + parts[spectrum][found.end(2) :]
    path.write_text("<spectrum ".join(parts))
    with pytest.raises(ImzMLError, match=rf"between 0 and 2\*\*50 in s.imzML, found -5 in spectrum {spectrum} "):
        open_imzml(path)


def test_wrapped_offsets_of_an_ibd_that_is_too_short_are_refused(large: Callable[..., Path]) -> None:
    path = wrap(large(1 << 30))
    with path.with_suffix(".ibd").open("r+b") as file:
        file.truncate(11 << 30)
    with pytest.raises(ImzMLError, match="between 0 and"):
        open_imzml(path)


def test_spectra_that_lie_in_another_order_are_no_wrapped_ones(large: Callable[..., Path]) -> None:
    path = large(1 << 30)
    head, *parts = path.read_text().split("<spectrum ")
    last, _, tail = parts[-1].partition("</spectrum>\n")
    parts[-1] = last + "</spectrum>\n"
    path.write_text("<spectrum ".join([head, *parts[6:], *parts[:6]]) + tail)
    dataset = open_imzml(path)
    assert dataset.warnings == ()
    assert dataset.mz_offset[6] == 16


# Compression


@pytest.mark.parametrize("which", [(True, False), (False, True), (True, True)])
def test_arrays_that_only_call_themselves_compressed_are_read_raw(wild: Any, which: tuple[bool, bool]) -> None:
    pixels = wild.pixels()
    path = wild(pixels, compressed=(False, False))
    for group, false in zip(("mz", "int"), which, strict=True):
        if false:
            wild.edit(path, f'(?s)(<referenceableParamGroup id="{group}">.*?)MS:1000576', r"\1MS:1000574")
    dataset = open_imzml(path)
    assert dataset.warnings[-1] == TOLD_RAW
    assert (dataset.mz_encoded, dataset.intensity_encoded) == (None, None)
    for i, pixel in enumerate(pixels):
        mz, intensity = read_points(dataset, i)
        assert (mz.tolist(), intensity.tolist()) == (pixel.mz.tolist(), pixel.intensity.tolist())


def test_zlib_beside_no_compression_is_decided_by_the_bytes(wild: Any) -> None:
    both = '<cvParam accession="MS:1000574"/><cvParam accession="MS:1000576"/>'
    pixels = wild.pixels()
    for compressed in (False, True):
        path = wild.edit(wild(pixels, compressed=(compressed,) * 2), '<cvParam [^>]*"MS:100057[46]"[^>]*>', both)
        dataset = open_imzml(path)
        assert dataset.warnings == (() if compressed else (TOLD_RAW,))
        assert read_points(dataset, 4)[0].tolist() == pixels[4].mz.tolist()


# Coordinates


@pytest.mark.parametrize(
    ("step", "origin"), [((10_000, 10_000), (0, 0)), ((2000, 2500), (7, 3)), ((5_000_000, 1), (5, 5))]
)
def test_a_step_of_a_grid_that_would_be_too_large_is_divided_out(
    wild: Any, step: tuple[int, int], origin: tuple[int, int]
) -> None:
    places = [(x, y) for y in range(3) for x in range(4)]
    stepped = [(origin[0] + x * step[0], origin[1] + y * step[1]) for x, y in places]
    dataset = open_imzml(wild(wild.pixels(stepped)))
    assert dataset.grid.shape == (3, 4)
    assert dataset.grid.origin == (origin[1] // step[1], origin[0] // step[0])
    assert list(zip(dataset.col.tolist(), dataset.row.tolist(), strict=True)) == places
    told = f"The coordinates go in steps of {step[0]:,} in x and {step[1]:,} in y; they were divided by these."
    assert dataset.warnings == (told,)


def test_a_step_of_a_grid_that_is_too_large_is_divided_out_however_filled(wild: Any) -> None:
    pixels = wild.pixels([(x * 4, y * 4) for y in range(100) for x in range(100)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repairs, "MAX_GRID_PIXELS", 100_000)
        dataset = open_imzml(wild(pixels))
    assert dataset.grid.shape == (100, 100)
    assert dataset.measured.all()


@pytest.mark.parametrize(
    "places",
    [
        [(2 * x, 2 * y) for y in range(4) for x in range(5)],  # every second pixel was acquired
        [(50 * x, 50 * y) for y in range(20) for x in range(20)],
        [(1000 * (x // 3) + x % 3, y) for y in range(4) for x in range(6)],  # two sections far apart
    ],
)
def test_coordinates_of_other_grids_stay_as_they_are(wild: Any, places: list[tuple[int, int]]) -> None:
    dataset = open_imzml(wild(wild.pixels(places)))
    x, y = np.array(places).T
    assert (dataset.col + dataset.grid.origin[1]).tolist() == x.tolist()
    assert (dataset.row + dataset.grid.origin[0]).tolist() == y.tolist()
    assert not any("steps" in text for text in dataset.warnings)
