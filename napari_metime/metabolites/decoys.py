"""The false-discovery rate of annotations, by ions that cannot be: adducts of elements that no molecule takes up.

After Palmer et al. 2017 (Nat Methods 14:57). Every formula is looked for with 20 implausible adducts as well. What is
found of those is found by chance, and says how much of what is found with a plausible adduct is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

N_SAMPLES = 20
"""Decoy adducts of each formula and target adduct, as published."""
FDR_LEVELS = (0.05, 0.1, 0.2, 0.5)
"""The levels at which annotations are published."""

# The published list: every element up to uranium that is found in nature, but for the targets' H, Na and K.
_ELEMENTS = """
He Li Be B C N O F Ne Mg Al Si P S Cl Ar Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Ru Rh Pd Ag
Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Th U
"""


def decoy_adducts(target_adducts: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the elements whose adducts are implausible, by symbol: 80, less those that are targets.

    Parameters
    ----------
    target_adducts : such as ``[M+Cl]-`` or ``[M+107Ag]+``, whose element is then no decoy
    """
    taken = {adduct[2 : adduct.index("]")].lstrip("+0123456789") for adduct in target_adducts}
    return tuple(element for element in _ELEMENTS.split() if element not in taken)


def sample_decoys(
    formulas: Sequence[str],
    target_adducts: Sequence[str],
    n: int = N_SAMPLES,
    rng: np.random.Generator | None = None,
) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Draw the decoys of every formula and target adduct: ``n`` of the implausible ones, each with the target's charge.

    Parameters
    ----------
    n : at most as many as there are decoy adducts
    rng : default: one of seed 0

    Returns
    -------
    mapping of (formula, target adduct) to n adducts such as ``[M+Sn]+``, all different
    """
    rng = np.random.default_rng(0) if rng is None else rng
    elements = np.array(decoy_adducts(target_adducts))
    return {
        (formula, adduct): tuple(
            f"[M+{element}]{adduct.partition(']')[2]}" for element in rng.permutation(elements)[:n].tolist()
        )
        for formula in formulas
        for adduct in target_adducts
    }


def estimate_fdr(target_msm: NDArray[np.float64], decoy_msm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the false-discovery rate of calling each target and all that score as high.

    With D decoys and T targets that score at least as high, and n decoys of each target: (D + 1) / n / (T + 1), at
    most 1; then the lowest of all targets that score no higher, so that a better score never has a worse rate. A score
    of 0 is no annotation: 1.

    This is METASPACE's present rule (its analysis version 3). As published first, a rate was made of each sample of
    decoys, D / T, and the median of these taken: it is 0 where fewer than half of the samples hold a decoy, however
    many targets do. One ranking of all decoys is the mean of the samples instead, and the 1 to either side keeps the
    rate of a few from being 0.

    Parameters
    ----------
    target_msm : ndarray of shape (n_targets,), of one adduct
    decoy_msm : ndarray of shape (n_targets, n): of each target's decoys

    Returns
    -------
    ndarray of shape (n_targets,), 0 to 1

    References
    ----------
    Palmer et al., FDR-controlled metabolite annotation for high-resolution imaging mass spectrometry, Nat Methods 14,
    57-60 (2017).
    """
    if not target_msm.size:
        return np.empty(0)
    scores = np.unique(target_msm)
    n_targets, n_decoys = _as_high(target_msm, scores), _as_high(decoy_msm.ravel(), scores)
    rate = (n_decoys + 1) / decoy_msm.shape[1] / (n_targets + 1)
    monotone = np.minimum.accumulate(np.minimum(rate, 1.0))
    return np.where(target_msm > 0, monotone[np.searchsorted(scores, target_msm)], 1.0)


def _as_high(values: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count the values that are at least each of the scores."""
    return np.asarray(values.size - np.searchsorted(np.sort(values), scores, side="left"))
