from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_metime.errors import ImzMLError, MissingFileError
from napari_metime.ims.normalization_table import read_normalization_table
from napari_metime.section import Grid

DATASET = SimpleNamespace(grid=Grid((2, 3), (60, 10), None))  # rows y = 60, 61; columns x = 10 to 12


def _read(tmp_path: Path, text: str) -> np.ndarray:
    path = tmp_path / "factors.csv"
    path.write_text(text, encoding="utf-8")
    return read_normalization_table(path, DATASET)  # type: ignore[arg-type]


def test_values_land_on_their_pixels(tmp_path: Path) -> None:
    found = _read(tmp_path, "x,y,value\n10,60,2.5\n12,61,4\n99,99,7\n")
    np.testing.assert_array_equal(found, [[2.5, np.nan, np.nan], [np.nan, np.nan, 4]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x,y\n10,60\n", "expected the columns x, y, value"),
        ("x,y,value\n10,60,many\n", "line 2"),
        ("x,y,value\n10,60,1\n10.5,60,1\n", "line 3"),
        ("x,y,value\n10,60,1\n10,60,2\n", "x=10, y=60 again"),
        ("x,y,value\n1,1,1\n", "x from 10, y from 60"),
        ("", "found none that can be read"),
    ],
)
def test_bad_tables_are_told_in_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ImzMLError, match=words):
        _read(tmp_path, text)


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nothing\.csv"):
        read_normalization_table(tmp_path / "nothing.csv", DATASET)  # type: ignore[arg-type]
