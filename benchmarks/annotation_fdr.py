"""How many of the annotations at a nominal false-discovery rate are false: planted sections, counted.

    python benchmarks/annotation_fdr.py [--sections 20] [--molecules 120] [--side 40] [--first-seed 1]
                                        [--world SUBSTRING] [--out docs/annotation.md]

draws sections of each world, annotates them with a database of which one half is planted, and prints a markdown table,
or writes it into the marked part of the file named.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
from marked import write_marked
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_metime.annotating import N_PEAKS, annotate
from napari_metime.ims import open_imzml
from napari_metime.imzml_writer import write_imzml
from napari_metime.metabolites.database import Molecule
from napari_metime.metabolites.isotopes import strongest_peaks

ADDUCTS = ("[M+H]+", "[M+Na]+", "[M+K]+")
TOLERANCE_PPM = 3.0
MASS_ERROR_PPM = 0.7
LEVELS = (0.1, 0.2)
LOW_MZ, HIGH_MZ = 100.0, 1000.0

Image = NDArray[np.float64]
Peak = tuple[float, Image]
"""m/z, and the expected counts of each pixel."""


@dataclass(frozen=True)
class World:
    """Sections of one kind.

    Parameters
    ----------
    n_single : peaks without isotopes at random m/z
    n_unknown : compounds that no database has: random formulas, with their isotopes
    isobars : of every second absent molecule, what lies at its m/z: nothing, a peak, or a peak with one at M+1 that
        has another abundance and another place
    shuffled : whether each peak's counts are dealt out anew among the pixels, every peak by itself
    planted : share of the database that is there
    """

    name: str
    n_single: int = 1000
    n_unknown: int = 300
    isobars: str = "none"
    shuffled: bool = False
    planted: float = 0.5


WORLDS = (
    World("random peaks alone", n_unknown=0),
    World("random peaks and unknown compounds"),
    World("dense: 10,000 random peaks, 1,000 compounds", n_single=10_000, n_unknown=1000),
    World("isobars of absent molecules, one peak each", isobars="peak"),
    World("isobars with a second peak", isobars="pair"),
    World("one in six planted", planted=1 / 6),
    World("nothing planted, random peaks alone", planted=0.0, n_unknown=0, n_single=10_000),
    World("nothing planted", planted=0.0),
    World("every peak shuffled", shuffled=True),
)


@dataclass(frozen=True)
class Section:
    """A planted section on disk.

    Parameters
    ----------
    planted : formula and adduct of every ion that is there
    """

    path: Path
    database: tuple[Molecule, ...]
    planted: frozenset[tuple[str, str]]


def random_formulas(n: int, rng: np.random.Generator) -> list[str]:
    """Return n different formulas, in the proportions of metabolites and lipids."""
    found: dict[str, None] = {}
    while len(found) < n:
        carbon = int(rng.integers(5, 45))
        counts = {
            "C": carbon,
            "H": int(carbon * rng.uniform(0.8, 2.0)) + 2,
            "N": int(rng.integers(0, 5)),
            "O": int(rng.integers(1, 9)),
            "P": int(rng.random() < 0.3),
            "S": int(rng.random() < 0.1),
        }
        found["".join(f"{symbol}{number}" for symbol, number in counts.items() if number)] = None
    return list(found)


def smooth_image(rng: np.random.Generator, side: int) -> Image:
    """An image with shapes: a smooth field, cut off below, with a mean of 1."""
    field = gaussian_filter(rng.normal(size=(side, side)), rng.uniform(2.0, 5.0))
    image = np.maximum(field - np.quantile(field, rng.uniform(0.0, 0.6)), 0.0)
    return np.asarray(image / image.mean())


def scattered_image(rng: np.random.Generator, side: int) -> Image:
    """An image without shapes: some pixels here and there, with a mean of 1."""
    image = rng.exponential(size=(side, side)) * (rng.random((side, side)) < rng.uniform(0.02, 0.5))
    return np.asarray(image / max(image.mean(), 1e-9))


def ion_peaks(formula: str, adduct: str, image: Image) -> Iterator[Peak]:
    """The peaks of an ion, an image of counts at each."""
    pattern = strongest_peaks(formula, adduct, N_PEAKS, merge_ppm=TOLERANCE_PPM)
    for mz, abundance in zip(pattern.mz, pattern.abundance, strict=True):
        yield mz, abundance * image


def brightness(rng: np.random.Generator) -> float:
    """Mean counts of an ion a pixel: 1 to 300."""
    return float(10 ** rng.uniform(0.0, 2.5))


def draw_section(world: World, seed: int, folder: Path, *, n_molecules: int, side: int) -> Section:
    """Draw a section and write it."""
    rng = np.random.default_rng(seed)
    formulas = random_formulas(n_molecules + world.n_unknown, rng)
    known, unknown = formulas[:n_molecules], formulas[n_molecules:]
    n_planted = round(world.planted * n_molecules)
    planted, peaks = [], []
    for formula in known[:n_planted]:
        image = smooth_image(rng, side) * brightness(rng)
        for adduct, share in zip(ADDUCTS, (1.0, 0.4, 0.2), strict=True):
            if adduct == ADDUCTS[0] or rng.random() < 0.5:
                planted.append((formula, adduct))
                peaks += ion_peaks(formula, adduct, share * image)
    for formula in unknown:
        image = (smooth_image if rng.random() < 0.7 else scattered_image)(rng, side)
        peaks += ion_peaks(formula, str(rng.choice(ADDUCTS)), image * brightness(rng))
    for mz in rng.uniform(LOW_MZ, HIGH_MZ, world.n_single):
        image = (smooth_image if rng.random() < 0.3 else scattered_image)(rng, side)
        peaks.append((float(mz), image * float(10 ** rng.uniform(-1.0, 1.5))))
    if world.isobars != "none":
        for formula in known[n_planted::2]:
            peaks += isobar(formula, rng, side, pair=world.isobars == "pair")
    counts = [(mz, rng.poisson(image)) for mz, image in peaks]
    if world.shuffled:
        counts = [(mz, rng.permuted(image.ravel()).reshape(side, side)) for mz, image in counts]
    path = folder / f"section_{seed}.imzML"
    write_section(path, counts, rng, side)
    database = tuple(Molecule(formula, (f"molecule {i}",), ("",)) for i, formula in enumerate(known))
    return Section(path, database, frozenset(planted))


def isobar(formula: str, rng: np.random.Generator, side: int, *, pair: bool) -> Iterator[Peak]:
    """What lies in the window of an absent molecule: a peak, and where asked another one at its M+1."""
    pattern = strongest_peaks(formula, str(rng.choice(ADDUCTS)), N_PEAKS, merge_ppm=TOLERANCE_PPM)
    yield pattern.mz[0], smooth_image(rng, side) * brightness(rng)
    if pair:
        yield pattern.mz[1], smooth_image(rng, side) * brightness(rng)


def write_section(
    path: Path, peaks: Sequence[tuple[float, NDArray[np.int64]]], rng: np.random.Generator, side: int
) -> None:
    """Write the counts as centroids, each with its own error of mass."""
    mz = np.array([mz for mz, _ in peaks])
    table = np.stack([counts.ravel() for _, counts in peaks])

    def spectra() -> Iterator[tuple[NDArray[np.float64], NDArray[np.float32]]]:
        for counts in table.T:
            here = np.flatnonzero(counts)
            at = mz[here] * (1 + rng.normal(0.0, MASS_ERROR_PPM * 1e-6, here.size))
            order = np.argsort(at)
            yield at[order], counts[here][order].astype(np.float32)

    write_imzml(
        path,
        spectra(),
        [(x + 1, y + 1) for y in range(side) for x in range(side)],
        mode="processed",
        polarity="positive",
        pixel_size_um=(50.0, 50.0),
        uuid=UUID(int=1),
    )


def annotated(section: Section, seed: int) -> pd.DataFrame:
    """Annotate a section; a column says which ions are there."""
    table = annotate(open_imzml(section.path), section.database, ADDUCTS, TOLERANCE_PPM, seed=seed)
    ions = zip(table["formula"], table["adduct"], strict=True)
    return table.assign(planted=[ion in section.planted for ion in ions])


def count(world: World, seeds: Sequence[int], *, n_molecules: int, side: int) -> list[pd.DataFrame]:
    """Draw and annotate the sections of a world."""
    tables = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            section = draw_section(world, seed, Path(folder), n_molecules=n_molecules, side=side)
            tables.append(annotated(section, seed))
    return tables


def row(world: World, tables: Sequence[pd.DataFrame]) -> str:
    """Return a line of the table."""
    cells = [world.name, str(len(tables))]
    for level in LEVELS:
        called = [table[table["fdr"] <= level] for table in tables]
        n = np.array([len(some) for some in called])
        n_false = np.array([int((~some["planted"]).sum()) for some in called])
        share = n_false / np.maximum(n, 1)
        error = share.std(ddof=1) / np.sqrt(len(share)) if len(share) > 1 else float("nan")
        power = [table.loc[table["planted"], "fdr"].le(level).mean() for table in tables]
        found = "" if np.isnan(power).all() else f"{100 * np.nanmean(power):.0f} %"
        cells += [f"{n.mean():.1f}", f"{100 * share.mean():.1f} ± {100 * error:.1f} %", found]
    return "| " + " | ".join(cells) + " |"


def measured(worlds: Sequence[World], seeds: Sequence[int], *, n_molecules: int, side: int) -> str:
    """Return the table of all worlds."""
    head = ["world", "sections"]
    for level in LEVELS:
        head += [f"called at {100 * level:.0f} %", "false among them", "of the planted found"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for world in worlds:
        lines.append(row(world, count(world, seeds, n_molecules=n_molecules, side=side)))
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", type=int, default=20)
    parser.add_argument("--molecules", type=int, default=120)
    parser.add_argument("--side", type=int, default=40, help="pixels along each side")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--world", default="", help="take the worlds with that text in their name")
    parser.add_argument("--out", type=Path, help="file whose marked part the table is written into")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.sections)
    worlds = [world for world in WORLDS if options.world in world.name]
    table = measured(worlds, seeds, n_molecules=options.molecules, side=options.side)
    if options.out is None:
        print(table)
        return
    write_marked(options.out, table)


if __name__ == "__main__":
    main()
