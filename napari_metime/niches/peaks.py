"""Where associations are strongest: a check on the alignment."""

from __future__ import annotations

import numpy as np
import pandas as pd

MAX_Q = 0.05
MAX_LEADING = 10
MIN_LEADING = 3
"""Associations that must agree. Our default."""
MIN_GAIN = 0.05
"""How much higher, in Fisher's z, the leading associations must be after the shift, in the middle. Our default."""


def tell_shift(associations: pd.DataFrame, radius_um: float) -> tuple[str, ...]:
    """Return a sentence where the leading associations are clearly stronger after a shift, or nothing.

    The leading ones are the up to ten of smallest q, at most 0.05. The middle of their peaks must lie farther than half
    of the window from no shift.

    Parameters
    ----------
    associations : rows of associations.csv
    radius_um : radius of the search's window
    """
    found = associations[associations["q"].astype(float) <= MAX_Q]
    leading = found.sort_values("q", kind="stable").head(MAX_LEADING)
    if len(leading) < MIN_LEADING:
        return ()
    x_um, y_um, at_peak, at_zero = (
        leading[name].to_numpy(np.float64)
        for name in ("peak_shift_x_um", "peak_shift_y_um", "r_at_peak", "r_partial")
    )
    x, y = float(np.median(x_um)), float(np.median(y_um))
    gain = float(np.median(np.arctanh(np.abs(at_peak)) - np.arctanh(np.abs(at_zero))))
    if np.hypot(x, y) <= radius_um / 2 or gain < MIN_GAIN:
        return ()
    return (
        f"The {len(leading)} leading associations are strongest where the cells are moved by {x:+.0f} µm in x and "
        f"{y:+.0f} µm in y: check the alignment.",
    )
