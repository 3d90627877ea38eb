"""The header of an imzML: everything before its spectra, read with expat in small pieces.

Nothing in the file is executed, fetched or expanded: inner declarations (entities) are refused.
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, NamedTuple
from xml.parsers import expat

from napari_metime.errors import ImzMLError
from napari_metime.ims import terms
from napari_metime.ims.encodings import PIECE_BYTES, open_text

MAX_HEADER_BYTES = 64 << 20
MAX_TAG_BYTES = 1 << 20
MAX_GROUPS = 1000
MAX_PIXEL_UM = 1e6
NO_PIXEL_SIZE = "The file states no pixel size."
_UM_PER_UNIT = {
    unit.casefold(): um  # which also makes one of the two letters that look like µ
    for um, units in {
        1.0: ("", "UO:0000017", "micrometer", "micrometre", "micron", "um", "µm"),
        1e-3: ("UO:0000018", "nanometer", "nanometre", "nm"),
        1e3: ("UO:0000016", "millimeter", "millimetre", "mm"),
        1e4: ("UO:0000015", "centimeter", "centimetre", "cm"),
        1e6: ("UO:0000008", "meter", "metre", "m"),
    }.items()
    for unit in units
}
_WRONG_ENCODING = frozenset(
    expat.errors.codes[text]
    for text in (
        expat.errors.XML_ERROR_INVALID_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNKNOWN_ENCODING,
        expat.errors.XML_ERROR_INCORRECT_ENCODING,
    )
)


class GroupMeaning(NamedTuple):
    """What the terms of a parameter group say: bits of ``terms``, 0 where it says nothing of the kind."""

    role: int = 0
    number_format: int = 0
    compression: int = 0
    polarity: int = 0
    spectrum_type: int = 0


@dataclass(frozen=True, slots=True)
class Header:
    """What an imzML says before its first spectrum.

    Parameters
    ----------
    list_start : byte at which the tag of the spectrum list starts, in the UTF-8 text where the file is UTF-16
    encoding : Python's name of the encoding that the names of groups are written in
    uuid : 32 hexadecimal digits, or empty
    n_declared : number of spectra that the list announces, or None
    checksums : (kind, hexadecimal digits) of the .ibd, of each kind that is stated
    polarity, spectrum_type : bits of ``terms`` that are said of the file; of its groups where it says no polarity
    groups : meaning of each parameter group by its id
    pixel_size_um, stage_offset_um : (y, x) in µm, or None
    """

    list_start: int
    encoding: str
    n_declared: int | None
    uuid: str
    checksums: tuple[tuple[str, str], ...]
    mode: Literal["continuous", "processed"] | None
    polarity: int
    spectrum_type: int
    groups: Mapping[str, GroupMeaning]
    pixel_size_um: tuple[float, float] | None
    stage_offset_um: tuple[float, float] | None
    warnings: tuple[str, ...] = ()


class _Term(NamedTuple):
    accession: str
    value: str
    unit: str


@dataclass(slots=True)
class _Section:
    """The terms and the referenced groups of one element of the header."""

    terms: list[_Term] = field(default_factory=list)
    references: list[str] = field(default_factory=list)


class _ListReached(Exception):
    """Raised out of expat at the tag of the spectrum list."""


class _Collector:
    """Takes expat's events and keeps what the header is read for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.content = _Section()
        self.settings: list[_Section] = []
        self.groups: dict[str, _Section] = {}
        self.misnamed: dict[str, None] = {}
        self.n_declared: int | None = None
        self.list_start = 0
        self.depth = 0
        self._open: list[tuple[int, _Section]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Enter an element; the spectrum list ends the header."""
        self.depth += 1
        local = tag.rpartition(":")[2]
        if self.depth == 1 and local not in ("mzML", "indexedmzML"):
            raise ImzMLError(f"expected the XML of an imzML in {self.name}, found <{local[:40]}>; choose another file")
        if local == "spectrumList":
            count = attributes.get("count", "")
            self.n_declared = int(count) if count.isascii() and count.isdigit() and len(count) < 16 else None
            raise _ListReached
        if local in ("fileContent", "scanSettings", "referenceableParamGroup"):
            self._open.append((self.depth, self._section(local, attributes)))
        elif self._open and local == "referenceableParamGroupRef":
            self._open[-1][1].references.append(attributes.get("ref", ""))
        elif self._open and local == "cvParam":
            self._take(attributes)

    def end(self, tag: str) -> None:
        """Leave an element."""
        if self._open and self._open[-1][0] == self.depth:
            self._open.pop()
        self.depth -= 1

    def doctype(self, name: str, system_id: str | None, public_id: str | None, has_inner: bool) -> None:
        """Refuse what could make the text mean something else than it says."""
        if has_inner:
            raise ImzMLError(
                f"expected plain XML in {self.name}, found declarations of its own (entities), which are not read; "
                "export it again"
            )

    def _section(self, local: str, attributes: dict[str, str]) -> _Section:
        if local == "fileContent":
            return self.content
        if local == "scanSettings":
            self.settings.append(_Section())
            return self.settings[-1]
        if len(self.groups) >= MAX_GROUPS:
            raise ImzMLError(f"expected at most {MAX_GROUPS} parameter groups in {self.name}, found more; check it")
        return self.groups.setdefault(attributes.get("id", ""), _Section())

    def _take(self, attributes: dict[str, str]) -> None:
        accession, name = attributes.get("accession", "").strip(), " ".join(attributes.get("name", "").split())
        meant = terms.WRONG_ACCESSIONS.get((accession, name), accession)
        known = terms.NAMES.get(accession)
        if known is not None and name and name not in known:
            trusted = f'"{known[0]}"' if meant == accession else f"{meant}, as its name says"
            self.misnamed.setdefault(f'{accession} is named "{name[:60]}" and was read as {trusted}')
        if meant in _READ:
            unit, unit_name = (attributes.get(key, "").strip().casefold() for key in ("unitAccession", "unitName"))
            unit = unit if unit and (unit in _UM_PER_UNIT or not unit_name) else unit_name.removesuffix("s")
            self._open[-1][1].terms.append(_Term(meant, attributes.get("value", ""), unit))


_READ = frozenset([*terms.MEANINGS, *terms.MODES, *terms.CHECKSUMS, terms.UUID]).union(
    terms.PIXEL_SIZE.values(), terms.STAGE_OFFSET.values()
)


def read_header(path: Path) -> Header:
    """Read the header of an imzML.

    Raises
    ------
    MissingFileError
        The file cannot be read.
    ImzMLError
        It is no imzML, it is cut short before its spectra, or it declares entities.
    """
    file, transcoded = open_text(path)
    with file:
        return parse_header(file, path.name, transcoded=transcoded)


def parse_header(file: IO[bytes], name: str, *, transcoded: bool = False) -> Header:
    """Read the header from a binary file whose encoding may be another one than it declares.

    Parameters
    ----------
    name : the file's name, for messages
    transcoded : the text is UTF-8, whatever it declares
    """
    first_error: expat.ExpatError | LookupError | ValueError | None = None
    for encoding in ("utf-8",) if transcoded else (None, "utf-8", "iso-8859-1"):
        try:
            collector, declared = _parse(file, name, encoding)
        except (expat.ExpatError, LookupError, ValueError) as error:
            if isinstance(error, ImzMLError):
                raise
            first_error = first_error or error
            if isinstance(error, expat.ExpatError) and error.code not in _WRONG_ENCODING:
                break
            continue
        told = [] if encoding is None or transcoded else [_tell_encoding(encoding)]
        return _header(collector, encoding or declared, told)
    raise ImzMLError(f"expected XML in {name}, found an error ({first_error}); export it again") from first_error


def _parse(file: IO[bytes], name: str, encoding: str | None) -> tuple[_Collector, str]:
    """Feed expat up to the spectrum list; return what it met and the declared encoding."""
    collector = _Collector(name)
    parser = expat.ParserCreate(encoding)
    declared = ["utf-8"]

    def declaration(version: str, stated: str | None, standalone: int) -> None:
        declared[0] = stated or "utf-8"

    def start(tag: str, attributes: dict[str, str]) -> None:
        collector.list_start = parser.CurrentByteIndex
        collector.start(tag, attributes)

    parser.XmlDeclHandler = declaration
    parser.StartElementHandler, parser.EndElementHandler = start, collector.end
    parser.StartDoctypeDeclHandler = collector.doctype
    file.seek(0)
    n_fed = 0
    try:
        while piece := file.read(PIECE_BYTES):
            n_fed += len(piece)
            parser.Parse(piece, False)
            _check_bounds(name, n_fed, n_fed - max(0, parser.CurrentByteIndex))
        parser.Parse(b"", True)
    except _ListReached:
        return collector, declared[0]
    raise ImzMLError(f"expected a list of spectra in {name}, found none; export it again")


def _check_bounds(name: str, n_fed: int, n_waiting: int) -> None:
    if n_waiting > MAX_TAG_BYTES:
        raise ImzMLError(f"expected tags and comments of at most 1 MB in {name}, found a longer one; export it again")
    if n_fed > MAX_HEADER_BYTES:
        raise ImzMLError(f"expected spectra within the first 64 MB of {name}, found none; export it again")


def _tell_encoding(encoding: str) -> str:
    shown = {"utf-8": "UTF-8", "iso-8859-1": "Latin-1 (ISO-8859-1)"}[encoding]
    return f"The file is not in the encoding that it declares; it was read as {shown}."


def _header(collector: _Collector, encoding: str, told: list[str]) -> Header:
    content = _resolve(collector.content, collector.groups)
    values = {term.accession: term.value.strip() for term in reversed(content)}
    settings = [_resolve(section, collector.groups) for section in collector.settings]
    size, size_told = _pixel_size_um(settings)
    modes = [terms.MODES[a] for a in values if a in terms.MODES]
    groups = {name: _meaning(section.terms) for name, section in collector.groups.items()}
    whole = _meaning(content)
    return Header(
        list_start=collector.list_start,
        encoding=encoding,
        n_declared=collector.n_declared,
        uuid=_uuid(values.get(terms.UUID, "")),
        checksums=tuple((kind, values[a].lower()) for a, kind in terms.CHECKSUMS.items() if values.get(a)),
        mode=_mode(modes),
        polarity=whole.polarity or functools.reduce(operator.or_, (g.polarity for g in groups.values()), 0),
        spectrum_type=whole.spectrum_type,
        groups=groups,
        pixel_size_um=size,
        stage_offset_um=_stage_offset_um(settings),
        warnings=(*told, *_tell_misnamed(list(collector.misnamed)), *size_told),
    )


def _uuid(text: str) -> str:
    """Return the 32 hexadecimal digits of an identifier however it is set; empty where there are none."""
    found = re.search("[0-9a-f]{32}", text.lower().replace("-", ""))
    return found.group() if found else ""


def _mode(modes: list[str]) -> Literal["continuous", "processed"] | None:
    if len(modes) != 1:
        return None
    return "continuous" if modes[0] == "continuous" else "processed"


def _resolve(section: _Section, groups: Mapping[str, _Section]) -> list[_Term]:
    referred = [term for name in dict.fromkeys(section.references) if name in groups for term in groups[name].terms]
    return section.terms + referred


def _meaning(found: list[_Term]) -> GroupMeaning:
    bits = [0] * (terms.N_KINDS + 1)
    for term in found:
        kind, value = terms.MEANINGS.get(term.accession, (terms.NUMBER, 0))
        bits[kind] |= value
    return GroupMeaning(*bits[terms.ROLE : terms.NUMBER])


def _tell_misnamed(misnamed: list[str]) -> tuple[str, ...]:
    if not misnamed:
        return ()
    more = f" (and {len(misnamed) - 1} more)" if len(misnamed) > 1 else ""
    return (f"The file misnames standard terms; their numbers were trusted. First: {misnamed[0]}{more}.",)


def _pixel_size_um(settings: list[list[_Term]]) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Pixel size (y, x) in µm of the first scanSettings that states one."""
    sections = [section for section in settings if _lengths_um(section, terms.PIXEL_SIZE)]
    stated = [_lengths_um(section, terms.PIXEL_SIZE) for section in sections]
    told: list[str] = []
    if len({tuple(sorted(s.items())) for s in stated}) > 1:
        told.append("Several scan settings state different pixel sizes; the first was taken.")
    if not stated:
        return None, (NO_PIXEL_SIZE,)
    first = stated[0]
    # One side alone is how squares are written.
    size = (first.get("y", first.get("x", math.nan)), first.get("x", first.get("y", math.nan)))
    if not all(0 < s <= MAX_PIXEL_UM for s in size):
        told.append(
            f"The file states a pixel size that cannot be used ({size[1]:g} x {size[0]:g} µm); it was left out."
        )
        return None, tuple(told)
    # A side that is stated twice may have had an unreadable unit before.
    if any(_UM_PER_UNIT.get(t.unit, 1.0) != 1 for t in sections[0] if t.accession in terms.PIXEL_SIZE.values()):
        told.append(f"The file states its pixel size in another unit than µm; it is {size[1]:g} x {size[0]:g} µm.")
    if size[0] != size[1]:
        told.append(f"The pixels are no squares: {size[1]:g} µm in x, {size[0]:g} µm in y.")
    return size, tuple(told)


def _stage_offset_um(settings: list[list[_Term]]) -> tuple[float, float] | None:
    """Where the stage stood (y, x) in µm, of the first scanSettings that states both."""
    for found in (_lengths_um(s, terms.STAGE_OFFSET) for s in settings):
        if all(math.isfinite(found.get(axis, math.nan)) for axis in ("y", "x")):
            return found["y"], found["x"]
    return None


def _lengths_um(found: list[_Term], accessions: Mapping[str, str]) -> dict[str, float]:
    """Lengths in µm by axis; NaN where the value or its unit cannot be read."""
    axes = {accession: axis for axis, accession in accessions.items()}
    lengths: dict[str, float] = {}
    for term in found:
        if term.accession in axes:
            lengths[axes[term.accession]] = _number(term.value) * _UM_PER_UNIT.get(term.unit, math.nan)
    return lengths


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
