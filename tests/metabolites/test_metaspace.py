"""Tables that METASPACE exports, read and matched with the panel."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from napari_metime.errors import MissingFileError, RecipeError
from napari_metime.metabolites import PanelIon
from napari_metime.metabolites.adducts import ADDUCTS, adduct_named
from napari_metime.metabolites.metaspace import metaspace_fdr, read_metaspace
from napari_metime.pipeline import find_tissue, measure_channels, open_dataset
from napari_metime.recipe import ChannelsRecipe, ImsRecipe, TissueRecipe

HEADER = (
    "group,datasetName,datasetId,formula,adduct,chemMod,ion,mz,msm,fdr,rhoSpatial,rhoSpectral,rhoChaos,moleculeNames,"
    "moleculeIds,minIntensity,maxIntensity,totalIntensity,offSample,rawOffSampleProb,isomerIons,isobarIons"
)
OLD_HEADER = (
    "group,datasetName,datasetId,formula,adduct,mz,msm,fdr,rhoSpatial,rhoSpectral,rhoChaos,moleculeNames,moleculeIds,"
    "minIntensity,maxIntensity,totalIntensity"
)
TOP = "# Generated at Thu Nov 26 2026 10:00:00 GMT+0100\n# URL: https://example.org/annotations?ds=2026-01-01_10h00m00s\n"


def line(formula: str, adduct: str, ion: str, fdr: str, *, chem_mod: str = "", dataset: str = "2026-01-01") -> str:
    return (
        f'Lab,"A name, with a comma",{dataset},{formula},{adduct},{chem_mod},{ion},89.0244,0.95,{fdr},0.97,0.99,0.99,'
        f'"Lactic acid, D-Lactic acid","HMDB0000190, HMDB0001311",0,100.0,5000.0,FALSE,0.05,,'
    )


def write(path: Path, *lines: str, top: str = TOP, header: str = HEADER) -> Path:
    path.write_text(top + "\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def ion(formula: str, adduct: str, name: str = "x") -> PanelIon:
    return PanelIon(name, formula, "a", adduct, "negative", 89.0244, 0)


def test_an_export_is_read_below_its_comments(tmp_path: Path) -> None:
    rows = line("C3H6O3", "M-H", "C3H6O3-H-", "0.05"), line("C6H12O6", "M+Cl", "C6H12O6+Cl-", "")
    path = write(tmp_path / "m.csv", *rows)
    table = read_metaspace(path)
    assert table["formula"].tolist() == ["C3H6O3", "C6H12O6"]
    assert table["adduct"].tolist() == ["[M-H]-", "[M+Cl]-"]
    assert table["fdr"].tolist()[0] == 0.05
    assert math.isnan(table["fdr"][1])
    measures = ["mz", "msm", "rho_spatial", "rho_spectral", "rho_chaos"]
    assert table.loc[0, measures].tolist() == [89.0244, 0.95, 0.97, 0.99, 0.99]
    assert table["names"][0] == "Lactic acid, D-Lactic acid"


def test_exports_of_other_years_and_other_programs_are_read(tmp_path: Path) -> None:
    old = 'Lab,name,d1,C3H6O3,M-H,89.0244,0.95,0.1,0.97,0.99,0.99,"a, b","c, d",0,1,2'
    assert read_metaspace(write(tmp_path / "old.csv", old, top="", header=OLD_HEADER))["fdr"].tolist() == [0.1]
    short = read_metaspace(write(tmp_path / "r.csv", "C3H6O3,-H,0.2", top="", header="formula,adduct,fdr"))
    assert short["adduct"][0] == "[M-H]-"
    spelled = read_metaspace(write(tmp_path / "s.csv", "C3H6O3;[M + H]+;0.2", top="", header="formula;adduct;fdr"))
    assert spelled["adduct"][0] == "[M+H]+"


def test_ions_are_matched_by_formula_and_adduct_however_they_are_written(tmp_path: Path) -> None:
    path = write(
        tmp_path / "m.csv",
        line("C3H6O3", "M-H", "C3H6O3-H-", "0.2"),
        line("C3H6O3", "M-H", "C3H6O3-H-", "0.05"),
        line("C6H12O6", "M-H", "C6H12O6-H-", ""),
        line("C5H9NO4", "M-H", "C5H9NO4+O-H-", "0.1", chem_mod="+O"),
        line("C4H6O5", "M-H2O-H", "C4H6O5-H2O-H-", "0.5"),
    )  # fmt: skip
    lactate, other_adduct, hexose = ion("H6C3O3", "[M-H]-"), ion("C3H6O3", "[M+Cl]-"), ion("C6H12O6", "[M-H]-")
    glutamate, malate, element = ion("C5H9NO4", "[M-H]-"), ion("C4H6O5", "[M-H2O-H]-"), ion("Fe", "")
    found = metaspace_fdr(read_metaspace(path), [lactate, other_adduct, hexose, glutamate, malate, element])
    assert found[lactate] == 0.05
    assert found[malate] == 0.5
    assert math.isnan(found[hexose])
    assert set(found) == {lactate, hexose, malate}


@pytest.mark.parametrize("adduct", ADDUCTS)
def test_an_adduct_is_known_in_its_own_spelling_and_as_others_write_it(adduct: str) -> None:
    core = adduct[2 : adduct.index("]")]
    assert adduct_named(adduct) == adduct_named(f"M{core}") == adduct_named(f"[M {core}]") == adduct
    assert adduct_named(core) == (adduct if core else None)


@pytest.mark.parametrize(
    "text", ["", "H", "+Xx", "[M+H", "M+H]", "[M+H]-", "+H+H+H+H+H", "[M-H]+", "M" * 1000, "+" * 1000]
)
def test_what_is_no_adduct_of_ours_is_none(text: str) -> None:
    assert adduct_named(text) is None


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([line("C3H6O3", "M-H", "x", "0.1"), line("C3H6O3", "M-H", "x", "0.1", dataset="other")], "of one dataset"),
        ([line("C3H6O3", "M-H", "x", "low")], "row 4, fdr: expected a number, found 'low'"),
        ([line("Xx3", "M-H", "x", "0.1")], "row 4: expected a formula"),
        ([line("C999999999", "M-H", "x", "0.1")], "row 4: expected a formula"),
        (["a,b"], "expected 22 fields in row 4, found 2"),
    ],
)
def test_errors_name_the_row_of_the_file(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        read_metaspace(write(tmp_path / "m.csv", *lines))


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00" * 100)
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "comments.csv").write_text("# a\n# b\n")
    (tmp_path / "other.csv").write_text("name,formula\na,C3H6O3\n")
    for name, words in (("binary", "UTF-8"), ("empty", "header"), ("comments", "header"), ("other", "'adduct', 'fdr'")):
        with pytest.raises(RecipeError, match=words):
            read_metaspace(tmp_path / f"{name}.csv")
    with pytest.raises(MissingFileError, match="check the path"):
        read_metaspace(tmp_path / "none.csv")


def test_a_huge_export_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_metime.metabolites.metaspace.MAX_METASPACE_BYTES", 10)
    with pytest.raises(RecipeError, match="at most 0 MB"):
        read_metaspace(write(tmp_path / "m.csv", line("C3H6O3", "M-H", "x", "0.1")))


def test_the_rates_stand_beside_the_ions_of_a_section(sample_section: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", line("C3H6O3", "M-H", "C3H6O3-H-", "0.05"))
    ims = ImsRecipe(path=sample_section / "section" / "section.imzML")
    dataset = open_dataset(ims)
    tissue = find_tissue(dataset, TissueRecipe())
    table = measure_channels(dataset, tissue, ims, ChannelsRecipe(metaspace=path)).table.set_index("channel")
    assert table.loc["L-Lactate", ["adduct", "metaspace_fdr"]].tolist() == ["[M-H]-", 0.05]
    assert table["metaspace_fdr"].notna().sum() == 1
