"""Images as files: OME-TIFF with the physical pixel size, and ion images for other programs."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_metime.errors import OutputError
from napari_metime.export.anndata import load_anndata
from napari_metime.replacing import replaced_file

_ENDINGS = (".npy", ".ome.tif", ".png", ".h5ad", ".zarr")


def write_ome_tiff(
    image: NDArray[Any],
    path: Path,
    *,
    pixel_size_um: tuple[float, float] | None,
    names: list[str] | None = None,
    is_compressed: bool = False,
) -> None:
    """Write an image of shape (rows, cols), or (n, rows, cols) with a name each, as it is: type, values, NaN.

    Parameters
    ----------
    pixel_size_um : (y, x) in µm, None where unknown
    is_compressed : by zlib, for images that are mostly one value
    """
    # tifffile would draw a random UUID; from the content, the same image gives the same bytes.
    metadata: dict[str, Any] = {"axes": "YX" if image.ndim == 2 else "CYX", "UUID": _uuid_of(image)}
    if names is not None:
        metadata["Channel"] = {"Name": names}
    if pixel_size_um is not None:
        height, width = pixel_size_um
        metadata |= {"PhysicalSizeX": width, "PhysicalSizeY": height}
        metadata |= {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    compression = "zlib" if is_compressed else None
    tifffile.imwrite(path, image, ome=True, photometric="minisblack", metadata=metadata, compression=compression)


def _uuid_of(image: NDArray[Any]) -> str:
    digest = hashlib.sha256(f"{image.dtype} {image.shape}".encode())
    digest.update(image.tobytes())
    return f"urn:uuid:{uuid.UUID(bytes=digest.digest()[:16], version=5)}"


def check_image_name(output: Path) -> str:
    """Return .npy, .ome.tif, .png, .h5ad or .zarr, as an output is named.

    Raises
    ------
    OutputError
        It is named otherwise; or anndata, which writes the last two, is not there; or a .zarr, a folder, is.
    """
    kind = next((end for end in _ENDINGS if output.name.lower().endswith(end)), None)
    if kind is None:
        named = f"{', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}"
        raise OutputError(f"expected an output named {named}, found {output.name}; name it so")
    if kind in (".h5ad", ".zarr"):
        load_anndata()
    if kind == ".zarr" and output.exists():
        raise OutputError(f"expected a new .zarr, found {output} there already; remove it or choose another name")
    return kind


def write_images(
    images: NDArray[np.float32], output: Path, *, names: list[str], pixel_size_um: tuple[float, float] | None
) -> None:
    """Write ion images as .npy, .ome.tif or .png, as the name of ``output`` says; see ``write_anndata`` for others.

    Parameters
    ----------
    images : ndarray of shape (rows, cols) or (n, rows, cols), float32; NaN where no spectrum was taken
    output : Path
        .npy and .ome.tif hold the numbers as they are, NaN too. A .png shows each image between its
        ``contrast_limits``, side by side, NaN transparent.
    names : one per image
    pixel_size_um : (y, x) in µm, None where unknown

    Raises
    ------
    OutputError
        The name ends otherwise, or the file cannot be written.
    """
    kind = check_image_name(output)
    with replaced_file(output) as path:
        if kind == ".npy":
            np.save(path, images, allow_pickle=False)
        elif kind == ".ome.tif":
            write_ome_tiff(images, path, pixel_size_um=pixel_size_um, names=names)
        else:
            _write_png(images, path)


def _write_png(images: NDArray[np.float32], path: Path) -> None:
    from matplotlib import colormaps
    from matplotlib.image import imsave

    shown = [colormaps["viridis"](stretched(image), bytes=True) for image in images.reshape(-1, *images.shape[-2:])]
    imsave(path, np.concatenate(shown, axis=1), format="png")


def stretched(image: NDArray[np.float32], where: NDArray[np.bool_] | None = None) -> np.ma.MaskedArray[Any, Any]:
    """Scale a copy to 0-1 between its ``contrast_limits``; what is not finite or not ``where`` is masked."""
    shown = np.isfinite(image) if where is None else np.isfinite(image) & where
    low, high = contrast_limits(image, shown)
    scaled = (image.astype(np.float64) - low) / (high - low)
    return np.ma.masked_array(np.clip(scaled, 0, 1), mask=~shown)


COLDNESS_TITLE = "coldness (log₂ ratio)"


def coldness_limits(coldness: NDArray[np.float32]) -> tuple[float, float]:
    """Return between what coldness, a log₂ ratio, is shown anywhere: from 0 to its 99th percentile, at least to 1."""
    return 0.0, max(contrast_limits(coldness, np.isfinite(coldness))[1], 1.0)


def contrast_limits(image: NDArray[np.float32], inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Return what is shown darkest and brightest: the 1st and 99th percentile of the finite pixels inside.

    The only clipping of hot spots there is, and for the eye alone: no number, and no file but a .png, is changed by it.
    Widened where the two are one; (0, 1) where no pixel is inside.
    """
    values = image[inside & np.isfinite(image)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, [1, 99]))
    return low, high if high > low else low + max(abs(low), 1.0)
