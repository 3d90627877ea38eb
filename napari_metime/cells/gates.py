"""Cell types by markers: ``{CD8 T: [CD3+, CD8+], Treg: [CD3+, FOXP3+]}``, the first rule that holds.

``CD3+`` and ``CD8-`` ask a column of calls (0/1, positive/negative), found by the name of the marker: ``CD3``,
``CD3 (Opal 570) Positive``, ``Phenotype-CD3``. ``CD8 > 2.5`` asks any column of numbers, by the name it has in the
table. Where a value is missing, neither CD3+ nor CD3- holds.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.cells.columns import find_named, nearest_names, plain_name, quoted_names
from napari_metime.cells.numbers import to_numbers, to_truths
from napari_metime.errors import CellTableError

Gates = Mapping[str, Sequence[str]]
_LEVEL = re.compile(r"(?P<column>.+?)\s*(?P<sign>>=|<=|>|<)\s*(?P<level>[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)")
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
# The lineages that most panels tell apart, special ones first; a marker in brackets is asked only where there is one.
_PROPOSED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Treg", ("CD3+", "(CD4+)", "FOXP3+")),
    ("CD8 T", ("CD3+", "CD8+")),
    ("CD4 T", ("CD3+", "CD4+")),
    ("T cell", ("CD3+",)),
    ("Treg", ("(CD4+)", "FOXP3+")),
    ("CD8 T", ("CD8+",)),
    ("B cell", ("CD20+",)),
    ("M2 macrophage", ("(CD68+)", "CD163+")),
    ("M2 macrophage", ("(CD68+)", "CD206+")),
    ("Macrophage", ("CD68+",)),
    ("NK", ("CD56+",)),
    ("Tumor", ("PanCK+",)),
    ("Tumor", ("CK+",)),
    ("Tumor", ("ECAD+",)),
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One demand of a rule: a column, and which of its values fulfil it.

    Parameters
    ----------
    text : as the recipe has it
    column : its position in the table
    marker : whose calls the column holds, or None where ``level`` asks its numbers
    wanted : 1.0 or 0.0, the call that fulfils it
    sign, level : which numbers fulfil it
    """

    text: str
    column: int
    marker: str | None = None
    wanted: float = 1.0
    sign: str = ">"
    level: float = 0.0


Rules = dict[str, tuple[Condition, ...]]


def find_gates(header: Sequence[str], gates: Gates) -> Rules:
    """Find the columns of the markers that gates ask for.

    Raises
    ------
    CellTableError
        A rule has no marker or none that can be read, or the table has no such marker or several.
    """
    for name, conditions in gates.items():
        if not conditions:
            raise CellTableError(
                f"expected markers for {name!r} in cells.gates, found none; write such as [CD3+, CD8+]"
            )
    return {
        name: tuple(_condition(header, text.strip(), name) for text in conditions) for name, conditions in gates.items()
    }


def columns_of(rules: Rules) -> set[int]:
    """Return the positions of all columns that rules ask."""
    return {condition.column for conditions in rules.values() for condition in conditions}


def apply_gates(
    frame: pd.DataFrame, rules: Rules, *, header: Sequence[str], delimiter: str
) -> tuple[list[str], NDArray[np.intp]]:
    """Return the distinct types, ``""`` for none, and each cell's place among them: the first rule that holds.

    Parameters
    ----------
    frame : the cells; its columns are named by their position in the table

    Raises
    ------
    CellTableError
        A column holds no calls where a marker is asked.
    """
    names = [*rules, ""]
    codes = np.full(len(frame), len(rules), dtype=np.intp)
    holds_of: dict[Condition, NDArray[np.bool_]] = {}
    for place, conditions in reversed(list(enumerate(rules.values()))):
        holds = np.ones(len(frame), dtype=bool)
        for condition in conditions:
            if condition not in holds_of:
                holds_of[condition] = _holds(frame[condition.column], condition, header, delimiter)
            holds &= holds_of[condition]
        codes[holds] = place
    return names, codes


def propose_gates(calls: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Propose rules for the markers that a table has calls of; a person confirms them.

    Parameters
    ----------
    calls : names of columns of calls, such as ``CD3`` or ``CD8 (Opal 520) Positive``
    """
    has = {marker: bool(_places_of(calls, marker)) for _, rule in _PROPOSED for marker in map(_bare, rule)}
    proposed: dict[str, tuple[str, ...]] = {}
    for name, rule in _PROPOSED:
        if name in proposed or not all(has[_bare(text)] for text in rule if not text.startswith("(")):
            continue
        proposed[name] = tuple(text.strip("()") for text in rule if has[_bare(text)])
    return proposed


def possible_calls(header: Sequence[str]) -> list[int]:
    """Return the columns that may hold calls of a marker that is known, by their names alone."""
    markers = {_bare(text) for _, rule in _PROPOSED for text in rule}
    return sorted({place for marker in markers for place in _places_of(header, marker)})


def _bare(text: str) -> str:
    return text.strip("()").rstrip("+-")


def _condition(header: Sequence[str], text: str, name: str) -> Condition:
    match = _LEVEL.fullmatch(text)
    if match:
        column = find_named(header, match["column"], key=f"cells.gates, {name}: {text}")
        return Condition(text, column, sign=match["sign"], level=float(match["level"]))
    text = text.replace("\N{MINUS SIGN}", "-")
    marker = text.rstrip("+-").strip()
    if not marker or len(text) - len(text.rstrip("+-")) != 1:
        raise CellTableError(
            f"expected a marker with + or -, or a level, in cells.gates ({name}), found {text!r:.60}; "
            "write such as CD3+, CD8- or CD8 > 2.5"
        )
    places = _places_of(header, marker)
    if not places:
        raise CellTableError(
            f"expected a column of the marker {marker!r} (cells.gates, {name}), found none; "
            f"nearest are {nearest_names(header, marker)}"
        )
    if len(places) > 1:
        raise CellTableError(
            f"expected one column of the marker {marker!r} (cells.gates, {name}), found {len(places)}: "
            f"{quoted_names([header[i] for i in places])}; rename or remove the others"
        )
    return Condition(text, places[0], marker=marker, wanted=float(text.endswith("+")))


def _places_of(header: Sequence[str], marker: str) -> list[int]:
    """Return the columns of the calls of a marker: those that say so beside its name, else those of its very name."""
    wanted = "".join(re.findall(r"\w", plain_name(marker)))
    words = [plain_name(column).replace("+", " ").split() for column in header]
    named = [i for i, parts in enumerate(words) if "".join(parts) == wanted]
    return [i for i, parts in enumerate(words) if _says_calls(parts, wanted)] or named


def _says_calls(words: Sequence[str], marker: str) -> bool:
    if words[:1] == ["phenotype"]:
        return "".join(words[1:]) == marker
    for n in range(1, len(words)):
        if "".join(words[:n]) == marker:
            rest = words[n:]
            return rest[-1] == "positive" or rest[-2:] == ["positive", "classification"]
    return False


def _holds(values: pd.Series[float], condition: Condition, header: Sequence[str], delimiter: str) -> NDArray[np.bool_]:
    name = header[condition.column]
    if condition.marker is None:
        numbers = to_numbers(values, name=name, delimiter=delimiter)
        return np.asarray(_COMPARE[condition.sign](numbers, condition.level), dtype=bool)
    truths = to_truths(values, marker=condition.marker)
    if truths is None:
        found = str(values.dropna().iloc[0])
        raise CellTableError(
            f"expected 0 and 1 in {name!r} for {condition.text!r} (cells.gates), found {found!r:.40}; "
            f"write a level such as '{name:.40} > 2.5'"
        )
    return np.asarray(truths == condition.wanted, dtype=bool)
