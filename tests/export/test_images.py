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
from napari_metime.export.images import contrast_limits, stretched, write_ome_tiff

IMAGE = np.array([[0.0, 1.5, np.nan], [2.0, -3.25, 4.0]], dtype=np.float32)


def _elements(path: Path, name: str) -> list[dict[str, str]]:
    """Return the attributes of the OME elements of a name, as any reader of the OME schema finds them."""
    with tifffile.TiffFile(path) as tiff:
        root = ElementTree.fromstring(tiff.ome_metadata or "")
    return [e.attrib for e in root.iter(f"{{http://www.openmicroscopy.org/Schemas/OME/2016-06}}{name}")]


def _pixels(path: Path) -> dict[str, str]:
    return _elements(path, "Pixels")[0]


def test_ome_tiff_keeps_values_and_pixel_size(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    write_ome_tiff(IMAGE, path, pixel_size_um=(20.0, 25.5))
    np.testing.assert_array_equal(tifffile.imread(path), IMAGE)
    pixels = _pixels(path)
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeY"], pixels["PhysicalSizeXUnit"]) == ("25.5", "20.0", "µm")
    assert (pixels["SizeX"], pixels["SizeY"]) == ("3", "2")


@pytest.mark.parametrize("n", range(2, 6))
def test_each_channel_is_a_plane_with_its_name_and_nothing_is_taken_for_colours(tmp_path: Path, n: int) -> None:
    images = np.stack([IMAGE + k for k in range(n)])
    names = [f'mz:{k}.0000 <µ&">' for k in range(n)]
    write_images(images, tmp_path / "x.ome.tif", names=names, pixel_size_um=(20.0, 25.5))
    channels = _elements(tmp_path / "x.ome.tif", "Channel")
    assert [(c["Name"], c["SamplesPerPixel"]) for c in channels] == [(name, "1") for name in names]
    assert _pixels(tmp_path / "x.ome.tif")["SizeC"] == str(n)
    with tifffile.TiffFile(tmp_path / "x.ome.tif") as tiff:
        assert (tiff.series[0].axes, len(tiff.pages)) == ("CYX", n)
        np.testing.assert_array_equal(tiff.asarray(), images)


def test_a_single_image_has_its_name(tmp_path: Path) -> None:
    write_images(IMAGE, tmp_path / "x.ome.tif", names=["mz:1.0000"], pixel_size_um=None)
    assert [c["Name"] for c in _elements(tmp_path / "x.ome.tif", "Channel")] == ["mz:1.0000"]


def test_hot_spots_are_clipped_for_the_eye_alone(tmp_path: Path) -> None:
    image = np.ones((20, 20), dtype=np.float32)
    image[3, 4], image[5, 6], image[0, 0] = 1e6, -1e6, np.nan
    before = image.copy()
    low, high = contrast_limits(image, np.isfinite(image))
    assert (low, high) == (1.0, 2.0)
    for end in ("npy", "ome.tif", "png"):
        write_images(image, tmp_path / f"x.{end}", names=["a"], pixel_size_um=None)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), before)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "x.ome.tif"), before)
    shown = stretched(image)
    assert (shown[3, 4], shown[5, 6], shown.mask.sum()) == (1.0, 0.0, 1)
    np.testing.assert_array_equal(imread(tmp_path / "x.png")[5, 6], imread(tmp_path / "x.png")[7, 7])


def test_contrast_is_that_of_the_finite_pixels_inside() -> None:
    image = np.linspace(0, 100, 101, dtype=np.float32).reshape(1, -1)
    inside = np.ones(image.shape, bool)
    assert contrast_limits(image, inside) == pytest.approx((1, 99))
    inside[0, 51:] = False
    assert contrast_limits(image, inside) == pytest.approx((0.5, 49.5))
    assert contrast_limits(np.full((2, 2), np.nan, np.float32), np.ones((2, 2), bool)) == (0.0, 1.0)
    assert contrast_limits(np.zeros((2, 2), np.float32), np.ones((2, 2), bool)) == (0.0, 1.0)


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
    with pytest.raises(OutputError, match=r"named .npy, .ome.tif, .png, .h5ad or .zarr, found x.jpg"):
        write_images(IMAGE, tmp_path / "x.jpg", names=["a"], pixel_size_um=None)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"expected to write .*x.npy"):
        write_images(IMAGE, tmp_path / "no" / "x.npy", names=["a"], pixel_size_um=None)
