"""Where one picture fits the other best, and whether pictures of other tissue would fit as well.

Every shift and turn within reach is tried on a lattice of few points, then those near the best on a finer one, so that
nothing depends on a good start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from napari_metime.alignment.pictures import Picture, information_of, levels

Points = NDArray[np.float64]
Move = Callable[[Points, Points], tuple[Points, Points]]

N_ACROSS = 32
"""Points of the lattice along the longer side of the fixed picture. Our choice, as are the following."""
N_LEVELS = 6
MAX_SHIFT_UM = 400.0
MAX_SHIFT_SHARE = 0.15
"""Of the diagonal of the fixed picture: less is tried on a small section."""
TURNS_DEG = (-8.0, -4.0, 0.0, 4.0, 8.0)
FINE_TURNS_DEG = (-2.0, -1.0, 0.0, 1.0, 2.0)
FINE_STEPS = 2
"""On a lattice of half the pitch, about the best of the first."""
MIN_OVERLAP = 0.5
"""Share of the fixed picture that has to lie on the moving one."""
N_COPIES = 99
MIN_COPY_TURN_DEG = 25.0
"""A copy that is turned by less, and is not mirrored, may be the picture itself within reach."""


@dataclass(frozen=True, slots=True)
class Match:
    """The best of all places.

    Parameters
    ----------
    information : mutual information there, in bits
    component : which of the fixed pictures
    matrix : ndarray of shape (3, 3) on (x, y, 1): from the fixed picture to the moving one, in section µm
    """

    information: float
    component: int
    matrix: NDArray[np.float64]


def reach_um(fixed: Picture) -> float:
    """Return the longest shift that is tried."""
    return min(MAX_SHIFT_UM, MAX_SHIFT_SHARE * float(np.hypot(*_extent_um(fixed))))


def _nowhere(x_um: Points, y_um: Points) -> tuple[Points, Points]:
    return x_um, y_um


def _after(matrix: NDArray[np.float64], move: Move) -> Move:
    return lambda x_um, y_um: move(*_apply(matrix, x_um, y_um))


class _Lattice:
    """The fixed pictures on a lattice of points.

    Parameters
    ----------
    fixed : pictures on one grid
    """

    def __init__(self, fixed: Sequence[Picture], pitch_um: float) -> None:
        first = fixed[0]
        n_y, n_x = (max(1, round(e / pitch_um)) for e in _extent_um(first))
        left, top = (
            o - s / 2 + pitch_um / 2 for o, s in zip(first.origin_um[::-1], first.spacing_um[::-1], strict=True)
        )
        self.pitch_um = pitch_um
        self.x, self.y = left + pitch_um * np.arange(n_x), top + pitch_um * np.arange(n_y)
        places = np.meshgrid(self.x, self.y)
        self.levels = np.stack([_levels(p.smoothed(pitch_um / 2).at(*places)) for p in fixed])
        self.n_known = int((self.levels[0] >= 0).sum())

    def best_shift(self, moving: Picture, place: Move, steps: int, reach_um: float) -> tuple[float, int, Points]:
        """Return (information, fixed picture or -1, shift (x, y) in µm) where ``moving.at(place(x + shift))`` fits.

        Every shift by up to ``steps`` points along x and along y is tried.
        """
        beyond = self.pitch_um * np.arange(1, steps + 1)
        x, y = (np.concatenate([a[0] - beyond[::-1], a, a[-1] + beyond]) for a in (self.x, self.y))
        joint = _joint(self.levels, _levels(moving.at(*place(*np.meshgrid(x, y)))), steps, N_LEVELS)
        information = information_of(joint.reshape(-1, N_LEVELS, N_LEVELS)).reshape(len(joint), -1)
        shift_um = self.pitch_um * (np.indices((2 * steps + 1,) * 2).reshape(2, -1)[::-1] - steps)
        allowed = (joint.sum(axis=(2, 3)) >= MIN_OVERLAP * self.n_known) & (np.hypot(*shift_um) <= reach_um)
        component, shift = np.unravel_index(np.argmax(np.where(allowed, information, -1.0)), information.shape)
        found = int(component) if allowed.any() else -1
        return float(information[component, shift]), found, np.asarray(shift_um[:, shift], dtype=np.float64)


class CoarseSearch:
    """The fixed pictures, ready to be compared with any moving one.

    Parameters
    ----------
    fixed : pictures on one grid
    """

    def __init__(self, fixed: Sequence[Picture]) -> None:
        pitch_um = max(_extent_um(fixed[0])) / N_ACROSS
        self._coarse, self._fine = _Lattice(fixed, pitch_um), _Lattice(fixed, pitch_um / 2)
        self._reach_um = reach_um(fixed[0])
        self._centre_um = (float(self._fine.x.mean()), float(self._fine.y.mean()))

    def ready(self, moving: Picture) -> tuple[Picture, Picture]:
        """Smooth a moving picture for the two lattices."""
        return moving.smoothed(self._coarse.pitch_um / 2), moving.smoothed(self._fine.pitch_um / 2)

    def best(self, moving: tuple[Picture, Picture], move: Move = _nowhere) -> Match | None:
        """Return the best match with a picture that is ``ready``, its places ``move``d; None without overlap."""
        steps = max(1, int(np.ceil(self._reach_um / self._coarse.pitch_um)))
        coarse = self._best_of(self._coarse, moving[0], move, np.eye(3), TURNS_DEG, steps, self._reach_um)
        if coarse is None:
            return None
        return self._best_of(self._fine, moving[1], move, coarse.matrix, FINE_TURNS_DEG, FINE_STEPS, np.inf)

    def _best_of(
        self,
        lattice: _Lattice,
        moving: Picture,
        move: Move,
        start: NDArray[np.float64],
        turns_deg: Sequence[float],
        steps: int,
        reach_um: float,
    ) -> Match | None:
        found: Match | None = None
        for turn_deg in turns_deg:
            turn = start @ _about(self._centre_um, _rotation(turn_deg))
            information, component, shift_um = lattice.best_shift(moving, _after(turn, move), steps, reach_um)
            if component >= 0 and (found is None or information > found.information):
                found = Match(information, component, turn @ _shift(*shift_um))
        return found

    def chance(
        self,
        moving: tuple[Picture, Picture],
        match: Match,
        rng: np.random.Generator,
        tell: Callable[[float], None],
    ) -> float:
        """Return how likely a picture of other tissue of the same extent fits as well: p = (1 + #{better}) / (1 + n).

        The other pictures are the moving one itself, turned at random and mirrored or not, stretched so that its
        centre and its second moments stay; each is searched like the picture itself.
        """
        better = 0
        for i in range(N_COPIES):
            tell(i / N_COPIES)
            copy = self.best(moving, _copy(moving[0], rng))
            better += copy is not None and copy.information >= match.information
        return (1 + better) / (1 + N_COPIES)


def _copy(moving: Picture, rng: np.random.Generator) -> Move:
    centre_um, spread = _moments(moving)
    mirrored = bool(rng.integers(2))
    free_deg = 0.0 if mirrored else MIN_COPY_TURN_DEG
    turn = _rotation(rng.uniform(free_deg, 360 - free_deg))[:2, :2]
    if mirrored:
        turn = turn @ np.diag([-1.0, 1.0])
    linear = np.eye(3)
    linear[:2, :2] = spread @ turn @ np.linalg.inv(spread)
    matrix = _about(centre_um, linear)
    return lambda x_um, y_um: _apply(matrix, x_um, y_um)


def _moments(picture: Picture) -> tuple[tuple[float, float], NDArray[np.float64]]:
    """Return the centre (x, y) of what is bright, and the square root of its covariance."""
    known = picture.known
    x_um, y_um = (a[known] for a in picture.places())
    weight = picture.image[known] - picture.image[known].min()
    weight = weight / weight.sum()
    centre = (float(weight @ x_um), float(weight @ y_um))
    off = np.stack([x_um - centre[0], y_um - centre[1]])
    value, vector = np.linalg.eigh((off * weight) @ off.T)
    return centre, vector @ np.diag(np.sqrt(np.maximum(value, 1e-12))) @ vector.T


def _levels(image: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return the level of each point; -1 where it is unknown."""
    known = np.isfinite(image)
    found = np.full(image.shape, -1, dtype=np.int8)
    if known.any():
        found[known] = levels(image[known], N_LEVELS)
    return found


@numba.njit(cache=True, nogil=True)
def _joint(fixed, moving, steps, n_levels):  # type: ignore[no-untyped-def]
    """Count pairs of levels at every shift: shape (n_fixed, shifts in y x shifts in x, levels, levels)."""
    n_fixed, n_rows, n_cols = fixed.shape
    n = 2 * steps + 1
    joint = np.zeros((n_fixed, n * n, n_levels, n_levels), dtype=np.int64)
    for dy in range(n):
        for dx in range(n):
            for row in range(n_rows):
                for col in range(n_cols):
                    other = moving[row + dy, col + dx]
                    if other >= 0:
                        for k in range(n_fixed):
                            one = fixed[k, row, col]
                            if one >= 0:
                                joint[k, dy * n + dx, one, other] += 1
    return joint


def _extent_um(picture: Picture) -> tuple[float, float]:
    height, width = (n * s for n, s in zip(picture.image.shape, picture.spacing_um, strict=True))
    return height, width


def _rotation(angle_deg: float) -> NDArray[np.float64]:
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _about(centre_um: tuple[float, float], linear: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_shift(*centre_um) @ linear @ _shift(-centre_um[0], -centre_um[1]))


def _shift(x_um: float, y_um: float) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, x_um], [0.0, 1.0, y_um], [0.0, 0.0, 1.0]])


def _apply(matrix: NDArray[np.float64], x: Points, y: Points) -> tuple[Points, Points]:
    (a, b, c), (d, e, f) = matrix[:2]
    return a * x + b * y + c, d * x + e * y + f
