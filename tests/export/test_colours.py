"""Roles, grades and types are told apart by those who see no red or no green; sequences are even to the eye."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from napari_metime.export.colours import COLDNESS_COLOURS, DIVERGING_COLOURS, GRADE_COLOURS, ROLE_COLOURS, rgb

MACHADO = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""Machado, Oliveira & Fernandes (2009), severity 1.0, on linear RGB."""
TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
WHITE = [0.95047, 1.0, 1.08883]
TOLD_APART = 15.0
"""CIE76 colour difference; a just noticeable one is 2.3."""


def lab(colours: np.ndarray, sight: str = "normal") -> np.ndarray:
    """CIELAB (D65) of sRGB from 0 to 1, shape (n, 3), as somebody sees it."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ np.asarray(MACHADO[sight]).T, 0, 1) @ np.asarray(TO_XYZ).T / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def test_lab_is_what_is_published():
    """White, black and the red of sRGB, as in Lindbloom's tables."""
    found = lab(np.array([[1.0, 1, 1], [0, 0, 0], [1, 0, 0]]))
    assert found == pytest.approx(np.array([[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]), abs=0.05)


@pytest.mark.parametrize("sight", MACHADO)
@pytest.mark.parametrize("palette", [ROLE_COLOURS, GRADE_COLOURS], ids=["roles", "grades"])
def test_no_two_classes_look_alike_to_anyone(palette, sight):
    seen = dict(zip(palette, lab(np.array([rgb(colour) for colour in palette.values()]) / 255, sight), strict=True))
    apart = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in combinations(seen, 2)}
    assert min(apart.values()) >= TOLD_APART, min(apart, key=apart.get)


def ramp(*colours: str) -> np.ndarray:
    at, stops = np.linspace(0, 1, 64), np.array([rgb(colour) for colour in colours]) / 255
    return np.stack([np.interp(at, np.linspace(0, 1, len(stops)), stops[:, i]) for i in range(3)], axis=1)


@pytest.mark.parametrize(
    "colours", [COLDNESS_COLOURS, DIVERGING_COLOURS[1::-1], DIVERGING_COLOURS[1:]], ids=["coldness", "below", "above"]
)
def test_a_step_of_a_value_is_a_like_step_to_the_eye(colours):
    steps = np.linalg.norm(np.diff(lab(ramp(*colours)), axis=0), axis=1)
    assert steps.max() <= 2 * steps.min()
    for sight in MACHADO:
        assert (np.diff(lab(ramp(*colours), sight)[:, 0]) < 0).all()  # more is darker, without colour as well


@pytest.mark.parametrize("sight", MACHADO)
def test_as_expected_is_not_taken_for_nothing_known(sight):
    """Where nothing is known the ground shines through: black, or white as paper."""
    as_expected, white, black = lab(np.array([rgb(COLDNESS_COLOURS[0]), [255, 255, 255], [0, 0, 0]]) / 255, sight)
    assert np.linalg.norm(as_expected - white) >= 10
    assert np.linalg.norm(as_expected - black) >= TOLD_APART


@pytest.mark.parametrize("sight", MACHADO)
def test_below_and_above_zero_differ_to_anyone(sight):
    below, above = lab(np.array([rgb(DIVERGING_COLOURS[0]), rgb(DIVERGING_COLOURS[2])]) / 255, sight)
    assert np.linalg.norm(below - above) >= 3 * TOLD_APART
    assert abs(below[0] - above[0]) <= 15  # as far from the middle in lightness
