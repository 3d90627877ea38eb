"""The microscopy of a simulated section: its frame, noisy landmarks, and a small multichannel image."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from napari_metime.section import Alignment
from napari_metime.simulate.plan import CELL_TYPES, EFFECTOR, SectionPlan
from napari_metime.simulate.truth import SectionTruth

MARGIN_UM = 100.0
CANDIDATES_PER_LANDMARK = 50
IMAGE_PIXEL_UM = 4.0
"""The image is scaled down to about this pixel size."""
CHANNELS: dict[str, tuple[str, ...]] = {
    "DAPI": tuple(CELL_TYPES.values()),
    "PanCK": (CELL_TYPES["tumor"],),
    "CD8": (EFFECTOR,),
}
"""Channel -> the cell types that it stains."""
BLOB_SD_UM = 5.0
BLOB_PEAK = 110.0
TISSUE_LEVEL = 14.0
GLASS_LEVEL = 3.0


def microscope_to_section(plan: SectionPlan) -> NDArray[np.float64]:
    """Return the 3 x 3 matrix on (x, y, 1) from microscope pixels to section µm.

    Microscope pixels have their origin at the upper left corner of the image, which shows the whole
    acquired area and a margin.
    """
    angle = np.deg2rad(plan.rotation_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    upper_left = (_corners_um(plan) @ turn).min(axis=0) - MARGIN_UM
    matrix = np.eye(3)
    matrix[:2, :2] = plan.microscope_pixel_size_um * turn
    matrix[:2, 2] = turn @ upper_left
    return matrix


def draw_landmarks(truth: SectionTruth, alignment: Alignment, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw landmarks spread over the tissue, their source places noisy.

    Returns
    -------
    ndarray of shape (n_landmarks, 4): source_x, source_y in microscope pixels, target_x_um, target_y_um
    """
    plan = truth.plan
    size = plan.pixel_size_um
    pixels = rng.choice(np.argwhere(truth.tissue), size=CANDIDATES_PER_LANDMARK * plan.n_landmarks)
    candidates = pixels[:, ::-1] * size + rng.uniform(-size / 2, size / 2, pixels.shape)
    chosen = [int(rng.integers(len(candidates)))]
    nearest = np.full(len(candidates), np.inf)
    while len(chosen) < plan.n_landmarks:
        nearest = np.minimum(nearest, np.hypot(*(candidates - candidates[chosen[-1]]).T))
        chosen.append(int(nearest.argmax()))
    target = candidates[chosen]
    noisy = target + rng.normal(0, plan.landmark_noise_um, target.shape)
    return np.column_stack([*alignment.to_source(noisy[:, 0], noisy[:, 1]), target])


def render_microscopy(
    truth: SectionTruth, alignment: Alignment, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], int]:
    """Draw the cells as blobs on dim tissue, one image per channel.

    Returns
    -------
    image : ndarray of shape (n_channels, rows, cols), uint8
    factor : microscope pixels per image pixel; image pixel i covers [i factor, (i + 1) factor)
    """
    plan = truth.plan
    factor = max(1, round(IMAGE_PIXEL_UM / plan.microscope_pixel_size_um))
    pixel_um = factor * plan.microscope_pixel_size_um
    far = np.array(alignment.to_source(*_corners_um(plan).T)).max(axis=1) + MARGIN_UM / plan.microscope_pixel_size_um
    n_cols, n_rows = (int(np.ceil(extent / factor)) for extent in far)
    row, col = np.mgrid[:n_rows, :n_cols]
    glass = np.where(
        truth.anatomy.in_tissue(*alignment.to_section((col + 0.5) * factor, (row + 0.5) * factor)),
        TISSUE_LEVEL,
        GLASS_LEVEL,
    )
    x, y = alignment.to_source(truth.x_um, truth.y_um)
    flat = (y // factor).astype(np.intp) * n_cols + (x // factor).astype(np.intp)
    sd = BLOB_SD_UM / pixel_um
    images = []
    for types in CHANNELS.values():
        stained = np.isin(truth.type.astype(str), types)
        cells = np.bincount(flat[stained], minlength=n_rows * n_cols).reshape(n_rows, n_cols)
        blobs = BLOB_PEAK * 2 * np.pi * sd**2 * ndimage.gaussian_filter(cells.astype(np.float64), sd)
        images.append(np.minimum(rng.poisson(glass + blobs), 255))
    return np.array(images, dtype=np.uint8), factor


def write_ome_tiff(path: Path, image: NDArray[np.uint8], *, pixel_um: float, channels: tuple[str, ...]) -> None:
    """Write (channel, y, x) as OME-TIFF with its physical pixel size, without dates or identifiers."""
    n, n_rows, n_cols = image.shape
    size = f'PhysicalSize{{0}}="{pixel_um:g}" PhysicalSize{{0}}Unit="&#181;m"'
    names = "".join(
        f'<Channel ID="Channel:0:{i}" Name={quoteattr(name)} SamplesPerPixel="1"/>' for i, name in enumerate(channels)
    )
    description = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0" Name={quoteattr(path.name)}><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
        f'SizeX="{n_cols}" SizeY="{n_rows}" SizeC="{n}" SizeZ="1" SizeT="1" {size.format("X")} {size.format("Y")}>'
        f'{names}<TiffData PlaneCount="{n}"/></Pixels></Image></OME>'
    )
    tifffile.imwrite(
        path,
        image,
        photometric="minisblack",
        compression="zlib",
        predictor=True,
        description=description,
        metadata=None,
        software=False,
    )


def _corners_um(plan: SectionPlan) -> NDArray[np.float64]:
    left, top, right, bottom = plan.bounds_um
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
