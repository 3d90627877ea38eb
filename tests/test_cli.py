"""The command line: its contracts, its exit codes, its one-line errors."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from pyimzml.ImzMLWriter import ImzMLWriter

from napari_metime.cli import _parser, main
from napari_metime.ims import extract_ions, find_index, open_imzml

TABLES = (
    "regions", "associations", "gradients", "margin", "summary", "cells", "channels", "axes", "ratios", "hypotheses",
)  # fmt: skip


@pytest.fixture
def section(sample_section: Path) -> Path:
    return sample_section / "section"


@pytest.fixture
def imzml(section: Path) -> Path:
    return section / "section.imzML"


def recipe_for(section: Path, folder: Path, **parts: object) -> Path:
    """Write the sample's recipe with absolute paths and other values to ``folder``."""
    values = yaml.safe_load((section / "recipe.yaml").read_text())
    values["ims"]["path"] = str(section / "section.imzML")
    values["cells"]["path"] = str(section / "cells.csv")
    values["align"]["landmarks"] = str(section / "landmarks.csv")
    values["export"] = {"report": False}
    values["niches"] = {"n_permutations": 99}
    for key, part in parts.items():
        values[key] = values[key] | part if isinstance(part, dict) and isinstance(values.get(key), dict) else part
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values))
    return folder / "recipe.yaml"


def _commands() -> dict[str, argparse.ArgumentParser]:
    (commands,) = [a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(commands.choices)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail as bad input does, and return its one line."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0]


def test_info_as_json_has_every_key_of_the_contract(imzml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(imzml), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert list(facts) == [
        "path", "mode", "spectrum_type", "polarity", "n_pixels", "shape", "origin", "pixel_size_um", "mz_range",
        "n_points", "uuid", "parts", "warnings",
    ]  # fmt: skip
    assert (facts["mode"], facts["spectrum_type"], facts["polarity"]) == ("processed", "centroid", "negative")
    assert facts["pixel_size_um"] == [50.0, 50.0]
    assert facts["parts"][0]["n_pixels"] == facts["n_pixels"]


def test_info_rounds_for_a_reader_what_json_has_in_full(imzml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(imzml)]) == 0
    told = capsys.readouterr().out
    assert "mz_range: 87.0084 to 887.5612\n" in told
    assert "n_points: 387,627\n" in told
    assert "pixel_size_um: 50 x 50 (y, x)\n" in told


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "napari_metime", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("napari-metime ")


def test_every_command_and_every_argument_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    for parser in _commands().values():
        assert parser.description
        undescribed = [action.dest for action in parser._actions if not action.help]
        assert undescribed == []


def test_open_without_a_file_opens_an_empty_window(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[dict[str, object]] = []
    monkeypatch.setattr("napari_metime.cli._open_window", lambda **what: opened.append(what))
    assert main(["open"]) == 0
    assert opened == [{"files": []}]


@pytest.mark.parametrize("tolerance", [["--ppm", "5"], ["--da", "0.01"]])
def test_ion_writes_the_image_as_npy(imzml: Path, tmp_path: Path, tolerance: list[str]) -> None:
    out = tmp_path / "x.npy"
    assert main(["ion", str(imzml), "--mz", "89.0244", *tolerance, "-o", str(out)]) == 0
    image = np.load(out)
    assert (image.dtype, image.ndim) == (np.float32, 2)
    option = {"tolerance_ppm": 5.0} if tolerance[0] == "--ppm" else {"tolerance_da": 0.01}
    np.testing.assert_array_equal(image, extract_ions(open_imzml(imzml), np.array([89.0244]), **option).images[0])


def test_ion_writes_several_images_and_other_formats(imzml: Path, tmp_path: Path) -> None:
    several = ["ion", str(imzml), "--mz", "89.0244", "203.0826", "--ppm", "5", "--normalize", "tic", "-o"]
    assert main([*several, str(tmp_path / "x.npy")]) == 0
    assert np.load(tmp_path / "x.npy").ndim == 3
    assert main([*several, str(tmp_path / "x.ome.tif")]) == 0
    with tifffile.TiffFile(tmp_path / "x.ome.tif") as file:
        assert 'PhysicalSizeX="50.0"' in file.ome_metadata
        np.testing.assert_array_equal(file.asarray(), np.load(tmp_path / "x.npy"))
    assert main(["ion", str(imzml), "--mz", "89.0244", "--ppm", "5", "-o", str(tmp_path / "x.png")]) == 0
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_the_index_is_built_where_asked_and_gives_the_same_image(
    section: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = tmp_path / "pair"
    pair.mkdir()
    for name in ("section.imzML", "section.ibd"):
        shutil.copy(section / name, pair)
    ion = ["ion", str(pair / "section.imzML"), "--mz", "89.0244", "203.0826", "--ppm", "5", "--normalize", "tic", "-o"]
    assert main([*ion, str(tmp_path / "direct.npy")]) == 0
    assert main(["index", str(pair / "section.imzML")]) == 0
    assert "Index: " in capsys.readouterr().out
    assert len(list(pair.iterdir())) == 3
    assert main([*ion, str(tmp_path / "indexed.npy")]) == 0
    assert (tmp_path / "indexed.npy").read_bytes() == (tmp_path / "direct.npy").read_bytes()


def test_an_index_in_another_folder_is_found_again(section: Path, tmp_path: Path) -> None:
    pair, cache = tmp_path / "pair", tmp_path / "cache"
    pair.mkdir()
    for name in ("section.imzML", "section.ibd"):
        shutil.copy(section / name, pair)
    assert main(["index", str(pair / "section.imzML"), "--cache", str(cache)]) == 0
    assert len(list(pair.iterdir())) == 2
    found = find_index(open_imzml(pair / "section.imzML"))
    assert found is not None
    assert found.folder.parent == cache


def test_panel_says_what_this_file_shows_and_why_not_the_rest(imzml: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["panel", str(imzml)]) == 0
    out = capsys.readouterr().out
    counts = [int(n) for n in re.findall(r"(\d+) (?:seen|doubtful|not seen|cannot be seen here)", out.splitlines()[0])]
    assert len(counts) == 4
    (members,) = re.findall(r"(\d+) members", out.splitlines()[0])
    assert sum(counts) == int(members)
    (lactate,) = [line for line in out.splitlines() if line.strip().startswith("L-Lactate ")]
    assert "89.0244 [M-H]-" in lactate
    assert "% of tissue" in lactate
    (iron,) = [line for line in out.splitlines() if line.strip().startswith("Iron")]
    assert "cannot be seen here" in iron
    assert "channels.images" in iron


def test_run_writes_every_file_and_repeats_itself_byte_for_byte(
    section: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = tmp_path / "first"
    assert main(["run", str(recipe_for(section, tmp_path, export={"report": True})), "--out", str(first)]) == 0
    assert f"Results: {first}" in capsys.readouterr().out
    images = ("niches", "tissue", "coldness")
    assert {p.name for p in first.iterdir()} == {
        *(f"{t}.csv" for t in TABLES), *(f"{i}.ome.tif" for i in images), "niches.geojson", "niches_source.geojson",
        "cell_counts.ome.tif", "cell_channels.csv", "alignment.csv", "alignment_qupath.txt", "alignment_itk.txt",
        "recipe.yaml", "provenance.json", "report.html", "methods.txt", "figures",
    }  # fmt: skip
    assert main(["run", str(first / "recipe.yaml")]) == 0
    again = first / "simulated-0_results"
    for table in TABLES:
        assert (again / f"{table}.csv").read_bytes() == (first / f"{table}.csv").read_bytes(), table
    shapes = {tifffile.imread(first / f"{i}.ome.tif").shape for i in images}
    assert shapes == {open_imzml(section / "section.imzML").grid.shape}


def test_without_effectors_the_run_succeeds_without_a_map(section: Path, tmp_path: Path) -> None:
    cells = pd.read_csv(section / "cells.csv")
    cells[cells["Class"] != "CD8"].to_csv(tmp_path / "cells.csv", index=False)
    recipe = recipe_for(section, tmp_path / "r", cells={"path": str(tmp_path / "cells.csv")})
    assert main(["run", str(recipe), "--out", str(tmp_path / "out")]) == 0
    regions = pd.read_csv(tmp_path / "out" / "regions.csv")
    assert regions["kind"].tolist() == ["rest", "domain"]
    assert regions["grade"].tolist()[1] == "desert"
    assert (tifffile.imread(tmp_path / "out" / "niches.ome.tif") == 0).all()


def test_own_results_are_replaced_and_other_folders_are_not(
    section: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, out = recipe_for(section, tmp_path / "r"), tmp_path / "out"
    assert [main(["run", str(recipe), "--out", str(out)]) for _ in range(2)] == [0, 0]
    capsys.readouterr()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("x")
    refused(["run", str(recipe), "--out", str(mine)], capsys)
    assert [p.name for p in mine.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"ims": {"path": "none.imzML"}}, "expected an .imzML file at"),
        ({"cells": {"path": "none.csv"}}, "none.csv"),
        ({"cells": {"roles": {"effector": ["NK"]}}}, "CD8"),
        ({"nichs": {}}, "nearest known key is 'niches'"),
        ({"align": "none", "cells": {"pixel_size_um": 500}}, "expected cells on the tissue"),
        ({"ims": {"part": "part9"}}, "part1"),
        ({"tissue": {"method": "none.tif"}}, "none.tif"),
        ({"tissue": {"exclude": "none.geojson"}}, "none.geojson"),
        ({"tissue": {"method": "microscopy:DAPI"}}, "set microscopy"),
        ({"microscopy": {"path": "none.ome.tif"}}, "none.ome.tif"),
        ({"cells": {"labels": "none.tif"}}, "none.tif"),
        ({"cells": {"gates": {"T": ["CD3+"]}, "roles": {"effector": ["T"]}}}, "CD3"),
        ({"cells": {"type_probability": "p"}}, "'p'"),
        ({"align": {"path": "none.txt", "landmarks": None}}, "none.txt"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    section: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], parts: dict[str, object], words: str
) -> None:
    recipe = recipe_for(section, tmp_path / "r", **parts)
    assert words in refused(["run", str(recipe)], capsys)
    assert [p.name for p in recipe.parent.iterdir()] == ["recipe.yaml"]


def test_landmarks_on_a_line_do_not_fix_an_affine(
    section: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["source_x,source_y,target_x_um,target_y_um", "0,0,0,0", "10,10,5,5", "20,20,10,10", "30,30,15,15"]
    (tmp_path / "l.csv").write_text("\n".join(lines))
    align = {"landmarks": str(tmp_path / "l.csv"), "transform": "affine"}
    assert "line" in refused(["run", str(recipe_for(section, tmp_path / "r", align=align))], capsys)


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["rune"], ["run"], ["ion", "x.imzML", "--mz", "1", "-o", "x.npy"],
        ["ion", "x.imzML", "--mz", "1", "--ppm", "5", "--da", "1", "-o", "x.npy"],
        ["ion", "x.imzML", "--mz", "nan", "--ppm", "5", "-o", "x.npy"],
        ["ion", "x.imzML", "--mz", "1", "--ppm", "5", "-o", "x.bmp"],
        ["ion", "x.imzML", "--m", "1", "--ppm", "5", "-o", "x.npy"],
        ["ion", "x.imzML", "--mz", "1e308", "--ppm", "5", "-o", "x.npy"],
        ["info", "none.imzML"], ["run", "none.yaml"], ["open", "none.imzML"], ["index", "x.imzML"],
    ],
)  # fmt: skip
def test_usage_errors_are_one_line_and_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "; " in refused(arguments, capsys)


@pytest.fixture
def planes(tmp_path: Path) -> Path:
    """An imzML of two planes, 2 pixels each, whose .ibd lacks the last byte."""
    path = tmp_path / "planes.imzML"
    with ImzMLWriter(str(path), mode="processed", polarity="positive") as writer:
        for z in (3, 4):
            for x in (1, 2):
                writer.addSpectrum(np.array([100.0, 200.0]), np.array([x, 10.0 * z]), (x, 1, z))
    with path.with_suffix(".ibd").open("r+b") as file:
        file.truncate(path.with_suffix(".ibd").stat().st_size - 1)
    return path


def test_a_damaged_file_says_how_to_open_the_rest_and_a_plane_can_be_chosen(
    planes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = planes.with_suffix(".npy")
    ion = ["ion", str(planes), "--mz", "200", "--ppm", "5", "-o", str(out)]
    assert main([*ion, "--plane", "3"]) == 0
    assert np.load(out).tolist() == [[30.0, 30.0]]
    capsys.readouterr()
    assert "--skip-broken, or ims.skip_broken: true in a recipe" in refused([*ion, "--plane", "4"], capsys)
    assert main([*ion, "--plane", "4", "--skip-broken"]) == 0
    assert np.load(out).tolist() == [[40.0]]
    assert "1 spectra are broken" in capsys.readouterr().err
    assert "(3, 4), found 5" in refused([*ion, "--plane", "5"], capsys)
    assert main([*ion, "--skip-broken"]) == 0
    assert "plane 3 was taken. Another: --plane" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["info", "save", "index", "panel"])
def test_every_command_on_a_file_takes_its_plane_and_what_is_left_of_it(
    planes: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    more = ["-o", str(planes.with_name("x.imzML"))] if command == "save" else []
    chosen = ["--plane", "4", "--skip-broken"]
    refused([command, str(planes), *more, "--plane", "4"], capsys)
    refused([command, str(planes), *more, "--plane", "9", "--skip-broken"], capsys)
    assert main([command, str(planes), *more, *chosen]) == 0
    if command == "info":
        assert "n_pixels: 1\n" in capsys.readouterr().out
    elif command == "save":
        assert open_imzml(planes.with_name("x.imzML")).n_spectra == 1
    elif command == "index":
        assert find_index(open_imzml(planes, plane=4, skip_broken=True)) is not None
        assert find_index(open_imzml(planes, plane=3)) is None


def test_a_file_without_points_has_facts_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.imzML"
    with ImzMLWriter(str(path), mode="processed") as writer:
        writer.addSpectrum(np.ones(3), np.ones(3), (1, 1))
    path.write_text(path.read_text().replace('external array length" value="3"', 'external array length" value="0"'))
    assert main(["info", str(path), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["n_points"], facts["mz_range"]) == (0, [0.0, 0.0])


def test_simulate_gives_a_recipe_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(tmp_path / "s"), "--seed", "3", "--niches", "0"]) == 0
    assert (tmp_path / "s" / "recipe.yaml").exists()
    assert main(["run", str(tmp_path / "s" / "recipe.yaml"), "--out", str(tmp_path / "out")]) == 0
    assert "No cold niche" in capsys.readouterr().out


def test_simulate_plants_the_shape_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", str(tmp_path / "s"), "--niches", "1", "--shape", "banana"]) == 0
    assert json.loads((tmp_path / "s" / "truth.json").read_text())["parameters"]["niche_shape"] == "banana"
    assert main(["simulate", str(tmp_path / "t"), "--shape", "star"]) == 2
    assert "niche_shape: expected disc or ellipse or ragged or banana, found 'star'" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ on Windows")
def test_ctrl_c_exits_130_and_leaves_nothing(section: Path, tmp_path: Path) -> None:
    recipe = recipe_for(section, tmp_path / "r", niches={"n_permutations": 100_000})
    command = [sys.executable, "-m", "napari_metime.cli", "run", str(recipe), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background the signal is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(5)  # somewhere within the run, whose permutations alone take longer
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r"]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes differ on Windows")
@pytest.mark.parametrize("arguments", [["info"], ["info", "--json"], ["--help"]], ids=" ".join)
def test_a_closed_pipe_ends_a_command_quietly(imzml: Path, arguments: list[str]) -> None:
    file = [str(imzml)] if "info" in arguments else []
    ours, theirs = os.pipe()
    os.close(ours)  # the reader has gone before anything is written
    command = [sys.executable, "-m", "napari_metime.cli", *arguments, *file]
    buffered = os.environ | {"PYTHONUNBUFFERED": ""}  # as it is for people: argparse itself swallows the other case
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=buffered, text=True, timeout=60)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (141, "")


def test_save_crops_to_a_mask_and_sums_channels_as_ion_does(imzml: Path, tmp_path: Path) -> None:
    mask = np.zeros(open_imzml(imzml).grid.shape, dtype=np.uint8)
    mask[10:20, 30:50] = 1
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    windows = ["--mz", "89.0244", "203.0826", "--ppm", "5"]
    part = ["--part", "part1", "--mask", str(tmp_path / "mask.tif"), "--mode", "continuous"]
    assert main(["save", str(imzml), "-o", str(tmp_path / "x.imzML"), *part, *windows]) == 0
    saved = open_imzml(tmp_path / "x.imzML")
    assert (saved.mode, saved.grid.origin, saved.grid.shape) == ("continuous", (11, 31), (10, 20))
    for source, out in ((imzml, "all.npy"), (tmp_path / "x.imzML", "part.npy")):
        assert main(["ion", str(source), *windows, "-o", str(tmp_path / out)]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "part.npy"), np.load(tmp_path / "all.npy")[:, 10:20, 30:50])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "x.imzML", "--mode", "continuous"], "one m/z axis"),
        (["-o", "x.imzML", "--mz", "89"], "give both or none"),
        (["-o", "x.npy"], "named .imzML"),
        (["-o", "x.imzML", "--mask", "none.tif"], "none.tif"),
        (["-o", "x.imzML", "--part", "part9"], "part1"),
    ],
)
def test_what_cannot_be_saved_is_one_line_and_leaves_nothing(
    imzml: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in refused(["save", str(imzml), *arguments], capsys)
    assert not list(tmp_path.iterdir())


def test_without_anndata_ion_names_the_extra(
    imzml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "anndata", None)
    command = ["ion", str(imzml), "--mz", "89.0244", "--ppm", "5", "-o", str(tmp_path / "x.h5ad")]
    assert "pip install 'napari-metime[anndata]'" in refused(command, capsys)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option is deprecated")
def test_ion_as_anndata_holds_the_image(imzml: Path, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata", reason="anndata is not installed: it needs Python 3.12 or newer")
    windows = ["--mz", "89.0244", "--ppm", "5"]
    for name in ("x.npy", "x.h5ad"):
        assert main(["ion", str(imzml), *windows, "-o", str(tmp_path / name)]) == 0
    table = anndata.read_h5ad(tmp_path / "x.h5ad")
    image = np.load(tmp_path / "x.npy")
    np.testing.assert_array_equal(table.X[:, 0], image[table.obs["row"], table.obs["col"]])
