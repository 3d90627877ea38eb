"""A part of an imzML as an imzML of its own: some pixels, some m/z windows, the values untouched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError, OutputError, TissueError
from napari_metime.imzml_writer import Spectrum, write_imzml
from napari_metime.replacing import replaced_pair
from napari_metime.section import Dataset, Progress, no_progress

Mode: TypeAlias = Literal["processed", "continuous"]
ReadSpectra: TypeAlias = Callable[[Dataset, NDArray[np.int64]], Iterator[Spectrum]]
"""Yields the (m/z, intensity) of the numbered spectra in the file's own types."""
MAX_TOLERANCE_PPM = 1_000_000
REPORT_EVERY = 256


@dataclass(frozen=True, slots=True, eq=False)
class _Windows:
    """[m/z - tolerance, m/z + tolerance], both ends in it, ascending; all of shape (n,), float64."""

    mz: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def of_points(self, mz: NDArray[Any], scale: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the first window that holds each point, and how many do: windows that hold a point are neighbours."""
        with np.errstate(invalid="ignore"):  # a signalling NaN of a damaged file
            place = mz.astype(np.float64)
        first = np.searchsorted(self.high * scale, place, side="left")
        stop = np.searchsorted(self.low * scale, place, side="right")
        return first, np.maximum(stop - first, 0)

    def keep(self, mz: NDArray[Any], intensity: NDArray[Any], scale: float) -> Spectrum:
        """Keep the points inside, as they are."""
        inside = self.of_points(mz, scale)[1] > 0
        return mz[inside], intensity[inside]

    def sum(self, mz: NDArray[Any], intensity: NDArray[Any], scale: float) -> Spectrum:
        """Sum the points of each window: float64 in file order, cast to float32 once."""
        first, n_windows = self.of_points(mz, scale)
        last = np.cumsum(n_windows)
        window = np.repeat(first - last + n_windows, n_windows) + np.arange(last[-1] if last.size else 0)
        with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 is inf, as it would be in the file
            weights = np.repeat(intensity.astype(np.float64), n_windows)
            return self.mz, np.bincount(window, weights, minlength=self.mz.size).astype(np.float32)


def save_part(
    dataset: Dataset,
    path: Path,
    read_spectra: ReadSpectra,
    *,
    mask: NDArray[np.bool_] | None = None,
    mz: NDArray[np.float64] | None = None,
    tolerance_ppm: float | None = None,
    mode: Mode | None = None,
    on_progress: Progress = no_progress,
) -> Path:
    """Save a part of a dataset as an imzML pair, written beside its place and moved into it at the end.

    Pixels keep the coordinates that they have in the source, so that sections and ion images stay in register;
    every spectrum of a pixel is kept. Values are those of the source to the bit and keep their type (of 8 and 16 bits,
    which few programs read, they are written with 32): a recalibration chooses what lies in a window, but is not
    written. The same part gives the same bytes.

    Parameters
    ----------
    path : Path
        Ends in .imzML; the .ibd comes beside it. An earlier pair of that name is replaced.
    read_spectra : callable
        Reads spectra of the dataset by number.
    mask : ndarray of shape (rows, cols), bool, optional
        Pixels to keep: tissue, a region. Default: all that the dataset holds.
    mz, tolerance_ppm : ndarray of shape (n,) and ppm, optional
        Keep only points in [m/z - tolerance, m/z + tolerance], both ends included.
    mode : ``processed`` or ``continuous``, optional
        Default: as the source. Continuous from a processed source needs ``mz``: these are then the channels,
        and an intensity is the sum of its window's points, float32, 0 where nothing was found: what ``extract_ions``
        gives for that spectrum.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    ImzMLError
        The windows are none, hold no point, or there is no common m/z axis for a continuous file.
    TissueError
        The mask does not fit the grid or holds no spectrum.
    OutputError
        ``path`` is the source, ends otherwise, or cannot be written.
    """
    path = Path(path)
    windows = _windows(mz, tolerance_ppm)
    written_mode = mode or dataset.mode
    is_summed = written_mode == "continuous" and dataset.mode == "processed"
    if is_summed and windows is None:
        raise ImzMLError(
            f"expected m/z and a tolerance to make one m/z axis of the spectra of {dataset.path.name}, which have one "
            "each, found none; give them, or save in processed mode"
        )
    spectra = _chosen_spectra(dataset, mask)
    (top, left), row, col = dataset.grid.origin, dataset.row[spectra].tolist(), dataset.col[spectra].tolist()
    with replaced_pair(path, path.with_suffix(".ibd")) as new:
        _check_place(dataset, path)
        n_points = write_imzml(
            new,
            _points(dataset, spectra, read_spectra, windows, is_summed, on_progress),
            ((x + left, y + top) for x, y in zip(col, row, strict=True)),
            mode=written_mode,
            polarity=dataset.polarity,
            pixel_size_um=dataset.grid.pixel_size_um,
            uuid=_uuid(dataset, spectra, windows, written_mode),
            spectrum_type="centroid" if is_summed else dataset.spectrum_type,
            mz_dtype=np.dtype("<f8") if is_summed else _common_type(dataset.mz_dtype),
            intensity_dtype=np.dtype("<f4") if is_summed else _common_type(dataset.intensity_dtype),
            offset_um=dataset.stage_offset_um,
            command="save",
        )
        if n_points == 0:
            raise ImzMLError(
                f"expected points of {dataset.path.name} in the pixels and m/z windows, found none; "
                "choose others or a wider tolerance"
            )
    return path


def _points(
    dataset: Dataset,
    spectra: NDArray[np.int64],
    read_spectra: ReadSpectra,
    windows: _Windows | None,
    is_summed: bool,
    on_progress: Progress,
) -> Iterator[Spectrum]:
    scale = np.ones(spectra.size) if dataset.mz_scale is None else dataset.mz_scale[spectra]
    for number, (mz, intensity) in enumerate(read_spectra(dataset, spectra)):
        if number % REPORT_EVERY == 0:
            on_progress(number / spectra.size, "writing spectra")
        if windows is None:
            yield mz, intensity
        elif is_summed:
            yield windows.sum(mz, intensity, scale[number])
        else:
            yield windows.keep(mz, intensity, scale[number])
    on_progress(1.0, "writing the XML")


def _common_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of at least 32 bits, which every reader knows, that holds the same values."""
    return np.promote_types(dtype, "<f4" if dtype.kind == "f" else "<i4")


def _windows(mz: NDArray[np.float64] | None, tolerance_ppm: float | None) -> _Windows | None:
    if mz is None and tolerance_ppm is None:
        return None
    if mz is None or tolerance_ppm is None:
        raise ImzMLError("expected both m/z and a tolerance in ppm, found one of them; give both or none")
    centre = np.unique(np.asarray(mz, dtype=np.float64))
    if centre.size == 0 or not (np.isfinite(centre).all() and centre[0] > 0):
        raise ImzMLError(f"expected m/z above 0, found {centre.tolist()}; change them")
    if not 0 < tolerance_ppm <= MAX_TOLERANCE_PPM:
        raise ImzMLError(
            f"expected an m/z tolerance above 0 and up to {MAX_TOLERANCE_PPM:,} ppm, found {tolerance_ppm:g}; change it"
        )
    half = centre * tolerance_ppm * 1e-6
    return _Windows(centre, centre - half, centre + half)


def _chosen_spectra(dataset: Dataset, mask: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    if mask is None:
        return np.arange(dataset.n_spectra)
    if mask.dtype != bool or mask.shape != dataset.grid.shape:
        raise TissueError(
            f"expected a bool mask of shape {dataset.grid.shape}, found {mask.dtype} of {mask.shape}; resample it"
        )
    chosen = np.flatnonzero(mask[dataset.row, dataset.col])
    if chosen.size == 0:
        raise TissueError("expected spectra inside the mask, found none; choose pixels that were measured")
    return chosen


def _check_place(dataset: Dataset, path: Path) -> None:
    if path.suffix.lower() != ".imzml":
        raise OutputError(f"expected an output named .imzML, found {path.name}; name it so")
    pair = (path, path.with_suffix(".ibd"))
    sources = [source for source in (dataset.path, dataset.ibd_path) if source.exists()]
    if any(place.exists() and place.samefile(source) for place in pair for source in sources):
        raise OutputError(f"expected another place than that of the source, found {path}; choose another name")
    others = [p for p in _siblings(path) if p.suffix.lower() in (".imzml", ".ibd")]
    for other in others:
        # Names that differ in case alone: readers would take one pair's data for the other's.
        if not any(place.exists() and place.samefile(other) for place in pair):
            raise OutputError(
                f"expected a name that no other imzML or .ibd has, found {other.name} in {path.absolute().parent}; "
                "choose another name"
            )


def _siblings(path: Path) -> list[Path]:
    folder = path.absolute().parent
    return [p for p in folder.iterdir() if p.stem == path.stem] if folder.is_dir() else []


def _uuid(dataset: Dataset, spectra: NDArray[np.int64], windows: _Windows | None, mode: Mode) -> UUID:
    """Name the part by its source and what was taken of it."""
    digest = hashlib.sha256(spectra.astype("<i8").tobytes())
    if windows is not None:
        digest.update(windows.low.tobytes() + windows.high.tobytes())
        digest.update(b"" if dataset.mz_scale is None else dataset.mz_scale[spectra].tobytes())
    size = dataset.ibd_stamp[0]
    return uuid5(NAMESPACE_URL, f"napari-metime save {dataset.uuid} {size} {mode} {digest.hexdigest()}")
