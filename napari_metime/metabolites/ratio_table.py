"""The ratios of the panel, as ``ratios.csv`` beside this file defines them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

Weighted = tuple[tuple[str, float], ...]
"""Name of a panel member and its weight, for each member of a sum."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two sums of panel members.

    Parameters
    ----------
    numerator, denominator : name and weight of each member
    needs_all : whether it is another ratio without one of its members
    less_off_tissue : whether a member is a contaminant, so that its mean off the tissue has to be taken off it
    reads : what it is taken for
    reference : where it is from; ``convention`` where nobody is to be cited
    limits : what keeps it from saying that
    suppression_sign : 1, -1 where more, or less, of it is tied to immune suppression; 0 where it is not
    suppression_origin : ``the review`` where that ties the ratio itself, ``our extension`` where the sign is that of
        a member or of other literature, ``""`` where there is no sign
    """

    id: str
    axis: str
    numerator: Weighted
    denominator: Weighted
    needs_all: bool = False
    less_off_tissue: bool = False
    reads: str = ""
    reference: str = ""
    limits: str = ""
    suppression_sign: Literal[-1, 0, 1] = 0
    suppression_origin: str = ""

    @property
    def definition(self) -> str:
        """The two sums in words."""
        return f"{_in_words(self.numerator)} / {_in_words(self.denominator)}"


def _in_words(members: Weighted) -> str:
    return " + ".join(name if weight == 1 else f"{weight:g} {name}" for name, weight in members)


@cache
def read_ratios() -> tuple[Ratio, ...]:
    """Return the ratios in the order of the table."""
    text = files(__package__).joinpath("ratios.csv").read_text(encoding="utf-8")
    return tuple(
        Ratio(
            id=row["id"],
            axis=row["axis"],
            numerator=_members(row["numerator"]),
            denominator=_members(row["denominator"]),
            needs_all=row["needs_all"] == "yes",
            less_off_tissue=row["less_off_tissue"] == "yes",
            reads=row["reads"],
            reference=row["reference"],
            limits=row["limits"],
            suppression_sign=cast(Literal[-1, 0, 1], int(row["suppression_sign"])),
            suppression_origin=row["suppression_origin"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def _members(text: str) -> Weighted:
    """Read ``ATP + 0.5 * ADP``; blanks around the signs tell them from those in names, such as NAD+."""
    parts = (part.rpartition(" * ") for part in text.split(" + "))
    return tuple((name, float(weight or 1)) for weight, _, name in parts)
