"""The colours that only the window needs; those of roles, grades and coldness are the report's."""

from __future__ import annotations

NOT_ASSESSABLE_COLOUR = "#7F7F7F"
TISSUE_COLOUR = "#FFFFFF"
LANDMARK_COLOURS = {"on the section": "#F0E442", "from the cells": "#D55E00"}
