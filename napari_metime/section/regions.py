"""Regions of the tissue by its spectra, their names, and what their ions say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import TissueError


@dataclass(frozen=True, slots=True, eq=False)
class IonsByLabel:
    """How each ion is spread over the labels of a section: enough to compare any union of labels with the others.

    Parameters
    ----------
    mz : ndarray of shape (n_ions,), float64
    n_pixels : ndarray of shape (n_ions, n_labels): pixels in which the ion was measured, found or not
    total : ndarray of shape (n_ions, n_labels): sum of its intensity
    n_present : ndarray of shape (n_ions, n_labels): pixels with an intensity above 0
    wins : ndarray of shape (n_ions, n_labels, n_labels): Mann and Whitney's U of the row's label over the column's:
        pairs of pixels in which the first has more of the ion, half of those that have as much
    """

    mz: NDArray[np.float64]
    n_pixels: NDArray[np.float64]
    total: NDArray[np.float64]
    n_present: NDArray[np.float64]
    wins: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TissueRegions:
    """A partition of the tissue by its spectra.

    Parameters
    ----------
    labels : ndarray of shape (rows, cols), int32: 0 off the tissue, 1 the label with most pixels, 2, ...
    names : the name of every label; labels with one name are one region
    note : how they were found, in one sentence
    markers : the rows of markers.csv but for its section_id. Descriptive: the regions were chosen by these ions
    ions : what ``markers`` follows from, whatever the names; None where no ion was compared
    """

    labels: NDArray[np.int32]
    names: Mapping[int, str]
    note: str
    markers: pd.DataFrame
    ions: IonsByLabel | None = None

    @property
    def labels_of(self) -> dict[str, tuple[int, ...]]:
        """The labels of each region, in the order of their first label."""
        found: dict[str, tuple[int, ...]] = {}
        for label, name in sorted(self.names.items()):
            found[name] = (*found.get(name, ()), label)
        return found

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Return the pixels of a region by its name, or of one label by its number, shape (rows, cols).

        Raises
        ------
        TissueError
            There is no such region.
        """
        named = self.labels_of
        if name in named:
            return np.isin(self.labels, named[name])
        if name.isdecimal() and int(name) in self.names:
            return np.asarray(self.labels == int(name))
        known = ", ".join(named)
        raise TissueError(
            f"expected niches.domain: region: and the name of a region ({known:.200}), found {name!r:.60}; "
            "take one of them"
        )

    def at(self, pixel: NDArray[np.intp]) -> NDArray[np.object_]:
        """Return the name of the region at flat grid indices, empty off the tissue and where the index is below 0."""
        name_of = np.array(["", *(self.names[label] for label in sorted(self.names))], dtype=object)
        label = np.where(pixel >= 0, self.labels.ravel()[np.maximum(pixel, 0)], 0)
        return np.asarray(name_of[label])
