"""Axis scores the whole way: a simulated section with one axis raised in its niches, one that is not, others absent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_metime.pipeline import find_channels, find_tissue, measure_channels, open_dataset, run, score_channels
from napari_metime.recipe import ChannelsRecipe, ImsRecipe, Recipe, TissueRecipe, load_recipe
from napari_metime.section import SectionResult
from napari_metime.simulate import METABOLITES, Metabolite, SectionPlan, simulate_section

RAISED = {"L-Lactate": 0.6, "Pyruvate": 0.6, "Hexose (D-glucose)": -0.6, "Hexose phosphate (G6P/F6P/G1P)": 0.6}
PLANTED = (
    *(replace(m, niche_log2=RAISED.get(m.name, 0.0), tumor_log2=0.0) for m in METABOLITES),
    Metabolite("Fructose 1,6-bisphosphate", 338.9888, 60, niche_log2=0.6, formula="C6H14O12P2"),
    Metabolite("UDP-N-acetylhexosamine", 606.0743, 80, niche_log2=0.6, formula="C17H27N3O17P2"),
    Metabolite("Palmitoleate (FA 16:1)", 253.2173, 120),
    Metabolite("Linoleate (FA 18:2)", 279.2330, 140),
    Metabolite("Docosahexaenoate (FA 22:6)", 327.2330, 90),
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tmp_path_factory.mktemp("axes")
    simulate_section(folder, SectionPlan(seed=3, metabolites=PLANTED))
    found = load_recipe(folder / "recipe.yaml")
    return found.model_copy(update={"niches": found.niches.model_copy(update={"n_permutations": 99})})


@pytest.fixture(scope="module")
def result(recipe: Recipe) -> SectionResult:
    return run(recipe)


def test_the_raised_axis_is_ranked_first_and_absent_ones_are_refused(result: SectionResult) -> None:
    axes = result.niches.axes
    scored = axes[axes["status"] == "scored"]
    assert {"lactate_glycolysis", "lipid_FA"} <= set(scored["axis"])
    assert not {"lipid_FAO", "lipid_neutral", "lipid_eicosanoid", "OXPHOS"} & set(scored["axis"])
    assert (axes.loc[axes["status"] != "scored", "reason"].str.len() > 20).all()
    for _, niche in scored[scored["region_id"].str.isdigit()].groupby("region_id"):
        by_axis = niche.set_index("axis")
        assert by_axis["difference"].astype(float).abs().idxmax() == "lactate_glycolysis"
        assert by_axis.loc["lactate_glycolysis", "low"] > 0
        assert by_axis.loc["lactate_glycolysis", "p_random_sets"] <= 0.01
        assert by_axis.loc["lipid_FA", "p_random_sets"] > 0.05
        assert by_axis.loc["lipid_FA", "low"] < 0 < by_axis.loc["lipid_FA", "high"]


def test_axes_are_the_primary_family_of_associations(result: SectionResult) -> None:
    rows = result.niches.associations
    primary = rows[rows["family"] == "primary"]
    assert {"axis:lactate_glycolysis", "axis:lipid_FA"} <= set(primary["channel"])
    assert primary["channel"].str.startswith("axis:").all()
    assert primary.set_index("channel").loc["axis:lactate_glycolysis", "q"] <= 0.05


def test_the_pool_holds_ions_of_the_tissue_only(recipe: Recipe, result: SectionResult) -> None:
    pool = result.channels.pool
    assert pool is not None
    assert pool.z.shape == (pool.mz.size, *result.dataset.grid.shape)
    assert pool.z.dtype == np.float16
    assert 24 <= pool.mz.size <= 100  # the lipids at least
    assert np.isnan(pool.z[:, ~result.tissue.mask]).all()
    assert (pool.coverage >= 0.05).all()
    matrix = np.array([193.0771, 229.0538, 387.1615, 162.8391])
    assert (np.abs(pool.mz[:, None] - matrix).min(axis=0) > 0.001).all()


def test_a_step_run_alone_gives_what_a_run_gives(recipe: Recipe, result: SectionResult) -> None:
    dataset = open_dataset(recipe.ims)
    alone = find_channels(recipe, dataset, find_tissue(dataset, recipe.tissue, seed=recipe.seed), None)
    pd.testing.assert_frame_equal(alone.axes, result.channels.axes)
    for mine, theirs in zip(alone.channels, result.channels.channels, strict=True):
        assert mine.name == theirs.name
        assert np.array_equal(mine.image, theirs.image, equal_nan=True)


def test_positive_mode_peptides_let_no_axis_be_scored(metime_data: Path) -> None:
    """The real prostate, m/z 631 to 1979: why not is told of every axis."""
    ims = ImsRecipe(path=metime_data / "imzml" / "prostate" / "prostate_example.imzML")
    dataset = open_dataset(ims)
    tissue = find_tissue(dataset, TissueRecipe(), seed=0)
    measured = measure_channels(dataset, tissue, ims, ChannelsRecipe())
    scored = score_channels(dataset, tissue, measured, ims, ChannelsRecipe())
    assert not (scored.axes["status"] == "scored").any()
    assert (scored.axes["reason"].str.len() > 20).all()
    assert not {c.kind for c in scored.channels} & {"axis", "ratio"}
    assert scored.pool is None
