"""What the calibration counts is true of the sections that it counts it on, and a broken run is taken up again."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_metime.section import NicheMap
from napari_metime.simulate import simulate_truth

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


marked = load("marked")
calibration_tables = load("calibration_tables")
calibration = load("calibration")
WORLDS = {world.name: world for world in calibration.all_worlds()}


def outcome(seed, **values):
    plain = calibration.Outcome(seed, 99, 0.5, 0, np.nan, np.nan, *[""] * 7, 150.0, 0.1)
    return replace(plain, **values)


def test_every_world_has_its_own_file_and_can_be_drawn():
    assert len({world.file_name for world in WORLDS.values()}) == len(WORLDS)
    for world in WORLDS.values():
        plan = world.section(7)
        assert plan.seed == 7
        assert plan.n_niches == (world.group != "no niche")
        assert plan.bed.cd8 == world.effectors_per_mm2


def map_of(truth, labels):
    shape, unknown = truth.grid.shape, np.full(truth.grid.shape, np.nan, np.float32)
    everywhere = truth.bed
    assert labels.shape == shape
    p = np.full(labels.max(), 0.01)
    return NicheMap(everywhere, everywhere, unknown, unknown, labels, p, 150.0, "")


def test_the_true_ratio_of_the_planted_region_is_the_planted_one():
    truth = simulate_truth(replace(WORLDS["disc, desert"].section(3), cellularity_sd=0.0))
    y, x = np.indices(truth.grid.shape) * 50.0
    niche = truth.anatomy.niches[0]
    distance = np.hypot(x - niche.x_um, y - niche.y_um)
    found = map_of(truth, (distance < 260).astype(np.int32))
    (ratio,) = calibration.true_ratios(truth, found)
    # 15 effectors among 2,615 cells per mm² against 150 among 2,750; the border of the niche is in the rest.
    assert ratio == pytest.approx((15 / 2615) / (150 / 2750), rel=0.01)


def test_the_true_change_of_the_planted_region_is_the_planted_one():
    truth = simulate_truth(WORLDS["disc, desert"].section(3))
    found = map_of(truth, truth.niche_labels)
    table, changes = calibration.described(truth, calibration.cells_of(truth), found)
    assert changes == [1.0]
    assert 0.5 < table["log2fc_low_ion"].item() < 1.0 < table["log2fc_high_ion"].item() < 1.5


def test_without_niches_there_is_no_ratio():
    truth = simulate_truth(WORLDS["no niche, 150 per mm²"].section(3))
    assert calibration.true_ratios(truth, map_of(truth, np.zeros(truth.grid.shape, np.int32))) == []


def test_a_broken_run_is_taken_up_where_it_ended(tmp_path):
    path = tmp_path / "world.csv"
    calibration.append(path, outcome(1000))
    calibration.append(path, outcome(1001, n_niches=2, grades="desert mixed", true_ratio="0.1 0.4"))
    with path.open("a") as file:
        file.write("1002,99,0.2")
    calibration.drop_broken_line(path)
    rows = calibration.read_rows(path)
    assert rows["seed"].tolist() == [1000, 1001]
    assert rows["grades"].tolist() == ["", "desert mixed"]
    assert rows["covered"].isna().all()


def test_sections_that_stand_there_are_not_searched_again(tmp_path, capsys):
    class Pool:
        def map(self, function, seeds):
            return [outcome(seed) for seed in seeds]

    world = WORLDS["disc, desert"]
    calibration.run_world(world, tmp_path, range(1000, 1003), 99, Pool())
    calibration.run_world(world, tmp_path, range(1000, 1005), 99, Pool())
    assert calibration.read_rows(tmp_path / world.file_name)["seed"].tolist() == [1000, 1001, 1002, 1003, 1004]
    assert "3 there, 2 to do" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="expected rows of 199 permutations"):
        calibration.run_world(world, tmp_path, range(1000, 1005), 199, Pool())


def test_shares_have_exact_intervals():
    # Known values: 0 of 10 has the upper limit 1 - 0.025^(1/10).
    assert calibration_tables.interval_of(0, 10) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert calibration_tables.share(5, 100) == "5.0 % (1.6–11.3)"


def test_what_the_rows_say_is_counted(tmp_path):
    rows = pd.DataFrame(
        [
            outcome(1, p_smallest=0.01, n_niches=1, covered=0.8, outside=0.1, grades="desert", true_ratio="0.2",
                    rate_low="0.1", rate_high="0.3", true_change="1", change_low="0.8", change_high="1.1"),
            outcome(2, p_smallest=0.05, n_niches=2, covered=0.6, outside=0.3, grades="desert mixed",
                    true_ratio="0.2 0.5", rate_low="0.1 0.1", rate_high="nan 0.4", true_change="1 1",
                    change_low="1.1 nan", change_high="1.2 nan"),
            outcome(3, p_smallest=0.06, covered=0.0),
            outcome(4, covered=0.0),
        ]
    )  # fmt: skip
    planted, even = WORLDS["disc, desert"], WORLDS["no niche, 150 per mm²"]
    table = calibration_tables.tables({even: rows, planted: rows})
    assert "| no niche, 150 per mm² | 4 | 50.0 % (6.8–93.2) | 50.0 % (6.8–93.2) |" in table
    assert "| 0.35 (0.00) | 0.200 | desert 2, mixed 1 | 50.0 % (1.3–98.7) | 50.0 % (1.3–98.7) |" in table
    docs = tmp_path / "calibration.md"
    docs.write_text(f"before\n{marked.BEGIN}stale\n{marked.END}after\n", "utf-8")
    calibration_tables.write_docs(docs, {even: rows, planted: rows})
    text = docs.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "stale" not in text
    assert table in text
    for name in (calibration_tables.POWER_PLOT, calibration_tables.ERROR_PLOT):
        assert f"(images/{name})" in text
        assert (tmp_path / "images" / name).read_bytes().startswith(b"\x89PNG")
