"""How often the niche search is right: sections with known truth, counted.

    python benchmarks/calibration.py [--sections 40] [--permutations 199]

prints the table that docs/calibration.md holds. Sections without niches tell the family-wise error,
planted discs tell how much of a niche is covered and how much of a call lies outside it.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from napari_metime.niches import describe_niches, map_niches
from napari_metime.section import CellTable, ChannelSet, NicheMap
from napari_metime.simulate import CellRates, SectionPlan, SectionTruth, simulate_truth

ROLE_OF = {"CD8": "effector", "Treg": "suppressor", "Macrophage M2": "suppressor", "Tumor": "tumor"}


def rates(effectors_per_mm2: float) -> CellRates:
    return CellRates(tumor=2200, cd8=effectors_per_mm2, treg=40, macrophage_m2=120, fibroblast=200, b_cell=40)


WORLDS: dict[str, dict[str, object]] = {
    "no niche, 150 effectors per mm²": {"n_niches": 0, "bed": rates(150)},
    "no niche, 75 effectors per mm²": {"n_niches": 0, "bed": rates(75)},
    "no niche, nest of doubled tumour density": {"n_niches": 0, "bed": rates(150), "dense_nest_radius_um": 300.0},
    "no niche, clumped effectors (s.d. 0.6, 60 µm)": {
        "n_niches": 0, "bed": rates(150), "clumping_sd": 0.6, "clumping_scale_um": 60.0,
    },
    "desert of 300 µm, 25 µm pixels": {"n_niches": 1, "bed": rates(150), "pixel_size_um": 25.0},
    "desert of 300 µm, 50 µm pixels": {"n_niches": 1, "bed": rates(150)},
    "excluded of 300 µm, 25 µm pixels": {
        "n_niches": 1, "bed": rates(150), "pixel_size_um": 25.0, "niche_kinds": ("excluded",),
    },
    "excluded of 300 µm, 50 µm pixels": {"n_niches": 1, "bed": rates(150), "niche_kinds": ("excluded",)},
    "desert of 300 µm, 75 effectors per mm²": {"n_niches": 1, "bed": rates(75)},
    "desert of 200 µm": {"n_niches": 1, "bed": rates(150), "niche_radius_um": 200.0},
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What one section gave: shares are NaN where they do not apply."""

    called: bool
    covered: float
    outside: float
    grades: tuple[str, ...]


def search(truth: SectionTruth, n_permutations: int) -> Outcome:
    roles = np.array([ROLE_OF.get(kind, "other") for kind in truth.type], dtype=object)
    ids = np.arange(truth.x_um.size).astype(str).astype(object)
    cells = CellTable(ids, truth.x_um, truth.y_um, truth.type, roles, "um")
    found = map_niches(truth.grid, truth.tissue, cells, domain="tumor_bed", n_permutations=n_permutations)
    planted, called = truth.niche_labels > 0, found.labels > 0
    return Outcome(
        called=bool(called.any()),
        covered=float(called[planted].mean()) if planted.any() else np.nan,
        outside=float((~planted)[called].mean()) if called.any() and planted.any() else np.nan,
        grades=grades_of(truth, cells, found),
    )


def grades_of(truth: SectionTruth, cells: CellTable, found: NicheMap) -> tuple[str, ...]:
    import pandas as pd

    nothing = ChannelSet((), pd.DataFrame(), np.zeros(truth.grid.shape, np.float32))
    table = describe_niches(truth.grid, truth.tissue, found, cells, nothing, section_id="").regions
    return tuple(table.loc[table["kind"] == "niche", "grade"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", type=int, default=40, help="sections a world")
    parser.add_argument("--permutations", type=int, default=199)
    options = parser.parse_args()
    print("| world | sections called | covered | least | of the call outside | grades | s a section |")
    print("|---|---|---|---|---|---|---|")
    for name, world in WORLDS.items():
        start = time.perf_counter()
        plans = (SectionPlan(seed=seed, **world) for seed in range(1000, 1000 + options.sections))  # type: ignore[arg-type]
        outcomes = [search(simulate_truth(plan), options.permutations) for plan in plans]
        seconds = (time.perf_counter() - start) / options.sections
        print(f"| {name} | {row(outcomes)} | {seconds:.2f} |", flush=True)


def row(outcomes: list[Outcome]) -> str:
    n_called = sum(outcome.called for outcome in outcomes)
    covered = np.array([outcome.covered for outcome in outcomes])
    grades = Counter(grade for outcome in outcomes for grade in outcome.grades)
    cells = [f"{n_called} of {len(outcomes)}"]
    if np.isnan(covered).all():
        return " | ".join([*cells, "–", "–", "–", "–"])
    outside = np.nanmean([outcome.outside for outcome in outcomes])
    cells += [f"{covered.mean():.2f}", f"{covered.min():.2f}", f"{outside:.3f}"]
    return " | ".join([*cells, ", ".join(f"{grade} {n}" for grade, n in grades.most_common())])


if __name__ == "__main__":
    main()
