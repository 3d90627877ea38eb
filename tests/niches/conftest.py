"""Small sections of cells with a planted truth, in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from napari_metime.section import CellTable, Grid

ROLE_OF = {"CD8": "effector", "Treg": "suppressor", "Tumor": "tumor", "Fibroblast": "other"}


@dataclass(frozen=True)
class Planted:
    """A square tumour of 2 x 2 mm inside a 2.8 mm tissue, with a disc of another effector rate."""

    grid: Grid
    tissue: np.ndarray
    bed: np.ndarray
    disc: np.ndarray
    cells: CellTable


def cell_table(x: np.ndarray, y: np.ndarray, kinds: np.ndarray) -> CellTable:
    ids = np.arange(x.size).astype(str).astype(object)
    roles = np.array([ROLE_OF[k] for k in kinds], dtype=object)
    return CellTable(ids, x.astype(float), y.astype(float), kinds.astype(object), roles, "um")


def scatter(rates_per_mm2: dict[str, np.ndarray], pixel_um: float, rng: np.random.Generator) -> CellTable:
    """Poisson cells, uniform within each pixel."""
    x, y, kinds = [], [], []
    for kind, rate in rates_per_mm2.items():
        counts = rng.poisson(rate * pixel_um**2 / 1e6)
        row, col = (np.repeat(a, counts[np.nonzero(counts)]) for a in np.nonzero(counts))
        x.append((col + rng.uniform(-0.5, 0.5, col.size)) * pixel_um)
        y.append((row + rng.uniform(-0.5, 0.5, row.size)) * pixel_um)
        kinds += [kind] * col.size
    return cell_table(np.concatenate(x), np.concatenate(y), np.array(kinds))


@pytest.fixture
def plant():  # type: ignore[no-untyped-def]
    """Return ``plant(seed, rate=, radius_um=, ring=, nest=)``."""

    def make(
        seed: int, *, rate: float = 1.0, radius_um: float = 300.0, ring: float = 1.0, nest: float = 1.0,
        effectors_per_mm2: float = 150.0, pixel_um: float = 40.0,
    ) -> Planted:  # fmt: skip
        n = int(2800 / pixel_um)
        row, col = np.mgrid[:n, :n] * pixel_um
        tissue = np.ones((n, n), dtype=bool)
        bed = (abs(row - 1400) <= 1000) & (abs(col - 1400) <= 1000)
        distance = np.hypot(row - 1400, col - 1300)
        disc, around = distance <= radius_um, (distance > radius_um) & (distance <= radius_um + 100)
        effectors = np.where(bed, effectors_per_mm2, 200.0) * np.where(disc, rate, 1) * np.where(around, ring, 1)
        rates = {
            "Tumor": np.where(bed, 1500.0, 50.0) * np.where(disc, nest, 1),
            "Fibroblast": np.where(bed, 100.0, 1000.0),
            "Treg": np.full((n, n), 60.0),
            "CD8": effectors,
        }
        cells = scatter(rates, pixel_um, np.random.default_rng(seed))
        return Planted(Grid((n, n), (1, 1), (pixel_um, pixel_um)), tissue, bed, disc, cells)

    return make
