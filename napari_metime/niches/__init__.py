"""Where it is cold, how sure, of which kind, and what goes with it."""

from napari_metime.niches.describe import describe_niches
from napari_metime.niches.lymphoid import find_lymphoid
from napari_metime.niches.membership import N_DRAWS
from napari_metime.niches.robustness import N_REDRAWN, redraw_types, with_robustness
from napari_metime.niches.search import map_niches

__all__ = ["N_DRAWS", "N_REDRAWN", "describe_niches", "find_lymphoid", "map_niches", "redraw_types", "with_robustness"]
