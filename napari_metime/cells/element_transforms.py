"""How an element of SpatialData comes to a named coordinate system: a 3 x 3 matrix on (x, y, 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metime.cells.columns import UNIT_WORDS, Unit, plain_name, quoted_names
from napari_metime.errors import CellTableError

SYSTEM = "global"
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True, eq=False)
class ToSystem:
    """A transformation.

    Parameters
    ----------
    matrix : ndarray of shape (3, 3), on (x, y, 1)
    system : name of the system
    unit : of the system, or None where it does not say px or µm
    """

    matrix: NDArray[np.float64]
    system: str
    unit: Unit | None

    def told(self) -> str:
        """Say in words what it does."""
        (a, b, c), (d, e, f) = self.matrix[:2].tolist()
        if np.array_equal(self.matrix, np.eye(3)):
            return f"as they are in system {self.system!r}"
        return f"moved to system {self.system!r} by [[{a:g}, {b:g}, {c:g}], [{d:g}, {e:g}, {f:g}]]"


def to_system(transformations: Any, element: str) -> ToSystem:
    """Return the transformation to "global", or to the only system that there is.

    Parameters
    ----------
    transformations : the attribute ``coordinateTransformations`` of an element

    Raises
    ------
    CellTableError
        There is none to "global" but several others, or one of a kind that no matrix can say.
    """
    listed = transformations if isinstance(transformations, list) else []
    by_system = {str(told["output"]["name"]): told for told in listed}
    system = SYSTEM if SYSTEM in by_system or len(by_system) != 1 else next(iter(by_system))
    if system not in by_system:
        found = quoted_names(list(by_system)) or "none"
        raise CellTableError(
            f"expected a transformation of {element!r} to the system {SYSTEM!r}, found {found}; add one by spatialdata"
        )
    told = by_system[system]
    units = {axis["name"]: UNIT_WORDS.get(plain_name(str(axis.get("unit")))) for axis in told["output"]["axes"]}
    return ToSystem(_matrix(told, element, _MAX_DEPTH), system, units["x"] if units["x"] == units["y"] else None)


def _matrix(told: Mapping[str, Any], element: str, depth: int) -> NDArray[np.float64]:
    kind, matrix = told.get("type"), np.eye(3)
    came, goes = ([axis["name"] for axis in told[side]["axes"]] for side in ("input", "output"))
    if kind == "identity":
        return matrix
    if kind == "sequence" and depth > 0:
        for one in told["transformations"]:
            matrix = _matrix(one, element, depth - 1) @ matrix
        return matrix
    for row, axis in enumerate("xy"):
        if kind == "scale":
            matrix[row, row] = told["scale"][came.index(axis)]
        elif kind == "translation":
            matrix[row, 2] = told["translation"][came.index(axis)]
        elif kind == "affine":
            values = told["affine"][goes.index(axis)]
            matrix[row] = [values[came.index("x")], values[came.index("y")], values[len(came)]]
        elif kind == "mapAxis":
            matrix[row, :2] = [float(told["mapAxis"][axis] == name) for name in "xy"]
        else:
            raise CellTableError(
                f"expected identity, scale, translation, affine, mapAxis or a sequence of them as transformation of "
                f"{element!r}, found {kind!r:.40}; apply it by spatialdata and write the shapes again"
            )
    return matrix
