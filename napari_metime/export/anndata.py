"""Ion images as AnnData: a table of pixels and channels that single-cell and spatial tools read."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import OutputError
from napari_metime.replacing import replaced_file
from napari_metime.section import Dataset


def write_anndata(
    images: NDArray[np.float32],
    output: Path,
    *,
    names: Sequence[str],
    mz: NDArray[np.float64],
    tic: NDArray[np.floating],
    dataset: Dataset,
) -> None:
    """Write ion images as AnnData, .h5ad or .zarr, as the name of ``output`` says.

    X (n_pixels, n_channels), float32, holds every pixel with a spectrum, row by row, with the numbers as they are.
    obs: row, col on the grid, x_um, y_um in the section frame (origin at the centre of grid pixel (0, 0)) and
    total_ion_current, not normalised; obsm["spatial"]: (x_um, y_um). var: mz, indexed by name.
    uns["metime"]: grid_shape, pixel_size_um (both y, x) and the UUID of the imzML.

    Parameters
    ----------
    images : ndarray of shape (rows, cols) or (n, rows, cols), float32
    names, mz : one per image; names differ
    tic : ndarray of shape (rows, cols), total ion current of each pixel

    Raises
    ------
    OutputError
        anndata is not installed, two channels bear one name, the pixel size is unknown, or the file cannot be written.
    """
    anndata = load_anndata()
    if len(set(names)) < len(names):
        raise OutputError(f"expected channels of different names, found {', '.join(names)}; drop those that are double")
    if dataset.grid.pixel_size_um is None:
        raise OutputError(
            f"expected a pixel size for positions in µm, found none in {dataset.path.name}; "
            "write .npy or .ome.tif, which do without"
        )
    height_um, width_um = dataset.grid.pixel_size_um
    row, col = np.nonzero(dataset.measured)
    x_um, y_um = col * width_um, row * height_um
    obs = pd.DataFrame(
        {"row": row, "col": col, "x_um": x_um, "y_um": y_um, "total_ion_current": tic[row, col]},
        index=[f"row{r}_col{c}" for r, c in zip(row.tolist(), col.tolist(), strict=True)],
    )
    table = anndata.AnnData(
        X=np.ascontiguousarray(images.reshape(-1, *dataset.grid.shape)[:, row, col].T),
        obs=obs,
        var=pd.DataFrame({"mz": mz}, index=list(names)),
        obsm={"spatial": np.column_stack([x_um, y_um])},
        uns={
            "metime": {
                "grid_shape": np.array(dataset.grid.shape),
                "pixel_size_um": np.array([height_um, width_um]),
                "uuid": dataset.uuid,
            }
        },
    )
    with replaced_file(output) as path:
        if output.name.lower().endswith(".zarr"):
            table.write_zarr(path)
        else:
            table.write_h5ad(path)


def load_anndata() -> ModuleType:
    """Import anndata, which the base package does without.

    Raises
    ------
    OutputError
        It is not installed.
    """
    try:
        return import_module("anndata")
    except ModuleNotFoundError as error:
        raise OutputError(
            f"expected anndata for .h5ad and .zarr, found no module {error.name!r}; "
            "install it, on Python 3.12 or newer, with: pip install 'napari-metime[anndata]'"
        ) from error
