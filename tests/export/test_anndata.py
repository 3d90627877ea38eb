"""AnnData holds the pixels, the channels and where they lie; these tests need anndata, which needs Python 3.12."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_metime.errors import OutputError
from napari_metime.export import check_image_name, write_anndata
from napari_metime.section import Dataset, Grid, SectionResult

pytestmark = pytest.mark.filterwarnings("ignore:The 'future.infer_string' option is deprecated")  # anndata asks for it
NAMES, MZ = ["mz:89.0244", "mz:203.0826"], np.array([89.0244, 203.0826])


@pytest.fixture
def dataset(result: SectionResult) -> Dataset:
    """Return a dataset of 30 x 40 pixels of which the first row and a pixel lack a spectrum."""
    full = result.dataset
    keep = (full.row > 0) & ~((full.row == 5) & (full.col == 7))
    return replace(full, row=full.row[keep], col=full.col[keep])


def _images(dataset: Dataset, n: int) -> np.ndarray:
    images = np.random.default_rng(0).gamma(2, 3, (n, *dataset.grid.shape)).astype(np.float32)
    images[:, ~dataset.measured] = np.nan
    return images


def _write(dataset: Dataset, path: Path, images: np.ndarray, **options: object) -> None:
    n = images.size // (dataset.grid.shape[0] * dataset.grid.shape[1])
    stated = {"names": NAMES[:n], "mz": MZ[:n], "tic": np.arange(1200.0).reshape(30, 40), "dataset": dataset}
    write_anndata(images, path, **stated | options)


@pytest.mark.parametrize("end", ["h5ad", "zarr"])
@pytest.mark.parametrize("n", [1, 2])
def test_every_measured_pixel_is_an_observation_with_its_place(
    dataset: Dataset, tmp_path: Path, end: str, n: int
) -> None:
    anndata = pytest.importorskip("anndata", reason="anndata is not installed: it needs Python 3.12 or newer")
    images = _images(dataset, n)
    _write(dataset, tmp_path / f"x.{end}", images[0] if n == 1 else images)
    table = anndata.read_h5ad(tmp_path / "x.h5ad") if end == "h5ad" else anndata.read_zarr(tmp_path / "x.zarr")
    assert table.shape == (29 * 40 - 1, n)
    assert table.X.dtype == np.float32
    row, col = table.obs["row"].to_numpy(), table.obs["col"].to_numpy()
    rebuilt = np.full(images.shape, np.nan, dtype=np.float32)
    rebuilt[:, row, col] = table.X.T
    np.testing.assert_array_equal(rebuilt, images)
    np.testing.assert_array_equal(table.obs["y_um"], row * 20.0)
    np.testing.assert_array_equal(table.obs["x_um"], col * 25.0)
    np.testing.assert_array_equal(table.obsm["spatial"], table.obs[["x_um", "y_um"]])
    np.testing.assert_array_equal(table.obs["total_ion_current"], row * 40.0 + col)
    assert list(table.var_names) == NAMES[:n]
    assert table.var["mz"].tolist() == MZ[:n].tolist()
    assert table.uns["metime"]["grid_shape"].tolist() == [30, 40]
    assert [p.name for p in tmp_path.iterdir() if p.name != "inputs"] == [f"x.{end}"]


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(dataset: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("anndata", reason="anndata is not installed: it needs Python 3.12 or newer")
    images, unsized = _images(dataset, 2), replace(dataset, grid=Grid(dataset.grid.shape, (1, 1), None))
    with pytest.raises(OutputError, match="different names"):
        _write(dataset, tmp_path / "x.h5ad", images, names=["a", "a"])
    with pytest.raises(OutputError, match="expected a pixel size"):
        _write(unsized, tmp_path / "x.h5ad", images)
    (tmp_path / "x.zarr").mkdir()
    with pytest.raises(OutputError, match="there already"):
        check_image_name(tmp_path / "x.zarr")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["inputs", "x.zarr"]


@pytest.mark.parametrize("name", ["x.h5ad", "x.zarr"])
def test_without_anndata_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(OutputError, match=r"found no module 'anndata'; .* pip install 'napari-metime\[anndata\]'"):
        check_image_name(tmp_path / name)
