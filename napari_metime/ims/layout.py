"""Where the arrays of each spectrum lie in the .ibd: what the XML says, checked against itself and the file's size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError
from napari_metime.ims import scanning, terms
from napari_metime.ims.scanning import Scan

MAX_OFFSET = 1 << 50
MAX_GRID_PIXELS = 10_000_000
MAX_COORDINATE = 1 << 30
"""Rows and columns are kept as 32-bit numbers; so may be their sums with the origin."""
MAX_OVERLAP = 16
"""How often the intensities may hold each byte of the .ibd: those of no real file share any."""
_FIRST_BYTE = 16
"""Arrays start behind the identifier of the .ibd."""
PLANE_OPTION = "--plane, or ims.plane in a recipe"
SKIP_OPTION = "--skip-broken, or ims.skip_broken: true in a recipe"
_MZ, _INTENSITY = 0, 1
_NAMES = ("m/z", "intensity")


@dataclass(frozen=True, slots=True, eq=False)
class ArrayLayout:
    """Where one array of each spectrum lies.

    Parameters
    ----------
    offset, length : ndarray of shape (n_spectra,), int64; first byte in the .ibd, number of values
    n_bytes : ndarray of shape (n_spectra,), int64; bytes in the .ibd
    compressed : whether these are zlib streams
    dtype : number format of the values
    """

    offset: NDArray[np.int64]
    length: NDArray[np.int64]
    n_bytes: NDArray[np.int64]
    compressed: bool
    dtype: np.dtype[np.generic]

    @property
    def end(self) -> NDArray[np.int64]:
        """First byte behind each array, shape (n_spectra,), int64; 0 of an empty one."""
        return np.where(self.n_bytes > 0, self.offset + self.n_bytes, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the spectra lie, on the grid and in the .ibd.

    Parameters
    ----------
    x, y, z : ndarray of shape (n_spectra,), int64; the file's own coordinates
    flag : ndarray of shape (n_spectra, 10), uint16; as of ``Scan``
    warnings : what was told
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    z: NDArray[np.int64]
    flag: NDArray[np.uint16]
    mz: ArrayLayout
    intensity: ArrayLayout
    warnings: tuple[str, ...]

    @property
    def n_spectra(self) -> int:
        """Number of spectra."""
        return int(self.x.size)

    def place(self, spectrum: int) -> str:
        """Name the pixel of a spectrum in the file's own coordinates."""
        return f"pixel x={self.x[spectrum]}, y={self.y[spectrum]}"

    def keep(self, chosen: NDArray[np.bool_], *told: str) -> Layout:
        """Keep some of the spectra and say why."""
        return Layout(
            self.x[chosen],
            self.y[chosen],
            self.z[chosen],
            self.flag[chosen],
            _keep_array(self.mz, chosen),
            _keep_array(self.intensity, chosen),
            (*self.warnings, *told),
        )


def lay_out(scan: Scan, name: str, ibd_size: int) -> Layout:
    """Turn a scan into the places of arrays.

    Parameters
    ----------
    name : the .imzML's name, for messages
    ibd_size : bytes of the .ibd, which helps to tell formats apart

    Raises
    ------
    ImzMLError
        An array is missing, inline or of an unknown format, or a number cannot be.
    """
    told: list[str] = []
    scan = _fill_bare(scan, told)
    _check_arrays_are_there(scan, name)
    for which in (_MZ, _INTENSITY):
        _check_numbers(scan, terms.OFFSET, which, name)
        _check_numbers(scan, terms.LENGTH, which, name)
    arrays = [_array(scan, name, which, ibd_size, told) for which in (_MZ, _INTENSITY)]
    number, flag = scan
    layout = Layout(number[:, terms.X], number[:, terms.Y], _planes(scan), flag, arrays[0], arrays[1], ())
    told += _check_rounded(layout)
    if flag[:, scanning.CONTRADICTED].any():
        told.append("Spectra state a place, an offset or a length twice, with other values; the first was taken.")
    told += _tell_extra_arrays(flag)
    return replace(layout, warnings=tuple(told))


def choose_plane(layout: Layout, plane: int | None) -> Layout:
    """Keep the spectra of one z plane: of the given one, or else of the lowest.

    Raises
    ------
    ImzMLError
        The file has no such plane.
    """
    planes = np.unique(layout.z)
    shown = ", ".join(str(p) for p in planes[:8]) + (", ..." if planes.size > 8 else "")
    if plane is not None and plane not in planes:
        raise ImzMLError(f"expected a z plane of the file ({shown}), found {plane}; choose one of these")
    if planes.size == 1:
        return layout
    if plane is not None:
        return layout.keep(layout.z == plane)
    told = f"The file holds {planes.size} z planes ({shown}); plane {planes[0]} was taken. Another: {PLANE_OPTION}."
    return layout.keep(layout.z == planes[0], told)


def check_bounds(layout: Layout, ibd_name: str, ibd_size: int, *, skip_broken: bool) -> Layout:
    """Check that both arrays of each spectrum lie in the .ibd and have the same length.

    Raises
    ------
    ImzMLError
        They do not and ``skip_broken`` is off, or no spectrum is left.
    """
    if int(layout.intensity.n_bytes.sum()) > MAX_OVERLAP * ibd_size + (1 << 30):
        raise ImzMLError(f"expected each intensity once in {ibd_name}, found arrays that overlap; export it again")
    end = np.maximum(layout.mz.end, layout.intensity.end)
    differing = layout.mz.length != layout.intensity.length
    broken = (end > ibd_size) | differing
    if not broken.any():
        return layout
    if skip_broken and not broken.all():
        return layout.keep(~broken, f"{int(broken.sum()):,} spectra are broken and were left out.")
    first = int(np.argmax(broken))
    if end[first] > ibd_size:
        raise ImzMLError(
            f"expected {end.max():,} bytes in {ibd_name}, found {ibd_size:,}: the file is cut short from "
            f"{layout.place(first)} on; copy it again, or open the rest with {SKIP_OPTION}"
        )
    raise ImzMLError(
        f"expected as many m/z as intensities in each spectrum, found {layout.mz.length[first]} and "
        f"{layout.intensity.length[first]} at {layout.place(first)}; export it again, or open the rest with "
        f"{SKIP_OPTION}"
    )


def shares_axis(layout: Layout) -> bool:
    """Whether several spectra have one and the same m/z array."""
    offset, length = layout.mz.offset, layout.mz.length
    return bool(layout.n_spectra > 1 and (offset == offset[0]).all() and (length == length[0]).all())


def _keep_array(array: ArrayLayout, chosen: NDArray[np.bool_]) -> ArrayLayout:
    return replace(array, offset=array.offset[chosen], length=array.length[chosen], n_bytes=array.n_bytes[chosen])


def _spectrum(scan: Scan, row: int) -> str:
    return f"spectrum {row + 1} (pixel x={scan.number[row, terms.X]}, y={scan.number[row, terms.Y]})"


def _column(scan: Scan, number: int, which: int) -> NDArray[np.int64]:
    return scan.number[:, number + 3 * which]


def _has(scan: Scan, number: int, which: int) -> NDArray[np.bool_]:
    return np.asarray((scan.flag[:, scanning.FOUND] >> (number + 3 * which)) & 1 == 1)


def _planes(scan: Scan) -> NDArray[np.int64]:
    stated = (scan.flag[:, scanning.FOUND] >> terms.Z) & 1 == 1
    return np.where(stated, scan.number[:, terms.Z], 1)


def _fill_bare(scan: Scan, told: list[str]) -> Scan:
    """Give spectra that have no arrays at all, among others that have them, empty ones of the same kind."""
    number, flag = scan
    bare = flag[:, scanning.ROLES] & (terms.MZ | terms.INTENSITY) == 0
    if not bare.any() or bare.all():
        return scan
    told.append(f"{int(bare.sum()):,} spectra have no arrays; they were read as empty.")
    flag = flag.copy()
    full = flag[np.argmin(bare)]
    flag[bare, scanning.ROLES] |= terms.MZ | terms.INTENSITY
    flag[bare, scanning.FOUND] |= (1 << terms.LENGTH) | (1 << (terms.LENGTH + 3))
    kinds = slice(scanning.MZ_FORMAT, scanning.INTENSITY_COMPRESSION + 1)
    flag[bare, kinds] = full[kinds]
    return Scan(number, flag)


def _check_arrays_are_there(scan: Scan, name: str) -> None:
    roles = scan.flag[:, scanning.ROLES]
    for role, word in ((terms.MZ, "m/z"), (terms.INTENSITY, "intensity")):
        missing = np.flatnonzero(roles & role == 0)
        if missing.size:
            raise ImzMLError(
                f"expected an {word} array in each spectrum of {name}, found none in {_spectrum(scan, missing[0])}; "
                "export it again"
            )
    for which in (_MZ, _INTENSITY):
        length = _has(scan, terms.LENGTH, which)
        empty = length & (_column(scan, terms.LENGTH, which) == 0)
        missing = np.flatnonzero(~length | (~_has(scan, terms.OFFSET, which) & ~empty))
        if missing.size:
            raise ImzMLError(
                f"expected the offset and length of the {_NAMES[which]} array in the .ibd, found none in "
                f"{_spectrum(scan, missing[0])}; export it as imzML again"
            )


def _check_numbers(scan: Scan, number: int, which: int, name: str) -> None:
    value = _column(scan, number, which)
    wrong = (value < 0) | (value > MAX_OFFSET)  # sums and products of larger ones would overflow
    if number == terms.OFFSET:  # that of an empty array says nothing
        wrong &= _column(scan, terms.LENGTH, which) != 0
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ImzMLError(
            f"expected {scanning.NUMBER_NAMES[number + 3 * which]} between 0 and 2**50 in {name}, found "
            f"{value[first]:,} in {_spectrum(scan, first)}; export it again"
        )


def _array(scan: Scan, name: str, which: int, ibd_size: int, told: list[str]) -> ArrayLayout:
    offset, length, encoded = (_column(scan, n, which) for n in (terms.OFFSET, terms.LENGTH, terms.ENCODED))
    if not length.all():
        offset = np.where(length > 0, offset, 0)
    stated = _common_bits(scan, scanning.MZ_FORMAT + which, f"one number format of the {_NAMES[which]} arrays")
    formats = [bit for bit in terms.DTYPES if bit & stated]
    if not formats:
        raise ImzMLError(
            f"expected 32 or 64 bit floats or integers as {_NAMES[which]} in {name}, found no such term; "
            "export it again"
        )
    if _is_compressed(scan, which, name):
        missing = np.flatnonzero(~_has(scan, terms.ENCODED, which) & (length > 0))
        if missing.size:
            raise ImzMLError(
                f"expected the encoded length of each compressed array, found none in {_spectrum(scan, missing[0])}; "
                "export it again"
            )
        _check_numbers(scan, terms.ENCODED, which, name)
        return ArrayLayout(offset, length, encoded, True, terms.DTYPES[formats[0]])
    dtype, note = _settle_format(scan, which, formats, ibd_size)
    told += note
    return ArrayLayout(offset, length, length * dtype.itemsize, False, dtype)


def _common_bits(scan: Scan, column: int, what: str) -> int:
    bits = scan.flag[:, column]
    differing = np.flatnonzero(bits != bits[0])
    if differing.size:
        raise ImzMLError(
            f"expected {what} in all spectra, found another in {_spectrum(scan, differing[0])}; export it again"
        )
    return int(bits[0])


def _is_compressed(scan: Scan, which: int, name: str) -> bool:
    bits = _common_bits(scan, scanning.MZ_COMPRESSION + which, f"one compression of the {_NAMES[which]} arrays")
    if bits & terms.OTHER_COMPRESSION:
        raise ImzMLError(f"expected no or zlib compression in {name}, found another one; export it without compression")
    return bool(bits & terms.ZLIB)


def _settle_format(
    scan: Scan, which: int, formats: list[int], ibd_size: int
) -> tuple[np.dtype[np.generic], tuple[str, ...]]:
    """Choose the number format whose size agrees with the bytes of the arrays; the declared one comes second."""
    declared = terms.DTYPES[formats[0]]
    n_bytes = _bytes_a_value(scan, which)
    if n_bytes is None or n_bytes == declared.itemsize:
        return declared, ()
    fitting = [terms.DTYPES[bit] for bit in formats if terms.DTYPES[bit].itemsize == n_bytes]
    if fitting:
        return fitting[0], ()
    kind = "f" if declared.kind == "f" else "i"
    found = next((d for d in terms.DTYPES.values() if d.itemsize == n_bytes and d.kind == kind), None)
    if (
        found is None
        or n_bytes < 4
        or _n_adjoining(scan, which, n_bytes, ibd_size) <= _n_adjoining(scan, which, declared.itemsize, ibd_size)
    ):
        return declared, ()
    return found, (
        f"The file states {8 * declared.itemsize}-bit {_NAMES[which]} values, but its arrays have "
        f"{8 * n_bytes} bits a value; they were read as these.",
    )


def _bytes_a_value(scan: Scan, which: int) -> int | None:
    """Bytes in the .ibd for each value, where the encoded lengths state one and the same."""
    length, encoded = _column(scan, terms.LENGTH, which), _column(scan, terms.ENCODED, which)
    some = (length > 0) & (encoded > 0)
    if not some.any():
        return None
    n_bytes = int(encoded[some][0] // length[some][0])
    return n_bytes if (encoded[some] == n_bytes * length[some]).all() else None


def _n_adjoining(scan: Scan, which: int, n_bytes: int, ibd_size: int) -> int:
    """Count the arrays behind which another one starts, or the file ends, if a value has ``n_bytes``."""
    starts = np.concatenate([_column(scan, terms.OFFSET, _MZ), _column(scan, terms.OFFSET, _INTENSITY), [ibd_size]])
    length = _column(scan, terms.LENGTH, which)
    ends = (_column(scan, terms.OFFSET, which) + length * n_bytes)[length > 0]
    return int(np.isin(ends, starts).sum())


def _check_rounded(layout: Layout) -> list[str]:
    """Numbers such as 1.156e+09 may be rounded; an offset among them counts only if it follows on from an array."""
    rounded = layout.flag[:, scanning.ROUNDED]
    if not rounded.any():
        return []
    ends = np.concatenate([layout.mz.end, layout.intensity.end, [_FIRST_BYTE]])
    for which, array in ((_MZ, layout.mz), (_INTENSITY, layout.intensity)):
        bit = 1 << (terms.OFFSET + 3 * which)
        loose = np.flatnonzero((rounded & bit != 0) & (array.length > 0) & ~np.isin(array.offset, ends))
        if loose.size:
            raise ImzMLError(
                f"expected exact offsets, found {array.offset[loose[0]]:,} as a rounded number where no array ends, "
                f"at {layout.place(int(loose[0]))}; export it again with offsets as whole numbers"
            )
    return ["The file writes offsets or lengths with exponents (1e+05); they were checked against each other."]


def _tell_extra_arrays(flag: NDArray[np.uint16]) -> list[str]:
    roles = flag[:, scanning.ROLES]
    told = []
    if (roles & terms.MOBILITY).any():
        told.append("The spectra carry ion mobilities; intensities were summed over mobility.")
    if (roles & terms.OTHER_ARRAY).any():
        told.append("The spectra carry arrays beside m/z and intensity; these were left out.")
    return told


def polarity_of(bits: int) -> Literal["positive", "negative", "mixed", "unknown"]:
    """Put the bits of all polarity terms into a word."""
    words: dict[int, Literal["positive", "negative", "mixed"]] = {
        terms.POSITIVE: "positive",
        terms.NEGATIVE: "negative",
        terms.POSITIVE | terms.NEGATIVE: "mixed",
    }
    return words.get(bits, "unknown")
