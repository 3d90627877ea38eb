"""Tables and plots of what benchmarks/calibration.py counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from marked import write_marked
from scipy.stats import binomtest

ALPHA = 0.05
POWER_PLOT, ERROR_PLOT = "calibration_power.png", "calibration_error.png"
RATE = ("true_ratio", "rate_low", "rate_high")
CHANGE = ("true_change", "change_low", "change_high")
COLORS = {"called": "#0072b2", "covered": "#d55e00"}

Rows = dict[Any, pd.DataFrame]
"""World -> a row a section. The world has name, group, asked, effectors_per_mm2 and plan."""


def tables(rows: Rows) -> str:
    """Return the tables of all groups that have rows."""
    parts = []
    for group, title in (
        ("no niche", "Sections without niches"),
        ("planted", "Planted niches"),
        ("power", "Fewer effectors, smaller or less cold niches"),
    ):
        worlds = {world: table for world, table in rows.items() if world.group == group}
        if worlds:
            make = null_table if group == "no niche" else planted_table
            parts.append(f"### {title}\n\n{make(worlds)}\n")
    return "\n".join([*parts, interval_line(rows)])


def null_table(rows: Rows) -> str:
    lines = ["| world | sections | called without gates | called | asked | s a search |", "|---|---|---|---|---|---|"]
    for world, table in rows.items():
        cells = [world.name, len(table), before_gates(table), called(table), world.asked, seconds(table)]
        lines.append(line(cells))
    return "\n".join(lines)


def planted_table(rows: Rows) -> str:
    lines = [
        "| world | sections | called without gates | called | covered (least) | of the call outside | grades "
        "| interval holds the rate ratio | interval holds the change | asked | s a search |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for world, table in rows.items():
        grades = Counter(" ".join(table["grades"]).split())
        cells = [
            world.name,
            len(table),
            before_gates(table),
            called(table),
            f"{table['covered'].mean():.2f} ({table['covered'].min():.2f})",
            "–" if table["outside"].isna().all() else f"{table['outside'].mean():.3f}",
            ", ".join(f"{grade} {n}" for grade, n in grades.most_common()) or "–",
            held(table, *RATE),
            held(table, *CHANGE),
            world.asked,
            seconds(table),
        ]
        lines.append(line(cells))
    return "\n".join(lines)


def interval_line(rows: Rows) -> str:
    """Return how many intervals of all niches that were called in sections with planted ones hold the truth."""
    planted = [table for world, table in rows.items() if world.group != "no niche"]
    if not planted:
        return ""
    together = pd.concat(planted)
    return (
        f"Over all planted worlds the rate ratio lies in its interval in {held(together, *RATE)} of the niches called, "
        f"the change of the ion in its own in {held(together, *CHANGE)}.\n"
    )


def line(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def before_gates(table: pd.DataFrame) -> str:
    if table["p_smallest"].isna().all():
        return "–"
    return share(int((table["p_smallest"] <= ALPHA).sum()), len(table))


def called(table: pd.DataFrame) -> str:
    return share(int((table["n_niches"] > 0).sum()), len(table))


def seconds(table: pd.DataFrame) -> str:
    return f"{table['seconds'].median():.2f}"


def share(k: int, n: int) -> str:
    """Return k of n in percent with its exact interval (Clopper and Pearson 1934, doi 10.1093/biomet/26.4.404)."""
    low, high = interval_of(k, n)
    return f"{100 * k / n:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def interval_of(k: int, n: int) -> tuple[float, float]:
    low, high = binomtest(k, n).proportion_ci(0.95, "exact")
    return float(low), float(high)


def held(table: pd.DataFrame, *columns: str) -> str:
    """Return the share of intervals that hold the truth; ``columns`` hold the truth, the lower and the upper limit."""
    true, low, high = (np.array(" ".join(table[name]).split(), dtype=np.float64) for name in columns)
    known = np.isfinite(low) & np.isfinite(high)
    if not known.any():
        return "–"
    return share(int(np.sum((low <= true) & (true <= high) & known)), int(known.sum()))


def write_docs(path: Path, rows: Rows) -> None:
    """Write tables and plots into the marked part of a file and into ``images`` beside it."""
    images = path.parent / "images"
    images.mkdir(exist_ok=True)
    pictures = ""
    if plot_power(images / POWER_PLOT, rows):
        alt = "Share of sections called and of the niche covered, against the effectors per mm²"
        pictures += f"\n![{alt}](images/{POWER_PLOT})\n"
    if plot_error(images / ERROR_PLOT, rows):
        alt = "Share of sections without niches called before the gates, against alpha"
        pictures += f"\n![{alt}](images/{ERROR_PLOT})\n"
    write_marked(path, tables(rows) + pictures)


def plot_power(path: Path, rows: Rows) -> bool:
    """Plot called and covered against the effectors per mm², a panel a kind and radius; return whether there is any."""
    curves: dict[tuple[str, float], dict[float, list[tuple[float, pd.DataFrame]]]] = {}
    for world, table in rows.items():
        plan = world.plan
        plain = plan.get("niche_shape", "disc") == "disc" and plan.get("pixel_size_um", 50.0) == 50.0
        if world.group != "no niche" and plain:
            panel = plan["niche_kinds"][0], plan.get("niche_radius_um", 300.0)
            point = (world.effectors_per_mm2, table)
            curves.setdefault(panel, {}).setdefault(plan.get("niche_rate", 0.1), []).append(point)
    if not curves:
        return False
    plt = pyplot()
    size = (4.2 * len(curves), 3.6)
    figure, axes = plt.subplots(1, len(curves), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for axis, ((kind, radius), of_rate) in zip(axes[0], curves.items(), strict=True):
        for rate, points in sorted(of_rate.items()):
            draw_power(axis, rate, sorted(points, key=lambda point: point[0]))
        axis.set(title=f"{kind} of {radius:g} µm", xlabel="effectors per mm²", ylim=(0, 1.03), xscale="log")
        axis.set_xticks([50, 75, 150, 300], ["50", "75", "150", "300"], minor=False)
        axis.minorticks_off()
    axes[0, 0].set_ylabel("share")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    save(figure, path)
    return True


def draw_power(axis: Any, rate: float, points: list[tuple[float, pd.DataFrame]]) -> None:
    x = [n for n, _ in points]
    style = "-" if rate <= 0.1 else "--"
    k = [(int((table["n_niches"] > 0).sum()), len(table)) for _, table in points]
    power = np.array([a / b for a, b in k])
    off = np.abs(np.array([interval_of(*pair) for pair in k]).T - power)
    axis.errorbar(
        x, power, off, color=COLORS["called"], ls=style, marker="o", ms=4, capsize=2, label=f"called, rate {rate:g}"
    )
    covered = [table["covered"].mean() for _, table in points]
    axis.plot(x, covered, color=COLORS["covered"], ls=style, marker="s", ms=4, label=f"covered, rate {rate:g}")


def plot_error(path: Path, rows: Rows) -> bool:
    """Plot the share of sections without niches whose least p is at most alpha; return whether any p is known."""
    known = {world: table for world, table in rows.items() if world.group == "no niche"}
    known = {world: table for world, table in known.items() if table["p_smallest"].notna().any()}
    if not known:
        return False
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    alpha = np.linspace(0.005, 0.2, 40)
    for world, table in known.items():
        p = table["p_smallest"].fillna(1.0).to_numpy()
        axis.plot(alpha, [(p <= a + 1e-9).mean() for a in alpha], label=world.name.removeprefix("no niche, "))
    axis.plot([0, 0.2], [0, 0.2], color="black", lw=1, ls=":", label="as alpha says")
    axis.axvline(ALPHA, color="grey", lw=0.8)
    axis.set(xlabel="alpha", ylabel="called without gates", xlim=(0, 0.2), ylim=(0, None))
    axis.legend(frameon=False, fontsize=8)
    save(figure, path)
    return True


def pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot().close(figure)
