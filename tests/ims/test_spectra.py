"""The spectrum of one pixel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_metime.ims import read_spectrum
from napari_metime.section import Dataset

MakeDataset = Callable[..., Dataset]


@pytest.mark.parametrize("compressed", [False, True])
def test_a_spectrum_is_read_in_ascending_order(make_dataset: MakeDataset, compressed: bool) -> None:
    dataset = make_dataset([((0, 0), [300.0, 100.0], [1.0, 2.0]), ((0, 2), [1.0], [1.0])], compressed=compressed)
    mz, intensity = read_spectrum(dataset, 0, 0)
    assert (mz.tolist(), intensity.tolist()) == ([100.0, 300.0], [2.0, 1.0])
    assert [a.size for a in read_spectrum(dataset, 0, 1)] == [0, 0]


def test_spectra_of_one_pixel_come_together_and_recalibrated(make_dataset: MakeDataset) -> None:
    spectra = [((0, 0), [100.0, 300.0], [1.0, 2.0]), ((0, 0), [100.0, 200.0], [4.0, 8.0])]
    mz, intensity = read_spectrum(make_dataset(spectra), 0, 0)
    assert (mz.tolist(), intensity.tolist()) == ([100.0, 100.0, 200.0, 300.0], [1.0, 4.0, 8.0, 2.0])
    mz, intensity = read_spectrum(make_dataset(spectra, mz_scale=[0.5, 2.0]), 0, 0)
    np.testing.assert_array_equal(mz, [50.0, 100.0, 200.0, 600.0])
    assert intensity.tolist() == [4.0, 8.0, 1.0, 2.0]
