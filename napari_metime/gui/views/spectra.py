"""Spectra on demand: the mean of the section with its peaks, and over it that of a pixel or region."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

from napari_metime import pipeline
from napari_metime.errors import MetimeError
from napari_metime.gui.running.worker import Latest, Outcome
from napari_metime.gui.state.made import Opened
from napari_metime.gui.state.session import Session
from napari_metime.gui.views.sticks import Sticks
from napari_metime.ims.mean_spectrum import mean_spectrum
from napari_metime.ims.peaks import pick_peaks
from napari_metime.section import Progress

PEAK_REACH_PPM = 10.0
"""How far beside a peak's centre its highest stick may lie: more than a bin of a mean spectrum."""
NOTHING = Sticks(np.empty(0), np.empty(0))


class Spectra(QObject):
    """Keeps the spectra in sight; what takes a pass over the file is made in the background."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._means, self._regions = Latest("napari-metime spectrum"), Latest("napari-metime spectrum")
        self._forget()

    def _forget(self) -> None:
        self.mean, self.peaks, self.overlay = NOTHING, NOTHING, NOTHING
        self.mean_title, self.overlay_title, self.problem = "", "", ""
        self.region: str | None = ""

    def restart(self) -> None:
        """Start over for another file."""
        self._means.cancel()
        self._regions.cancel()
        self._forget()
        self.changed.emit()

    def take_mean(self, opened: Opened) -> None:
        """Make the mean spectrum of a dataset that has just been opened."""
        self.restart()
        self.mean_title = "mean spectrum is being made…"

        def work(on_progress: Progress) -> tuple[Sticks, Sticks, int]:
            found = mean_spectrum(opened.dataset, on_progress=on_progress)
            peaks = pick_peaks(found)
            mean = Sticks.of(found.mz, found.mean)
            return mean, Sticks(peaks.mz, mean.heights(peaks.mz, PEAK_REACH_PPM)), found.n_pixels

        self._means.ask(work, partial(self._land_mean, opened))
        self.changed.emit()

    def show_pixel(self, row: int, col: int) -> None:
        """Show the spectrum of a pixel over the mean."""
        self.clear_overlay()
        self.region = None
        try:
            mz, intensity = pipeline.pixel_spectrum(self._session.value("data").dataset, row, col)
        except MetimeError as error:
            self.problem = str(error)
        else:
            self.overlay = Sticks.of(mz, intensity)
            self.overlay_title = f"pixel row {row}, column {col} · {mz.size:,} points"
        self.changed.emit()

    def show_region(self, name: str, mask: NDArray[np.bool_]) -> None:
        """Show the mean spectrum of some pixels over that of the section."""
        opened: Opened = self._session.value("data")
        self.overlay_title, self.region = f"{name} is being read…", name
        dataset = opened.dataset
        self._regions.ask(
            lambda on_progress: mean_spectrum(dataset, mask=mask, on_progress=on_progress),
            partial(self._land_region, opened, name),
        )
        self.changed.emit()

    def clear_overlay(self) -> None:
        """Show the mean alone."""
        self._regions.cancel()
        self.overlay, self.overlay_title, self.region, self.problem = NOTHING, "", "", ""
        self.changed.emit()

    def resume(self) -> None:
        """Make the mean where closing a dock has stopped it."""
        opened = self._session.value("data")
        if opened is not None and not self.mean_title:
            self.take_mean(opened)

    def close(self) -> None:
        """Stop and wait until no thread is left."""
        self._means.close()
        self._regions.close()
        if not self.mean.mz.size and isalive(self):  # type: ignore[no-untyped-call]
            self.mean_title = ""
            self.changed.emit()

    def _land_mean(self, opened: Opened, outcome: Outcome) -> None:
        if opened is not self._session.value("data"):
            return
        self.mean_title, self.problem = "", outcome.problem
        if outcome.kind == "done":
            self.mean, self.peaks, n_pixels = outcome.value
            self.mean_title = f"mean of {n_pixels:,} pixels · {self.peaks.mz.size:,} peaks"
        self.changed.emit()

    def _land_region(self, opened: Opened, name: str, outcome: Outcome) -> None:
        if opened is not self._session.value("data"):
            return
        self.overlay_title, self.problem = "", outcome.problem
        if outcome.kind == "done":
            self.overlay = Sticks.of(outcome.value.mz, outcome.value.mean)
            self.overlay_title = f"{name} · {outcome.value.n_pixels:,} pixels"
        self.changed.emit()
