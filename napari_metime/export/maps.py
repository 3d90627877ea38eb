"""The maps of the report: the section with its niches, and each niche with what goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from napari_metime.export.colours import (
    COLDNESS_COLOURS,
    DIVERGING_COLOURS,
    GRADE_COLOURS,
    ROLE_COLOURS,
    grade_of,
)
from napari_metime.export.drawing import (
    DOUBLE_MM,
    EDGE_MM,
    INK,
    LINE,
    MM_PER_INCH,
    MUTED,
    NOT_ASSESSABLE,
    SMALL_PT,
    axes_mm,
    plain,
    sheet,
    wrapped,
)
from napari_metime.export.images import COLDNESS_TITLE, coldness_limits, contrast_limits, stretched
from napari_metime.export.not_found import not_found
from napari_metime.export.polygons import mask_outline
from napari_metime.export.words import name_of
from napari_metime.section import ROLES, Channel, Role, SectionResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from shapely.geometry.base import BaseGeometry

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in section µm."""
MAX_PANEL_MM = 105.0
MARGIN_UM = 150.0
"""Tissue around a niche that its map shows, or a third of the niche. Our own choice."""
UNITS = {"ion": "intensity (a.u.)", "ratio": "log₂ ratio", "axis": "z"}
_REACH_PERCENTILES = (5, 95)
NOT_FOUND_WORDS = "an ion not found"
_LEGEND_MM, _ROW_MM, _TITLE_MM, _LINE_MM = 10.0, 4.5, 5.0, 3.3
_TITLE_LETTERS = 36
"""In a line of the title of a map that is a third of two columns wide."""


@dataclass(frozen=True, slots=True)
class View:
    """What of a section is drawn.

    Parameters
    ----------
    box : the part in sight
    outlines : outline and grade of each niche by its region_id
    """

    result: SectionResult
    box: Box
    outlines: dict[str, tuple[BaseGeometry, str]]

    @property
    def aspect(self) -> float:
        """Height over width."""
        left, top, right, bottom = self.box
        return (bottom - top) / (right - left)


def view_of_section(result: SectionResult) -> View:
    """Return the view of the whole tissue."""
    grid, niches = result.dataset.grid, result.niches
    rows = niches.regions[niches.regions["kind"] == "niche"].to_dict("records")
    outlines = {
        str(row["region_id"]): (mask_outline(niches.map.labels == int(row["region_id"]), grid), grade_of(row["grade"]))
        for row in rows
    }
    return View(result, _box_of(result.tissue.mask, grid.spacing_um, share=0.03), outlines)


def view_of_niche(whole: View, region_id: str) -> View:
    """Return the view of a niche and what is around it, as wide as high."""
    left, top, right, bottom = whole.outlines[region_id][0].bounds
    half = max(right - left, bottom - top) / 2 + max(MARGIN_UM, max(right - left, bottom - top) / 3)
    x, y = (left + right) / 2, (top + bottom) / 2
    return View(whole.result, (x - half, y - half, x + half, y + half), whole.outlines)


def overview_figure(view: View) -> Figure:
    """Draw the cells and niches over the total ion current, and beside it the coldness."""
    is_assessable = bool(view.result.niches.map.assessable.any())
    n_across = 2 if is_assessable and view.aspect >= 0.5 else 1
    n_down = 2 if is_assessable and n_across == 1 else 1
    gap, bar = 4.0, 17.0
    width = (DOUBLE_MM - 2 * EDGE_MM - bar - gap * (n_across - 1)) / n_across
    height = min(width * view.aspect, MAX_PANEL_MM)
    total = n_down * (height + _TITLE_MM) + _LEGEND_MM
    figure = sheet(DOUBLE_MM, total)
    bottom = total - _TITLE_MM - height
    cells = axes_mm(figure, EDGE_MM, bottom, width, height)
    _add_legend(figure, _draw_cells_panel(cells, view), n_columns=4, bottom_mm=_ROW_MM)
    legend = _outline_legend(view)
    if is_assessable:
        beside, below = (EDGE_MM + width + gap, bottom), (EDGE_MM, bottom - height - _TITLE_MM)
        at = beside if n_across == 2 else below
        cold = axes_mm(figure, *at, width, height)
        shown = _draw_coldness_panel(cold, view)
        bar_axes = axes_mm(figure, at[0] + width + 1, at[1] + 0.15 * height, 3, 0.7 * height)
        _add_bar(figure, shown, bar_axes, COLDNESS_TITLE, extend="both")
        legend += _coldness_legend(view)
        _title(cold, "b", "Coldness")
    _title(cells, "a" if is_assessable else "", "Cells on the total ion current")
    _add_legend(figure, legend, n_columns=8)
    return figure


def niche_figure(view: View, region_id: str, channel: Channel | None) -> Figure:
    """Draw a niche three times: its cells, its coldness, and the channel that goes with it most.

    Parameters
    ----------
    view : of the niche
    channel : None where no channel was measured
    """
    gap, below = 4.5, 12.0
    width = (DOUBLE_MM - 2 * EDGE_MM - 2 * gap) / 3
    name = wrapped(name_of(channel.name), _TITLE_LETTERS) if channel is not None else ""
    total = _TITLE_MM + _LINE_MM * name.count("\n") + width + below
    figure = sheet(DOUBLE_MM, total)
    lefts = [EDGE_MM + k * (width + gap) for k in range(3 if channel is not None else 2)]
    panels = [axes_mm(figure, left, below, width, width) for left in lefts]
    bars = [axes_mm(figure, left + 6, 8.2, width - 12, 2.0) for left in lefts[1:]]
    _add_legend(figure, _draw_cells_panel(panels[0], view), n_columns=2)
    _title(panels[0], "a", f"Cells around niche {region_id}")
    _add_bar(figure, _draw_coldness_panel(panels[1], view), bars[0], COLDNESS_TITLE, extend="both")
    _title(panels[1], "b", "Coldness")
    if channel is not None:
        _add_bar(figure, _draw_channel(panels[2], view, channel), bars[1], unit_in_print(channel))
        if _draw_not_found(panels[2], view, channel):
            bars[1].xaxis.set_label_coords(0.0, -2.15)
            bars[1].xaxis.label.set_horizontalalignment("left")
            _add_not_found_legend(figure, bars[1])
        _title(panels[2], "c", name)
    return figure


def unit_in_print(channel: Channel) -> str:
    """Return the unit of a channel as a figure tells it."""
    return plain(UNITS.get(channel.kind, channel.unit or "as given"))


def _draw_cells_panel(axes: Axes, view: View) -> list[Any]:
    result = view.result
    tic = stretched(result.channels.tic, result.tissue.mask)
    axes.imshow(tic, cmap="Greys", vmin=-0.1, vmax=2.2, extent=_extent(result), interpolation="nearest")
    _frame(axes, view)
    legend = _draw_cells(axes, view)
    _draw_outlines(axes, view)
    _draw_scale_bar(axes, view)
    return legend


def _draw_coldness_panel(axes: Axes, view: View) -> AxesImage:
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    niches, extent = view.result.niches.map, _extent(view.result)
    blank = np.ma.masked_array(np.ones(niches.domain.shape), mask=~(niches.domain & ~niches.assessable))
    axes.imshow(blank, cmap=ListedColormap([NOT_ASSESSABLE]), extent=extent, interpolation="nearest")
    low, top = coldness_limits(niches.coldness)
    shown = axes.imshow(
        np.ma.masked_invalid(niches.coldness), cmap=LinearSegmentedColormap.from_list("coldness", COLDNESS_COLOURS),
        vmin=low, vmax=top, extent=extent, interpolation="nearest",
    )  # fmt: skip
    _frame(axes, view)
    _draw_border(axes, niches.domain, extent, color=MUTED, lw=0.7, ls=":")
    _draw_outlines(axes, view)
    _draw_scale_bar(axes, view)
    return shown


def _draw_channel(axes: Axes, view: View, channel: Channel) -> AxesImage:
    """Draw a channel on the tissue: intensities from the 1st to the 99th percentile, logarithms from zero both ways."""
    from matplotlib.colors import LinearSegmentedColormap

    inside = view.result.tissue.mask
    if channel.is_logarithmic:
        known = channel.image[inside & np.isfinite(channel.image)]
        reach = float(np.abs(np.percentile(known, _REACH_PERCENTILES)).max()) if known.size else 0.0
        limits = (-(reach or 1.0), reach or 1.0)
        colours: Any = LinearSegmentedColormap.from_list("diverging", DIVERGING_COLOURS)
    else:
        limits, colours = contrast_limits(channel.image, inside), "viridis"
    shown = axes.imshow(
        np.ma.masked_array(channel.image, mask=~inside | ~np.isfinite(channel.image)), cmap=colours, vmin=limits[0],
        vmax=limits[1], extent=_extent(view.result), interpolation="nearest",
    )  # fmt: skip
    _frame(axes, view)
    _draw_outlines(axes, view)
    _draw_scale_bar(axes, view)
    return shown


def _draw_not_found(axes: Axes, view: View, channel: Channel) -> bool:
    """Cover what is not found in neutral grey; return whether there is any in sight."""
    from matplotlib.colors import ListedColormap

    (height, width), (left, top, right, bottom) = view.result.dataset.grid.spacing_um, view.box
    where = not_found(view.result, channel)
    row, col = np.nonzero(where)
    x, y = col * width, row * height
    if not ((x > left) & (x < right) & (y > top) & (y < bottom)).any():
        return False
    cover = np.ma.masked_array(np.ones(where.shape), mask=~where)
    axes.imshow(
        cover, cmap=ListedColormap([NOT_ASSESSABLE]), extent=_extent(view.result), interpolation="nearest", zorder=0.5
    )
    _frame(axes, view)
    return True


def _add_not_found_legend(figure: Figure, bar: Axes) -> None:
    from matplotlib.patches import Patch

    figure.legend(
        handles=[Patch(color=NOT_ASSESSABLE, label=NOT_FOUND_WORDS)], loc="lower right",
        bbox_to_anchor=(bar.get_position().x1, 0.5 / MM_PER_INCH / figure.get_figheight()), frameon=False,
        fontsize=SMALL_PT, labelcolor=INK, handlelength=1.0, handletextpad=0.5, borderaxespad=0.1,
    )  # fmt: skip


def _frame(axes: Axes, view: View) -> None:
    left, top, right, bottom = view.box
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _title(axes: Axes, letter: str, words: str) -> None:
    axes.set_title(rf"$\bf{{{letter}}}$  {words}" if letter else words, loc="left", color=INK, pad=3)


def _draw_cells(axes: Axes, view: View) -> list[Any]:
    """Draw the cells in sight; they become part of an image, as tens of thousands of dots would choke an editor."""
    cells, (left, top, right, bottom) = view.result.cells, view.box
    inside = (cells.x >= left) & (cells.x <= right) & (cells.y >= top) & (cells.y <= bottom)
    axes.apply_aspect()
    # The area of the axes shared by the cells: dots shrink until they no longer hide the map.
    box = axes.get_window_extent()
    area_points2 = box.width * box.height * (72 / axes.figure.dpi) ** 2
    size = float(np.clip(0.55 * np.sqrt(area_points2 / max(int(inside.sum()), 1)), 0.35, 3.2))
    here = {role: inside & cells.has_role(role) for role in ROLES}
    counts = {role: int(mask.sum()) for role, mask in here.items()}
    for role in sorted(ROLES, key=lambda r: (r == "effector", r == "suppressor", -counts[r])):
        axes.plot(
            cells.x[here[role]], cells.y[here[role]], ls="", marker="o", mew=0,
            ms=size * (1.4 if role == "effector" else 1.0), color=ROLE_COLOURS[role],
            alpha=1.0 if role in ("effector", "suppressor") else 0.55, rasterized=True,
        )  # fmt: skip
    return [_dot(role, counts[role]) for role in ROLES if counts[role]]


def _dot(role: Role, n: int) -> Any:
    from matplotlib.lines import Line2D

    name = "tumour" if role == "tumor" else role
    return Line2D([], [], ls="", marker="o", ms=4, mew=0, color=ROLE_COLOURS[role], label=f"{name} ({n:,})")


def _draw_outlines(axes: Axes, view: View) -> None:
    from matplotlib.patheffects import withStroke

    left, top, right, bottom = view.box
    _draw_border(axes, view.result.tissue.mask, _extent(view.result), color=LINE, lw=0.6, ls="-")
    for region_id, (outline, grade) in view.outlines.items():
        _draw_rings(axes, outline, color="white", lw=2.4)
        _draw_rings(axes, outline, color=GRADE_COLOURS[grade], lw=1.3)
        at = outline.representative_point()
        if left <= at.x <= right and top <= at.y <= bottom:
            halo = [withStroke(linewidth=2.0, foreground="white")]
            axes.text(
                at.x, at.y, region_id, size=8, weight="bold", color=INK, ha="center", va="center", path_effects=halo,
                zorder=8,
            )  # fmt: skip


def _outline_legend(view: View) -> list[Any]:
    from matplotlib.lines import Line2D

    grades = dict.fromkeys(grade for _, grade in view.outlines.values())
    niches = [Line2D([], [], color=GRADE_COLOURS[g], lw=1.8, label=f"niche, {g}") for g in grades]
    return [Line2D([], [], color=LINE, lw=0.8, label="tissue"), *niches]


def _coldness_legend(view: View) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    niches = view.result.niches.map
    domain = Line2D([], [], color=MUTED, lw=0.8, ls=":", label="domain")
    has_blank = bool((niches.domain & ~niches.assessable).any())
    return [domain, *([Patch(color=NOT_ASSESSABLE, label="not assessable")] if has_blank else [])]


def _add_legend(figure: Figure, handles: Sequence[Any], *, n_columns: int, bottom_mm: float = 0.0) -> None:
    bottom = bottom_mm / MM_PER_INCH / figure.get_figheight()
    left = EDGE_MM / MM_PER_INCH / figure.get_figwidth()
    figure.legend(
        handles=list(handles), loc="lower left", bbox_to_anchor=(left, bottom), ncols=n_columns, frameon=False,
        fontsize=SMALL_PT, labelcolor=INK, handlelength=1.4, handletextpad=0.5, columnspacing=1.2, borderaxespad=0.1,
        labelspacing=0.3,
    )  # fmt: skip


def _add_bar(figure: Figure, shown: AxesImage, axes: Axes, words: str, *, extend: str = "neither") -> None:
    width, height = axes.get_position().width, axes.get_position().height
    lies = "horizontal" if width * figure.get_figwidth() > height * figure.get_figheight() else "vertical"
    bar = figure.colorbar(shown, cax=axes, extend=extend, orientation=lies)
    bar.set_label(words, color=INK, labelpad=2)
    bar.ax.tick_params(color=MUTED, labelcolor=INK, length=2, pad=1.5)
    bar.outline.set_visible(False)
    if bar.solids is not None:
        bar.solids.set_rasterized(True)


def _draw_scale_bar(axes: Axes, view: View) -> None:
    left, top, right, bottom = view.box
    wide, high = right - left, bottom - top
    length = scale_bar_um(wide)
    x, y = left + 0.03 * wide, bottom - 0.03 * high
    axes.plot([x, x + length], [y, y], color="white", lw=3.4, solid_capstyle="butt", zorder=9)
    axes.plot([x, x + length], [y, y], color=INK, lw=1.8, solid_capstyle="butt", zorder=9)
    from matplotlib.patheffects import withStroke

    axes.text(
        x, y - 0.018 * high, f"{length:,g} µm", color=INK, va="bottom", zorder=9,
        path_effects=[withStroke(linewidth=2.0, foreground="white")],
    )  # fmt: skip


def scale_bar_um(width_um: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, ... µm that is at most a fifth of the width."""
    power = 10.0 ** np.floor(np.log10(width_um / 5))
    return float(max(step * power for step in (1, 2, 5) if step * power <= width_um / 5))


def _box_of(mask: NDArray[np.bool_], spacing_um: tuple[float, float], *, share: float) -> Box:
    height, width = spacing_um
    row, col = np.nonzero(mask)
    left, right = (col.min() - 0.5) * width, (col.max() + 0.5) * width
    top, bottom = (row.min() - 0.5) * height, (row.max() + 0.5) * height
    margin = share * max(right - left, bottom - top)
    # More below: room for the scale bar.
    return left - margin, top - margin, right + margin, bottom + 2.5 * margin


def _extent(result: SectionResult) -> Box:
    (rows, cols), (height, width) = result.dataset.grid.shape, result.dataset.grid.spacing_um
    return -0.5 * width, (cols - 0.5) * width, (rows - 0.5) * height, -0.5 * height


def _draw_border(axes: Axes, mask: NDArray[np.bool_], extent: Box, *, color: str, lw: float, ls: str) -> None:
    # A contour cuts the pixels' corners, but stays fast for a mask of a million scattered pixels.
    left, right, bottom, top = extent
    rows, cols = mask.shape
    x = left + (np.arange(-1, cols + 1) + 0.5) * (right - left) / cols
    y = top + (np.arange(-1, rows + 1) + 0.5) * (bottom - top) / rows
    axes.contour(x, y, np.pad(mask, 1).astype(np.float64), levels=[0.5], colors=color, linewidths=lw, linestyles=ls)


def _draw_rings(axes: Axes, outline: BaseGeometry, *, color: str, lw: float) -> None:
    from matplotlib.collections import LineCollection

    rings = [shapely.get_coordinates(ring) for ring in shapely.get_parts(shapely.boundary(outline))]
    axes.add_collection(LineCollection(rings, colors=color, linewidths=lw, joinstyle="round"), autolim=False)
