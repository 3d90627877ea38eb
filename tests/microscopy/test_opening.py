"""What is recognised in an image, and the pixels that come out of it: those that were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from napari_metime.errors import MicroscopyError, MissingFileError
from napari_metime.microscopy import MicroscopyImage, channel_index, open_microscopy, units_per_pixel

TILED = {"tile": (32, 48)}
STORED: dict[str, dict[str, Any]] = {
    "one strip": {},
    "strips": {"rowsperstrip": 7},
    "zlib strips": {"rowsperstrip": 7, "compression": "zlib"},
    "tiles": TILED,
    "lzw tiles": {**TILED, "compression": "lzw", "predictor": 2},
    "deflate tiles": {**TILED, "compression": "deflate"},
    "big endian": {"byteorder": ">", "rowsperstrip": 7},
    "big endian tiles": {"byteorder": ">", **TILED, "compression": "zlib"},
}


def numbers(*shape: int, dtype: str = "uint16") -> NDArray[Any]:
    """All numbers of an image differ, but for wrapping around."""
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def halves(values: NDArray[Any]) -> NDArray[Any]:
    """Every second row and column of the last two axes."""
    return values[..., ::2, ::2]


@pytest.mark.parametrize("how", STORED)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_channels_come_back_as_they_were_written(tmp_path: Path, how: str, dtype: str) -> None:
    written = numbers(3, 101, 130, dtype=dtype)
    options = dict(STORED[how])
    if dtype == "float32" and options.get("predictor"):
        options["predictor"] = 3
    byteorder = options.pop("byteorder", None)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True, byteorder=byteorder) as file:
        file.write(written, photometric="minisblack", metadata={"axes": "CYX"}, **options)
    image = open_microscopy(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.levels[0][...], written)
    np.testing.assert_array_equal(image.levels[0][1, 30:70, 40:100], written[1, 30:70, 40:100])
    assert (image.dtype, image.is_rgb) == (np.dtype(dtype), False)


@pytest.mark.parametrize("how", [h for h in STORED if "endian" not in h])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_come_back_as_they_were_written(tmp_path: Path, how: str, planar: str) -> None:
    written = numbers(101, 130, 3, dtype="uint8")
    stored = written if planar == "contig" else np.moveaxis(written, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, **STORED[how])
    image = open_microscopy(tmp_path / "a.tif")
    assert image.is_rgb
    assert image.channel_names == ("red", "green", "blue")
    np.testing.assert_array_equal(image.levels[0].as_rgb()[...], written)
    np.testing.assert_array_equal(image.levels[0].plane(2)[5:9, ::3], written[5:9, ::3, 2])


def test_jpeg_is_decoded_as_tifffile_decodes_it(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(100), np.arange(150))[:, :, None] // 2 + np.array([0, 40, 90])
    tifffile.imwrite(tmp_path / "a.tif", smooth.astype("uint8"), photometric="rgb", compression="jpeg", tile=(32, 48))
    found = open_microscopy(tmp_path / "a.tif").levels[0].as_rgb()[...]
    np.testing.assert_array_equal(found, tifffile.imread(tmp_path / "a.tif"))
    assert np.abs(found.astype(int) - smooth)[:96, :144].max() < 12  # the last tiles are padded with black


def test_three_samples_that_are_no_colours_are_channels(tmp_path: Path) -> None:
    written = numbers(20, 30, 3)
    tifffile.imwrite(tmp_path / "a.tif", written, photometric="minisblack", planarconfig="contig")
    image = open_microscopy(tmp_path / "a.tif")
    assert not image.is_rgb
    np.testing.assert_array_equal(image.levels[0][...], np.moveaxis(written, -1, 0))


def test_opacity_is_left_out(tmp_path: Path) -> None:
    written = numbers(20, 30, 4, dtype="uint8")
    tifffile.imwrite(tmp_path / "a.tif", written, photometric="rgb", extrasamples=["unassalpha"])
    image = open_microscopy(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.levels[0].as_rgb()[...], written[:, :, :3])
    assert "opacity" in image.warnings[0]


def ome_pyramid(path: Path, written: NDArray[Any], n_levels: int = 3, **metadata: Any) -> None:
    level = written
    with tifffile.TiffWriter(path, ome=True) as file:
        options = {"photometric": "minisblack", **TILED}
        file.write(level, subifds=n_levels - 1, metadata={"axes": "CYX", **metadata}, **options)
        for _ in range(n_levels - 1):
            level = halves(level)
            file.write(level, subfiletype=1, **options)


def test_ome_tiff_with_pyramid_units_and_names(tmp_path: Path) -> None:
    size = {"PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.0005, "PhysicalSizeYUnit": "mm"}
    written = numbers(3, 101, 130)
    ome_pyramid(tmp_path / "a.ome.tif", written, Channel={"Name": ["DAPI", "CD8", "CD8"]}, **size)
    image = open_microscopy(tmp_path / "a.ome.tif")
    assert image.pixel_size_um == pytest.approx((0.5, 0.25))
    assert image.channel_names == ("DAPI", "CD8", "CD8 (2)")
    assert [level.shape for level in image.levels] == [(3, 101, 130), (3, 51, 65), (3, 26, 33)]
    assert image.factors == ((1, 1), (2, 2), (4, 4))  # 51 = 101 / 2 rounded up, not 101 / 51 = 1.98
    assert image.n_stored == 3
    np.testing.assert_array_equal(image.levels[2][...], halves(halves(written)))
    expected = "OME-TIFF, 3 channels, 101 x 130 pixels of uint16, 3 levels, 0.25 x 0.5 µm per pixel"
    assert image.note == expected


@pytest.mark.parametrize(
    ("unit", "um"), [("µm", 1.0), ("nm", 1e-3), ("mm", 1e3), ("cm", 1e4), ("pixel", None), ("nonsense", None)]
)
def test_units_of_ome(tmp_path: Path, unit: str, um: float | None) -> None:
    size = {"PhysicalSizeX": 2.0, "PhysicalSizeXUnit": unit, "PhysicalSizeY": 2.0, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", numbers(8, 9), metadata={"axes": "YX", **size})
    image = open_microscopy(tmp_path / "a.ome.tif")
    assert image.pixel_size_um == (None if um is None else pytest.approx((2 * um, 2 * um)))
    assert bool(image.warnings) == (um is None)


def test_stated_pixel_size_wins_and_is_told(tmp_path: Path) -> None:
    size = {"PhysicalSizeX": 2.0, "PhysicalSizeY": 2.0}
    tifffile.imwrite(tmp_path / "a.ome.tif", numbers(8, 9), metadata={"axes": "YX", **size})
    image = open_microscopy(tmp_path / "a.ome.tif", pixel_size_um=0.5)
    assert image.pixel_size_um == (0.5, 0.5)
    assert "the stated 0.5 µm is used" in image.warnings[0]
    assert not open_microscopy(tmp_path / "a.ome.tif", pixel_size_um=2.001).warnings


def test_first_plane_of_depth_and_time(tmp_path: Path) -> None:
    written = numbers(2, 3, 4, 10, 11)
    tifffile.imwrite(tmp_path / "a.ome.tif", written, photometric="minisblack", metadata={"axes": "TZCYX"})
    image = open_microscopy(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.levels[0][...], written[0, 0])
    assert [w.split(" has ")[1] for w in image.warnings] == [
        "2 planes along t; the first is taken.",
        "3 planes along z; the first is taken.",
    ]


def test_imagej_stack_with_unit_and_labels(tmp_path: Path) -> None:
    written = numbers(3, 12, 14)
    metadata = {"axes": "CYX", "unit": "um", "Labels": ["a", "b", "c"]}
    tifffile.imwrite(tmp_path / "a.tif", written, imagej=True, resolution=(4.0, 2.0), metadata=metadata)
    image = open_microscopy(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.levels[0][...], written)
    assert image.pixel_size_um == pytest.approx((0.5, 0.25))
    assert image.channel_names == ("a", "b", "c")
    assert "ImageJ's unit" in image.warnings[0]


def test_imagej_stack_of_which_one_page_is_described(tmp_path: Path) -> None:
    written = numbers(3, 12, 14)
    with tifffile.TiffWriter(tmp_path / "a.tif", imagej=True) as file:
        file.write(written, contiguous=True, truncate=True, metadata={"axes": "CYX"})
    np.testing.assert_array_equal(open_microscopy(tmp_path / "a.tif").levels[0][...], written)


@pytest.mark.parametrize(
    ("resolution", "unit", "um"),
    [(20_000, "CENTIMETER", 0.5), (25_400, "INCH", 1.0), (72, "INCH", None), (300, "INCH", None), (5, "NONE", None)],
)
def test_resolution_tags_count_with_a_unit_that_is_a_microscopes(
    tmp_path: Path, resolution: int, unit: str, um: float | None
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", numbers(8, 9), resolution=(resolution, resolution), resolutionunit=unit, metadata=None
    )
    image = open_microscopy(tmp_path / "a.tif")
    assert image.pixel_size_um == (None if um is None else pytest.approx((um, um)))
    assert bool(image.warnings) == (unit != "NONE")


def test_pages_without_a_meaning_are_channels(tmp_path: Path) -> None:
    written = numbers(4, 12, 14)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in written:
            file.write(page, metadata=None, contiguous=False)
    image = open_microscopy(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.levels[0][...], written)
    assert image.channel_names == ("channel 0", "channel 1", "channel 2", "channel 3")
    assert "4 pages are taken as channels" in image.warnings[0]


def test_tiles_that_were_never_written_are_zero(tmp_path: Path) -> None:
    written = numbers(64, 96)

    def some() -> Any:
        yield written[:32, :48]
        yield None
        yield None
        yield written[32:, 48:]

    tifffile.imwrite(tmp_path / "a.tif", some(), shape=(64, 96), dtype="uint16", compression="zlib", **TILED)
    found = open_microscopy(tmp_path / "a.tif").levels[0][0]
    written[:32, 48:] = written[32:, :48] = 0
    np.testing.assert_array_equal(found, written)


def test_image_without_pyramid_has_an_averaged_overview(tmp_path: Path) -> None:
    written = np.random.default_rng(0).normal(0, 1, (2100, 90)).astype("float32")
    written[0, 0] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", written, tile=(256, 48), compression="zlib")
    image = open_microscopy(tmp_path / "a.tif")
    assert (image.n_stored, image.factors) == (1, ((1, 1), (2, 2)))
    blocks = written.reshape(1050, 2, 45, 2).astype(np.float64)
    np.testing.assert_allclose(image.levels[1][0], np.nanmean(blocks, axis=(1, 3)), atol=1e-6)
    np.testing.assert_array_equal(image.levels[1][0, 600:700, 3:9], image.levels[1][0][600:700, 3:9])


def test_overview_of_whole_numbers_is_rounded_and_has_a_smaller_last_row(tmp_path: Path) -> None:
    written = numbers(2051, 7, dtype="uint8")
    tifffile.imwrite(tmp_path / "a.tif", written)
    level = open_microscopy(tmp_path / "a.tif").levels[1]
    assert (level.shape, level.dtype) == ((1, 1026, 4), np.dtype("uint8"))
    assert level[0, 1025, 3] == written[2050, 6]
    assert level[0, 0, 0] == np.rint(written[:2, :2].mean())


def write_zarr(path: Path, levels: list[NDArray[Any]], *, version: str, **more: Any) -> None:
    group = zarr.create_group(path, zarr_format=3 if version == "0.5" else 2)
    axes = [
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", "unit": "nanometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    datasets = []
    for i, level in enumerate(levels):
        group.create_array(str(i), data=level, chunks=(1, 32, 48))
        transform = {"type": "scale", "scale": [1.0, 500.0 * 2**i, 0.25 * 2**i]}
        datasets.append({"path": str(i), "coordinateTransformations": [transform]})
    described = {
        "multiscales": [{"version": version, "axes": axes, "datasets": datasets}],
        "omero": {"channels": [{"label": "DAPI"}, {"label": "PD-L1"}, {}]},
        **more,
    }
    group.attrs.update({"ome": {"version": version, **described}} if version == "0.5" else described)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path: Path, version: str) -> None:
    written = numbers(3, 101, 130)
    write_zarr(tmp_path / "a.ome.zarr", [written, halves(written)], version=version)
    image = open_microscopy(tmp_path / "a.ome.zarr")
    np.testing.assert_array_equal(image.levels[0][...], written)
    np.testing.assert_array_equal(image.levels[1].plane(2)[10:20, -3:], halves(written)[2, 10:20, -3:])
    assert image.pixel_size_um == pytest.approx((0.5, 0.25))
    assert image.factors == ((1, 1), (2, 2))
    assert image.channel_names == ("DAPI", "PD-L1", "channel 2")
    assert image.note.startswith(f"OME-Zarr {version}, 3 channels, 101 x 130 pixels of uint16, 2 levels")


def test_ome_zarr_of_bio_formats_and_of_other_axes(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    outer = zarr.create_group(path, zarr_format=2)
    outer.attrs["bioformats2raw.layout"] = 3
    written = numbers(1, 2, 3, 20, 30, dtype=">u2")
    inner = outer.create_group("0")
    inner.create_array("s0", data=written, chunks=(1, 1, 1, 16, 16))
    datasets = [{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1, 2.0, 2.0]}]}]
    axes = [{"name": name} for name in "tczyx"]
    inner.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    image = open_microscopy(path)
    np.testing.assert_array_equal(image.levels[0][...], written[0, :, 0])
    assert image.pixel_size_um is None  # 2 of what is not said
    assert "3 planes along z" in image.warnings[0]
    assert "without a unit" in image.warnings[1]


def test_ome_zarr_whose_channels_come_last(tmp_path: Path) -> None:
    written = numbers(20, 30, 2)
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2)
    group.create_array("0", data=written, chunks=(16, 8, 2))
    group.attrs["multiscales"] = [{"version": "0.4", "axes": list("yxc"), "datasets": [{"path": "0"}]}]
    level = open_microscopy(tmp_path / "a.zarr").levels[0]
    np.testing.assert_array_equal(level[...], np.moveaxis(written, -1, 0))
    np.testing.assert_array_equal(level[1, 3:9, 4:20], written[3:9, 4:20, 1])


def test_plain_zarr_is_refused_in_words(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "a.zarr", numbers(8, 9))
    with pytest.raises(MicroscopyError, match="expected an OME-Zarr with multiscales metadata, found none"):
        open_microscopy(tmp_path / "a.zarr")


def test_what_is_no_image_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"\x89PNG....")
    with pytest.raises(MicroscopyError, match=r"expected an OME-TIFF, TIFF or OME-Zarr, found another in a.tif"):
        open_microscopy(tmp_path / "a.tif")
    with pytest.raises(MissingFileError, match=r"check microscopy.path"):
        open_microscopy(tmp_path / "none.tif")
    with pytest.raises(MicroscopyError, match="a folder without zarr metadata"):
        open_microscopy(tmp_path)


def some_image(tmp_path: Path, pixel_size_um: float | None) -> MicroscopyImage:
    tifffile.imwrite(tmp_path / "a.tif", numbers(8, 9))
    return open_microscopy(tmp_path / "a.tif", pixel_size_um=pixel_size_um)


@pytest.mark.parametrize(
    ("size_um", "unit", "cells_um", "units"),
    [
        (None, "px", None, 1.0),
        (0.5, "px", None, 1.0),
        (None, "px", 0.5, 1.0),
        (0.5, "px", 0.5, 1.0),
        (0.5, "px", 0.499, 1.0),  # one of them is rounded
        (2.0, "px", 0.5, 4.0),  # a coarser image: one of its pixels is four of the cells'
        (0.5, "um", None, 0.5),
    ],
)
def test_units_of_the_cells_in_a_pixel(
    tmp_path: Path, size_um: float | None, unit: Any, cells_um: float | None, units: float
) -> None:
    image = some_image(tmp_path, size_um)
    assert units_per_pixel(image, unit, cells_pixel_size_um=cells_um) == (units, units)


def test_cells_in_um_need_the_pixel_size(tmp_path: Path) -> None:
    with pytest.raises(MicroscopyError, match=r"set microscopy.pixel_size_um"):
        units_per_pixel(some_image(tmp_path, None), "um")


def test_a_channel_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(MicroscopyError, match=r"a channel from 0 to 0 of a.tif, found 3; it has 1: 0 = channel 0"):
        channel_index(some_image(tmp_path, None), 3)


def test_real_histology_is_read_as_tifffile_reads_it(metime_data: Path) -> None:
    path = metime_data / "imzml" / "prostate" / "prostate_he_example.tif"
    image = open_microscopy(path)
    assert (image.is_rgb, image.shape, image.pixel_size_um) == (True, (1920, 2560), (0.17, 0.17))
    np.testing.assert_array_equal(image.levels[0].as_rgb()[700:900, 100:300], tifffile.imread(path)[700:900, 100:300])
