"""A small section with two niches, ragged tissue, missing numbers and names that bite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_metime.recipe import Recipe, load_recipe
from napari_metime.section import (
    Alignment,
    CellTable,
    Channel,
    ChannelSet,
    Dataset,
    Grid,
    NicheMap,
    NicheResult,
    SectionResult,
    Tissue,
)

HOSTILE = "<script>alert(1)</script>"
FORMULA = "=cmd()"
SHAPE, SPACING_UM = (30, 40), (20.0, 25.0)
NAN = float("nan")

RECIPE = """
metime: 1
section: {id: =cmd(), patient: <script>alert(1)</script>}
ims: {path: s.imzML}
cells:
  path: cells.csv
  unit: px
  roles: {effector: [CD8], suppressor: [Treg], tumor: [Tumor]}
align: {landmarks: landmarks.csv}
export: {report: false}
"""


def _labels() -> np.ndarray:
    """Niche 1 has a hole; niche 2 is two squares that touch at a corner."""
    labels = np.zeros(SHAPE, dtype=np.int32)
    labels[6:13, 6:14] = 1
    labels[8:10, 9:11] = 0
    labels[18:22, 24:28] = 2
    labels[22:25, 28:32] = 2
    return labels


def _tissue() -> np.ndarray:
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    mask = ((rows - 14.5) / 14) ** 2 + ((cols - 19.5) / 18.5) ** 2 < 1
    mask[:, 3] &= rows[:, 3] % 2 == 0
    return mask


def _dataset(folder: Path) -> Dataset:
    rows, cols = (a.ravel().astype(np.int32) for a in np.indices(SHAPE))
    n = np.zeros(rows.size, dtype=np.int64)
    return Dataset(
        path=folder / "s.imzML", ibd_path=folder / "s.ibd", grid=Grid(SHAPE, (1, 1), SPACING_UM), mode="processed",
        spectrum_type="centroid", polarity="negative", uuid="0" * 32, mz_range=(50.0, 900.0), n_points=12,
        row=rows, col=cols, mz_offset=n, mz_length=n, intensity_offset=n, intensity_length=n,
        ascending=np.ones(rows.size, dtype=bool), mz_dtype=np.dtype("f8"), intensity_dtype=np.dtype("f4"),
        ibd_stamp=(3, 0), warnings=(f"odd header {HOSTILE}",),
    )  # fmt: skip


def _cells(rng: np.random.Generator) -> CellTable:
    n = 400
    role = rng.choice(["effector", "suppressor", "tumor", "other"], n, p=[0.2, 0.1, 0.5, 0.2]).astype(object)
    types = np.array(
        [{"effector": "CD8", "suppressor": "Treg", "tumor": "Tumor"}.get(r, FORMULA) for r in role], object
    )
    types[0] = HOSTILE
    ids = np.array([f"c{i}" for i in range(n)], dtype=object)
    return CellTable(ids, rng.uniform(80, 900, n), rng.uniform(60, 520, n), types, role, "um")


def _channels(rng: np.random.Generator, tissue: np.ndarray) -> ChannelSet:
    tic = rng.gamma(5, 100, SHAPE).astype(np.float32) * (0.3 + tissue)
    image = rng.gamma(2, 3, SHAPE).astype(np.float32)
    channels = (
        Channel("L-Lactate", "ion", image),
        Channel(HOSTILE, "image", image),
        Channel("kyn_trp", "ratio", image),
    )
    table = pd.DataFrame(
        {
            "channel": ["L-Lactate", "=Kynurenine", HOSTILE],
            "mz": [89.0244, 207.0775, NAN],
            "adduct": ["[M-H]-", "[M-H]-", None],
            "axis": ["lactate_glycolysis", "trp_kyn", "x"],
            "detected": [True, False, False],
            "mean_intensity": [6.25, NAN, NAN],
            "coverage": [0.5, NAN, NAN],
            "ppm_error": [-1.5, NAN, NAN],
            "conflicts": [None, None, None],
            "reason": [None, "not seen above the background", HOSTILE],
        }
    )
    return ChannelSet(channels, table, tic)


def _regions(labels: np.ndarray, channels: ChannelSet) -> pd.DataFrame:
    n_pixels = [int((labels == 1).sum()), int((labels == 2).sum()), 500, 584]
    area = np.array(n_pixels) * SPACING_UM[0] * SPACING_UM[1]
    table = {
        "section_id": [FORMULA] * 4,
        "region_id": ["1", "2", "rest", "domain"],
        "kind": ["niche", "niche", "rest", "domain"],
        "grade": ["desert", "excluded", None, "undetermined"],
        "suppressed": ["true", "undetermined", None, None],
        "area_um2": area,
        "perimeter_um": [690.0, 610.5, 3000.0, 2400.0],
        "centroid_x_um": [237.5, 700.25, 450.0, 440.0],
        "centroid_y_um": [180.0, 420.0, 300.0, 290.0],
        "n_cells": [120, 60, 220, 400],
        "n_effector": [4, 1, 75, 80],
        "n_suppressor": [30, 0, 20, 50],
        "n_tumor": [80, 40, 80, 200],
        "density_effector_per_mm2": [152.7, 71.4, 300.0, 273.9],
        "density_suppressor_per_mm2": [1100.0, 0.0, 80.0, 171.2],
        "density_tumor_per_mm2": [3000.0, 2800.0, 320.0, 684.9],
        "expected_effector": [38.2, 20.45, 75.0, 136.4],
        "rate_ratio": [0.1047, 0.0489, NAN, NAN],
        "rate_ratio_low": [0.04, NAN, NAN, NAN],
        "rate_ratio_high": [0.3, NAN, NAN, NAN],
        "density_ratio": [0.51, 0.24, NAN, NAN],
        "p_region": [0.002, 0.0451, NAN, NAN],
        "p_region_labelling": [0.002, 0.0451, NAN, NAN],
        "log2_suppressor_effector": [2.76, -1.58, -1.88, -0.67],
        "distance_to_margin_um": [-80.0, -60.0, NAN, NAN],
        "n_pixels": n_pixels,
    }
    for k, channel in enumerate(channels.channels):
        table |= {
            f"mean_{channel.name}": [1.5 + k, 2.5, 1.0, 1.25],
            f"log2fc_{channel.name}": [0.585 - 0.9 * k, NAN if k == 1 else -0.25, NAN, NAN],
            f"log2fc_low_{channel.name}": [0.2 - 0.9 * k, NAN if k == 1 else -0.5, NAN, NAN],
            f"log2fc_high_{channel.name}": [0.9 - 0.9 * k, NAN if k == 1 else 0.1, NAN, NAN],
        }
    return pd.DataFrame(table)


def _gradients() -> pd.DataFrame:
    low = np.arange(-100.0, 300.0, 50.0)
    parts = []
    for number, level in (("1", 300.0), ("2", 120.0)):
        density = level / (1 + np.exp(-low / 50))
        parts.append(
            pd.DataFrame(
                {
                    "section_id": FORMULA,
                    "region_id": number,
                    "band_low_um": low,
                    "band_high_um": low + 50,
                    "area_um2": 20000.0,
                    "density_effector_per_mm2": density,
                    "density_effector_per_mm2_low": np.where(low < 250, density * 0.7, NAN),
                    "density_effector_per_mm2_high": np.where(low < 250, density * 1.3, NAN),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def axis_table() -> pd.DataFrame:
    """One scored axis, one single ion, one that is refused; names that bite."""
    scored = {
        "axis": "lactate_glycolysis", "status": "scored", "reason": f"no p {HOSTILE}", "n_members": 3,
        "members": f"L-Lactate; Pyruvate; {HOSTILE}", "coverage": 0.75, "review_sign": f"no sign stated: {HOSTILE}",
    }  # fmt: skip
    in_niche = {
        "score_mean": 1.4, "difference": 1.25, "low": 0.5, "high": 2.0, "jackknife_low": 0.9, "jackknife_high": 1.5,
        "most_moving": HOSTILE, "rank_score_mean": 0.3, "rank_difference": 0.21, "p_random_sets": 0.004,
        "n_random_sets": 999,
    }  # fmt: skip
    rows = [
        scored | in_niche | {"region_id": "1"},
        scored | {"region_id": "2", "difference": -0.2},
        scored | {"region_id": "rest"},
        scored | {"region_id": "domain"},
        {"axis": "TCA", "status": "single_ion", "region_id": "section", "reason": f"Malate (single ion) {HOSTILE}"},
        {"axis": HOSTILE, "status": "not_scored", "region_id": "section", "reason": "2 of the 9 members"},
    ]
    return pd.DataFrame(rows, columns=["axis", "region_id", "status", "reason", "n_members", "members", "coverage",
                                       *in_niche, "review_sign"]).assign(section_id=FORMULA)  # fmt: skip


def ratio_table() -> pd.DataFrame:
    measured = {
        "ratio": "kyn_trp", "axis": "trp_kyn", "reason": f"mixed adducts {HOSTILE}", "members": HOSTILE,
        "reads": "IDO1 and TDO2 together", "limits": f"often below its limit {HOSTILE}",
    }  # fmt: skip
    numbers = {
        "log2_ratio": 0.5, "low": 0.1, "high": 0.9, "difference": 0.75, "difference_low": 0.25, "difference_high": 1.25,
        "share_measured": 0.7, "share_lower_bound": 0.1, "share_upper_bound": 0.15, "share_missing": 0.05,
    }  # fmt: skip
    rows = [
        measured | numbers | {"region_id": "1", "status": "measured"},
        measured | {"region_id": "2", "status": "lower_bound", "log2_ratio": 1.5, "low": 1.0},
        measured | {"region_id": "rest", "status": "measured", "log2_ratio": -0.25},
        measured | {"region_id": "domain", "status": "measured"},
        {"ratio": HOSTILE, "axis": "x", "region_id": "section", "status": "not_measurable", "reason": "ATP: doubtful"},
    ]
    return pd.DataFrame(rows, columns=["ratio", "axis", "region_id", "status", "reason", "members",
                                       "reads", "limits", *numbers]).assign(section_id=FORMULA)  # fmt: skip


def hypothesis_table() -> pd.DataFrame:
    lactate = {
        "axis": "lactate_glycolysis", "condition": "high lactate and PD-L1", "hypothesis": "LDHA inhibition",
        "caveat": f"preclinical {HOSTILE}", "review_sections": "2.1; 4.1",
    }  # fmt: skip
    rows = [
        lactate | {"region_id": "1", "status": "supported", "channel": channel, "direction": "high", "estimate": 0.5,
                   "low": 0.25, "high": 0.75, "cutoff": cutoff}
        for channel, cutoff in (("L-Lactate", "0.2 higher"), (HOSTILE, "none set, compared with 0"))
    ]  # fmt: skip
    refused = {"region_id": "section", "status": "not measurable in this section", "reason": "Cu: no such channel"}
    copper = {"axis": "cuproptosis", "condition": "copper", "hypothesis": "ionophore or chelator"}
    rows.append(lactate | copper | refused)
    return pd.DataFrame(rows).assign(section_id=FORMULA)


def _niches(cells: CellTable, channels: ChannelSet, tissue: np.ndarray) -> NicheResult:
    labels = _labels()
    domain = tissue.copy()
    domain[:, 33:] = False
    assessable = domain.copy()
    assessable[26:] = False
    rows = np.arange(SHAPE[0] * SHAPE[1], dtype=np.float32).reshape(SHAPE)
    coldness = np.where(assessable, 3 * (labels > 0) + rows / 4000 - 0.2, np.nan).astype(np.float32)
    niche_map = NicheMap(
        domain, assessable, coldness, np.where(domain, 4, np.nan).astype(np.float32), labels,
        np.array([0.002, 0.0451]), 120.0, "2 niches in 0.29 mm² of assessable tumour bed.", ("few effectors",),
    )  # fmt: skip
    table = pd.DataFrame(
        {
            "cell_id": cells.cell_id, "x_um": cells.x, "y_um": cells.y, "type": cells.type, "role": cells.role,
            "region_id": pd.array([1, None] * (cells.n_cells // 2), dtype="Int64"),
            "distance_to_margin_um": np.where(np.arange(cells.n_cells) % 3 == 0, NAN, -12.5),
            "in_domain": np.arange(cells.n_cells) % 2 == 0,
        }
    )  # fmt: skip
    names = [c.name for c in channels.channels]
    associations = pd.DataFrame(
        {
            "section_id": FORMULA,
            "channel": [*names, "axis:trp_kyn", "ATP"],
            "kind": [*(c.kind for c in channels.channels), "axis", "ion"],
            "n_pixels": 500,
            "r": [0.5, NAN, 0.2, 0.6, NAN],
            "r_partial": [0.4, NAN, -0.1, 0.55, NAN],
            "ess": [52.0, 4.0, 40.0, 30.0, NAN],
            "p_modified_t": [0.003, NAN, 0.5, 0.002, NAN],
            "p_shift": [0.004, NAN, NAN, 0.001, NAN],
            "q": [0.008, NAN, 0.5, 0.001, NAN],
            "z": np.arctanh([0.4, NAN, -0.1, 0.55, NAN]),
            "se_z": [1 / 7, NAN, 0.2, 0.2, NAN],
            "peak_shift_um": [25.0, NAN, 0.0, 0.0, NAN],
            "covariates": "tumor_fraction cell_density",
            "status": ["tested", "not_testable", "tested", "tested", "not_measured"],
            "reason": [None, f"effective sample of 4 below 10 {HOSTILE}", None, None, "out of range"],
        }
    )
    return NicheResult(
        niche_map, _regions(labels, channels), associations, _gradients(), table,
        summary=pd.DataFrame({"section_id": [FORMULA], "grade": ["mixed"], "cold_fraction": [0.125]}),
        margin=_gradients().query("region_id == '1'").assign(region_id="domain"),
        axes=axis_table(),
        ratios=ratio_table(),
        hypotheses=hypothesis_table(),
    )  # fmt: skip


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Return a folder with the (token) input files and the recipe that names them."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    for name, content in (("s.imzML", "<mzML/>"), ("s.ibd", "abc"), ("cells.csv", "x,y\n"), ("landmarks.csv", "l\n")):
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    return folder


@pytest.fixture
def recipe(inputs: Path) -> Recipe:
    return load_recipe(inputs / "recipe.yaml")


@pytest.fixture
def result(inputs: Path) -> SectionResult:
    rng = np.random.default_rng(3)
    tissue = _tissue()
    cells, channels = _cells(rng), _channels(rng, tissue)
    angle, scale = 0.3, 0.5
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    landmarks = np.array([[0.0, 0.0, 30.0, 12.0], [100.0, 0.0, 77.7, 26.8], [0.0, 100.0, 15.2, 59.8]])
    alignment = Alignment(
        np.array([[a, -b, 30.0], [b, a, 12.0], [0, 0, 1.0]]),
        "similarity",
        3,
        4.2,
        6.1,
        np.array([4.0, 4.0, 4.6]),
        landmarks,
    )
    return SectionResult(
        _dataset(inputs), Tissue(tissue, "auto", "total ion current above the background"), channels, cells, alignment,
        _niches(cells, channels, tissue), source_unit="px", started="2025-01-02T03:04:05+00:00", seconds={"data": 0.5},
    )  # fmt: skip


@pytest.fixture
def without_niches(result: SectionResult) -> SectionResult:
    """Return the same section where nothing is assessable."""
    niches = result.niches
    blank = replace(
        niches.map, assessable=np.zeros(SHAPE, bool), coldness=np.full(SHAPE, np.nan, np.float32),
        labels=np.zeros(SHAPE, np.int32), p_region=np.empty(0), radius_um=NAN, note="Too few effectors to say.",
    )  # fmt: skip
    regions = niches.regions[niches.regions["kind"] != "niche"].reset_index(drop=True)
    return replace(result, niches=replace(niches, map=blank, regions=regions, gradients=niches.gradients.iloc[:0]))
