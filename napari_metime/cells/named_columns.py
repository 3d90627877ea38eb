"""Columns with names, of whatever file: cell types, by a column or by gates, and numbers from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.cells.assembling import to_texts
from napari_metime.cells.columns import find_images, find_type
from napari_metime.cells.delimited_formats import find_probability
from napari_metime.cells.gates import Gates, apply_gates, columns_of, find_gates, told_gates
from napari_metime.cells.numbers import check_numbers, to_numbers


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """What a file says of its cells beside their places.

    Parameters
    ----------
    told : how a column is called in the note, with its name in place of ``{}``
    header : names of the columns
    column : reads the column at a position, of shape (n,); None where a value is missing
    """

    told: str
    header: tuple[str, ...]
    column: Callable[[int], NDArray[Any]]

    def numbers(self, at: int) -> NDArray[np.float64]:
        """Return a column as numbers, NaN where it has none."""
        return to_numbers(pd.Series(self.column(at)), name=self.header[at], delimiter=";")

    def types(self, type_column: str | None, gates: Gates | None) -> tuple[NDArray[np.object_], str]:
        """Return the type of each cell, empty where it has none, and where it is from."""
        if not gates:
            at = find_type(self.header, type_column)
            return _class_names(self.column(at)), f"type from {self.told.format(repr(self.header[at]))}"
        rules = find_gates(self.header, gates)
        frame = pd.DataFrame({at: self.column(at) for at in columns_of(rules)})
        names, codes = apply_gates(frame, rules, header=self.header, delimiter=";")
        return np.array(names, dtype=object)[codes], told_gates(rules, self.header)

    def probability(self, name: str | None) -> tuple[NDArray[np.float64], str]:
        """Return how likely each type is right and the name of its column; nothing where none is asked for."""
        if name is None:
            return np.empty(0), ""
        at = find_probability(self.header, name)
        numbers = self.numbers(at)
        check_numbers(self.column(at), numbers, name=self.header[at], key="cells.type_probability")
        return numbers, self.header[at]

    def images_warning(self, rows: NDArray[np.bool_] | slice = slice(None)) -> tuple[str, ...]:
        """Warn of cells of several images, among those in ``rows``: each has its own origin."""
        for at in find_images(self.header):
            n_images = len(set(to_texts(self.column(at)[rows])) - {""})
            if n_images > 1:
                named = repr(self.header[at])
                return (f"the cells are of {n_images:,} images in {named} but are taken as of one; keep those of one",)
        return ()


def _class_names(values: NDArray[Any]) -> NDArray[np.object_]:
    """Return types as texts; of a classification of QuPath, which may be an object or the text of one, its name."""
    if values.dtype != object:
        return to_texts(values)
    return to_texts(np.array([_class_name(value) for value in values.tolist()], dtype=object))


def _class_name(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value.get("name") if isinstance(value, dict) else value
