"""Make an imzML of any size for benchmarks, in bounded memory.

    python benchmarks/files.py OUT.imzML --kind processed|continuous --pixels 40000 --points 2000 [--seed 0]

A processed file holds peak lists: of 20 peaks, 14 are of a list that all pixels share, each within 5 ppm of its place,
and 6 are noise. A continuous file holds profiles on one axis. m/z are 64-bit, intensities 32-bit floats, the XML is
laid out as common writers do it, with some 2.3 kB a spectrum.
"""

from __future__ import annotations

import argparse
import hashlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

MZ_LOW, MZ_HIGH = 100.0, 1000.0
JITTER_PPM = 5.0
NOISE_SHARE = 0.3
BLOCK_POINTS = 1_000_000
N_COMPONENTS = 8

Block = tuple[NDArray[np.float64], NDArray[np.float32]]
Source = Callable[[NDArray[np.int64]], Block]

HEADER = """<?xml version="1.0" encoding="ISO-8859-1"?>
<mzML xmlns="http://psi.hupo.org/ms/mzml" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://psi.hupo.org/ms/mzml http://psidev.info/files/ms/mzML/xsd/mzML1.1.0_idx.xsd" version="1.1">
  <cvList count="3">
    <cv URI="http://psidev.info/ms/mzML/psi-ms.obo" fullName="Proteomics Standards Initiative Mass Spectrometry Ontology" id="MS" version="3.65.0"/>
    <cv URI="http://obo.cvs.sourceforge.net/*checkout*/obo/obo/ontology/phenotype/unit.obo" fullName="Unit Ontology" id="UO" version="12:10:2011"/>
    <cv URI="http://www.imzml.org/ontology/imzML.obo" fullName="Imaging MS Ontology" id="IMS" version="0.9.1"/>
  </cvList>
  <fileDescription>
    <fileContent>
      <cvParam cvRef="MS" accession="MS:1000579" name="MS1 spectrum" value=""/>
      <cvParam cvRef="MS" accession="{spectrum}" name="{spectrum_name} spectrum" value=""/>
      <cvParam cvRef="IMS" accession="IMS:1000080" name="universally unique identifier" value="{{{identifier}}}"/>
      <cvParam cvRef="IMS" accession="IMS:1000091" name="ibd SHA-1" value="{sha1}"/>
      <cvParam cvRef="IMS" accession="{mode}" name="{mode_name}" value=""/>
    </fileContent>
  </fileDescription>
  <referenceableParamGroupList count="4">
    <referenceableParamGroup id="mzArray">
      <cvParam cvRef="MS" accession="MS:1000576" name="no compression" value=""/>
      <cvParam cvRef="MS" accession="MS:1000514" name="m/z array" value="" unitCvRef="MS" unitAccession="MS:1000040" unitName="m/z"/>
      <cvParam cvRef="IMS" accession="IMS:1000101" name="external data" value="true"/>
      <cvParam cvRef="MS" accession="MS:1000523" name="64-bit float" value=""/>
    </referenceableParamGroup>
    <referenceableParamGroup id="intensityArray">
      <cvParam cvRef="MS" accession="MS:1000576" name="no compression" value=""/>
      <cvParam cvRef="MS" accession="MS:1000515" name="intensity array" value="" unitCvRef="MS" unitAccession="MS:1000131" unitName="number of detector counts"/>
      <cvParam cvRef="IMS" accession="IMS:1000101" name="external data" value="true"/>
      <cvParam cvRef="MS" accession="MS:1000521" name="32-bit float" value=""/>
    </referenceableParamGroup>
    <referenceableParamGroup id="spectrum1">
      <cvParam cvRef="MS" accession="MS:1000579" name="MS1 spectrum" value=""/>
      <cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="1"/>
      <cvParam cvRef="MS" accession="{spectrum}" name="{spectrum_name} spectrum" value=""/>
      <cvParam cvRef="MS" accession="MS:1000130" name="positive scan" value=""/>
    </referenceableParamGroup>
    <referenceableParamGroup id="scan1">
      <cvParam cvRef="MS" accession="MS:1000093" name="increasing m/z scan" value=""/>
    </referenceableParamGroup>
  </referenceableParamGroupList>
  <softwareList count="1">
    <software id="benchmark" version="1">
      <cvParam cvRef="MS" accession="MS:1000799" name="custom unreleased software tool" value="benchmark files"/>
    </software>
  </softwareList>
  <scanSettingsList count="1">
    <scanSettings id="scansettings0">
      <cvParam cvRef="IMS" accession="IMS:1000401" name="top down" value=""/>
      <cvParam cvRef="IMS" accession="IMS:1000413" name="flyback" value=""/>
      <cvParam cvRef="IMS" accession="IMS:1000480" name="horizontal line scan" value=""/>
      <cvParam cvRef="IMS" accession="IMS:1000491" name="linescan left right" value=""/>
      <cvParam cvRef="IMS" accession="IMS:1000042" name="max count of pixels x" value="{cols}"/>
      <cvParam cvRef="IMS" accession="IMS:1000043" name="max count of pixels y" value="{rows}"/>
      <cvParam cvRef="IMS" accession="IMS:1000046" name="pixel size (x)" value="20" unitCvRef="UO" unitAccession="UO:0000017" unitName="micrometer"/>
      <cvParam cvRef="IMS" accession="IMS:1000047" name="pixel size y" value="20" unitCvRef="UO" unitAccession="UO:0000017" unitName="micrometer"/>
    </scanSettings>
  </scanSettingsList>
  <instrumentConfigurationList count="1">
    <instrumentConfiguration id="instrumentConfiguration0">
      <componentList count="3">
        <source order="1"><cvParam cvRef="MS" accession="MS:1000075" name="matrix-assisted laser desorption ionization" value=""/></source>
        <analyzer order="2"><cvParam cvRef="MS" accession="MS:1000484" name="orbitrap" value=""/></analyzer>
        <detector order="3"><cvParam cvRef="MS" accession="MS:1000624" name="inductive detector" value=""/></detector>
      </componentList>
      <softwareRef ref="benchmark"/>
    </instrumentConfiguration>
  </instrumentConfigurationList>
  <dataProcessingList count="1">
    <dataProcessing id="export">
      <processingMethod order="1" softwareRef="benchmark">
        <cvParam cvRef="MS" accession="MS:1000544" name="Conversion to mzML" value=""/>
      </processingMethod>
    </dataProcessing>
  </dataProcessingList>
  <run defaultInstrumentConfigurationRef="instrumentConfiguration0" id="run1">
    <spectrumList count="{n_pixels}" defaultDataProcessingRef="export">
"""  # noqa: E501
SPECTRUM = """      <spectrum defaultArrayLength="0" id="spectrum=%d" index="%d">
        <referenceableParamGroupRef ref="spectrum1"/>
        <cvParam cvRef="MS" accession="MS:1000528" name="lowest observed m/z" value="%.6f" unitCvRef="MS" unitAccession="MS:1000040" unitName="m/z"/>
        <cvParam cvRef="MS" accession="MS:1000527" name="highest observed m/z" value="%.6f" unitCvRef="MS" unitAccession="MS:1000040" unitName="m/z"/>
        <cvParam cvRef="MS" accession="MS:1000504" name="base peak m/z" value="%.6f" unitCvRef="MS" unitAccession="MS:1000040" unitName="m/z"/>
        <cvParam cvRef="MS" accession="MS:1000505" name="base peak intensity" value="%.6f" unitCvRef="MS" unitAccession="MS:1000131" unitName="number of detector counts"/>
        <cvParam cvRef="MS" accession="MS:1000285" name="total ion current" value="%.6f"/>
        <scanList count="1">
          <cvParam cvRef="MS" accession="MS:1000795" name="no combination" value=""/>
          <scan instrumentConfigurationRef="instrumentConfiguration0">
            <referenceableParamGroupRef ref="scan1"/>
            <cvParam cvRef="IMS" accession="IMS:1000050" name="position x" value="%d"/>
            <cvParam cvRef="IMS" accession="IMS:1000051" name="position y" value="%d"/>
          </scan>
        </scanList>
        <binaryDataArrayList count="2">
          <binaryDataArray encodedLength="0">
            <referenceableParamGroupRef ref="mzArray"/>
            <cvParam cvRef="IMS" accession="IMS:1000103" name="external array length" value="%d"/>
            <cvParam cvRef="IMS" accession="IMS:1000102" name="external offset" value="%d"/>
            <cvParam cvRef="IMS" accession="IMS:1000104" name="external encoded length" value="%d"/>
            <binary/>
          </binaryDataArray>
          <binaryDataArray encodedLength="0">
            <referenceableParamGroupRef ref="intensityArray"/>
            <cvParam cvRef="IMS" accession="IMS:1000103" name="external array length" value="%d"/>
            <cvParam cvRef="IMS" accession="IMS:1000102" name="external offset" value="%d"/>
            <cvParam cvRef="IMS" accession="IMS:1000104" name="external encoded length" value="%d"/>
            <binary/>
          </binaryDataArray>
        </binaryDataArrayList>
      </spectrum>
"""  # noqa: E501
FOOTER = "    </spectrumList>\n  </run>\n</mzML>\n"
TERMS = {
    "processed": {"mode": "IMS:1000031", "spectrum": "MS:1000127", "spectrum_name": "centroid"},
    "continuous": {"mode": "IMS:1000030", "spectrum": "MS:1000128", "spectrum_name": "profile"},
}


def write_file(path: Path, kind: str, n_pixels: int, n_points: int, seed: int = 0) -> None:
    """Write ``path`` (.imzML) and the .ibd beside it.

    Parameters
    ----------
    kind : ``processed`` or ``continuous``
    n_pixels : spectra, on a grid as near to a square as their number allows
    n_points : peaks of each spectrum, or length of the shared axis; at most 10,000 peaks
    """
    cols = next(n for n in range(int(n_pixels**0.5), 0, -1) if n_pixels % n == 0)
    identifier = uuid.UUID(int=np.random.default_rng(seed).integers(2**63).item(), version=4)
    digest = hashlib.sha1(identifier.bytes, usedforsecurity=False)
    source = (_peak_lists if kind == "processed" else _profiles)(n_pixels, n_points, seed)
    summaries = []
    with path.with_suffix(".ibd").open("wb") as ibd:
        ibd.write(identifier.bytes)
        if kind == "continuous":
            _append(ibd, digest, _axis(n_points).tobytes())
        for pixels in _blocks(n_pixels, n_points):
            mz, intensity = source(pixels)
            _append(ibd, digest, _pack(kind, mz, intensity))
            summaries.append(_summary(mz, intensity))
    with path.open("w", encoding="ascii") as xml:
        terms = {"mode_name": kind, "identifier": identifier, "sha1": digest.hexdigest(), **TERMS[kind]}
        xml.write(HEADER.format(rows=n_pixels // cols, cols=cols, n_pixels=n_pixels, **terms))
        xml.writelines(_spectra(kind, n_points, cols, np.concatenate(summaries)))
        xml.write(FOOTER)


def known_peaks(n_points: int) -> NDArray[np.float64]:
    """m/z of the peaks that the pixels of a processed file share; a pixel has one of each pair, shape (n, 2)."""
    pairs, noisy = _strips(n_points)
    return pairs[~noisy]


def _strips(n_points: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Divide the m/z range into n_points strips: two places for a peak in each, and which hold noise."""
    rng = np.random.default_rng(n_points)
    width = (MZ_HIGH - MZ_LOW) / n_points
    edges = MZ_LOW + width * (np.arange(n_points + 1) + rng.uniform(-0.3, 0.3, n_points + 1))
    low, high = edges[:-1], edges[1:]
    pairs = np.stack([low + (high - low) / 3, high - (high - low) / 3], axis=1)
    return pairs, rng.permutation(n_points) < NOISE_SHARE * n_points


def _peak_lists(n_pixels: int, n_points: int, seed: int) -> Source:
    """One peak in each of n_points strips of the m/z range, so that every list ascends."""
    rng = np.random.default_rng(seed)
    pairs, noisy = _strips(n_points)
    height = np.where(noisy, 5.0, rng.lognormal(4, 1.5, n_points)).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, n_points).astype(np.float32)

    def source(pixels: NDArray[np.int64]) -> Block:
        shape = (pixels.size, n_points)
        place = rng.random(shape)
        which = rng.integers(0, 2, shape, np.uint8)
        known = np.where(which, pairs[:, 1], pairs[:, 0]) * (1 + JITTER_PPM * 1e-6 * (2 * place - 1))
        free = pairs[:, 0] + (pairs[:, 1] - pairs[:, 0]) * place
        wave = 1.2 + np.sin(phase + (pixels / n_pixels * 12).astype(np.float32)[:, None])
        intensity = height * wave * (0.5 + rng.random(shape, np.float32))
        return np.where(noisy, free, known), intensity.astype(np.float32)

    return source


def _profiles(n_pixels: int, n_points: int, seed: int) -> Source:
    """Few component spectra of Gaussian peaks, mixed differently in each pixel, and noise."""
    rng = np.random.default_rng(seed)
    axis = _axis(n_points)
    components = np.zeros((N_COMPONENTS, n_points), np.float32)
    for component in components:
        for centre, height in zip(rng.uniform(MZ_LOW, MZ_HIGH, 80), rng.lognormal(4, 1.5, 80), strict=True):
            component += (height * np.exp(-0.5 * ((axis - centre) / 0.3) ** 2)).astype(np.float32)

    def source(pixels: NDArray[np.int64]) -> Block:
        phase = pixels[:, None] / n_pixels * 12 + np.arange(N_COMPONENTS)
        weights = (1.2 + np.sin(phase)).astype(np.float32)
        noise = rng.random((pixels.size, n_points), np.float32)
        return axis[None], weights @ components + noise

    return source


def _axis(n_points: int) -> NDArray[np.float64]:
    return np.linspace(MZ_LOW, MZ_HIGH, n_points)


def _blocks(n_pixels: int, n_points: int) -> Iterator[NDArray[np.int64]]:
    step = max(1, BLOCK_POINTS // n_points)
    for first in range(0, n_pixels, step):
        yield np.arange(first, min(first + step, n_pixels))


def _pack(kind: str, mz: NDArray[np.float64], intensity: NDArray[np.float32]) -> bytes:
    if kind == "continuous":
        return intensity.tobytes()
    n_points = mz.shape[1]
    packed = np.empty(len(mz), [("mz", "<f8", n_points), ("intensity", "<f4", n_points)])
    packed["mz"], packed["intensity"] = mz, intensity
    return packed.tobytes()


def _append(ibd: IO[bytes], digest: hashlib._Hash, data: bytes) -> None:
    ibd.write(data)
    digest.update(data)


def _summary(mz: NDArray[np.float64], intensity: NDArray[np.float32]) -> NDArray[np.float64]:
    """Lowest and highest m/z, m/z and intensity of the base peak, total ion current; shape (n, 5)."""
    base = intensity.argmax(axis=1)
    rows = np.arange(len(intensity))
    mz = np.broadcast_to(mz, intensity.shape)
    total = intensity.sum(axis=1, dtype=np.float64)
    return np.stack([mz[:, 0], mz[:, -1], mz[rows, base], intensity[rows, base], total], axis=1)


def _spectra(kind: str, n_points: int, cols: int, summaries: NDArray[np.float64]) -> Iterator[str]:
    shared = kind == "continuous"
    mz_bytes, intensity_bytes = 8 * n_points, 4 * n_points
    for i, summary in enumerate(summaries):
        start = 16 + (mz_bytes + i * intensity_bytes if shared else i * (mz_bytes + intensity_bytes))
        mz_offset, intensity_offset = (16, start) if shared else (start, start + mz_bytes)
        yield SPECTRUM % (
            i + 1, i, *summary, i % cols + 1, i // cols + 1,
            n_points, mz_offset, mz_bytes, n_points, intensity_offset, intensity_bytes,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--kind", choices=list(TERMS), default="processed")
    parser.add_argument("--pixels", type=int, default=40_000)
    parser.add_argument("--points", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write_file(options.path, options.kind, options.pixels, options.points, options.seed)


if __name__ == "__main__":
    main()
