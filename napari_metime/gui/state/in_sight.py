"""What the window shows beside the results: layers, ions that were asked for, files of the same slide, the camera,
and what of the results is in hand.

No Qt and no napari here. It is kept with a project, and shown again when that is opened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Slot = Literal["one", "red", "green", "blue"]
SLOTS: tuple[Slot, ...] = ("one", "red", "green", "blue")
Unit = Literal["ppm", "Da"]
MAX_NAME = 1000
"""Characters of a name that is kept: no channel and no tab has a longer one."""


@dataclass(frozen=True, slots=True)
class IonWindow:
    """What an ion image sums: [mz - half, mz + half]; ``label`` is whose ion it was asked for as."""

    mz: float
    tolerance: float
    unit: Unit
    label: str = "ion"

    def __post_init__(self) -> None:
        _check_finite(self.mz, self.tolerance)

    def holds(self, mz: object) -> bool:
        """Whether an m/z lies in it."""
        return isinstance(mz, int | float) and abs(mz - self.mz) <= self.half

    @property
    def half(self) -> float:
        """Half the width in m/z."""
        return self.mz * self.tolerance * 1e-6 if self.unit == "ppm" else self.tolerance

    @property
    def name(self) -> str:
        """The name of the channel that this m/z would be."""
        return f"mz:{self.mz:.4f}"


@dataclass(frozen=True, slots=True)
class IonsInSight:
    """The ions that a person looks at.

    Parameters
    ----------
    target : where the next ion goes
    windows : of the places that hold an ion
    pinned : those that have a layer of their own
    tolerance : half width that was chosen for the next ion, and its unit; None = that of the recipe
    """

    target: Slot = "one"
    windows: Mapping[Slot, IonWindow] = field(default_factory=dict)
    pinned: tuple[IonWindow, ...] = ()
    tolerance: tuple[float, Unit] | None = None

    def __post_init__(self) -> None:
        _check_finite(*(() if self.tolerance is None else self.tolerance[:1]))


@dataclass(frozen=True, slots=True)
class LayerLook:
    """How one of our layers is shown.

    Parameters
    ----------
    kind, channel : which layer it is
    opacity : 0 to 1
    contrast : what is shown darkest and brightest; None where a layer has no such thing
    colours : the name of its colour map; empty where it has none
    """

    kind: str
    channel: str
    is_visible: bool
    opacity: float
    contrast: tuple[float, float] | None
    colours: str

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise ValueError("an opacity beyond 0 to 1")
        if self.contrast is not None:
            _check_finite(*self.contrast)
            if self.contrast[0] >= self.contrast[1]:
                raise ValueError("a contrast without a range")


@dataclass(frozen=True, slots=True)
class Camera:
    """What part of the section is seen, whatever the size of the window: centre and reach, (y, x) in µm."""

    centre_um: tuple[float, float]
    reach_um: tuple[float, float]

    def __post_init__(self) -> None:
        _check_finite(*self.centre_um, *self.reach_um)
        if min(self.reach_um) <= 0:
            raise ValueError("a camera that sees nothing")


@dataclass(frozen=True, slots=True)
class InHand:
    """What of the results a person looks at.

    Parameters
    ----------
    niche : its number; 0 = none
    channel : empty = none
    tab : of the lower dock; empty = none was chosen yet
    """

    niche: int = 0
    channel: str = ""
    tab: str = ""

    def __post_init__(self) -> None:
        if self.niche < 0:
            raise ValueError("a niche below 0")
        if max(len(self.channel), len(self.tab)) > MAX_NAME:
            raise ValueError("a name that is too long")


@dataclass(frozen=True, slots=True)
class InSight:
    """All of it.

    Parameters
    ----------
    layers : the lowest first
    neighbours : further imzML of the same slide, in the order in which they were opened
    camera : None where there was none yet
    """

    layers: tuple[LayerLook, ...] = ()
    ions: IonsInSight = field(default_factory=IonsInSight)
    neighbours: tuple[Path, ...] = ()
    camera: Camera | None = None
    hand: InHand = field(default_factory=InHand)


def _check_finite(*values: float) -> None:
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a number that is none")
