"""Ion images on demand: which ions are shown, and the newest request answered in the background.

What is shown here is a look at the file; only ``add_to_metabolites`` changes the recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_metime.errors import MetimeError
from napari_metime.gui.layers import ion_layers, layers
from napari_metime.gui.layers.channel_look import intensity_unit
from napari_metime.gui.layers.normalizing import VECTOR_WORDS, Key, Vector, scaling_of, vector_of
from napari_metime.gui.running.indexing import Indexing
from napari_metime.gui.running.worker import Latest, Outcome
from napari_metime.gui.state.in_sight import SLOTS, IonsInSight, IonWindow, Slot, Unit
from napari_metime.gui.state.made import Opened
from napari_metime.gui.state.session import Session
from napari_metime.ims import Index, extract_ions
from napari_metime.recipe import ImsRecipe
from napari_metime.section import ChannelSet, Dataset, Progress


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    images: Mapping[Slot, NDArray[np.float32]]
    key: Key
    scaling: Vector | None
    unit: str


class Ions(QObject):
    """The ions in sight: one in a map of many colours, or up to three as red, green and blue."""

    changed = Signal()
    """The target, a window or the tolerance changed."""
    landed = Signal(str)
    """The image of this slot is in its layer."""
    asked = Signal(bool)
    """Whether an image is still to come."""
    told = Signal(str)
    """Why there is no image, in words; empty where there is one again."""

    def __init__(self, session: Session, viewer: Callable[[], ViewerModel | None], indexing: Indexing) -> None:
        super().__init__()
        self._session, self._viewer, self._indexing = session, viewer, indexing
        session.values_changed.connect(self.follow)
        self._latest = Latest("napari-metime ion image", waits=True)
        self._own_tolerance: tuple[float, Unit] | None = None
        self._vectors = Latest("napari-metime normalisation")
        self._scaling: tuple[Key, Vector | None] = ((), None)
        self._asked_key: Key = ()
        self.target: Slot = "one"
        self.windows: dict[Slot, IonWindow] = {}
        self._due: set[Slot] = set()
        self._again: set[Slot] = set()
        """The places whose images are shown as they were, in sight or not."""
        self._pinned: dict[str, IonWindow] = {}
        """What has a layer of its own, by the name of its channel."""
        self._pinning = Latest("napari-metime kept ions")
        self._shown_as = ""
        """The channel that the one ion is; empty where it has a layer of its own."""

    @property
    def tolerance(self) -> tuple[float, Unit]:
        """Half width of the m/z window and its unit: the recipe's until another is chosen here."""
        if self._own_tolerance is not None:
            return self._own_tolerance
        recipes = self._session.get("ims", "tolerance_ppm")
        return (float(recipes), "ppm") if isinstance(recipes, int | float) and recipes > 0 else (5.0, "ppm")

    @property
    def window(self) -> IonWindow | None:
        """The window of the target slot."""
        return self.windows.get(self.target)

    def restart(self) -> None:
        """Start over for another file."""
        self._latest.cancel()
        self._vectors.cancel()
        self._pinning.cancel()
        self.target, self.windows, self._due = "one", {}, set()
        self._again, self._pinned = set(), {}
        self._own_tolerance, self._scaling = None, ((), None)
        self.changed.emit()

    @property
    def shown(self) -> IonsInSight:
        """What is shown, and where the next ion goes."""
        viewer = self._viewer()
        pinned = () if viewer is None else tuple(
            window for name, window in self._pinned.items() if layers.find(viewer, "kept", name) is not None
        )  # fmt: skip
        return IonsInSight(self.target, dict(self.windows), pinned, self._own_tolerance)

    def show_again(self, ions: IonsInSight) -> None:
        """Make the images of these ions anew, and leave what is in sight."""
        self.target, self.windows, self._own_tolerance = ions.target, dict(ions.windows), ions.tolerance
        self._due, self._again = set(self.windows), set(self.windows)
        if self.windows:
            self._ask()
        if ions.pinned:
            self._pin_again(ions.pinned)
        self.changed.emit()

    def prepare(self) -> None:
        """Make what the first click needs before it comes: the scaling, and the compiled functions in memory."""
        opened: Opened = self._session.value("data")
        try:
            key, make_scaling = scaling_of(self._session)
        except MetimeError:
            return  # half typed; the step that reads it will tell
        middle = np.array([np.mean(opened.dataset.mz_range)])

        def work(on_progress: Progress) -> Vector | None:
            scaling = make_scaling(on_progress)
            extract_ions(opened.dataset, middle, tolerance_ppm=1.0, on_progress=on_progress)
            return scaling

        def land(outcome: Outcome) -> None:
            if outcome.kind == "done" and opened is self._session.value("data"):
                self._scaling = (key, outcome.value)

        self._latest.ask(work, land)

    def show(self, mz: float, label: str = "ion") -> None:
        """Show the ion at an m/z in the target slot; ``label`` says whose it is."""
        if self._session.value("data") is None:
            return
        self.windows[self.target] = IonWindow(mz, *self.tolerance, label)
        self._again.discard(self.target)
        self._due.add(self.target)
        self._ask()
        self.changed.emit()

    def set_tolerance(self, tolerance: float, unit: Unit) -> None:
        """Change the width of the window of this slot and of those to come."""
        self._own_tolerance = (tolerance, unit)
        if self.window is not None:
            self.show(self.window.mz, self.window.label)
        else:
            self.changed.emit()

    def choose(self, slot: Slot) -> None:
        """Choose where the next ion goes: alone, or as one of the three colours."""
        one = self.windows.get("one")
        if slot != self.target == "one" and one is not None and not set(self.windows) - {"one"}:
            self.windows[slot] = one  # the first colour takes the ion in sight
            self._due.add(slot)
            self._ask()
        elif slot == "one" and one is not None and self._shown_as:
            self._due.add(slot)  # it was in sight as a channel, and will be again
            self._ask()
        self.target = slot
        viewer = self._viewer()
        if viewer is not None:
            ion_layers.show_mode(viewer, alone=slot == "one")
        self.changed.emit()

    def clear(self, slot: Slot) -> None:
        """Take the ion of a slot away."""
        self.windows.pop(slot, None)
        self._due.discard(slot)
        viewer = self._viewer()
        if viewer is not None:
            ion_layers.remove_ion(viewer, slot)
        self.changed.emit()

    def show_normalization(self) -> None:
        """Show what the recipe divides by as a layer, for quality control."""
        opened: Opened = self._session.value("data")
        try:
            ims: ImsRecipe = self._session.part("ims")
        except MetimeError as error:
            self._session.refuse("metabolites", str(error))
            return

        def land(outcome: Outcome) -> None:
            viewer = self._viewer()
            if outcome.problem:
                self._session.refuse("metabolites", outcome.problem)
            elif viewer is not None and outcome.value is not None and opened is self._session.value("data"):
                ion_layers.show_normalization(viewer, self._session, outcome.value, VECTOR_WORDS[ims.normalize])

        self._vectors.ask(lambda on_progress: vector_of(opened, ims, on_progress), land)

    def keep(self) -> None:
        """Pin the ion of the target slot as a coloured layer of its own; a place among the three is free again."""
        viewer, window = self._viewer(), self.window
        if viewer is None or window is None:
            return
        ion_layers.keep_ion(viewer, self._layer(self.target), window.name, f"kept {_named('one', window)}")
        self._pinned[window.name] = window
        if self.target != "one":
            self.clear(self.target)

    def add_to_metabolites(self) -> None:
        """Add the m/z of the target slot to those that the recipe measures."""
        listed = tuple(self._session.get("channels", "mz") or ())
        window = self.window
        if window is not None and not self.is_listed(window):
            self._session.put("channels", "mz", (*listed, round(window.mz, 4)))
            self._session.tell(f"{window.name}: added to the further m/z of step 3")
            self.changed.emit()

    def in_sight(self) -> dict[str, NDArray[np.float32]]:
        """Return the images that are in layers, by the names of their m/z."""
        viewer = self._viewer()
        names = {slot: window.name for slot, window in self.windows.items()}
        return {} if viewer is None else ion_layers.images_in_sight(viewer, names)

    def is_listed(self, window: IonWindow) -> bool:
        """Whether the recipe measures an m/z already, to its four decimals."""
        listed = self._session.get("channels", "mz") or ()
        return any(isinstance(mz, int | float) and round(mz, 4) == round(window.mz, 4) for mz in listed)

    def again(self) -> None:
        """Make the images in sight anew, as the dataset or its normalisation has changed."""
        if self.windows and self._session.value("data") is not None:
            self._due.update(self.windows)
            self._ask()

    def close(self) -> None:
        """Stop and wait until no thread is left."""
        for each in (self._latest, self._vectors, self._pinning):
            each.close()

    def follow(self) -> None:
        """Make the images in sight anew where the settings or the tissue that make them have changed."""
        if not self.windows or self._session.value("data") is None:
            return
        windows = self.windows
        if self._own_tolerance is None:
            tolerance, unit = self.tolerance
            windows = {slot: replace(w, tolerance=tolerance, unit=unit) for slot, w in windows.items()}
        try:
            key, _ = scaling_of(self._session)
        except MetimeError:
            return  # half typed; the step that reads it will tell
        if key != self._asked_key or windows != self.windows:
            self.windows = windows
            self.again()
            self.changed.emit()

    def _ask(self) -> None:
        """Ask for every image that is due: a newer request must not lose that of another slot."""
        opened: Opened = self._session.value("data")
        windows = {slot: self.windows[slot] for slot in SLOTS if slot in self._due}
        index, (known_key, known) = self._indexing.index, self._scaling
        try:
            key, make_scaling = scaling_of(self._session)
        except MetimeError as error:
            self.told.emit(str(error))
            return
        self._asked_key = key
        unit = intensity_unit(self._session.get("ims", "normalize"))

        def work(on_progress: Progress) -> _Found:
            scaling = known if key == known_key else make_scaling(on_progress)
            make = partial(_image, opened.dataset, scaling=scaling, index=index, on_progress=on_progress)
            return _Found({slot: make(window) for slot, window in windows.items()}, key, scaling, unit)

        self._latest.ask(work, partial(self._land, opened, windows))
        self.asked.emit(bool(self._due))

    def _pin_again(self, pinned: tuple[IonWindow, ...]) -> None:
        opened: Opened = self._session.value("data")
        try:
            _, make_scaling = scaling_of(self._session)
        except MetimeError:
            return  # half typed; the step that reads it will tell
        unit = intensity_unit(self._session.get("ims", "normalize"))

        def work(on_progress: Progress) -> list[NDArray[np.float32]]:
            scaling = make_scaling(on_progress)
            return [_image(opened.dataset, each, scaling=scaling, on_progress=on_progress) for each in pinned]

        def land(outcome: Outcome) -> None:
            viewer = self._viewer()
            if viewer is None or opened is not self._session.value("data") or outcome.kind != "done":
                return
            for window, image in zip(pinned, outcome.value, strict=True):
                self._pinned[window.name] = window
                named = f"kept {_named('one', window)}"
                ion_layers.keep_again(viewer, self._session, window.name, image, named, unit)

        self._pinning.ask(work, land)

    def _land(self, opened: Opened, windows: Mapping[Slot, IonWindow], outcome: Outcome) -> None:
        viewer = self._viewer()
        if viewer is None or opened is not self._session.value("data"):
            return
        if outcome.kind != "done":
            self.asked.emit(False)
            self.told.emit(outcome.problem)
            return
        found: _Found = outcome.value
        self._scaling = (found.key, found.scaling)
        self.told.emit("")
        for slot, image in found.images.items():
            if self.windows.get(slot) is windows[slot]:
                self._due.discard(slot)
                self._put(viewer, slot, windows[slot], image, found.unit)
                self.landed.emit(slot)
        self.asked.emit(bool(self._due))

    def _put(self, viewer: ViewerModel, slot: Slot, window: IonWindow, image: NDArray[np.float32], unit: str) -> None:
        """Put an image into the layer of its slot; what is a channel already is shown as that, not twice."""
        is_new = slot not in self._again
        self._again.discard(slot)
        self._shown_as = _channel_of(image, self._session) if slot == self.target == "one" else ""
        if self._shown_as:
            ion_layers.remove_ion(viewer, slot)
            if is_new:
                layers.show_channel(viewer, self._session, self._shown_as)
            return
        named, alone = _named(slot, window), self.target == "one"
        ion_layers.show_ion(
            viewer, self._session, slot, image, named, unit, alone=alone, comes_into_sight=is_new
        )  # fmt: skip

    def _layer(self, slot: Slot) -> Layer | None:
        """Return the layer in which the ion of a slot is shown."""
        viewer = self._viewer()
        found = None if viewer is None else layers.find(viewer, "ion", slot)
        if viewer is None or found is not None or slot != "one" or not self._shown_as:
            return found
        return layers.find(viewer, "channel", self._shown_as)


def _image(
    dataset: Dataset, window: IonWindow, *, scaling: Vector | None, on_progress: Progress, index: Index | None = None
) -> NDArray[np.float32]:
    image: NDArray[np.float32] = extract_ions(
        dataset,
        np.array([window.mz]),
        tolerance_ppm=window.tolerance if window.unit == "ppm" else None,
        tolerance_da=window.tolerance if window.unit == "Da" else None,
        factors=scaling,
        index=index,
        on_progress=on_progress,
    ).images[0]
    return image


def _named(slot: Slot, window: IonWindow) -> str:
    """Name an ion, with its colour where there are three."""
    whose = ("" if slot == "one" else f"{slot}: ") + ("" if window.label == "ion" else f"{window.label} ")
    return f"{whose}m/z {window.mz:.4f}"


def _channel_of(image: NDArray[np.float32], session: Session) -> str:
    """Return the channel that has this very image; empty where none has, or where the channels are out of date."""
    found: ChannelSet | None = session.value("metabolites") if session.is_current("metabolites") else None
    ions = () if found is None else (channel for channel in found.channels if channel.kind == "ion")
    is_found = bool((image > 0).any())
    return next((ion.name for ion in ions if is_found and np.array_equal(ion.image, image, equal_nan=True)), "")
