"""ITK's transforms as text: affine ones of the plane, and what is composed of them.

The file is that of ``itk::TxtTransformIO``: after ``#Insight Transform File V1.0`` each transform has the lines
``Transform:``, ``Parameters:`` and ``FixedParameters:`` (the centre). A transform maps x to A (x - centre) + t + centre
(ITK Software Guide, 3.9, MatrixOffsetTransformBase).
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import AlignmentError

HEAD = "#Insight Transform File V1.0"
COMPOSITE = "CompositeTransform"
MAX_TRANSFORMS = 100
MAX_VALUE = 1e12
Numbers = list[float]


def is_itk(text: str) -> bool:
    """Whether a text is an ITK transform file."""
    return text.lstrip("\ufeff").lstrip().startswith("#Insight Transform File")


def read_itk(name: str, text: str) -> tuple[NDArray[np.float64], str]:
    """Return the 3 x 3 matrix on (x, y, 1), as ITK maps points, and which transforms it was.

    Raises
    ------
    AlignmentError
        Another transform than an affine one of the plane, or numbers that are not those that it takes.
    """
    blocks = re.split(r"^\s*Transform:", text, flags=re.MULTILINE)[1:]
    if not 0 < len(blocks) <= MAX_TRANSFORMS:
        raise AlignmentError(
            f"{name}: expected 1 to {MAX_TRANSFORMS} ITK transforms, found {len(blocks)}; export it again"
        )
    kinds = [block.strip().split("\n", 1)[0].strip()[:80] for block in blocks]
    is_composite = kinds[0].startswith(COMPOSITE)
    if is_composite:
        _check_plane(name, kinds[0])
        kinds, blocks = kinds[1:], blocks[1:]
    if not blocks or (len(blocks) > 1 and not is_composite):
        found = f"{len(blocks)} without one" if blocks else "one of nothing"
        raise AlignmentError(
            f"{name}: expected one ITK transform, or a composite of several, found {found}; export it again"
        )
    matrix = np.eye(3)
    # The one that was added last is applied first (itk::CompositeTransform).
    with np.errstate(over="ignore", invalid="ignore"):  # what grows beyond all numbers is refused by whoever asked
        for kind, block in zip(kinds, blocks, strict=True):
            matrix = matrix @ _matrix(name, kind, block)
    return matrix, " after ".join(kind.split("_")[0] for kind in kinds)


def itk_text(matrix: NDArray[np.float64]) -> str:
    """Return an affine ITK transform of a 3 x 3 matrix that maps points as ITK does."""
    (a, b, x), (c, d, y) = (tuple(map(repr, row)) for row in matrix[:2].tolist())
    return (
        f"{HEAD}\n#Transform 0\nTransform: AffineTransform_double_2_2\n"
        f"Parameters: {a} {b} {c} {d} {x} {y}\nFixedParameters: 0 0\n"
    )


def _check_plane(name: str, kind: str) -> None:
    if not re.fullmatch(r"\w+_(double|float)_2_2", kind):
        raise AlignmentError(f"{name}: expected an ITK transform of the plane (_2_2), found {kind}; export a 2-D one")


def _matrix(name: str, kind: str, block: str) -> NDArray[np.float64]:
    _check_plane(name, kind)
    short = kind.split("_")[0]
    if short not in _MATRICES:
        raise AlignmentError(
            f"{name}: expected an affine ITK transform, found {short}, which no matrix can say; "
            "export its affine part, or set landmarks"
        )
    n_numbers, made = _MATRICES[short]
    parameters = _numbers(name, block, "Parameters")
    centre = _numbers(name, block, "FixedParameters")
    if len(parameters) != n_numbers or len(centre) not in (0, 2):
        raise AlignmentError(
            f"{name}: expected {n_numbers} parameters and a centre of 2 for {short}, "
            f"found {len(parameters)} and {len(centre)}; export it again"
        )
    return made(parameters, np.array(centre if centre else [0.0, 0.0]))


def _numbers(name: str, block: str, key: str) -> Numbers:
    found = re.search(rf"^\s*{key}:(.*)$", block, flags=re.MULTILINE)
    words = found.group(1).split() if found else []
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = [np.inf]
    if not all(abs(number) < MAX_VALUE for number in numbers):
        raise AlignmentError(
            f"{name}: expected finite numbers after {key}, found {' '.join(words)!r:.60}; export it again"
        )
    return numbers


def _about(linear: NDArray[np.float64], shift: Numbers, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = np.array(shift) + centre - linear @ centre
    return matrix


def _rotation(angle: float) -> NDArray[np.float64]:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


_Made = Callable[[Numbers, NDArray[np.float64]], NDArray[np.float64]]
_AFFINE: tuple[int, _Made] = (6, lambda p, c: _about(np.array([p[:2], p[2:4]]), p[4:], c))
_EULER: tuple[int, _Made] = (3, lambda p, c: _about(_rotation(p[0]), p[1:], c))
_MATRICES: dict[str, tuple[int, _Made]] = {
    "AffineTransform": _AFFINE,
    "MatrixOffsetTransformBase": _AFFINE,
    "Euler2DTransform": _EULER,
    "Rigid2DTransform": _EULER,
    "Similarity2DTransform": (4, lambda p, c: _about(p[0] * _rotation(p[1]), p[2:], c)),
    "CenteredRigid2DTransform": (5, lambda p, c: _about(_rotation(p[0]), p[3:], np.array(p[1:3]))),
    "CenteredSimilarity2DTransform": (6, lambda p, c: _about(p[0] * _rotation(p[1]), p[4:], np.array(p[2:4]))),
    "ScaleTransform": (2, lambda p, c: _about(np.diag(p), [0.0, 0.0], c)),
    "TranslationTransform": (2, lambda p, c: _about(np.eye(2), p, np.zeros(2))),
    "IdentityTransform": (0, lambda p, c: np.eye(3)),
}
"""How many parameters each takes, and its matrix from these and its centre."""
