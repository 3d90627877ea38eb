"""What may be replaced."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from napari_metime.errors import OutputError
from napari_metime.export import check_output_folder
from napari_metime.export.folder import PROVENANCE_NAME, written_at
from napari_metime.export.provenance import changed_settings, provenance_in_words
from napari_metime.export.strict_json import read_small_json
from napari_metime.recipe import Recipe


def _ours(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "provenance.json").write_text(json.dumps({"written_by": "napari-metime"}), encoding="utf-8")
    (folder / "old.csv").write_text("old", encoding="utf-8")
    return folder


def test_absent_empty_and_own_folders_are_fine(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "a" / "b", tmp_path / "empty", _ours(tmp_path / "own")):
        check_output_folder(out, recipe)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "provenance", [None, "{}", "[]", "not json", '{"written_by": "other"}', "[" * 100_000], ids=range(6)
)
def test_a_folder_of_others_is_refused(tmp_path: Path, recipe: Recipe, provenance: str | None) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine", encoding="utf-8")
    if provenance is not None:
        (tmp_path / "out" / "provenance.json").write_text(provenance, encoding="utf-8")
    with pytest.raises(OutputError, match="found other files in"):
        check_output_folder(tmp_path / "out", recipe)


def test_a_file_is_refused(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="found the file"):
        check_output_folder(tmp_path / "out", recipe)
    with pytest.raises(OutputError, match="expected to write"):
        check_output_folder(tmp_path / "out" / "below", recipe)


@pytest.mark.parametrize("name", ["s.imzML", "cells.csv", "landmarks.csv"])
def test_own_results_that_hold_an_input_are_refused(tmp_path: Path, recipe: Recipe, inputs: Path, name: str) -> None:
    out = _ours(tmp_path / "out")
    (out / "deep").mkdir()
    key = {"s.imzML": "ims", "cells.csv": "cells", "landmarks.csv": "align"}[name]
    field = "landmarks" if key == "align" else "path"
    part = getattr(recipe, key).model_copy(update={field: out / "deep" / name})
    with pytest.raises(OutputError, match=f"holds none of the inputs, found {name}"):
        check_output_folder(out, recipe.model_copy(update={key: part}))


def test_the_recipe_itself_is_an_input(tmp_path: Path, recipe: Recipe) -> None:
    out = _ours(tmp_path / "out")
    with pytest.raises(OutputError, match=r"found recipe.yaml in"):
        check_output_folder(out, recipe, recipe_path=out / "recipe.yaml")


def test_an_input_reached_through_the_folder_but_outside_it_is_fine(tmp_path: Path, recipe: Recipe) -> None:
    out = _ours(tmp_path / "out")
    ims = recipe.ims.model_copy(update={"path": out / ".." / "inputs" / "s.imzML"})
    check_output_folder(out, recipe.model_copy(update={"ims": ims}))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_do_not_hide_an_input(tmp_path: Path, recipe: Recipe) -> None:
    out = _ours(tmp_path / "out")
    (tmp_path / "link").symlink_to(out)
    with pytest.raises(OutputError, match="none of the inputs"):
        check_output_folder(tmp_path / "link", recipe, recipe_path=out / "recipe.yaml")
    (out / "linked.yaml").symlink_to(tmp_path / "inputs" / "recipe.yaml")
    with pytest.raises(OutputError, match="none of the inputs"):
        check_output_folder(out, recipe, recipe_path=out / "linked.yaml")


def test_provenance_that_is_odd_is_read_as_far_as_it_goes() -> None:
    text = provenance_in_words({"inputs": [3, {"path": "a", "bytes": "x"}], "seconds": 2})
    assert text.startswith("None None")
    assert "a\n– bytes, SHA-256 None" in text
    for odd in (3, None, [3], {"x": 1}, "x"):
        keys = ("inputs", "changed_settings", "warnings", "packages", "seconds", "tissue", "left_out", "alignment")
        assert provenance_in_words(dict.fromkeys(keys, odd)).startswith("None None")


def test_provenance_says_what_a_reviewer_asks_for(recipe: Recipe) -> None:
    niches, tissue = (getattr(recipe, key).model_copy(update=new) for key, new in (
        ("niches", {"alpha": 0.01}), ("tissue", {"method": "/home/me/mask.tif", "exclude": Path("/home/me/left.tif")})
    ))  # fmt: skip
    changed = changed_settings(recipe.model_copy(update={"niches": niches, "tissue": tissue, "seed": 7}))
    before = changed_settings(recipe)
    assert {key: changed[key] for key in changed if changed[key] != before.get(key)} == {
        "seed": 7, "niches.alpha": 0.01, "tissue.method": "mask.tif", "tissue.exclude": "left.tif",
    }  # fmt: skip
    text = provenance_in_words({
        "inputs": [{"path": "/data/s.imzML", "bytes": 12345, "sha256": "abc"}],
        "changed_settings": {"niches.alpha": 0.01, "tissue.regions.names": {"1": "tumour"}},
        "tissue": {"method": "painted"},
        "left_out": [{"reason": "a fold", "n_pixels": 12}],
        "alignment": {"n_landmarks": 6},
        "warnings": ["look at it"],
        "packages": {"numpy": "2.0"},
    })  # fmt: skip
    for told in (
        "/data/s.imzML\n12,345 bytes, SHA-256 abc", "niches.alpha: 0.01", "tissue was painted", "a fold, 12 pixels",
        "6 pairs of landmarks", "1 = tumour", "— Warnings —\nlook at it", "numpy 2.0",
    ):  # fmt: skip
        assert told in text
    assert "None. Every setting is the default" in provenance_in_words({"changed_settings": {}})


def test_when_results_were_written_is_known_of_ours_alone(tmp_path: Path) -> None:
    assert written_at(tmp_path) is None
    (tmp_path / PROVENANCE_NAME).write_text("[" * 100_000)
    assert written_at(tmp_path) is None
    assert read_small_json(tmp_path / PROVENANCE_NAME, 10) is None
    assert read_small_json(tmp_path, 10) is None
    (tmp_path / PROVENANCE_NAME).write_text('{"written_by": "napari-metime"}')
    os.utime(tmp_path / PROVENANCE_NAME, (1_700_000_000, 1_700_000_000))
    written = written_at(tmp_path)
    assert written is not None
    assert written.timestamp() == 1_700_000_000
