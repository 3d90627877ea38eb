"""The whole way on a real section (33,035 pixels), with cells simulated on its tissue and a planted niche."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import yaml

from napari_metime.cli import main
from napari_metime.ims import open_imzml


def plant_cells(measured: np.ndarray, pixel_um: float, folder: Path) -> np.ndarray:
    """Write cells.csv: a tumour bed with a disc of 300 µm at a tenth of 150 effectors per mm²; return the disc."""
    rng = np.random.default_rng(11)
    row, col = np.mgrid[: measured.shape[0], : measured.shape[1]]
    bed = measured & (((row - 82) / 52) ** 2 + ((col - 135) / 85) ** 2 <= 1)
    disc = np.hypot(row - 75, col - 110) * pixel_um <= 300
    rates = {
        "Tumor": np.where(bed, 1800, 80),
        "CD8": np.where(disc, 15, np.where(bed, 150, 220)),
        "Treg": np.full(measured.shape, 60),
        "Fibroblast": np.where(bed, 120, 900),
    }
    tables = []
    for kind, rate in rates.items():
        counts = rng.poisson(rate * measured * pixel_um**2 / 1e6)
        y, x = (np.repeat(a, counts[np.nonzero(counts)]) for a in np.nonzero(counts))
        place = {"x_um": x + rng.uniform(-0.5, 0.5, x.size), "y_um": y + rng.uniform(-0.5, 0.5, y.size)}
        tables.append(pd.DataFrame({k: v * pixel_um for k, v in place.items()}).assign(type=kind))
    pd.concat(tables).to_csv(folder / "cells.csv", index=False)
    return disc


def test_the_planted_niche_is_found_on_the_prostate(metime_data: Path, tmp_path: Path) -> None:
    imzml = metime_data / "imzml" / "prostate" / "prostate_example.imzML"
    dataset = open_imzml(imzml)
    disc = plant_cells(dataset.measured, 25.0, tmp_path)
    recipe = {
        "metime": 1,
        "section": {"id": "prostate"},
        "ims": {"path": str(imzml)},
        "tissue": {"method": "auto"},
        "cells": {"path": "cells.csv", "roles": {"effector": ["CD8"], "suppressor": ["Treg"], "tumor": ["Tumor"]}},
        "align": "none",
        "niches": {"n_permutations": 199},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert main(["run", str(tmp_path / "recipe.yaml")]) == 0
    out = tmp_path / "prostate_results"
    called = tifffile.imread(out / "niches.ome.tif") > 0
    assert called.shape == dataset.grid.shape
    assert called[disc].mean() > 0.6
    assert (~disc)[called].mean() < 0.2
    regions = pd.read_csv(out / "regions.csv")
    assert regions["kind"].tolist() == ["niche", "rest", "domain"]
    assert regions["p_region"][0] == 1 / 200
    # Peptides, m/z 631 to 1979: the small metabolites of the panel are out of range, and told so one by one.
    channels = pd.read_csv(out / "channels.csv").set_index("channel")
    assert "range" in channels.loc["L-Arginine", "reason"]
    assert not channels.loc["L-Lactate", "detected"]
