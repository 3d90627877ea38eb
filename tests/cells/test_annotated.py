"""AnnData: the numbers that were written come back, and nothing of the file is trusted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_metime.cells.files import count_types, read_cells_file
from napari_metime.errors import CellTableError
from napari_metime.section import CellTable


def read(path: Path, **options: Any) -> CellTable:
    given: dict[str, Any] = {"x": None, "y": None, "type_column": None, "unit": None, "roles": {}}
    return read_cells_file(path, **(given | options))


def error(path: Path, **options: Any) -> str:
    with pytest.raises(CellTableError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write(path: Path, change: Any = None) -> Path:
    """Three cells as anndata lays them out: a categorical type, a nullable column, numbers, and places in obsm."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        obs = file.create_group("obs")
        obs.attrs["_index"] = "_index"
        obs.attrs["column-order"] = ["cell_type", "p", "CD3", "Pos X", "Pos Y", "flag"]
        obs["_index"] = ["a", "b", "c"]
        kind = obs.create_group("cell_type")
        kind["categories"], kind["codes"] = ["CD8", "Tumor µ"], np.array([1, -1, 0], np.int8)
        flag = obs.create_group("flag")
        flag["values"], flag["mask"] = np.array([1, 0, 1]), np.array([False, False, True])
        obs["p"], obs["CD3"] = np.array([0.5, 0.25, 1]), np.array([1, 0, 1])
        obs["Pos X"], obs["Pos Y"] = np.array([7.0, 8, 9]), np.array([1.0, 2, np.nan])
        file.create_group("obsm")["spatial"] = np.array([[1.5, 2.5, 0], [3, 4, 0], [5, 6, 0]])
        if change is not None:
            change(file, h5py)
    return path


def test_places_types_and_ids_come_back(tmp_path: Path) -> None:
    path = write(tmp_path / "cells.bin")  # the content counts, not the name
    cells = read(path, unit="um", type_probability="p", roles={"effector": ("CD8",)})
    assert cells.x.tolist() == [1.5, 3, 5]
    assert cells.y.tolist() == [2.5, 4, 6]
    assert cells.type.tolist() == ["Tumor µ", "unassigned", "CD8"]
    assert cells.role.tolist() == ["other", "other", "effector"]
    assert cells.cell_id.tolist() == ["a", "b", "c"]
    assert cells.type_probability.tolist() == [0.5, 1, 1]
    assert cells.unit == "um"
    assert count_types(path) == {"CD8": 1, "Tumor µ": 1, "unassigned": 1}


def test_a_unit_that_nothing_says_is_asked_for(tmp_path: Path) -> None:
    assert "set cells.unit to px or um" in error(write(tmp_path / "cells.h5ad"))


def test_columns_of_obs_may_hold_the_places(tmp_path: Path) -> None:
    cells = read(write(tmp_path / "cells.h5ad"), x="Pos X", y="Pos Y", unit="px")
    assert cells.x.tolist() == [7, 8]
    assert "1 of 3 cells have no readable position and are left out" in cells.warnings


def test_columns_of_obs_in_mm_are_read_as_um(tmp_path: Path) -> None:
    def in_mm(file: Any, _: Any) -> None:
        for axis in "xy":
            file["obs"][f"{axis}_slide_mm"] = file["obs"][f"Pos {axis.upper()}"][:]

    cells = read(write(tmp_path / "a.h5ad", in_mm), x="x_slide_mm", y="y_slide_mm")
    assert (cells.unit, cells.x.tolist(), cells.y.tolist()) == ("um", [7000, 8000], [1000, 2000])


def test_gates_and_nullable_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "cells.h5ad")
    gates = {"T": ("CD3+", "p < 0.9"), "rest": ("CD3-",)}
    assert read(path, unit="px", gates=gates).type.tolist() == ["T", "rest", "unassigned"]
    assert count_types(path, gates=gates) == {"T": 1, "rest": 1, "unassigned": 1}
    assert read(path, unit="px", type_column="flag").type.tolist() == ["1", "0", "unassigned"]


def test_texts_beside_a_mask_are_read_as_the_newest_anndata_writes_them(tmp_path: Path) -> None:
    def nullable(file: Any, h5py: Any) -> None:
        for name in ("obs/_index", "obs/cell_type/categories"):
            values = list(file[name].asstr()[...])
            del file[name]
            group = file.create_group(name)
            group["values"], group["mask"] = values, np.zeros(len(values), bool)

    cells = read(write(tmp_path / "cells.h5ad", nullable), unit="px")
    assert cells.cell_id.tolist() == ["a", "b", "c"]
    assert cells.type.tolist() == ["Tumor µ", "unassigned", "CD8"]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    assert "expected the column 'typ' (cells.type)" in error(write(tmp_path / "a.h5ad"), unit="px", type_column="typ")
    assert "expected no cells.labels with AnnData" in error(tmp_path / "a.h5ad", labels=tmp_path / "m.tif")


def _link_outside(file: Any, h5py: Any) -> None:
    del file["obs/cell_type"]
    file["obs/cell_type"] = h5py.ExternalLink("/etc/passwd", "/x")


def _other_codes(file: Any, h5py: Any) -> None:
    del file["obs/cell_type/codes"]
    file["obs/cell_type/codes"] = np.array([0, 2, 1])


def _short_column(file: Any, h5py: Any) -> None:
    del file["obs/cell_type/codes"]
    file["obs/cell_type/codes"] = np.array([0, 1])


def _huge_index(file: Any, h5py: Any) -> None:
    del file["obs/_index"]
    file["obs"].create_dataset("_index", (10**12,), "i8", chunks=(1024,))


def _no_obs(file: Any, h5py: Any) -> None:
    del file["obs"]


def _places_in_a_table(file: Any, h5py: Any) -> None:
    del file["obsm/spatial"]
    file["obsm/spatial"] = np.zeros((2, 2))


def _file_beside(file: Any, h5py: Any) -> None:
    del file["obs/cell_type"]
    file["obs"].create_dataset("cell_type", (3,), "i8", external=[("/etc/passwd", 0, 24)])


@pytest.mark.parametrize(
    "change",
    [_link_outside, _other_codes, _short_column, _huge_index, _no_obs, _places_in_a_table, _file_beside],
)
def test_files_that_want_to_harm_are_refused(tmp_path: Path, change: Any) -> None:
    assert "expected" in error(write(tmp_path / "cells.h5ad", change), unit="px")


def test_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.h5ad").read_bytes()
    path = tmp_path / "cut.h5ad"
    for stop in range(8, len(whole), len(whole) // 40):
        path.write_bytes(whole[:stop])
        assert "cut.h5ad: expected AnnData, found what cannot be read" in error(path, unit="px")


def test_many_images_in_one_file_are_told(tmp_path: Path) -> None:
    def two(file: Any, h5py: Any) -> None:
        file["obs/ImageId"] = np.array([1, 2, 2])

    warnings = read(write(tmp_path / "cells.h5ad", two), unit="px").warnings
    assert any("the cells are of 2 images in 'ImageId'" in text for text in warnings)


@pytest.mark.parametrize(
    "name", ["imageid", "Image", "image", "sample", "sample_id", "region", "roi", "fov", "core", "batch", "File Name"]
)
def test_every_name_of_an_image_is_known(tmp_path: Path, name: str) -> None:
    def images(*of_cells: str) -> Any:
        def change(file: Any, h5py: Any) -> None:
            file[f"obs/{name}"] = list(of_cells)

        return change

    two = read(write(tmp_path / "two.h5ad", images("a", "b", "b")), unit="px").warnings
    assert f"the cells are of 2 images in {name!r} but are taken as of one; keep those of one" in two
    one = read(write(tmp_path / "one.h5ad", images("a", "a", "")), unit="px").warnings
    assert not any("images" in text for text in one)


def test_probability_of_texts_is_refused(tmp_path: Path) -> None:
    told = error(write(tmp_path / "cells.h5ad"), unit="px", type_probability="cell_type")
    assert "expected numbers in 'cell_type' (cells.type_probability), found none (the first is 'Tumor µ')" in told


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cells.h5ad"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert "pip install 'napari-metime[anndata]'" in error(path)


def test_the_real_scimap_file_agrees_with_its_csv(metime_data: Path) -> None:
    pytest.importorskip("h5py")
    path = metime_data / "cells" / "scimap" / "example_data.h5ad"
    assert "'X_position', 'Y_position'; set cells.unit to px or um" in error(path)
    cells = read(path, unit="px")
    of_csv = pd.read_csv(path.with_suffix(".csv"))
    assert cells.n_cells == 3029
    np.testing.assert_allclose(np.sort(cells.x), np.sort(of_csv["X_position"]), atol=1e-6)
    assert sum(count_types(path).values()) == 3029
    assert len(count_types(path)) == 25
