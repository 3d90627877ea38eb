"""What sets of other ions give: the null that an axis' contrast is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metime.metabolites.scores import signed_weights

N_SETS = 999
MIN_NEAREST = 10
"""Each member is replaced by one of so many other ions at least that are most like it. Our default."""
MIN_POOL = 20
"""Fewest other ions that sets are drawn from. Our default."""
_TIE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """What ions are matched on, each of shape (n_ions,).

    Parameters
    ----------
    coverage : share of tissue pixels with it
    mean_intensity : over the tissue
    """

    coverage: NDArray[np.float64]
    mean_intensity: NDArray[np.float64]


def nearest_ions(members: Likeness, pool: Likeness) -> NDArray[np.intp]:
    """Return which ions of the pool are most like each member, by quantiles of both measures.

    Returns
    -------
    ndarray of shape (n_members, n_nearest): places in the pool, the most alike first
    """
    n_members, n_pool = members.coverage.size, pool.coverage.size
    pairs = ((members.coverage, pool.coverage), (members.mean_intensity, pool.mean_intensity))
    apart = [_quantile(of_member, of_pool)[:, None] - _quantile(of_pool, of_pool) for of_member, of_pool in pairs]
    n_nearest = min(max(MIN_NEAREST, 2 * n_members), n_pool)
    return np.argsort(np.hypot(*apart), axis=1, kind="stable")[:, :n_nearest]


def _quantile(values: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middle quantile of each value: equal values share one."""
    ordered = np.sort(among)
    both = np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right")
    return np.asarray(both / 2 / max(among.size, 1))


def draw_sets(
    nearest: NDArray[np.intp], n_pool: int, rng: np.random.Generator, n_sets: int = N_SETS
) -> NDArray[np.intp]:
    """Draw sets that have one of its nearest ions in the place of each member, none of them twice.

    Parameters
    ----------
    nearest : ndarray of shape (n_members, n_nearest), at least as many as there are members

    Returns
    -------
    ndarray of shape (n_sets, n_members): places in the pool
    """
    luck = rng.random((n_sets, n_pool))
    sets = np.empty((n_sets, len(nearest)), dtype=np.intp)
    for i, candidates in enumerate(nearest):
        chosen = candidates[np.argmin(luck[:, candidates], axis=1)]
        sets[:, i] = chosen
        luck[np.arange(n_sets), chosen] = np.inf
    return sets


def p_of_sets(
    contrast: NDArray[np.float64],
    change: NDArray[np.float64],
    correlation: NDArray[np.float64],
    sets: NDArray[np.intp],
    sign: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return how often a set of other ions differs as much: (1 + #{|set| >= |axis|}) / (1 + n), two-sided.

    The sets are scored as the axis is, with its signs and their own correlations.

    Parameters
    ----------
    contrast : ndarray of shape (n_regions,): of the axis
    change : ndarray of shape (n_regions, n_pool): of the mean z of each ion of the pool
    correlation : ndarray of shape (n_pool, n_pool)
    sets : ndarray of shape (n_sets, n_members)
    """
    weights = signed_weights(correlation[sets[:, :, None], sets[:, None, :]], sign)
    of_sets = np.abs((weights * change[:, sets]).sum(axis=-1))
    less = (of_sets < np.abs(contrast)[:, None] - _TIE).sum(axis=1)  # a set that cancels itself out is not less
    p = (1 + len(sets) - less) / (1 + len(sets))
    return np.where(np.isfinite(contrast), p, np.nan)
