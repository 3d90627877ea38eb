"""What all of our layers share: the mark by which we know them, and micrometres with named axes."""

from __future__ import annotations

from typing import Any

KEY = "metime"
STALE = " (out of date)"
"""At the end of the name of a layer whose result no longer is what its step would find."""
MICROMETRES: dict[str, Any] = {"units": ("um", "um"), "axis_labels": ("y", "x")}
