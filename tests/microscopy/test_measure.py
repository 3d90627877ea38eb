"""Microscopy as channels of the section and as masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_metime.errors import MicroscopyError
from napari_metime.microscopy import MicroscopyImage, mask_from_channel, microscopy_channels, open_microscopy
from napari_metime.section import Alignment, Grid

GRID = Grid((2, 3), (0, 0), (2.0, 2.0))
ON_CORNER = Alignment(np.array([[1.0, 0, -1], [0, 1, -1], [0, 0, 1]]), "matrix")


@pytest.fixture
def image(tmp_path: Path) -> MicroscopyImage:
    """Two channels of 4 x 4 pixels: two columns of the grid."""
    values = np.arange(32, dtype="uint16").reshape(2, 4, 4)
    tifffile.imwrite(tmp_path / "stain.ome.tif", values, photometric="minisblack", metadata={"axes": "CYX"})
    return open_microscopy(tmp_path / "stain.ome.tif")


def test_channels_are_means_under_the_names_of_the_recipe(image: MicroscopyImage) -> None:
    measured = np.array([[True, True, True], [False, True, False]])
    channels, told = microscopy_channels(image, {"PD-L1": 1, "DAPI": 0}, ON_CORNER, GRID, measured, units=(1, 1))
    assert [(c.name, c.kind) for c in channels] == [("PD-L1", "image"), ("DAPI", "image")]
    np.testing.assert_array_equal(channels[1].image, [[2.5, 4.5, np.nan], [np.nan, 12.5, np.nan]])
    np.testing.assert_array_equal(channels[0].image, channels[1].image + 16)
    assert "PD-L1: 1 of 4 measured pixels lie outside the microscopy" in told[0]


def test_an_image_that_is_coarser_than_the_grid_is_told(image: MicroscopyImage) -> None:
    _, told = microscopy_channels(image, {"DAPI": 0}, ON_CORNER, GRID, np.ones((2, 3), bool), units=(4, 4))
    assert told[0].startswith("stain.ome.tif: averaged over level 0 of 1, its pixels 2 of a grid pixel wide: coarser")


def test_no_channels_are_none(image: MicroscopyImage) -> None:
    assert microscopy_channels(image, {}, ON_CORNER, GRID, np.ones((2, 3), bool), units=(1, 1)) == ((), ())


def test_a_channel_that_is_not_there_is_named(image: MicroscopyImage) -> None:
    with pytest.raises(MicroscopyError, match="found 2; it has 2: 0 = channel 0, 1 = channel 1"):
        microscopy_channels(image, {"PD-L1": 2}, ON_CORNER, GRID, np.ones((2, 3), bool), units=(1, 1))


def test_mask_parts_two_populations_and_leaves_out_what_is_not_known() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(9, 11, (40, 50)).astype("float32")
    truth = np.zeros((40, 50), bool)
    truth[10:25, 5:30] = True
    values[truth] += 20
    values[0, 0] = values[12, 12] = np.nan
    truth[12, 12] = False
    np.testing.assert_array_equal(mask_from_channel(values), truth)


@pytest.mark.parametrize("value", [np.nan, 3.0])
def test_mask_needs_two_values(value: float) -> None:
    with pytest.raises(MicroscopyError, match="differs over the section"):
        mask_from_channel(np.full((3, 4), value, dtype="float32"))
