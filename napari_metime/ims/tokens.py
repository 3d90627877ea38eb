"""XML as bytes, compiled: tags and attributes, read where they lie.

Positions are byte indices; a negative one says that the text ends too early (``TEXT_ENDS``) or is no XML (``NO_XML``).
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import intrinsic

from napari_metime.ims.blocks import load_at
from napari_metime.ims.compiling import borrowing
from napari_metime.ims.values import equals, is_space, literal

TEXT_ENDS, NO_XML = -1, -2
START, END, EMPTY, CUT, MALFORMED, MISMATCHED, DEEP = range(7)
AT, DEPTH = 0, 1

# Where ``read_attributes`` puts the start and the end of the values that a scan asks for.
ACCESSION, NAME, VALUE, REFERENCE, SELF_CLOSING, N_BOUNDS = 0, 2, 4, 6, 8, 9

_LESS, _GREATER, _SLASH, _BANG, _QUERY, _COLON, _EQUALS, _DASH, _CLOSING, _DOUBLE, _SINGLE = b"<>/!?:=-]\"'"
_SMALL_A, _SMALL_V, _SMALL_N, _SMALL_R = b"avnr"
_ACCESSION_NAME, _NAME_NAME = literal(b"accession"), literal(b"name")
_VALUE_NAME, _REFERENCE_NAME = literal(b"value"), literal(b"ref")
_CDATA = literal(b"<![CDATA[")
_WORD = np.empty(0, dtype=np.uint64)
_EACH, _HIGHEST = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)


@intrinsic
def _trailing_zeros(typing_context, word):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.uint64(types.uint64), generate


@borrowing
def find_either(text, position, one, other):  # type: ignore[no-untyped-def]
    """Return where the next of two bytes stands, the end of the text where there is none; eight bytes at a time."""
    ones, others = _EACH * np.uint64(one), _EACH * np.uint64(other)
    while position + 8 <= text.size:
        word = load_at(text, position, 0, _WORD)
        a, b = word ^ ones, word ^ others
        # A byte that is zero sets the highest bit of its own; a carry can only set wrong ones above the first.
        found = ((a - _EACH) & ~a | (b - _EACH) & ~b) & _HIGHEST
        if found:
            return position + np.int64(_trailing_zeros(found) >> np.uint64(3))
        position += 8
    while position < text.size and text[position] != one and text[position] != other:
        position += 1
    return position


@borrowing
def name_end(text, position):  # type: ignore[no-untyped-def]
    """Return where the name that starts at ``position`` ends."""
    while position < text.size:
        byte = text[position]
        if byte <= _GREATER and (byte in (_GREATER, _SLASH, _EQUALS, _LESS) or is_space(byte)):
            break
        position += 1
    return position


@borrowing
def local_start(text, start, stop):  # type: ignore[no-untyped-def]
    """Return where the part of a name behind its namespace prefix starts."""
    for i in range(start, stop):
        if text[i] == _COLON:
            return i + 1
    return start


@borrowing
def skip_markup(text, position):  # type: ignore[no-untyped-def]
    """Skip the comment, CDATA section or processing instruction that starts at ``position``."""
    n = text.size
    if position + 9 > n:
        return TEXT_ENDS
    if text[position + 1] == _QUERY:
        for i in range(position + 2, n - 1):
            if text[i] == _QUERY and text[i + 1] == _GREATER:
                return i + 2
        return TEXT_ENDS
    if text[position + 2] == _DASH and text[position + 3] == _DASH:
        for i in range(position + 4, n - 2):
            if text[i] == _DASH and text[i + 1] == _DASH and text[i + 2] == _GREATER:
                return i + 3
        return TEXT_ENDS
    if equals(text, position, position + 9, _CDATA):
        for i in range(position + 9, n - 2):
            if text[i] == _CLOSING and text[i + 1] == _CLOSING and text[i + 2] == _GREATER:
                return i + 3
        return TEXT_ENDS
    return NO_XML


@borrowing
def skip_space(text, position):  # type: ignore[no-untyped-def]
    """Return where the white space that starts at ``position`` ends."""
    while position < text.size and is_space(text[position]):
        position += 1
    return position


@borrowing
def read_attributes(text, position, bounds):  # type: ignore[no-untyped-def]
    """Read the attributes of a start tag from behind its name on; return the position behind the tag.

    Parameters
    ----------
    bounds : ndarray of shape (N_BOUNDS,), int64
        Receives start and end of the values of accession, name, value and ref, -1 where there is none, and at
        SELF_CLOSING whether the tag ends in ``/>``.
    """
    n = text.size
    bounds[:] = -1
    while True:
        after_space = skip_space(text, position)
        if after_space + 1 >= n and (after_space >= n or text[after_space] != _GREATER):
            return TEXT_ENDS
        byte = text[after_space]
        if byte == _GREATER:
            bounds[SELF_CLOSING] = 0
            return after_space + 1
        if byte == _SLASH:
            bounds[SELF_CLOSING] = 1
            return after_space + 2 if text[after_space + 1] == _GREATER else NO_XML
        if after_space == position:  # an attribute must stand apart from what goes before it
            return NO_XML
        position = _read_attribute(text, after_space, bounds)
        if position < 0:
            return position


@borrowing
def _read_attribute(text, start, bounds):  # type: ignore[no-untyped-def]
    n = text.size
    stop = name_end(text, start)
    position = skip_space(text, stop)
    if position >= n:
        return TEXT_ENDS
    if stop == start or text[position] != _EQUALS:
        return NO_XML
    position = skip_space(text, position + 1)
    if position >= n:
        return TEXT_ENDS
    quote = text[position]
    if quote != _DOUBLE and quote != _SINGLE:
        return NO_XML
    first = position + 1
    position = first
    position = find_either(text, first, quote, _LESS)
    if position >= n:
        return TEXT_ENDS
    if text[position] == _LESS:
        return NO_XML
    place = _bound_of(text, start, stop)
    if place >= 0:
        if bounds[place] >= 0:  # stated twice
            return NO_XML
        bounds[place], bounds[place + 1] = first, position
    return position + 1


@borrowing
def _bound_of(text, start, stop):  # type: ignore[no-untyped-def]
    first, size = text[start], stop - start
    if size == 9 and first == _SMALL_A and equals(text, start, stop, _ACCESSION_NAME):
        return ACCESSION
    if size == 5 and first == _SMALL_V and equals(text, start, stop, _VALUE_NAME):
        return VALUE
    if size == 4 and first == _SMALL_N and equals(text, start, stop, _NAME_NAME):
        return NAME
    if size == 3 and first == _SMALL_R and equals(text, start, stop, _REFERENCE_NAME):
        return REFERENCE
    return -1


@borrowing
def next_tag(text, stack, state, bounds):  # type: ignore[no-untyped-def]
    """Read the next tag and keep the stack of open ones; return START, END, EMPTY or a fault.

    Parameters
    ----------
    stack : ndarray of shape (depth, 2), int64
        First and last byte of the names of the open tags. The tag that was read stands at ``state[DEPTH] - 1`` after
        START, at ``state[DEPTH]`` after END and EMPTY.
    state : ndarray of shape (2,), int64; the next byte and the number of open tags
    bounds : ndarray of shape (N_BOUNDS,), int64; filled by ``read_attributes``
    """
    position = state[AT]
    while True:
        position = find_either(text, position, _LESS, _LESS)
        if position + 1 >= text.size:
            state[AT] = text.size
            return CUT
        state[AT] = position
        first = text[position + 1]
        if first != _BANG and first != _QUERY:
            break
        position = skip_markup(text, position)
        if position < 0:
            return CUT if position == TEXT_ENDS else MALFORMED
    if first == _SLASH:
        return _read_end(text, stack, state)
    stop = name_end(text, position + 1)
    if stop == position + 1:
        return MALFORMED
    if state[DEPTH] >= stack.shape[0]:
        return DEEP
    stack[state[DEPTH], 0], stack[state[DEPTH], 1] = position + 1, stop
    position = read_attributes(text, stop, bounds)
    if position < 0:
        return CUT if position == TEXT_ENDS else MALFORMED
    state[AT] = position
    if bounds[SELF_CLOSING] == 1:
        return EMPTY
    state[DEPTH] += 1
    return START


@borrowing
def _read_end(text, stack, state):  # type: ignore[no-untyped-def]
    start = state[AT] + 2
    stop = name_end(text, start)
    position = skip_space(text, stop)
    if position >= text.size:
        return CUT
    if text[position] != _GREATER:
        return MALFORMED
    first, last = stack[state[DEPTH] - 1]
    if last - first != stop - start:
        return MISMATCHED
    for i in range(stop - start):
        if text[start + i] != text[first + i]:
            return MISMATCHED
    state[AT] = position + 1
    state[DEPTH] -= 1
    return END
