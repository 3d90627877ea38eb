"""What napari calls: the reader, the dock and the sample section."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_metime.gui.dock import StepperDock

LayerData = tuple[Any, ...]
Reader = Callable[[str | Sequence[str]], list[LayerData]]
NO_LAYER: list[LayerData] = [(None,)]
"""npe2's word for: read, but nothing to add. The dock adds the layers when its worker is done."""


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of imzML, by either of its two files; None for anything else."""
    first = path if isinstance(path, str) else path[0]
    return read_imzml if Path(first).suffix.lower() in (".imzml", ".ibd") else None


def get_cells_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of cells and landmarks, where there is a window with a dock to take them; None for all else.

    No table of a format that others read is taken from them: only what is recognised by its content. Images
    are left to napari; step 5 offers to use one that is among the layers.
    """
    import napari

    from napari_metime.gui.arriving.dropping import holds_cells, holds_landmarks

    first = path if isinstance(path, str) else path[0]
    is_ours = holds_cells(Path(first)) or holds_landmarks(Path(first))
    return read_cells if napari.current_viewer() is not None and is_ours else None


def read_imzml(path: str | Sequence[str]) -> list[LayerData]:
    """Open the dataset in the dock; where there is no window, return the total ion current."""
    import napari

    paths = [path] if isinstance(path, str) else list(path)
    viewer = napari.current_viewer()
    if viewer is None:
        return [_tic_layer(Path(paths[0]))]
    dock = open_dock(viewer)
    for each in paths:
        dock.bench.arrivals.open_path(Path(each))
    dock.open_step("data")
    return NO_LAYER


def read_cells(path: str | Sequence[str]) -> list[LayerData]:
    """Hand a table to the step of the dock that it is for, which says what it is before anything is used."""
    import napari

    open_dock(napari.current_viewer()).take_file(Path(path if isinstance(path, str) else path[0]))
    return NO_LAYER


def make_dock(napari_viewer: ViewerModel) -> StepperDock:
    """Make the stepper dock."""
    from napari_metime.gui.dock import StepperDock

    return StepperDock(napari_viewer)


def open_sample() -> list[LayerData]:
    """Open the built-in section with its settings filled in; napari wants a layer, so its first one is made here."""
    import napari
    from napari.utils import progress

    from napari_metime.recipe import load_recipe
    from napari_metime.sample import sample_recipe

    with progress(total=100, desc="Simulating the sample section") as bar:
        path = sample_recipe(on_progress=lambda done, _: bar.update(max(int(100 * done) - bar.n, 0)))
    recipe, viewer = load_recipe(path), napari.current_viewer()
    if viewer is not None:
        open_dock(viewer).bench.arrivals.open_recipe(path)
    return [_tic_layer(recipe.ims.path)]


def open_dock(viewer: ViewerModel) -> StepperDock:
    """Return the stepper of a viewer, opened where it is not."""
    from napari_metime.gui.dock import show_stepper

    return show_stepper(viewer)


def _tic_layer(path: Path) -> LayerData:
    import numpy as np

    from napari_metime import pipeline
    from napari_metime.gui.arriving.opening import imzml_beside
    from napari_metime.gui.layers.layers import tic_layer_data
    from napari_metime.gui.state.made import Opened
    from napari_metime.ims import pixel_vectors
    from napari_metime.recipe import ImsRecipe

    dataset = pipeline.open_dataset(ImsRecipe(path=imzml_beside(path)))
    return tic_layer_data(Opened(dataset, pixel_vectors(dataset).tic.astype(np.float32)))
