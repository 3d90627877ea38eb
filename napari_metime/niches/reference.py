"""Which cells the effectors are compared with: all, or a parent population."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_metime.section import CellTable

Reference = Literal["all", "immune", "non_tumor"]

_IMMUNE = re.compile(
    r"immune|lymph|leu[ck]ocyt|(?<![a-z])(?:[tb]|nk)[-_ ]?(?:cell|reg|helper)|(?<![a-z])nk(?![a-z])|"
    r"cd(?:3|4|8|14|11[bc]|15|16|19|20|45|56|57|66b?|68|138|163|206)(?!\d)|macrophag|monocyt|myeloid|mdsc|dendrit|neutrophil|granulocyt|"
    r"eosinophil|basophil|mast[-_ ]?cell|plasma[-_ ]?cell|foxp3|treg",
    re.IGNORECASE,
)


def reference_cells(cells: CellTable, reference: Reference) -> NDArray[np.bool_]:
    """Return which cells count, shape (n_cells,).

    ``immune``: effectors, suppressors, and types whose name says that they are immune; ``non_tumor``: all but tumor
    cells. A narrower reference asks whether effectors are few among their kind (Kontextual's parent
    population), and does not call what all immune cells avoid. Which names are immune ones is our own list.
    """
    if reference == "all":
        return np.ones(cells.n_cells, dtype=bool)
    if reference == "non_tumor":
        return ~cells.has_role("tumor")
    names = {str(name): bool(_IMMUNE.search(str(name))) for name in set(cells.type)}
    by_name = np.array([names[str(name)] for name in cells.type], dtype=bool)
    return (by_name & ~cells.has_role("tumor")) | cells.has_role("effector") | cells.has_role("suppressor")
