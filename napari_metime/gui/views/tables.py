"""Tables of the results, with sensible digits and units in their headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from napari_metime.export.associations import axis_of, panel_axes, r_limits, rank_of
from napari_metime.export.colours import GRADE_COLOURS, grade_of
from napari_metime.export.words import MISSING, area_mm2, count, interval, is_known, number, p_value, ratio, signed
from napari_metime.gui.widgets.frame_table import Column
from napari_metime.section import AXIS_PREFIX, DESCRIPTIVE_COLUMNS, NicheResult, label_of

NOT_MEASURABLE = "not measurable"


def _text(value: Any) -> str:
    return MISSING if pd.isna(value) or value == "" else str(value)


def _yes_or_no(value: Any) -> str:
    return {"true": "yes", "false": "no"}.get(str(value).lower(), _text(value))


def _status(value: Any) -> str:
    return {"tested": "yes", **UNTESTED}.get(value, _text(value))


def _grade_colour(grade: Any) -> str:
    return GRADE_COLOURS[grade_of(grade)] if isinstance(grade, str) and grade else ""


def _found_of(found: Any, expected: Any) -> str:
    return f"{count(found)} / {number(expected)}"


def _rate(value: Any, low: Any, high: Any) -> str:
    limits = f" ({_times(low)}–{_times(high)})" if is_known(low) and is_known(high) else ""
    return f"{_times(value)}{limits}"


def _times(value: Any) -> str:
    return ratio(value) if is_known(value) and 0.01 <= value < 10 else number(value)


def _r(value: Any, status: Any) -> str:
    return UNTESTED.get(status, signed(value))


def _change(value: Any, low: Any, high: Any) -> str:
    limits = interval(low, high, signed)
    return f"{signed(value)} ({limits})" if limits else signed(value)


def _first(write: Callable[[Any], str]) -> Callable[..., str]:
    """Return what writes the first of some values alone: the others are copied beside it."""
    return lambda value, *_: write(value)


def _percent(value: Any) -> str:
    return f"{100 * value:.0f} %" if is_known(value) else MISSING


def _label(value: Any) -> str:
    return MISSING if pd.isna(value) else label_of(str(value))


UNTESTED = {"not_testable": "not testable", "not_measured": "not measured"}
REGION_COLUMNS = (
    Column("region_id", "Niche", _text, "Niches by number; then the rest of the domain, and all of the domain"),
    Column(
        "grade",
        "Grade",
        _text,
        "Desert: few effectors in it and around it. Excluded: they stand around it and do not enter. Mixed: in "
        "between. Of the domain it is that of the whole section, which is inflamed where hardly any of it is cold",
        colour=_grade_colour,
    ),
    Column("area_um2", "Area\n(mm²)", area_mm2, "Of the pixels of the region; copied in µm²"),
    Column(
        "n_effector",
        "Effectors\n/ expected",
        _found_of,
        "Effector cells in the region, and how many the cells there lead one to expect",
        ("expected_effector",),
    ),
    Column(
        "rate_ratio",
        "Rate ratio\n(95 % interval)",
        _rate,
        "Share of effectors among the cells of the niche, divided by that in the rest: 1 is as many, 0 is none",
        ("rate_ratio_low", "rate_ratio_high"),
    ),
    Column(
        "p_region",
        "p",
        p_value,
        "How often chance alone gives a niche as cold as this anywhere in the section (family-wise, against effectors "
        "that clump as they do here)",
    ),
    Column("suppressed", "Suppressed", _yes_or_no, "Whether suppressors are in excess there, by a test of their own"),
    Column("n_cells", "Cells", count, "Cells of every type in the region"),
    Column("density_ratio", "Density\nratio", number, "Effectors per mm² in the niche, divided by those in the rest"),
    Column("density_effector_per_mm2", "Effectors\n(per mm²)", number, "Effector cells over the area of the region"),
    Column(
        "density_suppressor_per_mm2", "Suppressors\n(per mm²)", number, "Suppressor cells over the area of the region"
    ),
    Column("density_tumor_per_mm2", "Tumour cells\n(per mm²)", number, "Tumour cells over the area of the region"),
)
FIRST = 6
"""Columns that a reader asks for first; that of the channel in hand stands behind them."""
GIVES_WAY = ("n_effector", "area_um2")
"""Those of the first that make room for the channel in hand, one by one, where it would be cut."""
FURTHER_REGION_COLUMNS = (
    Column(
        "p_region_labelling",
        "p, plain\nlabels",
        p_value,
        "As p, but against effectors that do not clump: the cells' labels shuffled at random",
    ),
    Column(
        "stability",
        "Overlap of\nwindows",
        ratio,
        "How much of it other window sizes find (two thirds and 1.5 times as wide): 1 is all, 0 nothing (Dice)",
    ),
    Column("called_share", "Called\nagain (%)", _percent, "Share of the redrawn sections in which it is called"),
    Column("area_core_um2", "Core\n(mm²)", area_mm2, "Pixels that belong to the niche with a probability of 0.8"),
    Column("membership_mean", "Membership", ratio, "Mean probability of its pixels to belong to a cold region"),
    Column("ring_to_core", "Ring /\nniche", number, "Effectors per mm² around the niche, divided by those in it"),
    Column(
        "q_suppressed",
        "q,\nsuppressed",
        p_value,
        "Of the excess of suppressors: labels shuffled among suppressors and effectors, corrected for all niches",
    ),
    Column(
        "distance_to_margin_um", "To margin\n(µm)", number, "Median distance to the domain's border, negative inside"
    ),
    Column("distance_to_lymphoid_um", "To lymphoid\n(µm)", number, "Distance to the nearest lymphoid structure"),
)
DESCRIPTIVE_SIGN = " †"
DESCRIPTIVE = "Descriptive: regions were chosen by this, or by what it follows from; do not test it again."
FOOTNOTE = f"{DESCRIPTIVE_SIGN.strip()} Descriptive: regions were chosen by these; do not test them again."
R_HELP = (
    "Partial correlation with coldness, from −1 to 1, once the covariates are taken out of both: above 0 there is more "
    "of it where it is cold"
)


def association_columns(colours: Mapping[str, str]) -> tuple[Column, ...]:
    """Return the columns of the associations table; ``colours`` are those of the axes in the plots."""
    return (
        Column(
            "channel",
            "Channel",
            _first(_label),
            "Click a row to show its image; the colour is that of its axis in the plot",
            ("axis",),
            colour=lambda _, axis: colours.get(axis, ""),
        ),
        Column("r_partial", "Partial r", _r, R_HELP, ("status",)),
        Column("q", "q", p_value, "The larger of the two p, corrected for the number of channels (Benjamini-Hochberg)"),
        Column("r_low", "95 % interval", _limits, "Of the partial r, by the effective sample", ("r_high",)),
        Column("axis", "Axis", _text, "Metabolic axis"),
        Column("status", "Tested", _status, "Whether it could be tested"),
        Column("reason", "Why not, or how", _text, "Why it was not tested, or what to mind"),
        Column("kind", "Kind", _text, "Ion, ratio, axis score or another image"),
        Column("ess", "Effective sample", count, "How many independent pixels the maps are worth"),
        Column("p_shift", "p, shifts", p_value, "By shifting one map over the other at random"),
        Column("p_modified_t", "p, modified t", p_value, "Clifford-Richardson-Hémon and Dutilleul: the screen"),
        Column("r", "r", signed, "Correlation with coldness, nothing taken out"),
        Column("peak_shift_um", "Peak at (µm)", number, "The shift at which it correlates most; 0 if well aligned"),
    )


def _limits(low: Any, high: Any) -> str:
    return interval(low, high, signed) or MISSING


def shown_regions(found: NicheResult | None) -> pd.DataFrame:
    """Return the rows of regions.csv as they are shown.

    The rest and the domain have no expected effectors: they would be those that are found, as the rate is their own.
    The domain has the grade of the section; regions.csv has no word for an inflamed one.
    """
    if found is None:
        return pd.DataFrame()
    shown, is_niche = found.regions.copy(), found.regions["kind"] == "niche"
    shown["expected_effector"] = shown["expected_effector"].where(is_niche)
    if len(found.summary):
        shown["grade"] = shown["grade"].mask(shown["kind"] == "domain", found.summary["grade"].iloc[0])
    return shown


def region_columns(regions: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of the regions table, those of the channels last; what a region was chosen by is marked."""
    known = [column for column in FURTHER_REGION_COLUMNS if column.key in regions and regions[column.key].notna().any()]
    names = [column.removeprefix("log2fc_") for column in regions.columns if _is_change(column)]
    changes = [column for name in names for column in _of_channel(name)]
    return tuple(_marked(column) for column in (*REGION_COLUMNS, *known, *changes))


def _of_channel(name: str) -> tuple[Column, ...]:
    """Return the columns of a channel; a table without the last two shows the first."""
    label = label_of(name)
    what = "difference of z" if name.startswith(AXIS_PREFIX) else "log₂ change"
    limits = (f"log2fc_low_{name}", f"log2fc_high_{name}")
    about = f"{label} in the niche against {{}}: {what}"
    return (
        Column(
            f"log2fc_{name}",
            f"{label}\n({what})",
            _change,
            f"{about.format('the rest')}; copied with its 95 % limits",
            limits,
            missing=NOT_MEASURABLE,
        ),
        Column(
            f"matched_log2fc_{name}",
            f"{label}\nmatched",
            signed,
            f"{about.format('tissue as deep and as tumour-rich')}",
            missing=NOT_MEASURABLE,
        ),
        Column(
            f"p_moved_{name}",
            f"{label}\np, moved",
            p_value,
            f"{label}: how often the same shape, moved to another place of the domain, differs as much",
            missing=NOT_MEASURABLE,
        ),
    )


def _marked(column: Column) -> Column:
    if column.key not in DESCRIPTIVE_COLUMNS:
        return column
    return column._replace(header=f"{column.header}{DESCRIPTIVE_SIGN}", help=f"{column.help}. {DESCRIPTIVE}")


def association_frame(associations: pd.DataFrame, channels: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of associations.csv with axis and limits: tested ones by their q, then the others.

    Parameters
    ----------
    channels : the rows of channels.csv, which name the axis of a channel
    """
    of_panel = panel_axes(channels)
    rows = [{str(key): value for key, value in row.items()} for row in associations.to_dict("records")]
    order = {"tested": 0, "not_testable": 1}
    rows.sort(key=lambda row: (order.get(row["status"], 2), *rank_of(row)))
    for row in rows:
        row["axis"] = axis_of(str(row["channel"]), of_panel)
        row["r_low"], row["r_high"] = r_limits(row)
    needed = ["channel", "kind", "status", "r_partial", "q", "axis", "r_low", "r_high"]
    return pd.DataFrame(rows, columns=list(dict.fromkeys([*associations.columns, *needed])))


def _is_change(column: str) -> bool:
    return column.startswith("log2fc_") and not column.startswith(("log2fc_low_", "log2fc_high_"))
