"""Images that were brought onto the grid, as rows beside the ions: elements of the panel, and markers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_metime.errors import RecipeError
from napari_metime.metabolites.choice import COLUMNS, MIN_COVERAGE, why_not_found
from napari_metime.metabolites.evidence import IonEvidence, ion_evidence
from napari_metime.metabolites.panel import PanelIon
from napari_metime.section import Channel

MEASURES = ("mean_intensity", "coverage", "off_coverage", "off_to_on", "chaos", "lod")
"""What can be asked of an image that is no ion's."""
_NUMBERS = ("mz", *MEASURES, "ppm_error", "isotope_spatial", "isotope_spectral", "msm", "metaspace_fdr")
_SIGNS = ("pathway_sign", "review_sign")


def stand_for_elements(images: Sequence[Channel], panel: Sequence[PanelIon]) -> list[Channel]:
    """Give each image that is named like an element of the panel that member's name; the first that is.

    ``Iron (56Fe/57Fe, elemental)`` goes by its whole name, ``Iron``, ``Fe``, ``56Fe``, ``Fe-57``, in any case.

    Raises
    ------
    RecipeError
        An image has the name of a metabolite, which is measured by its ions.
    """
    elements = {ion.name: _spellings(ion) for ion in panel if ion.polarity == "elemental"}
    metabolites = {ion.name for ion in panel} - set(elements)
    found: list[Channel] = []
    for image in images:
        if image.name in metabolites:
            raise RecipeError(
                f"expected an image with a name of its own, found {image.name!r}, a metabolite that is measured by its "
                "ions; rename the image"
            )
        free = (name for name in elements if all(other.name != name for other in found))
        found.append(replace(image, name=next((n for n in free if elements[n].fullmatch(image.name)), image.name)))
    return found


def with_images(
    table: pd.DataFrame,
    images: Sequence[Channel],
    limits: Mapping[str, float],
    *,
    tissue_mask: NDArray[np.bool_],
    off_tissue: NDArray[np.bool_] | None,
) -> pd.DataFrame:
    """Fill in the rows of elements that have an image; every other image becomes a row at the end.

    Such a row has neither axis nor ion. An image is ``seen`` or ``not seen``: nothing in it can be doubted.

    Parameters
    ----------
    table : of ``choose_ions``
    images : as ``stand_for_elements`` names them
    limits : stated limits of detection by name; below it a value is not found
    tissue_mask, off_tissue : ndarray of shape (rows, cols), bool; None = nothing lies off the tissue
    """
    rows: list[dict[Any, Any]] = table.to_dict("records")
    by_name = {row["channel"]: row for row in rows}
    for channel in images:
        evidence = _image_evidence(channel.image, limits.get(channel.name), tissue_mask, off_tissue)
        reason = why_not_found(evidence)
        row = by_name.get(channel.name) or _empty_row(channel.name)
        row |= {key: getattr(evidence, key) for key in MEASURES}
        row |= {"detected": evidence.coverage >= MIN_COVERAGE, "verdict": "not seen" if reason else "seen"}
        row["reason"] = reason
        if channel.name not in by_name:
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _spellings(ion: PanelIon) -> re.Pattern[str]:
    """Match what an element may be called: the panel's name, its first words, the symbol, an isotope."""
    symbol, word = re.escape(ion.formula), re.escape(ion.name.partition("(")[0].strip())
    return re.compile(rf"{re.escape(ion.name)}|{word}|\d{{0,3}}{symbol}|{symbol}-?\d{{1,3}}", re.IGNORECASE)


def _image_evidence(
    image: NDArray[np.float32],
    limit: float | None,
    tissue_mask: NDArray[np.bool_],
    off_tissue: NDArray[np.bool_] | None,
) -> IonEvidence:
    found = ion_evidence(image[np.newaxis], tissue_mask, math.nan, math.nan, off_tissue=off_tissue)
    if limit is None:
        return found
    counted = np.where(image >= limit, 1.0, np.where(np.isnan(image), np.nan, 0.0))
    share = [_share(counted[mask]) if mask is not None else math.nan for mask in (tissue_mask, off_tissue)]
    return replace(found, coverage=share[0], off_coverage=share[1], lod=limit)


def _share(counted: NDArray[np.float64]) -> float:
    known = counted[~np.isnan(counted)]
    return float(known.mean()) if known.size else math.nan


def _empty_row(name: str) -> dict[Any, Any]:
    blank: dict[Any, Any] = dict.fromkeys(COLUMNS, "")
    return blank | dict.fromkeys(_NUMBERS, math.nan) | dict.fromkeys(_SIGNS, 0) | {"channel": name}
