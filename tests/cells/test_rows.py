"""Rows of a table: counted in one pass as the csv module counts them, however the bytes are cut into blocks."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_metime.cells.rows import scan_rows


def lengths(text: str) -> list[int] | None:
    """Return the number of fields of each row that is not blank; None where the csv module finds a broken one."""
    try:
        return [len(row) for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        return None


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet='a,"\n ', max_size=40), st.integers(1, 5))
def test_any_text_is_cut_as_the_csv_module_cuts_it(text: str, size: int) -> None:
    blocks = [text[i : i + size].encode() for i in range(0, len(text), size)]
    expected = lengths(text)
    found = scan_rows(blocks, delimiter=",", n_fields=2)
    assert (found.broken > 0) == (expected is None)
    if expected is not None:
        assert found.n_rows == len(expected)
        wrong = [n for n in expected if n != 2]
        assert found.ragged_fields == (wrong[0] if wrong else 0)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_line_ends_of_windows_may_be_cut_apart(size: int) -> None:
    text = b"a,b\r\n1,2\r\n\r\n3,4,5\r\n"
    blocks = [text[i : i + size] for i in range(0, len(text), size)]
    found = scan_rows(blocks, delimiter=",", n_fields=2)
    assert (found.n_rows, found.ragged, found.ragged_fields, found.n_lone_returns) == (3, 4, 3, 0)
    assert found.longest == 5


@pytest.mark.parametrize(("text", "n"), [(b"a\rb\r\n", 1), (b"a\r\r\n", 1), (b'"a\rb"\n', 1), (b"a\n\r", 1)])
def test_carriage_returns_alone_are_counted(text: bytes, n: int) -> None:
    assert scan_rows([text], delimiter=",", n_fields=1).n_lone_returns == n


def test_the_first_broken_field_is_named() -> None:
    assert scan_rows([b'a\n"b"c\n"d\n'], delimiter=",", n_fields=1).broken == 2
    assert scan_rows([b'a\n"b\n'], delimiter=",", n_fields=1).broken == 2
