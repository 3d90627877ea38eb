"""The seven steps: which needs which, and which keys of the recipe each reads. All of it follows from the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from napari_metime.recipe import NichesRecipe, microscopy_channel, tissue_region

Step = Literal["data", "tissue", "metabolites", "cells", "align", "niches", "export"]
STEPS: tuple[Step, ...] = ("data", "tissue", "metabolites", "cells", "align", "niches", "export")
NEEDS: Mapping[Step, tuple[Step, ...]] = {
    "data": (),
    "tissue": ("data",),
    "metabolites": ("data", "tissue"),
    "cells": (),
    "align": ("data", "cells"),
    "niches": ("tissue", "metabolites", "align"),
    "export": ("niches",),
}
IMAGE_KEYS = (("microscopy", "path"), ("microscopy", "pixel_size_um"))
ION_KEYS = tuple(("ims", key) for key in ("tolerance_ppm", "normalize", "reference_mz", "normalize_table"))
READS: Mapping[Step, tuple[tuple[str, str], ...]] = {
    "data": tuple(
        ("ims", key)
        for key in ("path", "pixel_size_um", "polarity", "part", "plane", "skip_broken", "recalibrate", "lock_mz")
    ),
    "tissue": (*(("tissue", key) for key in ("method", "exclude", "regions")), ("seed", "")),
    "metabolites": (
        *(("channels", key) for key in ("panel", "extend", "metaspace", "mz", "images", "min_members")),
        *ION_KEYS,
        ("microscopy", "channels"),
    ),
    "cells": tuple(
        ("cells", key) for key in ("path", "x", "y", "type", "unit", "labels", "gates", "type_probability", "roles")
    ),
    "align": (("align", ""), ("cells", "pixel_size_um")),
    "niches": (
        ("section", "id"),
        *(("niches", key) for key in NichesRecipe.model_fields),
        ("associations", "covariates"),
        ("hypotheses", "cutoffs"),
        ("seed", ""),
        *IMAGE_KEYS,
    ),
    "export": (("section", ""), ("export", "report"), ("tissue", "regions")),
}
"""Which keys of the recipe make the result of each step; an empty key is the whole section."""

Values = Mapping[str, Any]
"""The unfinished recipe, section by section."""


def number(step: Step) -> int:
    """Return the number that the window shows for a step, from 1."""
    return STEPS.index(step) + 1


def needs(values: Values, step: Step) -> tuple[Step, ...]:
    """Return the steps that a step is made of: what takes the cells or their image onto the grid waits for them."""
    return (*NEEDS[step], "align") if _waits_for_alignment(values, step) else NEEDS[step]


def reads(values: Values, step: Step) -> tuple[tuple[str, str], ...]:
    """Return the keys of the recipe that make the result of a step."""
    looks_at_image = _uses_image(values, step) or (step == "align" and isinstance(_refine(values), Mapping))
    more: tuple[tuple[str, str], ...] = IMAGE_KEYS if looks_at_image else ()
    if step == "tissue" and values["tissue"]["regions"]["method"] != "none":
        more += ION_KEYS
    if step == "niches" and asks_for_region(values):
        more += (("tissue", "regions"),)
    return (*READS[step], *more)


def asks_for_region(values: Values) -> bool:
    """Whether niches are looked for in a region of the tissue."""
    return tissue_region(str(values["niches"]["domain"])) is not None


def ancestors(values: Values, step: Step) -> set[Step]:
    """Return every step that a step is made of."""
    direct = needs(values, step)
    return set(direct).union(*(ancestors(values, need) for need in direct))


def in_order(values: Values) -> tuple[Step, ...]:
    """Return the steps in the window's order, but each after all that it is made of."""
    found: list[Step] = []
    while len(found) < len(STEPS):
        found.append(next(s for s in STEPS if s not in found and set(needs(values, s)) <= set(found)))
    return tuple(found)


def _waits_for_alignment(values: Values, step: Step) -> bool:
    by_cells = step == "tissue" and values["tissue"]["method"] == "cells"
    return by_cells or _uses_image(values, step)


def _uses_image(values: Values, step: Step) -> bool:
    if step == "tissue":
        return microscopy_channel(str(values["tissue"]["method"])) is not None
    image = values["microscopy"]
    return step == "metabolites" and isinstance(image, Mapping) and bool(image.get("channels"))


def _refine(values: Values) -> Any:
    align = values["align"]
    return align.get("refine") if isinstance(align, Mapping) else None
