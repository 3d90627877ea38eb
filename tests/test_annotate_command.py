"""`napari-metime annotate`: what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_metime.cli import main

COLUMNS = ["name", "id", "formula", "adduct", "mz", "msm", "rho_spatial", "rho_spectral", "rho_chaos", "fdr"]


@pytest.fixture
def imzml(sample_section: Path) -> Path:
    return sample_section / "section" / "section.imzML"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "db.csv"
    path.write_text("name,formula,id\n=Lactate,C3H6O3,L1\nGlutamine,C5H10N2O3,\nNothing,C3H6O3S9,\n", encoding="utf-8")
    return path


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_it_writes_a_row_for_each_formula_and_adduct(
    imzml: Path, database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    assert main(["annotate", str(imzml), "--database", str(database), "--ppm", "5", "-o", str(out)]) == 0
    table = pd.read_csv(out)
    assert list(table.columns) == COLUMNS
    assert sorted(table["adduct"]) == ["[M+Cl]-"] * 3 + ["[M-H]-"] * 3
    lactate = table[(table["formula"] == "C3H6O3") & (table["adduct"] == "[M-H]-")].iloc[0]
    assert (lactate["name"], lactate["id"]) == ("'=Lactate", "L1")  # a spreadsheet must not run it
    assert lactate["mz"] == pytest.approx(89.024418, abs=1e-5)
    assert np.allclose(table["msm"], table["rho_spatial"] * table["rho_spectral"] * table["rho_chaos"])
    assert table.loc[table["formula"] == "C3H6O3S9", ["msm", "fdr"]].to_numpy().tolist() == [[0.0, 1.0]] * 2
    assert "3 formulas, 6 ions" in capsys.readouterr().out


def test_adducts_are_taken_as_others_write_them(imzml: Path, database: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    words = ["annotate", str(imzml), "--database", str(database), "-o", str(out)]
    assert main([*words, "--adducts=-H"]) == 0
    assert set(pd.read_csv(out)["adduct"]) == {"[M-H]-"}
    assert main([*words, "--adducts", "M+Cl,[M - H]-"]) == 0  # what was there is replaced
    assert set(pd.read_csv(out)["adduct"]) == {"[M-H]-", "[M+Cl]-"}


@pytest.mark.parametrize(
    ("further", "words"),
    [
        (["--adducts", "+H"], "that of the file (negative)"),
        (["--adducts", "M-H,[M-H]-"], "expected different adducts"),
        (["--adducts", "M-H,+Kr"], "found '+Kr'"),
        (["--adducts", ""], "expected adducts among"),
        (["--adducts", "-H"], "after an equals sign: --adducts=VALUE"),
        (["--ppm", "0"], "expected --ppm above 0"),
        (["--ppm", "nan"], "expected --ppm above 0"),
        (["--ppm", "wide"], "invalid float value"),
    ],
)
def test_wrong_words_are_refused(
    imzml: Path, database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], further: list[str], words: str
) -> None:
    out = tmp_path / "out.csv"
    assert words in refused(["annotate", str(imzml), "--database", str(database), "-o", str(out), *further], capsys)
    assert not out.exists()


def test_files_that_do_not_serve_are_refused(
    imzml: Path, database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["annotate", str(imzml), "--database"]
    assert "expected a database at" in refused([*start, str(tmp_path / "no.csv"), "-o", "x.csv"], capsys)
    assert "ends in .csv" in refused([*start, str(database), "-o", str(tmp_path / "x.txt")], capsys)
    assert "another file than the database" in refused([*start, str(database), "-o", str(database)], capsys)
    assert "expected to write" in refused([*start, str(database), "-o", str(tmp_path / "no" / "x.csv")], capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db.csv"]


def test_ctrl_c_leaves_nothing(
    imzml: Path, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_metime.annotating.estimate_fdr", stop)
    assert main(["annotate", str(imzml), "--database", str(database), "-o", str(tmp_path / "out.csv")]) == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["db.csv"]


def test_ions_out_of_the_file_s_range_are_counted_and_one_is_one(
    imzml: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = tmp_path / "db.csv"
    database.write_text("name,formula\nHeavy,C60H120O6\nLactate,C3H6O3\n", encoding="utf-8")
    words = ["annotate", str(imzml), "--database", str(database), "-o", str(tmp_path / "out.csv"), "--adducts=-H"]
    assert main(words) == 0
    told = capsys.readouterr().out.splitlines()
    # C60H120O6 - H is m/z 935.9; the sample's spectra end at 887.5612.
    assert told[0].startswith("2 formulas, 2 ions, 1 of them out of the file's range (m/z 87.0084 to 887.5612);")
    assert told[-1].strip() == "50 %: 1 ion of 1 formula"
