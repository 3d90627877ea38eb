"""How long finding niches and testing channels takes, beside permutation tests of esda and squidpy.

    python benchmarks/niches.py [--out docs/niches_performance.md] [--peers PYTHON] [--only WORK ...]

makes its sections, does each work in a process of its own (imports not counted, no call before the first), and writes
the table into the marked part of docs/niches_performance.md, or prints it. ``--peers`` names the Python (3.12 or later)
of an environment with esda, libpysal, squidpy and numba; without it their columns stay empty. Needs Linux, and 6 GB of
memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from cells import cpu
from marked import write_marked
from scipy import ndimage

from napari_metime.finding import find_niches
from napari_metime.niches import map_niches
from napari_metime.niches.associations import association_rows
from napari_metime.niches.domain import signed_distance_um
from napari_metime.niches.regions import RegionInputs
from napari_metime.recipe import AssociationsRecipe, NichesRecipe
from napari_metime.section import Alignment, CellTable, Channel, ChannelSet, Dataset, Grid, NicheMap, Tissue

ROLES = np.array(["tumor", "effector", "other"], dtype=object)
NICHE_RADIUS_UM = 400.0
KEPT_SHARE = 0.1
N_PERMUTATIONS = 999
TEXTURE_PIXELS = 4.0
N_PIPELINE_CHANNELS = 20
ALIGNMENT_ERROR_UM = 10.0


@dataclass(frozen=True)
class Section:
    """Cells at random on a square of tumour, with one cold disc."""

    n_pixels: int
    pixel_um: float
    n_cells: int
    effector_share: float

    @property
    def told(self) -> str:
        return f"{self.n_cells:,} cells on {self.n_pixels**2:,} pixels of {self.pixel_um:g} µm"

    def grid(self) -> Grid:
        return Grid((self.n_pixels, self.n_pixels), (1, 1), (self.pixel_um, self.pixel_um))

    def cells(self) -> CellTable:
        rng = np.random.default_rng(0)
        side_um = (self.n_pixels - 1) * self.pixel_um
        x, y = rng.uniform(0, side_um, (2, self.n_cells))
        drawn = rng.uniform(size=self.n_cells)
        code = np.where(drawn < self.effector_share, 1, np.where(drawn < self.effector_share + 0.05, 2, 0))
        cold = np.hypot(x - 0.3 * side_um, y - 0.3 * side_um) < NICHE_RADIUS_UM
        code[(code == 1) & cold & (rng.uniform(size=self.n_cells) > KEPT_SHARE)] = 0
        role = ROLES[code]
        return CellTable(np.arange(self.n_cells).astype(str).astype(object), x, y, role, role, "um")

    def search(self, cells: CellTable, n_permutations: int = N_PERMUTATIONS) -> NicheMap:
        tissue = np.ones(self.grid().shape, dtype=bool)
        return map_niches(self.grid(), tissue, cells, domain="tumor_bed", n_permutations=n_permutations)

    def save(self, path: Path) -> None:
        """Write the cells for the peers, and the effectors counted on the pixels."""
        cells, grid = self.cells(), self.grid()
        effectors = np.bincount(grid.pixel_of(cells.x, cells.y)[cells.has_role("effector")], minlength=self.n_pixels**2)
        code = sum(i * (cells.role == role) for i, role in enumerate(ROLES))
        np.savez(
            path,
            x=cells.x,
            y=cells.y,
            role=np.asarray(code, dtype=np.int8),
            effectors=effectors.reshape(grid.shape),
            pixel_um=self.pixel_um,
        )


SITES = Section(200, 20.0, 40_000, 0.06)
SMALL = Section(316, 10.0, 100_000, 0.05)
LARGE = Section(1000, 10.0, 1_000_000, 0.05)
QUARTER = Section(500, 10.0, 250_000, 0.05)


@dataclass(frozen=True)
class Peer:
    """The test of another package on the same cells."""

    name: str
    task: str
    calls: int
    same_window: bool = False


@dataclass(frozen=True)
class Work:
    """One work: what of ours is called ``calls`` times, and what it is to reach."""

    told: str
    section: Section
    prepare: Callable[[Section], Callable[[], object]]
    calls: int
    seconds_at_most: float | None = None
    mb_at_most: float | None = None
    peer: Peer | None = None
    peer_slower: bool = False


def searching(section: Section) -> Callable[[], object]:
    cells = section.cells()
    return lambda: _told_map(section.search(cells))


def comparing(section: Section, n_channels: int = 300) -> Callable[[], object]:
    """Channels of every kind: textures, half of them skewed, on the pixels of one search."""
    cells, grid = section.cells(), section.grid()
    found = section.search(cells, 19)
    margin_um = signed_distance_um(found.domain, grid.spacing_um)
    tissue, pixel = np.ones(grid.shape, dtype=bool), grid.pixel_of(cells.x, cells.y)
    channels = textures(grid, n_channels)
    inputs = RegionInputs(grid, tissue, found, cells, pixel, margin_um, channels.channels)
    covariates = AssociationsRecipe().covariates

    def call() -> str:
        table = association_rows(inputs, channels, section_id="s", covariates=covariates)
        return f"{(table['status'] == 'tested').sum()} of {n_channels} channels testable"

    return call


def whole_step(section: Section, *, aligned: bool) -> Callable[[], object]:
    """Search, search again with other windows (and other alignments), and every table."""
    cells, grid = section.cells(), section.grid()
    channels = textures(grid, N_PIPELINE_CHANNELS)
    tissue = Tissue(np.ones(grid.shape, dtype=bool), "none", "")
    alignment = Alignment(np.eye(3), "affine", extra_error_um=ALIGNMENT_ERROR_UM) if aligned else None
    covariates = AssociationsRecipe().covariates

    def call() -> str:
        found = find_niches(
            measured_everywhere(grid), tissue, channels, cells, NichesRecipe(n_permutations=N_PERMUTATIONS),
            section_id="s", covariates=covariates, alignment=alignment,
        )  # fmt: skip
        return _told_map(found.map)

    return call


def _told_map(found: NicheMap) -> str:
    return f"niches called: {found.n_niches}; window of {found.radius_um:.0f} µm"


def textures(grid: Grid, n: int) -> ChannelSet:
    rng = np.random.default_rng(1)
    channels = []
    for i in range(n):
        smooth = ndimage.gaussian_filter(rng.standard_normal(grid.shape, dtype=np.float32), TEXTURE_PIXELS)
        image = smooth / smooth.std() + 0.3 * rng.standard_normal(grid.shape, dtype=np.float32)
        channels.append(Channel(f"c{i}", "ion", np.exp(image / 2) if i % 2 else image))
    return ChannelSet(tuple(channels), pd.DataFrame(), channels[0].image)


def measured_everywhere(grid: Grid) -> Dataset:
    """A data set of which only the grid and where it was measured are asked."""
    n = int(np.prod(grid.shape))
    row, col = (np.asarray(index.ravel(), dtype=np.int32) for index in np.indices(grid.shape))
    none = np.zeros(n, dtype=np.int64)
    path, kind = Path("section.imzML"), np.dtype(np.float32)
    return Dataset(
        path, path, grid, "processed", "centroid", "negative", "", (100.0, 200.0), 0, row, col, none, none, none, none,
        np.ones(n, dtype=bool), kind, kind, (0, 0),
    )  # fmt: skip


SEARCH = f"whole search, {N_PERMUTATIONS} permutations"
GI = Peer("esda Gi*", "gi", 3)
WORKS = {
    "million": Work(SEARCH, LARGE, searching, 1, 90, 4000, Peer("squidpy enrichment", "enrichment", 1)),
    "small": Work(SEARCH, SMALL, searching, 2, None, None, Peer("squidpy enrichment", "enrichment", 2)),
    "sites": Work(SEARCH, SITES, searching, 3, None, None, GI, peer_slower=True),
    "window": Work(SEARCH, SITES, searching, 3, None, None, Peer("esda Gi*, our window", "gi", 2, same_window=True)),
    "channels": Work("300 channels tested", QUARTER, comparing, 1, 60),
    "step": Work(
        f"the whole step, {N_PIPELINE_CHANNELS} channels", LARGE, lambda s: whole_step(s, aligned=False), 1
    ),
    "step aligned": Work(
        f"the whole step, {N_PIPELINE_CHANNELS} channels, alignment off by {ALIGNMENT_ERROR_UM:g} µm",
        LARGE,
        lambda s: whole_step(s, aligned=True),
        1,
    ),
}


def measure(work: Work) -> dict[str, Any]:
    """Do one work; called in a process of its own."""
    call = work.prepare(work.section)
    seconds, told = [], ""
    for _ in range(work.calls):
        began = time.perf_counter()
        told = str(call())
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds, "peak_mb": peak_mb(), "told": told}


def peak_mb() -> float:
    """Most memory that this process had; getrusage would also count that of the one it was started from."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def in_fresh_process(command: list[str]) -> dict[str, Any]:
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])  # squidpy prints before
    return found


def measure_peer(work: Work, peer: Peer, python: str, radius_um: float, folder: Path) -> dict[str, Any]:
    path = folder / "cells.npz"
    work.section.save(path)
    request = {
        "task": peer.task,
        "cells": str(path),
        "permutations": N_PERMUTATIONS,
        "calls": peer.calls,
        "radius_um": radius_um if peer.same_window else 0,
    }
    return in_fresh_process([python, str(Path(__file__).with_name("niches_peers.py")), json.dumps(request)])


def table(names: list[str], peers: str | None, folder: Path) -> str:
    head = ["work", "section", "first call", "next", "process", "beside it", "first call", "next", "process"]
    lines = [_line([*head, "peer / ours: first, next", "target"]), _line(["---"] * (len(head) + 2))]
    versions: dict[str, str] = {}
    load = os.getloadavg()[0]
    for name in names:
        work = WORKS[name]
        ours = in_fresh_process([sys.executable, __file__, "--measure", name])
        theirs = None
        if work.peer is not None and peers is not None:
            radius_um = float(ours["told"].rpartition("window of ")[2].split(" ")[0])
            theirs = measure_peer(work, work.peer, peers, radius_um, folder)
            versions |= theirs["versions"]
        lines.append(_line(_row(work, ours, theirs)))
        print(lines[-1], flush=True)
    told = f"{cpu()}, {platform.system()} {platform.release()}; load when it began {load:.1f} processes"
    packages = ", ".join(f"{package} {version(package)}" for package in ("numpy", "scipy", "pandas"))
    text = "\n".join(lines) + f"\n\n- {told}.\n- napari-metime: Python {platform.python_version()}, {packages}.\n"
    if versions:
        text += f"- the others: {', '.join(f'{package} {number}' for package, number in versions.items())}.\n"
    return text


def _row(work: Work, ours: dict[str, Any], theirs: dict[str, Any] | None) -> list[str]:
    first, again = _times(ours["seconds"])
    row = [f"{work.told} ({ours['told']})", work.section.told, *_told_times(ours)]
    if theirs is None or work.peer is None:
        row += ["", "", "", "", ""]
        ratios = (float("nan"), float("nan"))
    else:
        their_first, their_again = _times(theirs["seconds"])
        ratios = (their_first / first, their_again / again)
        row += [f"{work.peer.name}; {theirs['told']}", *_told_times(theirs)]
        row.append(", ".join(f"{ratio:.2g}" for ratio in ratios if np.isfinite(ratio)))
    return [*row, "; ".join(_verdicts(work, max(ours["seconds"]), ours["peak_mb"], min(ratios)))]


def _verdicts(work: Work, seconds: float, peak: float, ratio: float) -> list[str]:
    found = []
    if work.seconds_at_most is not None:
        found.append(f"under {work.seconds_at_most:g} s: {_met(seconds < work.seconds_at_most)}")
    if work.mb_at_most is not None:
        found.append(f"under {work.mb_at_most:,.0f} MB: {_met(peak < work.mb_at_most)}")
    if work.peer_slower and np.isfinite(ratio):
        found.append(f"faster, first and next: {_met(ratio > 1)}")
    return found


def _met(met: bool) -> str:
    return "met" if met else "**not met**"


def _times(seconds: list[float]) -> tuple[float, float]:
    """First call, and the median of the next ones."""
    return seconds[0], median(seconds[1:]) if seconds[1:] else float("nan")


def _told_times(found: dict[str, Any]) -> list[str]:
    times = [f"{value:.2f} s" if np.isfinite(value) else "" for value in _times(found["seconds"])]
    return [*times, f"{found['peak_mb']:,.0f} MB"]


def _line(values: list[str]) -> str:
    return f"| {' | '.join(values)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--only", nargs="+", choices=list(WORKS), default=list(WORKS))
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(WORKS[given.measure])))
        return
    with tempfile.TemporaryDirectory() as made:
        found = table(given.only, given.peers, Path(made))
    if given.out is None:
        print(found)
        return
    write_marked(given.out, found)


if __name__ == "__main__":
    main()
