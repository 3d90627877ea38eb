"""The tables against numbers counted by hand: a strip of 4 x 10 pixels of 100 µm with one niche."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_metime.niches import describe, describe_niches
from napari_metime.niches.regions import FURTHER_COLUMNS, REGION_COLUMNS
from napari_metime.recipe import GradesRecipe
from napari_metime.section import DESCRIPTIVE_COLUMNS, CellTable, Channel, ChannelSet, Grid, NicheMap, NicheResult

SHAPE = (4, 10)
GRID = Grid(SHAPE, (1, 1), (100.0, 100.0))


def described() -> NicheResult:
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
    lymphoid, hot = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.int32)
    lymphoid[0, 7:] = 1
    hot[1:3, 6:8] = 1
    niches = NicheMap(
        every, every, np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32), labels, np.array([0.01]), 100.0, "",
        p_labelling=np.array([0.002]), rate_low=np.array([0.0]), rate_high=np.array([0.3]), stability=np.array([0.7]),
        membership=np.where(np.arange(10) < 2, 0.9, 0.5 * (np.arange(10) < 4)) * np.ones(SHAPE, np.float32),
        called_share=np.array([0.95]), lymphoid=lymphoid, hot_labels=hot,
    )  # fmt: skip
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


@pytest.fixture
def result() -> NicheResult:
    return described()


def test_regions_are_niches_then_rest_then_domain(result: NicheResult) -> None:
    table = result.regions
    assert table["region_id"].tolist() == ["1", "rest", "domain"]
    assert table["kind"].tolist() == ["niche", "rest", "domain"]
    expected = (*REGION_COLUMNS, *FURTHER_COLUMNS)
    assert tuple(table.columns[: len(expected)]) == expected
    assert table.columns[len(expected)] == "mean_A"


def test_what_a_region_was_chosen_by_is_named(result: NicheResult) -> None:
    assert set(DESCRIPTIVE_COLUMNS) < {*REGION_COLUMNS, *FURTHER_COLUMNS}
    assert "density_tumor_per_mm2" not in DESCRIPTIVE_COLUMNS


def test_counts_areas_and_ratios_of_the_niche(result: NicheResult) -> None:
    niche, rest, domain = (result.regions.iloc[i] for i in range(3))
    assert (niche.n_pixels, rest.n_pixels, domain.n_pixels) == (16, 24, 40)
    assert (niche.area_um2, domain.area_um2) == (160_000, 400_000)
    assert (niche.n_cells, niche.n_effector, niche.n_suppressor, niche.n_tumor) == (17, 0, 1, 16)
    assert (rest.n_cells, rest.n_effector) == (48, 24)
    assert niche.expected_effector == 17 * 24 / 48
    assert (niche.rate_ratio, niche.density_ratio) == (0.0, 0.0)
    assert rest.density_effector_per_mm2 == pytest.approx(24 / 0.24)
    assert (niche.p_region, niche.p_region_labelling) == (0.01, 0.002)
    assert (niche.rate_ratio_low, niche.rate_ratio_high) == (0.0, 0.3)
    assert niche.log2_suppressor_effector == pytest.approx(np.log2(1.5 / 0.5))
    assert np.isnan(rest.rate_ratio)


def test_places_and_borders_are_in_um_of_the_section(result: NicheResult) -> None:
    niche = result.regions.iloc[0]
    assert (niche.centroid_x_um, niche.centroid_y_um) == (150.0, 150.0)
    # A 4 x 4 square whose corners the half-way contour cuts: 4 * 300 + 4 * 50 * sqrt(2).
    assert niche.perimeter_um == pytest.approx(4 * 300 + 4 * 50 * np.sqrt(2))


def test_a_niche_says_how_surely_it_is_where_it_was_drawn(result: NicheResult) -> None:
    niche, rest = result.regions.iloc[0], result.regions.iloc[1]
    assert niche.area_core_um2 == 8 * 100**2  # the first two of four columns
    assert niche.membership_mean == pytest.approx((0.9 + 0.5) / 2)
    assert (niche.stability, niche.called_share) == (0.7, 0.95)
    assert rest[["area_core_um2", "membership_mean", "stability", "called_share"]].isna().all()


def test_form_and_place_of_a_niche(result: NicheResult) -> None:
    niche = result.regions.iloc[0]
    assert niche.solidity == pytest.approx(1)
    assert niche.equivalent_diameter_um == pytest.approx(np.sqrt(4 * 160_000 / np.pi))
    assert niche.touches_tissue_edge is True
    # Columns 7 to 9 of the first row begin at 650 µm; the niche's last pixel centre is at 300 µm.
    assert niche.distance_to_lymphoid_um == pytest.approx(350)
    # The niche's cells lie at 0, 100, 200 and 300 µm (five of 17 at 0, with the suppressor), effectors from 400 µm on.
    assert niche.nn_distance_effector_um == 300


def test_the_ring_of_a_niche_is_counted(result: NicheResult) -> None:
    """The ring is the column next to the border, or the one after it: an effector in each pixel of both."""
    niche = result.regions.iloc[0]
    assert niche.ring_density_effector_per_mm2 == pytest.approx(4 / 0.04)
    assert np.isnan(niche.ring_to_core)  # over nothing
    share = 0.025 ** (1 / 4)
    assert niche.ring_to_core_low == pytest.approx(share / (1 - share) * 0.16 / 0.04)
    assert np.isnan(niche.ring_to_core_high)


def test_the_ring_may_begin_where_the_true_border_lies() -> None:
    """Effectors crowd in column 6, the niche ends after column 4: its own ring is column 5, the denser one column 6."""
    grid = Grid(SHAPE, (1, 1), (50.0, 50.0))
    row, col = (a.ravel() for a in np.mgrid[:4, :10])
    times = np.where(col == 6, 9, col >= 5)
    x, y = np.repeat(col * 50.0, times), np.repeat(row * 50.0, times)
    role = np.full(x.size, "effector", dtype=object)
    cells = CellTable(np.arange(x.size).astype(str).astype(object), x, y, role, role, "um")
    every, flat = np.ones(SHAPE, bool), np.ones(SHAPE, np.float32)
    labels = (every & (np.arange(10) < 5)).astype(np.int32)
    niches = NicheMap(every, every, flat, flat, labels, np.array([0.01]), 100.0, "")
    nothing = ChannelSet((), pd.DataFrame(), flat)
    densities = []
    for gap_um in (0.0, 50.0):
        cutoffs = GradesRecipe(ring_width_um=50, ring_gap_um=gap_um)
        found = describe_niches(grid, every, niches, cells, nothing, section_id="S", grades=cutoffs).regions
        densities.append(found["ring_density_effector_per_mm2"].iloc[0])
    assert densities == pytest.approx([1 / 0.0025, 9 / 0.0025])


def test_inflamed_regions_have_a_table_of_their_own(result: NicheResult) -> None:
    (hot,) = result.inflamed.to_dict("records")
    assert (hot["section_id"], hot["region_id"], hot["kind"]) == ("S1", "hot1", "inflamed")
    assert (hot["n_pixels"], hot["n_effector"], hot["n_cells"]) == (4, 4, 8)
    assert hot["rate_ratio"] == 1.0
    assert "p_region" not in hot


def test_an_empty_number_stands_for_what_a_later_version_adds(result: NicheResult) -> None:
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


def test_bands_of_the_margin_are_of_the_domain_and_end_with_the_tissue(result: NicheResult) -> None:
    assert list(result.margin.columns) == list(result.gradients.columns)
    assert result.margin.empty  # the domain is the whole grid: it has no border


def test_bands_of_the_margin_reach_into_the_stroma() -> None:
    """A domain of six columns of 100 µm, an effector in each pixel beyond it."""
    row, col = (a.ravel() for a in np.mgrid[:4, :10])
    role = np.where(col < 6, "tumor", "effector").astype(object)
    cells = CellTable(np.arange(40).astype(str).astype(object), col * 100.0, row * 100.0, role, role, "um")
    every, flat = np.ones(SHAPE, bool), np.ones(SHAPE, np.float32)
    domain = every & (np.arange(10) < 6)
    niches = NicheMap(domain, domain, flat, flat, np.zeros(SHAPE, np.int32), np.empty(0), 100.0, "")
    tissue = every & (np.arange(10) < 9)
    margin = describe_niches(GRID, tissue, niches, cells, ChannelSet((), pd.DataFrame(), flat), section_id="S").margin
    assert margin["region_id"].unique().tolist() == ["domain"]
    assert margin["band_low_um"].tolist() == [-500, -400, -300, -200, -100, 0, 100, 200]
    assert margin["density_effector_per_mm2"].tolist() == pytest.approx([0.0] * 5 + [100.0] * 3)
    assert margin["density_tumor_per_mm2"].tolist() == pytest.approx([100.0] * 5 + [0.0] * 3)


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


def test_where_associations_are_strongest_is_held_against_the_alignment(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(table: pd.DataFrame, radius_um: float) -> tuple[str, ...]:
        return (f"{len(table)} rows, {radius_um:g} µm",)

    monkeypatch.setattr(describe, "tell_shift", told)
    found = described()
    assert f"{len(found.associations)} rows, 100 µm" in found.warnings
