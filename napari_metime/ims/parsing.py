"""Open an imzML: pyimzML reads the XML, this module checks it and turns it into a Dataset."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from xml.etree.ElementTree import ParseError

import numpy as np
from numpy.typing import NDArray
from pyimzml.ImzMLParser import ImzMLParser

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.ims.parts import select_part
from napari_metime.ims.spectra import mz_range
from napari_metime.section import Dataset, Grid

# pyimzML's one-letter precisions; imzML is little-endian by definition.
_DTYPES: dict[str, np.dtype[Any]] = {
    "f": np.dtype("<f4"),
    "d": np.dtype("<f8"),
    "i": np.dtype("<i4"),
    "l": np.dtype("<i8"),
}
_UM_PER_UNIT = {"UO:0000017": 1.0, "UO:0000018": 1e-3, "UO:0000016": 1e3, "UO:0000015": 1e4, None: 1.0, "": 1.0}
MAX_GRID_PIXELS = 10_000_000
MAX_OFFSET = 1 << 50
NO_PIXEL_SIZE = "The file states no pixel size."
_PIXEL_SIZE = {"x": "IMS:1000046", "y": "IMS:1000047"}


def open_imzml(path: Path, *, part: str | tuple[int, int, int, int] | None = None) -> Dataset:
    """Open an imzML with the .ibd beside it.

    Parameters
    ----------
    path : Path
        The .imzML file.
    part : str or (row_min, col_min, row_max, col_max), optional
        Keep only the spectra of one part of the grid; the grid itself stays as it is.

    Raises
    ------
    MissingFileError
        The .imzML or its .ibd is not there.
    ImzMLError
        The XML is no imzML, or the .ibd is shorter than its offsets say.
    """
    path = Path(path)
    ibd_path = _find_ibd(path)
    parser, told = _parse(path)
    mz_offset, mz_length = _counts(parser.mzOffsets), _counts(parser.mzLengths)
    intensity_offset, intensity_length = _counts(parser.intensityOffsets), _counts(parser.intensityLengths)
    coordinates = np.asarray(parser.coordinates, dtype=np.int64)
    pixel_size_um, size_told = _pixel_size_um(parser.metadata)
    x, y, z = coordinates.T
    _check_coordinates(path, x, y, z)
    grid = Grid((int(np.ptp(y)) + 1, int(np.ptp(x)) + 1), (int(y.min()), int(x.min())), pixel_size_um)
    shared_axis = np.unique(mz_offset).size == 1 and np.unique(mz_length).size == 1 and mz_offset.size > 1
    mode, mode_told = _mode(parser.metadata, shared_axis=bool(shared_axis), n_spectra=mz_offset.size)
    dataset = Dataset(
        path=path,
        ibd_path=ibd_path,
        grid=grid,
        mode=mode,
        spectrum_type=parser.spectrum_mode or "unknown",
        polarity=parser.polarity or "unknown",
        uuid=_uuid(parser.metadata),
        mz_range=(np.nan, np.nan),
        n_points=int(intensity_length.sum()),
        row=(y - y.min()).astype(np.intp),
        col=(x - x.min()).astype(np.intp),
        mz_offset=mz_offset,
        mz_length=mz_length,
        intensity_offset=intensity_offset,
        intensity_length=intensity_length,
        mz_dtype=_DTYPES[parser.mzPrecision],
        intensity_dtype=_DTYPES[parser.intensityPrecision],
    )
    _check_arrays(dataset)
    found_range, n_impossible = mz_range(dataset)
    dataset = replace(dataset, mz_range=found_range)
    if n_impossible:
        told = (
            *told,
            f"{n_impossible:,} points have an impossible m/z (0 or less, or no number); no window holds them.",
        )
    told = (*told, *size_told, *mode_told, *_tell_duplicates(dataset), *_tell_uuid(dataset))
    return select_part(replace(dataset, warnings=told), part)


def _find_ibd(path: Path) -> Path:
    if not path.is_file():
        raise MissingFileError(f"expected an .imzML file at {path}, found none; check the path")
    if path.suffix.lower() != ".imzml":
        raise ImzMLError(f"expected a file that ends in .imzML, found {path.name}; choose the .imzML of the pair")
    if path.stat().st_size == 0:
        raise ImzMLError(f"expected an imzML, found an empty file: {path.name}; copy it again")
    for candidate in sorted(path.parent.iterdir()):
        if candidate.stem == path.stem and candidate.suffix.lower() == ".ibd" and candidate.is_file():
            return candidate
    raise MissingFileError(
        f"expected {path.stem}.ibd beside {path.name}, found none in {path.parent}; put the pair in one folder"
    )


def _parse(path: Path) -> tuple[ImzMLParser, tuple[str, ...]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            parser = ImzMLParser(str(path), ibd_file=None)
        except ParseError as error:
            raise ImzMLError(f"expected XML in {path.name}, found an error ({error}); export it again") from error
        except OSError as error:
            raise MissingFileError(
                f"expected to read {path}, found: {error.strerror or error}; check its permissions"
            ) from error
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError) as error:
            # pyimzML raises whatever the first missing element leads to.
            raise ImzMLError(
                f"expected the elements of an imzML in {path.name}, found a gap ({type(error).__name__}: {error}); "
                "export it again"
            ) from error
    if parser.mzPrecision not in _DTYPES or parser.intensityPrecision not in _DTYPES:
        raise ImzMLError(
            f"expected 32 or 64 bit floats or integers in {path.name}, found no such term; export it again"
        )
    if any("zlib compression" in group for group in parser.metadata.referenceable_param_groups.values()):
        raise ImzMLError(
            f"expected uncompressed arrays, found zlib compression in {path.name}; export without compression"
        )
    return parser, _collect(caught)


def _collect(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    """One warning per kind: pyimzML repeats itself for every odd term."""
    texts = list(dict.fromkeys(str(w.message) for w in caught))
    terms = [t for t in texts if "Accession" in t or "accession" in t]
    others = [t for t in texts if t not in terms]
    if terms:
        more = f" (and {len(terms) - 1} more)" if len(terms) > 1 else ""
        others.append(f"The file misnames standard terms; their numbers were trusted. First: {terms[0]}{more}")
    return tuple(others)


def _counts(values: list[int]) -> NDArray[np.int64]:
    try:
        return np.asarray(values, dtype=np.int64)
    except OverflowError as error:
        raise ImzMLError(
            "expected 64-bit offsets and lengths in the imzML, found larger numbers; export it again"
        ) from error


def _check_coordinates(path: Path, x: NDArray[np.int64], y: NDArray[np.int64], z: NDArray[np.int64]) -> None:
    planes = np.unique(z)
    if planes.size > 1:
        raise ImzMLError(f"expected one z plane in {path.name}, found {planes.size}; export one plane a file")
    rows, cols = int(np.ptp(y)) + 1, int(np.ptp(x)) + 1
    if rows * cols > MAX_GRID_PIXELS:
        raise ImzMLError(
            f"expected a grid of at most 10 million pixels in {path.name}, found {rows} x {cols}; check them"
        )


def _check_arrays(dataset: Dataset) -> None:
    name, size = dataset.ibd_path.name, dataset.ibd_path.stat().st_size
    offsets = (dataset.mz_offset, dataset.mz_length, dataset.intensity_offset, dataset.intensity_length)
    if any((a < 0).any() for a in offsets):
        raise ImzMLError(
            f"expected offsets and lengths of at least 0 in {dataset.path.name}, found negative ones; export it again"
        )
    largest = max(int(a.max()) for a in offsets)
    if largest > MAX_OFFSET:  # sums and products of these would overflow
        raise ImzMLError(
            f"expected offsets and lengths in the .ibd in {dataset.path.name}, found {largest:,}; export it again"
        )
    differing = np.flatnonzero(dataset.mz_length != dataset.intensity_length)
    if differing.size:
        raise ImzMLError(
            f"expected as many m/z as intensities in each spectrum, found {dataset.mz_length[differing[0]]} and "
            f"{dataset.intensity_length[differing[0]]} at {_place(dataset, int(differing[0]))}; export it again"
        )
    end = np.maximum(
        dataset.mz_offset + dataset.mz_length * dataset.mz_dtype.itemsize,
        dataset.intensity_offset + dataset.intensity_length * dataset.intensity_dtype.itemsize,
    )
    short = np.flatnonzero(end > size)
    if short.size:
        raise ImzMLError(
            f"expected {end.max():,} bytes in {name}, found {size:,}: the file is cut short from "
            f"{_place(dataset, int(short[0]))} on; copy it again"
        )


def _place(dataset: Dataset, spectrum: int) -> str:
    top, left = dataset.grid.origin
    return f"pixel x={dataset.col[spectrum] + left}, y={dataset.row[spectrum] + top}"


def _pixel_size_um(metadata: Any) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Pixel size (y, x) in µm of the first scanSettings that states one."""
    stated = [s for s in map(_stated_size, metadata.scan_settings.values()) if s]
    told: list[str] = []
    if len({tuple(s.items()) for s in stated}) > 1:
        told.append("Several scan settings state different pixel sizes; the first was taken.")
    if not stated:
        return None, (NO_PIXEL_SIZE,)
    size = (stated[0].get("y", stated[0].get("x", np.nan)), stated[0].get("x", np.nan))
    if not all(np.isfinite(s) and s > 0 for s in size):
        told.append(
            f"The file states a pixel size that cannot be used ({size[1]:g} x {size[0]:g} µm); it was left out."
        )
        return None, tuple(told)
    return size, tuple(told)


def _stated_size(settings: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for axis, accession in _PIXEL_SIZE.items():
        for _, number, _, _, raw, _, unit in settings.cv_params:
            if number == accession:
                try:
                    found[axis] = float(raw) * _UM_PER_UNIT.get(unit, np.nan)
                except (TypeError, ValueError):
                    found[axis] = np.nan
    return found


def _mode(
    metadata: Any, *, shared_axis: bool, n_spectra: int
) -> tuple[Literal["continuous", "processed"], tuple[str, ...]]:
    """Structure decides (do all spectra share one m/z array?), the declared term comes second."""
    content = metadata.file_description
    declared = "continuous" if "IMS:1000030" in content else "processed" if "IMS:1000031" in content else None
    if n_spectra == 1:
        return ("continuous" if declared == "continuous" else "processed"), ()
    found: Literal["continuous", "processed"] = "continuous" if shared_axis else "processed"
    if declared is not None and declared != found:
        return found, (f"The file calls itself {declared}, but its offsets are those of a {found} file.",)
    return found, ()


def _uuid(metadata: Any) -> str:
    content = metadata.file_description
    value = content.param_by_accession.get("IMS:1000080")
    return str(value or "").strip("{}").replace("-", "").lower()


def _tell_uuid(dataset: Dataset) -> tuple[str, ...]:
    with dataset.ibd_path.open("rb") as file:
        found = file.read(16).hex()
    if found == dataset.uuid:
        return ()
    return ("The .ibd does not carry the identifier (UUID) of the .imzML; make sure that the two belong together.",)


def _tell_duplicates(dataset: Dataset) -> tuple[str, ...]:
    n_doubled = dataset.n_spectra - np.unique(dataset.pixel).size
    return (f"{n_doubled} spectra share a pixel with another one; they were summed.",) if n_doubled else ()
