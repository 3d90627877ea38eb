"""Opening imzML files: what is read right, what is told, what is refused, and what the cache keeps."""

from __future__ import annotations

import gc
import hashlib
import re
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyimzml.compression import ZlibCompression
from pyimzml.ImzMLParser import ImzMLParser
from pyimzml.ImzMLWriter import ImzMLWriter

from napari_metime.errors import Cancelled, ImzMLError, MissingFileError
from napari_metime.ims import build_index, extract_ions, find_index, grid_parts, mean_spectrum, open_imzml, opening
from napari_metime.ims.blocks import read_points
from napari_metime.ims.from_recipe import open_from_recipe
from napari_metime.ims.opening import check_checksum
from napari_metime.recipe import ImsRecipe
from napari_metime.section import Dataset

MakePixel = Callable[..., Any]
AXIS = np.array([100.0, 200.0, 300.0])


def pyimzml_writer(path: Path, **options: Any) -> ImzMLWriter:
    """Make a writer while no garbage is collected: it compiles a template, and CPython 3.11 may stumble over both."""
    gc.disable()
    try:
        return ImzMLWriter(str(path), **options)
    finally:
        gc.enable()


def write(folder: Path, pixels: dict[tuple[int, ...], np.ndarray], *, mode: str = "processed") -> Path:
    """Write one spectrum a pixel with pyimzML; keys are (x, y) or (x, y, z)."""
    with pyimzml_writer(folder / "s.imzML", mode=mode, polarity="negative") as writer:
        for place, intensity in pixels.items():
            writer.addSpectrum(AXIS, intensity, place)
    return folder / "s.imzML"


@pytest.fixture
def square(tmp_path: Path) -> Path:
    return write(tmp_path, {(x, y): np.array([x, y, 1.0]) for x in (5, 6, 7) for y in (60, 61)})


def edit(path: Path, pattern: str, replacement: str, count: int = 1) -> Path:
    text = path.read_text()
    assert re.search(pattern, text), pattern
    path.write_text(re.sub(pattern, replacement, text, count=count))
    return path


def told(dataset: Dataset, start: str) -> list[str]:
    return [w for w in dataset.warnings if w.startswith(start)]


def same_as_pyimzml(path: Path, dataset: Dataset) -> None:
    """Compare places and every spectrum, to the bit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyimzML warns about misnamed terms
        parser = ImzMLParser(str(path))
    x, y, _ = np.array(parser.coordinates).T
    assert np.array_equal(dataset.row + dataset.grid.origin[0], y)
    assert np.array_equal(dataset.col + dataset.grid.origin[1], x)
    with parser:
        for i in range(dataset.n_spectra):
            for ours, theirs in zip(read_points(dataset, i), parser.getspectrum(i), strict=True):
                assert ours.tobytes() == theirs.astype(np.float64).tobytes()


# Places


@pytest.mark.parametrize("mode", ["continuous", "processed"])
def test_the_grid_starts_at_the_smallest_coordinates(tmp_path: Path, mode: str) -> None:
    dataset = open_imzml(write(tmp_path, {(7, 60): np.ones(3), (9, 61): np.ones(3)}, mode=mode))
    assert dataset.grid.shape == (2, 3)
    assert dataset.grid.origin == (60, 7)
    assert dataset.measured.tolist() == [[True, False, False], [False, False, True]]
    assert dataset.mode == mode
    assert (dataset.polarity, dataset.spectrum_type) == ("negative", "centroid")
    assert dataset.mz_range == (100.0, 300.0)
    assert dataset.n_points == 6


@pytest.mark.parametrize("origin", [(0, 0), (60, 1), (-3, -5), (1_000_000_000, -1_000_000_000)])
def test_coordinates_may_start_anywhere_and_leave_gaps(wild: Any, origin: tuple[int, int]) -> None:
    places = [(origin[0] + x, origin[1] + y) for x, y in ((0, 0), (4, 0), (2, 7))]
    path = wild(wild.pixels(places))
    dataset = open_imzml(path)
    assert (dataset.grid.shape, dataset.grid.origin) == ((8, 5), (origin[1], origin[0]))
    assert dataset.row.tolist() == [0, 0, 7]
    assert dataset.col.tolist() == [0, 4, 2]
    same_as_pyimzml(path, dataset)


def test_spectra_that_share_a_pixel_are_told(wild: Any) -> None:
    dataset = open_imzml(wild(wild.pixels([(1, 1), (2, 1), (1, 1), (1, 1)])))
    assert told(dataset, "2 spectra share a pixel")
    assert dataset.n_spectra == 4


def test_one_of_several_planes_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path, {(x, 1, z): np.full(3, 10.0 * z + x) for z in (7, 3, 5) for x in (1, 2)})
    lowest = open_imzml(path)
    assert lowest.n_spectra == 2
    assert read_points(lowest, 1)[1].tolist() == [32.0] * 3
    assert told(lowest, "The file holds 3 z planes (3, 5, 7); plane 3 was taken. Another: --plane, or ims.plane in")
    third = open_imzml(path, plane=7)
    assert read_points(third, 0)[1].tolist() == [71.0] * 3
    assert not told(third, "The file holds")
    with pytest.raises(ImzMLError, match=r"z plane of the file \(3, 5, 7\), found 1"):
        open_imzml(path, plane=1)


def test_a_missing_z_is_plane_one(wild: Any) -> None:
    path = wild(wild.pixels([(1, 1), (2, 1, 1), (1, 1, 2)]))
    assert open_imzml(path, plane=1).n_spectra == 2


def test_a_grid_that_no_section_has_is_refused(wild: Any) -> None:
    with pytest.raises(ImzMLError, match="at most 10 million pixels"):
        open_imzml(wild(wild.pixels([(1, 1), (4000, 4000)])))
    for place in ((2**61, 1), (1, -(2**61)), (2**30, 1)):
        with pytest.raises(ImzMLError, match=r"coordinates up to 2\*\*30"):
            open_imzml(wild(wild.pixels([place])))


# What the file says of itself


def test_structure_decides_the_mode_and_a_wrong_label_is_told(tmp_path: Path, square: Path) -> None:
    edit(square, 'IMS:1000031" name="processed"', 'IMS:1000030" name="continuous"')
    dataset = open_imzml(square)
    assert dataset.mode == "processed"
    assert told(dataset, "The file calls itself continuous, but")
    path = write(tmp_path, {(1, 1): np.ones(3), (2, 1): np.ones(3)}, mode="continuous")
    dataset = open_imzml(edit(path, 'IMS:1000030" name="continuous"', 'IMS:1000031" name="processed"'))
    assert dataset.mode == "continuous"
    assert told(dataset, "The file calls itself processed, but")


@pytest.mark.parametrize("shared", [True, False])
def test_a_missing_mode_is_no_matter(wild: Any, make_pixel: MakePixel, shared: bool) -> None:
    pixels = [make_pixel((x, 1), AXIS, AXIS.astype("<f4")) for x in (1, 2)]
    dataset = open_imzml(wild(pixels, shared_axis=shared, content=""))
    assert dataset.mode == ("continuous" if shared else "processed")
    assert dataset.warnings == ()


def test_what_spectra_call_themselves_goes_before_what_the_file_does(wild: Any, cv_param: Callable[..., str]) -> None:
    profile = cv_param("MS:1000128", "profile spectrum")
    dataset = open_imzml(wild(content=cv_param("MS:1000127", "centroid spectrum"), spectrum_terms=profile))
    assert dataset.spectrum_type == "profile"
    assert told(dataset, "The file calls itself centroid, but its spectra call themselves profile.")
    assert open_imzml(wild(content=profile, spectrum_terms="")).spectrum_type == "profile"
    assert open_imzml(wild(content="", spectrum_terms="")).spectrum_type == "unknown"


def test_polarity_is_unknown_or_mixed_where_it_is(wild: Any, cv_param: Callable[..., str]) -> None:
    positive, negative = cv_param("MS:1000130", "positive scan"), cv_param("MS:1000129", "negative scan")
    nothing = open_imzml(wild(spectrum_terms=""))
    assert (nothing.polarity, nothing.warnings) == ("unknown", ("The file states no polarity.",))
    pixels = [p if i else type(p)(p.place, p.mz, p.intensity, negative) for i, p in enumerate(wild.pixels())]
    mixed = open_imzml(wild(pixels, spectrum_terms=positive))
    assert mixed.polarity == "mixed"
    assert told(mixed, "The file holds positive and negative spectra.")
    assert open_imzml(wild(content=negative, spectrum_terms="")).polarity == "negative"


@pytest.mark.parametrize(
    ("stated", "size", "start"),
    [
        ("", None, "The file states no pixel size."),
        ('<cvParam accession="IMS:1000046" value="Inf"/>', None, "The file states a pixel size that cannot be used"),
        ('<cvParam accession="IMS:1000047" name="pixel size y" value="9"/>', (9.0, 9.0), ""),
    ],
)
def test_the_pixel_size_comes_with_its_warning(wild: Any, stated: str, size: Any, start: str) -> None:
    dataset = open_imzml(wild(settings=(stated,)))
    assert dataset.grid.pixel_size_um == size
    assert bool(told(dataset, start or "The file states")) == bool(start)


def test_a_polarity_that_the_recipe_states_is_not_missed(wild: Any) -> None:
    path = wild(spectrum_terms="")
    assert told(open_from_recipe(ImsRecipe(path=path)), "The file states no polarity")
    stated = open_from_recipe(ImsRecipe(path=path, polarity="positive"))
    assert (stated.polarity, stated.warnings) == ("positive", ())


def test_a_missing_pixel_size_is_refused_where_it_is_needed(square: Path) -> None:
    with pytest.raises(ImzMLError, match=r"ims\.pixel_size_um"):
        _ = open_imzml(square).grid.spacing_um


def test_the_stage_offset_reaches_the_dataset(wild: Any, cv_param: Callable[..., str]) -> None:
    stated = cv_param("IMS:1000053", "absolute position offset x", 7) + cv_param("IMS:1000054", "", 9)
    assert open_imzml(wild(settings=(stated,))).stage_offset_um == (9.0, 7.0)
    assert open_imzml(wild()).stage_offset_um is None


def test_a_wrong_uuid_is_told(square: Path) -> None:
    assert not any("UUID" in w for w in open_imzml(square).warnings)
    raw = bytearray(square.with_suffix(".ibd").read_bytes())
    raw[0] ^= 255
    square.with_suffix(".ibd").write_bytes(raw)
    assert any("UUID" in w for w in open_imzml(square).warnings)


def test_a_uuid_in_the_byte_order_of_windows_is_right(square: Path) -> None:
    raw = square.with_suffix(".ibd").read_bytes()
    square.with_suffix(".ibd").write_bytes(UUID(bytes=raw[:16]).bytes_le + raw[16:])
    assert not any("UUID" in w for w in open_imzml(square).warnings)


def test_a_missing_uuid_is_told(wild: Any) -> None:
    dataset = open_imzml(wild.edit(wild(), "IMS:1000080", "IMS:9"))
    assert told(dataset, "The .imzML states no identifier (UUID)")


@pytest.mark.parametrize(
    ("accession", "kind"), [("IMS:1000090", "md5"), ("IMS:1000091", "sha1"), ("IMS:1000092", "sha256")]
)
def test_the_checksum_is_compared_on_request(
    wild: Any, cv_param: Callable[..., str], accession: str, kind: str
) -> None:
    right = hashlib.new(kind, wild().with_suffix(".ibd").read_bytes()).hexdigest().upper()
    seen: list[float] = []
    good = open_imzml(wild(content=cv_param(accession, "", right)))
    assert check_checksum(good, on_progress=lambda done, text: seen.append(done)) is None
    assert seen[-1] == 1.0
    bad = open_imzml(wild(content=cv_param(accession, "", "0" * len(right))))
    assert (check_checksum(bad) or "").endswith("it was changed or damaged.")
    assert check_checksum(open_imzml(wild(content=""))) is None


def test_of_several_checksums_each_is_compared(wild: Any, cv_param: Callable[..., str]) -> None:
    right = hashlib.sha1(wild().with_suffix(".ibd").read_bytes()).hexdigest()
    both = cv_param("IMS:1000090", "ibd MD5", "0" * 32) + cv_param("IMS:1000091", "ibd SHA-1", right)
    told = check_checksum(open_imzml(wild(content=both)))
    assert told == "The .ibd has the SHA-1 checksum that the .imzML declares, but another MD5."


def test_the_checksums_of_real_files(metime_data: Path) -> None:
    paths = [p for p in sorted(metime_data.glob("imzml/*/*")) if p.suffix.lower() == ".imzml"]
    wrong = {p.name: check_checksum(open_imzml(p)) for p in paths}
    assert [name for name, text in wrong.items() if text] == ["Combat_40pixel.imzML"]
    assert "another MD5" in (wrong["Combat_40pixel.imzML"] or "")


def test_a_wrong_number_of_announced_spectra_is_told(wild: Any) -> None:
    dataset = open_imzml(wild.edit(wild(), 'spectrumList count="6"', 'spectrumList count="9"'))
    assert told(dataset, "The file announces 9 spectra and holds 6")


# The two files


def test_the_ibd_is_found_whatever_its_case(square: Path) -> None:
    square.with_suffix(".ibd").rename(square.with_suffix(".IBD"))
    assert open_imzml(square.rename(square.with_suffix(".imzml"))).n_spectra == 6


def test_a_missing_ibd_is_named(square: Path) -> None:
    square.with_suffix(".ibd").unlink()
    with pytest.raises(MissingFileError, match=r"expected s\.ibd beside s\.imzML, found none"):
        open_imzml(square)


def test_a_path_that_cannot_be_asked_for_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="expected"):
        open_imzml(tmp_path / ("long" * 200 + ".imzML"))


def test_an_ibd_named_in_the_xml_is_not_followed(wild: Any, cv_param: Callable[..., str], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = cv_param("IMS:1000070", "external binary uri", (other / "s.ibd").as_uri())
    path = wild(content=elsewhere)
    shutil.move(path.with_suffix(".ibd"), other / "s.ibd")
    with pytest.raises(MissingFileError, match=r"expected s\.ibd beside"):
        open_imzml(path)


@pytest.mark.parametrize("text", ["", "no xml at all", "<html></html>", "<mzML xmlns='http://psi.hupo.org/ms/mzml'>"])
def test_what_is_no_imzml_gives_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.imzML").write_text(text)
    (tmp_path / "s.ibd").write_bytes(b"x" * 16)
    with pytest.raises(ImzMLError, match=r"^expected .* found .*") as caught:
        open_imzml(tmp_path / "s.imzML")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "declared", "mark"),
    [
        ("utf-16-le", "UTF-16", b"\xff\xfe"),
        ("utf-16-be", "UTF-16", b"\xfe\xff"),
        ("utf-8", "UTF-8", b"\xef\xbb\xbf"),
        ("iso-8859-1", "ISO-8859-1", b""),
        ("iso-8859-1", "UTF-8", b""),
    ],
)
def test_files_in_other_encodings(wild: Any, encoding: str, declared: str, mark: bytes) -> None:
    path = wild()
    plain = open_imzml(path)
    text = path.read_text().replace('"UTF-8"', f'"{declared}"').replace('"mz"', '"m/z für é"')
    path.write_bytes(mark + text.encode(encoding))
    dataset = open_imzml(path)
    assert dataset.mz_offset.tolist() == plain.mz_offset.tolist()
    assert dataset.mz_dtype == np.dtype("<f8")
    assert len(dataset.warnings) == ((encoding, declared) == ("iso-8859-1", "UTF-8"))


def test_an_entity_bomb_is_refused(wild: Any) -> None:
    bomb = '<!DOCTYPE mzML [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>\n<mzML'
    with pytest.raises(ImzMLError, match="entities"):
        open_imzml(wild.edit(wild(), "<mzML", bomb))


# Arrays in the .ibd


@pytest.mark.parametrize("mz_type", ["<f4", "<f8", "<i4", "<i8", "<i2"])
@pytest.mark.parametrize("intensity_type", ["<f4", "<f8", "<i4", "<i8", "<f2"])
@pytest.mark.parametrize("encoded", [True, False])
def test_every_number_format(
    wild: Any, make_pixel: MakePixel, mz_type: str, intensity_type: str, encoded: bool
) -> None:
    mz, intensity = np.array([100, 120, 130]), np.array([1, 2, 7])
    pixels = [make_pixel((x, 1), (mz + x).astype(mz_type), (intensity * x).astype(intensity_type)) for x in (1, 2)]
    dataset = open_imzml(wild(pixels, encoded=encoded))
    assert (dataset.mz_dtype, dataset.intensity_dtype) == (np.dtype(mz_type), np.dtype(intensity_type))
    for i in (0, 1):
        assert [a.tolist() for a in read_points(dataset, i)] == [(mz + i + 1).tolist(), (intensity * (i + 1)).tolist()]
    assert dataset.warnings == ()


@pytest.mark.parametrize("compressed", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("shared", [True, False])
def test_zlib_arrays(wild: Any, make_pixel: MakePixel, compressed: tuple[bool, bool], shared: bool) -> None:
    pixels = [make_pixel((x, 1), AXIS, np.arange(3, dtype="<f4") * x) for x in (1, 2, 3)]
    dataset = open_imzml(wild(pixels, compressed=compressed, shared_axis=shared))
    assert ((dataset.mz_encoded is not None), (dataset.intensity_encoded is not None)) == compressed
    for i, pixel in enumerate(pixels):
        mz, intensity = read_points(dataset, i)
        assert mz.tolist() == pixel.mz.tolist()
        assert intensity.tolist() == pixel.intensity.tolist()
    assert dataset.mz_range == (100.0, 300.0)
    assert dataset.ascending.all()


def test_what_pyimzml_compresses_is_read(tmp_path: Path) -> None:
    zlib_both = {"mz_compression": ZlibCompression(), "intensity_compression": ZlibCompression()}
    with pyimzml_writer(tmp_path / "z.imzML", mode="processed", **zlib_both) as writer:
        for x in (1, 2):
            writer.addSpectrum(AXIS * x, AXIS / x, (x, 1))
    dataset = open_imzml(tmp_path / "z.imzML")
    assert [a.tolist() for a in read_points(dataset, 1)] == [(AXIS * 2).tolist(), (AXIS / 2).tolist()]


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        ('name="external encoded length" value="[0-9]+"', 'name="x" value="1"', "zlib"),
        ('accession="IMS:1000104" name="external encoded length"', 'accession="IMS:9"', "encoded length of each comp"),
        ("MS:1000574", "MS:1002312", "no or zlib compression"),
    ],
)
def test_a_broken_compression_is_refused(wild: Any, pattern: str, replacement: str, message: str) -> None:
    with pytest.raises(ImzMLError, match=message):
        open_imzml(wild.edit(wild(compressed=(True, True)), pattern, replacement))


def test_offsets_beyond_four_gigabytes(wild: Any) -> None:
    pixels = wild.pixels()
    path = wild(pixels, gap=5 << 30)
    try:
        dataset = open_imzml(path)
        assert dataset.mz_offset[-1] > 5 << 30
        assert read_points(dataset, 5)[0].tolist() == pixels[5].mz.tolist()
        same_as_pyimzml(path, dataset)
    finally:
        path.with_suffix(".ibd").unlink()


def test_a_precision_that_is_not_the_arrays_own_is_told(wild: Any) -> None:
    pixels = wild.pixels()
    path = wild.edit(wild(pixels), 'accession="MS:1000523" name="64-bit float"', 'accession="MS:1000521"')
    dataset = open_imzml(path)
    assert dataset.mz_dtype == np.dtype("<f8")
    assert told(dataset, "The file states 32-bit m/z values, but its arrays have 64 bits a value")
    assert read_points(dataset, 2)[0].tolist() == pixels[2].mz.tolist()


def test_a_wrong_encoded_length_does_not_outvote_where_arrays_lie(wild: Any) -> None:
    pixels = wild.pixels()
    text = wild(pixels).read_text()
    text = re.sub(
        r'(array length" value=")([0-9]+)("/>\n.*encoded length" value=")[0-9]+',
        lambda m: f"{m[1]}{m[2]}{m[3]}{int(m[2]) * 4}",
        text,
    )
    (wild.folder / "s.imzML").write_text(text)
    dataset = open_imzml(wild.folder / "s.imzML")
    assert dataset.mz_dtype == np.dtype("<f8")
    assert dataset.warnings == ()


def test_of_two_stated_precisions_the_encoded_length_decides(wild: Any) -> None:
    both = r'\g<0>\n<cvParam accession="MS:1000521" name="32-bit float"/>'
    dataset = open_imzml(wild.edit(wild(), '<cvParam [^>]*accession="MS:1000523"[^>]*>', both))
    assert dataset.mz_dtype == np.dtype("<f8")
    both = r'\g<0>\n<cvParam accession="MS:1000523" name="64-bit float"/>'
    dataset = open_imzml(wild.edit(wild(), '<cvParam [^>]*accession="MS:1000521"[^>]*>', both))
    assert dataset.intensity_dtype == np.dtype("<f4")


def test_numbers_with_exponents_are_read_and_told(wild: Any) -> None:
    pixels = wild.pixels()
    path = wild.edit(wild(pixels), 'external offset" value="([0-9])([0-9]+)"', r'external offset" value="\1.\2e+1"', 1)
    dataset = open_imzml(path)
    assert told(dataset, "The file writes offsets or lengths with exponents")
    assert read_points(dataset, 0)[0].tolist() == pixels[0].mz.tolist()


def test_a_rounded_offset_is_refused_by_its_pixel(wild: Any) -> None:
    path = wild(wild.pixels())
    offset = re.findall('external offset" value="([0-9]+)"', path.read_text())[-1]
    rounded = f"{int(offset) // 100 * 100:e}"
    with pytest.raises(ImzMLError, match="as a rounded number where no array ends, at pixel x=3, y=2"):
        open_imzml(wild.edit(path, f'external offset" value="{offset}"', f'external offset" value="{rounded}"'))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("external offset", "-8", "between 0 and 2"),
        ("external offset", str(2**70), "export it again"),
        ("external array length", str(2**61), "export it again"),
        ("external array length", "NaN", "whole number as external array length of spectrum 1"),
        ("external offset", "", "whole number as external offset of spectrum 1"),
    ],
)
def test_offsets_that_cannot_be_are_refused(square: Path, name: str, value: str, message: str) -> None:
    edit(square, f'(name="{name}" value=")[0-9]+', rf"\g<1>{value}")
    with pytest.raises(ImzMLError, match=message):
        open_imzml(square)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("IMS:1000102", "offset and length of the m/z array in the .ibd, found none in spectrum 1"),
        ("IMS:1000103", "offset and length of the m/z array"),
        ("MS:1000514", "an m/z array in each spectrum"),
        ("MS:1000515", "an intensity array in each spectrum"),
        ("MS:1000521", "floats or integers as intensity"),
        ("IMS:1000050", "position x and y of spectrum 1"),
    ],
)
def test_terms_that_are_missing_are_named(wild: Any, pattern: str, message: str) -> None:
    with pytest.raises(ImzMLError, match=message):
        open_imzml(wild.edit(wild(), f'accession="{pattern}"', 'accession="IMS:9"'))


def test_lengths_that_differ_name_the_pixel(square: Path) -> None:
    text = square.read_text()
    place = text.rindex('name="external array length" value="3"')
    square.write_text(text[:place] + text[place:].replace('value="3"', 'value="2"', 1))
    with pytest.raises(ImzMLError, match="found 3 and 2 at pixel x=7, y=61"):
        open_imzml(square)
    assert open_imzml(square, skip_broken=True).n_spectra == 5


def test_a_truncated_ibd_names_the_first_bad_pixel(square: Path) -> None:
    ibd = square.with_suffix(".ibd")
    whole = ibd.read_bytes()
    for left, place in ((len(whole) - 4, "x=7, y=61"), (20, "x=5, y=60"), (0, "x=5, y=60")):
        ibd.write_bytes(whole[:left])
        with pytest.raises(
            ImzMLError, match=rf"cut short from pixel {place} on; .* with --skip-broken, or ims\.skip_broken: true"
        ):
            open_imzml(square)


def test_the_rest_of_a_truncated_ibd_opens_on_request(wild: Any) -> None:
    pixels = wild.pixels()
    path = wild(pixels)
    with path.with_suffix(".ibd").open("r+b") as file:
        file.truncate(path.with_suffix(".ibd").stat().st_size - 1)
    dataset = open_imzml(path, skip_broken=True)
    assert dataset.n_spectra == 5
    assert told(dataset, "1 spectra are broken and were left out.")
    assert read_points(dataset, 4)[0].tolist() == pixels[4].mz.tolist()
    path.with_suffix(".ibd").write_bytes(b"x" * 16)
    with pytest.raises(ImzMLError, match="cut short from pixel x=1, y=1"):
        open_imzml(path, skip_broken=True)


def test_empty_spectra_are_pixels_without_points(wild: Any, make_pixel: MakePixel) -> None:
    pixels = wild.pixels()
    pixels[1] = make_pixel(pixels[1].place, np.empty(0), np.empty(0, "<f4"))
    path = wild(pixels)
    dataset = open_imzml(path)
    assert dataset.measured.all()
    assert read_points(dataset, 1)[0].size == 0
    same_as_pyimzml(path, dataset)
    text = path.read_text().split("<spectrum ")
    text[2] = re.sub('external offset" value="[0-9]+"', 'external offset" value="99999999"', text[2])
    path.write_text("<spectrum ".join(text))
    assert read_points(open_imzml(path), 1)[0].size == 0


def without_arrays(path: Path, numbers: Sequence[int], replacement: str) -> Path:
    """Put other words for the list of arrays of some spectra."""
    parts = path.read_text().split("<spectrum ")
    for number in numbers:
        parts[number] = re.sub("(?s)<binaryDataArrayList>.*</binaryDataArrayList>", replacement, parts[number])
    path.write_text("<spectrum ".join(parts))
    return path


@pytest.mark.parametrize("replacement", ["", '<binaryDataArrayList count="0"/>'])
@pytest.mark.parametrize("shared", [True, False])
def test_spectra_without_arrays_are_empty_and_told(
    wild: Any, make_pixel: MakePixel, replacement: str, shared: bool
) -> None:
    pixels = [make_pixel((x, 1), AXIS, AXIS.astype("<f4") * x) for x in (1, 2, 3, 4)]
    content = f'<cvParam accession="IMS:100003{0 if shared else 1}"/>'
    path = without_arrays(wild(pixels, shared_axis=shared, content=content), (1, 3), replacement)
    dataset = open_imzml(path)
    assert dataset.warnings == ("2 spectra have no arrays; they were read as empty.",)
    assert dataset.measured.all()
    image = extract_ions(dataset, np.array([200.0]), tolerance_da=1.0).images[0]
    np.testing.assert_array_equal(image, [[0.0, 400.0, 0.0, 800.0]])
    with pytest.raises(ImzMLError, match="expected an m/z array in each spectrum"):
        open_imzml(without_arrays(path, (2, 4), replacement))


def test_the_offset_of_an_empty_array_says_nothing(wild: Any, make_pixel: MakePixel) -> None:
    pixels = [make_pixel((x, 1), AXIS[: x % 3], AXIS[: x % 3].astype("<f4")) for x in (1, 2, 3)]
    path = wild(pixels)
    text = path.read_text().split("<spectrum ")
    text[3] = re.sub('external offset" value="[0-9]+"', 'external offset" value="-1"', text[3])
    path.write_text("<spectrum ".join(text))
    dataset = open_imzml(path)
    assert [read_points(dataset, i)[0].size for i in range(3)] == [1, 2, 0]
    assert dataset.warnings == ()


@pytest.mark.parametrize("mode", ["IMS:1000030", "IMS:1000031", "IMS:9"])
def test_a_file_without_points_opens_with_zeros(
    wild: Any, make_pixel: MakePixel, cv_param: Callable[..., str], mode: str
) -> None:
    pixels = [make_pixel((x, 1), AXIS[:0], AXIS[:0].astype("<f4")) for x in (1, 3)]
    dataset = open_imzml(wild(pixels, content=cv_param(mode)))
    assert dataset.warnings == ("The file holds no points; all of its spectra are empty.",)
    assert (dataset.n_points, dataset.mz_range) == (0, (0.0, 0.0))
    build_index(dataset)
    for index in (None, find_index(dataset)):
        image = extract_ions(dataset, np.array([200.0]), tolerance_da=1.0, index=index).images[0]
        np.testing.assert_array_equal(image, [[0.0, np.nan, 0.0]])
    assert mean_spectrum(dataset).mz.size == 0


@pytest.mark.parametrize("written", ["", "-1", "12.5", "NaN", str(2**70), str(2**61)])
def test_an_encoded_length_that_cannot_be_does_not_matter_unless_it_is_needed(wild: Any, written: str) -> None:
    pixels, pattern = wild.pixels(), '(external encoded length" value=")[0-9]+'
    dataset = open_imzml(wild.edit(wild(pixels), pattern, rf"\g<1>{written}", 0))
    assert read_points(dataset, 5)[0].tolist() == pixels[5].mz.tolist()
    assert dataset.warnings == ()
    with pytest.raises(ImzMLError, match="encoded length"):
        open_imzml(wild.edit(wild(pixels, compressed=(True, True)), pattern, rf"\g<1>{written}", 0))


@pytest.mark.parametrize(
    ("name", "n_told"), [("external offset", 1), ("external array length", 1), ("position x", 1), ("position y", 1)]
)
def test_of_two_numbers_of_one_kind_the_first_counts_as_in_pyimzml(wild: Any, name: str, n_told: int) -> None:
    pixels = wild.pixels()
    path = wild(pixels)
    line = f'(<cvParam [^>]*name="{name}" value=")([0-9]+)("/>)'
    same = open_imzml(wild.edit(path, line, r"\1\2\3\1\2\3", 0))
    assert same.warnings == ()
    dataset = open_imzml(wild.edit(wild(pixels), line, r"\1\2\3\g<1>7\3", 0))
    assert len(told(dataset, "Spectra state a place, an offset or a length twice")) == n_told
    assert read_points(dataset, 3)[0].tolist() == pixels[3].mz.tolist()
    same_as_pyimzml(path, dataset)


def test_intensities_that_all_lie_in_one_place_are_refused(wild: Any) -> None:
    path = wild(wild.pixels([(x, 1) for x in range(1, 301)]), gap=400 << 20)
    text = re.sub('external offset" value="[0-9]+"', 'external offset" value="16"', path.read_text())
    text = re.sub('external array length" value="[0-9]+"', 'external array length" value="50000000"', text)
    path.write_text(text)
    with pytest.raises(ImzMLError, match="arrays that overlap"):
        open_imzml(path)


def test_ion_mobilities_are_summed_over_and_told(wild: Any, cv_param: Callable[..., str]) -> None:
    mobility = cv_param("MS:1003006", "mean inverse reduced ion mobility array") + cv_param(
        "MS:1000523", "64-bit float"
    )
    pixels = wild.pixels()
    dataset = open_imzml(wild(pixels, third_array=mobility))
    assert told(dataset, "The spectra carry ion mobilities; intensities were summed over mobility.")
    assert [a.tolist() for a in read_points(dataset, 3)] == [pixels[3].mz.tolist(), pixels[3].intensity.tolist()]
    other = cv_param("MS:1000517", "signal to noise array") + cv_param("MS:1000523")
    assert told(open_imzml(wild(pixels, third_array=other)), "The spectra carry arrays beside m/z and intensity")


# m/z axes


def test_axes_that_do_not_ascend_are_known(wild: Any, make_pixel: MakePixel) -> None:
    axes = [[1, 2, 2, 3], [1, 3, 2], [5], [], [2, 1], [1, np.nan, 2], [np.nan], [1, 2, np.inf], [-3, 0, 4], [np.nan, 1]]
    pixels = [make_pixel((i + 1, 1), np.array(a, float), np.ones(len(a), "<f4")) for i, a in enumerate(axes)]
    dataset = open_imzml(wild(pixels))
    assert dataset.ascending.tolist() == [True, False, True, True, False, False, False, True, True, False]
    assert dataset.mz_range == (1.0, 5.0)
    assert told(dataset, "6 points have an impossible m/z")


@pytest.mark.parametrize("shared", [True, False])
def test_duplicate_and_falling_mz_are_read_as_they_are(wild: Any, make_pixel: MakePixel, shared: bool) -> None:
    axis = np.array([300.0, 100.0, 200.0, 200.0])
    pixels = [make_pixel((x, 1), axis, np.arange(4, dtype="<f4") + x) for x in (1, 2)]
    path = wild(pixels, shared_axis=shared)
    dataset = open_imzml(path)
    assert dataset.ascending.tolist() == [False, False]
    assert dataset.mz_range == (100.0, 300.0)
    same_as_pyimzml(path, dataset)


def overwrite_mz(path: Path, values: bytes) -> None:
    """Write over the first m/z of the file, just behind the identifier of the .ibd."""
    raw = bytearray(path.with_suffix(".ibd").read_bytes())
    raw[16 : 16 + len(values)] = values
    path.with_suffix(".ibd").write_bytes(raw)


def test_points_of_impossible_mz_are_told_and_left_out(square: Path) -> None:
    overwrite_mz(square, np.array([1e35, np.nan]).tobytes())
    dataset = open_imzml(square)
    assert dataset.mz_range == (100.0, 300.0)
    assert told(dataset, "2 points have an impossible m/z")


@pytest.mark.parametrize("filler", [b"\x00", b"\xff", b"\x7f"])
def test_an_ibd_of_anything_else_is_refused(square: Path, filler: bytes) -> None:
    ibd = square.with_suffix(".ibd")
    ibd.write_bytes(filler * ibd.stat().st_size)
    with pytest.raises(ImzMLError, match="damaged or belongs to another imzML"):
        open_imzml(square)


# Parts


def test_sections_that_lie_apart_are_parts_and_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, {(x, y): np.ones(3) for x in (1, 2, 11, 12, 13) for y in (1, 2)})
    parts = grid_parts(open_imzml(path).measured)
    assert [(p.name, p.box, p.n_pixels) for p in parts] == [("part1", (0, 0, 1, 1), 4), ("part2", (0, 10, 1, 12), 6)]
    second = open_imzml(path, part="part2")
    assert second.grid.shape == (2, 13)
    assert second.measured.sum() == 6
    assert second.ascending.shape == second.row.shape
    assert np.array_equal(second.measured, open_imzml(path, part=(0, 10, 1, 12)).measured)
    with pytest.raises(ImzMLError, match="nearest is 'part2'"):
        open_imzml(path, part="prt2")


def test_a_part_of_a_compressed_file_keeps_its_lengths(wild: Any) -> None:
    pixels = wild.pixels([(1, 1), (9, 1)])
    second = open_imzml(wild(pixels, compressed=(True, True)), part="part2")
    assert second.n_spectra == 1
    assert read_points(second, 0)[0].tolist() == pixels[1].mz.tolist()


def test_lost_lines_do_not_tear_a_section_apart() -> None:
    measured = np.ones((9, 9), dtype=bool)
    measured[4] = False
    assert len(grid_parts(measured)) == 1


# Against pyimzML


spectra = st.lists(st.tuples(st.floats(1, 1e5), st.floats(0, 2.0**100, width=32)), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.tuples(st.integers(0, 9), st.integers(0, 9)), spectra, min_size=1, max_size=5),
    st.sampled_from(["continuous", "processed", "auto"]),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([np.float32, np.float64, np.int32, np.int64]),
)
def test_random_files_read_as_by_pyimzml(
    tmp_path: Path, made: dict[tuple[int, int], list[tuple[float, float]]], mode: str, mz_type: Any, intensity_type: Any
) -> None:
    first = next(iter(made.values()))
    path = tmp_path / "r.imzML"
    with pyimzml_writer(path, mode=mode, mz_dtype=mz_type, intensity_dtype=intensity_type) as writer:
        for place, points in made.items():
            points = first if mode == "continuous" else points
            intensity = np.minimum([p[1] for p in points], 2e9)
            writer.addSpectrum(np.array([p[0] for p in points]), intensity, place)
    same_as_pyimzml(path, open_imzml(path))


def test_every_real_file_reads_as_by_pyimzml(metime_data: Path) -> None:
    paths = [p for p in sorted(metime_data.glob("imzml/*/*")) if p.suffix.lower() == ".imzml"]
    small = [p for p in paths if p.stat().st_size < 1_000_000]
    assert small
    for path in small:
        same_as_pyimzml(path, open_imzml(path))


def test_the_real_section_is_what_its_publishers_say(metime_data: Path) -> None:
    dataset = open_imzml(metime_data / "imzml" / "prostate" / "prostate_example.imzML")
    assert (dataset.n_spectra, dataset.grid.shape, dataset.grid.spacing_um) == (33_035, (163, 274), (25.0, 25.0))
    assert (dataset.mode, dataset.spectrum_type, dataset.polarity) == ("continuous", "centroid", "positive")
    assert [round(m) for m in dataset.mz_range] == [631, 1979]
    assert dataset.n_points == 33_035 * 422
    assert not dataset.ascending.any()  # 5 descents on the axis
    assert dataset.warnings == ()


# The cache


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as old enough to be kept however new they are."""
    monkeypatch.setattr(opening, "_SETTLED_NS", 0)


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every time that the XML is read, its path."""
    seen: list[Path] = []
    real = opening._read_xml

    def read(path: Path, *args: Any) -> Any:
        seen.append(path)
        return real(path, *args)

    monkeypatch.setattr(opening, "_read_xml", read)
    return seen


def same_dataset(one: Dataset, other: Dataset) -> None:
    for f in fields(Dataset):
        a, b = getattr(one, f.name), getattr(other, f.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, f.name
            assert a.tobytes() == b.tobytes(), f.name
        else:
            assert a == b, f.name
            assert type(a) is type(b), f.name


@pytest.mark.parametrize("compressed", [(False, False), (True, True)])
def test_opening_again_reads_no_xml_and_gives_the_same(
    wild: Any, settled: None, parses: list[Path], compressed: tuple[bool, bool]
) -> None:
    path = wild(compressed=compressed, settings=("",))
    first, second = open_imzml(path), open_imzml(path)
    assert len(parses) == 1
    same_dataset(first, second)
    assert open_imzml(path, use_cache=False).warnings == first.warnings
    assert len(parses) == 2


def test_planes_and_broken_spectra_are_kept_apart(tmp_path: Path, settled: None, parses: list[Path]) -> None:
    path = write(tmp_path, {(1, 1, z): np.full(3, float(z)) for z in (1, 2)})
    for _ in range(2):
        assert [read_points(open_imzml(path, plane=z), 0)[1][0] for z in (1, 2)] == [1.0, 2.0]
        open_imzml(path, plane=1, skip_broken=True)
    assert len(parses) == 3


def test_a_file_that_changed_is_read_again(wild: Any, settled: None, parses: list[Path]) -> None:
    path = wild()
    open_imzml(path)
    path.write_text(path.read_text().replace("positive scan", "positive SCAN"))
    assert open_imzml(path).n_spectra == 6
    path.with_suffix(".ibd").touch()
    assert open_imzml(path).n_spectra == 6
    assert len(parses) == 3


def test_a_file_that_was_only_just_written_is_not_kept(
    wild: Any, parses: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_SETTLED_NS", 60 * 10**9)
    path = wild()
    for _ in range(2):
        open_imzml(path)
    assert len(parses) == 2


def test_a_damaged_cache_counts_as_none(wild: Any, settled: None, parses: list[Path], user_cache: Path) -> None:
    path = wild()
    first = open_imzml(path)
    for file in (user_cache / "napari-metime" / "datasets").iterdir():
        raw = bytearray(file.read_bytes())
        raw[-1] ^= 1
        file.write_bytes(raw)
    same_dataset(open_imzml(path), first)
    assert len(parses) == 2


def test_opening_can_be_cancelled(square: Path) -> None:
    def cancel(done: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        open_imzml(square, on_progress=cancel)


def test_progress_rises_to_one(square: Path) -> None:
    seen: list[float] = []
    open_imzml(square, use_cache=False, on_progress=lambda done, text: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_dataset_costs_at_most_64_bytes_a_pixel(wild: Any) -> None:
    places = [(x, y) for y in range(40) for x in range(50)]
    dataset = open_imzml(wild(wild.pixels(places), compressed=(True, True)))
    arrays = [a for a in (getattr(dataset, f.name) for f in fields(Dataset)) if isinstance(a, np.ndarray)]
    n_bytes = {a.ctypes.data: a.nbytes for a in arrays}
    assert all(a.flags.c_contiguous for a in arrays)  # none is a view of a larger one
    assert sum(n_bytes.values()) <= 64 * dataset.n_spectra
