"""What a person changed by hand, change by change, so that each can be taken back and made again.

No Qt here. A change holds what stood before and after it, frozen: taking it back puts the very objects of before in
place, so that the results that were made of them are current again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_metime.gui.state.made import Done, Outlined
from napari_metime.gui.state.pairs import Pair

What = Literal["tissue", "roles", "pairs", "cells"]
MAX_CHANGES = 50
"""Changes that can be taken back. Our own choice, as is the following."""
MAX_BYTES = 256 << 20
"""Of the masks that they hold."""


@dataclass(frozen=True, slots=True, eq=False)
class TissueByHand:
    """The tissue as it stood: settings of the step, its outline, its result."""

    settings: Mapping[str, Any]
    outlined: Outlined | None
    done: Done | None

    def looks_like(self, outlined: Outlined) -> bool:
        """Whether this is the same outline, with the same left out."""
        here = self.outlined
        return (
            here is not None
            and np.array_equal(here.whole.mask, outlined.whole.mask)
            and np.array_equal(here.left_out, outlined.left_out)
        )


@dataclass(frozen=True, slots=True)
class PairsByHand:
    """The landmarks as they stood: the pairs, the file that they are of, and what the recipe names."""

    placed: tuple[Pair, ...]
    read_from: Path | None
    named: Path | None


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One change.

    Parameters
    ----------
    words : what was done, as it follows ``undo:``
    before, after : TissueByHand, PairsByHand, the types of each role, or the settings of the cells with their table
    says_same : whether what was made of the one counts as made of the other
    """

    words: str
    what: What
    before: Any
    after: Any
    says_same: bool = False

    @property
    def n_bytes(self) -> int:
        """How much memory its masks hold, about."""
        outlined = self.before.outlined if isinstance(self.before, TissueByHand) else None
        return 0 if outlined is None else 3 * outlined.left_out.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The changes, the oldest first, and those that were taken back, the last one first to be made again."""

    past: tuple[Change, ...] = ()
    undone: tuple[Change, ...] = ()

    def after(self, change: Change) -> History:
        """Add a change; what of the same thing was taken back cannot be made again."""
        past = (*self.past, change)[-MAX_CHANGES:]
        while len(past) > 1 and sum(each.n_bytes for each in past) > MAX_BYTES:
            past = past[1:]
        return History(past, tuple(each for each in self.undone if each.what != change.what))

    def last(self, what: What | None = None) -> Change | None:
        """Return the change that is taken back next."""
        return _last(self.past, what)

    def next(self, what: What | None = None) -> Change | None:
        """Return the change that is made again next."""
        return _last(self.undone, what)

    def back(self, change: Change) -> History:
        """Take a change back. Changes of different things do not touch each other, so it need not be the last."""
        return History(_without(self.past, change), (*self.undone, change))

    def again(self, change: Change) -> History:
        """Make a change again."""
        return History((*self.past, change), _without(self.undone, change))

    def without(self, what: What) -> History:
        """Forget the changes of something that another one has taken the place of."""
        past, undone = (tuple(c for c in changes if c.what != what) for changes in (self.past, self.undone))
        return History(past, undone)


def _last(changes: tuple[Change, ...], what: What | None) -> Change | None:
    return next((change for change in reversed(changes) if what in (None, change.what)), None)


def _without(changes: tuple[Change, ...], change: Change) -> tuple[Change, ...]:
    return tuple(each for each in changes if each is not change)
