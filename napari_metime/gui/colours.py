"""The colours that only the window needs; those of roles, grades and coldness are the report's."""

from __future__ import annotations

NOT_ASSESSABLE_COLOUR = "#7F7F7F"
TISSUE_COLOUR = "#FFFFFF"
SLOT_COLOURS = {"one": "#F2800D", "red": "#FF4B4B", "green": "#35D05A", "blue": "#5B8CFF"}
"""The places of ions; the layers have pure red, green and blue, these can be told on dark and light ground."""
LANDMARK_COLOURS = {"on the section": "#F0E442", "from the cells": "#D55E00"}
