"""What of the results is in hand: one niche and one channel, and the tab of the lower dock that is looked at.

Tables, plots and layers each choose here what a person chose in them, and follow what was chosen elsewhere. Only a
change is told, so whoever follows may choose again what it already shows: no loop can come of it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer, Points
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_metime.gui.layers import layers
from napari_metime.gui.layers.frame import KEY
from napari_metime.gui.running.ions import Ions
from napari_metime.gui.state.chain import Step
from napari_metime.gui.state.in_sight import InHand
from napari_metime.gui.state.session import Session
from napari_metime.section import ChannelSet, NicheResult


class Selection(QObject):
    """The niche and the channel of a viewer that everything points at; 0 and an empty name stand for none."""

    niche_changed = Signal(int)
    channel_changed = Signal(str)
    tab_changed = Signal(str)
    cell_chosen = Signal(int)
    """A cell, by its row of cells.csv, was chosen on the canvas."""

    def __init__(self, session: Session, viewer: Callable[[], ViewerModel | None], ions: Ions) -> None:
        super().__init__()
        self._session, self._viewer, self._ions = session, viewer, ions
        self.niche, self.channel, self.tab = 0, "", ""
        self._mz: float | None = None
        self._active: weakref.ref[Layer] | None = None
        """The ion that was in sight, and the layer that was active, when this last looked."""
        # Adding a layer makes it the active one for a moment; only what stays so was chosen.
        self._look = QTimer(self, singleShot=True, interval=0)
        self._look.timeout.connect(self._on_active)
        there = viewer()
        if there is not None:
            there.layers.selection.events.active.connect(self._on_activated)
        ions.changed.connect(self._on_ion)

    @property
    def hand(self) -> InHand:
        """All of it, as it is kept with a project."""
        return InHand(self.niche, self.channel, self.tab)

    def take_up(self, hand: InHand) -> None:
        """Take in hand what was; what the results do not have is left."""
        viewer = self._viewer()
        self.choose_niche(hand.niche)
        channels: ChannelSet | None = self._session.value("metabolites")
        if channels is not None and hand.channel in {channel.name for channel in channels.channels}:
            if viewer is not None:
                layers.activate(viewer, layers.find(viewer, "channel", hand.channel))
                self._on_active()
            self._take_channel(hand.channel)
        self.choose_tab(hand.tab)

    def choose_tab(self, name: str) -> None:
        """Note which tab of the lower dock is looked at; the dock shows it where another one is."""
        if name != self.tab:
            self.tab = name
            self.tab_changed.emit(name)

    def choose_niche(self, label: int) -> None:
        """Take a niche in hand; a label that is no niche is none."""
        found: NicheResult | None = self._session.value("niches")
        label = label if found is not None and 0 < label <= found.map.n_niches else 0
        if label == self.niche:
            return
        self.niche = label
        viewer = self._viewer()
        if viewer is not None:
            layers.mark_niche(viewer, label)
        self.niche_changed.emit(label)

    def choose_channel(self, name: str) -> None:
        """Take a channel in hand and show its image."""
        viewer = self._viewer()
        if viewer is not None and name:
            layers.show_channel(viewer, self._session, name)
            layers.activate(viewer, layers.find(viewer, "channel", name))
            self._on_active()
        self._take_channel(name)

    def land(self, step: Step) -> None:
        """Let go of what a new result no longer has, and follow its layers."""
        viewer = self._viewer()
        if viewer is None:
            return
        if step == "niches":
            self.choose_niche(0)
            numbers = layers.find(viewer, "niche numbers")
            if isinstance(numbers, Points):
                numbers.selected_data.events.items_changed.connect(self._on_number)
        cells = layers.find(viewer, "cells")
        if step == "align" and isinstance(cells, Points):
            cells.selected_data.events.items_changed.connect(self._on_cells)
        if step == "metabolites":
            names = {channel.name for channel in self._session.value("metabolites").channels}
            self._take_channel(self.channel if self.channel in names else "")

    def restart(self) -> None:
        """Start over for another file."""
        self.close()
        self._mz = self._active = None
        self.choose_niche(0)
        self._take_channel("")
        self.choose_tab("")

    def close(self) -> None:
        """Do nothing more."""
        # Where the program ends with its window open, Qt takes objects away in any order.
        if isalive(self._look):  # type: ignore[no-untyped-call]
            self._look.stop()

    def mz_of(self, channel: str) -> float | None:
        """Return the m/z of a measured ion; None of another channel."""
        return self._measured_mz().get(channel)

    def _take_channel(self, name: str) -> None:
        if name != self.channel:
            self.channel = name
            self.channel_changed.emit(name)

    def _measured_mz(self) -> dict[str, float]:
        channels: ChannelSet | None = self._session.value("metabolites")
        if channels is None:
            return {}
        stated = dict(zip(channels.table["channel"], channels.table["mz"].astype(float), strict=True))
        ions = [channel.name for channel in channels.channels if channel.kind == "ion"]
        return {name: stated[name] if name in stated else float(name.removeprefix("mz:")) for name in ions}

    def _on_number(self, *_: object) -> None:
        """Take the niche whose number was selected by napari's own tool."""
        viewer = self._viewer()
        layer = None if viewer is None else layers.find(viewer, "niche numbers")
        if isinstance(layer, Points) and len(layer.selected_data) == 1:
            (index,) = layer.selected_data
            label = int(layer.features["index"].iloc[index])
            if label == self.niche:  # asked for once more: what it shows, its spectrum, may have been taken away since
                self.niche_changed.emit(label)
            self.choose_niche(label)

    def _on_cells(self, *_: object) -> None:
        """Take the niche of a cell that was selected by napari's own tool."""
        viewer = self._viewer()
        layer = None if viewer is None else layers.find(viewer, "cells")
        found: NicheResult | None = self._session.value("niches")
        if not isinstance(layer, Points) or len(layer.selected_data) != 1 or found is None:
            return
        (index,) = layer.selected_data
        rows = (found.cells["cell_id"] == layer.features["cell_id"].iloc[index]).to_numpy().nonzero()[0]
        if rows.size:
            self.choose_cell(int(rows[0]))

    def choose_cell(self, row: int) -> None:
        """Take the niche of a cell in hand and tell of the cell; ``row`` is its place in cells.csv."""
        region = self._session.value("niches").cells["region_id"].iloc[row]
        self.choose_niche(int(region) if str(region).isdigit() else 0)
        self.cell_chosen.emit(row)

    def _on_activated(self, *_: object) -> None:
        self._look.start()

    def _on_active(self) -> None:
        viewer = self._viewer()
        layer = None if viewer is None else viewer.layers.selection.active
        if layer is None or (self._active is not None and layer is self._active()):
            return
        self._active = weakref.ref(layer)
        name = self._channel_of(layer)
        if name:
            self._take_channel(name)

    def _channel_of(self, layer: Layer) -> str:
        kind, key = layer.metadata.get(KEY), str(layer.metadata.get("channel", ""))
        if kind == "channel":
            return key
        if kind == "ion":
            window = self._ions.windows.get(key)  # type: ignore[call-overload]
            return "" if window is None else self._nearest(window)
        return ""

    def _on_ion(self) -> None:
        """Take the channel of an ion that has come into sight; an ion that no channel is of leaves none."""
        window = self._ions.window
        if window is None or window.mz == self._mz:
            return
        self._mz = window.mz
        self._take_channel(self._nearest(window))

    def _nearest(self, window: Any) -> str:
        within = {name: abs(mz - window.mz) for name, mz in self._measured_mz().items() if window.holds(mz)}
        named = [name for name in within if window.label.startswith(name)]
        return named[0] if named else min(within, key=lambda name: within[name], default="")
