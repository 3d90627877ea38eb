"""Tables of what reading.py measured: what was to be reached, what was, and how the peers did."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import isclose
from pathlib import Path
from statistics import median
from typing import Any

Measured = dict[tuple[str, str, str], list[dict[str, Any]]]
"""(reader, file, step): one dict a repeat, as reading_peers.py gives them."""

OURS = "napari-metime"
PEERS = ("pyimzML", "imzy", "m2aia")
LARGE = "large"
GROWTH = {"10k": 10_000, "40k": 40_000, "100k": 100_000, "300k": 300_000}
N_IONS = 200
N_IONS_SLOW = 20
SAME = 1e-5


@dataclass(frozen=True)
class Goal:
    """What is to be reached: ``value`` at least or at most ``limit``."""

    text: str
    value: Callable[[Measured], float]
    limit: float
    at_least: bool = False

    def verdict(self, measured: Measured) -> str:
        value = self.value(measured)
        if value != value:
            return "not measured"
        met = value >= self.limit if self.at_least else value <= self.limit
        return f"{number(value)}, {'met' if met else '**not met**'}"


@dataclass(frozen=True)
class Row:
    """One work on one file: the step of each reader that does it."""

    work: str
    file: str
    steps: Mapping[str, str]
    goals: tuple[Goal, ...] = ()


def seconds(measured: Measured, reader: str, file: str, step: str) -> float:
    """Median over the repeats, NaN where nothing was measured; of the peers' single images some stand for all."""
    found = [values["seconds"] for values in measured.get((reader, file, step), [])]
    if not found:
        return float("nan")
    return median(found) * (N_IONS / N_IONS_SLOW if reader != OURS and step == "singles" else 1)


def megabytes(measured: Measured, reader: str, file: str, step: str, key: str) -> float:
    """Largest over the repeats."""
    return max((values[key] for values in measured.get((reader, file, step), [])), default=float("nan"))


def ratio(file: str, over: tuple[str, str], under: tuple[str, str], factor: float = 1) -> Callable[[Measured], float]:
    """Time of ``over`` divided by ``factor`` times that of ``under``, both (reader, step)."""
    return lambda m: seconds(m, over[0], file, over[1]) / (factor * seconds(m, under[0], file, under[1]))


def every(step: str) -> dict[str, str]:
    return dict.fromkeys((OURS, *PEERS), step)


def rows() -> list[Row]:
    """Return the lines of the issue's table, and what else was measured beside them."""
    found: list[Row] = []
    for file in ("processed", "continuous"):
        found += [_opening(file), _opening_again(file), _first_image(file)]
        found += [_from_index(file), _building(file), _many(file), *_passes(file)]
    return found


def _opening(file: str) -> Row:
    goal = Goal("pyimzML / ours ≥ 5", ratio(file, ("pyimzML", "open"), (OURS, "open")), 5, at_least=True)
    return Row("open, first time", file, every("open"), (goal,))


def _opening_again(file: str) -> Row:
    goal = Goal("≤ 50 ms", lambda m: 1000 * seconds(m, OURS, file, "open:again"), 50)
    return Row("open again", file, {OURS: "open:again", "imzy": "open:again"}, (goal,))


def _first_image(file: str) -> Row:
    limits = {"m2aia": 8, "pyimzML": 40} if file == "processed" else {}
    goals = (
        Goal(f"{peer} / ours ≥ {limit}", ratio(file, (peer, "image"), (OURS, "image")), limit, at_least=True)
        for peer, limit in limits.items()
    )
    return Row("first ion image, no index", file, every("image"), tuple(goals))


def _from_index(file: str) -> Row:
    # A single image takes less than a clock can tell well: the mean of many, each of its own m/z.
    value = ratio(file, ("m2aia", "image"), (OURS, "singles:indexed"), 1 / N_IONS)
    goals = (Goal("m2aia's image / ours ≥ 300", value, 300, at_least=True),) if file == "processed" else ()
    return Row(f"{N_IONS} ion images from the index, one by one", file, {OURS: "singles:indexed"}, goals)


def _building(file: str) -> Row:
    goals = (
        Goal("ours / m2aia's opening ≤ 1.5", ratio(file, (OURS, "build_index"), ("m2aia", "open")), 1.5),
        Goal("process ≤ 1,500 MB", lambda m: megabytes(m, OURS, file, "build_index", "peak_mb"), 1500),
    )
    return Row("build the index", file, {OURS: "build_index", "m2aia": "open"}, goals)


def _many(file: str) -> Row:
    goals = (
        Goal("one pass / singles ≤ 0.1", ratio(file, (OURS, "images"), (OURS, "singles")), 0.1),
        Goal("one pass / TIC pass ≤ 2", ratio(file, (OURS, "images"), (OURS, "tic")), 2),
    )
    steps = {OURS: "images", "imzy": "images", "m2aia": "singles", "pyimzML": "singles"}
    return Row(f"{N_IONS} ions, no index", file, steps, goals)


def _passes(file: str) -> list[Row]:
    vectors, mean = "TIC, RMS and median", "mean and maximum spectrum"
    found = [
        Row("read the .ibd raw", file, {"raw": "read"}),
        Row("TIC", file, {OURS: "tic", "imzy": "tic", "m2aia": "open"}, (_half_speed(file, "tic"),)),
        Row(vectors, file, {OURS: "vectors", "pyimzML": "vectors"}, (_half_speed(file, "vectors"),)),
        Row(mean, file, {OURS: "mean", "imzy": "mean", "m2aia": "open"}, (_half_speed(file, "mean"),)),
        Row("read the .ibd raw, from disk", file, {"raw": "read:disk"}),
    ]
    for work, step in ((vectors, "vectors:disk"), (mean, "mean:disk")):
        found.append(Row(f"{work}, from disk", file, {OURS: step}, (_half_speed(file, step, "read:disk"),)))
    return found


def _half_speed(file: str, step: str, raw: str = "read") -> Goal:
    return Goal("ours / raw reading ≤ 2", ratio(file, (OURS, step), ("raw", raw)), 2)


def tables(measured: Measured, sizes: Mapping[str, str], about: str) -> str:
    """Return everything that was measured, as Markdown; ``about`` is the machine's description."""
    parts = [main_table(measured), "### From 10,000 to 300,000 pixels", growth_table(measured), peers_growth(measured)]
    parts += ["### A file of 6 GB", large_table(measured), "### Before the first image", starts(measured)]
    parts += [agreement(measured), "### Files and machine", files_list(sizes), about]
    return "\n\n".join(part for part in parts if part) + "\n"


def main_table(measured: Measured) -> str:
    lines = []
    for row in rows():
        goals = "<br>".join(goal.text for goal in row.goals)
        verdicts = "<br>".join(goal.verdict(measured) for goal in row.goals)
        cells = [_cell(measured, reader, row) for reader in ("raw" if "raw" in row.steps else OURS, *PEERS)]
        lines.append([f"{row.work}, {row.file}", goals, *cells, verdicts])
    return markdown(["work, file", "target", OURS, *PEERS, "reached"], lines)


def _cell(measured: Measured, reader: str, row: Row) -> str:
    step = row.steps.get(reader)
    if step is None or (reader, row.file, step) not in measured:
        return "–"
    taken = seconds(measured, reader, row.file, step)
    if reader == "raw":
        return time(taken)
    times = "" if reader == OURS else f" ({number(taken / seconds(measured, OURS, row.file, row.steps[OURS]))}×)"
    return f"{time(taken)}{times}, {megabytes(measured, reader, row.file, step, 'grown_mb'):.0f} MB"


def growth_table(measured: Measured) -> str:
    """How our own steps grow with the number of pixels."""
    works = {
        "open": ("open", 1), "open again": ("open:again", 1), "first ion image": ("image", 1),
        "build the index": ("build_index", 1), "ion image from it": ("singles:indexed", N_IONS),
    }  # fmt: skip
    lines = [
        [
            f"{n_pixels:,}",
            *(time(seconds(measured, OURS, file, step) / n) for step, n in works.values()),
            f"{megabytes(measured, OURS, file, 'build_index', 'peak_mb'):.0f} MB",
            f"{megabytes(measured, OURS, file, 'open', 'array_bytes') / n_pixels:.1f}",
            *(f"{kept_bytes(measured, OURS, file, step):.0f}" for step in ("open", "open:again")),
        ]
        for file, n_pixels in GROWTH.items()
    ]
    columns = [
        "pixels",
        *works,
        "process while building",
        "bytes a pixel: arrays",
        "kept by opening",
        "by opening again",
    ]
    goals = (Goal("", partial(_kept_slope, step=step), 64) for step in ("open", "open:again"))
    first, again = (goal.verdict(measured) for goal in goals)
    told = f"Bytes that each pixel more adds to what opening keeps, at most 64: {first}; opening again: {again}."
    return f"{markdown(columns, lines)}\n\n{told}"


def kept_bytes(measured: Measured, reader: str, file: str, step: str) -> float:
    """Memory of the process after a step beyond what it had before, in bytes a pixel."""
    return megabytes(measured, reader, file, step, "kept_mb") * 2**20 / GROWTH[file]


def _kept_slope(measured: Measured, step: str) -> float:
    small, large = min(GROWTH, key=GROWTH.__getitem__), max(GROWTH, key=GROWTH.__getitem__)
    kept = {file: kept_bytes(measured, OURS, file, step) * GROWTH[file] for file in (small, large)}
    return (kept[large] - kept[small]) / (GROWTH[large] - GROWTH[small])


def peers_growth(measured: Measured) -> str:
    lines = []
    for file, n_pixels in GROWTH.items():
        cells = [time(seconds(measured, peer, file, step)) for peer in PEERS for step in ("open", "image")]
        kept = [f"{kept_bytes(measured, peer, file, 'open'):.0f}" for peer in PEERS]
        lines.append([f"{n_pixels:,}", *cells, *kept])
    columns = [f"{peer}: {work}" for peer in PEERS for work in ("open", "first ion image")]
    return markdown(["pixels", *columns, *(f"{peer}: bytes a pixel kept" for peer in PEERS)], lines)


def large_table(measured: Measured) -> str:
    works = {
        "open, first time": "open", "first ion image, no index": "image", "build the index": "build_index",
        "first ion image from it": "image:indexed", f"{N_IONS} ion images from it, one by one": "singles:indexed",
    }  # fmt: skip
    lines = [
        [
            work,
            time(seconds(measured, OURS, LARGE, step)),
            *(f"{megabytes(measured, OURS, LARGE, step, key):.0f} MB" for key in ("grown_mb", "peak_mb")),
        ]
        for work, step in works.items()
    ]
    goal = Goal("", lambda m: megabytes(m, OURS, LARGE, "build_index", "peak_mb"), 1500)
    told = f"\n\nThe process while building, at most 1,500 MB: {goal.verdict(measured)}."
    return markdown([OURS, "time", "grown", "process"], lines) + told


def starts(measured: Measured) -> str:
    """What comes once: importing, and compiling where nothing was compiled before."""
    lines = []
    for reader in (OURS, *PEERS):
        found = measured.get((reader, "processed", "open"), [])
        if found:
            seconds_, mb = (median(values[key] for values in found) for key in ("import_s", "import_mb"))
            lines.append([reader, time(seconds_), f"{mb:.0f} MB"])
    cold = [time(seconds(measured, OURS, "processed", step)) for step in ("open:cold", "image:cold")]
    return markdown(["", "import", "process when ready"], lines) + (
        f"\n\nThe very first opening on a machine compiles: {cold[0]}, and the first ion image then: {cold[1]}."
    )


def agreement(measured: Measured) -> str:
    """Say whether the ion images of all readers are alike, by two sums of each."""
    n_compared, told = 0, []
    for (reader, file, step), found in measured.items():
        ours = measured.get((OURS, file, "image"))
        if step.startswith("image") and (reader, step) != (OURS, "image") and ours:
            n_compared += 1
            pairs = zip(found[0]["check"], ours[0]["check"], strict=True)
            if not all(isclose(theirs, mine, rel_tol=SAME) for theirs, mine in pairs):
                told.append(f"- {step} of {reader} on the {file} file: {found[0]['check']}, not {ours[0]['check']}")
    if told:
        return "\n".join(["Ion images that differ:", "", *told])
    return f"The first ion image was alike in all {n_compared} comparisons with ours (readers, index, many at once)."


def files_list(sizes: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {size}" for name, size in sizes.items())


def machine(work: Path, load: float, versions: Mapping[str, Mapping[str, str]]) -> str:
    """Describe the machine and what ran on it."""
    cpu = _field("/proc/cpuinfo", "model name")
    memory_gb = int(_field("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    lines = [
        f"- {cpu}, {os.cpu_count()} cores, {memory_gb:.0f} GB of memory, {platform.system()} {platform.release()}",
        f"- disk of the files: {disk(work)}",
        f"- load when it began: {load:.2f} processes",
    ]
    told = {reader: ", ".join(f"{name} {v}" for name, v in found.items()) for reader, found in versions.items()}
    lines += [f"- {reader}: {told[reader]}" for reader in (OURS, "m2aia") if reader in told]
    return "\n".join(lines).replace("- m2aia: ", "- the others: ")


def disk(folder: Path) -> str:
    """Device and file system that hold the folder."""
    mounts = [line.split()[:3] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    holding = [mount for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    device, _, system = max(holding, key=lambda mount: len(mount[1]))
    return f"{device}, {system}"


def _field(file: str, name: str) -> str:
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def time(value: float) -> str:
    if value != value:
        return "–"
    return f"{value:.2f} s" if value >= 0.1 else f"{number(1000 * value)} ms"


def markdown(columns: list[str], lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, ["---"] * len(columns), *lines])
