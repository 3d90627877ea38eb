"""Open any microscopy image."""

from __future__ import annotations

from pathlib import Path

from napari_metime.errors import MicroscopyError, MissingFileError
from napari_metime.microscopy.image import Found, MicroscopyImage, checked_image
from napari_metime.microscopy.tiff import read_tiff

TIFF_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ZARR_FILES = (".zgroup", ".zattrs", ".zarray", "zarr.json")


def open_microscopy(path: Path, *, pixel_size_um: float | None = None) -> MicroscopyImage:
    """Open an OME-TIFF, TIFF or OME-Zarr; no pixel is read.

    Parameters
    ----------
    path : a file, or the folder of an OME-Zarr
    pixel_size_um : µm per pixel of level 0; None = the file's own

    Raises
    ------
    MissingFileError
        There is no such file or folder, or it cannot be read.
    MicroscopyError
        It is no image that can be read piece by piece.
    """
    path = Path(path)
    if path.is_dir():
        return checked_image(path, _read_folder(path), pixel_size_um=pixel_size_um)
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError as error:
        raise MissingFileError(
            f"expected an image at {path}, found none that can be read ({error.strerror}); check microscopy.path"
        ) from error
    if beginning not in TIFF_BEGINNINGS:
        raise MicroscopyError(
            f"expected an OME-TIFF, TIFF or OME-Zarr, found another in {path.name}; save it as OME-TIFF"
        )
    return checked_image(path, read_tiff(path), pixel_size_um=pixel_size_um)


def _read_folder(path: Path) -> Found:
    if not any((path / name).is_file() for name in ZARR_FILES):
        raise MicroscopyError(
            f"expected an OME-Zarr, found a folder without zarr metadata: {path.name}; name the image itself"
        )
    from napari_metime.microscopy.ome_zarr import read_ome_zarr  # zarr takes long to load, and most images are TIFF

    return read_ome_zarr(path)
