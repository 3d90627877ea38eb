"""From what a file holds to a table of cells: the same checks and words for every format that is no text table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.cells.columns import UNIT_SIGNS, Unit
from napari_metime.cells.numbers import to_shares
from napari_metime.cells.reading import MAX_POSITION, UNASSIGNED
from napari_metime.cells.roles import match_roles
from napari_metime.errors import CellTableError
from napari_metime.section import CellTable, Outlines


@dataclass(frozen=True, slots=True, eq=False)
class FoundCells:
    """The cells of a file, before they are checked.

    Parameters
    ----------
    source : what the file is, in words
    x, y : ndarray of shape (n,), float64, in ``unit``
    types : ndarray of shape (n,), str, empty where a cell has none
    cell_id : ndarray of shape (n,), str, or None where the file has none
    unit : None where nothing says it
    told : what a person should know: where places and types come from
    area, outlines : as in ``CellTable``
    type_probability : ndarray of shape (n,), float64, NaN where unknown; or empty
    probability_name : what the file calls it
    """

    source: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    types: NDArray[np.object_]
    unit: Unit | None
    told: str
    cell_id: NDArray[np.object_] | None = None
    warnings: tuple[str, ...] = ()
    area: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    type_probability: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    probability_name: str = ""
    outlines: Outlines | None = None


def assemble(found: FoundCells, roles: Mapping[str, Sequence[str]]) -> CellTable:
    """Return the cells that have a place, with the roles of their types; what is left out is counted in a warning.

    Raises
    ------
    CellTableError
        There is no cell, none has a readable position, none is of a listed type, or a probability is not in 0 to 1.
    """
    n = found.x.size
    if n == 0:
        raise CellTableError(f"expected cells in the {found.source}, found none; export the cells again")
    if found.unit is None:
        raise CellTableError(f"expected {found.source} that says px or µm, found neither; set cells.unit to px or um")
    with np.errstate(invalid="ignore"):
        readable = (np.abs(found.x) < MAX_POSITION) & (np.abs(found.y) < MAX_POSITION)
    n_bad = int(np.count_nonzero(~readable))
    if n_bad == n:
        raise CellTableError(
            f"expected cells with finite positions in the {found.source}, found none among {n:,}; export them again"
        )
    warnings: tuple[str, ...] = ()
    if n_bad:
        warnings = (f"{n_bad:,} of {n:,} cells have no readable position and are left out",)
    codes, names = pd.factorize(found.types[readable], sort=False)
    counts = dict(zip(names.tolist(), np.bincount(codes).tolist(), strict=True))
    n_untyped = counts.pop("", 0)
    if n_untyped:
        text = f"{n_untyped:,} of {codes.size:,} cells have no type; they are {UNASSIGNED!r} and count as other"
        warnings += (text,)
    role_of, unmatched = match_roles(dict(sorted(counts.items(), key=lambda item: -item[1])), roles)
    cell_id, id_note = _cell_ids(found.cell_id, readable)
    shares, unsure = _probabilities(found, readable)
    return CellTable(
        cell_id=cell_id,
        x=found.x[readable],
        y=found.y[readable],
        type=np.array([name or UNASSIGNED for name in names], dtype=object)[codes],
        role=np.array([role_of.get(name, "other") for name in names], dtype=object)[codes],
        unit=found.unit,
        note=f"{found.source}, {codes.size:,} cells, x and y in {UNIT_SIGNS[found.unit]}; {found.told}; {id_note}",
        warnings=found.warnings + warnings + unsure + unmatched,
        area=found.area[readable] if found.area.size else found.area,
        type_probability=shares,
        outlines=None if found.outlines is None else taken_rings(found.outlines, np.flatnonzero(readable)),
    )


def count_by_type(types: NDArray[np.object_]) -> dict[str, int]:
    """Count the cells of each type, frequent ones first, cells without a type as ``unassigned``."""
    codes, names = pd.factorize(types, sort=False)
    found = {name or UNASSIGNED: int(n) for name, n in zip(names.tolist(), np.bincount(codes), strict=True)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def to_texts(values: NDArray[Any]) -> NDArray[np.object_]:
    """Return values as texts without outer blanks, empty where there is none."""
    codes, found = pd.factorize(values, use_na_sentinel=True)
    return np.array([*(str(value).strip() for value in found), ""], dtype=object)[codes]


def taken_rings(rings: Outlines, taken: NDArray[np.intp]) -> Outlines:
    """Return some of the rings, in the order given."""
    first, length = rings.start[taken], np.diff(rings.start)[taken]
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    at = np.arange(start[-1]) + np.repeat(first - start[:-1], length)
    return Outlines(rings.xy[at], start)


def _probabilities(found: FoundCells, readable: NDArray[np.bool_]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return how likely each type is right, and a warning for cells of which nobody said: those are taken as sure."""
    if not found.type_probability.size:
        return found.type_probability, ()
    values = pd.Series(found.type_probability[readable])
    shares = to_shares(values, name=found.probability_name, delimiter="")
    is_untyped = found.types[readable] == ""
    n_unsaid = int(np.count_nonzero(np.isnan(shares) & ~is_untyped))
    text = f"{n_unsaid:,} of {shares.size:,} cells have no probability in {found.probability_name!r}; taken as sure"
    return np.where(np.isnan(shares) | is_untyped, 1.0, shares), (text,) if n_unsaid else ()


def _cell_ids(ids: NDArray[np.object_] | None, readable: NDArray[np.bool_]) -> tuple[NDArray[np.object_], str]:
    n = int(np.count_nonzero(readable))
    numbers = np.arange(1, n + 1).astype(str).astype(object)
    if ids is None:
        return numbers, "cells numbered in the order of the file"
    chosen = ids[readable]
    if len(set(chosen.tolist())) < n:
        return numbers, "cells numbered in the order of the file, since their ids are not unique"
    return chosen, "id from the file"
