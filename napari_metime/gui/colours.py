"""The colours that only the window needs; those of roles, grades and coldness are the report's."""

from __future__ import annotations

NOT_ASSESSABLE_COLOUR = "#7F7F7F"
TISSUE_COLOURS = {"dark": "#FFFFFF", "light": "#000000"}
"""The outline of the tissue, by the kind of napari's theme: white is not seen on a white canvas."""
LEFT_OUT_COLOUR = "#D55E00"
LYMPHOID_COLOUR = "#B388FF"
SLOT_COLOURS = {"one": "#F2800D", "red": "#FF4B4B", "green": "#35D05A", "blue": "#5B8CFF"}
"""The places of ions; the layers have pure red, green and blue, these can be told on dark and light ground."""
LANDMARK_COLOURS = {
    "dark": {"section": "#5CB8FF", "cells": "#FF9248"},
    "light": {"section": "#003F86", "cells": "#7A2D00"},
}
"""Rings and their numbers, by the kind of napari's theme: what is read on a black canvas is not on a white one."""
TYPE_COLOURS = ("#009E73", "#F0E442", "#56B4E9", "#D55E00", "#CC79A7", "#E69F00", "#0072B2")
OTHER_TYPES_COLOUR = "#999999"
"""Okabe and Ito's set, for cell types by their number of cells."""
REGION_COLOURS = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"),
    *("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499"),
)
"""Of the tissue, the largest first: Okabe and Ito's set, then Paul Tol's muted one; numbers and names stand beside."""
