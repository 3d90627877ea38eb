"""How the figures of a run are made for print: widths of a journal, small sans text, the same bytes again."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_metime.export.words import MAX_NAME, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1C2126"
MUTED = "#5D6770"
LINE = "#8A939B"
NOT_ASSESSABLE = "#D3D7DA"
SINGLE_MM, DOUBLE_MM = 85.0, 180.0
"""Widths of one and of two columns in most journals."""
DPI = 300
TEXT_PT, SMALL_PT = 8.0, 7.0
MM_PER_INCH = 25.4
EDGE_MM = 2.5
"""What is left free at the edge of a sheet: a journal may trim it."""
MAX_TITLE = 34
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "DejaVu Sans"],
    "font.size": SMALL_PT,
    "axes.titlesize": TEXT_PT,
    "axes.labelsize": SMALL_PT,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "svg.fonttype": "none",  # text stays text, so that a figure can be edited
    "svg.hashsalt": "napari-metime",  # else ids are made of chance
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure as PNG with 300 dots per inch, and as SVG."""

    png: bytes
    svg: bytes


@contextmanager
def print_style() -> Iterator[None]:
    """Draw with the sizes of print while it lasts; a name whose letters no font has is drawn with boxes, silently."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        yield


def drawn(figure: Figure) -> Drawn:
    """Return a figure in both forms."""
    return Drawn(
        _saved(figure, "png", {"Software": None}),
        _saved(figure, "svg", {"Date": None, "Creator": None, "Format": None}),
    )


def _saved(figure: Figure, form: str, metadata: dict[str, None]) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format=form, dpi=DPI, facecolor="white", metadata=metadata)
    return file.getvalue()


def sheet(width_mm: float, height_mm: float) -> Figure:
    """Return an empty figure of that size."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH))


def axes_mm(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Return axes in a box whose corner and size are in mm."""
    wide, high = (size * MM_PER_INCH for size in figure.get_size_inches())
    return figure.add_axes((left / wide, bottom / high, width / wide, height / high))


def lean(axes: Axes) -> None:
    """Take the lines away that say nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(color=LINE, labelcolor=INK)


def wrapped(text: str, width: int) -> str:
    """Return a name as ``plain`` does, whole up to ``MAX_NAME`` letters, in lines of at most ``width`` letters."""
    return "\n".join(plain(line, width) for line in textwrap.wrap(one_line(text, MAX_NAME), width)) or " "


def plain(text: str, longest: int = MAX_TITLE) -> str:
    """Return a name as matplotlib draws it: short, in letters that can be seen, and a dollar would start a formula."""
    return one_line(text, longest).replace("$", r"\$")
