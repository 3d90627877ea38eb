"""Where it is cold, how sure, of which kind, and what goes with it."""

from napari_metime.niches.describe import describe_niches
from napari_metime.niches.search import map_niches

__all__ = ["describe_niches", "map_niches"]
