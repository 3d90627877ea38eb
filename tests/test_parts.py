"""A file that holds two sections: named, and run one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pyimzml.ImzMLParser import ImzMLParser
from pyimzml.ImzMLWriter import ImzMLWriter

from napari_metime.cli import main
from napari_metime.pipeline import open_dataset, run
from napari_metime.recipe import load_recipe

GAP = 10


@pytest.fixture(scope="module")
def twins(sample_section: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample section twice in one file, side by side; every other pixel's spectra are left as they are."""
    folder, source = tmp_path_factory.mktemp("twins"), sample_section / "section"
    parser = ImzMLParser(str(source / "section.imzML"))
    shift = max(x for x, _, _ in parser.coordinates) + GAP
    with ImzMLWriter(str(folder / "twins.imzML"), mode="processed", polarity="negative") as writer:
        for copy in (0, 1):
            for i, (x, y, _) in enumerate(parser.coordinates):
                writer.addSpectrum(*parser.getspectrum(i), (x + copy * shift, y))
    parser.m.close()
    found = run(load_recipe(source / "recipe.yaml"))
    cells, (_, pixel_um) = found.cells, found.dataset.grid.spacing_um
    table = pd.DataFrame({"x_um": cells.x, "y_um": cells.y, "type": cells.type})
    both = pd.concat([table, table.assign(x_um=table["x_um"] + shift * pixel_um)])
    both.to_csv(folder / "cells.csv", index=False)
    recipe = yaml.safe_load((source / "recipe.yaml").read_text())
    recipe["ims"] = {"path": "twins.imzML", "pixel_size_um": pixel_um, "part": "each"}
    recipe["cells"] = {"path": "cells.csv", "roles": recipe["cells"]["roles"]}
    recipe["niches"] = {"n_permutations": 199}
    recipe["align"] = "none"
    recipe["export"] = {"report": False}
    recipe["section"] = {"id": "T"}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder


def test_each_part_is_run_with_its_own_cells(twins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(twins / "recipe.yaml"), "--out", str(twins / "out")]) == 0
    told = capsys.readouterr().err
    tables = {name: pd.read_csv(twins / "out" / name / "regions.csv") for name in ("T_part1", "T_part2")}
    assert {path.name for path in (twins / "out").iterdir()} == set(tables)
    first, second = (table.set_index("kind") for table in tables.values())
    assert first.loc["domain", "n_cells"] == second.loc["domain", "n_cells"] > 0
    assert (first.index == "niche").sum() == (second.index == "niche").sum() == 2
    assert set(tables["T_part1"]["section_id"]) == {"T_part1"}
    assert "lie in the box of part1; the others were left out" in told


def test_a_part_that_cannot_be_run_is_named_and_the_others_are_written(
    twins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = yaml.safe_load((twins / "recipe.yaml").read_text())
    recipe["ims"]["path"] = str(twins / "twins.imzML")
    cells = pd.read_csv(twins / "cells.csv")
    cells[: len(cells) // 2].to_csv(tmp_path / "cells.csv", index=False)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert main(["run", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "out")]) == 2
    assert "found 1 that did not (part2)" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["T_part1"]


def test_a_part_keeps_the_grid_of_its_file(twins: Path) -> None:
    recipe = load_recipe(twins / "recipe.yaml")
    whole = open_dataset(recipe.ims.model_copy(update={"part": None}))
    second = open_dataset(recipe.ims.model_copy(update={"part": "part2"}))
    assert second.grid.shape == whole.grid.shape
    assert second.part == "part2"
    np.testing.assert_array_equal(
        second.measured, whole.measured & (np.arange(whole.grid.shape[1]) >= second.col.min())
    )
