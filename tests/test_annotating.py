"""Annotation of planted sections: what is there is found, and of what is found no more than the rate is false."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_metime import annotating
from napari_metime.annotating import annotate
from napari_metime.errors import Cancelled
from napari_metime.ims import build_index, ions, open_imzml
from napari_metime.metabolites.database import Molecule
from napari_metime.section import Dataset


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


load("marked")
benchmark = load("annotation_fdr")
WORLDS = {world.name: replace(world, n_single=min(world.n_single, 2000)) for world in benchmark.WORLDS}
SIZE = {"n_molecules": 60, "side": 24}
SEEDS = range(1, 5)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory):
    """A section with 30 of 60 molecules, and its annotations."""
    world = WORLDS["random peaks and unknown compounds"]
    section = benchmark.draw_section(world, 5, tmp_path_factory.mktemp("planted"), **SIZE)
    return section, benchmark.annotated(section, 5)


def false_share(tables: list[pd.DataFrame], level: float) -> float:
    """Mean share of false ones among what is called at a level."""
    called = [table[table["fdr"] <= level] for table in tables]
    return float(np.mean([1 - some["planted"].mean() if len(some) else 0.0 for some in called]))


@pytest.mark.parametrize("name", ["random peaks and unknown compounds", "isobars of absent molecules, one peak each"])
def test_the_share_of_false_annotations_is_within_the_nominal_rate(name: str) -> None:
    tables = benchmark.count(WORLDS[name], SEEDS, **SIZE)
    for level in (0.1, 0.2):
        assert false_share(tables, level) <= level
    found = [table.loc[table["planted"], "fdr"].le(0.1).mean() for table in tables]
    assert np.mean(found) > 0.8


def test_a_section_whose_pixels_are_shuffled_has_no_annotation() -> None:
    for table in benchmark.count(WORLDS["every peak shuffled"], SEEDS, **SIZE):
        assert table["planted"].sum() > 30
        assert not (table["fdr"] <= 0.1).any()


def test_a_row_holds_the_ion_its_measures_and_its_rate(planted) -> None:
    _, table = planted
    assert list(table.columns[:-1]) == list(annotating.COLUMNS)
    assert len(table) == 3 * 60
    assert np.allclose(table["msm"], table["rho_spatial"] * table["rho_spectral"] * table["rho_chaos"])
    assert table["fdr"].is_monotonic_increasing
    for _, of_adduct in table[table["fdr"] < 1].groupby("adduct"):
        assert of_adduct["msm"].is_monotonic_decreasing
    strong = table.loc[table["msm"].idxmax()]
    assert strong["planted"]
    assert strong[["rho_spatial", "rho_spectral", "rho_chaos"]].min() > 0.9


def test_the_same_seed_gives_the_same_table_and_an_index_changes_nothing(planted, tmp_path: Path) -> None:
    section, table = planted
    dataset = open_imzml(section.path)
    build_index(dataset)
    again = annotate(dataset, section.database, benchmark.ADDUCTS, benchmark.TOLERANCE_PPM, seed=5)
    pd.testing.assert_frame_equal(again, table.drop(columns="planted"))


def test_batches_of_single_ions_give_the_same_as_all_at_once(planted, monkeypatch: pytest.MonkeyPatch) -> None:
    section, _ = planted
    some = section.database[:4]
    whole = annotate(open_imzml(section.path), some, ["[M+H]+"], 3.0)
    monkeypatch.setattr(ions, "HELD_PIXELS", 1)
    pd.testing.assert_frame_equal(annotate(open_imzml(section.path), some, ["[M+H]+"], 3.0), whole)


def test_it_can_be_stopped_and_tells_how_far_it_is(planted) -> None:
    section, _ = planted
    dataset, told = open_imzml(section.path), []
    annotate(dataset, section.database[:5], ["[M+H]+"], 3.0, on_progress=lambda done, text: told.append(done))
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1

    def stop(done: float, text: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        annotate(dataset, section.database[:5], ["[M+H]+"], 3.0, on_progress=stop)


def test_an_adduct_that_a_formula_cannot_have_is_left_out_and_names_are_joined(planted) -> None:
    dataset: Dataset = open_imzml(planted[0].path)
    database = [Molecule("C3H6O3", ("a", "b"), ("", "B1")), Molecule("CO2", ("c",), ("",))]
    table = annotate(dataset, database, ["[M-H]-"], 3.0)
    assert table[["name", "id", "formula"]].to_numpy().tolist() == [["a; b", "B1", "C3H6O3"]]
    assert annotate(dataset, database[1:], ["[M-H]-"], 3.0).empty
