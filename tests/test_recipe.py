"""The recipe: what it takes, what it fills in, and how it says no."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from napari_metime.errors import MissingFileError, RecipeError
from napari_metime.recipe import (
    AlignRecipe,
    ImageRecipe,
    NichesRecipe,
    Recipe,
    RegionsRecipe,
    TissueRecipe,
    dump_recipe,
    input_files,
    load_recipe,
)

MINIMAL = """
metime: 1
section: {id: S1}
ims: {path: data/s.imzML}
cells: {path: cells.csv, roles: {effector: [CD8]}}
"""
# The recipe of the design, word for word but for what this version does not take yet.
FULL = """
metime: 1
section: {id: S1, patient: P1, site: liver, timepoint: baseline}
seed: 0
ims: {path: s.imzML, pixel_size_um: null, polarity: null, tolerance_ppm: 5, normalize: tic, part: null}
tissue: {method: auto}
channels: {panel: builtin, mz: [], images: [], min_members: 3}
cells:
  path: cells.csv
  x: Centroid X px
  y: Centroid Y px
  type: Class
  unit: px
  pixel_size_um: 0.5
  roles: {effector: [CD8], suppressor: [Treg, Macrophage M2], tumor: [Tumor]}
align: {landmarks: landmarks.csv, transform: similarity}
niches: {domain: tumor_bed, radius_um: auto, n_permutations: 999, alpha: 0.05, max_rate_ratio: 0.5}
associations: {covariates: [tumor_fraction, cell_density]}
export: {report: true}
"""


def load(folder: Path, text: str):  # type: ignore[no-untyped-def]
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    return load_recipe(folder / "recipe.yaml")


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load(folder, text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_recipe_of_the_design_is_taken_and_says_the_same_when_written(tmp_path: Path) -> None:
    recipe, wanted = load(tmp_path, FULL), yaml.safe_load(FULL)
    written = yaml.safe_load(dump_recipe(recipe, folder=tmp_path))
    beyond_the_design = {
        "ims": {
            "reference_mz": None, "normalize_table": None, "recalibrate": "none", "lock_mz": [], "plane": None,
            "skip_broken": False,
        },
        "channels": {"extend": None, "metaspace": None},
        "tissue": {"exclude": None, "regions": RegionsRecipe().model_dump(mode="json")},
        "cells": {"labels": None, "gates": {}, "type_probability": None},
        "align": {"mirrored": False, "extra_error_um": 0.0, "refine": None},
        "niches": NichesRecipe().model_dump(mode="json"),
    }  # fmt: skip
    assert written.pop("microscopy") is None
    assert written.pop("hypotheses") == {"cutoffs": {}}
    assert written == wanted | {part: wanted[part] | keys for part, keys in beyond_the_design.items()}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("align: {landmarks: l.csv, refine: {too: tic}}", "found 'align.refine.too'; the nearest known key is 'to'"),
        ("align: {landmarks: l.csv, refine: {to: tics}}", "align.refine.to: should be 'tic'"),
        ("align: {landmarks: l.csv, extra_error_um: -1}", "align.extra_error_um: should be greater"),
        ("align: {landmarks: l.csv, inverse: true}", "say how path is taken; remove them"),
        ("align: {path: t.txt, landmarks: l.csv}", "align: must have either landmarks or matrix, or a path"),
        ("microscopy: {channels: {A: 1}}", "expected the key 'microscopy.path'"),
        ("microscopy: {path: he.tif, channels: {A: -1}}", "should be greater than or equal to 0"),
        ("microscopy: {file: he.tif}", "found 'microscopy.file'"),
    ],
)
def test_settings_of_the_alignment_that_cannot_be_meant_are_refused(tmp_path: Path, lines: str, words: str) -> None:
    assert words in refusal(tmp_path, f"{MINIMAL}\n{lines}\n")


def test_what_brings_the_cells_onto_the_section_is_written_as_it_was_read(tmp_path: Path) -> None:
    text = (
        MINIMAL
        + """
microscopy: {path: he.ome.tif, channels: {PD-L1: 3}}
align: {path: itk.txt, extra_error_um: 12, refine: {channel: 0, to: 885.55, transform: bspline}}
"""
    )
    recipe = load(tmp_path, text)
    assert load(tmp_path, dump_recipe(recipe, folder=tmp_path)) == recipe
    assert {tmp_path / "he.ome.tif", tmp_path / "itk.txt"} <= set(input_files(recipe))


@pytest.mark.parametrize(
    ("ims", "words"),
    [
        ("normalize: reference", "needs reference_mz"),
        ("normalize: table", "needs normalize_table"),
        ("recalibrate: column", "ims.recalibrate: should be"),
        ("lock_mz: [0]", "ims.lock_mz"),
    ],
)
def test_settings_of_the_reader_that_cannot_be_meant_are_refused(tmp_path: Path, ims: str, words: str) -> None:
    assert words in refusal(tmp_path, FULL.replace("normalize: tic", ims))


def test_defaults_are_those_of_the_design(tmp_path: Path) -> None:
    short, full = load(tmp_path, MINIMAL), load(tmp_path, FULL)
    for part in ("seed", "tissue", "channels", "niches", "associations", "export"):
        assert getattr(short, part) == getattr(full, part)
    assert short.ims.tolerance_ppm == 5
    assert short.align == "none"


def test_paths_are_those_of_the_recipe_and_move_with_it(tmp_path: Path) -> None:
    recipe = load(tmp_path, MINIMAL)
    assert recipe.ims.path == tmp_path / "data" / "s.imzML"
    elsewhere = tmp_path / "a" / "b"
    elsewhere.mkdir(parents=True)
    text = dump_recipe(recipe, folder=elsewhere)
    assert yaml.safe_load(text)["ims"]["path"] == "../../data/s.imzML"
    assert load(elsewhere, text) == recipe


def test_an_image_is_a_path_or_says_what_its_values_mean(tmp_path: Path) -> None:
    line = "channels: {images: [PD-L1.ome.tif, {path: laser/a.tif, name: 56Fe, unit: µg/g, lod: 0.5}]}\n"
    recipe = load(tmp_path, MINIMAL + line)
    marker, iron = recipe.channels.images
    assert (marker.path, marker.channel, marker.unit, marker.lod) == (tmp_path / "PD-L1.ome.tif", "PD-L1", "", None)
    assert (iron.path, iron.channel, iron.unit, iron.lod) == (tmp_path / "laser" / "a.tif", "56Fe", "µg/g", 0.5)
    assert {marker.path, iron.path} <= set(input_files(recipe))
    elsewhere = tmp_path / "a"
    elsewhere.mkdir()
    text = dump_recipe(recipe, folder=elsewhere)
    assert yaml.safe_load(text)["channels"]["images"][1]["path"] == "../laser/a.tif"
    assert load(elsewhere, text) == recipe


def test_words_are_not_taken_for_paths_and_paths_are(tmp_path: Path) -> None:
    recipe = load(tmp_path, MINIMAL + "tissue: {method: mask.tif}\nniches: {domain: tissue}\n")
    assert recipe.tissue.method == str(tmp_path / "mask.tif")
    assert recipe.niches.domain == "tissue"
    assert set(input_files(recipe)) == {
        tmp_path / "data" / "s.imzML",
        tmp_path / "cells.csv",
        tmp_path / "mask.tif",
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nichs: {}", "found 'nichs'; the nearest known key is 'niches'"),
        ("niches: {radius: 5}", "found 'niches.radius'; the nearest known key is 'radius_um'"),
        ("align: {landmark: l.csv}", "found 'align.landmark'; the nearest known key is 'landmarks'"),
        ("niches: {alpha: 0.7}", "niches.alpha: should be less than 0.5; found 0.7"),
        ("niches: {n_permutations: -1}", "niches.n_permutations: should be greater than or equal to 19; found -1"),
        (
            "hypotheses: {cutoffs: {kyn_trp: -1}}",
            "hypotheses.cutoffs.kyn_trp: should be greater than or equal to 0; found -1",
        ),
        ("niches: {grades: {margin_um: -1}}", "niches.grades.margin_um: should be greater than 0; found -1"),
        ("microscopy: {path: a.tif, channels: {PD-L1: -3}}", "microscopy.channels.PD-L1: should be greater than"),
        ("niches: {radius_um: -4}", "niches.radius_um: should be 'auto' or should be greater than 0; found -4"),
        (
            "niches: {radius_um: 2001}",
            "niches.radius_um: should be 'auto' or should be less than or equal to 2000; found 2001",
        ),
        ("align: non", "align: should have keys of its own or should be 'none'; found 'non'"),
        ("align: {matrix: [[1, 2], [3]]}", "align.matrix.0: expected more values, found nothing; add it"),
        ("seed: -1", "seed: should be greater than or equal to 0; found -1"),
        ("align: {transform: rigid}", "align: must have either landmarks or matrix"),
        ("align: {matrix: [[1, 0, 0], [2, 0, 0], [0, 0, 1]]}", "matrix must be invertible"),
        ("align: {matrix: [[.nan, 0, 0], [0, 1, 0], [0, 0, 1]]}", "matrix must be finite"),
        ("align: {landmarks: l.csv, transform: bendy}", "align.transform"),
        ("metime: 2", "metime"),
        ("seed: 1\nseed: 2", "the key 'seed' stands twice"),
        ("tissue: {method: '~nobody_of_that_name/m.tif'}", "write it out"),
        ("tissue: {method: ''}", "tissue.method: "),
        (
            "channels: {images: [{path: Fe.tif, nam: Fe}]}",
            "found 'channels.images.0.nam'; the nearest known key is 'name'",
        ),
        ("channels: {images: [{name: Fe}]}", "expected the key 'channels.images.0.path', found nothing"),
        ("channels: {images: [{path: Fe.tif, lod: -1}]}", "channels.images.0.lod: should be greater than 0"),
        ("channels: {images: [{path: Fe.tif, name: ' Fe'}]}", "channels.images.0.name: must be one line"),
        ("channels: {images: [5]}", "channels.images.0: should have keys of its own"),
        ("channels: {mz: [-5]}", "channels.mz.0: should be greater than 0; found -5"),
    ],
)
def test_a_wrong_key_or_value_is_named_in_one_line(tmp_path: Path, line: str, words: str) -> None:
    base = "\n".join(row for row in MINIMAL.splitlines() if not row.startswith(line.split(":")[0] + ":"))
    assert words in refusal(tmp_path, f"{base}\n{line}\n")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("roles: {effector: [CD8]}", "roles: {effectors: [CD8]}", "nearest known key is 'effector'"),
        ("roles: {effector: [CD8]}", "roles: {effector: []}", "at least one effector type"),
        ("roles: {effector: [CD8]}", "roles: {effector: [CD8], tumor: [CD8]}", "listed as effector and as tumor"),
        ("section: {id: S1}", "section: {}", "expected the key 'section.id', found nothing"),
        ("section: {id: S1}", "section: {id: ../up}", "usable as a folder name"),
        ("s.imzML}", "s.imzML, pixel_size_um: -1}", "ims.pixel_size_um: should be greater than 0 or "),
        ("path: data/s.imzML", "pth: data/s.imzML", "'ims.pth'; the nearest known key is 'path'"),
        ("metime: 1", "", "expected 'metime: 1'"),
    ],
)
def test_what_a_run_cannot_do_without_is_asked_for(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert words in refusal(tmp_path, MINIMAL.replace(old, new))


@pytest.mark.parametrize("text", ["", "- 1\n- 2", "a: [1", "!!python/object/apply:os.system ['true']", "\x00"])
def test_what_is_no_recipe_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).startswith("recipe.yaml: expected ")


def test_a_few_bytes_that_stand_for_gigabytes_are_refused_at_once(tmp_path: Path) -> None:
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert len(refusal(tmp_path, "\n".join([MINIMAL, *bomb, "niches: {radius_um: *a11}"]))) < 300


def test_a_missing_recipe_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="expected a recipe at"):
        load_recipe(tmp_path / "none.yaml")


def test_a_number_is_a_name(tmp_path: Path) -> None:
    assert load(tmp_path, MINIMAL.replace("id: S1", "id: 7")).section.id == "7"


def test_every_key_is_told_in_the_docs() -> None:
    """In the table of its section, in the words that the forms of the window show."""
    text = (Path(__file__).parents[1] / "docs" / "recipe.md").read_text(encoding="utf-8")
    tables = {part.partition("\n")[0]: part for part in text.split("### ")[1:]}
    models = {**Recipe.model_fields, "align.refine": AlignRecipe.model_fields["refine"]}
    models["channels.images"] = FieldInfo.from_annotation(ImageRecipe)
    models["tissue.regions"] = TissueRecipe.model_fields["regions"]
    models |= {f"niches.{part}": NichesRecipe.model_fields[part] for part in ("grades", "lymphoid")}
    told = 0
    for section, field in models.items():
        forms = (field.annotation, *get_args(field.annotation))
        for model in (form for form in forms if isinstance(form, type) and issubclass(form, BaseModel)):
            for key, inner in model.model_fields.items():
                (row,) = [line for line in tables[section].splitlines() if line.startswith(f"| `{key}` |")]
                assert inner.description, key
                assert inner.description in row
                told += 1
    assert told > 50
    assert "`metime`" in text
    assert "`seed`" in text
