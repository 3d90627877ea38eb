"""Whether what a project holds can stand in a session: the file may be anybody's, or damaged. No Qt here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from napari_metime.gui.state.chain import READS, STEPS, Step
from napari_metime.gui.state.defaults import default_values
from napari_metime.gui.state.history import Change, History, PairsByHand, TissueByHand
from napari_metime.gui.state.in_sight import InSight
from napari_metime.gui.state.made import Aligned, Done, Opened, Outlined
from napari_metime.gui.state.pairs import Pairs
from napari_metime.project.fits import fits
from napari_metime.section import CellTable, ChannelSet, Dataset, NicheResult, Tissue

MAX_INT = 2**31 - 1
"""No field of a whole number shows more; the seed has one of its own."""
MAX_SEED = 2**32 - 1
_PLAIN = (bool, int, float, str, Path, BaseModel, np.number, np.bool_)
_ROLES = Mapping[str, tuple[str, ...]]
_TYPES: dict[str, Any] = {
    "values": dict[str, Any],
    "cell_types": dict[str, int],
    "types_of": tuple[Path, str | None] | None,
    "why_roles": dict[str, str],
    "ways_left": dict[str, dict[str, Any]],
    "cells_note": str,
    "asks_unit": bool,
    "colour_by": Literal["role", "type"],
    "outlined": Outlined | None,
    "pairs": Pairs,
    "pairs_from": Path | None,
    "history": History,
    "image_extent": tuple[float, float, float | None] | None,
    "image_note": str,
    "in_sight": InSight,
    "folder": Path | None,
}
_ON_THE_GRID: tuple[Step, ...] = ("tissue", "metabolites", "align", "niches")
_VALUES: dict[Step, type] = {
    "data": Opened,
    "tissue": Tissue,
    "metabolites": ChannelSet,
    "cells": CellTable,
    "align": Aligned,
    "niches": NicheResult,
    "export": Path,
}


def is_sound(attributes: Mapping[str, Any], done: Mapping[Step, Done]) -> bool:
    """Whether attributes of a session, by name, and its results are what a session holds.

    An attribute may be missing: one that an earlier version did not keep is as at the start.
    """
    history = attributes.get("history", History())
    return (
        set(attributes) <= set(_TYPES)
        and all(fits(value, _TYPES[name]) for name, value in attributes.items())
        and _are_values(attributes.get("values"))
        and all(map(_is_change, (*history.past, *history.undone)))
        and set(done) <= set(STEPS)
        and all(isinstance(each.value, _VALUES[step]) for step, each in done.items())
        and all(map(_is_made_of_settings, _all_dones(done, history)))
        and _is_on_one_grid({step: each.value for step, each in done.items()}, attributes.get("outlined"), history)
    )


def _all_dones(done: Mapping[Step, Done], history: History) -> Iterator[Done]:
    """Yield each result with all that it was made of, once."""
    sides = (side for change in (*history.past, *history.undone) for side in (change.before, change.after))
    of_tissue = (side.done for side in sides if isinstance(side, TissueByHand) and side.done is not None)
    waiting, known = [*done.values(), *of_tissue], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) not in known:
            known.add(id(each))
            waiting += [made_of for made_of in each.ticket.inputs if isinstance(made_of, Done)]
            yield each


def _is_made_of_settings(done: Done) -> bool:
    """Whether the settings of a result can be compared with those of now, shown, and taken back."""
    defaults, settings = default_values() | {"align": None, "seed": None}, done.ticket.settings
    forms = (
        (defaults[section] or {}).get(key) if key else defaults[section] for section, key in READS[done.ticket.step]
    )
    return (
        len(settings) >= len(READS[done.ticket.step])
        and _is_plain(settings)
        and all(_has_form(value, form) for value, form in zip(settings, forms, strict=False))
    )


def _are_values(values: Any) -> bool:
    """Whether it has all keys of an unfinished recipe, and no other."""
    return (
        # The keys of align follow from the way that was chosen.
        _has_form(values, default_values() | {"align": None, "seed": None})
        and fits(values["seed"], int)
        and isinstance(values["align"], dict | str)
        and isinstance(values["microscopy"], dict | None)
        and _are_cells(values["cells"])
    )


def _are_cells(settings: Any) -> bool:
    return (
        _has_form(settings, default_values()["cells"])
        and fits(settings["roles"], _ROLES)
        and fits(settings["gates"], _ROLES)
    )


def _has_form(value: Any, default: Any) -> bool:
    """Whether a dict has the keys of the default one, any where that is empty, and all else is plain."""
    if not isinstance(default, dict):
        return _is_plain(value) and _is_like(value, default)
    if not isinstance(value, dict) or (default and set(value) != set(default)):
        return False
    return all(_has_form(each, default.get(key)) for key, each in value.items())


def _is_like(value: Any, default: Any) -> bool:
    """Whether a field that begins with a number, a tick or a list can show it; others take any text."""
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, int):
        return fits(value, int) and abs(value) <= MAX_INT
    if isinstance(default, float):
        return fits(value, float) and math.isfinite(value)
    if isinstance(default, str):
        return isinstance(value, str | int | float | Path | tuple | None) and _is_hashable(value)
    return isinstance(value, tuple) if isinstance(default, tuple) else True


def _is_hashable(value: Any) -> bool:
    return all(map(_is_hashable, value)) if isinstance(value, tuple) else not isinstance(value, dict | list)


def _is_plain(value: Any) -> bool:
    if isinstance(value, int) and abs(value) > MAX_SEED:
        return False
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(each) for key, each in value.items())
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, _PLAIN)


def _is_change(change: Change) -> bool:
    sides = (change.before, change.after)
    if change.what == "roles":
        return all(fits(side, _ROLES) for side in sides)
    if change.what == "cells":
        return all(_are_cells(side) for side in sides)
    if change.what == "pairs":
        return all(isinstance(side, PairsByHand) for side in sides)
    return all(isinstance(side, TissueByHand) and _is_tissue(side) for side in sides)


def _is_tissue(side: TissueByHand) -> bool:
    made = side.done is None or isinstance(side.done.value, Tissue)
    return made and _has_form(side.settings, default_values()["tissue"])


def _is_on_one_grid(values: Mapping[Step, Any], outlined: Outlined | None, history: History) -> bool:
    """Whether all images have the shape of the section."""
    images = list(_images(values, outlined, history))
    if "data" not in values:
        return not images and not set(values) & set(_ON_THE_GRID)
    opened: Opened = values["data"]
    shape = opened.dataset.grid.shape
    return _lies_on_its_grid(opened.dataset) and all(image.shape == shape for image in (opened.tic, *images))


def _lies_on_its_grid(dataset: Dataset) -> bool:
    """Whether each spectrum has one of everything, and a pixel of the grid."""
    each = (
        dataset.row, dataset.col, dataset.mz_offset, dataset.mz_length, dataset.intensity_offset,
        dataset.intensity_length, dataset.ascending, dataset.mz_encoded, dataset.intensity_encoded, dataset.mz_scale,
    )  # fmt: skip
    places = zip((dataset.row, dataset.col), dataset.grid.shape, strict=True)
    return all(array is None or array.shape == (dataset.n_spectra,) for array in each) and all(
        bool(((place >= 0) & (place < size)).all()) for place, size in places
    )


def _images(values: Mapping[Step, Any], outlined: Outlined | None, history: History) -> Iterator[NDArray[Any]]:
    if "tissue" in values:
        yield from _of_tissue(values["tissue"])
    if "metabolites" in values:
        yield from (channel.image for channel in values["metabolites"].channels)
    if "niches" in values:
        found = values["niches"].map
        yield from (found.domain, found.assessable, found.coldness, found.expected, found.labels)
    yield from _of_outlined(outlined)
    for change in (*history.past, *history.undone):
        for side in (change.before, change.after):
            if isinstance(side, TissueByHand):
                yield from _of_outlined(side.outlined)
                yield from () if side.done is None else _of_tissue(side.done.value)


def _of_tissue(tissue: Tissue) -> Iterator[NDArray[Any]]:
    yield tissue.mask
    yield from (part.mask for part in tissue.left_out)
    if tissue.regions is not None:
        yield tissue.regions.labels


def _of_outlined(outlined: Outlined | None) -> Iterator[NDArray[Any]]:
    if outlined is not None:
        yield outlined.left_out
        yield from _of_tissue(outlined.whole)
        yield from _of_tissue(outlined.tissue)
