"""Which axes of the panel can be scored in a file, by which members, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

MIN_COVERAGE = 0.5
"""Least share of the members that a file can show which must be seen. Our default, as panel.md proposes."""
SEEN, DOUBTFUL, OUT_OF_REACH = "seen", "doubtful", "cannot be seen here"
NAMED = 6
"""Members that a reason names at most."""

AxisStatus = Literal["scored", "single_ion", "not_scored"]


@dataclass(frozen=True, slots=True)
class Member:
    """A panel member of an axis, from its row of channels.csv.

    Parameters
    ----------
    sign : 1 where it rises with the activity of the axis, -1 where it is used up
    review_sign : 1 or -1 as the review ties it to immune suppression, 0 where it does not
    mz : of its ion; NaN for an element
    """

    name: str
    verdict: str
    sign: int
    review_sign: int
    mz: float


@dataclass(frozen=True, slots=True)
class AxisPlan:
    """An axis, and what can be made of it.

    Parameters
    ----------
    members : those that are used: seen, and with any spread
    n_in_reach : members that the file can show, by polarity and m/z range
    """

    axis: str
    members: tuple[Member, ...]
    n_in_reach: int
    status: AxisStatus
    reason: str

    @property
    def coverage(self) -> float:
        """Share of the members that the file can show which are used; NaN where it can show none."""
        return len(self.members) / self.n_in_reach if self.n_in_reach else float("nan")


def axis_members(table: pd.DataFrame) -> dict[str, tuple[Member, ...]]:
    """Return the members of each axis, by the axis column alone: the secondary axes are not used.

    Parameters
    ----------
    table : the rows of channels.csv
    """
    found: dict[str, list[Member]] = {}
    for row in rows_of(table):
        axis = row.get("axis")
        if isinstance(axis, str) and axis:
            found.setdefault(axis, []).append(
                Member(
                    str(row["channel"]),
                    verdict_of(row),
                    -1 if _sign(row.get("pathway_sign")) < 0 else 1,
                    _sign(row.get("review_sign")),
                    float(row["mz"]),
                )
            )
    return {axis: tuple(members) for axis, members in found.items()}


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by the names of its columns."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def verdict_of(row: Mapping[str, Any]) -> str:
    """Return the verdict on a member; of a table without verdicts, whether it was detected."""
    verdict = row.get("verdict")
    if isinstance(verdict, str) and verdict:
        return verdict
    return SEEN if row.get("detected") else "not seen"


def _sign(value: object) -> int:
    try:
        number = float(str(value))
    except ValueError:
        return 0
    return (number > 0) - (number < 0)


def plan_axis(
    axis: str, members: Sequence[Member], *, usable: Sequence[str], min_members: int
) -> AxisPlan:
    """Say whether an axis can be scored: by enough seen members, and enough of those that the file can show.

    Parameters
    ----------
    members : all of the axis
    usable : names of the channels that have any spread over the tissue
    """
    in_reach = [m for m in members if m.verdict != OUT_OF_REACH]
    used = tuple(m for m in in_reach if m.verdict == SEEN and m.name in usable)
    status, reason = _judge(members, in_reach, used, max(min_members, 2))
    return AxisPlan(axis, used, len(in_reach), status, reason)


def _judge(
    members: Sequence[Member], in_reach: Sequence[Member], used: Sequence[Member], least: int
) -> tuple[AxisStatus, str]:
    if not in_reach:
        return "not_scored", f"this file can show none of its {_members(len(members))}; channels.csv says why of each"
    n = len(in_reach)
    of_those = f"of the {n} members that this file can show" if n > 1 else "member that this file can show"
    if len(used) == 1:
        which = f"seen one {of_those}" if n > 1 else of_those
        return "single_ion", (
            f"{used[0].name} (single ion): the only {which}; a readout of that ion and no score, for which {least} are "
            "the fewest"
        )
    names = f" ({named([m.name for m in used])})" if used else ""
    if len(used) < least:
        n_doubtful = sum(m.verdict == DOUBTFUL for m in in_reach)
        doubtful = f"; {n_doubtful} doubtful" if n_doubtful else ""
        if n == 1:
            return "not_scored", f"the only {of_those} is {in_reach[0].verdict}; {least} are the fewest"
        are = "is" if not used else "are"
        return "not_scored", f"{len(used) or 'none'} {of_those} {are} seen{names}; {least} are the fewest{doubtful}"
    coverage = len(used) / n
    if coverage < MIN_COVERAGE:
        return "not_scored", (
            f"{len(used)} {of_those} are seen{names}, a coverage of {coverage:.2f}; {MIN_COVERAGE:g} is the least"
        )
    return "scored", ""


def _members(n: int) -> str:
    return f"{n} member" if n == 1 else f"{n} members"


def named(names: Sequence[str]) -> str:
    """Name some, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def review_words(members: Sequence[Member]) -> str:
    """Say in words how the review ties the members to immune suppression: beside a score, never in it."""
    words = {1: "higher with immune suppression", -1: "lower with immune suppression", 0: "no sign stated"}
    parts = []
    for sign, text in words.items():
        names = [m.name for m in members if m.review_sign == sign]
        if names:
            parts.append(f"{text}: {named(names)}")
    return "; ".join(parts)
