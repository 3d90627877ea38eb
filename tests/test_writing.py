"""What a run writes of cells and pixels together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_metime.cli import main
from napari_metime.pipeline import align_cells, read_cells, run
from napari_metime.recipe import AlignRecipe, Recipe, load_recipe
from napari_metime.section import ROLES, Channel, LeftOut, SectionResult
from napari_metime.writing import MAX_TYPE_IMAGES, OTHER_TYPES, cell_count_images, channels_of_cells, write_results


@pytest.fixture(scope="module")
def recipe(sample_section: Path) -> Recipe:
    loaded = load_recipe(sample_section / "section" / "recipe.yaml")
    return loaded.model_copy(
        update={
            "niches": loaded.niches.model_copy(update={"n_permutations": 99}),
            "export": loaded.export.model_copy(update={"report": False}),
        }
    )


@pytest.fixture(scope="module")
def result(recipe: Recipe) -> SectionResult:
    return run(recipe)


def on_grid(result: SectionResult) -> np.ndarray:
    return result.dataset.grid.pixel_of(result.cells.x, result.cells.y) >= 0


def with_discs(result: SectionResult, radius_um: float) -> SectionResult:
    """Give every cell a disc, well inside the grid or over its border alike."""
    area = np.full(result.cells.n_cells, np.pi * radius_um**2)
    return replace(result, cells=replace(result.cells, area=area))


@pytest.mark.parametrize("radius_um", [4.0, 90.0])  # pixels of 50 µm are larger and smaller than these
def test_counts_on_pixels_sum_to_the_cells(result: SectionResult, radius_um: float) -> None:
    """Cells whose disc lies on the grid count 1 in all: whole sections of them to 1e-9, role by role."""
    height, width = result.dataset.grid.spacing_um
    rows, cols = result.dataset.grid.shape
    cells = result.cells
    far_in = (cells.x > 100) & (cells.x < (cols - 3) * width) & (cells.y > 100) & (cells.y < (rows - 3) * height)
    inside = replace(result, cells=cells.only(far_in), niches=replace(result.niches, left_out=()))
    names, images = cell_count_images(with_discs(inside, radius_um))
    total = dict(zip(names, images.sum(axis=(1, 2)), strict=True))
    for role in ROLES:
        assert total[role] == pytest.approx(inside.cells.has_role(role).sum(), rel=1e-9)
    for kind in np.unique(inside.cells.type.astype(str)):
        assert total[f"type:{kind}"] == pytest.approx((inside.cells.type == kind).sum(), rel=1e-9)
    assert total["n_measured"] == pytest.approx(far_in.sum(), rel=1e-9)


def test_the_file_holds_the_counts_and_their_names(result: SectionResult, recipe: Recipe, tmp_path: Path) -> None:
    out = write_results(result, recipe, tmp_path / "results")
    with tifffile.TiffFile(out / "cell_counts.ome.tif") as file:
        images = file.asarray()
        described = file.ome_metadata or ""
    names = [*ROLES, "n_measured", "purity", *(f"type:{kind}" for kind in sorted(set(result.cells.type)))]
    assert [described.index(f'Name="{name}"') for name in names] == sorted(
        described.index(f'Name="{name}"') for name in names
    )
    assert images.shape == (len(names), *result.dataset.grid.shape)
    valid = result.niches.valid
    pixel = result.dataset.grid.pixel_of(result.cells.x, result.cells.y)
    n_inside = int((pixel[pixel >= 0][:, None] == np.flatnonzero(valid)).any(axis=1).sum())
    assert np.nansum(images[4]) == pytest.approx(n_inside, rel=1e-9)  # cells without an area are points
    assert np.nansum(images[:4]) == pytest.approx(n_inside, rel=1e-9)


def test_what_is_left_out_is_not_available(result: SectionResult) -> None:
    corner = np.zeros(result.dataset.grid.shape, bool)
    corner[:30, :40] = True
    hidden = replace(result, niches=replace(result.niches, left_out=(LeftOut("drawn", corner),)))
    _, images = cell_count_images(hidden)
    assert np.isnan(images[:, corner]).all()
    assert np.isfinite(images[:5, ~corner]).all()
    pixel = result.dataset.grid.pixel_of(result.cells.x, result.cells.y)
    there = corner.ravel()[pixel]
    assert 0 < there.sum() < there.size
    table = channels_of_cells(hidden)
    assert (table["covered_fraction"][there] == 0).all()
    assert table[[name for name in table if name.startswith("mean_")]][there].isna().all(axis=None)


def test_a_cell_has_the_mean_of_its_pixels(result: SectionResult) -> None:
    """A channel that rises evenly with x is, over a disc, what it is at its centre; half of a cell may be uncovered."""
    rows, cols = result.dataset.grid.shape
    height, width = result.dataset.grid.spacing_um
    ramp = np.broadcast_to(np.arange(cols) * width, (rows, cols)).astype(np.float32)
    ids = np.array(["a", "b"], dtype=object)
    two = replace(
        result.cells.only(np.arange(result.cells.n_cells) < 2),
        cell_id=ids, x=np.array([10 * width, -width / 2]), y=np.array([10 * height, 5 * height]),
        area=np.full(2, np.pi * (3 * width) ** 2),
    )  # fmt: skip
    channels = replace(result.channels, channels=(Channel("ramp", "image", ramp),))
    table = channels_of_cells(
        replace(result, cells=two, channels=channels, niches=replace(result.niches, left_out=()))
    )
    assert list(table.columns) == ["cell_id", "covered_fraction", "mean_ramp"]
    assert table["mean_ramp"][0] == pytest.approx(10 * width, rel=1e-6)
    assert table["covered_fraction"].tolist() == pytest.approx([1.0, 0.5], rel=1e-6)


def test_a_type_for_each_cell_makes_no_image_for_each(result: SectionResult) -> None:
    kinds = np.array([f"t{i}" for i in range(result.cells.n_cells)], dtype=object)
    kinds[:100] = "often"
    names, images = cell_count_images(replace(result, cells=replace(result.cells, type=kinds)))
    types = [name for name in names if name.startswith("type:")]
    assert len(types) == MAX_TYPE_IMAGES + 1
    assert {"type:often", f"type:{OTHER_TYPES}"} <= set(types)
    assert np.nansum(images[6:]) == pytest.approx(np.nansum(images[4]), rel=1e-9)


@pytest.mark.parametrize("name", ["alignment.csv", "alignment_itk.txt"])
def test_the_alignment_is_written_and_read_back(
    result: SectionResult, recipe: Recipe, tmp_path: Path, name: str
) -> None:
    out = write_results(result, recipe, tmp_path / "results")
    again = align_cells(
        read_cells(recipe.cells), pixel_size_um=None, align=AlignRecipe(path=out / name)
    )[0]
    np.testing.assert_allclose(again.x, result.cells.x, atol=1e-6)
    np.testing.assert_allclose(again.y, result.cells.y, atol=1e-6)


def test_an_alignment_that_bends_is_written_as_no_matrix(
    result: SectionResult, recipe: Recipe, tmp_path: Path
) -> None:
    bent = replace(result.alignment, warp=lambda x, y: (x, y))
    out = write_results(replace(result, alignment=bent), recipe, tmp_path / "results")
    assert not list(out.glob("alignment*"))


MANY_KEYS = """
metime: 1
section: {{id: many, patient: P1}}
seed: 3
ims: {{path: {section}/section.imzML, normalize: rms}}
tissue: {{method: 'microscopy:DAPI', exclude: hole.geojson}}
channels: {{min_members: 2}}
cells:
  path: cells.csv
  x: Centroid X px
  y: Centroid Y px
  unit: px
  pixel_size_um: 0.5
  gates: {{CD8 T: [CD8+], Treg: [FOXP3+], Tumor: [PanCK+]}}
  roles: {{effector: [CD8 T], suppressor: [Treg], tumor: [Tumor]}}
microscopy: {{path: {section}/microscopy.ome.tif, channels: {{PanCK: 1, DAPI: 0}}}}
align: {{landmarks: {section}/landmarks.csv, transform: affine, extra_error_um: 8}}
niches: {{domain: 'microscopy:PanCK', radius_um: 160, n_permutations: 99}}
export: {{report: true}}
"""


def test_a_recipe_of_many_keys_runs_again_byte_for_byte(sample_section: Path, tmp_path: Path) -> None:
    section = sample_section / "section"
    cells = pd.read_csv(section / "cells.csv")
    marks = {"CD8": "CD8", "FOXP3": "Treg", "PanCK": "Tumor"}
    cells.drop(columns="Class").assign(**{m: (cells["Class"] == k).astype(int) for m, k in marks.items()}).to_csv(
        tmp_path / "cells.csv", index=False
    )
    ring = [[900, 900], [1150, 900], [1150, 1100], [900, 1100], [900, 900]]
    (tmp_path / "hole.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    (tmp_path / "recipe.yaml").write_text(MANY_KEYS.format(section=section.as_posix()))
    first, again = tmp_path / "first", tmp_path / "again"
    assert main(["run", str(tmp_path / "recipe.yaml"), "--out", str(first)]) == 0
    assert main(["run", str(first / "recipe.yaml"), "--out", str(again)]) == 0
    names = {path.relative_to(first).as_posix() for path in first.rglob("*") if path.is_file()}
    assert {path.relative_to(again).as_posix() for path in again.rglob("*") if path.is_file()} == names
    for name in names - {"provenance.json", "report.html"}:  # these hold the time of the run
        assert (first / name).read_bytes() == (again / name).read_bytes(), name
