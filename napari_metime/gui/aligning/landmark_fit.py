"""What the landmarks say so far: a fit, its errors, which pair stands out, and all of it in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metime.alignment import fit_landmarks
from napari_metime.alignment.outliers import standing_out
from napari_metime.alignment.stiffness import asked_for
from napari_metime.alignment.transforms import FEWEST, Kind
from napari_metime.errors import AlignmentError
from napari_metime.export.words import is_known, number, plural
from napari_metime.gui.layers.beside import source_scale_um
from napari_metime.gui.state.pairs import Pairs
from napari_metime.gui.state.session import Session
from napari_metime.section import Alignment


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A fit to the pairs, or why there is none.

    Parameters
    ----------
    stands_out : ndarray of shape (n_pairs,), bool
    n_missing : pairs that must be added before anything can be fitted
    is_mirrored : the pairs fit only where one of the images is turned over
    better : the transform that the pairs ask for instead
    """

    alignment: Alignment | None = None
    stands_out: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    n_missing: int = 0
    problem: str = ""
    is_mirrored: bool = False
    better: Kind | None = None


def judge(pairs: Pairs, kind: Kind, *, source_scale: float | None, mirrored: bool) -> Judged:
    """Fit a transform to the pairs; ``source_scale`` is the µm of a unit of the cells, which only rigid needs."""
    n = len(pairs.placed)
    fewest = FEWEST[kind]
    if n < fewest:
        return Judged(stands_out=np.zeros(n, dtype=bool), n_missing=fewest - n)
    if kind == "rigid" and source_scale is None:
        text = "A rigid fit needs the size of a microscope pixel: set it in step 4, or choose similarity."
        return Judged(stands_out=np.zeros(n, dtype=bool), problem=text)
    try:
        alignment = fit_landmarks(pairs.landmarks, kind, source_scale=source_scale or 1.0, mirrored=mirrored)
    except AlignmentError as error:
        return Judged(stands_out=np.zeros(n, dtype=bool), problem=str(error), is_mirrored="mirrored" in str(error))
    stands_out = standing_out(alignment)
    return Judged(alignment, stands_out, better=None if stands_out.any() else asked_for(alignment))


def judge_session(session: Session) -> Judged:
    """Judge the pairs of a session with the fit that its recipe asks for."""
    align = session.get("align")
    named: dict[str, Any] = align if isinstance(align, dict) else {}
    return judge(
        session.pairs,
        named.get("transform", "similarity"),
        source_scale=source_scale_um(session),
        mirrored=bool(named.get("mirrored", False)),
    )


def instruction(session: Session, *, is_out_of_turn: bool = False) -> str:
    """Say what to click next."""
    pairs = session.pairs
    if pairs.waiting is not None:
        return f"Pair {len(pairs.placed) + 1}: now click the same place on the cells (right)."
    if is_out_of_turn:
        return f"Pair {len(pairs.placed) + 1}: click the section (left) first, then the same place on the cells."
    return f"Pair {len(pairs.placed) + 1}: click a place on the section (left) that you also find on the cells (right)."


def in_words(judged: Judged, *, mirrored: bool = False) -> str:
    """Say how well the pairs fit, in a sentence or two."""
    if judged.n_missing:
        more = plural(judged.n_missing, "more pair") if len(judged.stands_out) else plural(judged.n_missing, "pair")
        return f"{more} needed for this fit; six or more, spread over the tissue, are better."
    if judged.is_mirrored:
        return (
            "The pairs do not fit mirrored, but as they are."
            if mirrored
            else "One of the two images is mirrored: turned over, the pairs fit."
        )
    if judged.alignment is None:
        return judged.problem
    text = f"The pairs fit within {number(judged.alignment.rmse_um)} µm (root mean square)."
    if is_known(judged.alignment.target_error_um):
        text += f" A cell elsewhere is off by about {number(judged.alignment.target_error_um)} µm (leave-one-out)."
    else:
        text += " With one more pair, the error elsewhere can be told."
    if np.linalg.det(judged.alignment.matrix[:2, :2]) < 0:
        text += " One of the two images is turned over."
    if judged.better is not None:
        text += f" They do not follow this fit: {judged.better.replace('_', ' ')} leaves less."
    marked = [str(i + 1) for i in np.flatnonzero(judged.stands_out)]
    if marked:
        text += f" Pair {' and '.join(marked)} does not fit to the others: remove it and set it again."
    return text
