"""Label masks: areas and centroids by hand and by scikit-image, with and without a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from napari_metime.cells.files import count_types, read_cells_file
from napari_metime.cells.label_masks import measure_labels
from napari_metime.errors import CellTableError, MissingFileError
from napari_metime.section import CellTable

SMALL = np.array([[0, 7, 7, 0], [0, 7, 7, 0], [3, 0, 0, 9]])
"""Label 7: 4 px around (1.5, 0.5); label 3: (0, 2); label 9: (3, 2)."""


def write(path: Path, mask: NDArray[Any], **options: Any) -> Path:
    tifffile.imwrite(path, mask, **options)
    return path


def read(path: Path, **options: Any) -> CellTable:
    given: dict[str, Any] = {"x": None, "y": None, "type_column": None, "unit": None, "roles": {}}
    return read_cells_file(path, **(given | options))


def error(path: Path, **options: Any) -> str:
    with pytest.raises(CellTableError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    return write(tmp_path / "mask.tif", SMALL.astype(np.uint16))


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cells.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_label_is_a_cell(mask: Path) -> None:
    cells = read(mask, roles={"effector": ("CD8",)})
    assert cells.cell_id.tolist() == ["3", "7", "9"]
    assert cells.x.tolist() == [0, 1.5, 3]
    assert cells.y.tolist() == [2, 0.5, 2]
    assert cells.area.tolist() == [1, 4, 1]
    assert set(cells.type) == {"unassigned"}
    assert set(cells.role) == {"other"}
    assert cells.unit == "px"
    assert count_types(mask) == {"unassigned": 3}


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 7},
        {"compression": "zlib", "rowsperstrip": 7},
        {"tile": (16, 32), "compression": "lzw"},
        {"tile": (16, 32)},
        {"bigtiff": True},
    ],
    ids=["plain", "strips", "zlib", "lzw_tiles", "tiles", "big"],
)
def test_every_storage_agrees_with_scikit_image(tmp_path: Path, dtype: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(4)
    image = (rng.integers(0, 120, (53, 71)) * (rng.random((53, 71)) < 0.4)).astype(dtype)
    labels = measure_labels(write(tmp_path / "mask.tif", image, **options))
    expected = regionprops_table(image.astype(np.int64), properties=("label", "area", "centroid"))
    np.testing.assert_array_equal(labels.number, expected["label"])
    np.testing.assert_array_equal(labels.area, expected["area"])
    np.testing.assert_allclose(labels.x, expected["centroid-1"], rtol=1e-12)
    np.testing.assert_allclose(labels.y, expected["centroid-0"], rtol=1e-12)


def test_sparse_tiles_and_pyramids_are_read(tmp_path: Path) -> None:
    image = np.zeros((64, 64), dtype=np.int32)
    image[40:44, 8:10] = 5
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as file:
        file.write(image, subifds=1, tile=(16, 16))
        file.write(image[::2, ::2], subfiletype=1, tile=(16, 16))
    labels = measure_labels(tmp_path / "pyramid.tif")
    assert (labels.area[0], labels.x[0], labels.y[0]) == (8, 8.5, 41.5)


def test_a_table_gives_types_and_the_mask_areas(tmp_path: Path, mask: Path) -> None:
    path = table(tmp_path, "CellID,x_px,y_px,type\n7,1.5,0.5,CD8\n3,0,2,B\n12,3,3,B\n")
    cells = read(path, labels=mask, roles={"effector": ("CD8",)})
    assert cells.x.tolist() == [1.5, 0, 3]
    np.testing.assert_array_equal(cells.area, [4, 1, np.nan])
    assert cells.role.tolist() == ["effector", "other", "other"]
    assert cells.warnings[:2] == (
        "1 of 3 labels in mask.tif have no row in the table",
        "1 of 3 cells have no label in mask.tif and no area",
    )


def test_a_table_without_places_takes_them_from_the_mask(tmp_path: Path, mask: Path) -> None:
    path = table(tmp_path, "CellID,type,p,CD3\n7,CD8,0.25,1\n12,B,1,0\n9,,0.5,1\n")
    cells = read(path, labels=mask, type_probability="p")
    assert cells.cell_id.tolist() == ["7", "9"]
    assert cells.x.tolist() == [1.5, 3]
    assert cells.area.tolist() == [4, 1]
    assert cells.type.tolist() == ["CD8", "unassigned"]
    assert cells.type_probability.tolist() == [0.25, 1]
    assert "1 of 3 labels in mask.tif have no row in the table" in cells.warnings
    assert "1 of 3 cells have no label in mask.tif; left out" in cells.warnings
    gated = read(path, labels=mask, gates={"T": ("CD3+",)})
    assert gated.type.tolist() == ["T", "T"]


def test_a_mask_of_another_table_is_noticed(tmp_path: Path, mask: Path) -> None:
    far = table(tmp_path, "CellID,x_px,y_px,type\n7,50,60,CD8\n3,70,2,B\n")
    assert any("check that it is the mask of cells.csv" in text for text in read(far, labels=mask).warnings)
    uuids = table(tmp_path, "Object ID,x_px,y_px,type\nab-1,50,60,CD8\n")
    assert "found none among 'ab-1'; set cells.labels" in error(uuids, labels=mask)


def test_tables_that_cannot_be_matched_are_refused(tmp_path: Path, mask: Path) -> None:
    assert "expected a column of the label" in error(table(tmp_path, "x_px,y_px,type\n1,2,B\n"), labels=mask)
    assert "every label once" in error(table(tmp_path, "id,x_px,y_px,type\n7,1,2,B\n7,1,2,B\n"), labels=mask)
    assert "in px beside a label mask" in error(table(tmp_path, "id,x_um,y_um,type\n7,1,2,B\n"), labels=mask)
    assert "in px beside a label mask" in error(table(tmp_path, "id,type\n7,B\n"), labels=mask, unit="um")


@pytest.mark.parametrize(
    ("image", "options", "told"),
    [
        (np.ones((4, 5), np.float32), {}, "expected whole numbers as labels, found float32"),
        (np.ones((8, 9, 3), np.uint8), {"photometric": "rgb"}, "expected a 2-D image of labels, found an RGB image"),
        (np.ones((3, 8, 9), np.uint8), {}, "expected a 2-D image of labels, found one of 3 x 8 x 9"),
        (np.zeros((4, 5), np.uint8), {}, "found 0 in every pixel"),
        (np.full((4, 5), -2, np.int16), {}, "found -2; number the cells anew"),
        (np.full((4, 5), 4_000_000_000, np.uint32), {}, "found 4,000,000,000; number the cells anew"),
    ],
)
def test_images_that_are_no_label_masks_are_refused(
    tmp_path: Path, image: NDArray[Any], options: dict[str, Any], told: str
) -> None:
    if image.ndim == 3 and not options:
        options = {"photometric": "minisblack"}
    assert told in error(write(tmp_path / "mask.tif", image, **options))


def test_two_images_in_a_file_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(SMALL.astype(np.uint8))
        file.write(SMALL[:2].astype(np.uint16))
    assert "expected one label mask, found 2 images" in error(tmp_path / "two.tif")


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=["plain", "zlib"])
def test_damaged_masks_are_refused_in_one_line(tmp_path: Path, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(8)
    whole = write(tmp_path / "whole.tif", rng.integers(0, 9, (90, 90)).astype(np.uint16), **options).read_bytes()
    path = tmp_path / "cut.tif"
    n_refused = 0
    for stop in range(8, len(whole) - 1, len(whole) // 23):
        path.write_bytes(whole[:stop])
        assert "cut.tif: expected" in error(path)
        n_refused += 1
    assert n_refused >= 23


def test_a_file_that_declares_more_than_it_has_is_refused_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "mask.tif", SMALL.astype(np.uint16), tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["ImageWidth"].overwrite(16_000_000)  # type: ignore[union-attr]
    assert "1 tiles or strips in place of 1,000,000" in error(path)


def test_a_mask_with_one_label_is_questioned(tmp_path: Path) -> None:
    cells = read(write(tmp_path / "mask.tif", np.full((3, 3), 255, np.uint8)))
    assert cells.n_cells == 1
    assert "give each cell a number of its own" in cells.warnings[0]


def test_keys_that_mean_nothing_for_a_mask_are_refused(mask: Path) -> None:
    assert "expected no cells.x with a label mask" in error(mask, x="a")
    assert "expected no cells.type" in error(mask, type_column="a")
    assert "expected no cells.gates" in error(mask, gates={"T": ("CD3+",)})
    assert "expected cells.unit: px" in error(mask, unit="um")


def test_a_missing_mask_is_named(tmp_path: Path, mask: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.tif"):
        read(table(tmp_path, "id,x_px,y_px,type\n7,1,2,B\n"), labels=tmp_path / "none.tif")


def test_memory_stays_far_below_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    monkeypatch.setattr("napari_metime.cells.label_masks.BLOCK_BYTES", 4_000)
    monkeypatch.setattr(
        "napari_metime.cells.label_masks._add", lambda values, row, col, sums: rows.append(values.shape[0])
    )
    path = write(tmp_path / "mask.tif", np.ones((100, 500), np.uint16))
    with pytest.raises(CellTableError):  # nothing was added, so nothing was found
        measure_labels(path)
    assert sum(rows) == 100
    assert max(rows) == 4  # 4 rows of 1,000 bytes


def test_the_real_inform_mask_has_the_areas_of_its_table(tmp_path: Path, metime_data: Path) -> None:
    folder = metime_data / "cells" / "phenoptr"
    with tifffile.TiffFile(folder / "FIHC4__0929309_HP_IM3_2_binary_seg_maps.tif") as file:
        nuclei = write(tmp_path / "nuclei.tif", file.pages[1].asarray())
    path = folder / "FIHC4__0929309_HP_IM3_2_cell_seg_data.txt"
    cells = read(path, labels=nuclei)
    np.testing.assert_array_equal(cells.area, pd.read_csv(path, sep="\t")["Nucleus Area (pixels)"])
    assert cells.n_cells == 270
    assert cells.warnings == ()
