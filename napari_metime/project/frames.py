"""Tables as columns of arrays, and back, each with the type that it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MAX_ROWS_WITHOUT_COLUMNS = 1 << 24
"""Nothing else bounds them. Our own choice."""
_WITH_GAPS = ("Int64", "Int32", "boolean")
_TEXT = ("str", "string")
_NUMPY = "biufOMm"
"""Kinds of which a value takes no more than 16 bytes, whatever the name of the type says."""


def split_frame(frame: pd.DataFrame) -> dict[str, Any]:
    """Take a table apart.

    Raises
    ------
    TypeError
        A column is of a type that no table of ours has.
    """
    return {
        "columns": _names(frame.columns),
        "index": _names(frame.index),
        "data": tuple(_split(frame.iloc[:, place]) for place in range(frame.shape[1])),
    }


def join_frame(parts: dict[str, Any]) -> pd.DataFrame:
    """Put a table together again.

    Raises
    ------
    TypeError, ValueError
        A column is not as long as the index, or of an unknown type.
    """
    index = _index(parts["index"])
    if not parts["data"] and len(index) > MAX_ROWS_WITHOUT_COLUMNS:
        raise ValueError("a table of rows alone")
    columns = {place: _join(each, index) for place, each in enumerate(parts["data"])}
    frame = pd.DataFrame(columns, index=index)
    frame.columns = _index(parts["columns"])
    return frame


def _names(index: pd.Index) -> dict[str, Any]:
    if isinstance(index, pd.RangeIndex):
        return {"range": (index.start, index.stop, index.step)}
    return {"type": str(index.dtype), "values": index.to_numpy(dtype=object)}


def _index(names: dict[str, Any]) -> pd.Index:
    if "range" in names:
        return pd.RangeIndex(*names["range"])
    index: pd.Index = pd.Index(_column(names["values"]), dtype=_type(names["type"]))
    return index


def _split(column: pd.Series[Any]) -> tuple[Any, ...]:
    name = str(column.dtype)
    if name in _WITH_GAPS:
        gaps = column.isna().to_numpy()
        return name, column.fillna(0).to_numpy(dtype=bool if name == "boolean" else name.lower()), gaps
    if name in _TEXT:
        gaps = column.isna().to_numpy()
        return name, column.where(~gaps, "").to_numpy(dtype=object), gaps
    if not isinstance(column.dtype, np.dtype):
        raise TypeError(f"a column of type {name}")
    return name, column.to_numpy()


def _column(values: Any, length: int | None = None) -> NDArray[Any]:
    """Return an array as long as the index; pandas would repeat anything else as often as the index says."""
    if not isinstance(values, np.ndarray) or values.ndim != 1 or length not in (None, len(values)):
        raise ValueError("a column that is not as long as its table")
    return values


def _type(name: str) -> str:
    if name not in (*_WITH_GAPS, *_TEXT, "category") and np.dtype(name).kind not in _NUMPY:
        raise ValueError(f"unknown type of column {name!r:.40}")
    return name


def _join(parts: tuple[Any, ...], index: pd.Index) -> pd.Series[Any]:
    name, *arrays = parts
    values, *gaps = (_column(each, len(index)) for each in arrays)
    _type(name)
    if not gaps:
        plain: pd.Series[Any] = pd.Series(values, index=index, dtype=name)
        return plain
    if name not in (*_WITH_GAPS, *_TEXT):
        raise ValueError(f"unknown type of column {name!r:.40}")
    missing = gaps[0]
    if name in _TEXT:
        values = values.astype(object)
        values[missing.astype(bool)] = None
        texts: pd.Series[Any] = pd.Series(values, index=index, dtype=name)
        return texts
    column: pd.Series[Any] = pd.Series(values, index=index).astype(name)
    column[missing] = pd.NA
    return column
