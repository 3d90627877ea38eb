"""The script that builds the panel: it works out every mass anew and writes nothing where one is wrong."""

from __future__ import annotations

import csv
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).parents[1]
FACTS = Path(os.environ.get("METIME_DATA", CHECKOUT.parent / "shared" / "data")).parent / "reference" / "panel.csv"
ROW = {
    "name": "L-Lactate",
    "formula": "C3H6O3",
    "axis": "lactate_glycolysis",
    "secondary_axes": "FAO;TCA",
    "role": "immunosuppressive product",
    "review_sign": "+1",
    "named_in_review": "yes",
    "seed_section": "2.1;3.1",
    "usual_adducts": "[M+Na]+;[M-H]-",
    "preferred_polarity": "neg",
    "monoisotopic_mass": "90.031694",
    "mz_[M-H]-": "89.0244",
    "mz_[M+Na]+": "113.0209",
    "hmdb_id": "HMDB0000190",
    "chebi_id": "",
    "inchikey": "",
    "in_source_sources_in_panel": "Malate [M-H]- -CO2",
    "matrix_ion_collisions_5ppm": "",
    "caveat": "isomers, several",
    "review_basis_quote": "",
}


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_panel", CHECKOUT / "tools" / "build_panel.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PANEL", tmp_path / "panel.csv")
    monkeypatch.setattr(module, "CALCULATORS", {"molmass": module.CALCULATORS["molmass"]})
    return module


def write_facts(tmp_path: Path, row: dict[str, str]) -> Path:
    path = tmp_path / "facts.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    return path


def test_facts_become_a_row(tool: ModuleType, tmp_path: Path) -> None:
    assert tool.main(write_facts(tmp_path, ROW)) == 0
    with tool.PANEL.open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert tuple(row) == tool.COLUMNS
    assert (row["pathway_sign"], row["review_sign"], row["origin"]) == ("1", "1", "the review")
    assert (row["adducts"], row["preferred_polarity"]) == ("[M-H]-;[M+Na]+", "negative")
    assert row["secondary_axes"] == "lipid_FAO;TCA"
    assert (row["in_source"], row["caveat"]) == ("Malate [M-H]- -CO2", "isomers, several")


def test_depleted_substrate_of_ours_has_its_sign_and_no_section(tool: ModuleType, tmp_path: Path) -> None:
    ours = ROW | {"role": "substrate depleted", "named_in_review": "no", "review_sign": "0"}
    assert tool.main(write_facts(tmp_path, ours)) == 0
    with tool.PANEL.open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["pathway_sign"], row["review_sign"]) == ("-1", "0")
    assert (row["origin"], row["review_sections"]) == ("our extension", "")


@pytest.mark.parametrize(
    ("column", "stated", "computed"),
    [
        ("mz_[M-H]-", "89.0247", "89.0244"),
        ("monoisotopic_mass", "90.0320", "90.0317"),
        ("mz_[M+Na]+", "113.02", "113.0209"),
    ],
)
def test_wrong_mass_is_named_and_nothing_is_written(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str, stated: str, computed: str
) -> None:
    assert tool.main(write_facts(tmp_path, ROW | {column: stated})) == 1
    assert capsys.readouterr().err == f"L-Lactate: {column} is stated as {stated}, C3H6O3 gives {computed} (molmass)\n"
    assert not tool.PANEL.exists()


def test_rounding_of_a_stated_mz_is_no_fault(tool: ModuleType) -> None:
    # 89.02442 to four digits, and one that is off by just less than 0.0002.
    assert tool.faults(ROW | {"mz_[M-H]-": "89.0246"}) == []


def test_every_calculator_must_agree(tool: ModuleType) -> None:
    tool.CALCULATORS["other"] = lambda formula: 90.0320
    assert tool.faults(ROW)[0] == "L-Lactate: monoisotopic_mass is stated as 90.031694, C3H6O3 gives 90.0320 (other)"


@pytest.mark.skipif(not FACTS.is_file(), reason="the reference panel is not beside this checkout")
def test_the_panel_is_what_the_facts_give(tool: ModuleType) -> None:
    assert tool.main(FACTS) == 0
    built = CHECKOUT / "napari_metime" / "metabolites" / "panel.csv"
    assert tool.PANEL.read_bytes() == built.read_bytes()
