import hashlib
import re
import tracemalloc
from uuid import UUID

import numpy as np
import pytest
from pyimzml.ImzMLParser import ImzMLParser

from napari_metime.errors import ImzMLError
from napari_metime.imzml_writer import write_imzml

IDENTIFIER = UUID("12345678-1234-5678-1234-567812345678")
AXIS = np.array([100.0, 200.5, 300.25])
PLACES = [(1, 1), (2, 1), (2, 3)]
OWN_AXES = [
    (np.array([100.0, 100.1]), np.array([1, 2], dtype=np.float32)),
    (np.array([400.123456789]), np.array([7.5], dtype=np.float32)),
    (np.empty(0), np.empty(0, dtype=np.float32)),
]
COMMON_AXIS = [(AXIS, np.full(3, i, dtype=np.float32)) for i in range(3)]
FLAWS = [
    ("continuous", OWN_AXES, PLACES, "one m/z axis in continuous mode, found another at x=2, y=1"),
    ("processed", [(AXIS, np.ones(2, np.float32))], PLACES[:1], "as many m/z as intensities at x=1, y=1"),
    ("processed", [], [], "at least one spectrum"),
    ("processed", OWN_AXES, PLACES[:2], "zip"),
]


def write(folder, mode="processed", *, spectra=None, name="a.imzML", **options):
    path = folder / name
    stated = {"polarity": "negative", "pixel_size_um": (30.0, 12.345678), "uuid": IDENTIFIER}
    spectra = spectra or (OWN_AXES if mode == "processed" else COMMON_AXIS)
    n_points = write_imzml(path, iter(spectra), iter(PLACES), mode=mode, **stated | options)
    assert n_points == sum(mz.size for mz, _ in spectra)
    return path


def assert_pyimzml_reads(path, spectra):
    with ImzMLParser(str(path)) as parser:
        assert [c[:2] for c in parser.coordinates] == PLACES
        for index, (mz, intensity) in enumerate(spectra):
            found_mz, found_intensity = parser.getspectrum(index)
            assert np.array_equal(found_mz, mz)
            assert np.array_equal(found_intensity, intensity)
        return parser


@pytest.mark.parametrize(("mode", "spectra"), [("processed", OWN_AXES), ("continuous", COMMON_AXIS)])
def test_pyimzml_reads_back_every_spectrum(tmp_path, mode, spectra):
    parser = assert_pyimzml_reads(write(tmp_path, mode), spectra)
    assert (parser.mzPrecision, parser.intensityPrecision) == ("d", "f")


@pytest.mark.parametrize(("dtype", "letter"), [("<f4", "f"), ("<f8", "d"), ("<i4", "i"), ("<i8", "l")])
def test_every_type_is_kept_and_no_value_is_cut_to_fit(tmp_path, dtype, letter):
    spectra = [(np.array([k, k + 1], dtype), np.array([k, 2**20 + k], dtype)) for k in (50, 60, 70)]
    parser = assert_pyimzml_reads(write(tmp_path, spectra=spectra, mz_dtype=dtype, intensity_dtype=dtype), spectra)
    assert (parser.mzPrecision, parser.intensityPrecision) == (letter, letter)
    with pytest.raises(TypeError, match="safe"):
        write(tmp_path, spectra=[(AXIS, AXIS)] * 3, intensity_dtype="<f4")


@pytest.mark.parametrize("polarity", ["positive", "negative", "mixed", "unknown"])
@pytest.mark.parametrize("spectrum_type", ["centroid", "profile", "unknown"])
def test_pyimzml_reads_back_the_metadata(tmp_path, polarity, spectrum_type):
    path = write(tmp_path, "processed", polarity=polarity, spectrum_type=spectrum_type)
    with ImzMLParser(str(path)) as parser:
        content = parser.metadata.file_description
        assert parser.polarity == (None if polarity == "unknown" else polarity)
        assert parser.spectrum_mode == (None if spectrum_type == "unknown" else spectrum_type)
        assert parser.imzmldict["pixel size y"] == 30
        assert parser.imzmldict["max count of pixels x"] == 2
        assert parser.imzmldict["max count of pixels y"] == 3
        assert content["IMS:1000080"] == "{12345678-1234-5678-1234-567812345678}"
        assert "IMS:1000031" in content
        assert content["IMS:1000091"] == hashlib.sha1(path.with_suffix(".ibd").read_bytes()).hexdigest().upper()
    assert 'accession="IMS:1000046" name="pixel size (x)" value="12.345678" unitCvRef="UO"' in path.read_text("utf-8")


def test_a_mixed_polarity_is_no_claim_about_any_spectrum(tmp_path):
    with ImzMLParser(str(write(tmp_path, polarity="mixed")), include_spectra_metadata="full") as parser:
        assert not any("positive scan" in s or "negative scan" in s for s in parser.spectrum_full_metadata)


def test_a_pixel_size_that_is_unknown_is_not_stated_and_an_offset_is(tmp_path):
    with ImzMLParser(str(write(tmp_path, pixel_size_um=None, offset_um=(1500.5, 20.0)))) as parser:
        assert "pixel size y" not in parser.imzmldict
        settings = parser.metadata.scan_settings["settings"]
        assert (settings["IMS:1000053"], settings["IMS:1000054"]) == (20.0, 1500.5)


@pytest.mark.filterwarnings("ignore:Accession IMS.1000046 found with incorrect name")  # M2aia knows it by that alone
def test_a_saved_part_has_one_element_a_line_as_m2aia_reads_it(tmp_path):
    path = write(tmp_path, command="save")
    lines = path.read_text("utf-8").splitlines()
    assert max(line.count("<") for line in lines) == 1
    assert sum('name="pixel size x" value="12.345678"' in line for line in lines) == 1
    assert_pyimzml_reads(path, OWN_AXES)


def test_the_ibd_begins_with_the_identifier_and_holds_the_common_axis_once(tmp_path):
    content = write(tmp_path, "continuous").with_suffix(".ibd").read_bytes()
    assert content[:16] == IDENTIFIER.bytes
    assert len(content) == 16 + 3 * 8 + 3 * 3 * 4


def test_the_bytes_name_neither_the_time_nor_the_folder(tmp_path):
    (tmp_path / "other").mkdir()
    first, second = write(tmp_path, "processed"), write(tmp_path / "other", "processed")
    for suffix in (".imzML", ".ibd"):
        assert first.with_suffix(suffix).read_bytes() == second.with_suffix(suffix).read_bytes()


@pytest.mark.parametrize(("mode", "spectra", "places", "problem"), FLAWS)
def test_spectra_that_do_not_fit_are_refused(tmp_path, mode, spectra, places, problem):
    with pytest.raises(ValueError, match=problem) as refusal:
        write_imzml(
            tmp_path / "a.imzML",
            spectra,
            places,
            mode=mode,
            polarity="negative",
            pixel_size_um=None,
            uuid=IDENTIFIER,
        )
    assert isinstance(refusal.value, ImzMLError) or problem == "zip"
    assert list(tmp_path.iterdir()) == []


def test_an_axis_that_holds_nan_is_one_axis(tmp_path):
    axis = np.array([100.0, np.nan])
    write(tmp_path, "continuous", spectra=[(axis, np.ones(2, np.float32)) for _ in range(3)])


def test_the_encoded_lengths_add_up_to_the_ibd(tmp_path):
    path = write(tmp_path, "processed")
    lengths = re.findall(r'name="external encoded length" value="(\d+)"', path.read_text("utf-8"))
    assert 16 + sum(map(int, lengths)) == path.with_suffix(".ibd").stat().st_size


def test_spectra_are_written_as_they_come(tmp_path):
    n, points = 400, np.arange(10_000, dtype=np.float64)
    spectra = ((points + k, points.astype(np.float32)) for k in range(n))
    tracemalloc.start()
    write_imzml(
        tmp_path / "a.imzML",
        spectra,
        ((1, 1 + k) for k in range(n)),
        mode="processed",
        polarity="negative",
        pixel_size_um=None,
        uuid=IDENTIFIER,
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "a.ibd").stat().st_size == 16 + n * 10_000 * 12
    assert peak < 2_000_000
