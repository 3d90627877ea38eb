"""The colours of the docks, held against each other as people see them (WCAG 2.2, relative luminance)."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("napari", reason="the window needs the gui extra")

from napari_metime.gui.widgets.style import colours_of, style_sheet

THEMES = ("dark", "light")
GROUNDS = {
    "text": ("background", "card", "field", "line"),
    "dim": ("background", "card", "field"),
    "done": ("background", "card"),
    "stale": ("background", "card"),
    "error": ("background", "card"),
    "link": ("background", "card"),
    "on_accent": ("accent", "hover"),
    "on_done": ("done",),
    "on_stale": ("stale",),
}
"""Each colour of words, and what it stands on."""


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_gives_the_known_ends():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_all_words_are_read_on_what_they_stand_on(theme):
    colours = colours_of(theme)
    poor = {
        (words, ground): round(contrast(colours[words], colours[ground]), 2)
        for words, grounds in GROUNDS.items()
        for ground in grounds
        if contrast(colours[words], colours[ground]) < 4.5
    }
    assert poor == {}


@pytest.mark.parametrize("theme", THEMES)
def test_the_focus_and_the_words_on_a_progress_bar_are_seen(theme):
    colours = colours_of(theme)
    for ground in ("background", "card"):
        assert contrast(colours["link"], colours[ground]) >= 3
    assert contrast(colours["text"], colours["progress"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_no_colour_of_words_stands_beside_the_tested_ones(theme):
    """Every rule's ``color`` is one of the colours above, so that none is chosen past this test."""
    by_value: dict[str, set[str]] = {}
    for name, colour in colours_of(theme).items():
        by_value.setdefault(colour, set()).add(name)
    for colour in re.findall(r"(?<![-\w])(?:placeholder-text-)?color: ([^;]+);", style_sheet(theme)):
        assert by_value[colour] & {*GROUNDS, "off"}, colour


@pytest.mark.parametrize("theme", THEMES)
def test_what_cannot_be_used_is_fainter_than_all_else_and_can_be_read_all_the_same(theme):
    colours = colours_of(theme)
    for ground in ("background", "card", "field"):
        assert 3 <= contrast(colours["off"], colours[ground]) < contrast(colours["dim"], colours[ground])
    rules = [rule for rule in style_sheet(theme).split("}") if colours["off"] in rule]
    assert rules
    assert all(":disabled" in rule for rule in rules)


def test_every_kind_of_control_shows_its_focus():
    rules = [rule for rule in style_sheet("dark").split("}") if ":focus" in rule]
    for kind in ("QPushButton", "QToolButton", "QCheckBox", "QLineEdit", "QComboBox", "QAbstractSpinBox", "QTableView"):
        assert any(f"{kind}:focus" in rule and "border: 2px" in rule for rule in rules), kind
