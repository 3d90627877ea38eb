"""The review's hypotheses held against a section: supported, not supported, or not measurable here, and why.

Nothing here recommends, ranks or chooses. The wording is that of the table, which stands beside each result with its
caveat and the section of the review that it is from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_metime.metabolites.hypothesis_table import Direction, read_organ_notes

SUPPORTED, NOT_SUPPORTED, NOT_MEASURABLE = "supported", "not supported", "not measurable in this section"
NO_CUTOFF = "none set, compared with 0"
_COMMON = {"metastasis", "carcinoma", "any", "site", "during", "therapy"}
"""Words of the sites of organ notes that name no site."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """How much higher a channel is in a niche than in the rest, with its 95 % limits; log2 or z."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Held:
    """A condition held against a niche.

    Parameters
    ----------
    reason : why it could not be
    cutoff : in words
    """

    channel: str
    direction: Direction
    contrast: Contrast
    status: str
    reason: str
    cutoff: str


def hold(channel: str, direction: Direction, found: Contrast | str, stated: float | None) -> Held:
    """Hold a condition against a niche.

    Supported: the limit that is nearer to no difference lies beyond the cut-off, in the direction that is named.

    Parameters
    ----------
    found : of the channel in the niche; in words why there is none
    stated : the cut-off, counted in the direction of the condition; None = compared with 0
    """
    if isinstance(found, str):
        return Held(channel, direction, Contrast(np.nan, np.nan, np.nan), NOT_MEASURABLE, f"{channel}: {found}", "")
    cutoff = NO_CUTOFF if stated is None else f"{stated:g} {'higher' if direction == 'high' else 'lower'}"
    least = found.low if direction == "high" else -found.high
    if not np.isfinite(least):
        reason = f"{channel}: no interval, as the section holds too few independent values of it"
        return Held(channel, direction, found, NOT_MEASURABLE, reason, cutoff)
    status = SUPPORTED if least > (stated or 0.0) else NOT_SUPPORTED
    return Held(channel, direction, found, status, "", cutoff)


def joint_status(statuses: Sequence[str]) -> str:
    """Return the status of a hypothesis from those of its conditions: all must be measurable, and all must hold."""
    if not statuses or NOT_MEASURABLE in statuses:
        return NOT_MEASURABLE
    return SUPPORTED if all(status == SUPPORTED for status in statuses) else NOT_SUPPORTED


def notes_of_site(site: str | None) -> tuple[str, ...]:
    """Return what the review says of a section's site, in words: an annotation, which nothing is computed from."""
    words = _words(site or "")
    return tuple(
        f"{note.site[:1].upper()}{note.site[1:]}: {note.programme} (“{note.phrase}”, {note.sections}). {note.note}"
        for note in read_organ_notes()
        if words & _words(note.site)
    )


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{3,}", text.lower())) - _COMMON
