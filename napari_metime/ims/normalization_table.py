"""A file's own normalisation: one value a pixel, from a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.section import Dataset

COLUMNS = ("x", "y", "value")
MAX_ROWS = 10_000_000


def read_normalization_table(path: Path, dataset: Dataset) -> NDArray[np.float64]:
    """Read what each pixel's intensities are divided by.

    Parameters
    ----------
    path : Path
        CSV with the columns x, y (in the file's own coordinates) and value (above 0).

    Returns
    -------
    ndarray of shape (rows, cols), float64; NaN where the table has no row

    Raises
    ------
    MissingFileError
        The table is not there.
    ImzMLError
        A column is missing, a value is no number, a pixel stands twice, or no row lies on the grid.
    """
    try:
        table = pd.read_csv(path, nrows=MAX_ROWS, encoding="utf-8-sig")
    except OSError as error:
        raise MissingFileError(
            f"expected a table at {path}, found {error.strerror or error}; check the path"
        ) from error
    except ValueError as error:  # of the parser and of the decoder alike
        raise ImzMLError(f"expected a CSV in {path.name}, found none that can be read; save it as UTF-8 CSV") from error
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise ImzMLError(
            f"expected the columns x, y, value in {path.name}, found {', '.join(map(str, table.columns[:8]))}; "
            "rename them"
        )
    values = table[list(COLUMNS)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    broken = np.flatnonzero(~np.isfinite(values).all(axis=1) | (values[:, :2] % 1 != 0).any(axis=1))
    if broken.size:
        raise ImzMLError(
            f"expected whole x and y and a number in each row of {path.name}, found otherwise in line {broken[0] + 2}; "
            "mend it"
        )
    return _on_grid(values, dataset, path.name)


def _on_grid(values: NDArray[np.float64], dataset: Dataset, name: str) -> NDArray[np.float64]:
    (rows, cols), (top, left) = dataset.grid.shape, dataset.grid.origin
    row, col = values[:, 1] - top, values[:, 0] - left
    inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    if not inside.any():
        raise ImzMLError(
            f"expected pixels of the file in {name} (x from {left}, y from {top}), found none; "
            "use the file's coordinates"
        )
    flat = (row * cols + col)[inside].astype(np.intp)
    doubled = np.flatnonzero(np.bincount(flat) > 1)
    if doubled.size:
        y, x = divmod(int(doubled[0]), cols)
        raise ImzMLError(f"expected each pixel once in {name}, found x={x + left}, y={y + top} again; drop one")
    found = np.full(rows * cols, np.nan)
    found[flat] = values[inside, 2]
    return found.reshape(rows, cols)
