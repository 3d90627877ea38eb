"""What a recipe asks of the alignment: each way leads to the section, and what is doubtful is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_metime.alignment import align_cells, asked_for, fit_landmarks
from napari_metime.errors import AlignmentError
from napari_metime.export.words import alignment_sentence
from napari_metime.recipe import AlignRecipe
from napari_metime.section import CellTable, Outlines

RING = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])


def cells(at: NDArray[np.float64], unit: str = "px") -> CellTable:
    """Return square cells of 2 x 2 units, with their outlines and areas."""
    names = np.array([str(i) for i in range(len(at))], dtype=object)
    outlines = Outlines((at[:, None] + RING).reshape(-1, 2), 4 * np.arange(len(at) + 1))
    area = np.full(len(at), 4.0)
    return CellTable(names, at[:, 0], at[:, 1], names, names, unit, area=area, outlines=outlines)  # type: ignore[arg-type]


def source_places(n: int = 30) -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(0, 4000, (n, 2))


def landmarks_file(
    folder: Path, source: NDArray[np.float64], target: NDArray[np.float64], noise_um: float = 4.0
) -> Path:
    noisy = target + np.random.default_rng(1).normal(0, noise_um, target.shape)
    lines = [",".join(map(repr, row)) for row in np.column_stack([source, noisy]).tolist()]
    path = folder / "landmarks.csv"
    path.write_text("\n".join(["source_x,source_y,target_x_um,target_y_um", *lines]))
    return path


def ring_areas(outlines: Outlines) -> NDArray[np.float64]:
    rings = outlines.xy.reshape(-1, 4, 2)
    x, y = rings[..., 0], rings[..., 1]
    return 0.5 * np.abs(np.sum(x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y, axis=1))


@pytest.mark.parametrize("transform", ["rigid", "similarity", "affine", "thin_plate"])
def test_good_landmarks_are_doubted_in_nothing(tmp_path: Path, transform: str) -> None:
    source = source_places()
    align = AlignRecipe(landmarks=landmarks_file(tmp_path, source, 0.5 * source + 10), transform=transform)  # type: ignore[arg-type]
    placed, alignment = align_cells(cells(source), pixel_size_um=0.5, align=align)
    assert placed.warnings == ()
    assert placed.unit == "um"
    assert 0 < alignment.bound_um < 40
    np.testing.assert_allclose(placed.x, 0.5 * source[:, 0] + 10, atol=alignment.bound_um)


def test_areas_and_outlines_follow_a_bend(tmp_path: Path) -> None:
    source = source_places(60)
    bent = 0.5 * source + 40 * np.sin(source[:, ::-1] / 500)
    align = AlignRecipe(landmarks=landmarks_file(tmp_path, source, bent, 0.0), transform="thin_plate")
    placed, alignment = align_cells(cells(source), pixel_size_um=None, align=align)
    assert alignment.warp is not None
    assert placed.outlines is not None
    assert np.ptp(placed.area) > 0.02
    np.testing.assert_allclose(placed.area, ring_areas(placed.outlines), rtol=2e-3)


def test_mirrored_cells_keep_their_areas(tmp_path: Path) -> None:
    source = source_places()
    path = landmarks_file(tmp_path, source, 0.5 * source * [-1, 1])
    with pytest.raises(AlignmentError, match=r"set align\.mirrored: true"):
        align_cells(cells(source), pixel_size_um=None, align=AlignRecipe(landmarks=path))
    placed, _ = align_cells(cells(source), pixel_size_um=0.5, align=AlignRecipe(landmarks=path, mirrored=True))
    assert placed.outlines is not None
    np.testing.assert_allclose(placed.area, 1.0, rtol=0.02)
    np.testing.assert_allclose(placed.area, ring_areas(placed.outlines), rtol=1e-9)
    assert placed.warnings == ()
    affine, _ = align_cells(
        cells(source), pixel_size_um=0.5, align=AlignRecipe(landmarks=path, transform="affine")
    )
    assert [text for text in affine.warnings if "turns the cells over" in text]


def test_a_landmark_that_stands_out_is_named_by_its_number(tmp_path: Path) -> None:
    source = source_places()
    target = 0.5 * source
    target[11] += 80
    align = AlignRecipe(landmarks=landmarks_file(tmp_path, source, target))
    placed, _ = align_cells(cells(source), pixel_size_um=0.5, align=align)
    assert placed.warnings == ("Landmark 12 does not fit to the others; check the pair, or leave it out.",)


def test_a_scale_other_than_stated_is_told(tmp_path: Path) -> None:
    source = source_places()
    align = AlignRecipe(landmarks=landmarks_file(tmp_path, source, 0.5 * source))
    placed, alignment = align_cells(cells(source), pixel_size_um=0.25, align=align)
    assert any("scale the cells by 0.5 µm per unit, not by the stated 0.25" in text for text in placed.warnings)
    assert np.isnan(alignment.bound_um)
    assert "no cell is further" not in alignment_sentence(alignment, "px")
    _, sure = align_cells(cells(source), pixel_size_um=0.5, align=align)
    assert "no cell is further" in alignment_sentence(sure, "px")


def test_a_serial_section_is_labelled_with_the_error_that_was_stated(tmp_path: Path) -> None:
    source = source_places()
    align = AlignRecipe(landmarks=landmarks_file(tmp_path, source, 0.5 * source), extra_error_um=25)
    placed, alignment = align_cells(cells(source), pixel_size_um=0.5, align=align)
    assert any("serial section" in text and "25 µm" in text for text in placed.warnings)
    assert alignment.error_um == pytest.approx(np.hypot(alignment.target_error_um, 25))
    assert alignment.bound_um > 40


def test_a_transform_file_is_told_in_words_and_taken(tmp_path: Path) -> None:
    (tmp_path / "qupath.txt").write_text("0.05, 0, 3,\n0, 0.05, 4")
    align = AlignRecipe(path=tmp_path / "qupath.txt", target_pixel_um=10)
    placed, alignment = align_cells(cells(source_places()), pixel_size_um=0.5, align=align)
    np.testing.assert_allclose(placed.x, 0.5 * source_places()[:, 0] + 25)
    np.testing.assert_allclose(placed.area, 1.0)
    assert np.isnan(alignment.bound_um)
    assert placed.warnings == (
        "Alignment: qupath.txt: QuPath affine, taken from the cells to the section (cells in px, section in pixels "
        "of 10 µm).",
    )
    # The other way round, the scale is not the stated one, and that is told.
    wrong, _ = align_cells(
        cells(source_places()), pixel_size_um=0.5, align=align.model_copy(update={"inverse": True})
    )
    assert any("The transform scales the cells by 200 µm per unit" in text for text in wrong.warnings)


def test_a_stiff_fit_to_a_bent_section_asks_for_a_plate(tmp_path: Path) -> None:
    source = source_places(25)
    align = AlignRecipe(
        landmarks=landmarks_file(tmp_path, source, 0.5 * source + 40 * np.sin(source[:, ::-1] / 900)),
        transform="affine",
    )
    placed, _ = align_cells(cells(source), pixel_size_um=0.5, align=align)
    assert any("consider align.transform: thin_plate" in text for text in placed.warnings)


def test_more_is_asked_for_where_it_is_needed_and_seldom_else() -> None:
    rng = np.random.default_rng(2)

    def asked(kind: str, matrix: NDArray[np.float64]) -> str | None:
        source = rng.uniform(0, 4000, (15, 2))
        landmarks = np.column_stack([source, source @ matrix.T + rng.normal(0, 4, (15, 2))])
        return asked_for(fit_landmarks(landmarks, kind))  # type: ignore[arg-type]

    assert asked("similarity", np.array([[1.0, 0.05], [0, 0.97]])) == "affine"
    assert asked("rigid", 1.05 * np.eye(2)) == "similarity"
    assert sum(asked("similarity", 0.5 * np.eye(2)) is not None for _ in range(100)) <= 2
    assert sum(asked("affine", 0.5 * np.eye(2)) is not None for _ in range(100)) <= 2
