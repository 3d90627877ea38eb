"""Where something can be said: tissue and domain from every source, and what is left out of everything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_metime.errors import MissingFileError, RecipeError, TissueError
from napari_metime.masking import find_left_out, leave_out, told_of_domain
from napari_metime.niches import describe_niches
from napari_metime.niches.describe import MAX_UNTOLD_LEFT_OUT, _tell_left_out
from napari_metime.pipeline import align_cells, find_niches, find_tissue, open_dataset, read_cells, run
from napari_metime.recipe import MicroscopyRecipe, NichesRecipe, Recipe, TissueRecipe, load_recipe
from napari_metime.section import CellTable, ChannelSet, Dataset, LeftOut, SectionResult


@pytest.fixture(scope="module")
def recipe(sample_section: Path) -> Recipe:
    loaded = load_recipe(sample_section / "section" / "recipe.yaml")
    few = loaded.niches.model_copy(update={"n_permutations": 99})
    return loaded.model_copy(update={"niches": few, "microscopy": _microscopy(sample_section)})


@pytest.fixture(scope="module")
def dataset(recipe: Recipe) -> Dataset:
    return open_dataset(recipe.ims)


@pytest.fixture(scope="module")
def hole(recipe: Recipe, dataset: Dataset, sample_section: Path) -> np.ndarray:
    """The first planted niche, grown by two pixels: what a person might have drawn around a necrosis."""
    planted = tifffile.imread(sample_section / "section" / "truth" / "niches.tif") == 1
    row, col = np.nonzero(planted)
    mask = np.zeros_like(planted)
    mask[row.min() - 2 : row.max() + 3, col.min() - 2 : col.max() + 3] = True
    return mask


@pytest.fixture(scope="module")
def with_hole(recipe: Recipe, hole: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> SectionResult:
    path = tmp_path_factory.mktemp("drawn") / "necrosis.tif"
    tifffile.imwrite(path, hole.astype(np.uint8))
    return run(recipe.model_copy(update={"tissue": TissueRecipe(exclude=path)}))


def _microscopy(sample_section: Path, **channels: int) -> MicroscopyRecipe:
    return MicroscopyRecipe(path=sample_section / "section" / "microscopy.ome.tif", channels=channels or {"PanCK": 1})


def test_a_search_of_a_small_part_of_the_tissue_is_told() -> None:
    """100 of 2,500 pixels of 20 µm are 0.04 of 1 mm², 4 %; a fifth, and what a person has drawn, is told nothing of."""
    tissue, small = np.ones((50, 50), bool), np.arange(2500).reshape(50, 50) < 100
    (told,) = told_of_domain(NichesRecipe(min_tumor_fraction=0.6), small, tissue, 400.0)
    assert told.startswith("The tumour bed is 0.04 of 1.00 mm² of tissue (4 %): niches were looked for only there.")
    assert "at least 60 % of the cells are tumour; set niches.domain: tissue, or lower" in told
    (told,) = told_of_domain(NichesRecipe(domain="tissue"), small, tissue, 400.0)
    assert told.startswith("Cells lie on 0.04 of 1.00 mm²")
    assert told_of_domain(NichesRecipe(), np.arange(2500).reshape(50, 50) < 500, tissue, 400.0) == ()
    assert told_of_domain(NichesRecipe(domain="drawn.geojson"), small, tissue, 400.0) == ()


def test_what_was_left_out_is_in_nothing_that_is_found(with_hole: SectionResult, hole: np.ndarray) -> None:
    niches = with_hole.niches
    assert not (with_hole.tissue.mask & hole).any()
    assert not (niches.map.domain & hole).any()
    assert not (niches.map.labels[hole] > 0).any()
    assert np.isnan(niches.map.coldness[hole]).all()
    assert np.isnan(niches.map.expected[hole]).all()
    assert niches.map.n_niches == 1  # the other planted one
    pixel = with_hole.dataset.grid.pixel_of(with_hole.cells.x, with_hole.cells.y)
    there = np.zeros(pixel.size, bool)
    there[pixel >= 0] = hole.ravel()[pixel[pixel >= 0]]
    cells = niches.cells[there]
    assert len(cells) > 300
    assert not cells["in_domain"].any()
    assert cells["region_id"].isna().all()
    assert cells["distance_to_margin_um"].isna().all()
    (part,) = [part for part in niches.left_out if "necrosis.tif" in part.reason]
    assert part.n_cells == len(cells)
    assert int(part.mask.sum()) == int(hole.sum())
    assert any(f"{len(cells):,} left out by hand (necrosis.tif)" in text for text in with_hole.warnings)
    assert len(cells) > MAX_UNTOLD_LEFT_OUT * with_hole.cells.n_cells  # fewer are counted, and no warning


def test_a_few_cells_off_the_spectra_are_no_warning() -> None:
    part = LeftOut("without a spectrum", np.eye(3, dtype=bool), 346)
    assert _tell_left_out((part,), 60_000) == ()
    assert _tell_left_out((part,), 34_600) == (
        "346 of 34,600 cells lie where nothing can be said and count nowhere: 346 without a spectrum.",
    )


def test_a_hole_makes_nothing_around_it_cold(recipe: Recipe, with_hole: SectionResult, hole: np.ndarray) -> None:
    """Whatever lies in the hole, the map around it is the same: cells there count on neither side."""
    pixel = with_hole.dataset.grid.pixel_of(with_hole.cells.x, with_hole.cells.y)
    inside = np.where(pixel >= 0, hole.ravel()[pixel], False)
    role = np.where(inside, "other", with_hole.cells.role).astype(object)
    for cells in (with_hole.cells.only(~inside), replace(with_hole.cells, role=role)):
        other = find_niches(
            with_hole.dataset, with_hole.tissue, with_hole.channels, cells, recipe.niches, section_id="S",
            alignment=with_hole.alignment,
        )  # fmt: skip
        np.testing.assert_array_equal(other.map.coldness, with_hole.niches.map.coldness)
        np.testing.assert_array_equal(other.map.p_region, with_hole.niches.map.p_region)
        pd.testing.assert_frame_equal(
            other.regions.drop(columns="section_id"), with_hole.niches.regions.drop(columns="section_id")
        )


def test_channel_means_and_gradients_leave_it_out(with_hole: SectionResult, hole: np.ndarray) -> None:
    """A channel that is 1 but for the hole, where it is a million, is 1 in every row of every table."""
    channels = with_hole.channels
    image = np.where(hole, 1e6, 1.0).astype(np.float32)
    spoilt = ChannelSet((replace(channels.channels[0], name="spoilt", image=image),), channels.table, channels.tic)
    found = describe_niches(
        with_hole.dataset.grid, with_hole.tissue.mask, with_hole.niches.map, with_hole.cells, spoilt, section_id="S",
        left_out=with_hole.niches.left_out,
    )  # fmt: skip
    assert (found.regions["mean_spoilt"] == 1).all()
    assert (found.gradients["mean_spoilt"] == 1).all()


def test_outside_the_microscopy_nothing_is_cold(recipe: Recipe, sample_section: Path, tmp_path: Path) -> None:
    """A microscopy cut in half: what its other half would have shown is NA, though cells are listed there."""
    image = tifffile.imread(sample_section / "section" / "microscopy.ome.tif")[1]
    half = image.shape[1] // 2
    tifffile.imwrite(tmp_path / "half.tif", image[:, :half])
    found = run(recipe.model_copy(update={"microscopy": MicroscopyRecipe(path=tmp_path / "half.tif", pixel_size_um=4)}))
    height, width = found.dataset.grid.spacing_um
    row, col = np.indices(found.dataset.grid.shape)
    x, _ = found.alignment.to_source(col * width, row * height)
    hidden = x > half * 8 + 100  # 8 cell pixels of 0.5 µm an image pixel; 50 µm, a pixel, beyond the cut
    seen = x < half * 8 - 100
    assert not found.niches.map.domain[hidden].any()
    assert np.isnan(found.niches.map.coldness[hidden]).all()
    assert (found.niches.map.domain & seen).any()
    assert found.tissue.mask[hidden].any()  # tissue it is still, and its ions are measured
    (part,) = [part for part in found.niches.left_out if part.reason == "outside the microscopy"]
    assert part.n_cells > 1000
    assert any("outside the microscopy" in text for text in found.warnings)


def test_a_microscopy_that_misses_the_tissue_is_an_error(recipe: Recipe, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "tiny.tif", np.ones((2, 2), np.uint8))
    tiny = MicroscopyRecipe(path=tmp_path / "tiny.tif", pixel_size_um=4)
    with pytest.raises(TissueError, match=r"check align, microscopy\.pixel_size_um and cells\.pixel_size_um"):
        run(recipe.model_copy(update={"microscopy": tiny}))


def aligned_cells(recipe: Recipe) -> CellTable:
    return align_cells(read_cells(recipe.cells), pixel_size_um=0.5, align=recipe.align)[0]


def test_a_pixel_has_one_reason(dataset: Dataset) -> None:
    some = np.zeros(dataset.grid.shape, bool)
    some[:5] = True
    tissue = find_tissue(dataset, TissueRecipe(method="none"))
    twice = replace(tissue, left_out=(LeftOut("a", some), LeftOut("b", some | np.roll(some, 2, axis=0))))
    parts = find_left_out(dataset, twice, None)
    assert [part.reason for part in parts if part.reason != "without a spectrum"] == ["a", "b"]
    assert np.max(np.sum([part.mask for part in parts], axis=0)) == 1


def test_without_a_microscopy_nothing_is_assumed(dataset: Dataset) -> None:
    tissue = find_tissue(dataset, TissueRecipe(method="none"))
    assert {part.reason for part in find_left_out(dataset, tissue, None)} <= {"without a spectrum"}


def test_everything_left_out_is_an_error(dataset: Dataset) -> None:
    tissue = find_tissue(dataset, TissueRecipe(method="none"))
    with pytest.raises(TissueError, match=r"it covers all of it; check tissue\.exclude"):
        leave_out(tissue, np.ones(dataset.grid.shape, bool), "all.tif")


def test_an_excluded_area_that_is_not_there_is_named(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.geojson"):
        find_tissue(dataset, TissueRecipe(method="none", exclude=tmp_path / "none.geojson"))


def test_polygons_are_tissue(dataset: Dataset, tmp_path: Path) -> None:
    ring = [[0, 0], [1000, 0], [1000, 500], [0, 500], [0, 0]]
    (tmp_path / "t.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    mask = find_tissue(dataset, TissueRecipe(method=str(tmp_path / "t.geojson"))).mask
    height, width = dataset.grid.spacing_um
    row, col = np.nonzero(mask)
    assert (row.max() * height, col.max() * width) < (500, 1000)
    assert mask.sum() == pytest.approx(1000 * 500 / (height * width), rel=0.2)


def test_tissue_is_where_cells_are(recipe: Recipe, dataset: Dataset, sample_section: Path) -> None:
    planted = tifffile.imread(sample_section / "section" / "truth" / "tissue.tif") > 0
    found = find_tissue(dataset, TissueRecipe(method="cells"), cells=aligned_cells(recipe))
    assert found.note == "pixels within 50 µm of a cell"
    assert (planted & found.mask).sum() / (planted | found.mask).sum() > 0.9
    with pytest.raises(RecipeError, match="align them first"):
        find_tissue(dataset, TissueRecipe(method="cells"))


def test_tissue_and_tumour_from_the_microscopy(recipe: Recipe, sample_section: Path) -> None:
    """The simulated microscopy stains tumour cells in PanCK, and nuclei everywhere on the tissue in DAPI."""
    truth = sample_section / "section" / "truth"
    found = run(
        recipe.model_copy(
            update={
                "microscopy": _microscopy(sample_section, PanCK=1, DAPI=0),
                "tissue": TissueRecipe(method="microscopy:DAPI"),
                "niches": recipe.niches.model_copy(update={"domain": "microscopy:PanCK"}),
            }
        )
    )
    tissue = tifffile.imread(truth / "tissue.tif") > 0
    assert (tissue & found.tissue.mask).sum() / (tissue | found.tissue.mask).sum() > 0.85
    panck = next(c for c in found.channels.channels if c.name == "PanCK")
    tumour = tifffile.imread(truth / "bed.tif") > 0
    assert np.nanmean(panck.image[tumour]) > 3 * np.nanmean(panck.image[tissue & ~tumour])
    domain = found.niches.map.domain
    assert (tumour & domain).sum() / (tumour | domain).sum() > 0.8


@pytest.mark.parametrize("key", ["tissue", "niches"])
def test_a_channel_that_the_recipe_does_not_name_is_an_error(recipe: Recipe, key: str) -> None:
    asked = {
        "tissue": {"tissue": TissueRecipe(method="microscopy:CD8")},
        "niches": {"niches": NichesRecipe(domain="microscopy:CD8", n_permutations=99)},
    }[key]
    with pytest.raises(RecipeError, match=r"a NAME of microscopy\.channels \(PanCK\), found 'CD8'"):
        run(recipe.model_copy(update=asked))
    with pytest.raises(RecipeError, match="set microscopy"):
        run(recipe.model_copy(update=asked | {"microscopy": None}))
