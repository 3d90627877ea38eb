"""The tab of the metabolites: one field that finds and shows, the verdicts, the table and the words of its row."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QEvent, QObject, QStringListModel, Qt, QTimer, Signal
from qtpy.QtGui import QIcon, QKeyEvent
from qtpy.QtWidgets import (
    QCompleter,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from napari_metime.errors import MetimeError
from napari_metime.gui.panels.step_panel import restyle, say, wrapped
from napari_metime.gui.running.asked_ions import ask_ion, ion_in_words, is_number, label_of, panel_names
from napari_metime.gui.running.bench import Bench
from napari_metime.gui.running.control_words import in_the_window
from napari_metime.gui.views.evidence_words import VERDICTS, verdict_counts
from napari_metime.gui.views.metabolite_details import MetaboliteDetails
from napari_metime.gui.views.metabolite_model import ENTRY_ROLE, badge
from napari_metime.gui.views.metabolite_rows import Entry, axis_groups
from napari_metime.gui.views.metabolite_table import MetaboliteTable
from napari_metime.gui.widgets.frame_table import STAY_MS
from napari_metime.metabolites.axes import rows_of
from napari_metime.section import ChannelSet, Tissue

PLACEHOLDER = "Find or show: name, m/z, or C3H6O3 [M-H]-"
NO_FILE = "What this file can show of the panel, and how surely, comes here with step 3."
NOT_MEASURED = (
    "Step 3 measures the panel and lists it here, axis by axis.\n"
    "Any ion can be seen before: type its name, m/z or formula above, and press Enter."
)
NO_PANEL = "No panel was measured, and no further m/z or image. Step 3 chooses them."
NO_MATCH = "Nothing in this list matches. Enter shows it as an ion, where it is one."
NO_MATCH_OF_VERDICT = "Nothing in this list is both searched for and of these verdicts."


class MetaboliteTab(QWidget):
    """Shows what the session has measured; emits the name of the channel that a person chose."""

    channel_chosen = Signal(str)

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench, self._session = bench, bench.session
        self.field, self.answer = QLineEdit(), wrapped("", "dim")
        self.table, self.details = MetaboliteTable(), MetaboliteDetails()
        self.chips = {verdict: QPushButton() for verdict in VERDICTS}
        self.copy = QPushButton("Copy table")
        self.words = QLabel(NO_FILE)
        self._names = QStringListModel(self)
        """What is offered while there is no table that does."""
        # Holding an arrow key must not bring each image on the way into sight.
        self._stay = QTimer(self, singleShot=True, interval=STAY_MS)
        self._build()
        self._connect()

    def show_session(self) -> None:
        """Show the file and the channels that there are, or what is to be done first."""
        opened, channels = self._session.value("data"), self._session.value("metabolites")
        self.field.setEnabled(opened is not None)
        self._names.setStringList([])
        self._say("")
        if channels is not None:
            self._show_channels(channels)
            return
        self.table.show_groups(())
        self.table.thumbnails.restart({}, np.zeros((0, 0), dtype=bool))
        self.details.show_entry(None)
        for chip in (*self.chips.values(), self.copy):
            chip.hide()
        if opened is not None:
            self._names.setStringList(panel_names(self._session))
        self._show_words()

    def select(self, channel: str) -> None:
        """Select the row of a channel without choosing it."""
        self.table.select(channel)
        self._stay.stop()  # nobody has chosen it here

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Go from the field to the table by the arrow, and empty it by Escape."""
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down and not self.table.is_empty:
                self.table.select_first()
                return True
            if event.key() == Qt.Key.Key_Escape and self.field.text():
                self.field.clear()
                return True
        return super().eventFilter(watched, event)

    def _build(self) -> None:
        self.field.setPlaceholderText(PLACEHOLDER)
        self.field.setClearButtonEnabled(True)
        self.field.setMinimumWidth(230)
        self.field.setAccessibleName("Find a metabolite, or show an ion")
        self.field.setToolTip(
            "Type to find: name, axis, m/z or verdict. Press Enter to show the ion of a name, of an m/z, or of a "
            "formula and the form in which it flies, as C3H6O3 [M-H]-"
        )
        self.field.installEventFilter(self)
        completer = QCompleter(self._names, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.field.setCompleter(completer)
        chips = QFlowLayout()
        chips.setContentsMargins(0, 0, 0, 0)
        chips.setHorizontalSpacing(4)
        chips.setVerticalSpacing(3)
        for verdict, chip in self.chips.items():
            chip.setCheckable(True)
            chip.setProperty("look", "chip")
            chip.setIcon(QIcon(badge(verdict)))
            chip.setToolTip(f"Show only what is {verdict}; several can be chosen")
            chip.setAccessibleName(f"Show only what is {verdict}")
            chips.addWidget(chip)
        chips.addWidget(self.copy)
        self.copy.setProperty("look", "link")
        self.copy.setToolTip("Copy the rows that are shown, for a spreadsheet; Ctrl+C copies the selected one")
        self.words.setProperty("look", "dim")
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.setWordWrap(True)
        self._stack = QStackedWidget()
        for widget in (self.table, self.words):
            self._stack.addWidget(widget)
        # Beside the table, not above it: the dock is low, and every line above would cost one of the table.
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(_column(self.field, self.answer, self._stack))
        self._side = _column(chips, self.details)
        split.addWidget(self._side)
        for i, share in enumerate((2, 1)):
            split.setStretchFactor(i, share)
        split.setSizes([600, 300])
        split.setChildrenCollapsible(False)
        box = QVBoxLayout(self)
        box.setContentsMargins(6, 4, 6, 2)
        box.addWidget(split, 1)

    def _connect(self) -> None:
        self.field.textChanged.connect(self._on_filter)
        self.field.returnPressed.connect(self._on_enter)
        for chip in self.chips.values():
            chip.toggled.connect(self._on_filter)
        self.copy.clicked.connect(lambda: self.table.copy(everything=True))
        self.table.entry_current.connect(self._on_current)
        self._stay.timeout.connect(self._on_stayed)
        self.table.entry_chosen.connect(self._on_chosen)
        self._bench.ions.told.connect(self._on_told)
        self._bench.ions.landed.connect(self._on_landed)

    def _show_channels(self, channels: ChannelSet) -> None:
        tissue: Tissue = self._session.value("tissue")
        by_name = {channel.name: channel for channel in channels.channels}
        self.table.thumbnails.restart(by_name, tissue.mask)
        self.table.show_groups(axis_groups(channels))
        self.details.show_entry(None)
        self.copy.show()
        for verdict, n in verdict_counts(rows_of(channels.table)).items():
            self.chips[verdict].setText(f"{verdict} {n:,}")
            self.chips[verdict].setChecked(self.chips[verdict].isChecked() and n > 0)
            self.chips[verdict].setEnabled(n > 0)
            self.chips[verdict].setVisible(len(channels.table) > 0)
        self._on_filter()

    def _on_filter(self) -> None:
        chosen = frozenset(verdict for verdict, chip in self.chips.items() if chip.isChecked())
        self._say("")
        self.table.choose(self.field.text(), chosen)
        self._stay.stop()
        if not self.table.currentIndex().isValid():
            self.details.show_entry(None)
        self._show_words()

    def _show_words(self) -> None:
        """Show the table, or why there is nothing in it."""
        self._stack.setCurrentIndex(1 if self.table.is_empty else 0)
        self._side.setVisible(bool(self.table.entries.groups))
        if self._session.value("data") is None:
            self.words.setText(NO_FILE)
        elif self._session.value("metabolites") is None:
            self.words.setText(NOT_MEASURED)
        elif not self.table.entries.groups:
            self.words.setText(NO_PANEL)
        else:
            self.words.setText(NO_MATCH_OF_VERDICT if self.table.shown.verdicts else NO_MATCH)

    def _on_enter(self) -> None:
        text = self.field.text().strip()
        if not text:
            return
        try:
            asked = ask_ion(text, self._session)
        except MetimeError as error:
            entry = None if is_number(text) else self.table.entry_of(text)  # an m/z is no part of another one
            if entry is not None:
                self._on_chosen(entry)
                self.select(entry.channel or entry.title)
            else:
                self._say(f"✕ {in_the_window(str(error))}", "error")
            return
        self._say(f"Shown: {ion_in_words(asked)}")  # first: a quick answer comes before show returns
        self._bench.ions.show(asked.mz, label_of(asked))
        window, entry = self._bench.ions.window, self.table.entry_of(asked.name or text)
        if entry is not None and window is not None and window.holds(entry.row.get("mz")):
            self.select(entry.channel or entry.title)

    def _on_landed(self, slot: str) -> None:
        """Say of an ion that was asked for here if it is nowhere: an empty image looks like none at all."""
        window = self._bench.ions.window
        if window is None or slot != self._bench.ions.target or not self.answer.text().startswith("Shown"):
            return
        image = self._bench.ions.in_sight().get(window.name)
        if image is not None and not np.any(image > 0):
            self._say(f"In no pixel: m/z {window.mz:.4f} ± {window.tolerance:g} {window.unit}")

    def _on_current(self, entry: Entry) -> None:
        self.details.show_entry(entry)
        self._stay.start()

    def _on_stayed(self) -> None:
        """Choose the row in which the keyboard has stayed; a heading that has no image only folds."""
        entry: Entry | None = self.table.currentIndex().data(ENTRY_ROLE)
        if entry is not None and entry.channel:
            self._on_chosen(entry)

    def _on_chosen(self, entry: Entry) -> None:
        self._stay.stop()
        self.details.show_entry(entry)
        self._say("")
        if entry.channel:
            self.channel_chosen.emit(entry.channel)

    def _on_told(self, problem: str) -> None:
        if problem and self.answer.text():
            self._say(f"✕ {problem}", "error")

    def _say(self, text: str, look: str = "dim") -> None:
        restyle(self.answer, "look", look)
        say(self.answer, text)


def _column(*parts: QWidget | QLayout) -> QWidget:
    """Return what stands below each other; the last has all the room that is left."""
    column = QWidget()
    column.setProperty("look", "body")
    box = QVBoxLayout(column)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(3)
    for i, part in enumerate(parts):
        stretch = int(i == len(parts) - 1)
        if isinstance(part, QLayout):
            box.addLayout(part, stretch)
        else:
            box.addWidget(part, stretch)
    return column
