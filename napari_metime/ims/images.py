"""Images that a user brings: masks and channels that already lie on the grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from skimage.io import imread

from napari_metime.errors import MissingFileError, TissueError

Read = TypeVar("Read")
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
    declared = _guarded(path, _declared_shape)
    if _without_ones(declared) != _without_ones(shape):
        raise TissueError(
            f"expected one {shape[0]} x {shape[1]} image (the grid of the imzML) in {path.name}, "
            f"found {' x '.join(map(str, declared))}; resample it to the grid"
        )
    image = np.asarray(_guarded(path, _load)).reshape(shape)
    if image.dtype.kind not in "biuf":
        raise TissueError(f"expected an image of numbers in {path.name}, found {image.dtype}; save it as numbers")
    return image


def read_mask(path: Path, *, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask on the grid: every pixel above 0 is in it; raises as ``read_image`` does."""
    return np.asarray(read_image(path, shape=shape).astype(np.float64) > 0)


def _guarded(path: Path, read: Callable[[Path], Read]) -> Read:
    try:
        return read(path)
    except Exception as error:
        # Broad on purpose, and kept: of 1,250 damaged TIFFs a third raised some decoder's own error, ZeroDivisionError
        # or MemoryError. Only the decoding of one outside file stands in the try.
        raise TissueError(
            f"expected a TIFF, PNG or .npy image in {path.name}, found what cannot be read ({error}); save it again"
        ) from error


def _declared_shape(path: Path) -> tuple[int, ...]:
    """Return the shape that a file declares, without decoding it: a few bytes may declare terabytes."""
    if path.suffix.lower() == ".npy":
        return tuple(np.load(path, mmap_mode="r", allow_pickle=False).shape)
    if path.suffix.lower() in (".tif", ".tiff"):
        with tifffile.TiffFile(path) as file:
            return tuple(int(n) for n in file.series[0].shape)
    with Image.open(path) as picture:
        return (picture.height, picture.width, len(picture.getbands()))


def _load(path: Path) -> NDArray[np.generic]:
    if path.suffix.lower() == ".npy":
        return np.asarray(np.load(path, allow_pickle=False))
    if path.suffix.lower() in (".tif", ".tiff"):
        return np.asarray(tifffile.imread(path))
    return np.asarray(imread(path))


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)
