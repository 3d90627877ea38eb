"""The molecules of a user's table."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_metime.errors import MissingFileError, RecipeError
from napari_metime.metabolites.database import Molecule, read_database


def write(folder: Path, text: str) -> Path:
    (folder / "db.csv").write_text(text, encoding="utf-8")
    return folder / "db.csv"


def test_molecules_of_one_formula_are_one_however_it_is_written(tmp_path: Path) -> None:
    path = write(tmp_path, "id,name,formula\nA1,Lactate,C3H6O3\n,Glucose,C6H12O6\nA3,Dihydroxyacetone,H6C3O3\n")
    assert read_database(path) == (
        Molecule("C3H6O3", ("Lactate", "Dihydroxyacetone"), ("A1", "A3")),
        Molecule("C6H12O6", ("Glucose",), ("",)),
    )


def test_ids_may_be_absent_and_tabs_part_the_columns_too(tmp_path: Path) -> None:
    assert read_database(write(tmp_path, "\ufeffname\tformula\nLactate\tC3H6O3\n")) == (
        Molecule("C3H6O3", ("Lactate",), ("",)),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,formula\n", "found none; add a row"),
        ("name\nLactate\n", "a header with 'name', 'formula'"),
        ("name,formula,formula\na,C,C\n", "each column once"),
        ("name,formula\nLactate,C3H6O3,\n", "expected 2 fields in row 2, found 3"),
        ("name,formula\n\n,C3H6O3\n", "row 3: expected a name"),
        ("name,formula\nLactate,\n", "row 2: expected a formula"),
        ("name,formula\nLactate,c3h6o3\n", "row 2: expected a formula"),
        ("name,formula\nLactate,C3H6Xy3\n", "row 2: expected a formula"),
        ("name,formula\nLactate,C99999H6\n", "row 2: expected a formula"),
        ("name,formula\nLactate," + "C" * 100_000 + "\n", "row 2: expected a formula"),
        ("name,formula\n" + "x" * 1000 + ",C3H6O3\n", "row 2: expected a name"),
        ('name,formula\n"' + "x" * 200_000 + '",C3H6O3\n', "field larger than"),
    ],
)
def test_errors_name_the_row(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        read_database(write(tmp_path, text))
    assert str(caught.value).startswith("db.csv: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_table_that_is_not_there_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingFileError, match="check the path"):
        read_database(tmp_path / "db.csv")
    monkeypatch.setattr("napari_metime.metabolites.database.MAX_DATABASE_BYTES", 20)
    with pytest.raises(RecipeError, match="give fewer rows"):
        read_database(write(tmp_path, "name,formula\nLactate,C3H6O3\n"))
