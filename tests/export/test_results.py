"""The results folder: every file of the contract, the same bytes each time, and a recipe that runs again."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_metime.errors import Cancelled, MissingFileError, OutputError
from napari_metime.export import write_results
from napari_metime.export.placed_landmarks import LEFT_OUT, PLACED
from napari_metime.recipe import AlignRecipe, ExportRecipe, Recipe, TissueRecipe, load_recipe
from napari_metime.section import Alignment, LeftOut, RefinedFrom, SectionResult

FILES = {
    "regions.csv", "associations.csv", "gradients.csv", "cells.csv", "channels.csv", "niches.ome.tif",
    "tissue.ome.tif", "coldness.ome.tif", "margin.csv", "summary.csv", "niches.geojson", "niches_source.geojson",
    "recipe.yaml", "provenance.json", "report.html", "axes.csv", "ratios.csv", "hypotheses.csv",
    "methods.txt", "figures",
}  # fmt: skip


def _read(path: Path) -> pd.DataFrame:
    """Read a table as the text that stands in it."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return pd.DataFrame(rows, columns=header)


@pytest.fixture
def with_report(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"export": ExportRecipe(report=True)})


@pytest.fixture
def out(tmp_path: Path, result: SectionResult, recipe: Recipe) -> Path:
    return write_results(result, recipe, tmp_path / "results")


def test_source_polygons_only_where_the_cells_came_in_pixels(
    tmp_path: Path, result: SectionResult, recipe: Recipe
) -> None:
    out = write_results(replace(result, source_unit="um"), recipe, tmp_path / "results")
    assert {p.name for p in out.iterdir()} == FILES - {"niches_source.geojson", "report.html", "figures"}


def test_tables_read_back(out: Path, result: SectionResult) -> None:
    regions, there = _read(out / "regions.csv"), result.niches.regions
    assert list(regions.columns) == list(there.columns)
    assert list(regions["section_id"]) == ["'=cmd()"] * 4
    assert list(regions["suppressed"]) == ["true", "undetermined", "", ""]
    for name in there.select_dtypes("number"):
        np.testing.assert_array_equal([float(v or "nan") for v in regions[name]], there[name], name)
    cells = _read(out / "cells.csv")
    np.testing.assert_array_equal([float(v) for v in cells["x_um"]], result.niches.cells["x_um"])
    assert list(cells["region_id"][:4]) == ["1", "", "1", ""]


def test_the_margin_and_the_summary_are_tables_of_their_own(out: Path, result: SectionResult) -> None:
    margin, summary = _read(out / "margin.csv"), _read(out / "summary.csv")
    assert list(margin.columns) == list(result.niches.gradients.columns)
    assert list(margin["region_id"].unique()) == ["domain"]
    assert (list(summary["grade"]), list(summary["cold_fraction"])) == (["mixed"], ["0.125"])


def test_inflamed_regions_are_written_where_they_were_asked_for(
    tmp_path: Path, result: SectionResult, recipe: Recipe
) -> None:
    niches = result.niches
    asked = replace(niches.map, hot_labels=np.zeros_like(niches.map.labels))
    inflamed = pd.DataFrame({"region_id": ["hot1"], "n_effector": [12]})
    found = replace(result, niches=replace(niches, map=asked, inflamed=inflamed))
    out = write_results(found, recipe, tmp_path / "results")
    assert _read(out / "inflamed.csv").to_dict("records") == [{"region_id": "hot1", "n_effector": "12"}]


def test_images_lie_on_the_grid(out: Path, result: SectionResult) -> None:
    niches = result.niches.map
    for name, image, dtype in (
        ("niches", niches.labels, np.int32),
        ("tissue", result.tissue.mask, np.uint8),
        ("coldness", niches.coldness, np.float32),
    ):
        read = tifffile.imread(out / f"{name}.ome.tif")
        assert read.dtype == dtype
        np.testing.assert_array_equal(read, image.astype(dtype))


def test_the_written_recipe_is_the_same_run(out: Path, recipe: Recipe, inputs: Path) -> None:
    again = load_recipe(out / "recipe.yaml")
    for here, there in ((again.ims.path, "s.imzML"), (again.cells.path, "cells.csv")):
        assert here.samefile(inputs / there)
    same = {"ims": recipe.ims, "cells": recipe.cells, "align": recipe.align}
    assert again.model_copy(update=same) == recipe
    assert str(inputs) not in (out / "recipe.yaml").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_the_written_recipe_finds_its_inputs_through_a_link(
    tmp_path: Path, result: SectionResult, recipe: Recipe, inputs: Path
) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    write_results(result, recipe, tmp_path / "link" / "results")
    assert load_recipe(tmp_path / "link" / "results" / "recipe.yaml").ims.path.samefile(inputs / "s.imzML")


def test_what_was_done_by_hand_is_saved_and_named(tmp_path: Path, result: SectionResult, recipe: Recipe) -> None:
    by_hand = replace(result, tissue=replace(result.tissue, method="painted"))
    out = write_results(by_hand, recipe, tmp_path / "results")
    assert Path(load_recipe(out / "recipe.yaml").tissue.method) == out / "tissue.ome.tif"
    assert np.array_equal(tifffile.imread(out / "tissue.ome.tif") > 0, result.tissue.mask)


def test_every_file_is_there_and_two_writes_give_the_same_bytes(
    tmp_path: Path, result: SectionResult, with_report: Recipe
) -> None:
    first, second = (write_results(result, with_report, tmp_path / name) for name in ("first", "second"))
    assert {p.name for p in first.iterdir()} == {p.name for p in second.iterdir()} == FILES
    figures = {p.relative_to(first) for p in (first / "figures").iterdir()}
    assert {name.suffix for name in figures} == {".png", ".svg"}
    assert {name.name for name in figures} >= {"overview.svg", "niche_1.png", "niche_2.svg", "associations.png"}
    for name in (FILES - {"figures"}) | figures:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_provenance_says_what_was_read(out: Path, inputs: Path) -> None:
    text = (out / "provenance.json").read_text(encoding="utf-8")
    facts = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert facts["written_by"] == "napari-metime"
    assert facts["seed"] == 0
    assert facts["alignment"]["target_error_um"] == 6.1
    assert facts["niches"]["radius_um"] == 120.0
    assert facts["warnings"] == ["odd header <script>alert(1)</script>", "few effectors"]
    read = {Path(row["path"]).name: row for row in facts["inputs"]}
    assert set(read) == {"s.imzML", "s.ibd", "cells.csv", "landmarks.csv"}
    assert read["s.ibd"]["sha256"] == hashlib.sha256(b"abc").hexdigest()
    assert read["s.ibd"]["bytes"] == 3
    assert (out / read["s.ibd"]["path"]).samefile(inputs / "s.ibd")


def test_provenance_tells_what_was_left_out_and_how_the_cells_came_there(
    tmp_path: Path, result: SectionResult, recipe: Recipe
) -> None:
    part = LeftOut("outside the microscopy", result.niches.map.labels == 1, n_cells=12)
    told = replace(
        result, cells=replace(result.cells, note="HALO, 400 cells"), microscopy_note="TIFF",
        niches=replace(result.niches, left_out=(part,)),
        alignment=replace(result.alignment, extra_error_um=4.0, bound_um=20.0),
        refined_from=RefinedFrom(result.alignment, False, "it moved too far", 0.2, 0.1, moved_um=900.0),
    )  # fmt: skip
    out = write_results(told, recipe, tmp_path / "results")
    facts = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    n_pixels = int((result.niches.map.labels == 1).sum())
    assert facts["left_out"] == [{"reason": "outside the microscopy", "n_pixels": n_pixels, "n_cells": 12}]
    assert (facts["cells"]["note"], facts["microscopy"]) == ("HALO, 400 cells", "TIFF")
    alignment = facts["alignment"]
    assert (alignment["extra_error_um"], alignment["bound_um"], alignment["mirrored"]) == (4.0, 20.0, False)
    assert alignment["error_um"] == pytest.approx(np.hypot(6.1, 4.0))
    assert alignment["residual_um"] == [4.0, 4.0, 4.6]
    refined = facts["refined_from"]
    assert (refined["note"], refined["accepted"], refined["moved_um"]) == ("it moved too far", False, 900.0)
    assert refined["p_chance"] is None
    assert refined["rough"]["n_landmarks"] == 3


def test_landmarks_that_were_placed_are_written_though_the_alignment_was_refined(
    tmp_path: Path, result: SectionResult, recipe: Recipe
) -> None:
    placed = recipe.model_copy(update={"align": AlignRecipe(landmarks=PLACED)})
    refined = replace(
        result, alignment=Alignment(result.alignment.matrix, "affine"),
        refined_from=RefinedFrom(result.alignment, True, "It was refined."),
    )  # fmt: skip
    out = write_results(refined, placed, tmp_path / "results")
    written = pd.read_csv(out / "landmarks.csv").to_numpy()
    assert np.array_equal(written, result.alignment.landmarks)


def test_what_was_drawn_as_left_out_is_saved_and_named(tmp_path: Path, result: SectionResult, recipe: Recipe) -> None:
    hole = np.zeros_like(result.tissue.mask)
    hole[3:6, 4:9] = True
    drawn = recipe.model_copy(update={"tissue": TissueRecipe(exclude=LEFT_OUT)})
    tissue = replace(result.tissue, mask=result.tissue.mask & ~hole, left_out=(LeftOut("left out by hand", hole),))
    out = write_results(replace(result, tissue=tissue), drawn, tmp_path / "results")
    again = load_recipe(out / "recipe.yaml")
    assert again.tissue.exclude == out / "left_out.ome.tif"
    assert np.array_equal(tifffile.imread(out / "left_out.ome.tif") > 0, hole)


def test_a_section_without_niches_is_written(
    tmp_path: Path, without_niches: SectionResult, with_report: Recipe
) -> None:
    out = write_results(without_niches, with_report, tmp_path / "results")
    assert {p.name for p in out.iterdir()} == FILES
    assert json.loads((out / "provenance.json").read_text(encoding="utf-8"))["niches"]["radius_um"] is None
    assert json.loads((out / "niches.geojson").read_text(encoding="utf-8"))["features"] == []


def test_own_results_are_replaced_whole(out: Path, result: SectionResult, recipe: Recipe) -> None:
    (out / "stale.csv").write_text("stale", encoding="utf-8")
    write_results(result, recipe, out)
    assert {p.name for p in out.iterdir()} == FILES - {"report.html", "figures"}


def test_results_of_others_are_refused(tmp_path: Path, result: SectionResult, recipe: Recipe, inputs: Path) -> None:
    with pytest.raises(OutputError, match="none of the inputs"):
        write_results(result, recipe, inputs)
    assert {p.name for p in inputs.iterdir()} == {"s.imzML", "s.ibd", "cells.csv", "landmarks.csv", "recipe.yaml"}


@pytest.mark.parametrize("when", [0.0, 0.5, 0.7, 1.0])
def test_cancelling_leaves_the_old_results(out: Path, result: SectionResult, recipe: Recipe, when: float) -> None:
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    beside = {p.name for p in out.parent.iterdir()}

    def stop(done: float, text: str) -> None:
        if done >= when:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        write_results(result, recipe, out, on_progress=stop)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert {p.name for p in out.parent.iterdir()} == beside


def test_an_input_that_has_gone_is_one_line(
    tmp_path: Path, result: SectionResult, recipe: Recipe, inputs: Path
) -> None:
    (inputs / "s.ibd").unlink()
    with pytest.raises(MissingFileError, match=r"expected the input .*s.ibd to be there still"):
        write_results(result, recipe, tmp_path / "results")
    assert [p.name for p in tmp_path.iterdir()] == ["inputs"]


def test_progress_runs_from_start_to_end(tmp_path: Path, result: SectionResult, recipe: Recipe) -> None:
    seen: list[float] = []
    write_results(result, recipe, tmp_path / "results", on_progress=lambda done, text: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
