"""What an imzML says before its spectra, in every encoding and unit that is met, and what is refused."""

from __future__ import annotations

import codecs
import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.ims import header, terms
from napari_metime.ims.header import NO_PIXEL_SIZE, read_header

START = '<mzML xmlns="http://psi.hupo.org/ms/mzml">'
END = '<run><spectrumList count="2">'
GROUP = (
    '<referenceableParamGroupList><referenceableParamGroup id="größe">'
    '<cvParam accession="MS:1000514" name="m/z array"/><cvParam accession="MS:1000523" name="64-bit float"/>'
    "</referenceableParamGroup></referenceableParamGroupList>"
)
CvParam = Callable[..., str]


def write(folder: Path, text: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "s.imzML"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def settings(*texts: str) -> str:
    return START + "".join(f"<scanSettings>{t}</scanSettings>" for t in texts) + END


@pytest.mark.parametrize(
    ("stored", "declared", "mark"),
    [
        ("utf-8", "UTF-8", b""),
        ("utf-8", "utf-8", codecs.BOM_UTF8),
        ("iso-8859-1", "ISO-8859-1", b""),
        ("windows-1252", "windows-1252", b""),
        ("utf-16-le", "UTF-16", codecs.BOM_UTF16_LE),
        ("utf-16-be", "UTF-16", codecs.BOM_UTF16_BE),
        ("utf-16-le", "UTF-16", b""),
        ("utf-16-le", "", b""),
        ("utf-16-be", "", b""),
    ],
)
def test_every_common_encoding_is_read_without_a_word(tmp_path: Path, stored: str, declared: str, mark: bytes) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>{START}{GROUP}{END}' if declared else START + GROUP + END
    found = read_header(write(tmp_path, mark + text.encode(stored)))
    assert found.groups == {"größe": (terms.MZ, terms.FLOAT64, 0, 0, 0)}
    assert found.n_declared == 2
    assert found.warnings == (NO_PIXEL_SIZE,)


@pytest.mark.parametrize(
    ("stored", "declared", "shown"),
    [("latin-1", "UTF-8", "Latin-1"), ("utf-8", "UTF-16", "UTF-8"), ("utf-8", "no-such-thing", "UTF-8")],
)
def test_an_encoding_that_the_file_does_not_have_is_told(
    tmp_path: Path, stored: str, declared: str, shown: str
) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>{START}{GROUP}{END}'
    found = read_header(write(tmp_path, text, stored))
    assert list(found.groups) == ["größe"]
    assert found.warnings[0] == f"The file is not in the encoding that it declares; it was read as {shown}" + (
        " (ISO-8859-1)." if shown == "Latin-1" else "."
    )


def test_the_list_starts_where_its_tag_starts(tmp_path: Path) -> None:
    text = f'<?xml version="1.0" encoding="ISO-8859-1"?>{START}{GROUP}<x:run xmlns:x="a"><x:spectrumList count="7"/>'
    found = read_header(write(tmp_path, text, "latin-1"))
    assert text.encode("latin-1")[found.list_start :].startswith(b"<x:spectrumList")
    assert found.n_declared == 7
    assert found.encoding == "ISO-8859-1"


SIZE_X, SIZE_Y = "IMS:1000046", "IMS:1000047"
OTHER_UNIT = "The file states its pixel size in another unit than µm; it is 25 x 25 µm."


@pytest.mark.parametrize(
    ("x", "y", "unit", "expected"),
    [
        ("25", "50", "", (50.0, 25.0)),
        ("25", "50", 'unitAccession="UO:0000017"', (50.0, 25.0)),
        ("4406.25", "4406.25", 'unitAccession="UO:0000018"', (4.40625, 4.40625)),
        ("0.1", "0.1", 'unitAccession="UO:0000016"', (100.0, 100.0)),
        ("0.01", "0.02", 'unitAccession="UO:0000015"', (200.0, 100.0)),
        ("2000", "2000", 'unitName="nanometer"', (2.0, 2.0)),
        ("25", "50", 'unitName="\u00b5m"', (50.0, 25.0)),
        ("25", "50", 'unitName="\u03bcm"', (50.0, 25.0)),
        ("25", "50", 'unitName=" Micrometers "', (50.0, 25.0)),
        ("25", "50", 'unitName="MICRON"', (50.0, 25.0)),
        ("5e-5", "5e-5", 'unitName="m"', (50.0, 50.0)),
        ("25", "50", 'unitAccession="uo:0000017" unitName="x"', (50.0, 25.0)),
        ("25", "50", 'unitAccession="UO:0" unitName="micrometre"', (50.0, 25.0)),
        ("25", "50", 'unitName="furlong"', None),
        (" 5.0e+01 ", "50", "", (50.0, 50.0)),
        ("1", "Inf", "", None),
        ("0", "0", "", None),
        ("-5", "5", "", None),
        ("nan", "5", "", None),
        ("x", "y", "", None),
        ("", "", "", None),
        ("1e300", "1e300", "", None),
        ("5", "5", 'unitAccession="UO:0000010"', None),
    ],
)
def test_the_pixel_size_is_y_then_x_in_um(tmp_path: Path, x: str, y: str, unit: str, expected: Any) -> None:
    stated = f'<cvParam accession="{SIZE_Y}" name="pixel size y" value="{y}" {unit}/>'
    stated += f'<cvParam accession="{SIZE_X}" name="pixel size (x)" value="{x}" {unit}/>'
    found = read_header(write(tmp_path, settings(stated)))
    assert found.pixel_size_um == (expected if expected is None else pytest.approx(expected, rel=1e-15))
    told = [w for w in found.warnings if w.startswith("The file states a pixel size that cannot be used")]
    assert len(told) == (expected is None)


@pytest.mark.parametrize(
    ("x", "y", "unit", "told"),
    [
        ("25", "25", "UO:0000017", ()),
        ("25", "25", "", ()),
        ("25000", "25000", "UO:0000018", (OTHER_UNIT,)),
        ("0.025", "0.025", "UO:0000016", (OTHER_UNIT,)),
        ("25", "50", "UO:0000017", ("The pixels are no squares: 25 µm in x, 50 µm in y.",)),
    ],
)
def test_other_units_and_oblong_pixels_are_told(
    tmp_path: Path, cv_param: CvParam, x: str, y: str, unit: str, told: tuple[str, ...]
) -> None:
    more = f' unitAccession="{unit}"'
    text = settings(cv_param(SIZE_X, "pixel size x", x, more) + cv_param(SIZE_Y, "pixel size y", y, more))
    assert read_header(write(tmp_path, text)).warnings == told


@pytest.mark.parametrize(("data", "kind"), [(gzip.compress(START.encode()), "gzip"), (b"PK\x03\x04", "zip")])
def test_a_packed_file_is_called_so(tmp_path: Path, data: bytes, kind: str) -> None:
    with pytest.raises(ImzMLError, match=f"expected XML in s.imzML, found a {kind} file; unpack it first"):
        read_header(write(tmp_path, data))


@pytest.mark.parametrize("accession", [SIZE_X, SIZE_Y])
def test_one_side_alone_means_squares(tmp_path: Path, cv_param: CvParam, accession: str) -> None:
    assert read_header(write(tmp_path, settings(cv_param(accession, "", 30)))).pixel_size_um == (30.0, 30.0)


def test_a_size_that_is_stated_again_in_a_readable_unit_is_taken(tmp_path: Path, cv_param: CvParam) -> None:
    # Found by fuzzing: 'UO:0000010' is a second.
    text = cv_param(SIZE_X, "pixel size x", 5, ' unitAccession="UO:0000010"') + cv_param(SIZE_X, "pixel size x", 30)
    assert read_header(write(tmp_path, settings(text))).pixel_size_um == (30.0, 30.0)


def test_a_missing_pixel_size_is_told(tmp_path: Path) -> None:
    found = read_header(write(tmp_path, settings("")))
    assert (found.pixel_size_um, found.warnings) == (None, (NO_PIXEL_SIZE,))


def test_of_several_settings_the_first_that_states_a_size_counts(tmp_path: Path, cv_param: CvParam) -> None:
    ten, twenty = (cv_param(SIZE_X, "pixel size x", n) + cv_param(SIZE_Y, "pixel size y", n) for n in (10, 20))
    differing = read_header(write(tmp_path, settings("", ten, twenty)))
    assert differing.pixel_size_um == (10.0, 10.0)
    assert differing.warnings == ("Several scan settings state different pixel sizes; the first was taken.",)
    assert read_header(write(tmp_path, settings(ten, ten))).warnings == ()


def test_settings_may_stand_in_a_group(tmp_path: Path, cv_param: CvParam) -> None:
    group = f'<referenceableParamGroup id="g">{cv_param(SIZE_X, "pixel size x", 7)}</referenceableParamGroup>'
    text = f'{START}{group}<scanSettings><referenceableParamGroupRef ref="g"/></scanSettings>{END}'
    assert read_header(write(tmp_path, text)).pixel_size_um == (7.0, 7.0)


def test_the_stage_offset_is_y_then_x_in_um(tmp_path: Path, cv_param: CvParam) -> None:
    x = cv_param("IMS:1000053", "absolute position offset x", 1.5, ' unitAccession="UO:0000016"')
    y = cv_param("IMS:1000054", "absolute position offset y", -20, ' unitAccession="UO:0000017"')
    assert read_header(write(tmp_path, settings(x + y))).stage_offset_um == (-20.0, 1500.0)
    assert read_header(write(tmp_path, settings(x))).stage_offset_um is None


def content(text: str) -> str:
    return f"{START}<fileDescription><fileContent>{text}</fileContent></fileDescription>{settings('')[len(START) :]}"


def test_what_the_file_says_of_itself(tmp_path: Path, cv_param: CvParam) -> None:
    text = content(
        cv_param("MS:1000128", "profile spectrum")
        + cv_param("MS:1000129", "negative scan")
        + cv_param("IMS:1000030", "continuous")
        + cv_param("IMS:1000080", "universally unique identifier", "{ABCDEF01-2345-6789-ABCD-EF0123456789}")
        + cv_param("IMS:1000091", "ibd SHA-1", "ABCD")
    )
    found = read_header(write(tmp_path, text))
    assert found.mode == "continuous"
    assert (found.polarity, found.spectrum_type) == (terms.NEGATIVE, terms.PROFILE)
    assert found.uuid == "abcdef0123456789abcdef0123456789"
    assert found.checksums == (("SHA-1", "abcd"),)


@pytest.mark.parametrize(
    ("stated", "uuid"),
    [
        ("0123456789abcdef0123456789ABCDEF", "0123456789abcdef0123456789abcdef"),
        ("urn:uuid:01234567-89ab-cdef-0123-456789abcdef", "0123456789abcdef0123456789abcdef"),
        ("none", ""),
        ("", ""),
    ],
)
def test_identifiers_in_every_spelling(tmp_path: Path, cv_param: CvParam, stated: str, uuid: str) -> None:
    text = content(cv_param("IMS:1000080", "universally unique identifier", stated))
    assert read_header(write(tmp_path, text)).uuid == uuid


def test_contradicting_modes_count_as_none(tmp_path: Path, cv_param: CvParam) -> None:
    both = cv_param("IMS:1000030", "continuous") + cv_param("IMS:1000031", "processed")
    assert read_header(write(tmp_path, content(both))).mode is None
    assert read_header(write(tmp_path, content(""))).mode is None


def test_misspelt_names_are_told_once_and_accessions_trusted(tmp_path: Path, cv_param: CvParam) -> None:
    text = content(cv_param("MS:1000128", "profil spectrum") + cv_param("IMS:1000030", "continous"))
    found = read_header(write(tmp_path, text))
    assert (found.mode, found.spectrum_type) == ("continuous", terms.PROFILE)
    told = [w for w in found.warnings if "misnames" in w]
    assert told == [
        'The file misnames standard terms; their numbers were trusted. First: MS:1000128 is named "profil spectrum" '
        'and was read as "profile spectrum" (and 1 more).'
    ]


@pytest.mark.parametrize(
    ("accession", "name", "meaning"),
    [
        ("MS:1000523", "32-bit float", (0, terms.FLOAT32, 0, 0, 0)),
        ("MS:1000521", "64-bit float", (0, terms.FLOAT64, 0, 0, 0)),
        ("MS:1000128", "positive scan", (0, 0, 0, terms.POSITIVE, 0)),
        ("MS:1000523", "64 bit float", (0, terms.FLOAT64, 0, 0, 0)),
    ],
)
def test_of_known_exporters_the_name_is_right(
    tmp_path: Path, cv_param: CvParam, accession: str, name: str, meaning: tuple[int, ...]
) -> None:
    group = f'<referenceableParamGroup id="g">{cv_param(accession, name)}</referenceableParamGroup>'
    found = read_header(write(tmp_path, START + group + END))
    assert found.groups["g"] == meaning
    assert any(accession in w for w in found.warnings)


def test_a_warning_is_one_line_whatever_the_file_says(tmp_path: Path, cv_param: CvParam) -> None:
    found = read_header(write(tmp_path, content(cv_param("MS:1000128", "pro&#10;file&#x0D; " + "x" * 1000))))
    (told,) = [w for w in found.warnings if "misnames" in w]
    assert 'named "pro file xxx' in told
    assert len(told) < 200


BOMB = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))


@pytest.mark.parametrize(
    "declared",
    [
        f'<!DOCTYPE mzML [<!ENTITY a0 "ha">{BOMB}]>',
        '<!DOCTYPE mzML [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE mzML [<!ENTITY % x SYSTEM "http://localhost:1/x.dtd"> %x;]>',
        '<!DOCTYPE mzML [<!ATTLIST cvParam value CDATA "7">]>',
    ],
)
def test_declarations_are_refused(tmp_path: Path, declared: str) -> None:
    with pytest.raises(ImzMLError, match=r"found declarations of its own \(entities\)"):
        read_header(write(tmp_path, f'<?xml version="1.0"?>{declared}{START}<x>&a11;&x;</x>{END}'))


def test_an_outer_document_type_is_never_fetched(tmp_path: Path) -> None:
    text = f'<?xml version="1.0"?><!DOCTYPE mzML SYSTEM "http://localhost:1/mzml.dtd">{START}{GROUP}{END}'
    assert list(read_header(write(tmp_path, text)).groups) == ["größe"]


@pytest.mark.parametrize(
    "filler",
    ['<cvParam accession="{}"/>', "<!--{}-->", "<?pi {}?>", "<{}/>"],
    ids=["attribute", "comment", "instruction", "name"],
)
def test_a_gigantic_tag_is_refused_in_bounded_memory(tmp_path: Path, filler: str) -> None:
    path = write(tmp_path, START + filler.format("a" * 50_000_000) + END)
    tracemalloc.start()
    with pytest.raises(ImzMLError, match="at most 1 MB"):
        read_header(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


def test_a_long_header_is_read_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, START + (f"<!--{'a' * 1000}-->" + "b" * 1000) * 1500 + GROUP + END)
    assert list(read_header(path).groups) == ["größe"]
    monkeypatch.setattr(header, "MAX_HEADER_BYTES", 2_000_000)
    with pytest.raises(ImzMLError, match="within the first 64 MB"):
        read_header(path)


def test_too_many_groups_are_refused(tmp_path: Path) -> None:
    groups = "".join(f'<referenceableParamGroup id="{i}"/>' for i in range(1001))
    with pytest.raises(ImzMLError, match="at most 1000 parameter groups"):
        read_header(write(tmp_path, START + groups + END))


@pytest.mark.parametrize(
    "text",
    [
        "no xml at all",
        "<html></html>",
        START,
        START + "</mzML>",
        START + "<a></b>" + END,
        START + "<a b=c>" + END,
        b"\x00" * 5000,
        b"PK\x03\x04" + bytes(range(256)),
        codecs.BOM_UTF16_LE + b"\x00\xd8\x00\x00\xff",
    ],
)
def test_what_is_no_imzml_gives_one_clear_error(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(ImzMLError, match=r"^expected .*, found .*") as caught:
        read_header(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.imzML"):
        read_header(tmp_path / "none.imzML")
