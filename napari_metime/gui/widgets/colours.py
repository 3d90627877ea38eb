"""The colours that only the window needs; those of roles, grades and coldness are the report's."""

from __future__ import annotations

NOT_ASSESSABLE_COLOUR = "#7F7F7F"
TISSUE_COLOURS = {"dark": "#D0D0D0", "light": "#8C8C8C"}
"""The outline of the tissue, by the kind of napari's theme: seen on its canvas, on dark pictures and on pale maps."""
DOMAIN_COLOUR = "#C8B88A"
"""The outline of what was searched: paler than niches, told from the tissue's."""
LEFT_OUT_COLOUR = "#D55E00"
LYMPHOID_COLOUR = "#B388FF"
SLOT_COLOURS = {"one": "#F2800D", "red": "#FF4B4B", "green": "#35D05A", "blue": "#5B8CFF"}
"""The places of ions; the layers have pure red, green and blue, these can be told on dark and light ground."""
LANDMARK_COLOURS = {
    "dark": {"section": "#5CB8FF", "cells": "#FF9248"},
    "light": {"section": "#2E96EE", "cells": "#D9480F"},
}
"""Rings and their numbers, by the kind of napari's theme: on a light canvas those of the
section lie on a dark picture up to its edge, those of the cells beside it on white."""
TYPE_COLOURS = ("#009E73", "#F0E442", "#56B4E9", "#D55E00", "#CC79A7", "#E69F00", "#0072B2")
OTHER_TYPES_COLOUR = "#707070"
"""Okabe and Ito's set, for cell types by their number of cells."""
REGION_COLOURS = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"),
    *("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499"),
)
"""Of the tissue, the largest first: Okabe and Ito's set, then Paul Tol's muted one; numbers and names stand beside."""
