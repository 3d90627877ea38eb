"""The section in one row, and the mixing score against the numbers of SPIAT and a formula."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from napari_metime.niches import describe_niches
from napari_metime.niches.summary import SUMMARY_COLUMNS, Mixing, grade_section, mixing
from napari_metime.recipe import GradesRecipe
from napari_metime.section import CellTable, ChannelSet, Grid, NicheMap


def test_the_normalised_score_is_that_of_spiat() -> None:
    """SPIAT's own test image: 819 tumour cells, 338 of Immune1, 80 contacts between and 2513 among the tumour cells."""
    counted = Mixing(819, 338, 80, 2513)
    assert counted.score == pytest.approx(0.03183446, abs=1e-8)
    assert counted.normalized == pytest.approx(0.0385, abs=5e-5)
    assert counted.normalized == pytest.approx(0.5 * (80 / 2513) * 818 / 338)


def test_contacts_are_the_pairs_within_the_radius() -> None:
    rng = np.random.default_rng(0)
    reference, target = rng.uniform(0, 300, (80, 2)), rng.uniform(0, 300, (60, 2))
    counted = mixing(reference, target, 50.0)
    assert counted.n_between == (cdist(reference, target) <= 50).sum()
    assert counted.n_among == ((cdist(reference, reference) <= 50).sum() - 80) / 2


def test_cells_mixed_at_random_score_one_and_separate_ones_none() -> None:
    rng = np.random.default_rng(1)
    reference, target = rng.uniform(0, 2000, (4000, 2)), rng.uniform(0, 2000, (9000, 2))
    assert mixing(reference, target, 50.0).normalized == pytest.approx(1, abs=0.03)
    assert mixing(reference, target + np.array([3000, 0]), 50.0).normalized == 0
    assert np.isnan(mixing(reference[:0], target, 50.0).normalized)
    assert np.isnan(mixing(reference, target[:0], 50.0).normalized)
    assert np.isnan(mixing(reference[:1], target, 50.0).score)


USUAL = {"domain": (300, 2.0), "margin": (60, 0.4), "inner": (240, 1.6), "stroma": (200, 1.0), "tissue": (500, 3.0)}
FEW_INSIDE = {"domain": (60, 2.0), "margin": (40, 0.4), "inner": (20, 1.6), "stroma": (200, 1.0), "tissue": (260, 3.0)}
FEW = {"domain": (30, 2.0), "margin": (6, 0.4), "inner": (24, 1.6), "stroma": (20, 1.0), "tissue": (50, 3.0)}
NONE = {name: (0, area) for name, (_, area) in USUAL.items()}


@pytest.mark.parametrize(
    ("loads", "cold", "grade"),
    [
        (USUAL, 0.0, "inflamed"), (USUAL, 0.2, "mixed"), (USUAL, np.nan, "undetermined"), (FEW_INSIDE, 0.3, "excluded"),
        (FEW, np.nan, "desert"), (NONE, np.nan, "desert"),
    ],
)  # fmt: skip
def test_the_section_is_graded_by_where_its_effectors_are(
    loads: dict[str, tuple[int, float]], cold: float, grade: str
) -> None:
    assert grade_section(loads, cold) == grade


def test_every_cut_off_of_a_section_can_be_set() -> None:
    assert grade_section(USUAL, 0.0, GradesRecipe(desert_per_mm2=250)) == "desert"
    assert grade_section(USUAL, 0.2, GradesRecipe(inflamed_cold_fraction=0.3)) == "inflamed"
    assert grade_section(FEW_INSIDE, 0.3, GradesRecipe(min_ring_to_core=15)) == "mixed"


def test_the_row_counts_what_was_planted() -> None:
    """A domain of 10 x 10 pixels of 100 µm in a tissue of 14 x 10; an effector in each pixel but the niche's."""
    grid = Grid((10, 14), (1, 1), (100.0, 100.0))
    row, col = np.mgrid[:10, :14]
    domain, labels = col < 10, ((row < 4) & (col < 4)).astype(np.int32)
    assessable = domain & (row < 8)
    effector, every = labels == 0, np.ones(grid.shape, bool)
    x = np.concatenate([col[every], col[effector]]) * 100.0
    y = np.concatenate([row[every], row[effector]]) * 100.0
    role = np.array(["tumor"] * every.sum() + ["effector"] * effector.sum(), dtype=object)
    cells = CellTable(np.arange(x.size).astype(str).astype(object), x, y, role, role, "um")
    flat = np.ones(grid.shape, np.float32)
    niches = NicheMap(domain, assessable, flat, flat, labels, np.array([0.01]), 150.0, "")
    channels = ChannelSet((), pd.DataFrame(), flat)
    table = describe_niches(grid, every, niches, cells, channels, section_id="S").summary
    assert tuple(table.columns) == SUMMARY_COLUMNS
    (summary,) = table.to_dict("records")
    assert (summary["section_id"], summary["n_niches"], summary["n_effector"]) == ("S", 1, 140 - 16)
    assert (summary["cold_fraction"], summary["assessable_fraction"]) == (16 / 80, 0.8)
    assert summary["density_effector_niches_per_mm2"] == 0
    assert summary["density_effector_stroma_per_mm2"] == pytest.approx(100)
    # The margin is the column next to the stroma: centres at 50 µm; the one before lies 150 µm inside.
    assert (summary["area_margin_um2"], summary["area_inner_um2"]) == (10 * 1e4, 90 * 1e4)
    assert summary["density_effector_margin_per_mm2"] == pytest.approx(100)
    assert summary["density_effector_inner_per_mm2"] == pytest.approx((90 - 16) / 0.9)
    assert summary["grade"] == "mixed"
