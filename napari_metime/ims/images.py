"""Images that a user brings: masks and channels that already lie on the grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from skimage.io import imread

from napari_metime.errors import MissingFileError, TissueError

MAX_IMAGE_BYTES = 2_000_000_000


def read_image(path: Path, *, shape: tuple[int, int]) -> NDArray[np.generic]:
    """Read a single-channel image of exactly the grid's shape (TIFF, .npy or PNG).

    Raises
    ------
    MissingFileError
        No such file.
    TissueError
        It is no image, or its shape is not the grid's.
    """
    if not path.is_file():
        raise MissingFileError(f"expected an image at {path}, found none; check the path")
    if path.stat().st_size > MAX_IMAGE_BYTES:
        raise TissueError(f"expected an image of at most 2 GB, found {path.stat().st_size:,} bytes in {path.name}")
    try:
        image = np.squeeze(_load(path))
    except (OSError, ValueError, TypeError, EOFError, tifffile.TiffFileError) as error:
        raise TissueError(
            f"expected a TIFF, PNG or .npy image in {path.name}, found what cannot be read ({error}); save it again"
        ) from error
    if image.shape != shape or image.dtype.kind not in "biuf":
        raise TissueError(
            f"expected one {shape[0]} x {shape[1]} image (the grid of the imzML) in {path.name}, "
            f"found {' x '.join(map(str, image.shape))} {image.dtype}; resample it to the grid"
        )
    return image


def read_mask(path: Path, *, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask on the grid: every pixel above 0 is in it; raises as ``read_image`` does."""
    return np.asarray(read_image(path, shape=shape).astype(np.float64) > 0)


def _load(path: Path) -> NDArray[np.generic]:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    if suffix in (".tif", ".tiff"):
        return np.asarray(tifffile.imread(path))
    return np.asarray(imread(path))
