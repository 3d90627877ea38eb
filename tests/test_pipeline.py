"""The whole way, on the sample section and on small ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from pyimzml.ImzMLWriter import ImzMLWriter

from napari_metime.errors import AlignmentError, Cancelled, ImzMLError, RecipeError
from napari_metime.pipeline import (
    align_cells,
    align_section,
    find_tissue,
    measure_channels,
    open_dataset,
    read_cells,
    run,
)
from napari_metime.recipe import (
    AlignRecipe,
    ChannelsRecipe,
    ImageRecipe,
    ImsRecipe,
    Recipe,
    RefineRecipe,
    TissueRecipe,
    load_recipe,
)
from napari_metime.section import CellTable, SectionResult


@pytest.fixture(scope="module")
def recipe(sample_section: Path) -> Recipe:
    return load_recipe(sample_section / "section" / "recipe.yaml")


@pytest.fixture(scope="module")
def result(recipe: Recipe) -> SectionResult:
    return run(recipe)


def truth(sample_section: Path, name: str) -> np.ndarray:
    return tifffile.imread(sample_section / "section" / "truth" / f"{name}.tif")


def test_the_planted_niches_are_found(result: SectionResult, sample_section: Path) -> None:
    planted, found = truth(sample_section, "niches"), result.niches.map.labels
    assert found.shape == planted.shape
    for number in np.unique(planted[planted > 0]):
        assert (found[planted == number] > 0).mean() > 0.4
    assert (planted[found > 0] == 0).mean() < 0.2
    assert result.niches.map.n_niches == len(np.unique(planted)) - 1
    assert (result.niches.map.p_region <= 0.05).all()


def test_the_tissue_is_found(result: SectionResult, sample_section: Path) -> None:
    planted = truth(sample_section, "tissue") > 0
    assert (planted & result.tissue.mask).sum() / (planted | result.tissue.mask).sum() > 0.95


def test_what_was_planted_in_the_niches_is_measured(result: SectionResult) -> None:
    niches = result.niches.regions.query("kind == 'niche'")
    assert (niches["log2fc_low_L-Lactate"] > 0).all()
    assert (niches["log2fc_high_L-Tryptophan"] < 0).all()
    table = result.channels.table.set_index("channel")
    assert abs(table.loc["L-Lactate", "ppm_error"]) < 1


def test_the_cells_land_where_they_were_simulated(result: SectionResult, sample_section: Path) -> None:
    true = pd.read_csv(sample_section / "section" / "truth" / "cells_um.csv")
    error = np.hypot(result.cells.x - true["x_um"], result.cells.y - true["y_um"])
    assert np.median(error) < 8  # eight landmarks of 4 µm noise
    assert 1 < result.alignment.rmse_um < 8


def test_the_progress_rises_from_0_to_1(recipe: Recipe) -> None:
    seen: list[float] = []
    run(recipe.model_copy(update={"seed": 1}), on_progress=lambda done, text: seen.append(done))
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] <= 1
    assert len(seen) > 20


def test_a_run_can_be_cancelled_at_any_report(recipe: Recipe) -> None:
    for stop_after in (0.05, 0.3, 0.7):

        def cancel(done: float, text: str, stop_after: float = stop_after) -> None:
            if done >= stop_after:
                raise Cancelled

        with pytest.raises(Cancelled):
            run(recipe, on_progress=cancel)


def test_every_table_is_the_same_when_run_again(recipe: Recipe, result: SectionResult) -> None:
    again = run(recipe)
    for name in ("regions", "associations", "gradients", "cells"):
        assert getattr(again.niches, name).equals(getattr(result.niches, name)), name
    assert again.channels.table.equals(result.channels.table)


def test_the_recipe_overrules_the_file(recipe: Recipe) -> None:
    dataset = open_dataset(recipe.ims.model_copy(update={"pixel_size_um": (30.0, 20.0), "polarity": "positive"}))
    assert dataset.grid.pixel_size_um == (30.0, 20.0)
    assert dataset.polarity == "positive"


def test_broken_intensities_are_told(tmp_path: Path) -> None:
    with ImzMLWriter(str(tmp_path / "s.imzML")) as writer:
        for x, value in enumerate([1.0, np.nan, 2.0], start=1):
            writer.addSpectrum(np.array([100.0]), np.array([value]), (x, 1))
    ims = ImsRecipe(path=tmp_path / "s.imzML", pixel_size_um=20.0)
    dataset = open_dataset(ims)
    tissue = find_tissue(dataset, TissueRecipe(method="none"))
    found = measure_channels(dataset, tissue, ims, ChannelsRecipe(panel=None, mz=(100.0,)))
    assert found.warnings == ("Pixels with intensities that are no numbers: 1; they count as not measured.",)
    np.testing.assert_allclose(found.channels[0].image, [[1.5, np.nan, 1.5]])


def test_a_pixel_size_that_the_recipe_gives_is_not_missed(tmp_path: Path) -> None:
    with ImzMLWriter(str(tmp_path / "s.imzML"), polarity="positive") as writer:
        writer.addSpectrum(np.array([100.0]), np.array([1.0]), (1, 1))
    assert open_dataset(ImsRecipe(path=tmp_path / "s.imzML")).warnings == ("The file states no pixel size.",)
    assert open_dataset(ImsRecipe(path=tmp_path / "s.imzML", pixel_size_um=20.0)).warnings == ()


def test_a_file_without_pixel_size_stops_the_run_before_the_long_work(recipe: Recipe, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    import napari_metime.pipeline as pipeline

    def without_size(ims, **_):  # type: ignore[no-untyped-def]
        dataset = open_dataset(ims)
        return replace(dataset, grid=replace(dataset.grid, pixel_size_um=None))

    monkeypatch.setattr(pipeline, "open_dataset", without_size)
    seen: list[str] = []
    with pytest.raises(ImzMLError, match=r"ims\.pixel_size_um"):
        run(recipe, on_progress=lambda done, text: seen.append(text))
    assert seen == ["data"]


def test_a_mask_on_the_grid_is_the_tissue(recipe: Recipe, tmp_path: Path) -> None:
    dataset = open_dataset(recipe.ims)
    mask = np.zeros(dataset.grid.shape, np.uint8)
    mask[10:20, 10:30] = 255
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    assert np.array_equal(find_tissue(dataset, TissueRecipe(method=str(tmp_path / "mask.tif"))).mask, mask > 0)


def test_listed_mz_and_images_become_channels(recipe: Recipe, tmp_path: Path) -> None:
    dataset = open_dataset(recipe.ims)
    marker = np.arange(np.prod(dataset.grid.shape), dtype=np.float32).reshape(dataset.grid.shape)
    np.save(tmp_path / "PD-L1.npy", marker)
    images = (ImageRecipe(path=tmp_path / "PD-L1.npy", unit="counts"),)
    channels = recipe.channels.model_copy(update={"panel": None, "mz": (89.0244,), "images": images})
    tissue = find_tissue(dataset, TissueRecipe(method="none"))
    found = measure_channels(dataset, tissue, recipe.ims.model_copy(update={"normalize": "none"}), channels)
    assert [(c.name, c.kind) for c in found.channels] == [("mz:89.0244", "ion"), ("PD-L1", "image")]
    assert np.array_equal(found.channels[1].image[dataset.measured], marker[dataset.measured])
    assert found.channels[1].unit == "counts"
    assert found.table[["channel", "axis", "verdict"]].to_numpy().tolist() == [["PD-L1", "", "seen"]]


def test_an_image_of_an_element_fills_its_row_of_the_panel(recipe: Recipe, tmp_path: Path) -> None:
    dataset = open_dataset(recipe.ims)
    np.save(tmp_path / "laser.npy", np.full(dataset.grid.shape, 3.0))
    images = (ImageRecipe(path=tmp_path / "laser.npy", name="56Fe", lod=2.0),)
    tissue = find_tissue(dataset, TissueRecipe(method="none"))
    found = measure_channels(dataset, tissue, recipe.ims, recipe.channels.model_copy(update={"images": images}))
    rows = found.table.set_index("channel")
    iron, zinc = (next(name for name in rows.index if name.startswith(word)) for word in ("Iron", "Zinc"))
    assert rows.loc[iron, ["axis", "verdict", "coverage", "lod"]].tolist() == ["ferroptosis", "seen", 1.0, 2.0]
    assert rows.loc[zinc, "verdict"] == "cannot be seen here"
    assert found.channels[-1].name == iron


def test_own_members_are_looked_for_beside_the_panel(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("name,formula,adducts\nmine,C3H6O3,[M-H]-;[M+H]+\n", encoding="utf-8")
    dataset = open_dataset(recipe.ims)
    tissue = find_tissue(dataset, TissueRecipe(method="none"))
    channels = recipe.channels.model_copy(update={"extend": tmp_path / "own.csv"})
    table = measure_channels(dataset, tissue, recipe.ims, channels).table.set_index("channel")
    assert table.loc["mine", "mz"] == table.loc["L-Lactate", "mz"]
    assert table.loc["mine", "coverage"] == table.loc["L-Lactate", "coverage"]
    assert "L-Lactate" in str(table.loc["mine", "conflicts"])


def test_channels_have_names_of_their_own(recipe: Recipe) -> None:
    dataset = open_dataset(recipe.ims)
    channels = recipe.channels.model_copy(update={"panel": None, "mz": (89.0244, 89.02441)})
    with pytest.raises(RecipeError, match=r"'mz:89\.0244' twice"):
        measure_channels(dataset, find_tissue(dataset, TissueRecipe(method="none")), recipe.ims, channels)


@pytest.mark.parametrize("name", ["ki67_high", "low_ki67"])
def test_a_channel_is_not_named_like_the_end_of_a_column(recipe: Recipe, tmp_path: Path, name: str) -> None:
    dataset = open_dataset(recipe.ims)
    np.save(tmp_path / f"{name}.npy", np.ones(dataset.grid.shape))
    images = (ImageRecipe(path=tmp_path / f"{name}.npy"),)
    channels = recipe.channels.model_copy(update={"panel": None, "images": images})
    with pytest.raises(RecipeError, match="rename it"):
        measure_channels(dataset, find_tissue(dataset, TissueRecipe(method="none")), recipe.ims, channels)


def test_landmarks_that_can_hardly_be_meant_are_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [",".join(map(str, row)) for row in rng.uniform(0, 3000, (8, 4))]
    (tmp_path / "l.csv").write_text("\n".join(["source_x,source_y,target_x_um,target_y_um", *lines]))
    align = AlignRecipe(landmarks=tmp_path / "l.csv", transform="affine")
    aligned, alignment = align_cells(cells("px"), pixel_size_um=0.5, align=align)
    assert alignment.target_error_um > 100
    assert any("check that their pairs belong together" in text for text in aligned.warnings)


def cells(unit: str) -> CellTable:
    column = np.array(["a", "b"], dtype=object)
    return CellTable(column, np.array([0.0, 10.0]), np.array([0.0, 20.0]), column, column, unit)  # type: ignore[arg-type]


def test_micrometres_need_no_alignment_and_pixels_need_a_size() -> None:
    aligned, _ = align_cells(cells("um"), pixel_size_um=None, align="none")
    assert aligned.x.tolist() == [0.0, 10.0]
    aligned, _ = align_cells(cells("px"), pixel_size_um=0.5, align="none")
    assert (aligned.x.tolist(), aligned.unit) == ([0.0, 5.0], "um")
    with pytest.raises(AlignmentError, match=r"cells\.pixel_size_um"):
        align_cells(cells("px"), pixel_size_um=None, align="none")


def test_a_matrix_maps_from_the_tables_own_unit() -> None:
    align = AlignRecipe(matrix=((0.0, 2.0, 1.0), (3.0, 0.0, 0.0), (0.0, 0.0, 1.0)))
    aligned, _ = align_cells(cells("px"), pixel_size_um=None, align=align)
    assert (aligned.x.tolist(), aligned.y.tolist()) == ([1.0, 41.0], [0.0, 30.0])


def test_a_rough_alignment_is_refined_where_the_recipe_asks(recipe: Recipe, sample_section: Path) -> None:
    """From 100 µm off: what is kept of it says whether it was taken, and the cells lie where it says."""
    pytest.importorskip("SimpleITK")
    truth = pd.read_csv(sample_section / "section" / "truth" / "cells_um.csv")
    dataset, table = open_dataset(recipe.ims), read_cells(recipe.cells)
    _, exact = align_cells(table, pixel_size_um=0.5, align=recipe.align)
    rough = exact.matrix + np.array([[0, 0, 80.0], [0, 0, -60.0], [0, 0, 0]])
    align = AlignRecipe(matrix=tuple(map(tuple, rough.tolist())), refine=RefineRecipe(transform="rigid"))
    cells, alignment, kept = align_section(recipe.model_copy(update={"align": align}), dataset, table)
    assert kept is not None
    np.testing.assert_array_equal(kept.rough.matrix, rough)
    assert kept.accepted, kept.note
    assert kept.after_bits > kept.before_bits
    error = np.hypot(cells.x - truth["x_um"], cells.y - truth["y_um"])
    assert np.median(error) < 50  # a pixel
    x, y = alignment.to_section(table.x, table.y)
    np.testing.assert_array_equal((cells.x, cells.y), (x, y))


def test_refining_by_a_microscopy_that_is_not_there_is_an_error(recipe: Recipe) -> None:
    align = recipe.align.model_copy(update={"refine": RefineRecipe(channel=1)})  # type: ignore[union-attr]
    with pytest.raises(RecipeError, match="expected a microscopy"):
        run(recipe.model_copy(update={"align": align}))
