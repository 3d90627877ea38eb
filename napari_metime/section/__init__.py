"""The nouns: frozen values that every step takes and returns.

One frame for everything: the section frame, in µm, axes (row = y, column = x), origin at the
centre of grid pixel (0, 0). Images are arrays of shape (rows, cols).
"""

from __future__ import annotations

from napari_metime.section.cells import ROLES, Alignment, AlignmentKind, CellTable, Outlines, Role, Warp
from napari_metime.section.imaging import (
    Channel,
    ChannelSet,
    Dataset,
    Grid,
    IonPool,
    LeftOut,
    Progress,
    Tissue,
    no_progress,
    share_of,
)
from napari_metime.section.labels import AXIS_PREFIX, axis_label, label_of
from napari_metime.section.regions import IonsByLabel, TissueRegions
from napari_metime.section.results import (
    DESCRIPTIVE_COLUMNS,
    NicheMap,
    NicheNull,
    NicheResult,
    RefinedFrom,
    SectionResult,
)

__all__ = [
    "AXIS_PREFIX",
    "DESCRIPTIVE_COLUMNS",
    "ROLES",
    "Alignment",
    "AlignmentKind",
    "CellTable",
    "Channel",
    "ChannelSet",
    "Dataset",
    "Grid",
    "IonPool",
    "IonsByLabel",
    "LeftOut",
    "NicheMap",
    "NicheNull",
    "NicheResult",
    "Outlines",
    "Progress",
    "RefinedFrom",
    "Role",
    "SectionResult",
    "Tissue",
    "TissueRegions",
    "Warp",
    "axis_label",
    "label_of",
    "no_progress",
    "share_of",
]
