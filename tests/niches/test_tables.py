"""The tables against numbers counted by hand: a strip of 4 x 10 pixels of 100 µm with one niche."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_metime.niches import describe_niches
from napari_metime.niches.regions import REGION_COLUMNS
from napari_metime.section import CellTable, Channel, ChannelSet, Grid, NicheMap, NicheResult

SHAPE = (4, 10)
GRID = Grid(SHAPE, (1, 1), (100.0, 100.0))


@pytest.fixture
def result() -> NicheResult:
    """Niche: columns 0 to 3; every pixel holds a tumour cell, the outer six columns an effector too."""
    row, col = (a.ravel() for a in np.mgrid[:4, :10])
    outer = col >= 4
    x = np.concatenate([col, col[outer], [0.0]]) * 100.0
    y = np.concatenate([row, row[outer], [0.0]]) * 100.0
    roles = np.array(["tumor"] * 40 + ["effector"] * 24 + ["suppressor"], dtype=object)
    ids = np.arange(x.size).astype(str).astype(object)
    cells = CellTable(ids, x, y, roles.copy(), roles, "um")
    labels = np.zeros(SHAPE, np.int32)
    labels[:, :4] = 1
    every = np.ones(SHAPE, bool)
    niches = NicheMap(
        every, every, np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32), labels, np.array([0.01]), 100.0, ""
    )
    image = np.where(labels == 1, 8.0, 2.0).astype(np.float32)
    image[0, 9] = np.nan
    channels = ChannelSet(
        (Channel("A", "ion", image), Channel("r", "ratio", image)),
        pd.DataFrame(
            {
                "channel": ["A", "B", "C"],
                "detected": [True, False, False],
                "mean_intensity": [4.0, np.nan, 0.1],
                "reason": ["", "out of range", "found in 1 % of tissue pixels"],
            }
        ),
        image,
    )
    return describe_niches(GRID, every, niches, cells, channels, section_id="S1", covariates=("tumor_fraction",))


def test_regions_are_niches_then_rest_then_domain(result: NicheResult) -> None:
    table = result.regions
    assert table["region_id"].tolist() == ["1", "rest", "domain"]
    assert table["kind"].tolist() == ["niche", "rest", "domain"]
    assert tuple(table.columns[: len(REGION_COLUMNS)]) == REGION_COLUMNS


def test_counts_areas_and_ratios_of_the_niche(result: NicheResult) -> None:
    niche, rest, domain = (result.regions.iloc[i] for i in range(3))
    assert (niche.n_pixels, rest.n_pixels, domain.n_pixels) == (16, 24, 40)
    assert (niche.area_um2, domain.area_um2) == (160_000, 400_000)
    assert (niche.n_cells, niche.n_effector, niche.n_suppressor, niche.n_tumor) == (17, 0, 1, 16)
    assert (rest.n_cells, rest.n_effector) == (48, 24)
    assert niche.expected_effector == 17 * 24 / 48
    assert (niche.rate_ratio, niche.density_ratio) == (0.0, 0.0)
    assert rest.density_effector_per_mm2 == pytest.approx(24 / 0.24)
    assert (niche.p_region, niche.p_region_labelling) == (0.01, 0.01)
    assert niche.log2_suppressor_effector == pytest.approx(np.log2(1.5 / 0.5))
    assert np.isnan(rest.rate_ratio)


def test_places_and_borders_are_in_um_of_the_section(result: NicheResult) -> None:
    niche = result.regions.iloc[0]
    assert (niche.centroid_x_um, niche.centroid_y_um) == (150.0, 150.0)
    # A 4 x 4 square whose corners the half-way contour cuts: 4 * 300 + 4 * 50 * sqrt(2).
    assert niche.perimeter_um == pytest.approx(4 * 300 + 4 * 50 * np.sqrt(2))


def test_an_empty_number_stands_for_what_a_later_version_adds(result: NicheResult) -> None:
    assert result.regions[["rate_ratio_low", "rate_ratio_high"]].isna().all(axis=None)
    assert result.associations[["r", "r_partial", "ess", "p_modified_t", "p_shift", "q"]].isna().all(axis=None)


def test_channels_are_compared_as_logarithm_or_difference(result: NicheResult) -> None:
    niche, rest = result.regions.iloc[0], result.regions.iloc[1]
    assert (niche["mean_A"], rest["mean_A"]) == (8.0, 2.0)
    assert niche["log2fc_A"] == 2.0
    assert niche["log2fc_r"] == 6.0
    # Constant within each region: every resampling gives the same.
    assert (niche["log2fc_low_A"], niche["log2fc_high_A"]) == (2.0, 2.0)
    assert np.isnan(rest["log2fc_A"])


def test_a_niche_without_effectors_cannot_be_called_suppressed(result: NicheResult) -> None:
    assert result.regions["suppressed"].tolist()[0] == "undetermined"


def test_gradient_bands_are_negative_inside(result: NicheResult) -> None:
    table = result.gradients
    assert table["band_low_um"].tolist() == [-400, -300, -200, -100, 0, 100, 200]
    assert (table["band_high_um"] - table["band_low_um"]).eq(100).all()
    assert table["mean_A"].tolist() == [8.0] * 4 + [2.0] * 3
    assert table["density_effector_per_mm2"].tolist() == pytest.approx([0.0] * 4 + [100.0] * 3)
    assert table["area_um2"].eq(40_000).all()


def test_cells_know_their_region(result: NicheResult) -> None:
    table = result.cells
    assert table.loc[table["x_um"] <= 300, "region_id"].eq(1).all()
    assert table.loc[table["x_um"] > 300, "region_id"].isna().all()
    assert table["in_domain"].all()


def test_associations_say_what_was_not_tested_and_not_measured(result: NicheResult) -> None:
    table = result.associations.set_index("channel")
    assert table["status"].to_dict() == {
        "A": "not_testable",
        "r": "not_testable",
        "B": "not_measured",
        "C": "not_testable",
    }
    assert table.loc["B", "reason"] == "out of range"
    assert table.loc["A", "n_pixels"] == 39


def test_a_section_whose_cells_miss_the_tissue_is_told(result: NicheResult) -> None:
    assert result.warnings == ()
    every, image = np.ones(SHAPE, bool), np.ones(SHAPE, np.float32)
    x = np.array([0.0, 100.0, 5000.0])
    ids, roles = np.array(["a", "b", "c"], dtype=object), np.array(["tumor", "tumor", "effector"], dtype=object)
    cells = CellTable(ids, x, np.zeros(3), roles, roles, "um")
    niches = NicheMap(every, ~every, image, image, np.zeros(SHAPE, np.int32), np.empty(0), np.nan, "")
    channels = ChannelSet((), pd.DataFrame(), image)
    told = describe_niches(GRID, every, niches, cells, channels, section_id="S1")
    assert told.warnings[0].startswith("33 % of the cells lie off the tissue.")
    assert told.warnings[1].startswith("No effector cell lies on the tissue.")
    assert told.regions["grade"].tolist()[-1] == "desert"
