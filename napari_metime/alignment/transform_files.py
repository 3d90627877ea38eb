"""Transforms that other programs made, and ours for them. What each format means is told in docs/alignment.md."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.alignment.itk_text import is_itk, itk_text, read_itk
from napari_metime.alignment.microlink import is_microlink, read_microlink
from napari_metime.alignment.transforms import from_matrix
from napari_metime.errors import AlignmentError, MetimeError, MissingFileError
from napari_metime.replacing import replaced_file
from napari_metime.section import Alignment

Unit = Literal["px", "um"]
Format = Literal["matrix_csv", "matrix_json", "qupath", "qupath_json", "itk"]
MAX_BYTES = 1_000_000
MAX_VALUE = 1e12
MIN_DETERMINANT = 1e-12
QUPATH_KEYS = ("m00", "m01", "m02", "m10", "m11", "m12")
_PRINTED = re.compile(r"\s*(AffineTransform|Affine)\s*\[")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_UM = {"px": "px", "um": "µm"}


@dataclass(frozen=True, slots=True)
class Found:
    """A matrix of a file.

    Parameters
    ----------
    matrix : ndarray of shape (3, 3) on (x, y, 1), as the file has it
    name : what the file was recognised as
    from_section : whether it leads from the section to the cells
    from_corner : whether pixels are counted from the corner of the first, not from its middle
    """

    matrix: NDArray[np.float64]
    name: str
    from_section: bool = False
    from_corner: bool = False


def read_transform(
    path: Path,
    *,
    unit: Unit = "px",
    inverse: bool = False,
    source_pixel_um: float | None = None,
    target_pixel_um: float | None = None,
) -> Alignment:
    """Read a transform, recognised by its content, as an alignment of cells to section µm.

    Parameters
    ----------
    path : 3 x 3 matrix (CSV, TXT, JSON), QuPath affine (text or JSON), napari-imsmicrolink project, ITK text transform
    unit : of the cells
    inverse : take the transform the other way round than its format is taken by itself
    source_pixel_um : µm of one pixel of the cells, where the file counts them in µm and the table in px
    target_pixel_um : µm of one pixel of the section, where the file counts it in pixels; None = it counts in µm

    Raises
    ------
    MissingFileError
        There is no such file, or it cannot be read.
    AlignmentError
        It holds no transform that we know, one that is not affine or of the plane, or one without an inverse.
    """
    path = Path(path)
    text = _text(path)
    content = _json(path.name, text) if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") else None
    if is_microlink(content):
        if inverse or source_pixel_um is not None or target_pixel_um is not None:
            raise AlignmentError(
                f"{path.name}: expected a napari-imsmicrolink project by itself, which says direction and pixel sizes; "
                "leave out what else was said of align.path"
            )
        return read_microlink(path.name, content, unit)  # type: ignore[arg-type]
    found = _found(path.name, text, content)
    return _taken(path.name, found, unit, inverse, source_pixel_um, target_pixel_um)


def is_transform(path: Path) -> bool:
    """Whether a file says of itself that it is a transform, or holds nothing but the numbers of one; one that we do
    not read counts too, as ``read_transform`` tells why."""
    try:
        text = _text(Path(path))
        content = _json(path.name, text) if text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[") else None
    except MetimeError:
        return False
    if is_itk(text) or is_microlink(content) or _PRINTED.match(text):
        return True
    try:
        _found(path.name, text, content)
    except AlignmentError as error:
        return "one of space" in str(error) or "perspective" in str(error)
    return True


def write_transform(
    alignment: Alignment, path: Path, form: Format, *, target_pixel_um: float | None = None
) -> None:
    """Write the matrix of an alignment, so that ``read_transform`` reads it back as it is.

    Parameters
    ----------
    form : ``itk`` leads from the section to the cells, as ITK maps points; the others from the cells to the section
    target_pixel_um : count the section in pixels of this size, as QuPath does in an image of it; None = in µm

    Raises
    ------
    AlignmentError
        The alignment bends, which no matrix can say.
    OutputError
        The file cannot be written.
    """
    if alignment.warp is not None:
        raise AlignmentError(
            f"expected an alignment that a matrix can say, found {alignment.kind}; "
            "fit an affine one to the landmarks and export that"
        )
    matrix = _inverse(_target_um(target_pixel_um, form in ("qupath", "qupath_json"))) @ alignment.matrix
    rows = matrix.tolist()
    (a, b, c), (d, e, f) = rows[:2]
    # QuPath reads numbers as people write them: without an exponent.
    m00, m01, m02, m10, m11, m12 = (np.format_float_positional(v, trim="0") for v in (a, b, c, d, e, f))
    texts = {
        "matrix_csv": "".join(",".join(map(repr, row)) + "\n" for row in rows),
        "matrix_json": json.dumps({"from": "cells", "to": "section", "matrix": rows}, indent=1) + "\n",
        "qupath": f"{m00},\t{m01},\t{m02},\n{m10},\t{m11},\t{m12}\n",
        "qupath_json": json.dumps({"m00": a, "m10": d, "m01": b, "m11": e, "m02": c, "m12": f}) + "\n",
        "itk": itk_text(_inverse(matrix)),
    }
    with replaced_file(path) as unfinished:
        unfinished.write_text(texts[form], encoding="utf-8")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise AlignmentError(f"{path.name}: expected a transform of at most 1 MB, found more; check align.path")
        content = path.read_bytes()
    except OSError as error:
        raise MissingFileError(
            f"expected a transform at {path}, found {error.strerror or error}; check align.path"
        ) from error
    if content.startswith(b"\xac\xed"):
        raise AlignmentError(
            f"{path.name}: expected a transform as text, found a Java object, as QuPath scripts write them; "
            "copy the matrix from QuPath's alignment window instead"
        )
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise AlignmentError(
            f"{path.name}: expected a transform as text, found other bytes; export it as text"
        ) from error
    if "\x00" in text:
        raise AlignmentError(f"{path.name}: expected a transform as text, found other bytes; export it as text")
    return text


def _json(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith("["):  # [[1 0 0] ..., as numpy prints a matrix
            return None
        raise AlignmentError(f"{name}: expected a transform as JSON, found other text; export it again") from error


def _found(name: str, text: str, content: object) -> Found:
    if is_itk(text):
        matrix, kinds = read_itk(name, text)
        return Found(matrix, f"ITK transform ({kinds})", from_section=True)
    if content is not None:
        return _found_in_json(name, content)
    if head := _PRINTED.match(text):
        return _found_printed(name, text, head.group(1))
    numbers = re.sub(r"[\[\](){},;\s]+", " ", text).split()
    try:
        values = [float(number) for number in numbers[:17]]
    except ValueError as error:
        raise _unknown(name, f"{text.strip()!r:.60}") from error
    return _found_numbers(name, values, len(numbers))


def _found_numbers(name: str, values: list[float], n: int) -> Found:
    if n == 6:
        return Found(_of_rows(name, values), "QuPath affine", from_corner=True)
    if n == 9:
        return Found(_of_rows(name, values), "3 x 3 matrix")
    if n in (12, 16):
        raise AlignmentError(f"{name}: expected a matrix of the plane (3 x 3), found one of space; export a 2-D one")
    raise _unknown(name, f"{n} numbers")


def _found_in_json(name: str, content: object) -> Found:
    if isinstance(content, Mapping):
        inner = content.get("transform")
        for part in (content, inner):
            if isinstance(part, Mapping) and all(key in part for key in QUPATH_KEYS):
                return Found(_of_rows(name, _floats(name, [part[k] for k in QUPATH_KEYS])), "QuPath affine (JSON)",
                             from_corner=True)  # fmt: skip
        content = content.get("matrix")
    if not isinstance(content, list):
        raise _unknown(name, "JSON without a matrix")
    flat = [value for row in content for value in (row if isinstance(row, list) else [row])]
    return _found_numbers(name, _floats(name, flat[:17]), len(flat))


def _found_printed(name: str, text: str, kind: str) -> Found:
    """Take what Java (AffineTransform[[m00, m01, m02], [...]]) or JavaFX (Affine [3 rows of 4]) prints."""
    values = [float(number) for number in re.findall(_NUMBER, text)[:17]]
    if kind == "AffineTransform" and len(values) == 6:
        return Found(_of_rows(name, values), "QuPath affine (printed by Java)", from_corner=True)
    flat_in_z = len(values) == 12 and [values[i] for i in (2, 6, 8, 9, 10, 11)] == [0, 0, 0, 0, 1, 0]
    if kind == "Affine" and flat_in_z:
        plane = [values[i] for i in (0, 1, 3, 4, 5, 7)]
        return Found(_of_rows(name, plane), "QuPath affine (printed by JavaFX)", from_corner=True)
    raise _unknown(name, f"{kind} of {len(values)} numbers")


def _floats(name: str, values: list[Any]) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise _unknown(name, f"{values!r:.60}") from error


def _of_rows(name: str, values: list[float]) -> NDArray[np.float64]:
    matrix = np.array([*values, 0.0, 0.0, 1.0][:9]).reshape(3, 3)
    if not (np.abs(matrix) < MAX_VALUE).all():
        raise AlignmentError(f"{name}: expected finite numbers below 1e12, found others; export the transform again")
    if np.abs(matrix[2] - [0, 0, 1]).max() > 1e-9:
        raise AlignmentError(
            f"{name}: expected the last row 0 0 1, found {matrix[2].tolist()}; a matrix with perspective is not affine"
        )
    matrix[2] = 0, 0, 1
    return matrix


def _taken(
    name: str, found: Found, unit: Unit, inverse: bool, source_pixel_um: float | None, target_pixel_um: float | None
) -> Alignment:
    """Return the matrix from the cells' own unit to section µm, and in words how it was taken."""
    matrix = found.matrix
    if not np.isfinite(matrix).all() or not abs(np.linalg.det(matrix[:2, :2])) > MIN_DETERMINANT:
        raise AlignmentError(f"{name}: expected a transform with an inverse, found none; export it again")
    from_section = found.from_section != inverse
    if from_section:
        matrix = _inverse(matrix)
    how = "from the section to the cells, so turned round" if from_section else "from the cells to the section"
    source = _UM[unit]
    if source_pixel_um is not None and unit == "px":
        matrix = matrix @ np.diag([source_pixel_um, source_pixel_um, 1.0])
        source = f"px of {source_pixel_um:g} µm"
    matrix = _target_um(target_pixel_um, found.from_corner) @ matrix
    target = "µm" if target_pixel_um is None else f"pixels of {target_pixel_um:g} µm"
    alignment = from_matrix(np.vstack([matrix[:2], [0.0, 0.0, 1.0]]))
    return replace(alignment, note=f"{name}: {found.name}, taken {how} (cells in {source}, section in {target})")


def _target_um(pixel_um: float | None, from_corner: bool) -> NDArray[np.float64]:
    """Return the matrix from what a file counts the section in to its µm, from the middle of the first pixel on."""
    if pixel_um is None:
        return np.eye(3)
    corner_um = 0.5 * pixel_um if from_corner else 0.0
    return np.array([[pixel_um, 0, -corner_um], [0, pixel_um, -corner_um], [0, 0, 1]])


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _unknown(name: str, found: str) -> AlignmentError:
    return AlignmentError(
        f"{name}: expected a 3 x 3 matrix, a QuPath affine (6 numbers), a napari-imsmicrolink project or an ITK text "
        f"transform, found {found}; check align.path"
    )
