"""Write an imzML pair as its spectra come: both modes, in the types they have, the same bytes every time."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError

Spectrum: TypeAlias = tuple[NDArray[Any], NDArray[Any]]
"""(m/z, intensity) of one spectrum, of one length."""
Place: TypeAlias = tuple[int, int]
"""(x, y) of a spectrum in the file's own coordinates."""

_HEADER = """\
<?xml version="1.0" encoding="UTF-8"?>
<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1">
<cvList count="3">
<cv id="MS" fullName="Proteomics Standards Initiative Mass Spectrometry Ontology" URI="http://purl.obolibrary.org/obo/ms.obo"/>
<cv id="UO" fullName="Unit Ontology" URI="http://purl.obolibrary.org/obo/uo.obo"/>
<cv id="IMS" fullName="Mass Spectrometry Imaging Ontology" URI="https://raw.githubusercontent.com/imzML/imzML/master/imagingMS.obo"/>
</cvList>
<fileDescription>
<fileContent>
<cvParam cvRef="MS" accession="MS:1000579" name="MS1 spectrum" value=""/>
{spectrum_type}<cvParam cvRef="IMS" accession="{mode_accession}" name="{mode}" value=""/>
<cvParam cvRef="IMS" accession="IMS:1000080" name="universally unique identifier" value="{{{uuid}}}"/>
<cvParam cvRef="IMS" accession="IMS:1000091" name="ibd SHA-1" value="{sha1}"/>
</fileContent>
</fileDescription>
<referenceableParamGroupList count="{n_groups}">
<referenceableParamGroup id="mz">
<cvParam cvRef="MS" accession="MS:1000514" name="m/z array" value="" \
unitCvRef="MS" unitAccession="MS:1000040" unitName="m/z"/>
{mz_type}<cvParam cvRef="MS" accession="MS:1000576" name="no compression" value=""/>
<cvParam cvRef="IMS" accession="IMS:1000101" name="external data" value="true"/>
</referenceableParamGroup>
<referenceableParamGroup id="int">
<cvParam cvRef="MS" accession="MS:1000515" name="intensity array" value="" \
unitCvRef="MS" unitAccession="MS:1000131" unitName="number of detector counts"/>
{intensity_type}<cvParam cvRef="MS" accession="MS:1000576" name="no compression" value=""/>
<cvParam cvRef="IMS" accession="IMS:1000101" name="external data" value="true"/>
</referenceableParamGroup>
<referenceableParamGroup id="sp">
<cvParam cvRef="MS" accession="MS:1000579" name="MS1 spectrum" value=""/>
<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="1"/>
{spectrum_type}{polarity}</referenceableParamGroup>
<referenceableParamGroup id="sc">
<cvParam cvRef="MS" accession="MS:1000795" name="no combination" value=""/>
</referenceableParamGroup>
{polarities}</referenceableParamGroupList>
<softwareList count="1">
<software id="napari-metime" version="1">
<cvParam cvRef="MS" accession="MS:1000799" name="custom unreleased software tool" value="napari-metime {command}"/>
</software>
</softwareList>
<scanSettingsList count="1">
<scanSettings id="settings">
<cvParam cvRef="IMS" accession="IMS:1000042" name="max count of pixels x" value="{cols}"/>
<cvParam cvRef="IMS" accession="IMS:1000043" name="max count of pixels y" value="{rows}"/>
{lengths}</scanSettings>
</scanSettingsList>
<instrumentConfigurationList count="1">
<instrumentConfiguration id="{instrument}">
<cvParam cvRef="MS" accession="MS:1000031" name="instrument model" value=""/>
</instrumentConfiguration>
</instrumentConfigurationList>
<dataProcessingList count="1">
<dataProcessing id="export">
<processingMethod order="1" softwareRef="napari-metime">
<cvParam cvRef="MS" accession="MS:1000544" name="Conversion to mzML" value=""/>
</processingMethod>
</dataProcessing>
</dataProcessingList>
<run id="section" defaultInstrumentConfigurationRef="{instrument}">
<spectrumList count="{count}" defaultDataProcessingRef="export">
"""

_ARRAY = """\
<binaryDataArray encodedLength="0">
<referenceableParamGroupRef ref="{}"/>
<cvParam cvRef="IMS" accession="IMS:1000102" name="external offset" value="%d"/>
<cvParam cvRef="IMS" accession="IMS:1000103" name="external array length" value="%d"/>
<cvParam cvRef="IMS" accession="IMS:1000104" name="external encoded length" value="%d"/>
<binary/>
</binaryDataArray>
"""
# One element a line: M2aia reads line by line.
_SPECTRUM = f"""\
<spectrum id="Scan=%d" index="%d" defaultArrayLength="%d">
<referenceableParamGroupRef ref="sp"/>
<scanList count="1">
<referenceableParamGroupRef ref="sc"/>
<scan>
<cvParam cvRef="IMS" accession="IMS:1000050" name="position x" value="%d"/>
<cvParam cvRef="IMS" accession="IMS:1000051" name="position y" value="%d"/>
</scan>
</scanList>
<binaryDataArrayList count="2">
{_ARRAY.format("mz")}{_ARRAY.format("int")}</binaryDataArrayList>
</spectrum>
"""
_FOOTER = "</spectrumList>\n</run>\n</mzML>\n"

_TERM = '<cvParam cvRef="MS" accession="{}" name="{}" value=""/>\n'
_LENGTH = (
    '<cvParam cvRef="IMS" accession="{}" name="{}" value="{}" '
    'unitCvRef="UO" unitAccession="UO:0000017" unitName="micrometer"/>\n'
)
_BOTH_POLARITIES = '<referenceableParamGroup id="polarities">\n{}</referenceableParamGroup>\n'
_MODE = {"continuous": "IMS:1000030", "processed": "IMS:1000031"}
_POLARITY = {
    "positive": _TERM.format("MS:1000130", "positive scan"),
    "negative": _TERM.format("MS:1000129", "negative scan"),
}
_SPECTRUM_TYPE = {
    "centroid": _TERM.format("MS:1000127", "centroid spectrum"),
    "profile": _TERM.format("MS:1000128", "profile spectrum"),
    "unknown": "",
}
_TYPE = {
    np.dtype("<f4"): _TERM.format("MS:1000521", "32-bit float"),
    np.dtype("<f8"): _TERM.format("MS:1000523", "64-bit float"),
    np.dtype("<i4"): _TERM.format("MS:1000519", "32-bit integer"),
    np.dtype("<i8"): _TERM.format("MS:1000522", "64-bit integer"),
}


class _Style(NamedTuple):
    """How a command of ours names the same facts."""

    instrument: str
    pixel_size_x: str


_STYLES = {
    "simulate": _Style("simulated", "pixel size (x)"),
    # M2aia knows the size in x by this name alone; pyimzML reads it, but warns of it.
    "save": _Style("source", "pixel size x"),
}


class _Table:
    """Where each spectrum lies, 40 bytes for each: all that is kept of it in memory."""

    def __init__(self) -> None:
        self.x, self.y, self.length, self.mz_offset, self.intensity_offset = (array("q") for _ in range(5))


class _Ibd:
    """The .ibd as it is written: its end and its SHA-1 up to there."""

    def __init__(self, file: BinaryIO) -> None:
        self.end = 0
        self._file = file
        self._digest = hashlib.sha1(usedforsecurity=False)

    def add(self, content: bytes) -> int:
        """Append bytes and return the offset at which they lie."""
        offset = self.end
        self._file.write(content)
        self._digest.update(content)
        self.end += len(content)
        return offset

    @property
    def sha1(self) -> str:
        return self._digest.hexdigest().upper()


def write_imzml(
    path: Path,
    spectra: Iterable[Spectrum],
    places: Iterable[Place],
    *,
    mode: Literal["processed", "continuous"],
    polarity: Literal["positive", "negative", "mixed", "unknown"],
    pixel_size_um: tuple[float, float] | None,
    uuid: UUID,
    spectrum_type: Literal["centroid", "profile", "unknown"] = "centroid",
    mz_dtype: np.dtype[Any] | str = "<f8",
    intensity_dtype: np.dtype[Any] | str = "<f4",
    offset_um: tuple[float, float] | None = None,
    command: Literal["simulate", "save"] = "simulate",
) -> int:
    """Write ``path`` and the .ibd beside it, not compressed; after an error neither is there.

    The .ibd is written spectrum by spectrum, the XML after it: of each spectrum only its place stays in memory.

    Parameters
    ----------
    path : Path that ends in .imzML
    spectra : (mz, intensity) of each pixel; in continuous mode all with the m/z of the first
    places : (x, y) of each pixel in the file's own coordinates
    polarity : ``mixed`` is stated for the file, not for each spectrum; ``unknown`` is not stated
    pixel_size_um : (y, x); None where unknown
    mz_dtype, intensity_dtype : little-endian float or integer of 32 or 64 bits, which must hold every value given
    offset_um : (y, x) of the acquired area on the stage; None where unknown
    command : what of this package wrote the file

    Returns
    -------
    int
        Number of points written.

    Raises
    ------
    ImzMLError
        There is no spectrum, a spectrum's arrays differ in length, or, in continuous mode, its m/z
        are not those of the first.
    """
    ibd_path = path.with_suffix(".ibd")
    types, style = (np.dtype(mz_dtype), np.dtype(intensity_dtype)), _STYLES[command]
    try:
        table, sha1 = _write_ibd(ibd_path, spectra, places, mode, types, uuid)
        cols, rows = max(table.x), max(table.y)
        header = _HEADER.format(
            **_terms(polarity, spectrum_type, types),
            mode=mode,
            mode_accession=_MODE[mode],
            uuid=str(uuid).upper(),
            sha1=sha1,
            rows=rows,
            cols=cols,
            lengths=_lengths((rows, cols), pixel_size_um, offset_um, style),
            command=command,
            instrument=style.instrument,
            count=len(table.x),
        )
        _write_xml(path, header, table, types)
    except BaseException:
        path.unlink(missing_ok=True)
        ibd_path.unlink(missing_ok=True)
        raise
    return sum(table.length)


def _write_ibd(
    path: Path,
    spectra: Iterable[Spectrum],
    places: Iterable[Place],
    mode: str,
    types: tuple[np.dtype[Any], np.dtype[Any]],
    uuid: UUID,
) -> tuple[_Table, str]:
    """Write the arrays behind the identifier; return where they lie and the SHA-1 of the file."""
    table, axis = _Table(), b""
    with path.open("wb") as file:
        ibd = _Ibd(file)
        ibd.add(uuid.bytes)
        for (mz, intensity), (x, y) in zip(spectra, places, strict=True):
            if mz.shape != intensity.shape:
                raise ImzMLError(
                    f"expected as many m/z as intensities at x={x}, y={y}, found {mz.size} and {intensity.size}; "
                    "check the arrays"
                )
            content = mz.astype(types[0], casting="safe", copy=False).tobytes()
            if mode == "processed" or not table.x:
                mz_offset, axis = ibd.add(content), content
            elif content != axis:
                raise ImzMLError(
                    f"expected one m/z axis in continuous mode, found another at x={x}, y={y}; write in processed mode"
                )
            table.mz_offset.append(mz_offset)
            table.intensity_offset.append(ibd.add(intensity.astype(types[1], casting="safe", copy=False).tobytes()))
            table.length.append(mz.size)
            table.x.append(x)
            table.y.append(y)
    if not table.x:
        raise ImzMLError("expected at least one spectrum to write, found none; choose pixels that were measured")
    return table, ibd.sha1


def _terms(polarity: str, spectrum_type: str, types: tuple[np.dtype[Any], np.dtype[Any]]) -> dict[str, str | int]:
    is_mixed = polarity == "mixed"
    return {
        "spectrum_type": _SPECTRUM_TYPE[spectrum_type],
        "polarity": _POLARITY.get(polarity, ""),
        "polarities": _BOTH_POLARITIES.format("".join(_POLARITY.values())) if is_mixed else "",
        "n_groups": 5 if is_mixed else 4,
        "mz_type": _TYPE[types[0]],
        "intensity_type": _TYPE[types[1]],
    }


def _lengths(
    shape: tuple[int, int],
    pixel_size_um: tuple[float, float] | None,
    offset_um: tuple[float, float] | None,
    style: _Style,
) -> str:
    stated: list[tuple[str, str, float]] = []
    if pixel_size_um is not None:
        (rows, cols), (height_um, width_um) = shape, pixel_size_um
        stated += [
            ("IMS:1000044", "max dimension x", round(cols * width_um)),
            ("IMS:1000045", "max dimension y", round(rows * height_um)),
            ("IMS:1000046", style.pixel_size_x, width_um),
            ("IMS:1000047", "pixel size y", height_um),
        ]
    if offset_um is not None:
        stated += [
            ("IMS:1000053", "absolute position offset x", offset_um[1]),
            ("IMS:1000054", "absolute position offset y", offset_um[0]),
        ]
    return "".join(_LENGTH.format(accession, name, _number(value)) for accession, name, value in stated)


def _number(value: float) -> str:
    """Write a number in the shortest form that reads back the same."""
    return repr(float(value)).removesuffix(".0")


def _write_xml(path: Path, header: str, table: _Table, types: tuple[np.dtype[Any], np.dtype[Any]]) -> None:
    mz_size, intensity_size = (dtype.itemsize for dtype in types)
    rows = zip(table.length, table.x, table.y, table.mz_offset, table.intensity_offset, strict=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(header)
        for i, (n, x, y, mz, intensity) in enumerate(rows):
            file.write(_SPECTRUM % (i + 1, i, n, x, y, mz, n, mz_size * n, intensity, n, intensity_size * n))
        file.write(_FOOTER)
