"""imzML files as they are met in the wild, made byte by byte where pyimzML's writer makes none of the kind."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_metime.ims.blocks import file_stamp
from napari_metime.section import Dataset, Grid

IDENTIFIER = UUID("12345678-9abc-4def-8123-456789abcdef")
FORMATS = {
    "<f4": ("MS:1000521", "32-bit float"),
    "<f8": ("MS:1000523", "64-bit float"),
    "<i4": ("MS:1000519", "32-bit integer"),
    "<i8": ("MS:1000522", "64-bit integer"),
    "<i2": ("IMS:1100001", "16-bit integer"),
    "<f2": ("MS:1000520", "16-bit float"),
}


@dataclass(frozen=True)
class Pixel:
    """One spectrum of a made file; ``place`` is (x, y) or (x, y, z)."""

    place: tuple[int, ...]
    mz: NDArray[np.generic]
    intensity: NDArray[np.generic]
    more: str = ""


def cv(accession: str, name: str = "", value: object = "", more: str = "") -> str:
    """Write one cvParam."""
    kind = accession.partition(":")[0]
    return f'<cvParam cvRef="{kind}" accession="{accession}" name="{name}" value="{value}"{more}/>\n'


@dataclass
class WildFile:
    """Writes files into a folder; every part of the XML can be put in other words."""

    folder: Path

    def __call__(
        self,
        pixels: Sequence[Pixel] | None = None,
        *,
        name: str = "s",
        shared_axis: bool = False,
        compressed: tuple[bool, bool] = (False, False),
        content: str = cv("IMS:1000031", "processed"),
        spectrum_terms: str = cv("MS:1000127", "centroid spectrum") + cv("MS:1000130", "positive scan"),
        settings: Sequence[str] = (cv("IMS:1000046", "pixel size x", 50) + cv("IMS:1000047", "pixel size y", 50),),
        encoded: bool = True,
        gap: int = 0,
        third_array: str = "",
    ) -> Path:
        """Write ``name``.imzML and its .ibd, with ``gap`` bytes (a hole) before the last spectrum."""
        pixels = pixels if pixels is not None else self.pixels()
        mz_type, intensity_type = pixels[0].mz.dtype, pixels[0].intensity.dtype
        head = cv("IMS:1000080", "universally unique identifier", f"{{{str(IDENTIFIER).upper()}}}") + content
        groups = "".join(
            f'<referenceableParamGroup id="{group}">{terms}</referenceableParamGroup>\n'
            for group, terms in (
                ("mz", cv("MS:1000514", "m/z array") + self._format(mz_type, compressed[0])),
                ("int", cv("MS:1000515", "intensity array") + self._format(intensity_type, compressed[1])),
                ("sp", spectrum_terms),
            )
        )
        scans = "".join(f'<scanSettings id="s{i}">{text}</scanSettings>\n' for i, text in enumerate(settings))
        spectra = self._write_ibd(pixels, name, shared_axis, compressed, encoded, gap, third_array)
        path = self.folder / f"{name}.imzML"
        path.write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1">\n'
            f"<fileDescription><fileContent>\n{head}</fileContent></fileDescription>\n"
            f'<referenceableParamGroupList count="3">\n{groups}</referenceableParamGroupList>\n'
            f'<scanSettingsList count="{len(settings)}">\n{scans}</scanSettingsList>\n'
            '<instrumentConfigurationList count="1"><instrumentConfiguration id="i"/></instrumentConfigurationList>\n'
            f'<run id="r">\n<spectrumList count="{len(pixels)}">\n{spectra}</spectrumList>\n</run>\n</mzML>\n',
            encoding="utf-8",
            newline="\n",
        )
        return path

    def pixels(self, places: Sequence[tuple[int, ...]] | None = None, seed: int = 0) -> list[Pixel]:
        """Random spectra of 3 to 9 points, m/z as 64-bit and intensities as 32-bit floats."""
        random = np.random.default_rng(seed)
        made = []
        for place in places or [(x, y) for y in (1, 2) for x in (1, 2, 3)]:
            n = int(random.integers(3, 10))
            mz, intensity = np.sort(random.uniform(100, 900, n)), random.uniform(0, 100, n).astype("<f4")
            made.append(Pixel(place, mz.astype("<f8"), intensity))
        return made

    @staticmethod
    def edit(path: Path, pattern: str, replacement: str, count: int = 1) -> Path:
        """Replace what a pattern finds in the XML, the first time or (0) every time."""
        text = path.read_text(encoding="utf-8")
        assert re.search(pattern, text), pattern
        path.write_text(re.sub(pattern, replacement, text, count=count), encoding="utf-8", newline="\n")
        return path

    @staticmethod
    def _format(dtype: np.dtype[np.generic], compressed: bool) -> str:
        packing = cv("MS:1000574", "zlib compression") if compressed else cv("MS:1000576", "no compression")
        return cv(*FORMATS[dtype.str]) + packing + cv("IMS:1000101", "external data", "true")

    def _write_ibd(
        self,
        pixels: Sequence[Pixel],
        name: str,
        shared_axis: bool,
        compressed: tuple[bool, bool],
        encoded: bool,
        gap: int,
        third_array: str,
    ) -> str:
        elements, axis = [], None
        with (self.folder / f"{name}.ibd").open("wb") as file:
            file.write(IDENTIFIER.bytes)
            for index, pixel in enumerate(pixels):
                if index == len(pixels) - 1 and gap:
                    file.seek(gap, 1)
                axis = axis if shared_axis and axis else self._array(file, "mz", pixel.mz, compressed[0], encoded)
                arrays = axis + self._array(file, "int", pixel.intensity, compressed[1], encoded)
                if third_array:
                    arrays += self._array(file, third_array, pixel.mz / 1000, False, encoded)
                elements.append(self._spectrum(index, pixel, arrays))
        return "".join(elements)

    @staticmethod
    def _array(file, group: str, values: NDArray[np.generic], compressed: bool, encoded: bool) -> str:
        data = zlib.compress(values.tobytes()) if compressed else values.tobytes()
        offset = file.tell()
        file.write(data)
        terms = group if group.startswith("<") else f'<referenceableParamGroupRef ref="{group}"/>\n'
        terms += cv("IMS:1000102", "external offset", offset) + cv("IMS:1000103", "external array length", values.size)
        terms += cv("IMS:1000104", "external encoded length", len(data)) if encoded else ""
        return f'<binaryDataArray encodedLength="0">\n{terms}<binary/>\n</binaryDataArray>\n'

    @staticmethod
    def _spectrum(index: int, pixel: Pixel, arrays: str) -> str:
        place = "".join(
            cv(f"IMS:100005{i}", f"position {axis}", value)
            for i, (axis, value) in enumerate(zip("xyz", pixel.place, strict=False))
        )
        return (
            f'<spectrum id="Scan={index + 1}" index="{index}" defaultArrayLength="0">\n'
            f'<referenceableParamGroupRef ref="sp"/>\n{pixel.more}<scanList count="1">\n<scan>\n{place}</scan>\n'
            f"</scanList>\n<binaryDataArrayList>\n{arrays}</binaryDataArrayList>\n</spectrum>\n"
        )


@pytest.fixture
def wild(tmp_path: Path) -> WildFile:
    """Make imzML files of any kind in a temporary folder."""
    return WildFile(tmp_path)


@pytest.fixture
def make_pixel() -> Callable[..., Pixel]:
    """Make one spectrum for ``wild``: ``make_pixel(place, mz, intensity)``."""
    return Pixel


@pytest.fixture
def cv_param() -> Callable[..., str]:
    """Write one cvParam: ``cv_param(accession, name, value)``."""
    return cv


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Dataset]:
    """Write an .ibd and describe it as an opened file: ``make_dataset([((row, col), mz, intensity), ...])``."""
    return partial(_write_dataset, tmp_path)


def _write_dataset(
    folder: Path,
    spectra: Sequence[tuple[tuple[int, int], Sequence[float], Sequence[float]]],
    *,
    mode: str = "processed",
    mz_dtype: str = "<f8",
    intensity_dtype: str = "<f4",
    compressed: bool = False,
    first_byte: int = 16,
    mz_scale: Sequence[float] | None = None,
) -> Dataset:
    """Continuous spectra take the first one's m/z; ``first_byte`` shifts all arrays, so that none is aligned."""
    path = folder / f"{uuid4().hex}.ibd"
    kinds = {"mz": np.dtype(mz_dtype), "intensity": np.dtype(intensity_dtype)}
    places: dict[str, list[tuple[int, int]]] = {"mz": [], "intensity": []}
    axes = [np.asarray(mz, kinds["mz"]) for _, mz, _ in spectra]
    with path.open("wb") as file:
        file.write(bytes(first_byte))
        for number, (_, _, intensity) in enumerate(spectra):
            arrays = {"mz": axes[number], "intensity": np.asarray(intensity, kinds["intensity"])}
            for name, values in arrays.items():
                if name == "mz" and mode == "continuous" and number:
                    places[name].append(places[name][0])
                    continue
                data = zlib.compress(values.tobytes()) if compressed else values.tobytes()
                places[name].append((file.tell(), len(data)))
                file.write(data)
    offset, encoded = (
        {name: np.array(found, np.int64).reshape(-1, 2)[:, i] for name, found in places.items()} for i in (0, 1)
    )
    row, col = np.array([place for place, _, _ in spectra], np.int32).reshape(-1, 2).T
    length = np.array([len(intensity) for _, _, intensity in spectra], np.int64)
    axes = axes[:1] * len(axes) if mode == "continuous" else axes
    known = np.concatenate([np.empty(0), *axes])
    known = known[(known > 0) & (known <= 1e6)]
    return Dataset(
        path=path.with_suffix(".imzML"),
        ibd_path=path,
        grid=Grid((int(row.max()) + 1, int(col.max()) + 1), (1, 1), None),
        mode=mode,  # type: ignore[arg-type]
        spectrum_type="unknown",
        polarity="unknown",
        uuid="",
        mz_range=(float(known.min()), float(known.max())),
        n_points=int(length.sum()),
        row=row.copy(),
        col=col.copy(),
        mz_offset=offset["mz"].copy(),
        mz_length=length,
        intensity_offset=offset["intensity"].copy(),
        intensity_length=length,
        ascending=np.array([bool((a[1:] >= a[:-1]).all()) and not np.isnan(a.astype(float)).any() for a in axes]),
        mz_dtype=kinds["mz"],
        intensity_dtype=kinds["intensity"],
        ibd_stamp=file_stamp(path.stat()),
        mz_encoded=encoded["mz"].copy() if compressed else None,
        intensity_encoded=encoded["intensity"].copy() if compressed else None,
        mz_scale=None if mz_scale is None else np.asarray(mz_scale, dtype=np.float64),
    )
