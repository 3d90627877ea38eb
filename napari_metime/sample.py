"""The built-in section: simulated into the user's cache on first use; a wheel carries no data."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path

from napari_metime import __version__
from napari_metime.section import Progress, no_progress


def sample_recipe(*, on_progress: Progress = no_progress) -> Path:
    """Return the recipe of the built-in section; simulate it where this version has not yet."""
    from napari_metime.simulate import SectionPlan, simulate_section

    folder = user_cache_path("napari-metime") / f"section-{__version__}"
    recipe = folder / "recipe.yaml"
    if not recipe.is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        simulate_section(folder, SectionPlan(), on_progress=on_progress)
    return recipe
