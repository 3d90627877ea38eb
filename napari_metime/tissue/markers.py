"""What ions tell the regions of a tissue apart: effect sizes, no tests, as the same ions made the regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import RecipeError
from napari_metime.section import IonsByLabel, TissueRegions

MARKER_COLUMNS = ("region", "mz", "log2fc", "auc", "mean_in", "mean_out", "share_in", "share_out")
"""Descriptive, all of them: regions are chosen by the ions that are compared here; a p-value would mean nothing."""


def no_markers() -> pd.DataFrame:
    """Return the table of markers without a row."""
    return pd.DataFrame({name: pd.Series(dtype=object if name == "region" else float) for name in MARKER_COLUMNS})


def compare_labels(
    images: NDArray[np.float32], mz: NDArray[np.float64], labels: NDArray[np.int32]
) -> IonsByLabel:
    """Count how each ion is spread over labels.

    Parameters
    ----------
    images : ndarray of shape (n_ions, rows, cols), float32; NaN where not measured
    mz : ndarray of shape (n_ions,)
    labels : ndarray of shape (rows, cols), int32: 0 = nothing is compared there
    """
    n_labels = int(labels.max())
    per_label = (len(images), n_labels)
    found = IonsByLabel(
        mz=np.asarray(mz, dtype=np.float64),
        n_pixels=np.zeros(per_label),
        total=np.zeros(per_label),
        n_present=np.zeros(per_label),
        wins=np.zeros((*per_label, n_labels)),
    )
    inside = labels > 0
    of_pixel = labels[inside].astype(np.int64) - 1
    for i, image in enumerate(images):
        value = image[inside]
        known = np.isfinite(value)
        value, label = value[known], of_pixel[known]
        found.n_pixels[i] = np.bincount(label, minlength=n_labels)
        found.total[i] = np.bincount(label, weights=value, minlength=n_labels)
        found.n_present[i] = np.bincount(label[value > 0], minlength=n_labels)
        order = np.argsort(value, kind="stable")
        _count_wins(value[order], label[order], found.wins[i])
    return found


def joined(parts: Sequence[IonsByLabel]) -> IonsByLabel:
    """Return the ions of several comparisons over the same labels as one."""
    names = ("mz", "n_pixels", "total", "n_present", "wins")
    return IonsByLabel(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def name_regions(regions: TissueRegions, names: Mapping[int, str]) -> TissueRegions:
    """Name labels; those with one name become one region, and the markers those of the regions.

    Parameters
    ----------
    names : name by label; a label without one keeps its number

    Raises
    ------
    RecipeError
        There is no such label.
    """
    n = int(regions.labels.max())
    unknown = sorted(label for label in names if not 1 <= label <= n)
    if unknown:
        wanted = "1, as the tissue is one region" if n == 1 else f"1 to {n}"
        raise RecipeError(f"expected labels {wanted}, in tissue.regions.names, found {unknown[0]}; take it out")
    named = replace(regions, names={label: names.get(label, str(label)) for label in range(1, n + 1)})
    return replace(named, markers=_markers(named))


def carried_names(labels: NDArray[np.integer], former: TissueRegions) -> dict[int, str]:
    """Return the names that other regions of the same tissue take over: each from where most of it lies.

    Parameters
    ----------
    labels : ndarray of shape (rows, cols), 0 off the tissue: the regions found anew
    former : the regions that a person named; a label that kept its number has no name to give

    Returns
    -------
    dict
        Name by label, of labels of which more than half lies in a region of that name.
    """
    names = {}
    for label in range(1, int(labels.max()) + 1):
        below = former.labels[labels == label]
        for name, given in former.labels_of.items():
            if not name.isdecimal() and 2 * np.isin(below, given).sum() > below.size:
                names[label] = name
    return names


def _markers(regions: TissueRegions) -> pd.DataFrame:
    """Compare each region with the rest of the tissue, ion by ion, the largest AUC first."""
    ions, named = regions.ions, regions.labels_of
    if ions is None or len(named) < 2:
        return no_markers()
    tables = []
    for name, labels in named.items():
        inside = np.isin(np.arange(1, len(regions.names) + 1), labels)
        table = _compared(ions, inside)
        tables.append(table.assign(region=name).sort_values(["auc", "mz"], ascending=[False, True]))
    return pd.concat(tables, ignore_index=True)[list(MARKER_COLUMNS)]


def _compared(ions: IonsByLabel, inside: NDArray[np.bool_]) -> pd.DataFrame:
    with np.errstate(divide="ignore", invalid="ignore"):
        (n_in, mean_in, share_in), (n_out, mean_out, share_out) = (_pooled(ions, side) for side in (inside, ~inside))
        log2fc = np.log2(mean_in / mean_out)
        auc = ions.wins[:, inside][:, :, ~inside].sum(axis=(1, 2)) / (n_in * n_out)
    return pd.DataFrame(
        {
            "mz": ions.mz,
            "log2fc": np.where(np.isfinite(log2fc), log2fc, np.nan),  # of an ion that one side lacks, no ratio is
            "auc": auc,
            "mean_in": mean_in,
            "mean_out": mean_out,
            "share_in": share_in,
            "share_out": share_out,
        }
    )


def _pooled(ions: IonsByLabel, side: NDArray[np.bool_]) -> tuple[NDArray[np.float64], ...]:
    """Return the pixels of some labels, the mean over them and the share with the ion, each of shape (n_ions,)."""
    n, total, present = (a[:, side].sum(axis=1) for a in (ions.n_pixels, ions.total, ions.n_present))
    return n, total / n, present / n


@numba.njit(cache=True, nogil=True)
def _count_wins(value, label, wins):  # type: ignore[no-untyped-def]
    """Add, for each pair of labels, the pairs of pixels in which the first has more; equal ones count half."""
    n_labels = wins.shape[0]
    below, here = np.zeros(n_labels), np.zeros(n_labels)
    start = 0
    while start < value.size:
        here[:] = 0
        stop = start
        while stop < value.size and value[stop] == value[start]:
            here[label[stop]] += 1
            stop += 1
        for a in range(n_labels):
            if here[a] > 0:
                for b in range(n_labels):
                    wins[a, b] += here[a] * (below[b] + 0.5 * here[b])
        below += here
        start = stop
