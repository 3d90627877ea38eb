"""Regions of the tissue from a file to the tables: found, named, merged, and asked about."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from sklearn.metrics import adjusted_rand_score

from napari_metime.errors import RecipeError, TissueError
from napari_metime.imzml_writer import write_imzml
from napari_metime.pipeline import divide_tissue, find_niches, find_tissue, open_dataset, run
from napari_metime.recipe import ImsRecipe, Recipe, RegionsRecipe, TissueRecipe, dump_recipe, load_recipe, parse_recipe
from napari_metime.section import SectionResult
from napari_metime.simulate import Metabolite, SectionPlan, simulate_section
from napari_metime.simulate.peaks import METABOLITES
from napari_metime.writing import write_results

BED, STROMA = "tumour bed", "stroma"
TUMOUR_LIPIDS = (Metabolite("L-Glutamate", 146.0459, 180, tumor_log2=3.0, formula="C5H9NO4"),)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A small section: bed and stroma have other lipids (s.d. of their log2 changes 0.5)."""
    plan = SectionPlan(
        width_um=1500, height_um=1300, pixel_size_um=50, n_niches=1, niche_radius_um=200, bed_share=0.5,
        metabolites=(*TUMOUR_LIPIDS, *(m for m in METABOLITES if m.name != "L-Glutamate")),
    )  # fmt: skip
    path = simulate_section(tmp_path_factory.mktemp("regions") / "section", plan)
    loaded = load_recipe(path)
    few = loaded.niches.model_copy(update={"n_permutations": 99})
    return loaded.model_copy(update={"niches": few})


def with_regions(recipe: Recipe, domain: str = "tumor_bed", **settings: object) -> Recipe:
    asked = RegionsRecipe.model_validate({"method": "kmeans", "n": 2} | settings)
    niches = recipe.niches.model_copy(update={"domain": domain})
    return recipe.model_copy(update={"tissue": TissueRecipe(regions=asked), "niches": niches})


def truth(recipe: Recipe, name: str) -> np.ndarray:
    return tifffile.imread(recipe.ims.path.parent / "truth" / f"{name}.tif") > 0


@pytest.fixture(scope="module")
def label_of_bed(recipe: Recipe) -> int:
    """Which label the planted bed has: the area decides, and nobody need know."""
    dataset = open_dataset(recipe.ims)
    asked = with_regions(recipe)
    tissue = divide_tissue(dataset, find_tissue(dataset, asked.tissue), asked.tissue.regions, recipe.ims)
    assert tissue.regions is not None
    return int(np.bincount(tissue.regions.labels[truth(recipe, "bed")]).argmax())


@pytest.fixture(scope="module")
def asked(recipe: Recipe, label_of_bed: int) -> Recipe:
    return with_regions(recipe, f"region:{BED}", names={label_of_bed: BED, 3 - label_of_bed: STROMA})


@pytest.fixture(scope="module")
def result(asked: Recipe) -> SectionResult:
    return run(asked)


def test_bed_and_stroma_are_told_apart_by_their_spectra(recipe: Recipe, result: SectionResult) -> None:
    regions = result.tissue.regions
    assert regions is not None
    tissue, bed = truth(recipe, "tissue") & result.tissue.mask, truth(recipe, "bed")
    assert adjusted_rand_score(bed[tissue], regions.mask(BED)[tissue]) > 0.8
    assert np.array_equal(regions.labels > 0, result.tissue.mask)


def test_a_region_is_the_domain_that_niches_are_looked_for_in(result: SectionResult) -> None:
    assert result.tissue.regions is not None
    domain, bed = result.niches.map.domain, result.tissue.regions.mask(BED)
    assert domain.any()
    assert not (domain & ~bed).any()
    assert (domain & bed).sum() / bed.sum() > 0.9


def test_the_planted_ion_is_the_first_marker_of_the_bed(result: SectionResult) -> None:
    assert result.tissue.regions is not None
    markers = result.tissue.regions.markers
    first = markers[markers["region"] == BED].iloc[0]
    assert first["mz"] == pytest.approx(146.0459, abs=0.01)
    assert first["log2fc"] > 1
    assert first["auc"] > 0.9


def test_tables_and_labels_are_written_and_the_recipe_gives_them_again(
    asked: Recipe, result: SectionResult, tmp_path: Path
) -> None:
    out = write_results(result, asked, tmp_path / "out")
    assert result.tissue.regions is not None
    assert np.array_equal(tifffile.imread(out / "tissue_regions.ome.tif"), result.tissue.regions.labels)
    markers = pd.read_csv(out / "markers.csv")
    assert list(markers.columns) == [
        "section_id", "region", "mz", "log2fc", "auc", "mean_in", "mean_out", "share_in", "share_out",
    ]  # fmt: skip
    assert set(markers["region"]) == {BED, STROMA}
    cells = pd.read_csv(out / "cells.csv", keep_default_na=False)
    pixel = result.dataset.grid.pixel_of(cells["x_um"].to_numpy(), cells["y_um"].to_numpy())
    in_bed = np.where(pixel >= 0, result.tissue.regions.mask(BED).ravel()[pixel], False)
    assert np.array_equal(cells["tissue_region"] == BED, in_bed)
    assert set(cells["tissue_region"]) <= {BED, STROMA, ""}
    facts = json.loads((out / "provenance.json").read_text())
    assert f"= {BED}" in facts["tissue"]["notes"][1]
    assert f"= {BED}" in (out / "report.html").read_text()
    assert any("ions decided where it ends" in text for text in facts["warnings"])
    again = load_recipe(out / "recipe.yaml")
    assert again.tissue.regions == asked.tissue.regions
    assert again.niches.domain == f"region:{BED}"
    tissue = divide_tissue(result.dataset, find_tissue(result.dataset, again.tissue), again.tissue.regions, again.ims)
    assert tissue.regions is not None
    pd.testing.assert_frame_equal(tissue.regions.markers, result.tissue.regions.markers)
    without = result.tissue.__class__(result.tissue.mask, "auto", "")
    plain = SectionResult(
        result.dataset, without, result.channels, result.cells, result.alignment, result.niches
    )  # as a recipe that asks for none
    bare = write_results(plain, asked, tmp_path / "bare")
    assert not {"markers.csv", "tissue_regions.ome.tif"} & {path.name for path in bare.iterdir()}
    assert "tissue_region" not in pd.read_csv(bare / "cells.csv").columns


def test_a_domain_may_be_a_label_or_several_of_one_name(
    asked: Recipe, result: SectionResult, label_of_bed: int
) -> None:
    def domain(tissue_names: dict[int, str], word: str) -> np.ndarray:
        settings = asked.tissue.regions.model_copy(update={"names": tissue_names})
        tissue = divide_tissue(result.dataset, result.tissue, settings, asked.ims)
        niches = asked.niches.model_copy(update={"domain": word, "n_permutations": 19})
        found = find_niches(result.dataset, tissue, result.channels, result.cells, niches, section_id="S")
        return found.map.domain

    assert np.array_equal(domain({}, f"region:{label_of_bed}"), result.niches.map.domain)
    both = domain({1: "all", 2: "all"}, "region:all")
    assert both.sum() > 1.5 * result.niches.map.domain.sum()


def test_what_cannot_be_a_region_is_told(asked: Recipe, result: SectionResult, recipe: Recipe) -> None:
    dataset = result.dataset
    with pytest.raises(RecipeError, match=r"labels 1 to 2, in tissue\.regions\.names, found 9"):
        divide_tissue(dataset, result.tissue, with_regions(recipe, names={9: "x"}).tissue.regions, recipe.ims)
    for tissue, error, words in (
        (result.tissue, TissueError, "found 'liver'"),
        (find_tissue(dataset, TissueRecipe()), RecipeError, r"set tissue\.regions"),
    ):
        niches = recipe.niches.model_copy(update={"domain": "region:liver"})
        with pytest.raises(error, match=words):
            find_niches(dataset, tissue, result.channels, result.cells, niches, section_id="S")


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ({"names": {1: "a"}}, "set tissue.regions.method to kmeans or mixture"),
        ({"method": "kmeans", "names": {1: "2"}}, "must not be another number"),
        ({"method": "kmeans", "names": {1: " a"}}, "without spaces around it"),
        ({"method": "kmeans", "names": {0: "a"}}, "names by label, 1 to 16, but one is 0"),
        ({"method": "kmeans", "names": {"tumour": 1}}, "but one is 'tumour'"),
        ({"method": "kmeans", "names": {1: 5}}, "tissue.regions.names.1"),
        ({"method": "kmeans", "n": 0}, "greater than or equal to 1"),
        ({"method": "kmeans", "n": 17}, "less than or equal to 16"),
        ({"method": "k-means"}, "tissue.regions.method: should be 'none', 'kmeans' or 'mixture'"),
        ({"method": "kmeans", "smoothing_um": -1}, "greater than or equal to 0"),
        ({"metod": "kmeans"}, "found 'tissue.regions.metod'; the nearest known key is 'method'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(regions: dict[str, object], words: str) -> None:
    values = {
        "metime": 1, "section": {"id": "S"}, "ims": {"path": "s.imzML"},
        "cells": {"path": "c.csv", "roles": {"effector": ["CD8"]}}, "tissue": {"regions": regions},
    }  # fmt: skip
    with pytest.raises(RecipeError) as caught:
        parse_recipe(values, folder=Path("/"))
    assert words in str(caught.value)


def test_a_recipe_keeps_its_names_when_written(asked: Recipe, label_of_bed: int, tmp_path: Path) -> None:
    text = dump_recipe(asked, folder=tmp_path)
    (tmp_path / "recipe.yaml").write_text(text)
    assert load_recipe(tmp_path / "recipe.yaml").tissue.regions.names[label_of_bed] == BED
    assert yaml.safe_load(text)["niches"]["domain"] == f"region:{BED}"


def test_a_file_of_one_pixel_is_one_region(tmp_path: Path) -> None:
    spectrum = np.array([100.0, 200.0, 300.0]), np.array([5.0, 9.0, 2.0], dtype=np.float32)
    path = tmp_path / "one.imzML"
    facts = {"mode": "processed", "polarity": "negative", "pixel_size_um": (50.0, 50.0), "uuid": UUID(int=1)}
    write_imzml(path, [spectrum], [(1, 1)], **facts)  # type: ignore[arg-type]
    ims = ImsRecipe(path=path)
    dataset = open_dataset(ims)
    tissue = divide_tissue(dataset, find_tissue(dataset, TissueRecipe()), RegionsRecipe(method="mixture", n=3), ims)
    assert tissue.regions is not None
    assert tissue.regions.labels.tolist() == [[1]]
    assert tissue.regions.markers.empty


def test_a_real_section_has_regions_whose_markers_are_peptides(metime_data: Path) -> None:
    """The prostate of 33,035 pixels: acini and stroma at least, all of the tissue, ions of the file compared."""
    path = metime_data / "imzml" / "prostate" / "prostate_example.imzML"
    ims = ImsRecipe(path=path)
    dataset = open_dataset(ims)
    tissue = find_tissue(dataset, TissueRecipe())
    regions = divide_tissue(dataset, tissue, RegionsRecipe(method="kmeans"), ims).regions
    assert regions is not None
    n = int(regions.labels.max())
    assert 2 <= n <= 8
    assert np.array_equal(regions.labels > 0, tissue.mask)
    assert regions.markers["auc"].between(0, 1).all()
    assert regions.markers["mz"].between(*dataset.mz_range).all()
    assert (regions.markers.groupby("region").head(1)["auc"] > 0.7).all()
