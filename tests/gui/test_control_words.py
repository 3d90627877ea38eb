"""A person before the window is told the words beside its controls, not the keys of a recipe."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_metime
from napari_metime.gui.dock import PANELS
from napari_metime.gui.panels import align, cells, niches
from napari_metime.gui.running.control_words import (
    CONTROLS,
    NO_EFFECTOR,
    VALUES,
    control_of,
    error_in_words,
    in_the_window,
)
from napari_metime.gui.state.chain import NEEDS, READS, number
from napari_metime.gui.widgets.forms import field_of
from napari_metime.recipe import Recipe

PACKAGE = Path(napari_metime.__file__).parent
KEY = re.compile(r"(?<![\w./])[a-z]+(?:\.[a-z]\w*)+")
NOT_SHOWN = ("simulate", "recipe", "gui", "cli.py", "info_command.py", "panel_command.py", "annotate_command.py")
FILES = (".csv", ".geojson", ".tif", ".ibd", ".imzML", ".yaml", ".json", ".html", ".txt")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            "expected a size; set cells.pixel_size_um, or align.transform: affine. See cells.csv and align.refine.",
            "expected a size; set Microscope pixel (step 4), or Fit, by landmarks (step 5) to affine (sheared). "
            "See cells.csv and Refine by the images (step 5).",
        ),
        (
            "open the rest with --skip-broken, or ims.skip_broken: true in a recipe",
            "open the rest with Skip what is cut off (step 1)",
        ),
        ("align.matrix.0.1: should be a number", "Matrix (step 5): should be a number"),
        ("a/cells.unit.csv", "a/cells.unit.csv"),
        ("cells.roles: must list at least one effector type; found that", NO_EFFECTOR),
        ("found none; set cells.unit to px or um", "found none; set Unit of x and y (step 4) to pixels or micrometres"),
        (
            "found none; list their types in cells.roles.tumor or set niches.domain: tissue",
            "found none; let a type count as tumour (step 4) or set Look in (step 6) to all tissue",
        ),
        (
            "check cells.unit, cells.pixel_size_um and what align names.",
            "check Unit of x and y (step 4), Microscope pixel (step 4) and the alignment (step 5).",
        ),
        (
            "niches.radius_um: should be 'auto' or should be less than or equal to 2000; found 5000",
            "Window radius (step 6): should be auto, or at most 2,000 µm; found 5,000 µm",
        ),
        (
            "expected the unit of the header, mm ('X mm', 'Y mm'), found cells.unit: um; leave cells.unit out or name "
            "other columns",
            "expected the unit of the header, mm ('X mm', 'Y mm'), found Unit of x and y (step 4): micrometres (µm); "
            "choose mm, from the header",
        ),
        ("set ims.pixel_size_um in the recipe (µm)", "enter it as Pixel size (step 1), in µm"),
    ],
)
def test_keys_of_the_recipe_are_named_as_the_window_names_their_controls(told, said):
    assert in_the_window(told) == said


def test_within_its_step_an_error_names_no_step_and_begins_with_a_capital():
    told = "expected a size; set ims.pixel_size_um or cells.unit"
    assert error_in_words(told, 1) == "Expected a size; set Pixel size or Unit of x and y (step 4)"
    assert error_in_words("cells.csv: expected a size").startswith("cells.csv")


def test_every_named_control_is_a_key_of_the_recipe():
    for key in CONTROLS:
        section, _, inner = key.partition(".")
        assert field_of(section, inner) is not None


def test_every_setting_that_makes_a_result_has_a_name_in_the_window():
    keys = {f"{section}.{key}".rstrip(".") for step in NEEDS for section, key in READS[step]}
    assert [key for key in sorted(keys) if not control_of(key)] == []


def test_a_control_is_named_as_its_row_is_and_in_its_step():
    for panel in PANELS:
        for row in (*panel.rows, *panel.more_rows):
            named = control_of(f"{row.section}.{row.key}".rstrip("."))
            assert named == f"{row.label} (step {number(panel.step)})"


def test_values_are_named_as_the_choices_of_their_control():
    choices = {
        "align.transform": align.TRANSFORMS,
        "cells.unit": cells.UNITS,
        "niches.domain": niches.DOMAINS,
    }
    for key, offered in choices.items():
        words = {value: shown for shown, value in offered}
        assert VALUES[key] == {value: words[value] for value in VALUES[key]}


def texts_of(path: Path) -> Iterator[str]:
    """Yield the texts of a module, without its docstrings."""
    tree = ast.parse(path.read_text())
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value


def test_no_text_of_the_package_names_a_key_that_the_window_has_no_word_for():
    modules = [p for p in PACKAGE.rglob("*.py") if p.relative_to(PACKAGE).parts[0] not in NOT_SHOWN]
    unknown = {
        key
        for module in modules
        for text in texts_of(module)
        for key in KEY.findall(in_the_window(text))
        if key.split(".")[0] in Recipe.model_fields and not key.endswith(FILES)
    }
    assert unknown == set()
