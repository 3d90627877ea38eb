"""What the review links to an axis: hypotheses of treatment, and programmes of organs. Texts, for research only.

``hypotheses.csv`` and ``organ_notes.csv`` beside this file hold them. Neither ranks nor recommends.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

Direction = Literal["high", "low"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the review says of a treatment under a condition that a section may fulfil.

    Parameters
    ----------
    axis : its id; two, parted by ``; ``, where the condition is of both
    condition : in words
    needs : all that the condition asks: the name of a channel as the tables have it, and whether it must be high or low
    hypothesis : what the review discusses under that condition
    phrase : its words
    sections : of the review, ``2.1; 4.1``
    caveat : what must stand beside it; ``ours`` marks what the review does not say
    """

    axis: str
    condition: str
    needs: tuple[tuple[str, Direction], ...]
    hypothesis: str
    phrase: str
    sections: str
    caveat: str


@dataclass(frozen=True, slots=True)
class OrganNote:
    """What the review says of metabolism at a site: an annotation, without numbers.

    Parameters
    ----------
    axes : ids of the axes that it speaks of
    phrase : words of the review
    note : what to heed when it is read
    """

    site: str
    programme: str
    axes: tuple[str, ...]
    phrase: str
    note: str
    sections: str


@cache
def read_hypotheses() -> tuple[Hypothesis, ...]:
    """Return the hypotheses in the order of the table."""
    return tuple(
        Hypothesis(
            axis=row["axis"],
            condition=row["condition"],
            needs=tuple(map(_need, row["needs"].split("; "))),
            hypothesis=row["hypothesis"],
            phrase=row["phrase"],
            sections=row["sections"],
            caveat=row["caveat"],
        )
        for row in _rows("hypotheses.csv")
    )


def _need(text: str) -> tuple[str, Direction]:
    channel, _, direction = text.rpartition(" ")
    return channel, cast(Direction, direction)


@cache
def read_organ_notes() -> tuple[OrganNote, ...]:
    """Return the notes in the order of the table."""
    return tuple(
        OrganNote(
            site=row["site"],
            programme=row["programme"],
            axes=tuple(row["axes"].split(";")),
            phrase=row["phrase"],
            note=row["note"],
            sections=row["sections"],
        )
        for row in _rows("organ_notes.csv")
    )


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines()))
