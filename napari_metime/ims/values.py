"""The values of XML attributes, compiled: compared, and read as accessions and whole numbers, where they lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metime.ims.compiling import borrowing

PLAIN, EXPONENT, NO_NUMBER, TOO_LARGE = range(4)

_AMPERSAND, _SEMICOLON, _HASH, _PLUS, _MINUS, _POINT, _ZERO, _NINE = b"&;#+-.09"
_LARGE_E, _SMALL_E, _SMALL_A, _SMALL_X, _LARGE_I = b"EeaxI"
_SPACE, _TAB, _NEWLINE, _RETURN = b" \t\n\r"
_CASE = _SMALL_E ^ _LARGE_E
_MAX_INT = 1 << 62
_MAX_TERM, _IMS_TERMS = 10**9, np.int64(10**10)
_LONGEST_ESCAPE = 8


def literal(text: bytes) -> NDArray[np.uint8]:
    """Return the bytes of a name for ``equals``."""
    return np.frombuffer(text, np.uint8)


_PREFIX = literal(b"MS:")
_AMP, _LT, _GT, _QUOT, _APOS = (literal(name) for name in (b"amp", b"lt", b"gt", b"quot", b"apos"))


@borrowing
def equals(text, start, stop, name):  # type: ignore[no-untyped-def]
    """Whether text[start:stop] is ``name``, byte by byte."""
    if stop - start != name.size:
        return False
    for i in range(name.size):  # noqa: SIM110 - all() of a generator does not compile
        if text[start + i] != name[i]:
            return False
    return True


@borrowing
def is_space(byte):  # type: ignore[no-untyped-def]
    """Whether a byte is white space in XML."""
    return byte in (_SPACE, _NEWLINE, _RETURN, _TAB)


@borrowing
def unescape(text, position, stop):  # type: ignore[no-untyped-def]
    """Return the byte that the escape at ``position`` stands for, 0 where it is none, and the next position."""
    end = position + 1
    while end < stop and end - position < _LONGEST_ESCAPE and text[end] != _SEMICOLON:
        end += 1
    if end >= stop or text[end] != _SEMICOLON:
        return np.int64(0), stop
    start = position + 1
    sign = np.int64(0)
    if text[start] == _HASH:
        sign = _character(text, start + 1, end)
    elif equals(text, start, end, _AMP):
        sign = np.int64(38)
    elif equals(text, start, end, _LT):
        sign = np.int64(60)
    elif equals(text, start, end, _GT):
        sign = np.int64(62)
    elif equals(text, start, end, _QUOT):
        sign = np.int64(34)
    elif equals(text, start, end, _APOS):
        sign = np.int64(39)
    return sign, end + 1


@borrowing
def _character(text, start, stop):  # type: ignore[no-untyped-def]
    """Return the code of a character reference such as #52 or #x34, 0 where it is no ASCII."""
    base = 10
    if start < stop and text[start] == _SMALL_X:
        base, start = 16, start + 1
    code = np.int64(0)
    for i in range(start, stop):
        byte = np.int64(text[i])
        digit = byte - _ZERO
        if base == 16 and (byte | _CASE) >= _SMALL_A:
            digit = (byte | _CASE) - _SMALL_A + 10
        if digit < 0 or digit >= base:
            return np.int64(0)
        code = code * base + digit
    return code if code < 128 else np.int64(0)


@borrowing
def same_text(text, start, stop, names, first, last):  # type: ignore[no-untyped-def]
    """Whether text[start:stop], escapes resolved, is names[first:last]."""
    while start < stop and first < last:
        byte = np.int64(text[start])
        start += 1
        if byte == _AMPERSAND:
            byte, start = unescape(text, start - 1, stop)
        if byte != names[first]:
            return False
        first += 1
    return start == stop and first == last


@borrowing
def term_number(text, start, stop):  # type: ignore[no-untyped-def]
    """Return ``terms.term_code`` of the accession text[start:stop], 0 where it is none of MS or IMS."""
    code, number, n_letters = np.int64(0), np.int64(0), 0
    while start < stop:
        byte = np.int64(text[start])
        start += 1
        if byte == _AMPERSAND:
            byte, start = unescape(text, start - 1, stop)
        if n_letters == _PREFIX.size and _ZERO <= byte <= _NINE and number < _MAX_TERM:
            number = number * 10 + (byte - _ZERO)
        elif n_letters == 0 and byte == _LARGE_I and not code:
            code = _IMS_TERMS
        elif n_letters < _PREFIX.size and byte == _PREFIX[n_letters]:
            n_letters += 1
        elif not is_space(byte):
            return np.int64(0)
    return code + number


@borrowing
def parse_number(text, start, stop):  # type: ignore[no-untyped-def]
    """Read a whole number, written as such or as 12.0 or 1.2e+01.

    Returns
    -------
    value : int64
    status : PLAIN, EXPONENT (whole, but perhaps rounded by its writer), NO_NUMBER or TOO_LARGE
    """
    start, stop = _trim(text, start, stop)
    negative = False
    if start < stop and (text[start] == _MINUS or text[start] == _PLUS):
        negative, start = text[start] == _MINUS, start + 1
    value, scale, n_zeros, n_digits = np.int64(0), np.int64(0), np.int64(0), 0
    after_point = False
    while start < stop:
        byte, next_start = np.int64(text[start]), start + 1
        if byte == _AMPERSAND:
            byte, next_start = unescape(text, start, stop)
        if byte == _POINT and not after_point:
            after_point = True
        elif byte < _ZERO or byte > _NINE:
            break
        else:
            n_digits += 1
            if byte == _ZERO and after_point:
                n_zeros += 1  # zeros at the end of a fraction say nothing
            else:
                while n_zeros >= 0:
                    if value > _MAX_INT // 10 - 1:
                        return np.int64(0), TOO_LARGE
                    value, n_zeros = value * 10, n_zeros - 1
                    scale -= 1 if after_point else 0
                value, n_zeros = value + (byte - _ZERO), np.int64(0)
        start = next_start
    status = PLAIN
    if start < stop and n_digits > 0:
        exponent, status = _exponent(text, start, stop)
        scale += exponent
    if n_digits == 0 or status == NO_NUMBER:
        return np.int64(0), NO_NUMBER
    value, fits = _scaled(value, scale)
    if fits != PLAIN:
        return np.int64(0), fits
    return -value if negative else value, status


@borrowing
def _trim(text, start, stop):  # type: ignore[no-untyped-def]
    """Return the bounds of text[start:stop] without the white space at its ends, which may be escaped."""
    while start < stop:
        byte, next_start = np.int64(text[start]), start + 1
        if byte == _AMPERSAND:
            byte, next_start = unescape(text, start, stop)
        if not is_space(byte):
            break
        start = next_start
    while start < stop:
        last = stop - 1
        byte = np.int64(text[last])
        if byte == _SEMICOLON:
            while last > start and stop - last < _LONGEST_ESCAPE and text[last] != _AMPERSAND:
                last -= 1
            byte, _ = unescape(text, last, stop)
        if not is_space(byte):
            break
        stop = last
    return start, stop


@borrowing
def _exponent(text, start, stop):  # type: ignore[no-untyped-def]
    if text[start] not in (_SMALL_E, _LARGE_E):
        return np.int64(0), NO_NUMBER
    start += 1
    negative = False
    if start < stop and (text[start] == _MINUS or text[start] == _PLUS):
        negative, start = text[start] == _MINUS, start + 1
    if start >= stop:
        return np.int64(0), NO_NUMBER
    exponent = np.int64(0)
    for i in range(start, stop):
        if text[i] < _ZERO or text[i] > _NINE:
            return np.int64(0), NO_NUMBER
        exponent = min(exponent * 10 + (text[i] - _ZERO), np.int64(1000))
    return -exponent if negative else exponent, EXPONENT


@borrowing
def _scaled(value, scale):  # type: ignore[no-untyped-def]
    """Return value * 10 ** scale, and whether that is a whole number of 62 bits."""
    if value == 0:
        return value, PLAIN
    while scale < 0:
        if value % 10:
            return np.int64(0), NO_NUMBER
        value, scale = value // 10, scale + 1
    while scale > 0:
        if value > _MAX_INT // 10:
            return np.int64(0), TOO_LARGE
        value, scale = value * 10, scale - 1
    return value, PLAIN
