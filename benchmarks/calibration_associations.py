"""How often an association is found where there is none, and where there is one: simulated maps, counted.

    python benchmarks/calibration_associations.py --out FOLDER [--pairs 2000] [--workers 2] [--setting SUBSTRING]
                                                  [--first-seed 1000]

compares the given number of pairs of maps a setting and appends a row a pair to FOLDER/SETTING.csv as it goes. A seed
that has its rows is skipped, so a run can be broken off, taken up again, and enlarged. ``--setting`` takes the settings
with that text in their name. The tables are printed as markdown; ``--pairs 0`` only does that.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from calibration import cells_of, small
from calibration_tables import line, share
from numpy.typing import NDArray
from scipy import fft, ndimage, stats

from napari_metime.niches import map_niches
from napari_metime.niches.associations import association_rows
from napari_metime.niches.domain import signed_distance_um
from napari_metime.niches.regions import RegionInputs
from napari_metime.section import CellTable, Channel, ChannelSet, Grid, NicheMap
from napari_metime.simulate import SectionPlan, SectionTruth, simulate_truth
from napari_metime.simulate.fields import smooth_noise

ALPHA = 0.05
CHANNELS = 10
"""Channels that are compared with the coldness of one simulated section."""
PIXEL_UM, BED_UM = 25.0, 2000.0
TEXTURE_UM = 80.0
DEFAULT = ("tumor_fraction", "cell_density")
WITH_DEPTH = (*DEFAULT, "depth")
KEPT = ["channel", "covariates", "status", "n_pixels", "r", "r_partial", "ess", "p_modified_t", "p_shift"]

HEAD = (
    "setting", "covariates", "pairs", "not testable", "independent values", "pixels as if independent", "p_modified_t",
    "p_shift", "larger of the two", "asked",
)  # fmt: skip

Image = NDArray[np.float64]
Draw = Callable[[np.random.Generator], tuple[RegionInputs, list[Image]]]


@dataclass(frozen=True)
class Setting:
    """Pairs of one kind.

    Parameters
    ----------
    draw : a section, and the images that are compared with its coldness
    pairs_a_seed : how many images that are
    covariates : the sets of covariates that are tried on the same pairs
    """

    group: str
    name: str
    draw: Draw
    asked: str = "4–7 %"
    pairs_a_seed: int = CHANNELS
    covariates: tuple[tuple[str, ...], ...] = field(default=(DEFAULT,))

    @property
    def file_name(self) -> str:
        return re.sub(r"[^a-z0-9.]+", "-", self.name.lower().replace("µ", "u")).strip("-") + ".csv"


def irregular_bed(rng: np.random.Generator) -> NDArray[np.bool_]:
    """A bed of about 2 mm with a wavy outline, notches and holes, in pixels of 25 µm."""
    n = int(1.5 * BED_UM / PIXEL_UM)
    y, x = (np.mgrid[:n, :n] - (n - 1) / 2) * PIXEL_UM
    angle, radius = np.arctan2(y, x), np.full((n, n), BED_UM / 2)
    for k in range(2, 7):
        radius *= 1 + 0.18 / k * rng.normal() * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    bed = np.hypot(y, x) < radius
    for _ in range(3):
        direction, away, size = rng.uniform(0, 2 * np.pi), rng.uniform(0, BED_UM / 2), rng.uniform(0.04, 0.1) * BED_UM
        bed &= np.hypot(y - away * np.sin(direction), x - away * np.cos(direction)) > size
    parts, _ = ndimage.label(bed)
    return np.asarray(parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]))


def gaussian_field(shape: tuple[int, int], kind: str, length_um: float, n: int, rng: np.random.Generator) -> Image:
    """Fields whose correlation falls to 1/e at ``length_um``: as exp(-d²/L²) ("smooth") or exp(-d/L) ("rough")."""
    size = [fft.next_fast_len(side + 2 * (int(4 * length_um / PIXEL_UM) + 2)) for side in shape]
    lags = [np.minimum(np.arange(side), side - np.arange(side)) * PIXEL_UM for side in size]
    away = np.hypot(lags[0][:, None], lags[1]) / length_um
    amplitude = np.sqrt(np.maximum(fft.rfft2(np.exp(-(away**2) if kind == "smooth" else -away)).real, 0))
    fields = fft.irfft2(fft.rfft2(rng.standard_normal((n, *size))) * amplitude, size)
    return np.asarray(fields[:, : shape[0], : shape[1]])


def two_maps(kind: str, x_um: float, y_um: float, rng: np.random.Generator) -> tuple[RegionInputs, list[Image]]:
    """A map in the place of coldness, and another that knows nothing of it."""
    bed = irregular_bed(rng)
    coldness = gaussian_field(bed.shape, kind, x_um, 1, rng)[0]
    word = np.array(["tumor"], dtype=object)
    cells = CellTable(word, np.zeros(1), np.zeros(1), word, word, "um")
    grid = Grid(bed.shape, (1, 1), (PIXEL_UM, PIXEL_UM))
    found = as_map(bed, coldness)
    inputs = RegionInputs(grid, bed, found, cells, np.zeros(1, np.intp), signed_distance_um(bed, grid.spacing_um), ())
    return inputs, list(gaussian_field(bed.shape, kind, y_um, 1, rng))


def as_map(bed: NDArray[np.bool_], coldness: Image) -> NicheMap:
    cold = np.where(bed, coldness, np.nan).astype(np.float32)
    return NicheMap(bed, bed, cold, cold, np.zeros(bed.shape, np.int32), np.empty(0), 150.0, "")


def searched(truth: SectionTruth, cells: CellTable) -> RegionInputs:
    """Search a section's cells as users do; the permutations do not enter coldness."""
    found = map_niches(truth.grid, truth.tissue, cells, domain="tumor_bed", n_permutations=19)
    pixel = truth.grid.pixel_of(cells.x, cells.y)
    margin_um = signed_distance_um(found.domain, truth.grid.spacing_um)
    return RegionInputs(truth.grid, truth.tissue, found, cells, pixel, margin_um, ())


def textures(shape: tuple[int, int], scale_um: float, pixel_um: float, rng: np.random.Generator) -> Image:
    """Independent fields of a smoothing scale (correlation exp(-d²/4 scale²)), with a little noise of their own."""
    smooth = smooth_noise((CHANNELS, *shape), scale_um / pixel_um, rng)
    return smooth + 0.3 * rng.standard_normal(smooth.shape)


def section(rng: np.random.Generator, **plan: object) -> SectionTruth:
    return simulate_truth(SectionPlan(seed=int(rng.integers(2**31)), **{**small(pixel_size_um=PIXEL_UM), **plan}))


def chain(scale_um: float, rng: np.random.Generator, **plan: object) -> tuple[RegionInputs, list[Image]]:
    """Coldness of simulated cells, and channels that know nothing of them."""
    truth = section(rng, **plan)
    return searched(truth, cells_of(truth)), list(np.exp(0.5 * textures(truth.grid.shape, scale_um, PIXEL_UM, rng)))


def by_density(strength: float, rng: np.random.Generator) -> tuple[RegionInputs, list[Image]]:
    """Tumour density waxes and wanes; effectors shun it, channels follow it, and neither knows of the other."""
    truth = section(rng)
    tumor = 1 / (1 + np.exp(-1.5 * smooth_noise(truth.grid.shape, 150.0 / PIXEL_UM, rng)))
    cells = cells_of(truth)
    here = tumor.ravel()[np.maximum(truth.grid.pixel_of(cells.x, cells.y), 0)]
    of_tumor, of_effectors = 0.3 + 0.7 * here, 1 - 0.7 * strength * here
    chance = np.where(cells.has_role("tumor"), of_tumor, np.where(cells.has_role("effector"), of_effectors, 1.0))
    thinned = chosen(cells, rng.uniform(size=chance.size) < chance)
    images = np.exp(1.5 * strength * tumor + 0.4 * textures(truth.grid.shape, TEXTURE_UM, PIXEL_UM, rng))
    return searched(truth, thinned), list(images)


def by_nest(rng: np.random.Generator) -> tuple[RegionInputs, list[Image]]:
    """A nest of doubled tumour density at the usual effectors per mm², and channels that follow tumour density."""
    truth = section(rng, dense_nest_radius_um=300.0)
    images = truth.tumor_density * np.exp(0.4 * textures(truth.grid.shape, TEXTURE_UM, PIXEL_UM, rng))
    return searched(truth, cells_of(truth)), list(images)


def by_depth(rng: np.random.Generator) -> tuple[RegionInputs, list[Image]]:
    """Effectors thin with depth, channels rise with it."""
    truth = section(rng, depth_gradient_per_mm=1.5)
    depth_mm = -signed_distance_um(truth.bed, truth.grid.spacing_um) / 1000
    images = np.exp(1.5 * depth_mm + 0.4 * textures(truth.grid.shape, TEXTURE_UM, PIXEL_UM, rng))
    return searched(truth, cells_of(truth)), list(images)


def linked(effect: float, rng: np.random.Generator, shift_px: int = 0) -> tuple[RegionInputs, list[Image]]:
    """One desert of 300 µm; channels are raised in it by ``effect`` standard deviations of their texture."""
    truth = section(rng, n_niches=1, niche_kinds=("desert",), width_um=3200.0, height_um=2600.0)
    inside = ndimage.gaussian_filter((truth.niche_labels > 0).astype(float), 1.0)
    images = np.exp(0.4 * (effect * inside + textures(truth.grid.shape, TEXTURE_UM, PIXEL_UM, rng)))
    return searched(truth, cells_of(truth)), list(np.roll(images, shift_px, axis=2))


def chosen(cells: CellTable, kept: NDArray[np.bool_]) -> CellTable:
    columns = {name: getattr(cells, name)[kept] for name in ("cell_id", "x", "y", "type", "role")}
    return replace(cells, **columns)


def all_settings() -> Iterator[Setting]:
    maps = partial(Setting, "two maps", covariates=((),), pairs_a_seed=1)
    for kind in ("smooth", "rough"):
        for x_um, y_um in ((40, 40), (80, 80), (160, 160), (250, 250), (333, 333), (40, 333)):
            yield maps(f"{kind}, {x_um} and {y_um} µm", partial(two_maps, kind, x_um, y_um))
        for length in (400, 500, 667):
            yield maps(f"{kind}, {length} µm", partial(two_maps, kind, length, length), asked="refused")
    cells = partial(Setting, "cells")
    for scale in (40.0, 80.0, 150.0):
        yield cells(f"plain, texture of {scale:g} µm", partial(chain, scale))
    yield cells("clumped effectors", partial(chain, TEXTURE_UM, clumping_sd=0.6, clumping_scale_um=60.0))
    yield cells("two niches", partial(chain, TEXTURE_UM, n_niches=2, width_um=3200.0, height_um=2600.0))
    yield cells("50 µm pixels", partial(chain, TEXTURE_UM, pixel_size_um=50.0))
    confounded = partial(Setting, "confounded", asked="at most 8 %", covariates=((), DEFAULT, WITH_DEPTH))
    yield confounded("by tumour density", partial(by_density, 0.6))
    yield confounded("by tumour density, strongly", partial(by_density, 1.0), asked="–")
    yield confounded("by a dense nest", by_nest)
    yield confounded("by depth", by_depth)
    for effect in (0.5, 1.0, 2.0):
        power = partial(Setting, "linked", asked="–", covariates=(DEFAULT, WITH_DEPTH))
        yield power(f"raised by {effect:g} s.d.", partial(linked, effect))
    yield Setting("linked", "raised by 2 s.d., 150 µm off", partial(linked, 2.0, shift_px=6), asked="–")


def compare(setting: Setting, seed: int) -> pd.DataFrame:
    """Draw one section and compare its images with its coldness."""
    inputs, images = setting.draw(np.random.default_rng([seed, 7]))
    channels = ChannelSet(
        tuple(Channel(f"c{i}", "ion", image.astype(np.float32)) for i, image in enumerate(images)),
        pd.DataFrame(), images[0].astype(np.float32),
    )  # fmt: skip
    compared = partial(association_rows, inputs, channels, section_id=str(seed))
    return pd.concat([compared(covariates=names) for names in setting.covariates])[KEPT].assign(seed=seed)


def run_setting(setting: Setting, path: Path, seeds: range, pool: ProcessPoolExecutor) -> None:
    done = set(pd.read_csv(path)["seed"]) if path.exists() else set()
    todo = [seed for seed in seeds if seed not in done]
    print(f"{setting.name}: {len(seeds) - len(todo)} seeds there, {len(todo)} to do", flush=True)
    for rows in pool.map(partial(compare, setting), todo):
        rows.to_csv(path, mode="a", header=not path.exists(), index=False)


def tables(rows: dict[Setting, pd.DataFrame]) -> str:
    """Return a markdown table of every group that has rows."""
    parts = []
    for group in dict.fromkeys(setting.group for setting in rows):
        lines = [line(list(HEAD)), line(["---"] * len(HEAD))]
        for setting, table in rows.items():
            if setting.group == group:
                parts_of = table.groupby("covariates", sort=False, dropna=False)  # none reads as NaN
                lines += [_row(setting, part) for _, part in parts_of]
        parts.append(f"### {group}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _row(setting: Setting, table: pd.DataFrame) -> str:
    """Return one line: of p at 0.05 among the pairs that were tested."""
    tested = table[table["status"] == "tested"]
    named = table["covariates"].iloc[0]
    cells: list[object] = [setting.name, "none" if pd.isna(named) else named, len(table)]
    cells += [f"{100 * (1 - len(tested) / len(table)):.1f} %", f"{table['ess'].median():.0f}"]
    if len(tested) == 0:
        return line([*cells, *["–"] * 4, setting.asked])
    n, r = tested["n_pixels"], tested["r_partial"]
    naive = 2 * stats.t.sf(np.abs(r) * np.sqrt((n - 2) / (1 - r**2)), n - 2)
    p = tested[["p_modified_t", "p_shift"]]
    counted = [naive, p["p_modified_t"], p["p_shift"], p.max(axis=1)]
    cells += [share(int((np.asarray(column) <= ALPHA).sum()), len(tested)) for column in counted]
    return line([*cells, setting.asked])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the rows are")
    parser.add_argument("--pairs", type=int, default=2000, help="pairs a setting")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--setting", default="", metavar="SUBSTRING", help="only settings with this in name or group")
    parser.add_argument("--first-seed", type=int, default=1000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    settings = [s for s in all_settings() if options.setting in s.name or options.setting in s.group]
    if options.pairs:
        with ProcessPoolExecutor(options.workers) as pool:
            for setting in settings:
                seeds = range(options.first_seed, options.first_seed + -(-options.pairs // setting.pairs_a_seed))
                run_setting(setting, options.out / setting.file_name, seeds, pool)
    there = {s: options.out / s.file_name for s in settings if (options.out / s.file_name).exists()}
    print(tables({s: pd.read_csv(path) for s, path in there.items()}))


if __name__ == "__main__":
    main()
