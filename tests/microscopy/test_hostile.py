"""Damaged and hostile files: one plain error, bounded memory, nothing executed."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr

from napari_metime.errors import MetimeError, MicroscopyError
from napari_metime.microscopy import open_microscopy
from napari_metime.microscopy.tiff_codecs import declared_size

OME = (
    '<?xml version="1.0" encoding="UTF-8"?>{doctype}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="9" SizeY="8" SizeC="1" '
    'SizeZ="1" SizeT="1">{inner}</Pixels></Image></OME>'
)


def with_xml(path: Path, xml: str) -> Path:
    tifffile.imwrite(path, np.zeros((8, 9), "uint8"), description=xml.encode(), metadata=None)
    return path


def test_entities_are_refused_unexpanded(tmp_path: Path) -> None:
    doctype = '<!DOCTYPE OME [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    path = with_xml(tmp_path / "a.ome.tif", OME.format(doctype=doctype, inner='<Channel ID="c" Name="&b;"/>'))
    with pytest.raises(MicroscopyError, match="without a document type"):
        open_microscopy(path)


def test_broken_xml_is_told_in_one_line(tmp_path: Path) -> None:
    path = with_xml(tmp_path / "a.ome.tif", OME.format(doctype="", inner="</wrong>"))
    with pytest.raises(MicroscopyError, match="expected OME XML, found what is none") as caught:
        open_microscopy(path)
    assert "\n" not in str(caught.value)


def test_image_in_several_files_is_refused(tmp_path: Path) -> None:
    inner = "".join(f'<TiffData IFD="0"><UUID FileName="{n}.ome.tif">urn:uuid:{n}</UUID></TiffData>' for n in "ab")
    with pytest.raises(MicroscopyError, match="found one of 2 files"):
        open_microscopy(with_xml(tmp_path / "a.ome.tif", OME.format(doctype="", inner=inner)))


def test_image_that_was_renamed_is_read(tmp_path: Path) -> None:
    """Its own unique id stands beside the name that it had."""
    inner = '<TiffData IFD="0" PlaneCount="1"><UUID FileName="old.ome.tif">urn:uuid:1</UUID></TiffData>'
    xml = OME.format(doctype="", inner=inner).replace("<OME ", '<OME UUID="urn:uuid:1" ')
    assert open_microscopy(with_xml(tmp_path / "new.ome.tif", xml)).levels[0].shape == (1, 8, 9)


def tags_of(width: int, height: int, *more: tuple[int, int, int]) -> bytes:
    """Return a little TIFF of one uint8 image with the given tags (code, type 3 or 4, value) and no pixels."""
    entries = sorted(
        [(256, 4, width), (257, 4, height), (258, 3, 8), (262, 3, 1), (273, 4, 8), (277, 3, 1), (279, 4, 4), *more]
    )
    listed = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 12) + b"abcd" + struct.pack("<H", len(entries)) + listed + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ((1_000_000, 1_000_000, (259, 3, 8), (278, 4, 1_000_000)), "40,000,000,000 numbers"),
        ((20_000, 20_000, (259, 3, 8), (278, 4, 20_000)), "in pieces of up to 100 MB, found one of 20,000 x 20,000"),
        ((20_000, 20_000, (259, 3, 8), (278, 4, 1)), "1 tiles or strips in place of 20,000"),
        ((20_000, 20_000, (259, 3, 1), (278, 4, 20_000)), "ends before its last row"),
        ((0, 20_000, (259, 3, 1), (278, 4, 20_000)), "expected"),
    ],
)
def test_a_few_bytes_that_declare_a_large_image(tmp_path: Path, tags: Any, expected: str) -> None:
    (tmp_path / "a.tif").write_bytes(tags_of(*tags))
    with pytest.raises(MicroscopyError, match=expected):
        open_microscopy(tmp_path / "a.tif")


def test_jpeg_that_is_larger_than_its_tile(tmp_path: Path) -> None:
    """The tile says 16 x 16, the JPEG in it 65,000 x 65,000: 12 GB."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((16, 16, 3), "uint8"), photometric="rgb", compression="jpeg", tile=(16, 16))
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    path.write_bytes(data)
    with pytest.raises(MicroscopyError, match="65,000 x 65,000"):
        open_microscopy(path).levels[0][...]


def test_compressions_that_declare_their_own_size_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((16, 16, 3), "uint8"), photometric="rgb", compression="png")
    with pytest.raises(MicroscopyError, match="expected LZW, zlib, ZSTD, JPEG or no compression, found PNG"):
        open_microscopy(tmp_path / "a.tif")


def test_sizes_that_streams_declare() -> None:
    values = np.zeros((17, 30, 3), "uint8")
    assert declared_size(imagecodecs.jpeg_encode(values)) == (17, 30)
    assert declared_size(imagecodecs.jpeg_encode(values, optimize=True)) == (17, 30)
    assert declared_size(imagecodecs.jpeg2k_encode(values)) == (17, 30)
    assert declared_size(imagecodecs.jpeg2k_encode(values, codecformat="jp2")) == (17, 30)
    for wrong in (b"", b"\xff\xd8", b"\xff\xd8\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\xff\x4f\xff\x51"):
        with pytest.raises(ValueError, match="a compressed image that"):
            declared_size(wrong)


def test_palette_and_complex_numbers_are_refused(tmp_path: Path) -> None:
    colours = np.zeros((3, 256), "uint16")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 9), "uint8"), photometric="palette", colormap=colours)
    with pytest.raises(MicroscopyError, match="palette"):
        open_microscopy(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 9), "complex64"))
    with pytest.raises(MicroscopyError, match="expected an image of real numbers, found complex64"):
        open_microscopy(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["tiles", "strips", "raw", "jpeg"])
def test_damaged_tiffs_raise_nothing_but_our_errors(tmp_path: Path, kind: str) -> None:
    options: dict[str, dict[str, Any]] = {
        "tiles": {"tile": (16, 16), "compression": "zlib"},
        "strips": {"rowsperstrip": 5, "compression": "lzw"},
        "raw": {},
        "jpeg": {"tile": (16, 16), "compression": "jpeg"},
    }
    rng = np.random.default_rng(7)
    values = rng.integers(0, 255, (40, 50, 3)).astype("uint8")
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, values, photometric="rgb", metadata={"axes": "YXS"}, **options[kind])
    whole = np.frombuffer(path.read_bytes(), "uint8")
    tags = int(np.frombuffer(whole[4:8].tobytes(), "<u4")[0])
    told = []
    for i in range(150):
        data = whole[: rng.integers(4, whole.size)].copy() if i % 3 == 0 else whole.copy()
        if i % 3:
            at = rng.integers(tags, tags + 300) if i % 3 == 1 else rng.integers(8, whole.size)
            data[min(at, whole.size - 1)] = rng.integers(0, 256)
        path.write_bytes(data.tobytes())
        try:
            image = open_microscopy(path)
            if image.levels[0].size < 10_000_000:
                image.levels[0][...]
        except MetimeError as error:
            told.append(str(error))
    assert not [text for text in told if "\n" in text]
    assert len(told) >= 50  # those that were cut short, at the least


def zarr_image(path: Path, **options: Any) -> Path:
    """Write an OME-Zarr 0.4 of one level of 20 x 30."""
    group = zarr.create_group(path, zarr_format=2)
    group.create_array("0", **{"data": np.zeros((20, 30), "uint8"), "chunks": (10, 10), **options})
    axes = [{"name": "y"}, {"name": "x"}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}]
    return path


def edited(path: Path, name: str, **changes: Any) -> Path:
    """Change entries of a JSON file."""
    described = json.loads((path / name).read_text())
    (path / name).write_text(json.dumps({**described, **changes}))
    return path


@pytest.mark.parametrize(
    "codecs", [{"compressor": {"id": "pickle"}}, {"compressor": None, "filters": [{"id": "pickle"}]}]
)
def test_pickle_in_a_zarr_is_never_read(tmp_path: Path, codecs: dict[str, Any]) -> None:
    path = edited(zarr_image(tmp_path / "a.zarr"), "0/.zarray", **codecs)
    marker = tmp_path / "executed"
    (path / "0" / "0.0").write_bytes(b"cos\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")
    with pytest.raises(MicroscopyError, match="pickle"):
        open_microscopy(path)
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_objects_in_a_zarr_are_refused(tmp_path: Path) -> None:
    path = edited(zarr_image(tmp_path / "a.zarr"), "0/.zarray", dtype="|O", filters=[{"id": "pickle"}], fill_value=None)
    with pytest.raises(MicroscopyError):
        open_microscopy(path)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"chunks": [100_000, 100_000]}, "in pieces of up to 100 MB"),
        ({"shape": [10_000_000, 10_000_000]}, "40,000,000,000 pixels"),
        ({"shape": [20]}, "expected"),
        ({"shape": [0, 30]}, "expected"),
        ({"compressor": {"id": "nonsense"}}, "expected an OME-Zarr, found what cannot be read"),
        ({"dtype": "<c8", "fill_value": [0, 0]}, "real numbers"),
    ],
)
def test_hostile_array_of_a_zarr(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    path = edited(zarr_image(tmp_path / "a.zarr"), "0/.zarray", **changes)
    with pytest.raises(MicroscopyError, match=expected):
        open_microscopy(path)


@pytest.mark.parametrize(
    ("multiscales", "expected"),
    [
        ([], "expected an OME-Zarr with multiscales"),
        ("text", "expected an OME-Zarr with multiscales"),
        ([5], "cannot be read"),
        ([{"datasets": [{"path": "../b.zarr/0"}], "axes": ["y", "x"]}], "a level named"),
        ([{"datasets": [{"path": "/etc"}], "axes": ["y", "x"]}], "a level named"),
        ([{"datasets": [{"path": "none"}], "axes": ["y", "x"]}], "cannot be read"),
        ([{"datasets": [{"path": "0"}], "axes": ["a", "b"]}], "expected axes y and x"),
        ([{"datasets": [{"path": "0"}], "axes": ["c", "y", "x"]}], "3 axes for an array of 2"),
        (
            [
                {
                    "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0, 1]}]}],
                    "axes": ["y", "x"],
                }
            ],
            "a scale of 0 x 1",
        ),
    ],
)
def test_hostile_metadata_of_a_zarr(tmp_path: Path, multiscales: Any, expected: str) -> None:
    shutil.copytree(zarr_image(tmp_path / "a.zarr"), tmp_path / "b.zarr")
    path = edited(tmp_path / "a.zarr", ".zattrs", multiscales=multiscales)
    with pytest.raises(MicroscopyError, match=expected):
        open_microscopy(path)


def test_damaged_chunk_of_a_zarr(tmp_path: Path) -> None:
    path = zarr_image(tmp_path / "a.zarr", data=np.ones((20, 30), "uint8"))
    (path / "0" / "1.0").write_bytes(b"nonsense")
    image = open_microscopy(path)
    assert image.levels[0][0, :10].all()
    with pytest.raises(MicroscopyError, match="expected pixels from row 10, column 0, found what cannot be read"):
        image.levels[0][0, 10:, :10]
