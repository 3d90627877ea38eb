"""The colours that only the window needs; those of roles, grades and coldness are the report's."""

from __future__ import annotations

NOT_ASSESSABLE_COLOUR = "#7F7F7F"
TISSUE_COLOUR = "#FFFFFF"
LEFT_OUT_COLOUR = "#D55E00"
LYMPHOID_COLOUR = "#B388FF"
SLOT_COLOURS = {"one": "#F2800D", "red": "#FF4B4B", "green": "#35D05A", "blue": "#5B8CFF"}
"""The places of ions; the layers have pure red, green and blue, these can be told on dark and light ground."""
LANDMARK_COLOURS = {"section": "#1E9BE8", "cells": "#D55E00"}
TYPE_COLOURS = ("#009E73", "#F0E442", "#56B4E9", "#D55E00", "#CC79A7", "#E69F00", "#0072B2")
OTHER_TYPES_COLOUR = "#999999"
"""Okabe and Ito's set, for cell types by their number of cells."""
