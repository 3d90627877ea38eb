"""Single plots as files for a paper: PNG and SVG on white ground, and the numbers behind them as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import OutputError
from napari_metime.export.colours import GRADE_COLOURS, ROLE_COLOURS, grade_of
from napari_metime.export.drawing import DOUBLE_MM, INK, LINE, Drawn, drawn, lean, plain, print_style, sheet
from napari_metime.export.tables import write_table
from napari_metime.replacing import replaced_file
from napari_metime.section import label_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_MM = 4.2
LEAST_Q = 1e-6
"""A smaller q is drawn as this one."""
CALLED_Q = 0.05
MAX_LABEL = 60
MAX_NAMED = 18
"""Channels that are named beside the volcano at most. Our own choice."""
APART = 0.018
"""How far apart names in a spectrum are, as a share of its range."""
LETTER_WIDE, LINE_HIGH, _LABEL_PT = 0.012, 0.042, 8.0
"""Of a number beside a point of the volcano: a letter and a line as shares of its axes, and a line in points."""
KEY_COLUMNS = 4
OTHER_AXES = "other axes, or none"
STYLES = ("-", "--", ":")
ENDINGS = (".png", ".svg", ".csv")


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """What a plot shows.

    Parameters
    ----------
    name : of the file, without its ending
    table : the numbers behind it, a row a point
    draw : draws it into axes
    height_mm : of the figure; it is two columns of a journal wide
    """

    name: str
    table: pd.DataFrame
    draw: Callable[[Axes], None]
    height_mm: float = 80.0


def write_plot(plot: Plot, path: Path) -> None:
    """Write a plot as the ending of a path says; the same plot gives the same bytes.

    Raises
    ------
    OutputError
        The ending is none of ``ENDINGS``, or the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise OutputError(f"expected a name that ends with .png, .svg or .csv, found {path.name}; add one of them")
    with replaced_file(path) as new:
        if ending == ".csv":
            write_table(plot.table, new)
        else:
            made = _drawn(plot)
            new.write_bytes(made.png if ending == ".png" else made.svg)


def _drawn(plot: Plot) -> Drawn:
    with print_style():
        figure = sheet(DOUBLE_MM, plot.height_mm)
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        plot.draw(axes)
        lean(axes)
        for title in (axes.xaxis.label, axes.yaxis.label):
            title.set_color(INK)
        return drawn(figure)


def spectrum_plot(
    spectra: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    marks: Mapping[str, float],
    unit: str,
    colours: Mapping[str, str],
) -> Plot:
    """Return spectra over each other.

    Parameters
    ----------
    spectra : m/z and intensity of each by its title; the first lies at the bottom
    marks : names of ions and their m/z
    colours : of the spectra
    """
    rows = [pd.DataFrame({"spectrum": title, "mz": x, "intensity": y}) for title, (x, y) in spectra.items()]
    table = pd.concat(rows) if rows else pd.DataFrame(columns=["spectrum", "mz", "intensity"])

    def draw(axes: Axes) -> None:
        for title, (mz, heights) in spectra.items():
            axes.vlines(mz, 0, heights, color=colours[title], lw=0.7, label=plain(title, MAX_LABEL))
        top = max((float(heights.max()) for _, heights in spectra.values() if heights.size), default=1.0)
        for name, at, height in _with_room(marks, spectra):
            axes.annotate(
                plain(name), (at, height), xytext=(0, 3), textcoords="offset points", rotation=90, size=6,
                ha="center", va="bottom", color=INK,
            )  # fmt: skip
        axes.set_ylim(0, top * (1.45 if marks else 1.08))
        axes.set_xlabel("m/z")
        axes.set_ylabel(unit)
        if spectra:
            axes.legend(frameon=False, fontsize=7, loc="upper right", labelcolor=INK)

    return Plot("spectrum", table, draw)


def gradient_plot(frame: pd.DataFrame, key: str, grades: Mapping[str, str], titles: tuple[str, str]) -> Plot:
    """Return a quantity against a distance, with its 95 % band.

    Parameters
    ----------
    frame : the rows of gradients.csv or margin.csv
    key : the column of the quantity, which has limits
    grades : of the niches; a region without one is the tissue across the margin
    titles : of the two axes, with their units
    """
    table = frame[["region_id", "band_low_um", "band_high_um", key, f"{key}_low", f"{key}_high"]]

    def draw(axes: Axes) -> None:
        for line, (region, rows) in enumerate(table.groupby("region_id", sort=False)):
            is_niche = str(region) in grades
            colour = GRADE_COLOURS[grade_of(grades[str(region)])] if is_niche else ROLE_COLOURS["other"]
            at = (rows["band_low_um"] + rows["band_high_um"]) / 2
            axes.fill_between(at, rows[f"{key}_low"], rows[f"{key}_high"], color=colour, alpha=0.22, lw=0)
            name = f"niche {region}, {grades[str(region)]}" if is_niche else "tissue across the margin"
            style = STYLES[line % len(STYLES)]
            axes.plot(at, rows[key], color=colour, lw=1.5, ls=style, marker="o", ms=3, label=name)
        axes.axvline(0, color=LINE, lw=0.8, ls="--")
        axes.set_xlabel(titles[0])
        axes.set_ylabel(plain(titles[1], MAX_LABEL))
        if len(table):
            axes.legend(frameon=False, fontsize=7, labelcolor=INK)

    return Plot(f"gradient_{key}", table, draw)


def volcano_plot(tested: pd.DataFrame, colours: Mapping[str, str], other_colour: str) -> Plot:
    """Return how strongly channels go with coldness against how surely.

    Parameters
    ----------
    tested : the tested rows of associations.csv, with the axis of each in words
    colours : of the axes
    """
    table = _association_table(tested)

    def draw(axes: Axes) -> None:
        height = -np.log10(np.maximum(table["q"].to_numpy(float), LEAST_Q))
        tones = [colours.get(axis, other_colour) for axis in table["axis"]]
        axes.scatter(table["r_partial"], height, c=tones, s=24, edgecolors=INK, linewidths=0.4, zorder=3)
        axes.axhline(-np.log10(CALLED_Q), color=LINE, lw=0.8, ls="--")
        axes.axvline(0, color=LINE, lw=0.8)
        axes.annotate("q = 0.05", (0.01, -np.log10(CALLED_Q)), xycoords=("axes fraction", "data"), size=7, va="bottom")
        reach = max(0.3, float(table["r_partial"].abs().max()) if len(table) else 0.0)
        top = max(2.0, float(height.max()) if len(table) else 0.0)
        axes.set_xlim(-1.15 * reach, 1.15 * reach)
        axes.set_ylim(-0.04 * top, 1.1 * top)
        axes.set_xlabel("partial correlation r with coldness")
        axes.set_ylabel("−log₁₀ q")
        _name_called(axes, table, height)
        _add_key(axes, table, colours, other_colour)

    return Plot("volcano", table, draw, 95.0 + _key_mm(table, colours))


def _name_called(axes: Axes, table: pd.DataFrame, height: NDArray[np.float64]) -> None:
    """Number the called channels, the surest first, and say beside the plot which they are: their points lie close."""
    called = np.flatnonzero(table["q"].to_numpy(float) <= CALLED_Q)
    strength = table["r_partial"].abs().to_numpy(float)
    order = sorted(called, key=lambda i: (table["q"].iloc[i], -strength[i], table["channel"].iloc[i]))[:MAX_NAMED]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    groups: list[tuple[float, float, list[int]]] = []
    for number, i in enumerate(order, start=1):
        x, y = float(table["r_partial"].iloc[i]), float(height[i])
        near = [n for a, b, n in groups if abs(a - x) < 0.045 * (right - left) and abs(b - y) < 0.05 * (top - bottom)]
        if near:
            near[0].append(number)
        else:
            groups.append((x, y, [number]))
        axes.text(
            1.03, 1.0 - 0.052 * (number - 1), f"{number}  {plain(table['label'].iloc[i], MAX_LABEL)}", size=6.5,
            color=INK, transform=axes.transAxes, va="top",
        )  # fmt: skip
    at = np.array([[(x - left) / (right - left), (y - bottom) / (top - bottom)] for x, y, _ in groups]).reshape(-1, 2)
    told = [", ".join(map(str, numbers)) for _, _, numbers in groups]
    for (x, y, _), text, lines in zip(groups, told, lifted(at, [len(text) for text in told]), strict=True):
        line = {"arrowstyle": "-", "lw": 0.4, "color": LINE, "shrinkA": 0, "shrinkB": 3} if lines else None
        axes.annotate(
            text, (x, y), xytext=(0, 5 + _LABEL_PT * lines), size=6, textcoords="offset points", ha="center",
            va="bottom", color=INK, arrowprops=line,
        )  # fmt: skip
    if len(called) > MAX_NAMED:
        axes.text(1.03, 0.0, f"and {len(called) - MAX_NAMED} more", size=6.5, color=INK, transform=axes.transAxes)


def lifted(at: NDArray[np.float64], n_letters: Sequence[int]) -> list[int]:
    """Return by how many lines each label is lifted above its point so that no two of them touch.

    Parameters
    ----------
    at : ndarray of shape (n, 2): the points as shares of the width and height of the axes
    n_letters : of the labels
    """
    lines = [0] * len(at)
    placed: list[int] = []
    for i in np.argsort(at[:, 1], kind="stable"):  # from below, so that a label is lifted away from those placed
        while any(
            abs(at[i, 0] - at[k, 0]) < LETTER_WIDE * (n_letters[i] + n_letters[k] + 2) / 2
            and abs(at[i, 1] + LINE_HIGH * lines[i] - at[k, 1] - LINE_HIGH * lines[k]) < LINE_HIGH
            for k in placed
        ):
            lines[i] += 1
        placed.append(int(i))
    return lines


def bars_plot(tested: pd.DataFrame, colours: Mapping[str, str], other_colour: str) -> Plot:
    """Return partial correlations with their 95 % intervals, in the order of the rows; arguments as of the volcano."""
    table = _association_table(tested)

    def draw(axes: Axes) -> None:
        at = np.arange(len(table))
        tones = [colours.get(axis, other_colour) for axis in table["axis"]]
        r = table["r_partial"].to_numpy(float)
        ends = np.abs(np.stack([table["r_low"], table["r_high"]]).astype(float) - r)
        axes.barh(at, r, color=tones, height=0.66)
        axes.errorbar(r, at, xerr=ends, fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.5)
        axes.axvline(0, color=LINE, lw=0.8)
        axes.set_yticks(at, [plain(name, MAX_LABEL) for name in table["label"]])
        axes.set_ylim(len(table) - 0.4, -0.6)
        axes.set_xlabel("partial correlation r with coldness (95 % interval)", loc="right")
        _add_key(axes, table, colours, other_colour)

    height_mm = max(18.0 + _ROW_MM * len(table), 45.0) + _key_mm(table, colours)
    return Plot("ranked_correlations", table, draw, height_mm)


def _add_key(axes: Axes, table: pd.DataFrame, colours: Mapping[str, str], other_colour: str) -> None:
    """Say below a plot which axis of metabolism has which colour."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    shown = [(axis, colours[axis]) for axis in colours if (table["axis"] == axis).any()]
    if not table["axis"].isin(list(colours)).all():
        shown.append((OTHER_AXES, other_colour))
    dots = [Line2D([], [], ls="", marker="o", ms=5, mec=INK, mew=0.4, color=c, label=plain(n)) for n, c in shown]
    sheet_of = axes.figure
    if dots and isinstance(sheet_of, Figure):
        sheet_of.legend(
            handles=dots, loc="outside lower left", ncols=KEY_COLUMNS, frameon=False, fontsize=7, labelcolor=INK,
            handletextpad=0.3, columnspacing=1.5,
        )  # fmt: skip


def _key_mm(table: pd.DataFrame, colours: Mapping[str, str]) -> float:
    """Return the room that the key takes."""
    return _ROW_MM * -(-(table["axis"].nunique() if colours else 1) // KEY_COLUMNS)


def shift_plot(shift_ppm: NDArray[np.float64], colour: str) -> Plot:
    """Return the shift of m/z along the pixel rows, in ppm; shape (rows,)."""
    table = pd.DataFrame({"pixel_row": np.arange(shift_ppm.size), "shift_ppm": shift_ppm})

    def draw(axes: Axes) -> None:
        axes.plot(table["pixel_row"], table["shift_ppm"], color=colour, lw=1.5)
        axes.axhline(0, color=LINE, lw=0.8, ls="--")
        axes.set_xlabel("pixel row")
        axes.set_ylabel("shift of m/z (ppm)")

    return Plot("recalibration", table, draw)


def _association_table(tested: pd.DataFrame) -> pd.DataFrame:
    known = tested[tested["r_partial"].notna()].reset_index(drop=True)
    columns = ["channel", "kind", "axis", "r_partial", "r_low", "r_high", "q"]
    return known[columns].assign(label=[label_of(str(name)) for name in known["channel"]])


def _with_room(
    marks: Mapping[str, float], spectra: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
) -> list[tuple[str, float, float]]:
    """Return name, m/z and height of the ions whose names do not cover each other, the highest first."""
    points = [(mz, high) for mz, high in spectra.values() if mz.size]
    if not points:
        return []
    apart = APART * (max(float(mz[-1]) for mz, _ in points) - min(float(mz[0]) for mz, _ in points))
    heights = {name: max(float(high[np.abs(x - mz).argmin()]) for x, high in points) for name, mz in marks.items()}
    placed: list[tuple[str, float, float]] = []
    for name in sorted(heights, key=lambda name: -heights[name]):
        if all(abs(marks[name] - mz) >= apart for _, mz, _ in placed):
            placed.append((name, marks[name], heights[name]))
    return placed
