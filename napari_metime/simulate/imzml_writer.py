"""Write an imzML pair: both modes, centroid, with pixel size and polarity, the same bytes every time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Spectrum: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float32]]
Place: TypeAlias = tuple[int, int]

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
<cvParam cvRef="MS" accession="MS:1000127" name="centroid spectrum" value=""/>
<cvParam cvRef="IMS" accession="{mode_accession}" name="{mode}" value=""/>
<cvParam cvRef="IMS" accession="IMS:1000080" name="universally unique identifier" value="{{{uuid}}}"/>
<cvParam cvRef="IMS" accession="IMS:1000091" name="ibd SHA-1" value="{sha1}"/>
</fileContent>
</fileDescription>
<referenceableParamGroupList count="4">
<referenceableParamGroup id="mz">
<cvParam cvRef="MS" accession="MS:1000514" name="m/z array" value="" \
unitCvRef="MS" unitAccession="MS:1000040" unitName="m/z"/>
<cvParam cvRef="MS" accession="MS:1000523" name="64-bit float" value=""/>
<cvParam cvRef="MS" accession="MS:1000576" name="no compression" value=""/>
<cvParam cvRef="IMS" accession="IMS:1000101" name="external data" value="true"/>
</referenceableParamGroup>
<referenceableParamGroup id="int">
<cvParam cvRef="MS" accession="MS:1000515" name="intensity array" value="" \
unitCvRef="MS" unitAccession="MS:1000131" unitName="number of detector counts"/>
<cvParam cvRef="MS" accession="MS:1000521" name="32-bit float" value=""/>
<cvParam cvRef="MS" accession="MS:1000576" name="no compression" value=""/>
<cvParam cvRef="IMS" accession="IMS:1000101" name="external data" value="true"/>
</referenceableParamGroup>
<referenceableParamGroup id="sp">
<cvParam cvRef="MS" accession="MS:1000579" name="MS1 spectrum" value=""/>
<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="1"/>
<cvParam cvRef="MS" accession="MS:1000127" name="centroid spectrum" value=""/>
<cvParam cvRef="MS" accession="{polarity_accession}" name="{polarity} scan" value=""/>
</referenceableParamGroup>
<referenceableParamGroup id="sc">
<cvParam cvRef="MS" accession="MS:1000795" name="no combination" value=""/>
</referenceableParamGroup>
</referenceableParamGroupList>
<softwareList count="1">
<software id="napari-metime" version="1">
<cvParam cvRef="MS" accession="MS:1000799" name="custom unreleased software tool" value="napari-metime simulate"/>
</software>
</softwareList>
<scanSettingsList count="1">
<scanSettings id="settings">
<cvParam cvRef="IMS" accession="IMS:1000042" name="max count of pixels x" value="{cols}"/>
<cvParam cvRef="IMS" accession="IMS:1000043" name="max count of pixels y" value="{rows}"/>
<cvParam cvRef="IMS" accession="IMS:1000044" name="max dimension x" value="{width_um}" \
unitCvRef="UO" unitAccession="UO:0000017" unitName="micrometer"/>
<cvParam cvRef="IMS" accession="IMS:1000045" name="max dimension y" value="{height_um}" \
unitCvRef="UO" unitAccession="UO:0000017" unitName="micrometer"/>
<cvParam cvRef="IMS" accession="IMS:1000046" name="pixel size (x)" value="{pixel_width_um:.10g}" \
unitCvRef="UO" unitAccession="UO:0000017" unitName="micrometer"/>
<cvParam cvRef="IMS" accession="IMS:1000047" name="pixel size y" value="{pixel_height_um:.10g}" \
unitCvRef="UO" unitAccession="UO:0000017" unitName="micrometer"/>
</scanSettings>
</scanSettingsList>
<instrumentConfigurationList count="1">
<instrumentConfiguration id="simulated">
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
<run id="section" defaultInstrumentConfigurationRef="simulated">
<spectrumList count="{count}" defaultDataProcessingRef="export">
"""

_SPECTRUM = (
    '<spectrum id="Scan={number}" index="{index}" defaultArrayLength="{length}"><referenceableParamGroupRef ref="sp"/>'
    '<scanList count="1"><referenceableParamGroupRef ref="sc"/><scan>'
    '<cvParam cvRef="IMS" accession="IMS:1000050" name="position x" value="{x}"/>'
    '<cvParam cvRef="IMS" accession="IMS:1000051" name="position y" value="{y}"/>'
    '</scan></scanList><binaryDataArrayList count="2">{mz}{intensity}</binaryDataArrayList></spectrum>\n'
)
_ARRAY = (
    '<binaryDataArray encodedLength="0"><referenceableParamGroupRef ref="{group}"/>'
    '<cvParam cvRef="IMS" accession="IMS:1000102" name="external offset" value="{offset}"/>'
    '<cvParam cvRef="IMS" accession="IMS:1000103" name="external array length" value="{length}"/>'
    '<cvParam cvRef="IMS" accession="IMS:1000104" name="external encoded length" value="{n_bytes}"/>'
    "<binary/></binaryDataArray>"
)
_FOOTER = "</spectrumList>\n</run>\n</mzML>\n"

_MODE = {"continuous": "IMS:1000030", "processed": "IMS:1000031"}
_POLARITY = {"positive": "MS:1000130", "negative": "MS:1000129"}


def write_imzml(
    path: Path,
    spectra: Sequence[Spectrum],
    places: Sequence[Place],
    *,
    mode: Literal["processed", "continuous"],
    polarity: Literal["positive", "negative"],
    pixel_size_um: tuple[float, float],
    uuid: UUID,
) -> None:
    """Write ``path`` and the .ibd beside it: m/z as 64-bit, intensities as 32-bit floats, no compression.

    Parameters
    ----------
    path : Path that ends in .imzML
    spectra : (mz, intensity) of each pixel; in continuous mode all with the m/z of the first
    places : (x, y) of each pixel in the file's own coordinates, from 1
    pixel_size_um : (y, x)

    Raises
    ------
    ValueError
        There is no spectrum, a spectrum's arrays differ in length, or, in continuous mode, its m/z
        are not those of the first.
    """
    if not spectra or any(m.size != i.size for m, i in spectra):
        raise ValueError("expected spectra with as many m/z as intensities, found others; check the arrays")
    if mode == "continuous" and not all(np.array_equal(m, spectra[0][0]) for m, _ in spectra):
        raise ValueError("expected one m/z axis in continuous mode, found several; write in processed mode")
    offsets, sha1 = _write_ibd(path.with_suffix(".ibd"), spectra, mode, uuid)
    cols, rows = max(x for x, _ in places), max(y for _, y in places)
    header = _HEADER.format(
        mode=mode,
        mode_accession=_MODE[mode],
        polarity=polarity,
        polarity_accession=_POLARITY[polarity],
        uuid=str(uuid).upper(),
        sha1=sha1,
        rows=rows,
        cols=cols,
        height_um=round(rows * pixel_size_um[0]),
        width_um=round(cols * pixel_size_um[1]),
        pixel_height_um=pixel_size_um[0],
        pixel_width_um=pixel_size_um[1],
        count=len(spectra),
    )
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(header)
        for index, (spectrum, place, offset) in enumerate(zip(spectra, places, offsets, strict=True)):
            file.write(_spectrum_element(index, spectrum[0].size, place, offset))
        file.write(_FOOTER)


def _write_ibd(path: Path, spectra: Sequence[Spectrum], mode: str, uuid: UUID) -> tuple[list[tuple[int, int]], str]:
    """Write the arrays behind the identifier; return each spectrum's two offsets and the SHA-1 of the file."""
    chunks, offsets, end = [uuid.bytes], [], 16
    for index, (mz, intensity) in enumerate(spectra):
        if mode == "processed" or index == 0:
            mz_offset = end
            chunks.append(mz.astype("<f8").tobytes())
            end += len(chunks[-1])
        offsets.append((mz_offset, end))
        chunks.append(intensity.astype("<f4").tobytes())
        end += len(chunks[-1])
    content = b"".join(chunks)
    path.write_bytes(content)
    return offsets, hashlib.sha1(content, usedforsecurity=False).hexdigest().upper()


def _spectrum_element(index: int, length: int, place: Place, offset: tuple[int, int]) -> str:
    return _SPECTRUM.format(
        number=index + 1,
        index=index,
        length=length,
        x=place[0],
        y=place[1],
        mz=_ARRAY.format(group="mz", offset=offset[0], length=length, n_bytes=8 * length),
        intensity=_ARRAY.format(group="int", offset=offset[1], length=length, n_bytes=4 * length),
    )
