"""Cell types by markers: ``{CD8 T: [CD3+, CD8+], Treg: [CD3+, FOXP3+]}``, the first rule that holds.

``CD3+`` and ``CD8-`` ask a column of calls (0/1, positive/negative, CD8+/other), found by the whole name of the
marker: ``CD3``, ``CD3 (Opal 570) Positive``, ``Phenotype-CD3``, so that ``PD+`` is not ``PD-L1``. ``CD8 > 2.5`` asks
any column of numbers, by the name it has in the table. Where a value is missing, neither CD3+ nor CD3- holds.
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
from napari_metime.cells.numbers import check_numbers, to_numbers, to_truths
from napari_metime.errors import CellTableError

Gates = Mapping[str, Sequence[str]]
_LEVEL = re.compile(r"(?P<column>.+?)\s*(?P<sign>>=|<=|>|<)\s*(?P<level>[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")  # the dye; R writes dots in place of the brackets
_CALLS = re.compile(r"phenotype (?P<phenotype>.+)|(?P<positive>.+?)(?: opal \d+)? positive(?: classification)?")
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


def told_gates(rules: Rules, header: Sequence[str]) -> str:
    """Tell that rules give the types, and the columns that they ask."""
    asked = quoted_names([header[at] for at in sorted(columns_of(rules))])
    return f"type by cells.gates ({len(rules)} {'rule' if len(rules) == 1 else 'rules'} on {asked})"


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
    wanted = _letters(plain_name(marker))
    calls = [i for i, column in enumerate(header) if _marker_of(column) == wanted]
    return calls or [i for i, column in enumerate(header) if _letters(plain_name(column)) == wanted]


def _marker_of(column: str) -> str | None:
    """Return the whole name of the marker, without signs between its letters, whose calls a column says to hold."""
    words = plain_name(_BRACKETS.sub(" ", column)).replace("+", " ").strip()
    match = _CALLS.fullmatch(words)
    return None if match is None else _letters(match["phenotype"] or match["positive"])


def _letters(name: str) -> str:
    return "".join(re.findall(r"\w", name))


def _holds(values: pd.Series[float], condition: Condition, header: Sequence[str], delimiter: str) -> NDArray[np.bool_]:
    name = header[condition.column]
    if condition.marker is None:
        numbers = to_numbers(values, name=name, delimiter=delimiter)
        check_numbers(values, numbers, name=name, key=f"cells.gates, {condition.text}")
        return np.asarray(_COMPARE[condition.sign](numbers, condition.level), dtype=bool)
    truths = to_truths(values, marker=condition.marker)
    if truths is None:
        raise CellTableError(_no_calls(values, condition, name))
    return np.asarray(truths == condition.wanted, dtype=bool)


def _no_calls(values: pd.Series[float], condition: Condition, name: str) -> str:
    found = [str(value) for value in values.dropna().unique()[:3]]
    if pd.to_numeric(values, errors="coerce").isna().all():
        return (
            f"expected 0 and 1, or '{condition.marker}+' and one other text, in {name!r} for {condition.text!r} "
            f"(cells.gates), found {quoted_names(found)}; set cells.type to {name!r:.40}, or write the calls as 0 and 1"
        )
    return (
        f"expected 0 and 1 in {name!r} for {condition.text!r} (cells.gates), found {found[0]!r:.40}; "
        f"write a level such as '{name:.40} > 2.5'"
    )
