"""The colours of roles, grades and coldness, the same wherever they are drawn.

Those of Okabe & Ito (2008), and greys as dark or bright as it takes to be told from them without red or green.
"""

from __future__ import annotations

from collections.abc import Mapping

from napari_metime.section import Role

ROLE_COLOURS: Mapping[Role, str] = {
    "effector": "#E69F00",
    "suppressor": "#CC79A7",
    "tumor": "#707070",
    "other": "#56B4E9",
}
GRADE_COLOURS: Mapping[str, str] = {
    "desert": "#0072B2",
    "excluded": "#009E73",
    "mixed": "#F0E442",
    "undetermined": "#BBBBBB",
}
COLDNESS_COLOURS = ("#CFE1F2", "#7FB3DA", "#2B72B4", "#08306B")
"""One hue, from as many effectors as expected to far fewer; the first is told from paper, where nothing is known."""

DIVERGING_COLOURS = ("#0072B2", "#F5F5F5", "#D55E00")
"""Below, at and above zero: of ratios and axis scores."""
VERDICT_COLOURS: Mapping[str, str] = {
    "seen": "#009E73",
    "doubtful": "#E69F00",
    "not seen": "#999999",
    "cannot be seen here": "#999999",
}
"""Of what a file shows of a metabolite; a sign and the word always stand beside them."""


def grade_of(value: object) -> str:
    """Return a grade of ``GRADE_COLOURS``; anything else is undetermined."""
    return value if isinstance(value, str) and value in GRADE_COLOURS else "undetermined"


def rgb(colour: str) -> list[int]:
    """Return ``#RRGGBB`` as three numbers from 0 to 255."""
    return list(bytes.fromhex(colour.removeprefix("#")))
