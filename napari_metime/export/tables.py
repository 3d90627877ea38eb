"""Tables as CSV: UTF-8, ``.`` decimals, empty = not available, safe to open in a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV with one header row.

    Floats are written in the shortest form that reads back the same, truth values as true and
    false. A text, in a header too, that a spreadsheet would run as a formula gets a leading apostrophe;
    carriage returns become line feeds.
    """
    _plain(table).to_csv(path, index=False, encoding="utf-8", lineterminator="\n", na_rep="")


def spreadsheet_text(table: pd.DataFrame) -> str:
    """Return a table as text for the clipboard: as ``write_table`` writes it, with tabs between the cells."""
    text: str = _plain(table).to_csv(None, sep="\t", index=False, lineterminator="\n", na_rep="")
    return text


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    plain = pd.DataFrame({i: _plain_column(table.iloc[:, i]) for i in range(table.shape[1])}, index=table.index)
    plain.columns = pd.Index([_plain_cell(name) for name in table.columns], dtype=object)
    return plain


def _plain_column(column: pd.Series) -> pd.Series:
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        return column
    # Through a list: a text dtype would refuse None, and map would give NaN for it.
    return pd.Series([_plain_cell(value) for value in column], index=column.index, dtype=object)


def _plain_cell(value: object) -> object:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, str):
        safe = f"'{value}" if value.startswith(_FORMULA_STARTS) else value
        # A bare carriage return is not quoted by every writer, and ends the row for some readers.
        return safe.replace("\r\n", "\n").replace("\r", "\n")
    return value
