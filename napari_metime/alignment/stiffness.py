"""Whether landmarks ask for more than their transform can follow: then its stated error holds only their noise."""

from __future__ import annotations

import numpy as np
from scipy.stats import f as f_distribution

from napari_metime.alignment.plane_fits import N_FITTED, PlaneKind
from napari_metime.alignment.transforms import Kind, fit_landmarks
from napari_metime.alignment.uncertainty import plate_of
from napari_metime.section import Alignment

LEVEL = 0.001
"""Chance to ask for more where nothing is wrong. Our own choice, as is the next."""
LOG_LIKELIHOOD_GAIN = 5.4
"""From a stiff map to a bent one; 2 x 5.4 has p = 0.0005 in the mixture of chi² that holds at the edge of 'no bend'."""
FEWEST_TO_BEND = 6


def asked_for(alignment: Alignment) -> Kind | None:
    """Return the transform that the landmarks ask for instead of their own; None where theirs is as good.

    Notes
    -----
    F test of the nested maps of the plane; likelihood ratio of ``thin_plate.fit_plate`` for a bend (Self & Liang 1987,
    J Am Stat Assoc 82:605, for a variance that may be 0).
    """
    kind = alignment.kind
    if kind not in ("rigid", "similarity", "affine"):
        return None
    wider: list[PlaneKind] = ["similarity", "affine"] if kind == "rigid" else ["affine"] if kind == "similarity" else []
    mirrored = bool(np.linalg.det(alignment.matrix[:2, :2]) < 0)
    for other in wider:
        if _gains(alignment, other, mirrored):
            return other
    if alignment.n_landmarks < FEWEST_TO_BEND:
        return None
    likelihood = plate_of(fit_landmarks(alignment.landmarks, "affine")).likelihood
    bends = np.log(likelihood.max()) - np.log(max(likelihood[0], 1e-300)) > LOG_LIKELIHOOD_GAIN
    return "thin_plate" if bends else None


def _gains(alignment: Alignment, other: PlaneKind, mirrored: bool) -> bool:
    """Whether a wider fit leaves less than chance would."""
    free = 2 * alignment.n_landmarks - N_FITTED[other]
    if free < 1:
        return False
    fit = fit_landmarks(alignment.landmarks, other, mirrored=mirrored)
    more = N_FITTED[other] - N_FITTED[alignment.kind]  # type: ignore[index]
    left, before = float(np.sum(fit.residual_um**2)), float(np.sum(alignment.residual_um**2))
    rounding = 1e-18 * float(np.sum((alignment.landmarks[:, 2:] - alignment.landmarks[:, 2:].mean(axis=0)) ** 2))
    if before - left <= rounding:
        return False
    return bool(f_distribution.sf((before - left) / more / ((left + rounding) / free), more, free) < LEVEL)
