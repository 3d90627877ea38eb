"""Images come back with their shape, values and physical size."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from matplotlib.image import imread

from napari_metime.errors import OutputError
from napari_metime.export import write_images
from napari_metime.export.images import write_ome_tiff

IMAGE = np.array([[0.0, 1.5, np.nan], [2.0, -3.25, 4.0]], dtype=np.float32)


def _pixels(path: Path) -> dict[str, str]:
    with tifffile.TiffFile(path) as tiff:
        root = ElementTree.fromstring(tiff.ome_metadata or "")
    return next(e for e in root.iter() if e.tag.endswith("Pixels")).attrib


def test_ome_tiff_keeps_values_and_pixel_size(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    write_ome_tiff(IMAGE, path, pixel_size_um=(20.0, 25.5))
    np.testing.assert_array_equal(tifffile.imread(path), IMAGE)
    pixels = _pixels(path)
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeY"], pixels["PhysicalSizeXUnit"]) == ("25.5", "20.0", "µm")
    assert (pixels["SizeX"], pixels["SizeY"]) == ("3", "2")


def test_the_same_image_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.ome.tif", "b.ome.tif"):
        write_ome_tiff(IMAGE, tmp_path / name, pixel_size_um=(20.0, 25.5))
    assert (tmp_path / "a.ome.tif").read_bytes() == (tmp_path / "b.ome.tif").read_bytes()


@pytest.mark.parametrize("images", [IMAGE, np.stack([IMAGE, IMAGE + 1])], ids=["one", "two"])
def test_ion_images_as_npy_and_ome_tiff_are_the_array(tmp_path: Path, images: np.ndarray) -> None:
    names = ["mz:1.0000", "mz:2.0000"][: images.size // IMAGE.size]
    for end in ("npy", "ome.tif"):
        write_images(images, tmp_path / f"x.{end}", names=names, pixel_size_um=None)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), images)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "x.ome.tif"), images)
    assert "PhysicalSizeX" not in _pixels(tmp_path / "x.ome.tif")


def test_a_png_puts_images_side_by_side_and_leaves_gaps_transparent(tmp_path: Path) -> None:
    write_images(np.stack([IMAGE, IMAGE]), tmp_path / "x.png", names=["a", "b"], pixel_size_um=None)
    shown = imread(tmp_path / "x.png")
    assert shown.shape == (2, 6, 4)
    np.testing.assert_array_equal(shown[..., 3], np.tile(np.isfinite(IMAGE), 2))


def test_another_ending_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"expected an output named .npy, .ome.tif or .png, found x.jpg"):
        write_images(IMAGE, tmp_path / "x.jpg", names=["a"], pixel_size_um=None)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"expected to write .*x.npy"):
        write_images(IMAGE, tmp_path / "no" / "x.npy", names=["a"], pixel_size_um=None)
