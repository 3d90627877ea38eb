"""The figures of a run, for the report and beside it: the section, each niche, what changes towards it and with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_metime.export.associations import r_limits, rank_of
from napari_metime.export.colours import ROLE_COLOURS, grade_of
from napari_metime.export.drawing import (
    DOUBLE_MM,
    EDGE_MM,
    INK,
    LINE,
    MM_PER_INCH,
    MUTED,
    SINGLE_MM,
    SMALL_PT,
    Drawn,
    axes_mm,
    drawn,
    lean,
    print_style,
    sheet,
    wrapped,
)
from napari_metime.export.maps import niche_figure, overview_figure, unit_in_print, view_of_niche, view_of_section
from napari_metime.export.words import MISSING, Row, is_known, leading_channels, name_of
from napari_metime.section import Channel, Progress, SectionResult, no_progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE_NAMES = ("overview", "associations", "gradient_effectors", "gradient_channel", "margin")
"""Beside the niches', which are ``niche_1`` and so on."""
MAX_GRADIENTS = 6
MAX_NICHES = 6
"""Niches that get a map of their own. Our own choice."""
MAX_ASSOCIATIONS = 20
MAX_DRAWN_CHANNELS = 4
"""Channels that are drawn across the margin. Our own choice."""
CALLED_Q = 0.05
CHANNEL_COLOUR = "#0072B2"
_PANEL_MM, _BESIDE_MM, _TITLE_MM, _ROW_MM, _LINE_MM = 44.0, 10.0, 9.0, 4.4, 2.9
_NAME_MM, _NAME_LETTERS = 39.0, 29
"""Room for the names of channels beside the associations, and how many letters lie in a line of it."""
_TITLE_LETTERS, _LABEL_LETTERS = 36, 36
_Q_PT = 29.0
"""Where the q beside the associations end, right of their axes."""


def draw_figures(result: SectionResult, *, on_progress: Progress = no_progress) -> dict[str, Drawn]:
    """Return the figures of a run by their names; what a section has nothing of is left out.

    ``FIGURE_NAMES``, and of up to ``MAX_NICHES`` niches ``niche_1`` and so on.
    """
    found: dict[str, Drawn] = {}
    with print_style():
        view = view_of_section(result)
        makers: dict[str, Any] = {"overview": lambda: overview_figure(view)}
        leading = leading_of_niches(result)
        for region_id in list(view.outlines)[:MAX_NICHES]:
            makers[f"niche_{region_id}"] = lambda which=region_id: niche_figure(
                view_of_niche(view, which), which, leading.get(which)
            )
        niches, channels = result.niches, channels_to_draw(result)
        units = {channel.name: unit_in_print(channel) for channel in result.channels.channels}
        labels = {name: f"{name_of(name)}, {units[name]}" if name in units else name_of(name) for name in channels}
        grades = {region_id: grade for region_id, (_, grade) in view.outlines.items()}
        makers["associations"] = lambda: associations_figure(niches.associations)
        makers["gradient_effectors"] = lambda: gradient_figure(niches.gradients, grades)
        if channels:
            key = f"mean_{channels[0]}"
            label = labels[channels[0]]
            makers["gradient_channel"] = lambda: gradient_figure(niches.gradients, grades, key, label)
        makers["margin"] = lambda: margin_figure(
            niches.margin, {name: labels[name] for name in channels[:MAX_DRAWN_CHANNELS]}
        )
        for k, (name, make) in enumerate(makers.items()):
            on_progress(k / len(makers), "drawing the figures")
            figure = make()
            if figure is not None:
                found[name] = drawn(figure)
    return found


def leading_of_niches(result: SectionResult) -> Mapping[str, Channel]:
    """Return the channel that goes with each niche most: what its sentence names, else the largest difference."""
    by_name = {channel.name: channel for channel in result.channels.channels}
    kinds = {name: channel.kind for name, channel in by_name.items()}
    regions, found = result.niches.regions, {}
    for record in regions[regions["kind"] == "niche"].to_dict("records"):
        row: Row = {str(key): value for key, value in record.items()}
        known = [name for name in by_name if is_known(row.get(f"log2fc_{name}"))]
        largest = sorted(known, key=lambda name: -abs(row[f"log2fc_{name}"]))
        names = [*leading_channels(row, kinds), *largest]
        if names:
            found[str(row["region_id"])] = by_name[names[0]]
    return found


def channels_to_draw(result: SectionResult) -> list[str]:
    """Return channels in the order in which they deserve a plot: tested ones by q, else those of the niches."""
    rows = ranked_rows(result.niches.associations)
    return [str(row["channel"]) for row in rows] or [channel.name for channel in leading_of_niches(result).values()]


def ranked_rows(associations: pd.DataFrame) -> list[Row]:
    """Return the tested rows of associations.csv: axis scores, then the others, the smallest q first."""
    rows = [{str(key): value for key, value in row.items()} for row in associations.to_dict("records")]
    tested = [row for row in rows if row["status"] == "tested" and is_known(row.get("r_partial"))]
    return sorted(tested, key=lambda row: (row["kind"] != "axis", *rank_of(row)))


def associations_figure(associations: pd.DataFrame) -> Figure | None:
    """Draw partial correlations with coldness and their 95 % intervals; None where nothing was tested."""
    rows = ranked_rows(associations)[:MAX_ASSOCIATIONS]
    if not rows:
        return None
    names = [wrapped(name_of(str(row["channel"])), _NAME_LETTERS) for row in rows]
    heights = np.array([_ROW_MM + _LINE_MM * name.count("\n") for name in names])
    places = np.cumsum(heights) - heights / 2
    above, below = 8.0, 9.0
    figure = sheet(SINGLE_MM, heights.sum() + above + below)
    axes = axes_mm(figure, _NAME_MM, below, SINGLE_MM - _NAME_MM - 10 - EDGE_MM, heights.sum())
    for place, row in zip(places, rows, strict=True):
        low, high = r_limits(row)
        is_called = is_known(row.get("q")) and row["q"] <= CALLED_Q
        colour = CHANNEL_COLOUR if is_called else LINE
        if is_known(low):
            axes.plot([low, high], [place, place], color=colour, lw=1.0)
        inside = colour if is_called else "white"
        axes.plot(row["r_partial"], place, ls="", marker="o", ms=3.6, mec=colour, mew=1.0, mfc=inside)
        _beside(axes, place, q_in_figure(row.get("q")), INK)
    _beside(axes, -0.5 * _ROW_MM, "q", MUTED)
    _add_key(figure)
    axes.axvline(0, color=LINE, lw=0.6)
    n_axes = sum(row["kind"] == "axis" for row in rows)
    if 0 < n_axes < len(rows):
        axes.axhline(heights[:n_axes].sum(), color=LINE, lw=0.6, ls=":")
    axes.set_yticks(places, names, color=INK, multialignment="right", linespacing=1.0)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(heights.sum(), 0)
    reach = reach_of(rows)
    axes.set_xlim(-reach, reach)
    axes.set_xticks([part * reach for part in (-1, -0.5, 0, 0.5, 1)])
    axes.xaxis.set_major_formatter(lambda r, _: f"{r:g}".replace("-", "−"))
    axes.set_xlabel("partial r with coldness, 95 % interval", color=INK)
    lean(axes)
    axes.spines["left"].set_visible(False)
    return figure


def reach_of(rows: Sequence[Row]) -> float:
    """Return how far correlations and their limits go, up to the next 0.2; at most 1, beyond which there is none."""
    ends = [abs(end) for row in rows for end in (row["r_partial"], *r_limits(row)) if is_known(end)]
    return min(0.2 * math.ceil(max(ends, default=0.0) / 0.2 + 1e-9), 1.0)


def q_in_figure(q: object) -> str:
    """Write a q with three decimals, so that those of a column can be compared by eye."""
    return MISSING if not is_known(q) else f"{q:.3f}" if q >= 0.001 else "< 0.001"


def _beside(axes: Axes, place: float, text: str, colour: str) -> None:
    """Write to the right of axes, ending at the same place as the others do."""
    axes.annotate(
        text, (1, place), xytext=(_Q_PT, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
        ha="right", va="center_baseline", color=colour,
    )  # fmt: skip


def _add_key(figure: Figure) -> None:
    """Say above the associations which of them are called."""
    from matplotlib.lines import Line2D

    called = Line2D([], [], color=CHANNEL_COLOUR, lw=1.0, marker="o", ms=3.6, label=f"q ≤ {CALLED_Q:g}")
    others = Line2D([], [], color=LINE, lw=1.0, marker="o", ms=3.6, mfc="white", label=f"q > {CALLED_Q:g}")
    left = EDGE_MM / MM_PER_INCH / figure.get_figwidth()
    figure.legend(
        handles=[called, others], loc="upper left", bbox_to_anchor=(left, 1.0), ncols=2, frameon=False,
        fontsize=SMALL_PT, labelcolor=INK, handlelength=1.8, columnspacing=1.2, borderaxespad=0.3,
    )  # fmt: skip


def gradient_figure(
    gradients: pd.DataFrame,
    grades: Mapping[str, str],
    quantity: str = "density_effector_per_mm2",
    label: str = "effectors per mm²",
) -> Figure | None:
    """Draw a quantity against the distance from each niche's border; None where there are no bands of it.

    Parameters
    ----------
    gradients : the rows of gradients.csv
    grades : grade of each region_id; the first ``MAX_GRADIENTS`` are drawn
    quantity, label : a column of ``gradients`` that has limits, and what it is
    """
    known = gradients[gradients[quantity].notna()] if quantity in gradients else gradients.iloc[:0]
    of = {number: known[known["region_id"].astype(str) == number] for number in list(grades)[:MAX_GRADIENTS]}
    of = {number: bands for number, bands in of.items() if len(bands)}
    if not of:
        return None
    figure, panels = _panels(len(of), share_y=True)
    colour = ROLE_COLOURS["effector"] if quantity == "density_effector_per_mm2" else CHANNEL_COLOUR
    for axes, (number, bands) in zip(panels, of.items(), strict=False):
        _draw_bands(axes, bands, quantity, colour)
        axes.set_title(f"Niche {number}, {grade_of(grades[number])}", loc="left", color=INK)
    if quantity.startswith("density_"):
        panels[0].set_ylim(bottom=0)
    _common_labels(figure, "distance from the niche border (µm; negative inside)", wrapped(label, _LABEL_LETTERS))
    return figure


def margin_figure(margin: pd.DataFrame, channels: Mapping[str, str] = MappingProxyType({})) -> Figure | None:
    """Draw effectors, suppressors and some channels against the distance from the domain's border; None without bands.

    Parameters
    ----------
    margin : the rows of margin.csv
    channels : name of each channel that gets a panel, and what stands over it
    """
    shown = [
        ("density_effector_per_mm2", "effectors per mm²", ROLE_COLOURS["effector"]),
        ("density_suppressor_per_mm2", "suppressors per mm²", ROLE_COLOURS["suppressor"]),
        *((f"mean_{name}", label, CHANNEL_COLOUR) for name, label in channels.items()),
    ]
    shown = [each for each in shown if each[0] in margin and margin[each[0]].notna().any()]
    if not shown:
        return None
    figure, panels = _panels(len(shown), share_y=False)
    for axes, (quantity, label, colour) in zip(panels, shown, strict=False):
        _draw_bands(axes, margin[margin[quantity].notna()], quantity, colour)
        axes.set_title(wrapped(label, _TITLE_LETTERS), loc="left", color=INK)
        if quantity.startswith("density_"):
            axes.set_ylim(bottom=0)
    _common_labels(figure, "distance from the border of the domain (µm; negative inside)")
    return figure


def _panels(n: int, *, share_y: bool) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure of up to three panels in a row; one panel alone takes a single column."""
    n_cols = min(n, 3)
    n_rows = -(-n // n_cols)
    wide = SINGLE_MM if n == 1 else DOUBLE_MM
    left, gap = (17.0, 7.0) if share_y else (11.0, 12.0)
    width = (wide - left - gap * (n_cols - 1) - EDGE_MM - 1) / n_cols
    figure = sheet(wide, n_rows * _PANEL_MM + _BESIDE_MM)
    panels: list[Axes] = []
    for k in range(n):
        row, column = divmod(k, n_cols)
        bottom = _BESIDE_MM + (n_rows - 1 - row) * _PANEL_MM
        axes = axes_mm(figure, left + column * (width + gap), bottom, width, _PANEL_MM - _TITLE_MM)
        if panels:
            axes.sharex(panels[0])
        if panels and share_y:
            axes.sharey(panels[0])
            axes.tick_params(labelleft=column == 0)
        axes.tick_params(labelbottom=k + n_cols >= n)
        panels.append(axes)
    return figure, panels


def _common_labels(figure: Figure, below: str, beside: str = "") -> None:
    figure.supxlabel(below, size=SMALL_PT, color=INK, y=0.01, va="bottom")
    if beside:
        figure.supylabel(beside, size=SMALL_PT, color=INK, x=EDGE_MM / MM_PER_INCH / figure.get_figwidth(), ha="left")


def _draw_bands(axes: Axes, bands: pd.DataFrame, quantity: str, colour: str) -> None:
    bands = bands.sort_values("band_low_um")
    middle = (bands["band_low_um"] + bands["band_high_um"]) / 2
    axes.axvspan(min(float(bands["band_low_um"].min()), 0.0), 0, color="#F1F3F4", lw=0)
    if f"{quantity}_low" in bands:
        low, high = (bands[f"{quantity}_{end}"].to_numpy(dtype=np.float64) for end in ("low", "high"))
        axes.fill_between(middle, low, high, color=colour, alpha=0.28, lw=0)
    axes.plot(middle, bands[quantity], color=colour, lw=1.2, marker="o", ms=2.4)
    axes.axvline(0, color=MUTED, lw=0.6)
    lean(axes)
