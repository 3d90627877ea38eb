"""The compiled scan of the list of spectra against the XML that it was made from, and against what is no XML."""

from __future__ import annotations

import io
import mmap
import random
import tempfile
import tracemalloc
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_metime.errors import Cancelled, ImzMLError
from napari_metime.ims import scanning, terms
from napari_metime.ims.header import parse_header
from napari_metime.ims.scanning import Scan, scan_spectra
from napari_metime.ims.values import parse_number

HEAD = (
    '<mzML><referenceableParamGroup id="mz &amp; more"><cvParam accession="MS:1000514" name="m/z array"/>'
    '<cvParam accession="MS:1000523" name="64-bit float"/><cvParam accession="MS:1000576" name="no compression"/>'
    '</referenceableParamGroup><referenceableParamGroup id="int"><cvParam accession="MS:1000515"/>'
    '<cvParam accession="MS:1000521"/><cvParam accession="MS:1000574"/></referenceableParamGroup>'
    '<referenceableParamGroup id="sp"><cvParam accession="MS:1000130"/><cvParam accession="MS:1000127"/>'
    "</referenceableParamGroup><run>"
)
FLAGS = [0, terms.MZ | terms.INTENSITY, terms.FLOAT64, terms.FLOAT32, terms.UNCOMPRESSED, terms.ZLIB]


def scan(text: str | bytes) -> Scan:
    data = text.encode() if isinstance(text, str) else text
    header = parse_header(io.BytesIO(data), "s.imzML")
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return scan_spectra(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), header, "s.imzML")


def cv(accession: str, value: object = "") -> str:
    return f'<cvParam cvRef="MS" accession="{accession}" name="n" value="{value}"/>'


def array(group: str, numbers: tuple[object, ...], more: str = "") -> str:
    terms_ = "".join(cv(f"IMS:10001{i:02}", n) for i, n in enumerate(numbers, start=2))
    return f'<binaryDataArray><referenceableParamGroupRef ref="{group}"/>{terms_}{more}<binary/></binaryDataArray>'


def spectrum(place: tuple[object, ...] = (1, 2), arrays: str = "", more: str = "") -> str:
    position = "".join(cv(f"IMS:100005{i}", p) for i, p in enumerate(place))
    arrays = arrays or array("mz &amp; more", (16, 3, 24)) + array("int", (40, 3, 20))
    return (
        f'<spectrum id="a"><referenceableParamGroupRef ref="sp"/>{more}<scanList><scan>{position}</scan></scanList>'
        f"<binaryDataArrayList>{arrays}</binaryDataArrayList></spectrum>"
    )


def document(*spectra: str) -> str:
    return f"{HEAD}<spectrumList count='{len(spectra)}'>{''.join(spectra)}</spectrumList></run></mzML>"


def test_the_numbers_and_terms_of_a_spectrum() -> None:
    found = scan(document(spectrum(), spectrum((-4, 5, 6))))
    assert found.number.tolist() == [[1, 2, 0, 16, 3, 24, 40, 3, 20], [-4, 5, 6, 16, 3, 24, 40, 3, 20]]
    assert found.flag[:, scanning.FOUND].tolist() == [0b111111011, 0b111111111]
    assert found.flag[:, scanning.ROUNDED :].tolist() == [[*FLAGS, terms.POSITIVE, terms.CENTROID]] * 2


def test_arrays_may_state_their_terms_themselves_and_stand_in_any_order() -> None:
    mz = "".join(cv(a) for a in ("MS:1000514", "MS:1000523", "MS:1000576"))
    intensity = "".join(cv(a) for a in ("MS:1000515", "MS:1000521", "MS:1000574"))
    arrays = array("", (40, 3, 20), intensity) + array("no such group", (16, 3, 24), mz)
    found = scan(document(spectrum(arrays=arrays, more=cv("MS:1000129") + cv("MS:1000128"))))
    assert found.number.tolist() == [[1, 2, 0, 16, 3, 24, 40, 3, 20]]
    assert found.flag[0, scanning.ROUNDED :].tolist() == [*FLAGS, 3, 3]


def test_a_wrong_accession_with_the_right_name_is_known() -> None:
    mz = cv("MS:1000514") + '<cvParam accession="MS:1000523" name="32-bit float"/>'
    intensity = cv("MS:1000515") + '<cvParam name="64-bit float" accession="MS:1000521"/>'
    more = '<cvParam accession="MS:1000128" name="positive scan"/>'
    arrays = array("", (16, 3, 12), mz) + array("", (28, 3, 24), intensity)
    flag = scan(document(spectrum(arrays=arrays, more=more))).flag[0]
    assert flag[scanning.MZ_FORMAT] == terms.FLOAT32
    assert flag[scanning.INTENSITY_FORMAT] == terms.FLOAT64
    assert (flag[scanning.POLARITY], flag[scanning.TYPE]) == (terms.POSITIVE, terms.CENTROID)


def test_the_first_of_two_numbers_counts_and_another_second_one_is_marked() -> None:
    again = cv("IMS:1000102", 16) + cv("IMS:1000103", 4)
    twice = array("mz &amp; more", (16, 3, 24), again) + array("int", (40, 3, 20))
    found = scan(document(spectrum(arrays=twice), spectrum((1, 2), more=cv("IMS:1000051", 9)), spectrum()))
    assert found.number.tolist()[0] == [1, 2, 0, 16, 3, 24, 40, 3, 20]
    assert found.number[1, :2].tolist() == [1, 9]
    assert found.flag[:, scanning.CONTRADICTED].tolist() == [1 << terms.LENGTH, 1 << terms.Y, 0]


def test_an_encoded_length_that_is_no_number_counts_as_none() -> None:
    found = scan(document(spectrum(arrays=array("mz &amp; more", (16, 3, "")) + array("int", (40, 3, "1.5")))))
    assert found.number.tolist() == [[1, 2, 0, 16, 3, 0, 40, 3, 0]]
    assert found.flag[0, scanning.FOUND] == 0b011011011


def test_other_arrays_are_noticed() -> None:
    third = array("", (90, 3, 24), cv("MS:1003006"))
    fourth = array("", (120, 3, 24))
    two = array("mz &amp; more", (16, 3, 24)) + array("int", (40, 3, 20))
    roles = scan(document(spectrum(arrays=third + two), spectrum(arrays=two + fourth))).flag[:, scanning.ROLES]
    assert roles.tolist() == [
        terms.MZ | terms.INTENSITY | terms.MOBILITY,
        terms.MZ | terms.INTENSITY | terms.OTHER_ARRAY,
    ]


def rewritten(node: ElementTree.Element, dice: random.Random, prefix: str) -> str:
    """Write an element in one of the many ways that mean the same in XML."""

    def space(least: int) -> str:
        return "".join(dice.choices(" \n\t\r", k=least + dice.choice((0, 0, 0, 3))))

    def value(text: str) -> str:
        quote = dice.choice("\"'")
        plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(quote, "&#34;" if quote == '"' else "&apos;")
        if plain and dice.random() < 0.2:
            plain = f"&#x{ord(plain[0]):x};{plain[1:]}" if plain[0] != "&" else plain
        return f"{space(0)}={space(0)}{quote}{plain}{quote}"

    noise = (
        "<!-- <spectrum> > & ' -->",
        "<![CDATA[</spectrum><binaryDataArray]] >]]>",
        "<?a </b> ?>",
        "text ]> 'q'",
        "",
    )
    attributes = list(node.attrib.items())
    if dice.random() < 0.5:
        attributes.append(("more", 'a > b / "c"'))
    dice.shuffle(attributes)
    start = f"<{prefix}{node.tag}" + "".join(f"{space(1)}{name}{value(text)}" for name, text in attributes) + space(0)
    if not len(node) and dice.random() < 0.5:
        return start + "/>"
    inner = "".join(dice.choice(noise) + rewritten(child, dice, prefix) for child in node)
    return f"{start}>{inner}{dice.choice(noise)}{space(0)}</{prefix}{node.tag}{space(0)}>"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 2**40)] * 9), min_size=1, max_size=4),
    st.integers(0, 2**32),
    st.sampled_from(["", "mz:", "a.b-c:"]),
)
def test_xml_that_means_the_same_reads_the_same(rows: list[tuple[int, ...]], seed: int, prefix: str) -> None:
    spectra = [
        spectrum(row[:3], array("mz &amp; more", row[3:6]) + array("int", row[6:9]), more="<userParam name='z'/>")
        for row in rows
    ]
    plain = document(*spectra)
    tree = ElementTree.fromstring(plain)
    text = rewritten(tree, random.Random(seed), prefix)
    text = text.replace(f"<{prefix}mzML", f'<{prefix}mzML xmlns:{prefix[:-1]}="u"', 1) if prefix else text
    ElementTree.fromstring(text)  # it is XML indeed
    found = scan(text)
    assert found.number.tolist() == [list(row) for row in rows]
    assert np.array_equal(found.flag, scan(plain).flag)


def number_of(text: str) -> tuple[int, int]:
    value, status = parse_number(np.frombuffer(text.encode() + b" ", np.uint8), 0, len(text))
    return int(value), int(status)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("12", 12), ("-8", -8), ("+3", 3), ("007", 7), (" 5\t", 5), ("12.0", 12), ("12.", 12), (".0", 0),
        ("1&#50;", 12), ("&#x31;0", 10), ("4611686018427387890", 4611686018427387890), ("0.000000000000000000000", 0),
        ("10.0000000000000000000000000", 10),
        ("\t16&#10;", 16), ("&#x20; &#9;7 &#13;&#xA;", 7), ("12.0&#32;", 12),
    ],
)  # fmt: skip
def test_whole_numbers(text: str, value: int) -> None:
    assert number_of(text) == (value, 0)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.156e+09", 1156000000), ("1e+05", 100000), ("1E5", 100000), ("12.50e1", 125), ("100e-2", 1), ("0e999999999", 0),
     ("-2e3", -2000), ("&#9;1e5&#10;", 100000)],
)  # fmt: skip
def test_whole_numbers_with_exponents_are_marked(text: str, value: int) -> None:
    assert number_of(text) == (value, 1)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 2), (" ", 2), ("-", 2), ("+", 2), (".", 2), ("e5", 2), ("1e", 2), ("1e+", 2), ("NaN", 2), ("inf", 2),
        ("0x10", 2), ("1.5", 2), ("1.55e1", 2), ("1e-1", 2), ("1,000", 2), ("1 2", 2), ("1..0", 2), ("1e5.0", 2),
        ("1&lt;", 2), ("1&#", 2), ("\u0661", 2),
        ("&#32;", 2), (";", 2), ("1;", 2), ("1&#32;2", 2), ("1&bogus;", 2), ("1&#x2028;", 2), ("&", 2), ("&#9;", 2),
        ("1e999999999999999999999", 3), ("9223372036854775808", 3), ("5" * 400, 3), ("1e19", 3),
    ],
)  # fmt: skip
def test_what_is_no_whole_number_is_not_guessed(text: str, status: int) -> None:
    assert number_of(text) == (0, status)


@given(st.integers(-(2**61), 2**61), st.integers(0, 3))
def test_any_integer_is_read_exactly(value: int, n_zeros: int) -> None:
    assert number_of(str(value)) == (value, 0)
    assert number_of(f"{value}.{'0' * n_zeros}") == (value, 0)


GOOD = spectrum()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document(GOOD, spectrum(("NaN", 2))), "a whole number as position x of spectrum 2, found 'NaN'"),
        (document(spectrum(("", 2))), "a whole number as position x of spectrum 1, found ''"),
        (document(spectrum((1.5, 2))), r"position x of spectrum 1, found '1\.5'"),
        (document(spectrum((2**80, 2))), "at most 62 bits as position x of spectrum 1, found '12089258196146"),
        (
            document(GOOD, spectrum((7, 9), array("int", ("nan", 3, 20)))),
            r"external offset of spectrum 2 \(pixel x=7, y=9\), found 'nan'",
        ),
        (document(GOOD, spectrum((1,))), "position x and y of spectrum 2 in s.imzML, found none"),
        (document(GOOD * 2 + "<spectrum/>"), "position x and y of spectrum 3"),
        (document(spectrum(arrays=array("int", (1, 2, 3)) * 2)), "one intensity array in .* a second intensity array"),
        (document(spectrum(arrays=array("mz &amp; more", (1, 2, 3)) * 2)), "found a second m/z array"),
        (document(spectrum(arrays=array("int", (1, 2, 3), cv("MS:1000514")))), "found one of both"),
        (document(), "found an empty list"),
        (document(GOOD)[:-25], "found that the file ends in spectrum 2; copy it again"),
        (document(GOOD)[:-90], "found that the file ends in spectrum 1"),
        (document(GOOD) .replace("</scan>", ""), "matching tags in s.imzML, found '</scanList'"),
        (document("<a>" * 100), "tags at most 32 deep"),
        (document("<spectrum><spectrum>"), "matching tags"),
        (document("<a><spectrum/></a>"), "matching tags"),
        (document(spectrum(arrays="<binaryDataArray><binaryDataArray/></binaryDataArray>")), "matching tags"),
        (document("<!ELEMENT a>"), "found an error at byte"),
        (document("<!DOCTYPE mzML>"), "found an error at byte"),
        (document("< a/>"), "found an error at byte"),
        (document("<a b/>"), "found an error at byte"),
        (document("<a b=c/>"), "found an error at byte"),
        (document("<a b='c'd='e'/>"), "found an error at byte"),
        (document("<a b='c' / >"), "found an error at byte"),
        (document("<cvParam value='1' value='2'/>"), "found an error at byte"),
        (document("<a b='c><d e='f'/>"), "found an error at byte"),
        (document(GOOD) .replace("</spectrum>", "</spectrum a>"), "found an error at byte"),
        (document("<!-- -- >"), "file ends in spectrum 1"),
        (document("<![CDATA[ ]] >"), "file ends in spectrum 1"),
        (document("<? >"), "file ends in spectrum 1"),
    ],
)  # fmt: skip
def test_faults_are_named_with_their_spectrum(text: str, message: str) -> None:
    with pytest.raises(ImzMLError, match=message) as caught:
        scan(text)
    assert "\n" not in str(caught.value)


def test_a_file_cut_anywhere_is_refused() -> None:
    whole = document(GOOD).encode()
    end = whole.index(b"</spectrumList>") + len("</spectrumList>")
    start = whole.index(b"<spectrumList") + len("<spectrumList count='1'>")
    for n in range(start, end, 2):
        with pytest.raises(ImzMLError, match=r"found that the file ends in spectrum"):
            scan(whole[:n])
    assert scan(whole[:end]).number.shape == (1, 9)


def test_a_gigantic_value_costs_no_memory() -> None:
    text = document(GOOD, f"<a b='{'x' * 30_000_000}'/>", spectrum((3, f"{' ' * 10_000_000}4"))).encode()
    scan(document(GOOD))
    header = parse_header(io.BytesIO(text), "s.imzML")
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    tracemalloc.start()
    found = scan_spectra(mapped, header, "s.imzML")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.number[:, :2].tolist() == [[1, 2], [3, 4]]
    assert peak < 5_000_000


def test_more_spectra_than_one_call_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "N_AT_ONCE", 3)
    monkeypatch.setattr(scanning, "PART_BYTES", 7 * len(spectrum((10, 11))))
    seen: list[float] = []
    data = document(*(spectrum((i, i + 1)) for i in range(40))).encode()
    header = parse_header(io.BytesIO(data), "s.imzML")

    def mapped() -> mmap.mmap:
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    found = scan_spectra(mapped(), header, "s", on_progress=lambda done, text: seen.append(done))
    assert found.number[:, 0].tolist() == list(range(40))
    assert len(seen) == 6
    assert seen == sorted(seen)

    def cancel(done: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        scan_spectra(mapped(), header, "s", on_progress=cancel)


@given(st.integers(0, 2**32), st.integers(40, 4000))
@settings(max_examples=60, deadline=None)
def test_parts_are_scanned_as_the_whole(seed: int, part_bytes: int) -> None:
    draw = random.Random(seed)
    between = ("", "\n", "<!-- <spectrum id='0'> -->", f"<!-- {'<spectrum > ' * 300} -->", "<![CDATA[<spectrum ]]>")
    n_spectra = draw.randint(1, 30)
    pieces = [
        draw.choice(between) + spectrum((i, draw.randint(-9, 9)), more=draw.choice(("", "<x><spectrum id='1'/></x>")))
        for i in range(n_spectra)
    ]
    text = document(*pieces).replace("</spectrumList>", draw.choice(between) + "</spectrumList>")
    if draw.random() < 0.3:
        at = draw.randrange(text.index("<spectrumList"), len(text))
        text = text[:at] + draw.choice((">", "<", "'", "</spectrum>", "<spectrum ")) + text[at:]

    def outcome() -> object:
        try:
            found = scan(text)
        except ImzMLError as error:
            return str(error)
        return found.number.tolist(), found.flag.tolist()

    whole = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "PART_BYTES", part_bytes)
        assert outcome() == whole


@pytest.mark.parametrize("count", ["", "count='2'", "count='999999999999'", "count='-1'", "count='x'"])
def test_the_announced_number_of_spectra_does_not_matter(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    monkeypatch.setattr(scanning, "N_AT_ONCE", 3)
    text = document(*(spectrum((i, i + 1)) for i in range(20))).replace("count='20'", count)
    assert scan(text).number[:, :2].tolist() == [[i, i + 1] for i in range(20)]


def test_bytes_that_are_no_utf8_do_not_matter() -> None:
    text = document(spectrum(more='<userParam name="\xe4\xf6" value="\xff"/>')).encode("latin-1")
    assert scan(text).number[0, 3] == 16


def by_elementtree(path: Path) -> NDArray[np.int64]:
    """The numbers of all spectra, read in another way."""
    rows = []
    for _, node in ElementTree.iterparse(path):
        if node.tag.endswith("}spectrum"):
            found = [
                [int(e.get("value", 0)) for e in node.iter() if e.get("accession") == f"IMS:10000{n}"] for n in (50, 51)
            ]
            arrays = [
                [int(e.get("value", 0)) for e in node.iter() if e.get("accession") == f"IMS:10001{n:02}"]
                for n in (2, 3, 4)
            ]
            rows.append([found[0][0], found[1][0], *(a[0] for a in arrays), *(a[1] for a in arrays)])
            node.clear()
    return np.array(rows)


def test_real_files_read_as_by_elementtree(metime_data: Path) -> None:
    for path in sorted(metime_data.glob("imzml/*/*.[iI]mz*")):
        if path.stat().st_size > 1_000_000:
            continue
        assert np.array_equal(scan(path.read_bytes()).number[:, [0, 1, 3, 4, 5, 6, 7, 8]], by_elementtree(path)), (
            path.name
        )
