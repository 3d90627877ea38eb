"""One pass over the bytes of a text table: whether every row is whole.

The pass follows the rules of RFC 4180 as the csv module and pandas do: a quotation mark opens a quoted field only at
its beginning, a doubled one within it stands for itself, and the one that closes it is followed by a separator or the
end of the row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numba
import numpy as np

_LF, _CR, _QUOTE = 10, 13, 34
_BEGIN, _PLAIN, _QUOTED, _CLOSED = 0, 1, 2, 3
_MODE, _FIELDS, _LENGTH, _AFTER_CR, _ROWS, _ROW, _RAGGED, _RAGGED_FIELDS, _BROKEN, _LONGEST, _LONE_CR = range(11)


@dataclass(frozen=True, slots=True)
class Rows:
    """What was found; rows count from 1, which is the header, and lines that are blank are none.

    Parameters
    ----------
    n_rows : that are not blank, with the header
    ragged : first row of another number of fields, 0 for none, and ``ragged_fields`` how many it has
    broken : first row with text behind a closing quotation mark, or whose last one is not closed; 0 for none
    longest : bytes of the longest row
    n_lone_returns : carriage returns without a line feed
    """

    n_rows: int
    ragged: int
    ragged_fields: int
    broken: int
    longest: int
    n_lone_returns: int


def scan_rows(blocks: Iterable[bytes], *, delimiter: str, n_fields: int) -> Rows:
    """Look at every row of a table.

    Parameters
    ----------
    blocks : the bytes of the table, in any encoding in which ASCII stands for itself
    n_fields : that every row shall have
    """
    state = np.zeros(11, dtype=np.int64)
    state[_FIELDS] = state[_ROW] = 1
    for block in blocks:
        _scan(np.frombuffer(block, dtype=np.uint8), ord(delimiter), n_fields, state)
    state[_LONE_CR] += state[_AFTER_CR]
    if state[_MODE] == _QUOTED and not state[_BROKEN]:
        state[_BROKEN] = state[_ROW]
    elif state[_LENGTH]:  # the last row may have no end
        _scan(np.frombuffer(b"\n", dtype=np.uint8), ord(delimiter), n_fields, state)
    n_rows, ragged, ragged_fields, broken = (int(state[i]) for i in (_ROWS, _RAGGED, _RAGGED_FIELDS, _BROKEN))
    return Rows(n_rows, ragged, ragged_fields, broken, int(state[_LONGEST]), int(state[_LONE_CR]))


@numba.njit(cache=True, nogil=True)
def _scan(data, delimiter, n_fields, state):  # type: ignore[no-untyped-def]
    mode, fields, length, after_cr = state[_MODE], state[_FIELDS], state[_LENGTH], state[_AFTER_CR]
    for byte in data:
        if after_cr:
            after_cr = 0
            state[_LONE_CR] += byte != _LF
        length += 1
        if byte == _CR:
            after_cr = 1
            length -= 1
        elif mode == _QUOTED:
            mode = _CLOSED if byte == _QUOTE else _QUOTED
        elif byte == delimiter:
            fields += 1
            mode = _BEGIN
        elif byte == _LF:
            length -= 1
            if length:
                state[_ROWS] += 1
                if fields != n_fields and state[_RAGGED] == 0:
                    state[_RAGGED], state[_RAGGED_FIELDS] = state[_ROW], fields
            state[_ROW] += 1
            state[_LONGEST] = max(state[_LONGEST], length)
            fields, length, mode = 1, 0, _BEGIN
        elif byte == _QUOTE and mode != _PLAIN:
            mode = _QUOTED  # opened, or a doubled one within
        else:
            if mode == _CLOSED and state[_BROKEN] == 0:
                state[_BROKEN] = state[_ROW]
            mode = _PLAIN
    state[_MODE], state[_FIELDS], state[_LENGTH], state[_AFTER_CR] = mode, fields, length, after_cr
    state[_LONGEST] = max(state[_LONGEST], length)
