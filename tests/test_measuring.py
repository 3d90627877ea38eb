"""The verdicts on planted truth, on a real section, and on files whose isotopes are missing or wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_metime import measuring
from napari_metime.ims import ions, open_imzml
from napari_metime.measuring import measure_channels
from napari_metime.pipeline import find_tissue, save_part
from napari_metime.recipe import ChannelsRecipe, ImsRecipe, TissueRecipe
from napari_metime.section import ChannelSet, Dataset, Tissue
from napari_metime.simulate import METABOLITES, SectionPlan, simulate_section

PLANTED = {metabolite.name for metabolite in METABOLITES}
SAME_ION = {"PC 36:4"}
"""As [M-CH3]- it is the isomer of PE 38:4 as [M-H]-; its row names it."""


def measure(path: Path) -> ChannelSet:
    dataset = open_imzml(path)
    tissue = find_tissue(dataset, TissueRecipe())
    return measure_channels(dataset, tissue, ImsRecipe(path=path), ChannelsRecipe())


def verdicts(channels: ChannelSet) -> pd.DataFrame:
    return channels.table.set_index("channel")


def seen(table: pd.DataFrame) -> set[str]:
    return set(table.index[table["verdict"] == "seen"])


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = SectionPlan(seed=4, width_um=2400.0, height_um=2000.0)
    return simulate_section(tmp_path_factory.mktemp("measuring") / "section", plan).parent / "section.imzML"


def test_what_was_planted_is_seen_and_nothing_else(sample: Path) -> None:
    channels = measure(sample)
    table = verdicts(channels)
    assert seen(table) == PLANTED | SAME_ION
    assert not (table["verdict"] == "doubtful").any()
    assert not any("isotope" in told for told in channels.warnings)
    assert table.loc["PC 36:4", "conflicts"]
    planted = table.loc[sorted(PLANTED)]
    assert (planted["reason"] == "").all()
    assert (planted["off_to_on"] < 0.1).all()
    assert planted[["isotope_spatial", "isotope_spectral", "chaos", "msm", "lod"]].notna().all().all()


def test_batches_give_the_same_table(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure(sample).table
    monkeypatch.setattr(ions, "HELD_PIXELS", 1)
    pd.testing.assert_frame_equal(measure(sample).table, whole)


def test_file_without_isotopes_is_told_and_judged_by_the_rest(sample: Path, tmp_path: Path) -> None:
    lipids = 617.41 + 10.004 * np.arange(24)
    kept = np.concatenate([[metabolite.mz for metabolite in METABOLITES], lipids, [193.0771, 229.0538]])
    save_part(open_imzml(sample), tmp_path / "picked.imzML", mz=np.sort(kept), tolerance_ppm=10)
    channels = measure(tmp_path / "picked.imzML")
    assert sum("hardly any isotope peaks (0 % of its strongest peaks" in told for told in channels.warnings) == 1
    assert seen(verdicts(channels)) == PLANTED | SAME_ION


def test_isotopes_of_another_formula_make_an_ion_doubtful(tmp_path: Path) -> None:
    wrong = [replace(m, formula="C20H32O2") if m.name == "L-Arginine" else m for m in METABOLITES]
    plan = SectionPlan(seed=5, width_um=2400.0, height_um=2000.0, metabolites=tuple(wrong))
    table = verdicts(measure(simulate_section(tmp_path / "section", plan).parent / "section.imzML"))
    assert table.loc["L-Arginine", "verdict"] == "doubtful"
    assert "times as strong as the formula expects" in table.loc["L-Arginine", "reason"]
    assert seen(table) == (PLANTED | SAME_ION) - {"L-Arginine"}


def test_pixels_at_random_places_show_no_ion(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract = measuring.extract_ions

    def shuffled(dataset: Dataset, mz: np.ndarray, **options: object) -> object:
        found = extract(dataset, mz, **options)  # type: ignore[arg-type]
        for i, image in enumerate(found.images):
            image[dataset.measured] = np.random.default_rng(i).permutation(image[dataset.measured])
        return found

    monkeypatch.setattr(measuring, "extract_ions", shuffled)
    table = verdicts(measure(sample))
    assert seen(table) == set()
    assert table.loc[sorted(PLANTED), "verdict"].isin(["doubtful", "not seen"]).all()


def test_peptide_section_shows_no_metabolite_and_says_so_one_by_one(metime_data: Path) -> None:
    channels = measure(metime_data / "imzml" / "prostate" / "prostate_example.imzML")
    table = verdicts(channels)
    assert seen(table) == set()
    assert table.index[table["verdict"] == "doubtful"].tolist() == ["NAD+"]
    assert abs(table.loc["NAD+", "ppm_error"]) < 1
    assert "M+1 isotope is not found" in table.loc["NAD+", "reason"]
    assert (table["reason"] != "").all()
    for name in ("L-Lactate", "L-Arginine", "L-Kynurenine", "L-Glutamine", "Cholesterol", "Malate"):
        assert table.loc[name, "verdict"] == "cannot be seen here"


def test_mask_without_anything_beside_it_leaves_the_limit_open(sample: Path) -> None:
    dataset = open_imzml(sample)
    everything = Tissue(dataset.measured, "none", "")
    table = verdicts(measure_channels(dataset, everything, ImsRecipe(path=sample), ChannelsRecipe()))
    assert table[["lod", "off_coverage", "off_to_on"]].isna().all().all()
    assert seen(table) == PLANTED | SAME_ION
