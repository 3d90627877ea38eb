"""What scales the ion images in sight: the same as in the third step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_metime.gui.state.made import Opened
from napari_metime.gui.state.session import Session
from napari_metime.ims import normalization_vector, scale_factors
from napari_metime.recipe import ImsRecipe
from napari_metime.section import Progress, Tissue

Vector = NDArray[np.float64]
Key = tuple[object, ...]
VECTOR_WORDS = {
    "tic": "total ion current",
    "rms": "root mean square",
    "median": "median",
    "reference": "reference ion",
    "table": "table",
}


def vector_of(opened: Opened, ims: ImsRecipe, on_progress: Progress) -> Vector | None:
    """Return what each pixel is divided by, shape (rows, cols); what was measured on opening is not again."""
    if opened.vectors is not None and ims.normalize in ("tic", "rms", "median"):
        vector: Vector = getattr(opened.vectors, ims.normalize)
        return vector
    return normalization_vector(opened.dataset, ims, on_progress=on_progress)


def known_tissue(session: Session) -> Tissue | None:
    """Return the tissue of the open file, even while its settings are being changed; None before it is found.

    Were it let go meanwhile, the scale of what is in sight would jump there and back.
    """
    tissue: Tissue | None = session.value("tissue")
    opened: Opened = session.value("data")
    return tissue if tissue is not None and tissue.mask.shape == opened.dataset.grid.shape else None


def scaling_of(session: Session) -> tuple[Key, Callable[[Progress], Vector | None]]:
    """Return what the scaling of ion images is made of, and the work that makes it, shape (rows, cols).

    The median is taken over the tissue; before that is known, over all measured pixels.

    Raises
    ------
    RecipeError
        A setting is wrong, in the words of a loaded recipe.
    """
    opened: Opened = session.value("data")
    ims: ImsRecipe = session.part("ims")
    tissue = known_tissue(session)
    mask = opened.dataset.measured if tissue is None else tissue.mask

    def make(on_progress: Progress) -> Vector | None:
        vector = vector_of(opened, ims, on_progress)
        return None if vector is None else scale_factors(vector, mask)

    reference = (ims.reference_mz, ims.tolerance_ppm) if ims.normalize == "reference" else ims.normalize_table
    return (opened, ims.normalize, reference, tissue), make
