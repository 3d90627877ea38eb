"""The list of spectra of an imzML as arrays of numbers: a compiled tokenizer over the memory-mapped text.

It knows tags, attributes in any order and either quote, comments, CDATA, processing instructions, namespace prefixes
and the five escapes of XML; it checks that tags match. Names are compared where they lie, so a tag of any size costs
no memory.
"""

from __future__ import annotations

import mmap
import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import ImzMLError
from napari_metime.ims import terms
from napari_metime.ims.blocks import N_THREADS
from napari_metime.ims.compiling import borrowing
from napari_metime.ims.header import Header
from napari_metime.ims.terms import compile_terms
from napari_metime.ims.tokens import (
    ACCESSION,
    AT,
    CUT,
    DEEP,
    DEPTH,
    EMPTY,
    END,
    MALFORMED,
    MISMATCHED,
    N_BOUNDS,
    NAME,
    REFERENCE,
    START,
    VALUE,
    local_start,
    next_tag,
)
from napari_metime.ims.values import EXPONENT, NO_NUMBER, PLAIN, equals, literal, parse_number, same_text, term_number
from napari_metime.section import Progress, no_progress

N_AT_ONCE = 8192
PART_BYTES = 8_000_000
"""Bytes of the text that a thread scans at a time."""
NOWHERE = np.iinfo(np.int64).max - 1
MAX_DEPTH = 32
N_NUMBERS = 9
NUMBER_NAMES = (
    "position x", "position y", "position z",
    "external offset (m/z)", "external array length (m/z)", "external encoded length (m/z)",
    "external offset (intensity)", "external array length (intensity)", "external encoded length (intensity)",
)  # fmt: skip

# Columns of the flags of a spectrum; the first three hold a bit for each number.
FOUND, CONTRADICTED, ROUNDED, ROLES, MZ_FORMAT, INTENSITY_FORMAT = range(6)
MZ_COMPRESSION, INTENSITY_COMPRESSION, POLARITY, TYPE, N_FLAGS = range(6, 11)

# How a scan goes on or ends, beside the faults of ``tokens``.
_ON, FULL, ENDED, REACHED, MISSED, NUMBER_FAULT, NUMBER_LARGE, NO_POSITION, TWO_ARRAYS = range(10, 19)
_POSITION_FOUND = 3
_SPECTRUM_TAG = re.compile(rb"<(?:[\w.-]+:)?spectrum\s")

# The state of a scan, behind AT and DEPTH: rows filled, whether a spectrum is open, and the number or array at fault.
_ROW, _IN_SPECTRUM, _COLUMN, _N_STATE = range(2, 6)
# The array that is being read: its three numbers, their FOUND, CONTRADICTED and ROUNDED bits, what its terms say, its
# depth or 0.
_A_FOUND, _A_CONTRADICTED, _A_ROUNDED, _A_MEANING, _A_DEPTH, _N_ARRAY = 3, 4, 5, 6, 9, 10
_ANY, _CV_PARAM, _REFERENCE, _SPECTRUM, _ARRAY, _LIST = range(6)
_CV_PARAM_NAME, _REFERENCE_NAME = literal(b"cvParam"), literal(b"referenceableParamGroupRef")
_SPECTRUM_NAME, _ARRAY_NAME, _LIST_NAME = literal(b"spectrum"), literal(b"binaryDataArray"), literal(b"spectrumList")


class Scan(NamedTuple):
    """What the list of spectra says.

    Parameters
    ----------
    number : ndarray of shape (n_spectra, 9), int64; columns as in ``NUMBER_NAMES``, 0 where not found
    flag : ndarray of shape (n_spectra, 10), uint16; columns FOUND to TYPE, bits of ``terms``
    """

    number: NDArray[np.int64]
    flag: NDArray[np.uint16]


class _Part(NamedTuple):
    """A part of the list: its spectra, how it ended and in which state, and the row of the spectrum it broke off in."""

    rows: list[Scan]
    end: int
    state: NDArray[np.int64]
    open: Scan


def scan_spectra(mapped: mmap.mmap, header: Header, name: str, *, on_progress: Progress = no_progress) -> Scan:
    """Scan the list of spectra.

    Parameters
    ----------
    mapped : the file from its first byte, read-only
    header : where the list starts, and the groups it refers to
    name : the file's name, for messages

    Raises
    ------
    ImzMLError
        The list is cut short or no XML, or a spectrum lacks its position or holds no number where one must stand.
    """
    text = np.frombuffer(mapped, np.uint8)
    (names, groups), known = _compile_groups(header), compile_terms()
    starts = _starts(mapped, header.list_start)

    def scan_part(first: int, stop: int) -> _Part:
        return _scan_part(mapped, text, (names, groups, known), header.list_start, first, stop)

    rows: list[Scan] = []
    with ThreadPoolExecutor(N_THREADS) as pool:
        pending = deque(
            pool.submit(scan_part, first, stop) for first, stop in zip(starts, [*starts[1:], NOWHERE], strict=True)
        )
        try:
            for first in starts:
                part = pending.popleft().result()
                if part.end not in (REACHED, ENDED):  # what looked like a start was none, or there is a fault
                    part = scan_part(first, NOWHERE)
                rows += part.rows
                n_done = sum(len(scan.number) for scan in rows)
                if part.end not in (REACHED, ENDED):
                    raise ImzMLError(_describe(part, text, n_done + 1, name))
                on_progress(float(part.state[AT] / text.size), "reading the imzML")
                if part.end == ENDED:
                    break
        finally:
            for task in pending:
                task.cancel()
    if n_done == 0:
        raise ImzMLError(f"expected spectra in {name}, found an empty list; export it again")
    whole = _room(n_done)
    np.concatenate([scan.number for scan in rows], out=whole.number)
    np.concatenate([scan.flag for scan in rows], out=whole.flag)
    return whole


def _starts(mapped: mmap.mmap, list_start: int) -> list[int]:
    """Return where parts of the list may start: at the list itself, and then at what looks like a spectrum's tag.

    It may stand in a comment: the part before tells, as it must come to that place between two spectra.
    """
    starts = [list_start]
    for place in range(list_start + PART_BYTES, len(mapped) - PART_BYTES // 2, PART_BYTES):
        found = _SPECTRUM_TAG.search(mapped, place, place + PART_BYTES // 2)
        if found is not None:
            starts.append(found.start())
    return starts


def _scan_part(
    mapped: mmap.mmap,
    text: NDArray[np.uint8],
    compiled: tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]],
    list_start: int,
    first: int,
    stop: int,
) -> _Part:
    """Scan from the list's start, or from that of a spectrum in it, to the spectrum that starts at ``stop``."""
    stack, state = np.zeros((MAX_DEPTH, 2), dtype=np.int64), np.zeros(_N_STATE, dtype=np.int64)
    bounds, array = np.empty(N_BOUNDS, np.int64), np.empty(_N_ARRAY, np.int64)
    state[AT] = list_start
    if first > list_start:
        next_tag(text, stack, state, bounds)
        state[AT] = first
    rows: list[Scan] = []
    end = FULL
    while end == FULL:
        room = _room(N_AT_ONCE)
        end = int(scan_piece(text, *compiled, room.number, room.flag, stack, state, bounds, array, stop))
        n_rows = int(state[_ROW])
        rows.append(Scan(room.number[:n_rows], room.flag[:n_rows]))
        if hasattr(mmap, "MADV_DONTNEED"):  # give the pages back, or the text would fill the memory
            page = first - first % mmap.PAGESIZE
            mapped.madvise(mmap.MADV_DONTNEED, page, int(state[AT]) - page)
    return _Part(rows, end, state, Scan(room.number[n_rows : n_rows + 1], room.flag[n_rows : n_rows + 1]))


def _room(n_spectra: int) -> Scan:
    # Pages of their own: unlike an allocator, the system has them back as soon as the scan is done with.
    number = np.frombuffer(mmap.mmap(-1, 8 * N_NUMBERS * n_spectra), np.int64)
    flag = np.frombuffer(mmap.mmap(-1, 2 * N_FLAGS * n_spectra), np.uint16)
    return Scan(number.reshape(-1, N_NUMBERS), flag.reshape(-1, N_FLAGS))


def _compile_groups(header: Header) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Lay the groups out: their ids in one piece, and a row for each with its start, its end and its meaning."""
    names = [name.encode(header.encoding, "replace") for name in header.groups]
    end = np.cumsum([0, *map(len, names)])
    table = np.zeros((len(names), 2 + terms.N_KINDS - 1), dtype=np.int64)
    for row, meaning in enumerate(header.groups.values()):
        table[row] = end[row], end[row + 1], *meaning
    return np.frombuffer(b"".join(names) + b"\0", np.uint8), table


def _describe(part: _Part, text: NDArray[np.uint8], number: int, name: str) -> str:
    """Say in words why a scan ended early."""
    at, column = int(part.state[AT]), int(part.state[_COLUMN])
    where = f"spectrum {number}"
    if (part.open.flag[0, FOUND] & _POSITION_FOUND) == _POSITION_FOUND:
        where += f" (pixel x={part.open.number[0, terms.X]}, y={part.open.number[0, terms.Y]})"
    shown = ascii(re.split(rb"""["'>]""", bytes(text[at : at + 40]))[0].decode("latin-1"))
    field = NUMBER_NAMES[column].partition(" (")[0]
    surplus = {terms.MZ: "a second m/z array", terms.INTENSITY: "a second intensity array"}.get(column, "one of both")
    return {
        CUT: f"expected the whole list of spectra in {name}, found that the file ends in {where}; copy it again",
        MALFORMED: f"expected XML in {name}, found an error at byte {at} in {where}; export it again",
        MISMATCHED: f"expected matching tags in {name}, found {shown} at byte {at} in {where}; export it again",
        DEEP: f"expected tags at most {MAX_DEPTH} deep in {name}, found more in {where}; export it again",
        NUMBER_FAULT: f"expected a whole number as {field} of {where}, found {shown}; export it again",
        NUMBER_LARGE: f"expected at most 62 bits as {field} of {where}, found {shown}; export it again",
        NO_POSITION: f"expected position x and y of {where} in {name}, found none; export it again",
        TWO_ARRAYS: f"expected one m/z and one intensity array in {where}, found {surplus}; export it again",
    }[part.end]


@borrowing
def scan_piece(text, names, groups, known, number, flag, stack, state, bounds, array, stop):  # type: ignore[no-untyped-def]
    """Fill rows of ``number`` and ``flag`` until they are full or the list ends; return how it ended.

    Parameters
    ----------
    names, groups : as of ``_compile_groups``
    known : as of ``compile_terms``
    stack, state, bounds : as for ``next_tag``; the state goes on behind with what the constants above name
    array : ndarray of shape (_N_ARRAY,), int64; for the array that is being read
    stop : where the last spectrum ends: another one should start there, which is not read
    """
    array[:] = 0
    state[_ROW] = 0
    while state[_ROW] < number.shape[0]:
        event = next_tag(text, stack, state, bounds)
        if event > EMPTY:
            return event
        row = state[_ROW]
        place = state[DEPTH] - 1 if event == START else state[DEPTH]
        element = _element(text, stack[place, 0], stack[place, 1])
        if element == _ANY:
            continue
        if element == _SPECTRUM and event != END and place == 1 and stack[place, 0] > stop:
            return REACHED if stack[place, 0] == stop + 1 else MISSED
        code = _ON
        if event != END:
            code = _enter(text, names, groups, known, number, flag, row, state, bounds, array, element, place)
        if event != START and code == _ON:
            code = _leave(number, flag, row, state, array, element, place)
        if code != _ON:
            return code
    return FULL


@borrowing
def _element(text, start, stop):  # type: ignore[no-untyped-def]
    start = local_start(text, start, stop)
    if equals(text, start, stop, _CV_PARAM_NAME):
        return _CV_PARAM
    if equals(text, start, stop, _REFERENCE_NAME):
        return _REFERENCE
    if equals(text, start, stop, _SPECTRUM_NAME):
        return _SPECTRUM
    if equals(text, start, stop, _ARRAY_NAME):
        return _ARRAY
    if equals(text, start, stop, _LIST_NAME):
        return _LIST
    return _ANY


@borrowing
def _enter(text, names, groups, known, number, flag, row, state, bounds, array, element, place):  # type: ignore[no-untyped-def]
    if element in (_SPECTRUM, _LIST):
        if place != (1 if element == _SPECTRUM else 0):
            return MISMATCHED
        state[_IN_SPECTRUM] = element == _SPECTRUM
    elif not state[_IN_SPECTRUM]:
        return _ON
    elif element == _ARRAY:
        if array[_A_DEPTH]:
            return MISMATCHED
        for i in range(_N_ARRAY):
            array[i] = 0
        array[_A_DEPTH] = place
    elif element == _CV_PARAM and bounds[ACCESSION] >= 0:
        return _take_term(text, known, number, flag, row, state, bounds, array)
    elif element == _REFERENCE and bounds[REFERENCE] >= 0:
        _take_group(text, names, groups, flag, row, bounds, array)
    return _ON


@borrowing
def _leave(number, flag, row, state, array, element, place):  # type: ignore[no-untyped-def]
    if element == _LIST:
        return ENDED
    if element == _ARRAY and array[_A_DEPTH] == place:
        array[_A_DEPTH] = 0
        return _store(number, flag, row, state, array) if state[_IN_SPECTRUM] else _ON
    if element == _SPECTRUM:
        state[_IN_SPECTRUM] = 0
        if flag[row, FOUND] & _POSITION_FOUND != _POSITION_FOUND:
            return NO_POSITION
        state[_ROW] += 1
    return _ON


@borrowing
def _take_term(text, known, number, flag, row, state, bounds, array):  # type: ignore[no-untyped-def]
    code = term_number(text, bounds[ACCESSION], bounds[ACCESSION + 1])
    slot = code % known.shape[0]
    if known[slot, terms.CODE] != code:
        return _ON
    kind, value = known[slot, terms.KIND], known[slot, terms.MEANING]
    if known[slot, terms.ALIAS_SIZE] and bounds[NAME] >= 0:
        last = terms.ALIAS_NAME + known[slot, terms.ALIAS_SIZE]
        if same_text(text, bounds[NAME], bounds[NAME + 1], known[slot], terms.ALIAS_NAME, last):
            kind, value = known[slot, terms.ALIAS_KIND], known[slot, terms.ALIAS_MEANING]
    in_array = array[_A_DEPTH] > 0
    if kind == terms.POLARITY:
        flag[row, POLARITY] |= value
    elif kind == terms.SPECTRUM_TYPE:
        flag[row, TYPE] |= value
    elif kind == terms.NUMBER:
        if (value >= terms.OFFSET) == in_array and bounds[VALUE] >= 0:
            return _take_number(text, number, flag, row, state, bounds, array, value)
    elif kind > 0 and in_array:
        array[_A_MEANING + kind - terms.ROLE] |= value
    return _ON


@borrowing
def _take_number(text, number, flag, row, state, bounds, array, column):  # type: ignore[no-untyped-def]
    """Take a number where none was stated before; of several scans, the first says where the spectrum was taken."""
    value, status = parse_number(text, bounds[VALUE], bounds[VALUE + 1])
    if status > EXPONENT:
        if column == terms.ENCODED:  # most arrays do not need it
            return _ON
        state[AT], state[_COLUMN] = bounds[VALUE], column
        return NUMBER_FAULT if status == NO_NUMBER else NUMBER_LARGE
    bit = 1 << column
    if column < terms.OFFSET:
        if flag[row, FOUND] & bit:
            flag[row, CONTRADICTED] |= bit if value != number[row, column] else 0
            return _ON
        number[row, column] = value
        flag[row, FOUND] |= bit
        flag[row, ROUNDED] |= 0 if status == PLAIN else bit
    elif array[_A_FOUND] & bit:
        array[_A_CONTRADICTED] |= bit if value != array[column - terms.OFFSET] else 0
    else:
        array[column - terms.OFFSET] = value
        array[_A_FOUND] |= bit
        array[_A_ROUNDED] |= 0 if status == PLAIN else bit
    return _ON


@borrowing
def _take_group(text, names, groups, flag, row, bounds, array):  # type: ignore[no-untyped-def]
    for i in range(groups.shape[0]):
        if same_text(text, bounds[REFERENCE], bounds[REFERENCE + 1], names, groups[i, 0], groups[i, 1]):
            flag[row, POLARITY] |= groups[i, 1 + terms.POLARITY]
            flag[row, TYPE] |= groups[i, 1 + terms.SPECTRUM_TYPE]
            if array[_A_DEPTH]:
                for kind in range(3):
                    array[_A_MEANING + kind] |= groups[i, 2 + kind]
            return


@borrowing
def _store(number, flag, row, state, array):  # type: ignore[no-untyped-def]
    """Write the array that has ended into the spectrum's row."""
    role = array[_A_MEANING]
    if role == 0:
        role = terms.OTHER_ARRAY
    main = role & (terms.MZ | terms.INTENSITY)
    if main and (flag[row, ROLES] & main or main == terms.MZ | terms.INTENSITY):
        state[_COLUMN] = main
        return TWO_ARRAYS
    flag[row, ROLES] |= role
    if main:
        shift = 0 if main == terms.MZ else 3
        for i in range(3):
            number[row, terms.OFFSET + shift + i] = array[i]
        flag[row, FOUND] |= array[_A_FOUND] << shift
        flag[row, CONTRADICTED] |= array[_A_CONTRADICTED] << shift
        flag[row, ROUNDED] |= array[_A_ROUNDED] << shift
        column = 0 if main == terms.MZ else 1
        flag[row, MZ_FORMAT + column] |= array[_A_MEANING + 1]
        flag[row, MZ_COMPRESSION + column] |= array[_A_MEANING + 2]
    return _ON
