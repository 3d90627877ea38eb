"""Open an imzML: header, spectra and m/z axes, read once, checked, and kept in the cache for the next time."""

from __future__ import annotations

import hashlib
import json
import mmap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.ims import scanning
from napari_metime.ims.axes import Axes, read_axes
from napari_metime.ims.blocks import file_stamp
from napari_metime.ims.cache import load_arrays, save_arrays
from napari_metime.ims.encodings import open_text
from napari_metime.ims.header import Header, parse_header, read_header
from napari_metime.ims.layout import (
    MAX_COORDINATE,
    MAX_GRID_PIXELS,
    Layout,
    check_bounds,
    choose_plane,
    polarity_of,
    shares_axis,
)
from napari_metime.ims.pages import giving_back
from napari_metime.ims.parts import select_part
from napari_metime.ims.repairs import divide_step, lay_out_repaired
from napari_metime.ims.scanning import scan_spectra
from napari_metime.ims.terms import CENTROID, PROFILE
from napari_metime.section import Dataset, Grid, Progress, no_progress, share_of

CACHE_FORMAT = 3
NO_POLARITY = "The file states no polarity."
_SETTLED_NS = 100_000_000
_PIECE_BYTES = 1 << 20
_ARRAYS = (  # mz_length is intensity_length
    "row", "col", "mz_offset", "intensity_offset", "intensity_length", "ascending", "mz_encoded",
    "intensity_encoded",
)  # fmt: skip
_FACTS = (
    "mode", "spectrum_type", "polarity", "uuid", "mz_range", "n_points", "ibd_stamp", "stage_offset_um", "warnings",
)  # fmt: skip


def open_imzml(
    path: Path,
    *,
    part: str | tuple[int, int, int, int] | None = None,
    plane: int | None = None,
    skip_broken: bool = False,
    use_cache: bool = True,
    on_progress: Progress = no_progress,
) -> Dataset:
    """Open an imzML with the .ibd beside it.

    Parameters
    ----------
    path : Path
        The .imzML file.
    part : str or (row_min, col_min, row_max, col_max), optional
        Keep only the spectra of one part of the grid; the grid itself stays as it is.
    plane : int, optional
        The z plane to take, as the file numbers it; default: the lowest.
    skip_broken : bool
        Leave out spectra that the .ibd does not hold, instead of refusing the file.
    use_cache : bool
        Take what was found when the same files were opened before.

    Raises
    ------
    MissingFileError
        The .imzML or its .ibd is not there.
    ImzMLError
        The XML is no imzML, or the .ibd is shorter than its offsets say.
    """
    path = Path(path)
    try:
        ibd_path = find_ibd(path)
        stamp = file_stamp(ibd_path.stat())
        key = _key(path, ibd_path, plane, skip_broken)
    except OSError as error:
        if isinstance(error, MissingFileError):
            raise
        raise MissingFileError(
            f"expected to read {path}, found: {error.strerror or error}; check its permissions"
        ) from error
    dataset = _load(key, path, ibd_path) if use_cache else None
    if dataset is None:
        may_keep = use_cache and _is_settled(key)
        dataset = _read(path, ibd_path, stamp, plane, skip_broken, on_progress)
        if may_keep:
            _save(key, dataset)
    return select_part(dataset, part)


def check_checksum(dataset: Dataset, *, on_progress: Progress = no_progress) -> str | None:
    """Compare the .ibd with the checksums that the .imzML declares; return a warning where one differs.

    Raises
    ------
    MissingFileError
        One of the files cannot be read.
    """
    declared = dict(read_header(dataset.path).checksums)
    digests = {kind: hashlib.new(kind.replace("-", ""), usedforsecurity=False) for kind in declared}
    try:
        with dataset.ibd_path.open("rb") as file:
            while declared and (piece := file.read(_PIECE_BYTES)):
                for digest in digests.values():
                    digest.update(piece)
                on_progress(min(1.0, file.tell() / max(1, dataset.ibd_stamp[0])), f"checking {dataset.ibd_path.name}")
    except OSError as error:
        raise MissingFileError(
            f"expected to read {dataset.ibd_path}, found {error}; check that the file is still there"
        ) from error
    right = [kind for kind in declared if digests[kind].hexdigest() == declared[kind]]
    wrong = [kind for kind in declared if kind not in right]
    if not wrong:
        return None
    if right:
        return f"The .ibd has the {right[0]} checksum that the .imzML declares, but another {wrong[0]}."
    return f"The .ibd does not have the {wrong[0]} checksum that the .imzML declares; it was changed or damaged."


def find_ibd(path: Path) -> Path:
    """Return the .ibd beside an imzML.

    Raises
    ------
    MissingFileError, ImzMLError
        One of the two is not there, or the imzML is empty or a file of another kind.
    """
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


def _read(
    path: Path,
    ibd_path: Path,
    stamp: tuple[int, int],
    plane: int | None,
    skip_broken: bool,
    on_progress: Progress,
) -> Dataset:
    header, layout = _read_xml(path, ibd_path, stamp[0], share_of(on_progress, 0.0, 0.5))
    layout = choose_plane(layout, plane)
    layout = divide_step(check_bounds(layout, ibd_path.name, stamp[0], skip_broken=skip_broken))
    dataset = _move_to_own_pages(_assemble(path, ibd_path, stamp, header, layout))
    del layout  # before the long pass over the file
    axes = read_axes(dataset, on_progress=share_of(on_progress, 0.5, 1.0))
    told = (*dataset.warnings, *_tell_points(dataset, axes), *_tell_duplicates(dataset), *_tell_uuid(dataset))
    dataset.ascending[:] = axes.ascending
    return replace(dataset, mz_range=(axes.low, axes.high), warnings=told)


def _read_xml(path: Path, ibd_path: Path, ibd_size: int, on_progress: Progress) -> tuple[Header, Layout]:
    file, transcoded = open_text(path)
    with file:
        header = parse_header(file, path.name, transcoded=transcoded)
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise MissingFileError(f"expected to read {path}, found {error}; copy the file to a local disk") from error
    with giving_back(mapped):
        scan = scan_spectra(mapped, header, path.name, on_progress=on_progress)
    layout = lay_out_repaired(scan, path.name, ibd_path, ibd_size)
    n_declared = header.n_declared
    if n_declared not in (None, layout.n_spectra):
        told = f"The file announces {n_declared:,} spectra and holds {layout.n_spectra:,}; these were taken."
        layout = replace(layout, warnings=(*layout.warnings, told))
    return header, layout


def _assemble(path: Path, ibd_path: Path, stamp: tuple[int, int], header: Header, layout: Layout) -> Dataset:
    x, y, mz, intensity = layout.x, layout.y, layout.mz, layout.intensity
    grid = _grid(path, x, y, header)
    mode, mode_told = _mode(header, layout)
    spectrum_type, type_told = _spectrum_type(header, _bits(layout, scanning.TYPE))
    polarity = polarity_of(_bits(layout, scanning.POLARITY) or header.polarity)
    told = {"mixed": ("The file holds positive and negative spectra.",), "unknown": (NO_POLARITY,)}
    return Dataset(
        path=path,
        ibd_path=ibd_path,
        grid=grid,
        mode=mode,
        spectrum_type=spectrum_type,
        polarity=polarity,
        uuid=header.uuid,
        mz_range=(np.nan, np.nan),
        n_points=int(intensity.length.sum()),
        row=(y - y.min()).astype(np.int32),
        col=(x - x.min()).astype(np.int32),
        mz_offset=mz.offset,
        mz_length=mz.length,
        intensity_offset=intensity.offset,
        intensity_length=intensity.length,
        ascending=np.zeros(layout.n_spectra, dtype=bool),
        mz_dtype=mz.dtype,
        intensity_dtype=intensity.dtype,
        ibd_stamp=stamp,
        mz_encoded=mz.n_bytes if mz.compressed else None,
        intensity_encoded=intensity.n_bytes if intensity.compressed else None,
        stage_offset_um=header.stage_offset_um,
        warnings=(*header.warnings, *layout.warnings, *mode_told, *type_told, *told.get(polarity, ())),
    )


def _move_to_own_pages(dataset: Dataset) -> Dataset:
    """Copy the arrays out of the heap: below them, an allocator would keep what the opening took in passing."""
    arrays: dict[str, Any] = {n: getattr(dataset, n) for n in _ARRAYS if getattr(dataset, n) is not None}
    start, pages = 0, mmap.mmap(-1, sum(-(-a.nbytes // 8) * 8 for a in arrays.values()))
    for name, array in arrays.items():
        arrays[name] = np.frombuffer(pages, array.dtype, array.size, start)
        arrays[name][:] = array
        start += -(-array.nbytes // 8) * 8
    return replace(dataset, **arrays, mz_length=arrays["intensity_length"])


def _bits(layout: Layout, column: int) -> int:
    return int(np.bitwise_or.reduce(layout.flag[:, column]))


def _grid(path: Path, x: NDArray[np.int64], y: NDArray[np.int64], header: Header) -> Grid:
    top, left = int(y.min()), int(x.min())
    rows, cols = int(y.max()) - top + 1, int(x.max()) - left + 1
    if max(map(abs, (top, left, top + rows, left + cols))) > MAX_COORDINATE:
        raise ImzMLError(f"expected coordinates up to 2**30 in {path.name}, found larger ones; check them")
    if rows * cols > MAX_GRID_PIXELS:
        raise ImzMLError(
            f"expected a grid of at most 10 million pixels in {path.name}, found {rows} x {cols}; check them"
        )
    return Grid((rows, cols), (top, left), header.pixel_size_um)


def _mode(header: Header, layout: Layout) -> tuple[Literal["continuous", "processed"], tuple[str, ...]]:
    """Structure decides (do all spectra share one m/z array?), the declared term comes second."""
    filled = layout.intensity.length > 0
    if layout.n_spectra == 1 or not filled.any():
        return header.mode or "processed", ()
    found: Literal["continuous", "processed"] = "continuous" if shares_axis(layout) else "processed"
    if not filled.all() and (filled.sum() == 1 or shares_axis(layout.keep(filled))):
        return found, ()  # it is shared but for empty spectra, which say nothing
    if header.mode is not None and header.mode != found:
        return found, (f"The file calls itself {header.mode}, but its offsets are those of a {found} file.",)
    return found, ()


def _spectrum_type(header: Header, bits: int) -> tuple[Literal["centroid", "profile", "unknown"], tuple[str, ...]]:
    """What the spectra say of themselves decides, what the header says of the file comes second."""
    words: dict[int, Literal["centroid", "profile"]] = {CENTROID: "centroid", PROFILE: "profile"}
    if bits == CENTROID | PROFILE:
        return "unknown", ("The file calls its spectra centroid and profile; nothing was concluded from it.",)
    found, declared = words.get(bits), words.get(header.spectrum_type)
    if found and declared and found != declared:
        return found, (f"The file calls itself {declared}, but its spectra call themselves {found}.",)
    return found or declared or "unknown", ()


def _tell_points(dataset: Dataset, axes: Axes) -> tuple[str, ...]:
    if not dataset.n_points:
        return ("The file holds no points; all of its spectra are empty.",)
    if not axes.n_impossible:
        return ()
    return (f"{axes.n_impossible:,} points have an impossible m/z (0 or less, or no number); no window holds them.",)


def _tell_uuid(dataset: Dataset) -> tuple[str, ...]:
    if not dataset.uuid:
        return ("The .imzML states no identifier (UUID); make sure that the .ibd belongs to it.",)
    with dataset.ibd_path.open("rb") as file:
        found = file.read(16)
    # The second is how .NET lays the same identifier out.
    if dataset.uuid in (found.hex(), UUID(bytes_le=found.ljust(16, b"\0")).hex):
        return ()
    return ("The .ibd does not carry the identifier (UUID) of the .imzML; make sure that the two belong together.",)


def _tell_duplicates(dataset: Dataset) -> tuple[str, ...]:
    n_doubled = dataset.n_spectra - np.count_nonzero(dataset.measured)
    return (f"{n_doubled} spectra share a pixel with another one; they were summed.",) if n_doubled else ()


def _key(path: Path, ibd_path: Path, plane: int | None, skip_broken: bool) -> dict[str, Any]:
    """What a dataset follows from; files count as the same while name, size, times and number are."""
    files = []
    for file in (path, ibd_path):
        status = file.stat()
        files.append([str(file.resolve()), *file_stamp(status), status.st_ctime_ns, status.st_ino])
    return {"format": CACHE_FORMAT, "files": files, "plane": plane, "skip_broken": skip_broken}


def _is_settled(key: dict[str, Any]) -> bool:
    """Whether the files are old enough for a later change to show in their times."""
    now = time.time_ns()
    return all(abs(now - moment) > _SETTLED_NS for file in key["files"] for moment in file[2:4])


def _save(key: dict[str, Any], dataset: Dataset) -> None:
    arrays = {name: getattr(dataset, name) for name in _ARRAYS if getattr(dataset, name) is not None}
    grid = dataset.grid
    facts = {
        "grid": [grid.shape, grid.origin, grid.pixel_size_um],
        "dtypes": [dataset.mz_dtype.str, dataset.intensity_dtype.str],
        **{name: getattr(dataset, name) for name in _FACTS},
    }
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    save_arrays(key, "dataset", arrays)


def _load(key: dict[str, Any], path: Path, ibd_path: Path) -> Dataset | None:
    arrays: dict[str, Any] | None = load_arrays(key, "dataset")
    if arrays is None:
        return None
    facts: dict[str, Any] = json.loads(arrays.pop("facts").tobytes())
    shape, origin, pixel_size_um = facts.pop("grid")
    mz_dtype, intensity_dtype = map(np.dtype, facts.pop("dtypes"))
    fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in facts.items()}
    return Dataset(
        path=path,
        ibd_path=ibd_path,
        grid=Grid(tuple(shape), tuple(origin), tuple(pixel_size_um) if pixel_size_um else None),
        mz_dtype=mz_dtype,
        intensity_dtype=intensity_dtype,
        mz_length=arrays["intensity_length"],
        **fields,
        **arrays,
    )
