import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
import tifffile
from pyimzml.ImzMLParser import ImzMLParser

from napari_metime.errors import Cancelled, OutputError, RecipeError
from napari_metime.recipe import input_files, load_recipe
from napari_metime.simulate import SectionPlan, simulate_section, simulate_truth

SMALL = SectionPlan(width_um=1400, height_um=1200, n_niches=1, niche_radius_um=150, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return simulate_section(tmp_path_factory.mktemp("simulated") / "section", SMALL).parent


def files_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_plan_gives_the_same_bytes_and_another_seed_others(folder, tmp_path):
    simulate_section(tmp_path / "again", SMALL)
    simulate_section(tmp_path / "other", replace(SMALL, seed=4))
    first, again, other = files_of(folder), files_of(tmp_path / "again"), files_of(tmp_path / "other")
    assert first == again
    assert {name for name in first if first[name] == other[name]} == {"truth/metabolites.csv", "truth/transform.json"}


def test_cells_map_through_the_transform_onto_the_truth(folder):
    cells, true = pd.read_csv(folder / "cells.csv"), pd.read_csv(folder / "truth" / "cells_um.csv")
    matrix = np.array(json.loads((folder / "truth" / "transform.json").read_text())["matrix"])
    source = np.column_stack([cells["Centroid X px"], cells["Centroid Y px"], np.ones(len(cells))])
    assert np.abs(source @ matrix.T[:, :2] - true[["x_um", "y_um"]].to_numpy()).max() < 1e-6
    assert list(cells["Object ID"]) == list(true["cell_id"])
    assert list(cells["Class"]) == list(true["type"])


def test_the_truth_on_disk_is_the_truth_in_memory(folder):
    truth = simulate_truth(SMALL)
    true = pd.read_csv(folder / "truth" / "cells_um.csv")
    assert np.abs(true["x_um"] - truth.x_um).max() < 1e-3
    assert np.array_equal(true["niche"], truth.niche)
    for name, image in (("niches", truth.niche_labels), ("tissue", truth.tissue), ("bed", truth.bed)):
        assert np.array_equal(tifffile.imread(folder / "truth" / f"{name}.tif"), image)
    ring = json.loads((folder / "truth" / "niches.geojson").read_text())["features"][0]["geometry"]["coordinates"][0]
    niche = truth.anatomy.niches[0]
    assert ring[0] == ring[-1]
    assert np.allclose(np.hypot(*(np.array(ring) - (niche.x_um, niche.y_um)).T), 150, atol=1e-2)


def test_other_shapes_and_lymphoid_structures_are_written(tmp_path):
    plan = replace(SMALL, niche_shape="banana", n_lymphoid=1, lymphoid_radius_um=60.0)
    folder = simulate_section(tmp_path / "section", plan).parent
    stated = json.loads((folder / "truth.json").read_text())
    assert stated["parameters"]["niche_shape"] == "banana"
    assert stated["lymphoid"][0][2] == 60
    outline = json.loads((folder / "truth" / "niches.geojson").read_text())["features"][0]["geometry"]
    banana = shapely.geometry.shape(outline)
    assert banana.area == pytest.approx(np.pi * 150**2, rel=0.01)
    niches = tifffile.imread(folder / "truth" / "niches.tif")
    y, x = np.indices(niches.shape) * plan.pixel_size_um
    assert np.mean(shapely.contains_xy(banana, x, y) == (niches > 0)) > 0.99


@pytest.mark.parametrize("mode", ["processed", "continuous"])
def test_pyimzml_reads_every_spectrum_on_the_whole_grid(tmp_path, mode):
    plan = replace(SMALL, mode=mode, texture_sd=0, gain_sd=0)
    folder = simulate_section(tmp_path / mode, plan).parent
    with ImzMLParser(str(folder / "section.imzML")) as parser:
        lactate = np.zeros(plan.shape)
        for index, (x, y, _) in enumerate(parser.coordinates):
            mz, intensity = parser.getspectrum(index)
            lactate[y - 1, x - 1] = intensity[np.abs(mz / 89.0244 - 1) < 8e-6].sum()
    truth = simulate_truth(plan)
    rest = lactate[truth.bed & (truth.niche_labels == 0)].mean()
    assert index + 1 == np.prod(plan.shape)
    assert abs(np.log2(lactate[truth.niche_labels > 0].mean() / rest) - 1) < 0.2
    assert lactate[~truth.tissue].mean() < 0.05 * rest


def test_the_recipe_loads_and_names_files_that_are_there(folder):
    recipe = load_recipe(folder / "recipe.yaml")
    assert recipe.cells.roles == {"effector": ("CD8",), "suppressor": ("Treg", "Macrophage M2"), "tumor": ("Tumor",)}
    assert recipe.seed == 3
    assert {p.name for p in input_files(recipe)} == {"section.imzML", "cells.csv", "landmarks.csv"}
    assert all(p.is_file() for p in input_files(recipe))


def test_every_parameter_stands_in_truth_json(folder):
    summary = json.loads((folder / "truth.json").read_text())
    assert summary["parameters"]["niche_radius_um"] == 150
    assert summary["parameters"]["bed"]["cd8"] == SMALL.bed.cd8
    assert len(summary["parameters"]["metabolites"]) == len(SMALL.metabolites)
    assert sum(summary["n_cells"].values()) == len(pd.read_csv(folder / "cells.csv"))


def test_zero_niches_are_a_section_too(tmp_path):
    folder = simulate_section(tmp_path / "none", replace(SMALL, n_niches=0)).parent
    assert not tifffile.imread(folder / "truth" / "niches.tif").any()
    assert json.loads((folder / "truth" / "niches.geojson").read_text())["features"] == []


def test_an_earlier_section_is_replaced_and_results_beside_it_stay(tmp_path):
    folder = simulate_section(tmp_path / "s", SMALL).parent
    (folder / "results").mkdir()
    (folder / "results" / "regions.csv").write_text("kept")
    simulate_section(folder, replace(SMALL, seed=4))
    assert json.loads((folder / "truth.json").read_text())["parameters"]["seed"] == 4
    assert (folder / "results" / "regions.csv").read_text() == "kept"
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


@pytest.mark.parametrize("content", [None, "{", "[1]", '{"format": "something else"}'])
def test_a_folder_of_someone_else_is_refused_untouched(tmp_path, content):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "thesis.txt").write_text("years of work")
    if content is not None:
        (tmp_path / "s" / "truth.json").write_text(content)
    before = files_of(tmp_path)
    with pytest.raises(OutputError, match="choose another folder"):
        simulate_section(tmp_path / "s", SMALL)
    assert files_of(tmp_path) == before


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "s").write_text("a file")
    for target in (tmp_path / "s", tmp_path / "s" / "below"):
        with pytest.raises(OutputError, match="choose another"):
            simulate_section(target, SMALL)


def test_cancelling_leaves_nothing(tmp_path):
    def cancel(fraction, text):
        if fraction > 0.5:
            raise Cancelled(text)

    with pytest.raises(Cancelled):
        simulate_section(tmp_path / "s", SMALL, on_progress=cancel)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_that_cannot_be_met_leaves_nothing(tmp_path):
    with pytest.raises(RecipeError):
        simulate_section(tmp_path / "new" / "s", replace(SMALL, n_niches=50))
    assert list(tmp_path.iterdir()) == []
