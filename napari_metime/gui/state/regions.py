"""The regions of a session whose spectra can be compared and whose pixels can be saved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metime.gui.state.made import Opened
from napari_metime.gui.state.session import Session
from napari_metime.ims.parts import select_part
from napari_metime.section import NicheMap, Tissue

TISSUE, OFF_TISSUE, REST = "tissue", "off tissue", "the rest of the domain"


def niche_name(label: int) -> str:
    """Return the name of a niche as a region."""
    return f"niche {label}"


def tissue_region_name(name: str) -> str:
    """Return the name of a region of the tissue as a region among others."""
    return f"region {name}"


def region_names(session: Session) -> tuple[str, ...]:
    """Return the names of the regions that there are: the parts of the file, tissue, its regions, then niches."""
    opened: Opened | None = session.value("data")
    names: list[str] = []
    if opened is not None and not opened.dataset.part and len(opened.parts) > 1:
        names += opened.parts
    if session.is_current("tissue"):
        names += [TISSUE, OFF_TISSUE]
        divided = session.value("tissue").regions
        names += map(tissue_region_name, () if divided is None else divided.labels_of)
    if session.is_current("niches"):
        names += [niche_name(label) for label in range(1, session.value("niches").map.n_niches + 1)]
        names.append(REST)
    return tuple(names)


def region_mask(session: Session, name: str) -> NDArray[np.bool_] | None:
    """Return the pixels of a region, shape (rows, cols); None where there is no region of that name."""
    if name not in region_names(session):
        return None
    opened: Opened = session.value("data")
    if name in opened.parts:
        return select_part(opened.dataset, name).measured
    tissue: Tissue = session.value("tissue")
    if name in (TISSUE, OFF_TISSUE):
        return tissue.mask if name == TISSUE else opened.dataset.measured & ~tissue.mask
    if tissue.regions is not None:
        named = {tissue_region_name(each): each for each in tissue.regions.labels_of}
        if name in named:
            return tissue.regions.mask(named[name])
    found: NicheMap = session.value("niches").map
    if name == REST:
        return np.asarray(found.assessable & (found.labels == 0), dtype=bool)
    return np.asarray(found.labels == int(name.removeprefix("niche ")), dtype=bool)
