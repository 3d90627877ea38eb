import hashlib
import re
from uuid import UUID

import numpy as np
import pytest
from pyimzml.ImzMLParser import ImzMLParser

from napari_metime.simulate import write_imzml

IDENTIFIER = UUID("12345678-1234-5678-1234-567812345678")
AXIS = np.array([100.0, 200.5, 300.25])
PLACES = [(1, 1), (2, 1), (2, 3)]
OWN_AXES = [
    (np.array([100.0, 100.1]), np.array([1, 2], dtype=np.float32)),
    (np.array([400.123456789]), np.array([7.5], dtype=np.float32)),
    (np.empty(0), np.empty(0, dtype=np.float32)),
]
COMMON_AXIS = [(AXIS, np.full(3, i, dtype=np.float32)) for i in range(3)]


def write(folder, mode, *, spectra=None, polarity="negative", name="a.imzML"):
    path = folder / name
    spectra = spectra or (OWN_AXES if mode == "processed" else COMMON_AXIS)
    write_imzml(path, spectra, PLACES, mode=mode, polarity=polarity, pixel_size_um=(30.0, 12.345678), uuid=IDENTIFIER)
    return path


@pytest.mark.parametrize(("mode", "spectra"), [("processed", OWN_AXES), ("continuous", COMMON_AXIS)])
def test_pyimzml_reads_back_every_spectrum(tmp_path, mode, spectra):
    with ImzMLParser(str(write(tmp_path, mode))) as parser:
        assert [c[:2] for c in parser.coordinates] == PLACES
        for index, (mz, intensity) in enumerate(spectra):
            found_mz, found_intensity = parser.getspectrum(index)
            assert np.array_equal(found_mz, mz)
            assert np.array_equal(found_intensity, intensity)
        assert (parser.mzPrecision, parser.intensityPrecision) == ("d", "f")


@pytest.mark.parametrize("polarity", ["positive", "negative"])
def test_pyimzml_reads_back_the_metadata(tmp_path, polarity):
    path = write(tmp_path, "processed", polarity=polarity)
    with ImzMLParser(str(path)) as parser:
        content = parser.metadata.file_description
        assert (parser.polarity, parser.spectrum_mode) == (polarity, "centroid")
        assert parser.imzmldict["pixel size y"] == 30
        assert parser.imzmldict["max count of pixels x"] == 2
        assert parser.imzmldict["max count of pixels y"] == 3
        assert content["IMS:1000080"] == "{12345678-1234-5678-1234-567812345678}"
        assert "IMS:1000031" in content
        assert content["IMS:1000091"] == hashlib.sha1(path.with_suffix(".ibd").read_bytes()).hexdigest().upper()
    assert 'accession="IMS:1000046" name="pixel size (x)" value="12.345678" unitCvRef="UO"' in path.read_text("utf-8")


def test_the_ibd_begins_with_the_identifier_and_holds_the_common_axis_once(tmp_path):
    content = write(tmp_path, "continuous").with_suffix(".ibd").read_bytes()
    assert content[:16] == IDENTIFIER.bytes
    assert len(content) == 16 + 3 * 8 + 3 * 3 * 4


def test_the_bytes_name_neither_the_time_nor_the_folder(tmp_path):
    (tmp_path / "other").mkdir()
    first, second = write(tmp_path, "processed"), write(tmp_path / "other", "processed")
    for suffix in (".imzML", ".ibd"):
        assert first.with_suffix(suffix).read_bytes() == second.with_suffix(suffix).read_bytes()


@pytest.mark.parametrize(
    ("mode", "spectra", "problem"),
    [
        ("continuous", OWN_AXES[:2], "one m/z axis"),
        ("processed", [(AXIS, np.ones(2, dtype=np.float32))], "as many m/z as intensities"),
    ],
)
def test_spectra_that_do_not_fit_are_refused(tmp_path, mode, spectra, problem):
    with pytest.raises(ValueError, match=problem):
        write(tmp_path, mode, spectra=spectra)
    assert list(tmp_path.iterdir()) == []


def test_the_encoded_lengths_add_up_to_the_ibd(tmp_path):
    path = write(tmp_path, "processed")
    lengths = re.findall(r'name="external encoded length" value="(\d+)"', path.read_text("utf-8"))
    assert 16 + sum(map(int, lengths)) == path.with_suffix(".ibd").stat().st_size
