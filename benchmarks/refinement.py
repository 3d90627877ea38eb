"""How well automatic refinement finds the alignment of simulated sections, and how often it believes others' pictures.

    python benchmarks/refinement.py [--out docs/refinement.md] [--sections 20] [--workers 2]

simulates sections of 3.2 x 2.6 mm with 25 µm pixels, every second one with two niches, starts 150 µm (in a random
direction) and 5 degrees (either way, about the centre) off the truth, refines, and writes a table into the marked part
of docs/refinement.md, or prints it. Needs the extra "registration".
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from marked import write_marked

from napari_metime.pipeline import open_dataset, read_cells
from napari_metime.placed_microscopy import place_microscopy
from napari_metime.recipe import MicroscopyRecipe, RefineRecipe, load_recipe
from napari_metime.refining import refine_alignment
from napari_metime.section import Alignment, Tissue
from napari_metime.simulate import SectionPlan, simulate_section, simulate_truth

FIRST_SEED = 1000
"""Seeds 0 to 23 were looked at while the refinement was built."""
PIXEL_UM, SHIFT_UM, TURN_DEG = 25.0, 150.0, 5.0
PANCK = 1
MOVING = {"cells": "cells", "PanCK": PANCK}
CASES = [
    (moving, to, transform)
    for moving in MOVING
    for to, transform in (*(("components", t) for t in ("rigid", "affine", "bspline")), ("tic", "affine"))
]


@dataclass(frozen=True)
class Run:
    """One refinement: how far places of the tissue are off, before and after (µm).

    Parameters
    ----------
    related : whether the moving picture is of the same section
    """

    moving: str
    to: str
    transform: str
    related: bool
    niches: bool
    accepted: bool
    stage: str
    rough_worst_um: float
    worst_um: float
    rms_um: float
    error_um: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="the page whose marked part is renewed; default: print")
    parser.add_argument("--sections", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="refinement_") as scratch, ProcessPoolExecutor(options.workers) as pool:
        seeds = range(FIRST_SEED, FIRST_SEED + options.sections)
        folders = list(pool.map(partial(simulated, Path(scratch)), seeds))
        others = [*folders[1:], folders[0]]
        runs = [run for found in pool.map(refined, folders, others, seeds) for run in found]
    text = tables(runs, options.sections)
    if options.out is None:
        print(text)
        return
    write_marked(options.out, text)


def plan_of(seed: int) -> SectionPlan:
    return SectionPlan(seed=seed, pixel_size_um=PIXEL_UM, n_niches=2 * (seed % 2))


def simulated(scratch: Path, seed: int) -> Path:
    return simulate_section(scratch / f"section_{seed}", plan_of(seed)).parent


def refined(folder: Path, other: Path, seed: int) -> list[Run]:
    return list(runs_of(folder, other, seed))


def runs_of(folder: Path, other: Path, seed: int) -> Iterator[Run]:
    """Refine one section in every case, and lay the pictures of another one over it."""
    recipe = load_recipe(folder / "recipe.yaml")
    dataset = open_dataset(recipe.ims)
    mask = simulate_truth(plan_of(seed)).tissue
    tissue = Tissue(mask, "truth", "")
    y_um, x_um = (PIXEL_UM * axis for axis in np.nonzero(mask))
    for related, source in ((True, folder), (False, other)):
        true = Alignment(
            np.array(json.loads((source / "truth" / "transform.json").read_text(encoding="utf-8"))["matrix"]), "matrix"
        )
        cells = read_cells(load_recipe(source / "recipe.yaml").cells)
        rough = Alignment(off(seed, dataset.grid.shape) @ true.matrix, "matrix")
        # The picture is scaled down, the cells are in the pixels of the whole one: both sizes are known.
        image = place_microscopy(
            MicroscopyRecipe(path=source / "microscopy.ome.tif"), rough, dataset, unit="px", cells_pixel_size_um=0.5
        )
        places = true.to_source(x_um, y_um)
        for moving, to, transform in CASES:
            if not related and transform != "affine":
                continue
            asked = RefineRecipe(channel=MOVING[moving], to=to, transform=transform)
            begin = time.perf_counter()
            found = refine_alignment(dataset, tissue, cells, rough, asked, microscopy=image, seed=seed)
            seconds = time.perf_counter() - begin
            was, became = (
                np.hypot(ax - x_um, ay - y_um)
                for ax, ay in (a.to_section(*places) for a in (rough, found.alignment))
            )
            yield Run(
                moving, to, transform, related, bool(seed % 2), found.accepted,
                found.refinement.stage if found.refinement else "none",
                float(was.max()), float(became.max()), float(np.sqrt(np.mean(became**2))),
                found.alignment.target_error_um, seconds,
            )  # fmt: skip


def off(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Return the matrix of a rough start: turned about the centre of the section, then shifted."""
    rng = np.random.default_rng(10_000 + seed)
    turn = np.deg2rad(TURN_DEG * rng.choice([-1, 1]))
    to = rng.uniform(0, 2 * np.pi)
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2]) * PIXEL_UM
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:2, 2] = centre - matrix[:2, :2] @ centre + SHIFT_UM * np.array([np.cos(to), np.sin(to)])
    return matrix


def tables(runs: list[Run], n_sections: int) -> str:
    lines = [
        f"{n_sections} sections, half of them with two niches. A section is found where the refinement was accepted "
        f"and the **worst** place of the tissue is off by at most one pixel ({PIXEL_UM:g} µm); in brackets: with "
        "niches, without.",
        "",
        "| moving | to | transform | accepted | found | worst off before, median | after: worst off, median | "
        "largest | root mean square off, median | largest | its estimate, median | seconds, median |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for case in CASES:
        here = [r for r in runs if r.related and (r.moving, r.to, r.transform) == case]
        kept = [r for r in here if r.accepted]
        found = [r for r in kept if r.worst_um <= PIXEL_UM]
        parts = ", ".join(
            f"{sum(r.niches == kind for r in found)} of {sum(r.niches == kind for r in here)}" for kind in (True, False)
        )
        cells = [
            *case, f"{len(kept)} of {len(here)}", f"{len(found)} of {len(here)} ({parts})",
            f"{np.median([r.rough_worst_um for r in here]):.0f} µm",
            *[
                f"{function([getattr(r, name) for r in kept]):.1f} µm" if kept else "–"
                for name in ("worst_um", "rms_um") for function in (np.median, np.max)
            ],
            f"{np.median([r.error_um for r in kept]):.1f} µm" if kept else "–",
            f"{np.median([r.seconds for r in here]):.1f}",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "The moving picture of another section, which was simulated alike but drawn anew:",
        "",
        "| moving | to | falsely accepted |",
        "| --- | --- | --- |",
    ]
    for moving, to in dict.fromkeys(case[:2] for case in CASES):
        here = [r for r in runs if not r.related and (r.moving, r.to) == (moving, to)]
        lines.append(f"| {moving} | {to} | {sum(r.accepted for r in here)} of {len(here)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
