"""The files of the benchmark are what they say: pyimzML and we read the same numbers from them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from pyimzml.ImzMLParser import ImzMLParser

from napari_metime.ims.blocks import read_points
from napari_metime.ims.opening import open_imzml

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "files.py"
spec = importlib.util.spec_from_file_location("benchmark_files", SCRIPT)
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)


@pytest.mark.parametrize(("kind", "spectrum_type"), [("processed", "centroid"), ("continuous", "profile")])
def test_file_of_the_benchmark_is_read_alike(tmp_path, kind, spectrum_type):
    path = tmp_path / "made.imzML"
    files.write_file(path, kind, n_pixels=30, n_points=200)
    dataset = open_imzml(path, use_cache=False)
    assert (dataset.mode, dataset.spectrum_type, dataset.warnings) == (kind, spectrum_type, ())
    assert (dataset.grid.shape, dataset.grid.pixel_size_um, dataset.n_points) == ((6, 5), (20.0, 20.0), 6000)
    with ImzMLParser(str(path)) as parser:
        for i, (x, y, _) in enumerate(parser.coordinates):
            assert (dataset.col[i], dataset.row[i]) == (x - 1, y - 1)
            for ours, theirs in zip(read_points(dataset, i), parser.getspectrum(i), strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_spectra_hold_one_peak_of_each_known_pair(tmp_path):
    path = tmp_path / "made.imzML"
    files.write_file(path, "processed", n_pixels=6, n_points=200)
    pairs = files.known_peaks(200)
    assert pairs.shape == (140, 2)  # 7 of 10 peaks are not noise
    with ImzMLParser(str(path)) as parser:
        for i in range(6):
            mz, _ = parser.getspectrum(i)
            assert (np.diff(mz) > 0).all()
            near = np.abs(mz[:, None, None] / pairs - 1) <= 5.0001e-6
            np.testing.assert_array_equal(near.any(axis=0).sum(axis=1), 1)
