"""Tables come back as they were, and no spreadsheet runs what stands in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_metime.export.tables import write_table


def _written(table: pd.DataFrame, folder: Path) -> str:
    write_table(table, folder / "t.csv")
    return (folder / "t.csv").read_bytes().decode("utf-8")


def test_numbers_read_back_the_same(tmp_path: Path) -> None:
    values = np.array([0.1, -1.5, 1 / 3, 1e-300, 123456789.123, np.nan])
    lines = _written(pd.DataFrame({"v": values, "w": 1}), tmp_path).splitlines()[1:]
    np.testing.assert_array_equal([float(line.removesuffix(",1") or "nan") for line in lines], values)


def test_cells_are_written_as_the_contract_says(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "flag": [True, False],
            "mixed": [None, True],
            "whole": pd.array([3, None], dtype="Int64"),
            "number": [-1.5, np.nan],
            "text": ["µm, a", None],
        }
    )
    assert _written(table, tmp_path) == 'flag,mixed,whole,number,text\ntrue,,3,-1.5,"µm, a"\nfalse,true,,,\n'


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_formulas_get_an_apostrophe_in_cells_and_headers(tmp_path: Path, text: str) -> None:
    write_table(pd.DataFrame({text: [text, "plain"]}), tmp_path / "t.csv")
    back = pd.read_csv(tmp_path / "t.csv")
    assert [*back.columns, *back.iloc[:, 0]] == [f"'{text}", f"'{text}", "plain"]


def test_carriage_returns_break_no_row(tmp_path: Path) -> None:
    assert _written(pd.DataFrame({"t": ["\r=1", "a\r\nb"]}), tmp_path) == 't\n"\'\n=1"\n"a\nb"\n'


def test_an_empty_table_keeps_its_header(tmp_path: Path) -> None:
    assert _written(pd.DataFrame(columns=["a", "b"]), tmp_path) == "a,b\n"


def test_two_columns_of_one_name_are_both_written(tmp_path: Path) -> None:
    assert _written(pd.DataFrame([[1, 2.5]], columns=["a", "a"]), tmp_path) == "a,a\n1,2.5\n"
