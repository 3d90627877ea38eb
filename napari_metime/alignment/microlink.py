"""Projects of napari-imsmicrolink (``NAME-IMSML-meta.json``): pairs of points and the affine map between two images.

What its keys hold, from its source (github.com/NHPatterson/napari-imsmicrolink, ``_dock_widget.py`` and
``data/image_transform.py``): "Affine transformation matrix (xy,microns)" leads from the IMS to the microscopy, both in
µm = index x pixel size, so that the middle of the first pixel is the origin. The IMS image is the bounding box of the
coordinates, with padding at its left and top. The keys "Inverse ... (.., pixels)" hold microns there, so only microns
are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metime.alignment.transforms import fit_landmarks, from_matrix
from napari_metime.errors import AlignmentError
from napari_metime.section import Alignment

MATRIX = "Affine transformation matrix (xy,microns)"
IMS_UM = "IMS spatial resolution"
MICROSCOPY_UM = "Microscopy spatial resolution"
IMS_POINTS = "IMS pixel map points (xy, microns)"
MICROSCOPY_POINTS = "PAQ microscopy points (xy, microns)"
FEWEST_PAIRS = 4


def is_microlink(value: object) -> bool:
    """Whether the content of a JSON file is a project of napari-imsmicrolink."""
    return isinstance(value, Mapping) and MATRIX in value


def read_microlink(name: str, project: Mapping[str, Any], unit: str) -> Alignment:
    """Return the alignment of cells in ``unit`` (px or um) of the microscopy to the section.

    The matrix is the project's own; its points tell the error, as those of an affine fit.

    Raises
    ------
    AlignmentError
        A key is missing or holds something else than it should.
    """
    to_microscopy = _array(name, project, MATRIX, (3, 3))
    ims_um, microscopy_um = (float(_array(name, project, key, ())) for key in (IMS_UM, MICROSCOPY_UM))
    if not (ims_um > 0 and microscopy_um > 0):
        raise AlignmentError(f"{name}: expected pixel sizes above 0, found {ims_um} and {microscopy_um}; mend them")
    left_um, top_um = _padding_um(name, project, ims_um)
    unpadded = np.array([[1, 0, -left_um], [0, 1, -top_um], [0, 0, 1.0]])
    source_um = microscopy_um if unit == "px" else 1.0
    if abs(np.linalg.det(to_microscopy)) < 1e-12:
        raise AlignmentError(f"{name}: expected a matrix that can be inverted, found one that is flat; export it again")
    alignment = from_matrix(_rounded(unpadded @ np.linalg.inv(to_microscopy) @ np.diag([source_um, source_um, 1.0])))
    alignment = replace(
        alignment,
        note=f"{name}: napari-imsmicrolink project, IMS of {ims_um:g} µm to microscopy of {microscopy_um:g} µm, taken "
        f"the other way round: from the cells in {'px' if unit == 'px' else 'µm'} to the section in µm; "
        "it does not tell whether the IMS was turned in it",
    )
    return _with_pairs(name, project, alignment, unpadded[:2, 2], source_um)


def _with_pairs(
    name: str, project: Mapping[str, Any], alignment: Alignment, shift_um: NDArray[np.float64], source_um: float
) -> Alignment:
    """Add the project's points as landmarks, where there are enough to tell an error."""
    if IMS_POINTS not in project or MICROSCOPY_POINTS not in project:
        return alignment
    target, source = (_array(name, project, key, (-1, 2)) for key in (IMS_POINTS, MICROSCOPY_POINTS))
    if len(target) != len(source) or len(source) < FEWEST_PAIRS:
        return alignment
    fit = fit_landmarks(np.column_stack([source / source_um, target + shift_um]), "affine")
    off_um = np.hypot(*(np.column_stack(alignment.to_section(*fit.landmarks[:, :2].T)) - fit.landmarks[:, 2:]).T)
    return replace(fit, matrix=alignment.matrix, kind="matrix", note=alignment.note, residual_um=off_um,
                   rmse_um=float(np.sqrt(np.mean(off_um**2))))  # fmt: skip


def _padding_um(name: str, project: Mapping[str, Any], ims_um: float) -> tuple[float, float]:
    padding = project.get("padding")
    if not isinstance(padding, Mapping):
        return 0.0, 0.0
    left, top = (float(_array(name, padding, f"{side}_padding (px)", ())) for side in ("x_left", "y_top"))
    return left * ims_um, top * ims_um


def _array(name: str, project: Mapping[str, Any], key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the numbers of a key; -1 in ``shape`` is any length."""
    try:
        values = np.array(project.get(key), dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.array(np.nan)
    fits = values.ndim == len(shape) and all(n in (-1, m) for n, m in zip(shape, values.shape, strict=True))
    if not fits or not (np.abs(values) < 1e12).all():
        size = " x ".join("n" if n < 0 else str(n) for n in shape) or "one"
        raise AlignmentError(
            f"{name}: expected {size} finite numbers in {key!r}, found {project.get(key)!r:.60}; export it again"
        )
    return values


def _rounded(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix with its last row as it must be: inverting leaves rounding there."""
    return np.vstack([matrix[:2], [0.0, 0.0, 1.0]])
