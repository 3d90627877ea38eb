"""Opening imzML files: what is read right, what is told, what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pyimzml.compression import ZlibCompression
from pyimzml.ImzMLWriter import ImzMLWriter

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.ims import grid_parts, open_imzml

AXIS = np.array([100.0, 200.0, 300.0])


def write(folder: Path, pixels: dict[tuple[int, int], np.ndarray], *, mode: str = "processed") -> Path:
    """Write one spectrum a pixel with pyimzML; keys are (x, y)."""
    with ImzMLWriter(str(folder / "s.imzML"), mode=mode, polarity="negative") as writer:
        for (x, y), intensity in pixels.items():
            writer.addSpectrum(AXIS, intensity, (x, y))
    return folder / "s.imzML"


@pytest.fixture
def square(tmp_path: Path) -> Path:
    return write(tmp_path, {(x, y): np.array([x, y, 1.0]) for x in (5, 6, 7) for y in (60, 61)})


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


def edit(path: Path, pattern: str, replacement: str) -> Path:
    text = path.read_text()
    assert re.search(pattern, text)
    path.write_text(re.sub(pattern, replacement, text, count=1))
    return path


def with_pixel_size(path: Path, x: str, y: str, unit: str = "UO:0000017") -> Path:
    sizes = "".join(
        f'<cvParam cvRef="IMS" accession="IMS:100004{n}" name="pixel size" value="{v}" unitAccession="{unit}"/>'
        for n, v in ((6, x), (7, y))
    )
    return edit(path, "(<scanSettings [^>]*>)", r"\1" + sizes)


@pytest.mark.parametrize(
    ("x", "y", "unit", "expected"),
    [
        ("25", "50", "UO:0000017", (50.0, 25.0)),
        ("4406.25", "4406.25", "UO:0000018", (4.40625, 4.40625)),
        ("0.1", "0.1", "UO:0000016", (100.0, 100.0)),
        ("1", "inf", "UO:0000017", None),
        ("0", "0", "UO:0000017", None),
        ("x", "y", "UO:0000017", None),
    ],
)
def test_the_pixel_size_is_y_then_x_in_um(square: Path, x: str, y: str, unit: str, expected: object) -> None:
    assert open_imzml(with_pixel_size(square, x, y, unit)).grid.pixel_size_um == expected


def test_a_missing_pixel_size_is_told_and_refused_where_it_is_needed(square: Path) -> None:
    dataset = open_imzml(square)
    assert "The file states no pixel size." in dataset.warnings
    with pytest.raises(ImzMLError, match=r"ims\.pixel_size_um"):
        _ = dataset.grid.spacing_um


def test_structure_decides_the_mode_and_a_wrong_label_is_told(square: Path) -> None:
    edit(square, 'IMS:1000031" name="processed"', 'IMS:1000030" name="continuous"')
    dataset = open_imzml(square)
    assert dataset.mode == "processed"
    assert any("calls itself continuous" in w for w in dataset.warnings)


def test_a_wrong_uuid_is_told(square: Path) -> None:
    raw = bytearray(square.with_suffix(".ibd").read_bytes())
    raw[0] ^= 255
    square.with_suffix(".ibd").write_bytes(raw)
    assert any("UUID" in w for w in open_imzml(square).warnings)


def test_the_ibd_is_found_whatever_its_case(square: Path) -> None:
    square.with_suffix(".ibd").rename(square.with_suffix(".IBD"))
    assert open_imzml(square).n_spectra == 6


def test_a_missing_ibd_is_named(square: Path) -> None:
    square.with_suffix(".ibd").unlink()
    with pytest.raises(MissingFileError, match=r"expected s\.ibd beside s\.imzML, found none"):
        open_imzml(square)


def test_a_truncated_ibd_names_the_first_bad_pixel(square: Path) -> None:
    ibd = square.with_suffix(".ibd")
    whole = ibd.read_bytes()
    for left, place in ((len(whole) - 4, "x=7, y=61"), (20, "x=5, y=60")):
        ibd.write_bytes(whole[:left])
        with pytest.raises(ImzMLError, match=f"cut short from pixel {place}"):
            open_imzml(square)


@pytest.mark.parametrize("text", ["", "no xml at all", "<html></html>", "<mzML xmlns='http://psi.hupo.org/ms/mzml'>"])
def test_what_is_no_imzml_gives_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.imzML").write_text(text)
    (tmp_path / "s.ibd").write_bytes(b"x" * 16)
    with pytest.raises(ImzMLError, match=r"^expected .* found .*") as caught:
        open_imzml(tmp_path / "s.imzML")
    assert "\n" not in str(caught.value)


def test_spectra_that_share_a_pixel_are_told(tmp_path: Path) -> None:
    with ImzMLWriter(str(tmp_path / "s.imzML"), mode="processed") as writer:
        for value in (1.0, 2.0):
            writer.addSpectrum(AXIS, np.full(3, value), (1, 1))
    assert any(w.startswith("1 spectra share a pixel") for w in open_imzml(tmp_path / "s.imzML").warnings)


def test_sections_that_lie_apart_are_parts_and_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, {(x, y): np.ones(3) for x in (1, 2, 11, 12, 13) for y in (1, 2)})
    parts = grid_parts(open_imzml(path).measured)
    assert [(p.name, p.box, p.n_pixels) for p in parts] == [("part1", (0, 0, 1, 1), 4), ("part2", (0, 10, 1, 12), 6)]
    second = open_imzml(path, part="part2")
    assert second.grid.shape == (2, 13)
    assert second.measured.sum() == 6
    assert np.array_equal(second.measured, open_imzml(path, part=(0, 10, 1, 12)).measured)
    with pytest.raises(ImzMLError, match="nearest is 'part2'"):
        open_imzml(path, part="prt2")


def test_lost_lines_do_not_tear_a_section_apart() -> None:
    measured = np.ones((9, 9), dtype=bool)
    measured[4] = False
    assert len(grid_parts(measured)) == 1


def test_what_this_version_cannot_read_is_refused_in_words(tmp_path: Path) -> None:
    with ImzMLWriter(str(tmp_path / "z.imzML"), intensity_compression=ZlibCompression()) as writer:
        writer.addSpectrum(AXIS, np.ones(3), (1, 1))
    with pytest.raises(ImzMLError, match="found zlib compression"):
        open_imzml(tmp_path / "z.imzML")
    with ImzMLWriter(str(tmp_path / "p.imzML")) as writer:
        for z in (1, 2):
            writer.addSpectrum(AXIS, np.ones(3), (1, 1, z))
    with pytest.raises(ImzMLError, match="expected one z plane"):
        open_imzml(tmp_path / "p.imzML")


def test_lengths_that_differ_name_the_pixel(square: Path) -> None:
    text = square.read_text()
    place = text.rindex('name="external array length" value="3"')
    square.write_text(text[:place] + text[place:].replace('value="3"', 'value="2"', 1))
    with pytest.raises(ImzMLError, match="found 3 and 2 at pixel x=7, y=61"):
        open_imzml(square)


@pytest.mark.parametrize(
    ("name", "value"),
    [("external offset", "-8"), ("external offset", str(2**70)), ("external array length", str(2**61))],
)
def test_offsets_that_cannot_be_are_refused(square: Path, name: str, value: str) -> None:
    edit(square, f'(name="{name}" value=")[0-9]+', rf"\g<1>{value}")
    with pytest.raises(ImzMLError, match="export it again"):
        open_imzml(square)


def overwrite_mz(path: Path, values: bytes) -> None:
    """Write over the first m/z of the file, just behind the identifier of the .ibd."""
    raw = bytearray(path.with_suffix(".ibd").read_bytes())
    raw[16 : 16 + len(values)] = values
    path.with_suffix(".ibd").write_bytes(raw)


def test_points_of_impossible_mz_are_told_and_left_out(square: Path) -> None:
    overwrite_mz(square, np.array([1e35, np.nan]).tobytes())
    dataset = open_imzml(square)
    assert dataset.mz_range == (100.0, 300.0)
    assert any(w.startswith("2 points have an impossible m/z") for w in dataset.warnings)


@pytest.mark.parametrize("filler", [b"\x00", b"\xff", b"\x7f"])
def test_an_ibd_of_anything_else_is_refused(square: Path, filler: bytes) -> None:
    ibd = square.with_suffix(".ibd")
    ibd.write_bytes(filler * ibd.stat().st_size)
    with pytest.raises(ImzMLError, match="damaged or belongs to another imzML"):
        open_imzml(square)
