"""The figures of the report, as PNG: the section, its coldness, and what changes towards a niche."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from napari_metime.export.colours import COLDNESS_COLOURS, GRADE_COLOURS, ROLE_COLOURS, grade_of
from napari_metime.export.images import stretched
from napari_metime.export.polygons import mask_outline
from napari_metime.section import ROLES, Role, SectionResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from shapely.geometry.base import BaseGeometry

_INK = "#1C2126"
_MUTED = "#5D6770"
_TISSUE_LINE = "#8A939B"
_NOT_ASSESSABLE = "#D3D7DA"
_WIDTH_INCH = 7.6
_LEGEND_INCH = 0.55
_LEGEND_ROW_INCH = 0.23
_DPI = 180
MAX_GRADIENTS = 6
MAX_TITLE = 30
CHANNEL_COLOUR = "#0072B2"


def overview_png(result: SectionResult) -> bytes:
    """Draw total ion current, tissue, niches and every cell in the colour of its role."""
    figure, axes = _map_figure(result)
    tic = stretched(result.channels.tic, result.tissue.mask)
    axes.imshow(tic, cmap="Greys", vmin=-0.1, vmax=2.2, extent=_extent(result), interpolation="nearest")
    _add_legend(figure, _draw_cells(axes, result), row=1)
    _add_legend(figure, _draw_outlines(axes, result), row=0)
    return _png(figure)


def coldness_png(result: SectionResult) -> bytes:
    """Draw coldness where it is assessable, and say where it is not."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    figure, axes = _map_figure(result, colour_bar=True)
    niches, extent = result.niches.map, _extent(result)
    blank = np.ma.masked_array(np.ones(niches.domain.shape), mask=~(niches.domain & ~niches.assessable))
    axes.imshow(blank, cmap=ListedColormap([_NOT_ASSESSABLE]), extent=extent, interpolation="nearest")
    top = max(float(np.nanmax(niches.coldness)), 1.0) if np.isfinite(niches.coldness).any() else 1.0
    shown = axes.imshow(
        np.ma.masked_invalid(niches.coldness),
        cmap=LinearSegmentedColormap.from_list("coldness", COLDNESS_COLOURS),
        vmin=0.0, vmax=top, extent=extent, interpolation="nearest",
    )  # fmt: skip
    box = axes.get_position()
    scale = figure.add_axes((box.x1 + 0.015, box.y0 + box.height * 0.2, 0.014, box.height * 0.6))
    bar = figure.colorbar(shown, cax=scale, extend="min")
    bar.set_label("coldness (log2)", size=8, color=_INK)
    bar.ax.tick_params(labelsize=8, color=_MUTED, labelcolor=_INK)
    bar.outline.set_visible(False)
    _draw_border(axes, niches.domain, extent, color=_MUTED, lw=0.9, ls=":")
    grey = Patch(color=_NOT_ASSESSABLE, label="not assessable")
    domain = Line2D([], [], color=_MUTED, lw=0.9, ls=":", label="domain")
    _add_legend(figure, [domain, *([grey] if blank.count() else [])], row=1)
    _add_legend(figure, _draw_outlines(axes, result), row=0)
    return _png(figure)


def gradient_png(
    gradients: pd.DataFrame,
    grades: Mapping[str, str],
    quantity: str = "density_effector_per_mm2",
    label: str = "effectors per mm²",
) -> bytes | None:
    """Draw a quantity against the distance from each niche's border; None where there are no bands of it.

    Parameters
    ----------
    gradients : the rows of gradients.csv
    grades : grade of each region_id; the first ``MAX_GRADIENTS`` are drawn
    quantity, label : a column of ``gradients`` that has limits, and what it is
    """
    from matplotlib.figure import Figure

    known = gradients[gradients[quantity].notna()] if quantity in gradients else gradients.iloc[:0]
    drawn = [number for number in list(grades)[:MAX_GRADIENTS] if (known["region_id"].astype(str) == number).any()]
    if not drawn:
        return None
    n_cols = min(len(drawn), 3)
    n_rows = -(-len(drawn) // n_cols)
    figure = Figure(figsize=(_WIDTH_INCH, 0.3 + 2.2 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_cols, sharex=True, sharey=True, squeeze=False).ravel()
    colour = ROLE_COLOURS["effector"] if quantity == "density_effector_per_mm2" else CHANNEL_COLOUR
    for axes, number in zip(panels, drawn, strict=False):
        _draw_gradient(axes, known[known["region_id"].astype(str) == number], quantity, colour)
        axes.set_title(f"Niche {number}, {grades[number]}", size=9, loc="left", color=_INK, weight="bold")
    for axes in panels[len(drawn) :]:
        axes.set_visible(False)
    if quantity.startswith("density_"):
        panels[0].set_ylim(bottom=0)
    figure.supxlabel("distance from the niche border (µm; negative inside)", size=8.5, color=_INK)
    figure.supylabel(_plain(label), size=8.5, color=_INK)
    return _png(figure)


def margin_png(margin: pd.DataFrame, channels: Sequence[str] = ()) -> bytes | None:
    """Draw effectors, suppressors and some channels against the distance from the domain's border; None without bands.

    Parameters
    ----------
    margin : the rows of margin.csv
    channels : names of channels, each of which gets a panel
    """
    from matplotlib.figure import Figure

    shown = [
        ("density_effector_per_mm2", "effectors per mm²", ROLE_COLOURS["effector"]),
        ("density_suppressor_per_mm2", "suppressors per mm²", ROLE_COLOURS["suppressor"]),
        *((f"mean_{name}", name, CHANNEL_COLOUR) for name in channels),
    ]
    shown = [each for each in shown if each[0] in margin and margin[each[0]].notna().any()]
    if not shown:
        return None
    n_cols = min(len(shown), 3)
    n_rows = -(-len(shown) // n_cols)
    figure = Figure(figsize=(_WIDTH_INCH, 0.3 + 2.2 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_cols, sharex=True, squeeze=False).ravel()
    for axes, (quantity, label, colour) in zip(panels, shown, strict=False):
        _draw_gradient(axes, margin[margin[quantity].notna()], quantity, colour)
        axes.set_title(_plain(label), size=9, loc="left", color=_INK, weight="bold")
        if quantity.startswith("density_"):
            axes.set_ylim(bottom=0)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    figure.supxlabel("distance from the border of the domain (µm; negative inside)", size=8.5, color=_INK)
    return _png(figure)


def _draw_gradient(axes: Axes, bands: pd.DataFrame, quantity: str, colour: str) -> None:
    bands = bands.sort_values("band_low_um")
    middle = (bands["band_low_um"] + bands["band_high_um"]) / 2
    axes.axvspan(min(float(bands["band_low_um"].min()), 0.0), 0, color="#F1F3F4", lw=0)
    if f"{quantity}_low" in bands:
        axes.fill_between(middle, bands[f"{quantity}_low"], bands[f"{quantity}_high"], color=colour, alpha=0.28, lw=0)
    axes.plot(middle, bands[quantity], color=colour, lw=1.6, marker="o", ms=3.2)
    axes.axvline(0, color=_MUTED, lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_TISSUE_LINE)
    axes.tick_params(labelsize=8, color=_TISSUE_LINE, labelcolor=_INK)


def _plain(text: str) -> str:
    """Return a name as matplotlib draws it: short, and a dollar sign would start a formula."""
    short = text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 1]}…"
    return short.replace("$", r"\$")


def _map_figure(result: SectionResult, *, colour_bar: bool = False) -> tuple[Figure, Axes]:
    """Make axes in section µm that hold the tissue, with a scale bar below it."""
    from matplotlib.figure import Figure

    left, top, right, bottom = _tissue_box(result)
    width, height = right - left, bottom - top
    used = 0.84 if colour_bar else 0.98
    map_inch = float(np.clip(_WIDTH_INCH * used * height / width, 1.5, 7.5))
    total = map_inch + _LEGEND_INCH
    figure = Figure(figsize=(_WIDTH_INCH, total))
    axes = figure.add_axes((0.01, _LEGEND_INCH / total, used, map_inch / total))
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.apply_aspect()
    _draw_scale_bar(axes, width)
    return figure, axes


def _tissue_box(result: SectionResult) -> tuple[float, float, float, float]:
    height, width = result.dataset.grid.spacing_um
    row, col = np.nonzero(result.tissue.mask)
    left, right = (col.min() - 0.5) * width, (col.max() + 0.5) * width
    top, bottom = (row.min() - 0.5) * height, (row.max() + 0.5) * height
    margin = 0.03 * max(right - left, bottom - top)
    # Twice below: room for the scale bar.
    return left - margin, top - margin, right + margin, bottom + 2.2 * margin


def _extent(result: SectionResult) -> tuple[float, float, float, float]:
    (rows, cols), (height, width) = result.dataset.grid.shape, result.dataset.grid.spacing_um
    return -0.5 * width, (cols - 0.5) * width, (rows - 0.5) * height, -0.5 * height


def _draw_scale_bar(axes: Axes, width_um: float) -> None:
    length = scale_bar_um(width_um)
    bottom, top = axes.get_ylim()
    left = axes.get_xlim()[0] + 0.02 * width_um
    y = bottom - 0.012 * (bottom - top)
    axes.plot([left, left + length], [y, y], color=_INK, lw=2.2, solid_capstyle="butt", zorder=9)
    axes.text(
        left + length + 0.012 * width_um, y, f"{length:,g} µm", size=8.5, color=_INK, va="center_baseline", zorder=9
    )


def scale_bar_um(width_um: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, ... µm that is at most a fifth of the width."""
    power = 10.0 ** np.floor(np.log10(width_um / 5))
    return float(max(step * power for step in (1, 2, 5) if step * power <= width_um / 5))


def _draw_cells(axes: Axes, result: SectionResult) -> list[Any]:
    cells = result.cells
    # The area of the axes shared by the cells: dots shrink until they no longer hide the map.
    box = axes.get_window_extent()
    area_points2 = box.width * box.height * (72 / axes.figure.dpi) ** 2
    size = float(np.clip(0.55 * np.sqrt(area_points2 / cells.n_cells), 0.5, 4.0))
    counts = {role: int(cells.has_role(role).sum()) for role in ROLES}
    for role in sorted(ROLES, key=lambda r: (r == "effector", r == "suppressor", -counts[r])):
        here = cells.has_role(role)
        axes.plot(
            cells.x[here], cells.y[here], ls="", marker="o", mew=0, ms=size * (1.4 if role == "effector" else 1.0),
            color=ROLE_COLOURS[role], alpha=1.0 if role in ("effector", "suppressor") else 0.55,
        )  # fmt: skip
    return [_dot(role, counts[role]) for role in ROLES if counts[role]]


def _dot(role: Role, n: int) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], ls="", marker="o", ms=5, mew=0, color=ROLE_COLOURS[role], label=f"{role} ({n:,})")


def _draw_outlines(axes: Axes, result: SectionResult) -> list[Any]:
    """Draw tissue and niches; return what the legend needs."""
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    grid, niches = result.dataset.grid, result.niches
    _draw_border(axes, result.tissue.mask, _extent(result), color=_TISSUE_LINE, lw=0.7, ls="-")
    grades: dict[str, None] = {}
    for row in niches.regions[niches.regions["kind"] == "niche"].to_dict("records"):
        outline, grade = mask_outline(niches.map.labels == int(row["region_id"]), grid), grade_of(row["grade"])
        grades[grade] = None
        _draw_rings(axes, outline, color="white", lw=3.4)
        _draw_rings(axes, outline, color=GRADE_COLOURS[grade], lw=1.8)
        at = outline.representative_point()
        halo = [withStroke(linewidth=2.6, foreground="white")]
        axes.text(
            at.x, at.y, str(row["region_id"]), size=11, weight="bold", color=_INK, ha="center", va="center",
            path_effects=halo, zorder=8,
        )  # fmt: skip
    tissue = Line2D([], [], color=_TISSUE_LINE, lw=0.9, label="tissue")
    return [tissue, *(Line2D([], [], color=GRADE_COLOURS[g], lw=2.2, label=f"niche, {g}") for g in grades)]


def _draw_border(
    axes: Axes, mask: NDArray[np.bool_], extent: tuple[float, float, float, float], *, color: str, lw: float, ls: str
) -> None:
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


def _add_legend(figure: Figure, handles: list[Any], *, row: int) -> None:
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.005, row * _LEGEND_ROW_INCH / figure.get_figheight()),
        ncols=max(len(handles), 1), frameon=False, fontsize=8.5, labelcolor=_INK, handletextpad=0.5, columnspacing=1.6,
        borderaxespad=0.2,
    )  # fmt: skip


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    return file.getvalue()
