"""Tables of the results, with sensible digits and units in their headers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from napari_metime.export.associations import axis_of, panel_axes, r_limits, rank_of
from napari_metime.export.words import MISSING, area_mm2, count, interval, is_known, number, p_value, ratio, signed
from napari_metime.gui.widgets.frame_table import Column
from napari_metime.section import DESCRIPTIVE_COLUMNS, label_of


def _text(value: Any) -> str:
    return MISSING if pd.isna(value) or value == "" else str(value)


def _yes_or_no(value: Any) -> str:
    return {"true": "yes", "false": "no"}.get(str(value).lower(), _text(value))


def _status(value: Any) -> str:
    return {"tested": "yes", "not_testable": "not testable", "not_measured": "not measured"}.get(value, _text(value))


def _percent(value: Any) -> str:
    return f"{100 * value:.0f} %" if is_known(value) else MISSING


def _label(value: Any) -> str:
    return MISSING if pd.isna(value) else label_of(str(value))


REGION_COLUMNS = (
    Column("region_id", "Region", _text, "Niches by number, then the rest of the domain, then all of it"),
    Column("grade", "Grade", _text, "Desert or excluded, by the surroundings of the niche"),
    Column("area_um2", "Area (mm²)", area_mm2, "Of the pixels of the region; copied in µm²"),
    Column("n_effector", "Effectors", count, "Effector cells in the region"),
    Column("expected_effector", "Expected", number, "Effectors that the cells there lead one to expect"),
    Column("rate_ratio", "Rate ratio", number, "Effector share among cells, against the rest"),
    Column(
        "rate_ratio_interval", "95 % interval", _text, "Limits of the rate ratio", ("rate_ratio_low", "rate_ratio_high")
    ),
    Column("p_region", "p", p_value, "Family-wise over the section, against the section's own null"),
    Column("suppressed", "Suppressed", _yes_or_no, "Whether suppressors are in excess there, by their own test"),
    Column("n_cells", "Cells", count, "Cells of every type in the region"),
    Column("density_ratio", "Density ratio", number, "Effectors per mm², against the rest"),
    Column("density_effector_per_mm2", "Effectors per mm²", number, "Effector cells over the area of the region"),
    Column("density_suppressor_per_mm2", "Suppressors per mm²", number, "Suppressor cells over the area of the region"),
    Column("density_tumor_per_mm2", "Tumour cells per mm²", number, "Tumour cells over the area of the region"),
)
FURTHER_REGION_COLUMNS = (
    Column("p_region_labelling", "p, plain labels", p_value, "Family-wise, against random labelling of the cells"),
    Column("stability", "Overlap", ratio, "Least Dice overlap with the searches by windows two thirds and 1.5 as wide"),
    Column("called_share", "Called again", _percent, "Share of the redrawn sections in which it is called"),
    Column("area_core_um2", "Core (mm²)", area_mm2, "Pixels that belong to the niche with a probability of 0.8"),
    Column("membership_mean", "Membership", ratio, "Mean probability of its pixels to belong to a cold region"),
    Column("ring_to_core", "Ring / niche", number, "Effectors per mm² around the niche over those in it"),
    Column("q_suppressed", "q, suppressed", p_value, "Random labelling within suppressors and effectors"),
    Column("distance_to_margin_um", "To margin (µm)", number, "Median distance to the domain's border; inside < 0"),
    Column("distance_to_lymphoid_um", "To lymphoid (µm)", number, "Distance to the nearest lymphoid structure"),
)
DESCRIPTIVE_SIGN = " †"
DESCRIPTIVE = "Descriptive: regions were chosen by this, or by what it follows from; do not test it again."
ASSOCIATION_COLUMNS = (
    Column("channel", "Channel", _label, "Click a row to show its image"),
    Column("r_partial", "Partial r", signed, "Correlation with coldness, once the covariates are taken out of both"),
    Column("q", "q", p_value, "Benjamini-Hochberg of the larger p, within axis scores and within other channels"),
    Column("r_interval", "95 % interval", _text, "Of the partial r, by the effective sample", ("r_low", "r_high")),
    Column("status", "Tested", _status, "Whether it could be tested"),
    Column("reason", "Why not, or how", _text, "Why it was not tested, or what to mind"),
    Column("axis", "Axis", _text, "Metabolic programme"),
    Column("kind", "Kind", _text, "Ion, ratio, axis score or another image"),
    Column("ess", "Effective sample", count, "How many independent pixels the maps are worth"),
    Column("p_shift", "p, shifts", p_value, "By random shifts of one map over the other"),
    Column("p_modified_t", "p, modified t", p_value, "Clifford-Richardson-Hémon and Dutilleul: the screen"),
    Column("r", "r", signed, "Correlation with coldness, nothing taken out"),
    Column("peak_shift_um", "Peak at (µm)", number, "The shift at which it correlates most; 0 if well aligned"),
)


def region_columns(regions: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of the regions table, those of the channels last; what a region was chosen by is marked."""
    known = [column for column in FURTHER_REGION_COLUMNS if column.key in regions and regions[column.key].notna().any()]
    names = [column.removeprefix("log2fc_") for column in regions.columns if _is_change(column)]
    about = "inside the niche against the rest"
    changes = [column for name in names for column in _of_channel(name, about)]
    return tuple(_marked(column) for column in (*REGION_COLUMNS, *known, *changes))


def _of_channel(name: str, about: str) -> tuple[Column, ...]:
    """Return the columns of a channel; a table without the last two shows the first."""
    label = label_of(name)
    return (
        Column(
            f"log2fc_{name}",
            f"log₂ {label}",
            signed,
            f"{label}: {about}; copied with its 95 % limits",
            (f"log2fc_{name}", f"log2fc_low_{name}", f"log2fc_high_{name}"),
        ),
        Column(f"matched_log2fc_{name}", "matched", signed, f"{label}: against tissue as deep and as tumour-rich"),
        Column(f"p_moved_{name}", "p, moved", p_value, f"{label}: the same shape moved to other places of the domain"),
    )


def _marked(column: Column) -> Column:
    if column.key not in DESCRIPTIVE_COLUMNS:
        return column
    told = f"{column.help}. {DESCRIPTIVE}" if column.help else DESCRIPTIVE
    return column._replace(header=column.header + DESCRIPTIVE_SIGN, help=told)


def association_frame(associations: pd.DataFrame, channels: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of associations.csv with axis and interval: tested ones by their q, then the others.

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
        row["r_interval"] = interval(row["r_low"], row["r_high"], signed)
    needed = ["channel", "kind", "status", "r_partial", "q", "axis", "r_low", "r_high", "r_interval"]
    return pd.DataFrame(rows, columns=list(dict.fromkeys([*associations.columns, *needed])))


def region_frame(regions: pd.DataFrame) -> pd.DataFrame:
    """Return the regions with their interval in one column."""
    ends = zip(regions["rate_ratio_low"], regions["rate_ratio_high"], strict=True)
    return regions.assign(rate_ratio_interval=[interval(low, high) for low, high in ends])


def _is_change(column: str) -> bool:
    return column.startswith("log2fc_") and not column.startswith(("log2fc_low_", "log2fc_high_"))
