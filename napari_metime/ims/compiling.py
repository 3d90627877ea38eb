"""How the inner loops are compiled: by numba, once on a machine, and without the GIL."""

from __future__ import annotations

import numba

borrowing = numba.njit(cache=True, nogil=True, _nrt=False)
"""For functions that make no array of their own: they work on what their caller holds.

Otherwise numba counts the references to each array whenever a function is handed one, with atomic instructions; in
small functions that are called for every tag or spectrum this took most of the time (docs/decisions.md). Where such a
function does make an array, it fails to compile.
"""
