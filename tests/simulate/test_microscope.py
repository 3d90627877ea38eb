from dataclasses import replace

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_metime.section import Alignment
from napari_metime.simulate import SectionPlan, simulate_truth
from napari_metime.simulate.microscope import (
    draw_landmarks,
    microscope_to_section,
    render_microscopy,
    write_ome_tiff,
)

PLAN = SectionPlan(width_um=1600, height_um=1200, n_niches=0, n_landmarks=60)


@pytest.fixture(scope="module")
def section():
    return simulate_truth(PLAN), Alignment(microscope_to_section(PLAN), "matrix")


@pytest.mark.parametrize(("rotation_deg", "size_um"), [(7.0, 0.5), (-120.0, 0.325), (0.0, 2.0)])
def test_the_transform_has_the_stated_rotation_and_scale_and_shows_the_whole_area(rotation_deg, size_um):
    plan = SectionPlan(rotation_deg=rotation_deg, microscope_pixel_size_um=size_um)
    matrix = microscope_to_section(plan)
    assert np.allclose(matrix[:2, :2].T @ matrix[:2, :2], size_um**2 * np.eye(2))
    assert np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0])) == pytest.approx(rotation_deg)
    left, top, right, bottom = plan.bounds_um
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    x, y = Alignment(matrix, "matrix").to_source(*corners.T)
    assert min(x.min(), y.min()) == pytest.approx(100 / size_um)


def test_landmarks_lie_on_tissue_and_are_as_noisy_as_stated(section):
    truth, alignment = section
    marks = draw_landmarks(truth, alignment, np.random.default_rng(0))
    x_um, y_um = alignment.to_section(marks[:, 0], marks[:, 1])
    error = np.concatenate([x_um - marks[:, 2], y_um - marks[:, 3]])
    assert error.std() == pytest.approx(PLAN.landmark_noise_um, rel=0.3)
    assert truth.tissue.flat[truth.grid.pixel_of(marks[:, 2], marks[:, 3])].all()
    assert len(np.unique(marks, axis=0)) == PLAN.n_landmarks


def test_exact_landmarks_are_exact(section):
    truth, alignment = section
    exact = replace(truth, plan=replace(PLAN, landmark_noise_um=0))
    marks = draw_landmarks(exact, alignment, np.random.default_rng(0))
    assert np.allclose(np.column_stack(alignment.to_section(marks[:, 0], marks[:, 1])), marks[:, 2:], atol=1e-9)


def test_each_channel_is_bright_where_its_cells_are(section):
    truth, alignment = section
    image, factor = render_microscopy(truth, alignment, np.random.default_rng(0))
    assert factor == 8
    assert image.dtype == np.uint8
    x, y = alignment.to_source(truth.x_um, truth.y_um)
    row, col = (y // factor).astype(int), (x // factor).astype(int)
    cd8 = truth.type == "CD8"
    assert image[2, row[cd8], col[cd8]].mean() > 4 * image[2, row[~cd8], col[~cd8]].mean()
    assert image[0, row, col].mean() > 4 * np.median(image[0])
    peak = ndimage.maximum_filter(image[2], 3)[row[cd8], col[cd8]]
    assert np.mean(peak > 60) > 0.95


def test_the_ome_tiff_says_its_pixel_size_and_channels(tmp_path):
    image = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)
    write_ome_tiff(tmp_path / "a.ome.tif", image, pixel_um=4.0, channels=("DAPI", "A&B", "CD8"))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert file.is_ome
        assert file.series[0].axes == "CYX"
        assert np.array_equal(file.series[0].asarray(), image)
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeYUnit"]) == (4, "µm")
    assert [channel["Name"] for channel in pixels["Channel"]] == ["DAPI", "A&B", "CD8"]
