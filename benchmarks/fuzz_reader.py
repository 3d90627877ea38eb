"""Fuzz the imzML reader: any exception but a MetimeError, and any number that ElementTree reads differently, is a bug.

    pip install atheris
    python benchmarks/fuzz_reader.py CORPUS_DIR --minutes 60             coverage-guided, compiled functions as Python
    python benchmarks/fuzz_reader.py CORPUS_DIR --minutes 60 --compiled  what users run; guided by its Python part only

Both share one corpus. A finding is written to CORPUS_DIR/../crash-* and ends the run.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import atheris
import numpy as np
import pyimzml.ImzMLParser  # noqa: F401 - imported before instrumentation begins, as is all that is not fuzzed

N_POINTS = 4
IBD_BYTES = 4096
TOKENS = (
    "<spectrum ", "</spectrum>", "<binaryDataArray>", "<cvParam ", "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "/>",
    "<referenceableParamGroupRef ref='", "accession='IMS:1000102' value='", "accession='IMS:1000103' value='",
    "accession='IMS:1000104' value='", "accession='IMS:1000050' value='", "accession='MS:1000514'", "MS:1000515",
    "accession='MS:1000521'", "MS:1000523", "MS:1000574", "MS:1000519", "IMS:1000141", "IMS:1000046", "UO:0000018",
    "name='32-bit float'", "&amp;", "&#49;", "&#x31;", "1e+05", "NaN", "-1", "9223372036854775807", "12.0", "</", "=\"",
    "<!DOCTYPE mzML [<!ENTITY a 'b'>]>", "encoding='UTF-16'", "encoding='latin-1'", "x:", "xmlns:x='u'", "IMS:1000052",
)  # fmt: skip
NUMBERS = (
    "1", "2", "4", "16", "0", "3", "32", "80", "144", "208", "2048", "1.6e+01", "4.0", "-1", "NaN", "", "5000", "12.5",
    "4611686018427387000", "1e9", "1152921504606846976", "281474976710656",
)  # fmt: skip
RARELY = 30
FORMATS = ("MS:1000523", "MS:1000523", "MS:1000522", "MS:1000521", "MS:1000519", "IMS:1100001")
UNITS = ("", ' unitAccession="UO:0000018"', ' unitAccession="UO:0000010"')
NAMES = ("", "32-bit float", "64-bit float", "positive scan")
GROUP_TERMS = (
    "MS:1000523", "MS:1000521", "MS:1000519", "MS:1000522", "IMS:1000141", "IMS:1100000", "IMS:1100001", "MS:1000520",
    "MS:1000574", "MS:1000576", "MS:1002312", "MS:1000130", "MS:1000129", "MS:1000127", "MS:1000128", "MS:1000514",
)  # fmt: skip
CONTENT_TERMS = ("IMS:1000030", "IMS:1000031", "IMS:1000080", "IMS:1000091", "MS:1000127", "MS:1000128", "MS:1000129")
SETTINGS_TERMS = ("IMS:1000046", "IMS:1000047", "IMS:1000053", "IMS:1000054")
GROWN = b"\x01"
"""An input that starts with this byte is not XML but what ``grown_file`` makes of it."""


def python_load_at(raw: Any, offset: int, number: int, like: Any) -> Any:
    """Stand in for the compiled ``load_at``; raises where the compiled one would read beyond the array."""
    start = offset + number * like.itemsize
    piece = bytes(raw[start : start + like.itemsize])
    return np.frombuffer(piece, like.dtype)[0]


def python_trailing_zeros(word: Any) -> Any:
    """Stand in for the compiled ``_trailing_zeros``."""
    return np.uint64((int(word) & -int(word)).bit_length() - 1)


def import_reader(compiled: bool) -> Callable[..., Any]:
    """Import ``open_imzml``, instrumented; its compiled functions, too, as Python, unless ``compiled``."""
    if not compiled:
        import numba.extending

        numba.config.DISABLE_JIT = True
        stand_ins = {"load_at": python_load_at, "_trailing_zeros": python_trailing_zeros}
        numba.extending.intrinsic = lambda function: stand_ins[function.__name__]
        with atheris.instrument_imports(include=["napari_metime.ims"]):
            from napari_metime.ims.opening import open_imzml
        return open_imzml
    from napari_metime.ims import header, layout, opening

    for module in (header, layout, opening):
        for value in vars(module).values():
            if inspect.isfunction(value) and value.__module__ == module.__name__:
                atheris.instrument_func(value)
    return opening.open_imzml


def seed_files() -> Iterator[bytes]:
    """Small files of different kinds to start from."""
    group = '<cvParam accession="{}"/><cvParam accession="{}"/><cvParam accession="{}"/>'
    for mz, intensity, packing in (
        ("MS:1000523", "MS:1000521", "MS:1000576"),
        ("MS:1000519", "MS:1000523", "MS:1000574"),
    ):
        spectra = ""
        for i in range(3):
            arrays = "".join(
                f'<binaryDataArray><referenceableParamGroupRef ref="{name}"/>'
                f'<cvParam accession="IMS:1000102" value="{16 + 64 * (2 * i + k)}"/>'
                f'<cvParam accession="IMS:1000103" value="{N_POINTS}"/><cvParam accession="IMS:1000104" value="32"/>'
                "<binary/></binaryDataArray>"
                for k, name in enumerate(("m", "i"))
            )
            place = f'<cvParam accession="IMS:1000050" value="{i}"/><cvParam accession="IMS:1000051" value="1"/>'
            spectra += f"<spectrum><scan>{place}</scan>{arrays}</spectrum>"
        yield (
            '<?xml version="1.0"?><mzML><fileContent><cvParam accession="IMS:1000031"/></fileContent>'
            f'<referenceableParamGroup id="m">{group.format("MS:1000514", mz, packing)}</referenceableParamGroup>'
            '<referenceableParamGroup id="i">'
            f"{group.format('MS:1000515', intensity, packing)}</referenceableParamGroup>"
            f'<scanSettings><cvParam accession="IMS:1000046" value="5"/></scanSettings><spectrumList>{spectra}'
            "</spectrumList></mzML>"
        ).encode()


def grown_file(data: bytes) -> bytes:
    """Well-formed XML, mostly in order, of which the fuzzer chooses the parts: it reaches what no broken tag does."""
    dice = atheris.FuzzedDataProvider(data)

    def pick(options: tuple[str, ...]) -> str:
        return options[dice.ConsumeIntInRange(0, len(options) - 1)]

    def rarely() -> bool:
        return dice.ConsumeIntInRange(0, RARELY) == RARELY

    def term(accession: str, value: object = "") -> str:
        value, unit = (pick(NUMBERS), pick(UNITS)) if rarely() else (value, "")
        return f'<cvParam accession="{accession}" name="{pick(NAMES) if rarely() else ""}" value="{value}"{unit}/>'

    def some(accessions: tuple[str, ...], value: object = "") -> str:
        return "".join(term(pick(accessions), value) for _ in range(dice.ConsumeIntInRange(0, 3) if rarely() else 0))

    def numbers(values: dict[str, int]) -> str:
        return "".join(term(a, value) for a, value in values.items() if not rarely())

    def array(group: str, number: int) -> str:
        place = {"IMS:1000102": 16 + 64 * number, "IMS:1000103": N_POINTS, "IMS:1000104": 8 * N_POINTS}
        reference = f'<referenceableParamGroupRef ref="{group}"/>'
        return f"<binaryDataArray>{reference}{some(GROUP_TERMS)}{numbers(place)}<binary/></binaryDataArray>"

    text = f"<mzML><fileContent>{some(CONTENT_TERMS)}{some(CONTENT_TERMS)}</fileContent>"
    for group, role in (("m", "MS:1000514"), ("i", "MS:1000515"), ("o", "MS:1003006")):
        terms = term(role) + term(pick(FORMATS)) + some(GROUP_TERMS)
        text += f'<referenceableParamGroup id="{group}">{terms}</referenceableParamGroup>'
    for _ in range(dice.ConsumeIntInRange(0, 2)):
        text += f"<scanSettings>{some(SETTINGS_TERMS, 5)}{some(SETTINGS_TERMS, 5)}</scanSettings>"
    text += f'<spectrumList count="{pick(NUMBERS)}">'
    for i in range(dice.ConsumeIntInRange(1, 5)):
        place = numbers({"IMS:1000050": i, "IMS:1000051": 1}) + some(("IMS:1000052",), 1)
        groups = pick(("mi", "im", "mio", "m", "mm", "omi", "")) if rarely() else "mi"
        arrays = "".join(array(group, 2 * i + k) for k, group in enumerate(groups))
        text += f"<spectrum>{some(GROUP_TERMS)}<scan>{place}</scan>{arrays}</spectrum>"
    return f"{text}</spectrumList></mzML>".encode()


def ibd_bytes() -> bytes:
    """An .ibd whose every 64 bytes hold ascending floats, and a zlib array from byte 2048 on."""
    values = np.tile(np.arange(100.0, 108.0), IBD_BYTES // 64).astype("<f8").tobytes()
    packed = zlib.compress(np.arange(100.0, 100.0 + N_POINTS).tobytes())
    return (b"\0" * 16 + values[:2032] + packed + values)[:IBD_BYTES]


def numbers_by_elementtree(content: bytes) -> list[list[int]] | None:
    """Read x, y, and offset and length of both arrays in another way; None where there is more than one reading."""
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    lists = [e for e in root.iter() if e.tag.rpartition("}")[2] == "spectrumList"]
    rows = []
    for spectrum in lists[0] if len(lists) == 1 else []:
        found = [(e.get("accession", "").strip(), e.get("value")) for e in spectrum.iter() if e.tag.endswith("cvParam")]
        columns = {n: [v for a, v in found if a == f"IMS:1000{n}"] for n in ("050", "051", "102", "103")}
        if not spectrum.tag.endswith("spectrum") or [len(c) for c in columns.values()] != [1, 1, 2, 2]:
            return None
        values = [v for c in columns.values() for v in c]
        if not all(v and re.fullmatch(r"[+-]?[0-9]+", v.strip()) for v in values):
            return None
        rows.append([int(v) for v in values])
    return rows or None


def check(open_imzml: Callable[..., Any], path: Path, content: bytes) -> None:
    """Open one file; raise what no user may meet."""
    from napari_metime.errors import MetimeError

    content = grown_file(content[1:]) if content.startswith(GROWN) else content
    path.write_bytes(content)
    try:
        dataset = open_imzml(path, use_cache=False, skip_broken=len(content) % 2 == 1)
    except MetimeError as error:
        if "\n" in str(error):
            raise RuntimeError("an error of more than one line") from error
        return
    if any("\n" in text for text in dataset.warnings):
        raise RuntimeError(f"a warning of more than one line: {dataset.warnings}")
    rows = numbers_by_elementtree(content)
    if rows is None or dataset.n_spectra != len(rows) or not np.all(dataset.mz_length):
        return
    top, left = dataset.grid.origin
    places = [list(pair) for pair in zip(dataset.col + left, dataset.row + top, strict=True)]
    assert places == [row[:2] for row in rows], rows
    arrays = (dataset.mz_offset, dataset.intensity_offset, dataset.mz_length, dataset.intensity_length)
    found = [[int(a[i]) for a in arrays] for i in range(len(rows))]
    expected = [row[2:] for row in rows]
    swapped = [[row[3], row[2], row[5], row[4]] for row in rows]
    assert all(f in (e, s) for f, e, s in zip(found, expected, swapped, strict=True)), (found, expected)


def main() -> None:
    """Fuzz until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--compiled", action="store_true")
    options = parser.parse_args()
    options.corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seed_files()):
        (options.corpus / f"seed-{number}").write_bytes(content)
        (options.corpus / f"seed-grown-{number}").write_bytes(GROWN + np.random.default_rng(number).bytes(300))
    words = options.corpus.parent / "tokens.dict"
    quoted = (t.replace("\\", "\\\\").replace('"', '\\"') for t in TOKENS)
    words.write_text("".join(f'"{t}"\n' for t in quoted))
    open_imzml = import_reader(options.compiled)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        path = Path(folder) / "s.imzML"
        path.with_suffix(".ibd").write_bytes(ibd_bytes())
        np.seterr(over="ignore")  # the compiled code wraps, too
        arguments = [
            f"-max_total_time={round(60 * options.minutes)}", f"-dict={words}", "-max_len=10000", "-timeout=60",
            "-rss_limit_mb=4096", f"-artifact_prefix={options.corpus.parent}/",
        ]  # fmt: skip
        atheris.Setup([sys.argv[0], *arguments, str(options.corpus)], lambda data: check(open_imzml, path, data))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
