"""What a run found, in plain words, before any table."""

from __future__ import annotations

from napari_metime.export.figures import CALLED_Q, ranked_rows
from napari_metime.export.ions import doubtful_channels
from napari_metime.export.words import (
    area_mm2,
    domain_in_words,
    is_known,
    name_of,
    number,
    p_value,
    percent,
    plural,
)
from napari_metime.recipe import Recipe
from napari_metime.section import SectionResult

MAX_LISTED = 4
"""Channels that are named on either side. Our own choice."""


def plain_summary(result: SectionResult, recipe: Recipe) -> list[str]:
    """Return a few sentences for somebody who has not read how niches are found."""
    return [*filter(None, (_where(result, recipe), _how_sure(result), _with_what(result)))]


def _where(result: SectionResult, recipe: Recipe) -> str:
    niches, regions = result.niches.map, result.niches.regions
    place = domain_in_words(recipe.niches.domain)
    if not niches.assessable.any():
        return f"Nothing can be said of where the {place} is immune-cold in this section, which is not “not cold”."
    domain = regions[regions["kind"] == "domain"].iloc[0]
    cold = regions.loc[regions["kind"] == "niche", "area_um2"].sum()
    effectors = ", ".join(recipe.cells.roles.get("effector", ()))
    asked = f"{area_mm2(domain['area_um2'])} mm² of the {place} could be assessed."
    if not niches.n_niches:
        return f"{asked} Nowhere in it are effector cells ({effectors}) significantly and clearly fewer than elsewhere."
    share = number(100 * cold / domain["area_um2"])
    where = "one connected region" if niches.n_niches == 1 else f"{niches.n_niches} connected regions"
    return (
        f"{asked} In {where}, {area_mm2(cold)} mm² or {share} % of it, effector cells ({effectors}) are significantly "
        "fewer than the cells that lie there lead one to expect: immune-cold niches."
    )


def _how_sure(result: SectionResult) -> str:
    """Say what the niches withstand: chance in the whole search, and the errors of alignment and cell types."""
    called = result.niches.regions[result.niches.regions["kind"] == "niche"]
    if called.empty:
        return ""
    least, most = (p_value(p) for p in (called["p_region"].min(), called["p_region"].max()))
    p = f"p {'=' if least == most else '≤'} {most}"
    chance = f"How sure: chance alone gives a region as clear, anywhere in the section, with {p}"
    again = called["called_share"].min() if "called_share" in called else float("nan")
    if not is_known(again):
        return f"{chance}."
    which = "it is" if len(called) == 1 else "each is"
    least = "" if again >= 1 or len(called) == 1 else "at least "
    often = f"{least}{percent(again)} of redraws"
    return f"{chance}; with the errors of alignment and cell types, {which} called again in {often}."


def _with_what(result: SectionResult) -> str:
    tested = ranked_rows(result.niches.associations)
    if not tested:
        return ""
    called = [row for row in tested if is_known(row.get("q")) and row["q"] <= CALLED_Q]
    called.sort(key=lambda row: -abs(row["r_partial"]))  # q ties where shifts are few
    if not called:
        one, many = "The one channel", f"None of the {len(tested)} channels"
        which = f"{one} that could be tested does not go" if len(tested) == 1 else f"{many} that could be tested goes"
        return f"{which} with coldness over the whole area (q > {CALLED_Q})."
    doubtful = doubtful_channels(result.channels.table)
    names = {row["channel"]: name_of(row["channel"]) + " (doubtful)" * (row["channel"] in doubtful) for row in called}
    more = [names[row["channel"]] for row in called if row["r_partial"] > 0]
    less = [names[row["channel"]] for row in called if row["r_partial"] < 0]
    told = "; ".join(filter(None, (_listed("higher", more), _listed("lower", less))))
    goes = "goes" if len(called) == 1 else "go"
    return (
        f"Of {plural(len(tested), 'tested channel')}, {len(called)} {goes} with coldness over the whole area "
        f"(q ≤ {CALLED_Q}). Where it is colder, {told}. That says nothing about what causes what."
    )


def _listed(how: str, names: list[str]) -> str:
    if not names:
        return ""
    left = len(names) - MAX_LISTED
    more = f" and {plural(left, 'other')}" if left > 0 else ""
    return f"{how}: {', '.join(names[:MAX_LISTED])}{more}"
