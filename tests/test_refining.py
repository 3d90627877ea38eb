"""Refining the alignment of a section: from a rough start to the truth, or kept with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_metime.alignment import Refinement
from napari_metime.alignment.pictures import Picture
from napari_metime.errors import RecipeError
from napari_metime.pipeline import open_dataset, read_cells
from napari_metime.placed_microscopy import PlacedMicroscopy, place_microscopy
from napari_metime.recipe import MicroscopyRecipe, RefineRecipe, load_recipe
from napari_metime.refining import _taken, refine_alignment
from napari_metime.section import Alignment, CellTable, Dataset
from napari_metime.simulate import SectionPlan, simulate_section

PLAN = SectionPlan(seed=5, width_um=1800, height_um=1500, pixel_size_um=30, n_niches=0)
PANCK = 1


@pytest.fixture(scope="module")
def section(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dataset, CellTable, Alignment]:
    folder = simulate_section(tmp_path_factory.mktemp("refining") / "section", PLAN).parent
    recipe = load_recipe(folder / "recipe.yaml")
    matrix = json.loads((folder / "truth" / "transform.json").read_text(encoding="utf-8"))["matrix"]
    return folder, open_dataset(recipe.ims), read_cells(recipe.cells), Alignment(np.array(matrix), "matrix")


def _rough(true: Alignment, turn_deg: float = 4.0) -> Alignment:
    c, s = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))
    turn = np.array([[c, -s, 900 - 900 * c + 750 * s + 80], [s, c, 750 - 900 * s - 750 * c - 60], [0, 0, 1]])
    return Alignment(turn @ true.matrix, "matrix", extra_error_um=3.0)


def _worst_um(found: Alignment, true: Alignment) -> float:
    x_um, y_um = np.meshgrid(np.arange(200.0, 1600, 100), np.arange(200.0, 1300, 100))
    x, y = found.to_section(*true.to_source(x_um, y_um))
    return float(np.hypot(x - x_um, y - y_um).max())


def _microscopy(folder: Path, dataset: Dataset, alignment: Alignment) -> PlacedMicroscopy:
    recipe = MicroscopyRecipe(path=folder / "microscopy.ome.tif")
    return place_microscopy(recipe, alignment, dataset, unit="px", cells_pixel_size_um=0.5)


@pytest.mark.parametrize(("channel", "to"), [("cells", "components"), (PANCK, "components")])
def test_a_rough_start_ends_within_a_pixel(
    section: tuple[Path, Dataset, CellTable, Alignment], channel: str | int, to: str
) -> None:
    pytest.importorskip("SimpleITK")
    folder, dataset, cells, true = section
    rough = _rough(true)
    asked = RefineRecipe(channel=channel, to=to, transform="rigid")
    found = refine_alignment(dataset, None, cells, rough, asked, microscopy=_microscopy(folder, dataset, rough))
    assert found.accepted, found.note
    assert _worst_um(rough, true) > 100
    assert _worst_um(found.alignment, true) < PLAN.pixel_size_um
    assert found.refinement is not None
    assert found.refinement.before.shape == found.refinement.after.shape == found.refinement.fixed.image.shape
    assert found.alignment.extra_error_um == 3.0
    assert found.alignment.target_error_um == found.refinement.error_um


def test_cells_that_belong_to_no_tissue_are_refused(section: tuple[Path, Dataset, CellTable, Alignment]) -> None:
    pytest.importorskip("SimpleITK")
    _, dataset, cells, _ = section
    rng = np.random.default_rng(0)
    x_um, y_um = rng.uniform(0, 1800, cells.n_cells), rng.uniform(0, 1500, cells.n_cells)
    anywhere = CellTable(cells.cell_id, x_um, y_um, cells.type, cells.role, "um")
    rough = Alignment(np.eye(3), "none")
    found = refine_alignment(dataset, None, anywhere, rough, RefineRecipe(transform="rigid"))
    assert not found.accepted
    assert found.alignment is rough
    assert found.warnings == (found.note,)
    assert "the rough one is kept" in found.note


def test_few_cells_and_a_small_part_of_the_tissue_are_refused(
    section: tuple[Path, Dataset, CellTable, Alignment],
) -> None:
    _, dataset, cells, true = section
    few = cells.only(np.arange(cells.n_cells) < 150)
    found = refine_alignment(dataset, None, few, true, RefineRecipe())
    assert "150 cells" in found.note
    corner = cells.only(true.to_section(cells.x, cells.y)[0] < 600)
    found = refine_alignment(dataset, None, corner, true, RefineRecipe())
    assert "of the tissue" in found.note
    assert found.alignment is true


def test_a_channel_without_a_microscopy_is_an_error(section: tuple[Path, Dataset, CellTable, Alignment]) -> None:
    _, dataset, cells, true = section
    with pytest.raises(RecipeError, match=r"align\.refine\.channel 2, found none"):
        refine_alignment(dataset, None, cells, true, RefineRecipe(channel=2))


def _found(error_um: float) -> Refinement:
    image = np.zeros((2, 2))
    matrix = np.array([[1.0, 0.0, 10.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    picture = Picture(image, (1.0, 1.0))
    return Refinement(True, "", "rigid", matrix, None, 0.1, 0.2, 0.01, error_um, 10.0, picture, image, image)


def test_landmarks_that_are_more_exact_are_kept() -> None:
    rough = Alignment(np.eye(3), "similarity", n_landmarks=8, target_error_um=4.0)
    refused = _taken(rough, _found(6.0))
    assert refused.alignment is rough
    assert "not below that of the landmarks (4.0 µm)" in refused.note


def test_what_was_found_follows_the_rough_alignment_and_its_bend() -> None:
    landmarks = np.array([[0.0, 0.0, 10.0, 0.0], [5.0, 0.0, 15.0, 0.0]])
    matrix = np.diag([2.0, 2.0, 1.0])
    plain = Alignment(matrix, "similarity", n_landmarks=2, landmarks=landmarks)
    found = _taken(plain, _found(6.0))
    assert found.alignment.to_section(np.array([3.0]), np.array([1.0]))[0].tolist() == [16.0]
    assert found.alignment.n_landmarks == 0
    assert "2 landmarks are off by" in found.warnings[0]
    bent = Alignment(matrix, "thin_plate", warp=lambda x, y: (x + 1, y - 1))
    x_um, y_um = _taken(bent, _found(6.0)).alignment.to_section(np.array([3.0]), np.array([1.0]))
    assert (x_um.tolist(), y_um.tolist()) == ([17.0], [1.0])
