"""One file of a project: a zip of ``structure.json`` and arrays as NumPy writes them; whoever has Python reads it."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from napari_metime.errors import ProjectError
from napari_metime.project.codec import Packed, no_memory
from napari_metime.section import Progress

MAX_PART_BYTES = 4 << 30
"""Of all that a file holds once it is unpacked. Our own choice, as are the following."""
MAX_PROJECT_BYTES = 8 << 30
"""Of all files of a project together."""
MAX_STRUCTURE_BYTES = 256 << 20
MAX_ARRAYS = 200_000
MAX_DIMENSIONS = 6
LEVEL = 1
"""Of deflate: images of masks and labels shrink to a tenth, and the disk is no faster than that."""
_STRUCTURE = "structure.json"
_NUMBERS = "biuf"
_DAMAGED = (EOFError, NotImplementedError, RecursionError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading a zip that is cut off, encrypted or made by another program raises beside the usual."""


def write_part(packed: Packed, path: Path, *, on_progress: Progress) -> None:
    """Write a packed value; ``Cancelled`` from ``on_progress`` leaves a file that nobody must use."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL, allowZip64=True) as file:
        file.writestr(_STRUCTURE, json.dumps(packed.tree, separators=(",", ":"), allow_nan=False))
        for number, array in enumerate(packed.arrays):
            on_progress(number / len(packed.arrays), "saving")
            with file.open(f"{number}.npy", "w", force_zip64=array.nbytes > 1 << 30) as member:
                npy.write_array(member, np.asarray(array), allow_pickle=False)


def check_sizes(new: Iterable[Packed], known: Iterable[Path]) -> None:
    """Refuse to save what could not be opened again; what is packed takes as many bytes as its arrays.

    Parameters
    ----------
    known : files that are there from before; one that cannot be read counts for nothing

    Raises
    ------
    ProjectError
        There is more than the limits allow.
    """
    sizes = [sum(array.nbytes for array in packed.arrays) for packed in new]
    for path in known:
        with suppress(ProjectError):
            sizes.append(_n_bytes(path))
    if sum(sizes) > MAX_PROJECT_BYTES or max(sizes, default=0) > MAX_PART_BYTES:
        raise ProjectError(
            f"expected results of at most {MAX_PROJECT_BYTES >> 30} GB to save, no step with more than "
            f"{MAX_PART_BYTES >> 30} GB, found {sum(sizes) / 2**30:.1f} GB, in one step {max(sizes) / 2**30:.1f} GB; "
            "measure fewer metabolites in step 3, or save the recipe and export the results"
        )


def check_parts(paths: Iterable[Path]) -> None:
    """Compare what all files of a project claim to hold in sum with the limit; nothing is unpacked.

    Raises
    ------
    ProjectError
        It is more, or one of them is damaged.
    """
    n_bytes = sum(map(_n_bytes, paths))
    if n_bytes > MAX_PROJECT_BYTES:
        limit = f"{MAX_PROJECT_BYTES >> 30} GB"
        raise ProjectError(f"expected at most {limit} in a project, found {n_bytes >> 30} GB; open another")


def _n_bytes(path: Path) -> int:
    """Return what a file claims to hold once it is unpacked."""
    with _reading(path), zipfile.ZipFile(path) as file:
        return sum(each.file_size for each in file.infolist())


def read_part(path: Path) -> Packed:
    """Read a packed value; what it claims to hold is compared with the limits before anything is set up for it.

    Raises
    ------
    ProjectError
        It is damaged, or not one of ours.
    """
    with _reading(path), zipfile.ZipFile(path) as file:
        sizes = {each.filename: each.file_size for each in file.infolist()}
        if sum(sizes.values()) > MAX_PART_BYTES or len(sizes) > MAX_ARRAYS:
            limit = f"{MAX_PART_BYTES >> 30} GB"
            raise ProjectError(f"expected at most {limit} in {path.name}, found more; open another project")
        if sizes.get(_STRUCTURE, MAX_STRUCTURE_BYTES + 1) > MAX_STRUCTURE_BYTES:
            raise ValueError("no structure of a bearable size")
        tree = json.loads(file.read(_STRUCTURE))
        names = [f"{number}.npy" for number in range(len(sizes) - 1)]
        arrays = tuple(_read_array(file.read(name)) for name in names)
    if not isinstance(tree, dict):
        raise ProjectError(f"expected a file of a saved project, found another one in {path.name}; open another")
    return Packed(tree, arrays)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say in words what reading a file that may be anybody's raises."""
    try:
        yield
    except ProjectError:
        raise
    except MemoryError as error:
        raise no_memory(f"{path.name} of a project") from error
    except (*_DAMAGED, OSError, KeyError, ValueError) as error:
        raise ProjectError(
            f"expected a file of a saved project in {path.name}, found a damaged one ({error!s:.80}); "
            "open an earlier copy of the project, or the recipe"
        ) from error


def _read_array(content: bytes) -> NDArray[Any]:
    """Read an array of numbers whose head says as many bytes as there are."""
    file = io.BytesIO(content)
    version = npy.read_magic(file)
    read_head = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read_head is None:
        raise ValueError("an array of an unknown version")
    shape, by_columns, dtype = read_head(file)
    n_values = 1
    for length in shape:
        n_values *= length
    if dtype.kind not in _NUMBERS or len(shape) > MAX_DIMENSIONS:
        raise ValueError("an array of something else than numbers")
    if n_values * dtype.itemsize != len(content) - file.tell():
        raise ValueError("an array that is shorter or longer than it says")
    flat = np.frombuffer(content, dtype, n_values, file.tell()).copy()
    return flat.reshape(shape[::-1]).T if by_columns else flat.reshape(shape)
