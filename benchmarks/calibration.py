"""How often the niche search is right: simulated sections with known truth, counted.

    python benchmarks/calibration.py --out FOLDER [--sections 200] [--permutations 199] [--workers 2]
                                     [--world SUBSTRING] [--first-seed 1000] [--docs docs/calibration.md]

searches the given number of sections a world and appends a row a section to FOLDER/WORLD.csv as it goes. A section that
has its row is skipped, so a run can be broken off, taken up again, and enlarged. ``--world`` takes the worlds with that
text in their name or group. The tables are printed, or with ``--docs`` written into the marked part of that file, and
the plots into ``images`` beside it; ``--sections 0`` only does that. Seeds of a published table serve nothing else.
"""

from __future__ import annotations

import argparse
import csv
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import calibration_tables
import numpy as np
import pandas as pd

from napari_metime.niches import describe_niches, map_niches
from napari_metime.section import CellTable, Channel, ChannelSet, NicheMap
from napari_metime.simulate import CellRates, SectionPlan, SectionTruth, simulate_truth
from napari_metime.simulate.fields import smooth_noise

ROLE_OF = {"CD8": "effector", "Treg": "suppressor", "Macrophage M2": "suppressor", "Tumor": "tumor"}
IGNORE_CTRL_C = (signal.SIGINT, signal.SIG_IGN)


@dataclass(frozen=True, eq=False)
class World:
    """A kind of section: what it is called, what is asked of it, how it is simulated.

    Parameters
    ----------
    group : "no niche", "planted" or "power"
    effectors_per_mm2 : of the bed, outside niches
    plan : what differs from a plain section
    """

    name: str
    group: str
    asked: str = "–"
    effectors_per_mm2: float = 150.0
    plan: dict[str, Any] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        return re.sub(r"[^a-z0-9.]+", "-", self.name.lower().replace("²", "2").replace("µ", "u")).strip("-") + ".csv"

    def section(self, seed: int) -> SectionPlan:
        n = self.effectors_per_mm2
        bed = CellRates(tumor=2200, cd8=n, treg=40, macrophage_m2=120, fibroblast=200, b_cell=40)
        return SectionPlan(seed=seed, bed=bed, **self.plan)


def small(**values: Any) -> dict[str, Any]:
    """A section of 2.4 x 2.0 mm (a bed of some 2 mm²) with 50 µm pixels and no niche."""
    return {"width_um": 2400.0, "height_um": 2000.0, "pixel_size_um": 50.0, "n_niches": 0, **values}


def one_niche(kind: str = "desert", **values: Any) -> dict[str, Any]:
    """A section of 3.2 x 2.6 mm with 50 µm pixels and one niche of the area of a 300 µm disc, a tenth of the rate."""
    return {"n_niches": 1, "niche_kinds": (kind,), **values}


def all_worlds() -> tuple[World, ...]:
    evenly, at_most = "3–7 % without gates, at most 7 % called", "at most 7 % called"
    no_niche = partial(World, group="no niche", asked=at_most)
    clumped = small(clumping_sd=0.6, clumping_scale_um=60.0)
    nest = small(dense_nest_radius_um=300.0)
    # 190 at the margin is about 150 in the mean.
    depth = {"effectors_per_mm2": 190.0, "plan": small(depth_gradient_per_mm=1.0)}
    worlds = [
        no_niche("no niche, 150 per mm²", asked=evenly, plan=small()),
        no_niche("no niche, 75 per mm²", asked=evenly, effectors_per_mm2=75.0, plan=small()),
        no_niche("no niche, clumped effectors (s.d. 0.6, 60 µm)", plan=clumped),
        no_niche("no niche, lymphoid structure in the bed", plan=small(n_lymphoid=1)),
        no_niche("no niche, lymphoid structure at the margin", plan=small(n_lymphoid=1, lymphoid_place="margin")),
        no_niche("no niche, nest of doubled tumour density", plan=nest),
        no_niche("no niche, depth gradient of 1.0 per mm", **depth),
    ]
    for shape in ("disc", "ellipse", "ragged", "banana"):
        asked = "covered 85 %, outside 10 %" if shape == "disc" else "covered 78 %, outside 12 %"
        planted = partial(World, group="planted", asked=asked)
        for kind in ("desert", "excluded"):
            worlds.append(planted(f"{shape}, {kind}", plan=one_niche(kind, niche_shape=shape)))
            if shape == "disc":
                fine = one_niche(kind, pixel_size_um=25.0)
                worlds.append(planted(f"disc, {kind}, 25 µm pixels", plan=fine))
                worlds.append(planted(f"disc, {kind}, 300 per mm²", effectors_per_mm2=300.0, plan=one_niche(kind)))
    for kind, radius, rate in (
        *(("desert", r, s) for r in (300.0, 200.0) for s in (0.1, 0.3)),
        ("excluded", 300.0, 0.1),
    ):
        for n in (50.0, 75.0, 150.0, 300.0):
            if n < 150 or (radius, rate) != (300.0, 0.1):  # else it stands above
                name = f"power, {kind} of {radius:g} µm, rate {rate:g}, {n:g} per mm²"
                values = one_niche(kind, niche_radius_um=radius, niche_rate=rate)
                worlds.append(World(name, "power", effectors_per_mm2=n, plan=values))
    return tuple(worlds)


@dataclass(frozen=True)
class Outcome:
    """What one section gave.

    Parameters
    ----------
    p_smallest : least family-wise p of any cluster, before the gates of effect and size
    covered : share of the planted niche that was called; NaN where none is planted
    outside : share of the called area that is not planted; NaN where nothing is called or planted
    grades, true_ratio, rate_low, rate_high : of each niche called, separated by blanks
    true_change, change_low, change_high : log2 of an ion's mean in each niche over that of the rest, and its interval
    seconds : of the search alone
    """

    seed: int
    permutations: int
    p_smallest: float
    n_niches: int
    covered: float
    outside: float
    grades: str
    true_ratio: str
    rate_low: str
    rate_high: str
    true_change: str
    change_low: str
    change_high: str
    radius_um: float
    seconds: float


def search(world: World, n_permutations: int, seed: int) -> Outcome:
    """Simulate one section, search it, and compare."""
    truth = simulate_truth(world.section(seed))
    cells = cells_of(truth)
    start = time.perf_counter()
    found = map_niches(truth.grid, truth.tissue, cells, domain="tumor_bed", n_permutations=n_permutations, seed=seed)
    seconds = time.perf_counter() - start
    planted, called = truth.niche_labels > 0, found.labels > 0
    table, true_change = described(truth, cells, found)
    return Outcome(
        seed=seed,
        permutations=n_permutations,
        p_smallest=found.p_smallest,
        n_niches=found.n_niches,
        covered=float(called[planted].mean()) if planted.any() else np.nan,
        outside=float((~planted)[called].mean()) if called.any() and planted.any() else np.nan,
        grades=" ".join(table["grade"]),
        true_ratio=listed(true_ratios(truth, found)),
        rate_low=listed(found.rate_low),
        rate_high=listed(found.rate_high),
        true_change=listed(true_change),
        change_low=listed(table["log2fc_low_ion"]),
        change_high=listed(table["log2fc_high_ion"]),
        radius_um=found.radius_um,
        seconds=round(seconds, 3),
    )


def cells_of(truth: SectionTruth) -> CellTable:
    roles = np.array([ROLE_OF.get(kind, "other") for kind in truth.type], dtype=object)
    ids = np.arange(truth.x_um.size).astype(str).astype(object)
    return CellTable(ids, truth.x_um, truth.y_um, truth.type, roles, "um")


def true_ratios(truth: SectionTruth, found: NicheMap) -> list[float]:
    """Expected effectors over expected cells in each niche called, over the same in the rest, as regions.csv has it."""
    effectors, cells = truth.effector_rate, truth.cell_rate

    def share(where: np.ndarray) -> float:
        return float(effectors[where].sum() / cells[where].sum())

    rest = share(found.assessable & (found.labels == 0)) if found.n_niches else np.nan
    return [share(found.labels == number) / rest for number in range(1, found.n_niches + 1)]


def described(truth: SectionTruth, cells: CellTable, found: NicheMap) -> tuple[pd.DataFrame, list[float]]:
    """Return the rows of the niches, with an ion that is doubled in the planted one, and its true log2 changes."""
    if not found.n_niches:
        return pd.DataFrame(columns=["grade", "log2fc_low_ion", "log2fc_high_ion"]), []
    plan = truth.plan
    expected = np.where(truth.niche_labels > 0, 2.0, 1.0)
    noise = smooth_noise(expected.shape, plan.texture_scale_um / plan.pixel_size_um, np.random.default_rng([plan.seed]))
    image = np.where(truth.tissue, expected * np.exp(plan.texture_sd * noise - plan.texture_sd**2 / 2), np.nan)
    ion = ChannelSet((Channel("ion", "ion", image.astype(np.float32)),), pd.DataFrame(), image.astype(np.float32))
    table = describe_niches(truth.grid, truth.tissue, found, cells, ion, section_id="", seed=plan.seed).regions
    rest = expected[found.assessable & (found.labels == 0) & truth.tissue].mean()
    changes = [
        float(np.log2(expected[(found.labels == number) & truth.tissue].mean() / rest))
        for number in range(1, found.n_niches + 1)
    ]
    return table[table["kind"] == "niche"], changes


def listed(values: Any) -> str:
    return " ".join(f"{value:.6g}" for value in values)


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows of a world, one a seed; none without a file."""
    if not path.exists():
        return pd.DataFrame(columns=[item.name for item in fields(Outcome)])
    of_niches = [item.name for item in fields(Outcome) if item.type == "str"]
    return pd.read_csv(path, dtype=dict.fromkeys(of_niches, str)).fillna(dict.fromkeys(of_niches, ""))


def run_world(world: World, folder: Path, seeds: range, n_permutations: int, pool: ProcessPoolExecutor) -> None:
    """Search the sections that have no row yet, and append theirs."""
    path = folder / world.file_name
    drop_broken_line(path)
    there = read_rows(path)
    if (there["permutations"] != n_permutations).any():
        raise SystemExit(f"expected rows of {n_permutations} permutations in {path}, found others; take another --out")
    todo = sorted(set(seeds) - set(there["seed"]))
    print(f"{world.name}: {len(seeds) - len(todo)} there, {len(todo)} to do", flush=True)
    for row in pool.map(partial(search, world, n_permutations), todo):
        append(path, row)


def drop_broken_line(path: Path) -> None:
    """Drop what a run that was killed left of a last line."""
    if path.exists():
        text = path.read_text("utf-8")
        path.write_text(text[: text.rfind("\n") + 1], "utf-8")


def append(path: Path, row: Outcome) -> None:
    is_new = not path.exists() or path.stat().st_size == 0
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [item.name for item in fields(Outcome)], lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(row))


def asked_worlds(text: str) -> Iterator[World]:
    return (world for world in all_worlds() if text in world.name or text in world.group)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the rows are")
    parser.add_argument("--sections", type=int, default=200, help="sections a world")
    parser.add_argument("--permutations", type=int, default=199)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--world", default="", metavar="SUBSTRING", help="only worlds with this in name or group")
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--docs", type=Path, metavar="FILE", help="write tables and plots into it")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    seeds = range(options.first_seed, options.first_seed + options.sections)
    if seeds:
        # Ctrl-C is for this process alone: a worker that it reaches in the middle of a queue would never end.
        with ProcessPoolExecutor(options.workers, initializer=signal.signal, initargs=IGNORE_CTRL_C) as pool:
            try:
                for world in asked_worlds(options.world):
                    run_world(world, options.out, seeds, options.permutations, pool)
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                raise SystemExit("stopped; the same command goes on from here") from None
    rows = {world: read_rows(options.out / world.file_name) for world in asked_worlds(options.world)}
    rows = {world: table for world, table in rows.items() if len(table)}
    if options.docs:
        calibration_tables.write_docs(options.docs, rows)
    else:
        print(calibration_tables.tables(rows))


if __name__ == "__main__":
    main()
