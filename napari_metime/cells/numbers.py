"""From the words of a table to numbers: decimal commas, percent, 0/1 in its many spellings."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import CellTableError

_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+")
_TRUE = frozenset({"1", "1.0", "1,0", "true", "yes", "+", "pos", "positive"})
_FALSE = frozenset({"0", "0.0", "0,0", "false", "no", "-", "neg", "negative"})


def to_numbers(values: pd.Series[float], *, name: str, delimiter: str) -> NDArray[np.float64]:
    """Return a column as float64, NaN where it holds no number.

    A comma counts as the decimal sign where commas do not separate the columns, no number has a point,
    and at least one cannot be a number with thousands set apart (``1,234``).

    Raises
    ------
    CellTableError
        It cannot be said what the commas in the numbers mean.
    """
    if values.dtype == bool:  # pandas reads a column of the words true and false so
        return np.full(len(values), np.nan)
    if values.dtype != object and not pd.api.types.is_string_dtype(values):
        return np.array(values, dtype=np.float64)
    words: list[Any] = values.to_numpy(object).tolist()
    has_comma = np.array([isinstance(word, str) and "," in word for word in words], dtype=bool)
    if has_comma.any():  # before they are read, since pandas is slow with what is no number
        words = [word.replace(",", ".") if comma else word for word, comma in zip(words, has_comma, strict=True)]
    numbers = pd.to_numeric(pd.Series(words, dtype=object), errors="coerce").to_numpy(np.float64, copy=True)
    _check_commas(values, numbers, has_comma & ~np.isnan(numbers), name=name, delimiter=delimiter)
    return numbers


def check_numbers(
    values: pd.Series[float] | NDArray[Any], numbers: NDArray[np.float64], *, name: str, key: str
) -> None:
    """Raise if a column holds something but no number at all: it is one of texts.

    Parameters
    ----------
    values, numbers : the column as it is and as numbers, NaN where it holds none
    key : what asks for it in the recipe
    """
    found = pd.Series(values).dropna()
    if found.size and np.isnan(numbers).all():
        raise CellTableError(
            f"expected numbers in {name!r} ({key}), found none (the first is {str(found.iloc[0])!r:.40}); "
            "name a column of numbers"
        )


def _check_commas(
    values: pd.Series[float],
    numbers: NDArray[np.float64],
    with_comma: NDArray[np.bool_],
    *,
    name: str,
    delimiter: str,
) -> None:
    """Raise if the commas that were read as decimal signs may be something else."""
    if not with_comma.any():
        return
    words = values.to_numpy(object)[with_comma]
    others = numbers[~with_comma & np.isfinite(numbers)]
    has_point = bool((others != np.floor(others)).any())
    if delimiter == "," or has_point or all(_THOUSANDS.fullmatch(word.strip()) for word in words):
        raise CellTableError(
            f"expected numbers with one decimal sign in {name!r}, found {words[0]!r:.40}, which may be "
            "a decimal comma or thousands; write numbers with a decimal point and no thousands separator"
        )


def to_shares(values: pd.Series[float], *, name: str, delimiter: str) -> NDArray[np.float64]:
    """Return a column of shares, 0 to 1 or with a percent sign, as float64 from 0 to 1; NaN where it holds none.

    Raises
    ------
    CellTableError
        A number lies outside 0 to 1, or it cannot be said what its commas mean.
    """
    percent, as_given = np.zeros(len(values), dtype=bool), values
    if values.dtype == object or pd.api.types.is_string_dtype(values):
        words = values.astype(str).str.strip()
        percent = words.str.endswith("%").to_numpy(bool)
        values = values.astype(object).mask(percent, words.str.rstrip("% \N{NO-BREAK SPACE}").to_numpy(object))
    shares = to_numbers(values, name=name, delimiter=delimiter)
    check_numbers(as_given, shares, name=name, key="cells.type_probability")
    shares[percent] /= 100
    outside = shares[(shares < 0) | (shares > 1)]
    if outside.size:
        raise CellTableError(
            f"expected probabilities from 0 to 1 in {name!r} (cells.type_probability), found {outside[0]:g}; "
            "divide those in percent by 100, or write them with a percent sign"
        )
    return shares


def to_truths(values: pd.Series[float], *, marker: str) -> NDArray[np.float64] | None:
    """Return a column of 0/1, true/false, positive/negative or ``CD8+``/``CD8-`` as 1.0 and 0.0, NaN where empty.

    Beside ``CD8+`` one other text, such as ``other``, is 0.0. None where the column holds anything else: it is no
    column of calls.
    """
    codes, found = pd.factorize(values)  # code -1 where empty
    if len(found) > 8:
        return None
    truths = [_truth(str(value), marker) for value in found]
    words = {str(value).strip().casefold() for value in found} - {""}
    if len(words) == 2 and f"{marker.casefold()}+" in words:
        truths = [0.0 if truth is None else truth for truth in truths]
    if any(truth is None for truth in truths):
        return None
    return np.array([*truths, np.nan], dtype=np.float64)[codes]


def _truth(word: str, marker: str) -> float | None:
    word = word.strip().casefold().removeprefix(marker.casefold()).strip()
    if word in _TRUE or word in _FALSE:
        return float(word in _TRUE)
    return None if word else float("nan")
