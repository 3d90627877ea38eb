"""The microscopy in its place: an image beside the cells, aligned with them, as channels and masks on the grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.errors import RecipeError
from napari_metime.microscopy import (
    MicroscopyImage,
    channel_on_grid,
    footprint_on_grid,
    mask_from_channel,
    microscopy_channels,
    open_microscopy,
    units_per_pixel,
)
from napari_metime.recipe import MicroscopyRecipe
from napari_metime.section import Alignment, Channel, Dataset, Progress, no_progress

MIN_COVERED = 0.5
"""Share of a pixel that the microscopy must show for it to be seen; the same as for its channels. Our choice."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedMicroscopy:
    """An opened image and where it lies on a dataset.

    Parameters
    ----------
    channels : the channels that the recipe names, counted from 0
    units : (y, x): units of the cell table in one pixel of the image
    """

    image: MicroscopyImage
    channels: Mapping[str, int]
    alignment: Alignment
    dataset: Dataset
    units: tuple[float, float]

    @property
    def footprint(self) -> NDArray[np.bool_]:
        """Pixels that the image shows, shape (rows, cols): elsewhere no cell could have been seen."""
        covered = footprint_on_grid(self.image, self.alignment, self.dataset.grid, units=self.units)
        return np.asarray(covered >= MIN_COVERED)

    def mask(self, name: str, key: str) -> NDArray[np.bool_]:
        """Return where a channel is bright (Otsu), shape (rows, cols).

        Parameters
        ----------
        name : of ``channels``
        key : of the recipe, that asks for it

        Raises
        ------
        RecipeError
            There is no such channel.
        MicroscopyError
            Its values cannot be split.
        """
        if name not in self.channels:
            known = ", ".join(self.channels) or "none"
            raise RecipeError(
                f"expected {key}: microscopy:NAME with a NAME of microscopy.channels ({known}), found {name!r}; add it"
            )
        found = channel_on_grid(
            self.image, self.channels[name], self.alignment, self.dataset.grid, units=self.units
        )
        return mask_from_channel(found.values)

    def measure(self, *, on_progress: Progress = no_progress) -> tuple[tuple[Channel, ...], tuple[str, ...]]:
        """Bring the named channels onto the grid; what is doubtful about them and the image is told beside."""
        channels, told = microscopy_channels(
            self.image,
            self.channels,
            self.alignment,
            self.dataset.grid,
            self.dataset.measured,
            units=self.units,
            on_progress=on_progress,
        )
        return channels, (*self.image.warnings, *told)


def place_microscopy(
    microscopy: MicroscopyRecipe,
    alignment: Alignment,
    dataset: Dataset,
    *,
    unit: Literal["px", "um"],
    cells_pixel_size_um: float | None,
) -> PlacedMicroscopy:
    """Open the microscopy and put it where the cells were seen in it; no pixel is read yet.

    Parameters
    ----------
    unit : of the cell table that ``alignment`` starts from
    cells_pixel_size_um : of the recipe's cells

    Raises
    ------
    MissingFileError, MicroscopyError
        It cannot be opened, or nothing says how its pixels relate to the cells'.
    """
    image = open_microscopy(microscopy.path, pixel_size_um=microscopy.pixel_size_um)
    units = units_per_pixel(image, unit, cells_pixel_size_um=cells_pixel_size_um)
    return PlacedMicroscopy(image, microscopy.channels, alignment, dataset, units)
