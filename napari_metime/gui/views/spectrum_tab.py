"""The tab of the spectrum: the ion bar, what is drawn, and the plot."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_metime.export.colours import GRADE_COLOURS
from napari_metime.export.plots import Plot
from napari_metime.gui.layers.ion_bar import IonBar
from napari_metime.gui.layers.legend import Swatch
from napari_metime.gui.layers.niche_layers import niche_colours
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.state.in_sight import SLOTS
from napari_metime.gui.state.regions import niche_name, region_names
from napari_metime.gui.views.plots import SaveButton
from napari_metime.gui.views.spectrum_plot import MEAN_COLOUR, OVERLAY_COLOUR, SpectrumPlot, Window
from napari_metime.gui.widgets.colours import SLOT_COLOURS
from napari_metime.gui.widgets.eliding_combo import ElidingCombo
from napari_metime.section import ChannelSet, NicheResult

COMPARE_LETTERS, MEAN_WIDTH = 10, 160
"""Room of the choice of a region, half of it beside two titles; and of what the mean is of, in pixels."""


class SpectrumTab(QWidget):
    """What the spectra and ions of a bench are; everything here is asked of them and shown from them."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench, self._session = bench, bench.session
        self._mean = bench.spectra.mean
        self.bar, self.plot = IonBar(bench.ions, bench.session), SpectrumPlot()
        self.mean_swatch, self.mean_title = Swatch(MEAN_COLOUR), QElidingLabel()
        self.overlay_swatch, self.overlay_title = Swatch(OVERLAY_COLOUR), QElidingLabel()
        self.reading, self.problem = QLabel("reading…"), QElidingLabel()
        self.reading.setProperty("look", "dim")
        self.reading.hide()
        self.problem.setProperty("look", "error")
        self.compare = ElidingCombo("Compare with a region", COMPARE_LETTERS)
        self.compare.setPlaceholderText("compare with…")
        self.compare.setToolTip("Show the mean spectrum of a region over that of the section; or click a pixel")
        self.save = SaveButton(self.shown_plot)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 2)
        box.setSpacing(3)
        box.addWidget(self.bar)
        box.addLayout(self._title_line())
        box.addWidget(self.plot, 1)
        self._connect()
        self.show_spectra()
        self.show_ions()
        self.show_regions()

    def show_spectra(self) -> None:
        """Show the mean and what lies over it."""
        spectra = self._bench.spectra
        if spectra.mean is not self._mean or self.plot.mean is not spectra.mean:
            self._mean = spectra.mean
            self.plot.show_mean(spectra.mean, spectra.peaks)
        colour = self._colour_of(spectra.region)
        self.plot.show_overlay(spectra.overlay, colour)
        self.overlay_swatch.show_colour(colour)
        self.mean_title.setText(spectra.mean_title)
        self.mean_title.setToolTip(spectra.mean_title)
        self.mean_title.setMinimumWidth(min(self.mean_title.sizeHint().width(), MEAN_WIDTH))
        self.overlay_title.setText(spectra.overlay_title)
        self.overlay_title.setToolTip(spectra.overlay_title)
        self.mean_swatch.setVisible(bool(spectra.mean_title))
        for widget in (self.overlay_swatch, self.overlay_title):  # an empty one would take half of the line
            widget.setVisible(bool(spectra.overlay_title))
        self.compare.setMinimumContentsLength(COMPARE_LETTERS // (2 if spectra.overlay_title else 1))
        self.say(spectra.problem)
        if spectra.region not in [self.compare.itemData(i) for i in range(self.compare.count())]:
            self.compare.setCurrentIndex(-1)
        else:
            self.compare.setCurrentIndex(self.compare.findData(spectra.region))

    def show_ions(self) -> None:
        """Show the windows of the ions in sight."""
        self.bar.refresh()
        ions = self._bench.ions
        shown = [slot for slot in SLOTS if slot in ions.windows and (slot == "one") == (ions.target == "one")]
        windows = [(ions.windows[slot], SLOT_COLOURS[slot]) for slot in shown]
        self.plot.mark_windows([Window(w.mz - w.half, w.mz + w.half, colour) for w, colour in windows])
        if ions.window is not None:
            self.plot.make_visible(ions.window.mz)

    def show_channel(self, name: str, mz: float | None) -> None:
        """Name the ion of the channel in hand and show its m/z; without an m/z none is named."""
        self.plot.mark_channel(name, mz)
        self.bar.follow(mz)

    def show_regions(self) -> None:
        """Offer the regions that there are, and mark the metabolites that were measured."""
        names = ["", *region_names(self._session)]
        with QSignalBlocker(self.compare):
            self.compare.clear()
            for name in names:
                self.compare.addItem(f"with {name}" if name else "the mean alone", name)
            self.compare.setCurrentIndex(self.compare.findData(self._bench.spectra.region))
        self.compare.setVisible(len(names) > 1)
        tolerance = self._session.get("ims", "tolerance_ppm")
        self.plot.mark_ions(self._ions(), float(tolerance) if isinstance(tolerance, int | float) else 0.0)

    def shown_plot(self) -> Plot | None:
        """Return the spectra in sight, to be saved; None where there is none."""
        spectra = self._bench.spectra
        return self.plot.shown_plot((spectra.mean_title, spectra.overlay_title))

    def say(self, problem: str) -> None:
        """Show why something could not be shown; an empty text takes it away."""
        self.problem.setText(f"✕ {problem}" if problem else "")
        self.problem.setToolTip(problem)
        self.problem.setVisible(bool(problem))

    def _colour_of(self, region: str | None) -> str:
        """Return the colour of a niche, by its grade, and that of what has none; an undetermined one is the mean's."""
        found: NicheResult | None = self._session.value("niches")
        colours = {} if found is None else niche_colours(found.regions)
        named = {niche_name(label): c for label, c in colours.items() if c != GRADE_COLOURS["undetermined"]}
        return named.get(region or "", OVERLAY_COLOUR)

    def _title_line(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(5)
        for widget, stretch in (
            (self.mean_swatch, 0),
            (self.mean_title, 1),
            (self.overlay_swatch, 0),
            (self.overlay_title, 1),
            (self.problem, 2),
            (self.reading, 0),
            (self.compare, 0),
            (self.save, 0),
        ):
            line.addWidget(widget, stretch, Qt.AlignmentFlag.AlignVCenter)
        return line

    def _connect(self) -> None:
        bench = self._bench
        bench.spectra.changed.connect(self.show_spectra)
        bench.ions.changed.connect(self.show_ions)
        bench.ions.told.connect(self.say)
        bench.ions.asked.connect(self.reading.setVisible)
        self.plot.mz_chosen.connect(bench.ions.show)
        self.compare.activated.connect(lambda _: bench.compare_with(self.compare.currentData()))

    def _ions(self) -> dict[str, float]:
        channels: ChannelSet | None = self._session.value("metabolites")
        if channels is None:
            return {}
        measured = {channel.name for channel in channels.channels}
        table = channels.table[channels.table["channel"].isin(measured)]
        return dict(zip(table["channel"], table["mz"].astype(float), strict=True))
