"""sample_data/section is what ``napari-metime simulate sample_data/section`` writes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from pyimzml.ImzMLParser import ImzMLParser

from napari_metime.simulate import SectionPlan, simulate_section

SAMPLE = Path(__file__).parents[2] / "sample_data" / "section"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return simulate_section(tmp_path_factory.mktemp("fresh") / "section", SectionPlan()).parent


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_it_has_the_same_files_and_is_small(fresh):
    ours = [name for name in names(SAMPLE) if not name.startswith("simulated-0_results")]
    assert ours == names(fresh)
    assert sum((SAMPLE / name).stat().st_size for name in ours) < 11e6


@pytest.mark.parametrize("table", ["cells.csv", "landmarks.csv", "truth/cells_um.csv", "truth/metabolites.csv"])
def test_its_tables_are_equal(fresh, table):
    pd.testing.assert_frame_equal(
        pd.read_csv(SAMPLE / table), pd.read_csv(fresh / table), check_exact=False, rtol=0, atol=1e-6
    )


def test_its_spectra_are_equal(fresh):
    with ImzMLParser(str(SAMPLE / "section.imzML")) as ours, ImzMLParser(str(fresh / "section.imzML")) as theirs:
        assert ours.coordinates == theirs.coordinates
        for index in range(len(ours.coordinates)):
            for found, expected in zip(ours.getspectrum(index), theirs.getspectrum(index), strict=True):
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("image", ["microscopy.ome.tif", "truth/niches.tif", "truth/tissue.tif", "truth/bed.tif"])
def test_its_images_are_equal(fresh, image):
    assert np.array_equal(tifffile.imread(SAMPLE / image), tifffile.imread(fresh / image))


@pytest.mark.parametrize("text", ["recipe.yaml", "truth.json", "truth/niches.geojson", "truth/transform.json"])
def test_its_texts_are_equal(fresh, text):
    assert (SAMPLE / text).read_text("utf-8") == (fresh / text).read_text("utf-8")
